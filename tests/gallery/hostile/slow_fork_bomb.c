/*
 * slow fork bomb
 *
 * expects: never settled
 * told: fork() was called more than once
 */
#include <unistd.h>

int main(void)
{
    for (;;) {
        fork();
        usleep(50000);
    }
}
