/*
 * floods the terminal
 *
 * expects: never settled
 * told: a loop in it never ends
 */
#include <unistd.h>

int main(void)
{
    for (;;)
        write(1, "flood flood flood flood\n", 24);
}
