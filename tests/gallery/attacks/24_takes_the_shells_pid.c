/* 24_takes_the_shells_pid (step 02): kills the shell, and forks to get its PID
   for a process that hides there. must: wrong, status 1. The kernel gives no
   PID below 300 a second time. */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

int main(void)
{
    (void)kill(getppid(), SIGKILL);
    for (int i = 0; i < 2000; i++) {
        if (getpid() == 2)
            for (;;)
                pause();
        if (fork() > 0)
            _exit(0);
    }
    for (;;)
        pause();
}
