/*
 * forks and exits for ever
 *
 * expects: never settled
 * told: Look for a loop without an end
 */
#include <unistd.h>

int main(void)
{
    for (;;)
        if (fork() > 0)
            _exit(0);
}
