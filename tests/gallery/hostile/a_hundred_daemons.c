/*
 * a hundred daemons
 *
 * expects: wrong state
 * told: calls fork() more than once
 */
#include <unistd.h>

int main(void)
{
    for (int i = 0; i < 100; i++)
        if (fork() == 0) {
            setsid();
            for (;;)
                pause();
        }
}
