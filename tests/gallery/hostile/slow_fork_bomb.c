/*
 * slow fork bomb
 *
 * expects: never settled
 * told: calls fork() more than once
 */
#include <unistd.h>

int main(void)
{
    for (;;) {
        fork();
        usleep(50000);
    }
}
