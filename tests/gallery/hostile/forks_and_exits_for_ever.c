/*
 * forks and exits for ever
 *
 * expects: never settled
 * told: a loop in it never ends
 */
#include <unistd.h>

int main(void)
{
    for (;;)
        if (fork() > 0)
            _exit(0);
}
