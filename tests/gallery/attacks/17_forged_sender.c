/* 17_forged_sender (step 07): the daemon never logs. Another process does, in a
   PID namespace of its own, where its PID is the daemon's. must: the check of
   the message fails, status 1. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

static void log_as(pid_t wanted)
{
    pid_t made = fork(); /* the namespace's init */
    if (made == 0) {
        for (int i = 0; i < 60; i++) {
            pid_t child = fork();
            if (child == 0) {
                if (getpid() == wanted) {
                    openlog("07_syslog", LOG_PID, LOG_DAEMON);
                    syslog(LOG_INFO, "running in the background");
                    (void)usleep(300000); /* the lab looks up who sent it */
                }
                _exit(0);
            }
            (void)waitpid(child, NULL, 0);
        }
        _exit(0);
    }
    (void)waitpid(made, NULL, 0);
}

int main(void)
{
    umask(0);
    pid_t child = fork();
    if (child != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0)
            log_as(child);
        _exit(0);
    }
    setsid();
    if (chdir("/") == -1)
        return 1;
    for (int fd = 0; fd < 4096; fd++)
        (void)close(fd);
    (void)open("/dev/null", O_RDWR);
    (void)dup(0);
    (void)dup(0);
    for (;;)
        pause();
}
