/* 32_log_of_its_own (step 07): puts a socket of its own in the place of
   /dev/log, and logs to that. must: the lab does not get the message, status 1;
   the answer beside it has the lab's log. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

int main(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    umask(0);
    if (fork() != 0)
        _exit(0);
    setsid();
    (void)unlink("/dev/log");
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    (void)bind(fd, (struct sockaddr *)&name, sizeof(name));
    openlog("07_syslog", LOG_PID, LOG_DAEMON);
    syslog(LOG_INFO, "running in the background");
    for (;;)
        pause();
}
