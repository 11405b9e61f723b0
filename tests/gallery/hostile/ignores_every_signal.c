/*
 * ignores every signal
 *
 * expects: wrong state
 * told: Only the first process is there
 */
#include <signal.h>
#include <unistd.h>

int main(void)
{
    for (int i = 1; i < 65; i++)
        signal(i, SIG_IGN);
    for (;;)
        pause();
}
