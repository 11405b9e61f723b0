/* The smallest program: where this does not compile, no answer is to blame. */
#include <stdio.h>

int main(void)
{
    return puts("It compiles.") == EOF;
}
