/* 18_daemon_in_a_pid_namespace (step 07): the daemon lives in a PID namespace
   of its own, where its PID is 1. The lab did not find it, and said that init
   was killed. must: a verdict about the answer, status 0 or 1; the answer
   beside it is judged. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

int main(void)
{
    umask(0);
    (void)unshare(CLONE_NEWUSER | CLONE_NEWPID);
    if (fork() != 0)
        _exit(0);
    setsid();
    if (chdir("/") == -1)
        return 1;
    for (int fd = 0; fd < 4096; fd++)
        (void)close(fd);
    (void)open("/dev/null", O_RDWR);
    (void)dup(0);
    (void)dup(0);
    openlog("07_syslog", LOG_PID, LOG_DAEMON);
    syslog(LOG_INFO, "started");
    for (;;)
        pause();
}
