/*
 * What a service manager would give a job: the socket on which it would be told
 * (sd_notify(3)), and those that it would pass (sd_listen_fds(3)).
 */
#define _GNU_SOURCE
#include "manager.h"

#include "descriptors.h"
#include "wire.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static struct address passed[MAX_CHOICES]; /* of the sockets that are passed */

/* A new network namespace has a loopback interface that is down. */
void start_loopback(const struct request *request)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (request->sandbox && ioctl(fd, SIOCSIFFLAGS, &loopback) == -1)
        broken(request, "the loopback interface");
    (void)close(fd);
}

static int bound_socket(const struct request *request, int type,
                        struct address *address)
{
    struct sockaddr *name = (struct sockaddr *)&address->name;
    int fd = socket(name->sa_family, type | SOCK_CLOEXEC, 0);
    if (fd == -1 || bind(fd, name, address->size) == -1)
        broken(request, "a socket for the job");
    const struct sockaddr_un *file = (const struct sockaddr_un *)name;
    if (name->sa_family == AF_UNIX && file->sun_path[0] == '/' &&
        chmod(file->sun_path, 0666) == -1)
        broken(request, file->sun_path);
    address->size = sizeof(address->name);
    if (getsockname(fd, name, &address->size) == -1)
        broken(request, "getsockname");
    return fd;
}

/* Nobody reads it: the next message does not fit. */
static void fill(int fd, const struct address *to)
{
    while (sendto(fd, "", 1, MSG_DONTWAIT, (const struct sockaddr *)&to->name,
                  to->size) != -1)
        continue;
}

/*
 * A service manager's socket, as NOTIFY_SOCKET says it:
 *
 *   path, abstract   pytest reads what comes
 *   full             as a path, and nobody reads it
 *   missing          a path at which there is nothing
 */
void open_manager(const struct request *request)
{
    char name[512];
    in_lab(request, name, sizeof(name), "notify");
    if (request->notify == MANAGER_ABSTRACT)
        (void)snprintf(name, sizeof(name), "@daemon-lab/%d-%u", (int)getpid(),
                       (unsigned)getuid());
    if (setenv("NOTIFY_SOCKET", name, 1) == -1)
        broken(request, "setenv");
    if (request->notify == MANAGER_MISSING)
        return;
    struct address address = unix_address(request, name);
    int fd = bound_socket(request, SOCK_DGRAM, &address);
    const int yes = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) == -1 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &yes, sizeof(yes)) == -1)
        broken(request, "SO_PASSCRED, SO_TIMESTAMP");
    if (request->notify == MANAGER_FULL) {
        fill(fd, &address);
        return; /* it stays open here */
    }
    report_descriptor(request, "stream notices", fd);
    (void)close(fd);
}

/* What is passed in the place of a socket that listens. */
static int open_other(const struct request *request, int kind)
{
    int ends[2] = {-1, -1};
    if (kind == LISTEN_FILE)
        return open("passed", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
        broken(request, "socketpair");
    return ends[0]; /* LISTEN_CONNECTED */
}

/* One of the words that stand apart by a blank each; its length goes to
   `size`. */
static const char *word_of(const char *words, int number, int *size)
{
    for (; number > 0; number--)
        words = strchr(words, ' ') + 1;
    *size = (int)strcspn(words, " ");
    return words;
}

void open_passed(struct request *request)
{
    for (int i = 0; i < request->listen.count; i++) {
        int kind = request->listen.items[i];
        char name[16], path[512];
        (void)snprintf(name, sizeof(name), "listen-%d", i);
        in_lab(request, path, sizeof(path), name);
        if (kind == LISTEN_UNIX || kind == LISTEN_NONBLOCK)
            passed[i] = unix_address(request, path);
        else if (kind == LISTEN_TCP4 || kind == LISTEN_TCP6)
            passed[i] = loopback_address(kind == LISTEN_TCP6, 0);
        else
            request->passed[i] = open_other(request, kind);
        if (passed[i].size != 0) {
            request->passed[i] = bound_socket(request, SOCK_STREAM, &passed[i]);
            if (listen(request->passed[i], BACKLOG) == -1)
                broken(request, "listen");
            if (kind == LISTEN_NONBLOCK &&
                fcntl(request->passed[i], F_SETFL, O_NONBLOCK) == -1)
                broken(request, "fcntl");
        }
        move_up(request, &request->passed[i]);
        int size;
        const char *word = word_of(LISTEN_WORDS, kind, &size);
        size_t used = strlen(request->listen_names);
        (void)snprintf(request->listen_names + used,
                       sizeof(request->listen_names) - used, "%s%.*s",
                       i == 0 ? "" : ":", size, word);
    }
}

/* "0" is the first of those that were passed; or PATH, tcp4:PORT, tcp6:PORT. */
struct address find_address(const struct request *request, const char *where)
{
    if (*where >= '0' && *where < '0' + request->listen.count)
        return passed[*where - '0'];
    if (strncmp(where, "tcp4:", 5) == 0 || strncmp(where, "tcp6:", 5) == 0)
        return loopback_address(where[3] == '6',
                                (in_port_t)strtol(where + 5, NULL, 10));
    return unix_address(request, where); /* from the working directory */
}

/* The next client would have to wait. */
static void fill_queue(const struct address *address)
{
    int fd = -1;
    do {
        (void)close(fd);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    } while (connect(fd, (const struct sockaddr *)&address->name,
                     address->size) == 0);
    (void)close(fd);
}

/* Where somebody else listens already, who accepts nobody. The queue of one at
   a path is full. */
void open_taken(const struct request *request)
{
    for (int i = 0; i < request->taken.count; i++) {
        struct address address = find_address(request, request->taken.items[i]);
        int fd = bound_socket(request, SOCK_STREAM, &address);
        if (listen(fd, 0) == -1) /* it stays open here */
            broken(request, "listen");
        if (address.name.ss_family == AF_UNIX)
            fill_queue(&address);
    }
}
