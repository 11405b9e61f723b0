/* 23_ready_before_it_is (step 15): says READY=1 before its signals are held,
   through a descriptor whose number the lab's filter may let through: that of
   the launcher's own socket. It stands in front of a step 15 that is right
   otherwise. must: the check that looks before each notice fails, whatever the
   number is. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef NUMBER
#define NUMBER 20
#endif

__attribute__((constructor)) static void say_ready_too_soon(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct rlimit files;
    const char *manager = getenv("NOTIFY_SOCKET");
    if (manager == NULL || strlen(manager) >= sizeof(name.sun_path))
        return;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    memcpy(name.sun_path, manager, strlen(manager));
    socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(manager));
    if (name.sun_path[0] == '@')
        name.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (dup2(fd, NUMBER) == -1 ||
        connect(NUMBER, (struct sockaddr *)&name, size) == -1)
        return;
    (void)!write(NUMBER, "READY=1", 7);
    (void)close(NUMBER);
    (void)close(fd);
}
