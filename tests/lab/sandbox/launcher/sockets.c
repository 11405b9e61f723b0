/*
 * The sockets around a job: the one on which a service manager would be told
 * (sd_notify(3)), those that it would pass (sd_listen_fds(3)), and clients.
 */
#define _GNU_SOURCE
#include "launcher.h"

#include <arpa/inet.h>
#include <errno.h>
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

enum { BACKLOG = 4096, MAX_CROWD = 2000 };

struct address {
    struct sockaddr_storage name;
    socklen_t size;
};

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

/* "/..." in the file system, "@..." an abstract name; no byte too many:
 * unix(7).
 */
static struct address unix_address(const struct request *request,
                                   const char *text)
{
    struct address address = {0};
    struct sockaddr_un *name = (struct sockaddr_un *)&address.name;
    size_t length = strlen(text);
    if (length >= sizeof(name->sun_path)) {
        errno = ENAMETOOLONG;
        broken(request, text);
    }
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, text, length);
    if (*text == '@')
        name->sun_path[0] = '\0';
    address.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return address;
}

static struct address loopback_address(bool version_6, in_port_t port)
{
    struct address address = {0};
    if (version_6) {
        struct sockaddr_in6 *name = (struct sockaddr_in6 *)&address.name;
        *name = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                      .sin6_port = htons(port),
                                      .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        address.size = sizeof(*name);
    } else {
        struct sockaddr_in *name = (struct sockaddr_in *)&address.name;
        *name = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_port = htons(port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        address.size = sizeof(*name);
    }
    return address;
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

/* A file in the job's working directory. */
static void in_lab(const struct request *request, char *path, size_t size,
                   const char *name)
{
    char lab[256];
    if (getcwd(lab, sizeof(lab)) == NULL)
        broken(request, "getcwd");
    (void)snprintf(path, size, "%s/%s", lab, name);
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

/* One of the words that stand apart by a blank each; its length goes to `size`.
 */
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
        if (kind == LISTEN_UNIX)
            passed[i] = unix_address(request, path);
        else if (kind == LISTEN_TCP4 || kind == LISTEN_TCP6)
            passed[i] = loopback_address(kind == LISTEN_TCP6, 0);
        else
            request->passed[i] = open_other(request, kind);
        if (passed[i].size != 0) {
            request->passed[i] = bound_socket(request, SOCK_STREAM, &passed[i]);
            if (listen(request->passed[i], BACKLOG) == -1)
                broken(request, "listen");
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
static struct address find_address(const struct request *request,
                                   const char *where)
{
    char path[512];
    if (*where >= '0' && *where < '0' + request->listen.count)
        return passed[*where - '0'];
    if (strncmp(where, "tcp4:", 5) == 0 || strncmp(where, "tcp6:", 5) == 0)
        return loopback_address(where[3] == '6',
                                (in_port_t)strtol(where + 5, NULL, 10));
    in_lab(request, path, sizeof(path), where);
    return unix_address(request, path);
}

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
