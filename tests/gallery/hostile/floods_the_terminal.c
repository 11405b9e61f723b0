/*
 * floods the terminal
 *
 * expects: never settled
 * told: Look for a loop without an end
 */
#include <unistd.h>

int main(void)
{
    for (;;)
        write(1, "flood flood flood flood\n", 24);
}
