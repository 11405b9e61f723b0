/* Clients of a job. */
#define _GNU_SOURCE
#include "clients.h"

#include "manager.h"
#include "wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CROWD = 2000 };

/* A client, or -1: that its connection is not through yet is no failure. */
static int open_client(const struct address *to)
{
    int fd = socket(to->name.ss_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(fd, (const struct sockaddr *)&to->name, to->size) == 0 ||
        errno == EINPROGRESS)
        return fd;
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

/* One that pytest talks to. */
void order_connect(const struct request *request, const char *where)
{
    struct address to = find_address(request, where);
    int fd = open_client(&to);
    if (fd == -1) {
        report(request, "no-client %d", errno);
        return;
    }
    report_descriptor(request, "client", fd);
    (void)close(fd);
}

/* Many at once, which neither speak nor read; they stay, or they have gone,
   with a reset where that can be had, before anybody has looked: socket(7). */
static void connect_many(const struct request *request, const char *where,
                         int count, bool stays)
{
    const struct linger reset = {1, 0};
    struct address to = find_address(request, where);
    int connected = 0;
    for (; connected < count && connected < MAX_CROWD; connected++) {
        int fd = open_client(&to);
        if (fd == -1)
            break;
        if (stays)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        (void)close(fd);
    }
    report(request, "connected %d", connected);
}

void order_crowd(const struct request *request, const char *where, int count)
{
    connect_many(request, where, count, true);
}

void order_vanish(const struct request *request, const char *where, int count)
{
    connect_many(request, where, count, false);
}
