/* 19_undone_later (step 03): right for a quarter of a second. Then the handler
   of a timer undoes it. must: wrong, status 1. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static void undo(int number)
{
    (void)number;
    umask(077);
    for (int i = 0; i < 5; i++)
        if (fork() == 0)
            for (;;)
                pause();
}

int main(void)
{
    struct sigaction action = {.sa_handler = undo};
    struct itimerval once = {.it_value = {.tv_usec = 250000}};
    umask(0);
    if (fork() != 0)
        _exit(0);
    setsid();
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &once, NULL);
    for (;;)
        pause();
}
