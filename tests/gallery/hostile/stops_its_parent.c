/*
 * stops its parent
 *
 * expects: wrong state
 * told: sent a signal
 */
#include <signal.h>
#include <unistd.h>

int main(void)
{
    kill(getppid(), 19);
    for (;;)
        pause();
}
