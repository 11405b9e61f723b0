/*
 * 17_socket_activation: serve on sockets that somebody else has opened
 *
 * The process that binds a socket and the process that serves on it may be two.
 * A service manager binds all sockets first. Then it starts a service when the
 * first client connects, or all services at once. A client that comes early
 * waits in the socket's queue, so the order does not matter. The manager keeps
 * the sockets while the service stops and starts again. And the service needs
 * no right to bind to port 80.
 *
 * The sockets are passed like any open file, from descriptor 3 on. LISTEN_FDS
 * says how many there are, and LISTEN_PID says which process they are for.
 *
 * The program waits for no client. It sends the greeting, says that nothing
 * follows, and goes on. The client may still send something, and close() would
 * answer that with a reset. So the connection stays open until the client
 * closes it, or until 64 others have come.
 *
 * See it:   systemd-socket-activate -l 127.0.0.1:7017 \
 *               build/solutions/17_socket_activation
 *           and in another terminal, in bash: cat </dev/tcp/127.0.0.1/7017
 *           without systemd: steps/17_socket_activation.md
 * End it:   Ctrl-C
 * Read:     steps/17_socket_activation.md, sd_listen_fds(3), accept(2), poll(2)
 */
#define _GNU_SOURCE /* accept4(), and the names that 16 needed */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_un manager = {.sun_family = AF_UNIX};
static socklen_t manager_size; /* 0: there is nobody to tell */

enum { FIRST_SOCKET = 3, MAX_SOCKETS = 64, MAX_CLIENTS = 64 };

/* For poll(): the signals, then the sockets, then greeted clients that have not
   closed yet. The client that has been here longest comes first. */
static struct pollfd polled[1 + MAX_SOCKETS + MAX_CLIENTS];
static nfds_t polled_count;
static nfds_t first_client; /* its place in the table above */

static const char greeting[] = "hello\n";

/* If nobody reads standard error any more, or a client has gone, write() fails
   with EPIPE. It must not kill a service that works. */
static void ignore_broken_pipes(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Without a buffer, which could hold a line back: the manager reads it now. */
static void say(int level, const char *what, const char *detail)
{
    (void)dprintf(STDERR_FILENO, "<%d>%s%s\n", level, what, detail);
}

/* Say what is wrong and why, and exit: the service manager sees the status. */
static noreturn void give_up(const char *what, const char *reason)
{
    (void)dprintf(STDERR_FILENO, "<%d>%s: %s\n", LOG_ERR, what, reason);
    exit(EXIT_FAILURE);
}

/* The same for a call. The reason is in errno. */
static noreturn void die(const char *call)
{
    give_up(call, strerror(errno));
}

/*
 * The size counts: it ends with the name. A name that starts with @ is an
 * abstract one, with a null byte instead of the @. Every byte up to the size
 * belongs to it: unix(7).
 */
static void find_manager(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL)
        return; /* started by hand: then it just runs */
    size_t length = strlen(name);
    if ((*name != '/' && *name != '@') || length > sizeof(manager.sun_path)) {
        say(LOG_WARNING, "NOTIFY_SOCKET names no socket: ", name);
        return;
    }
    memcpy(manager.sun_path, name, length);
    if (*name == '@')
        manager.sun_path[0] = '\0';
    manager_size = offsetof(struct sockaddr_un, sun_path) + length;
}

/* Never waits and never exits: to serve is more important than to report. */
static void tell(const char *state)
{
    if (manager_size == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || sendto(fd, state, strlen(state), MSG_DONTWAIT,
                           (struct sockaddr *)&manager, manager_size) == -1)
        say(LOG_WARNING, "cannot tell the service manager: ", strerror(errno));
    (void)close(fd);
}

/* A whole number without sign or blanks; -1 for any other text. */
static long number(const char *text)
{
    char *end = NULL;
    if (!isdigit((unsigned char)*text))
        return -1;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (*end != '\0' || errno != 0)
        return -1;
    return value;
}

/* Signs of life, twice as often as the manager wants. If the PID is not ours,
   it wants them from another process: sd_watchdog_enabled(3). */
static void start_watchdog(void)
{
    const char *period = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (period == NULL || (pid != NULL && number(pid) != (long)getpid()))
        return;
    long half = number(period) / 2; /* microseconds */
    struct itimerval timer = {{half / 1000000, half % 1000000},
                              {half / 1000000, half % 1000000}};
    if (half < 1 || setitimer(ITIMER_REAL, &timer, NULL) == -1)
        say(LOG_WARNING, "not a time: WATCHDOG_USEC=", period);
}

/* One more descriptor for poll(). */
static void watch(int fd)
{
    polled[polled_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Close-on-exec: the sockets are not for programs that this one may start. And
   without blocking: a client may have gone before accept(). */
static void take_socket(int fd)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "descriptor %d", fd);
    int listens = 0;
    socklen_t size = sizeof(listens);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == -1 ||
        listens == 0)
        give_up(name, "this is not a socket that listens");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
        fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1)
        die("fcntl");
    watch(fd);
}

/* Anybody can set variables, so look at each before you use a descriptor. */
static void take_sockets(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL)
        give_up("no socket was passed", "see sd_listen_fds(3)");
    if (number(pid) != (long)getpid())
        give_up("the sockets are for another process, LISTEN_PID", pid);
    long sockets = number(count);
    if (sockets < 1 || sockets > MAX_SOCKETS)
        give_up("not a number from 1 to 64, LISTEN_FDS", count);
    for (int fd = FIRST_SOCKET; fd < FIRST_SOCKET + sockets; fd++)
        take_socket(fd);
    first_client = polled_count;
}

/* The variables are for this process only, not for its children. */
static void forget_variables(void)
{
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

/* Blocked signals wait until somebody takes them, as in step 14. signalfd()
   gives a descriptor that is readable while one waits, so that poll() can wait
   for signals and clients at the same time. */
static void hold_signals(void)
{
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGHUP);
    (void)sigaddset(&held, SIGTERM);
    (void)sigaddset(&held, SIGINT);
    (void)sigaddset(&held, SIGALRM);
    (void)sigprocmask(SIG_BLOCK, &held, NULL);
    int signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals == -1)
        die("signalfd");
    watch(signals);
}

/* The time shows the manager that this is the answer to its own signal and not
   to an earlier one: sd_notify(3). */
static void reload(void)
{
    char state[64];
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof(state),
                   "RELOADING=1\nMONOTONIC_USEC=%lld%06ld",
                   (long long)now.tv_sec, now.tv_nsec / 1000);
    tell(state);
    say(LOG_INFO, "reloaded", "");
    tell("READY=1");
}

static noreturn void stop(void)
{
    tell("STOPPING=1");
    say(LOG_INFO, "stopped", "");
    exit(EXIT_SUCCESS);
}

/* Close it, and let those behind it move up. */
static void let_go(nfds_t client)
{
    (void)close(polled[client].fd);
    polled_count--;
    memmove(&polled[client], &polled[client + 1],
            (polled_count - client) * sizeof(polled[0]));
}

/* The client whose turn it is stays in the queue. poll() would report it again
   at once, so wait a second. A signal ends that wait. */
static void wait_a_moment(void)
{
    say(LOG_WARNING, "accept: ", strerror(errno));
    (void)poll(polled, 1, 1000);
}

/* Too many of them are open: let the one go that has been here longest. */
static void make_room(void)
{
    if (polled_count > first_client)
        let_go(first_client);
    else
        wait_a_moment();
}

/* shutdown() tells the client that nothing follows. */
static void greet(int client)
{
    (void)send(client, greeting, strlen(greeting), MSG_DONTWAIT);
    (void)shutdown(client, SHUT_WR);
    if (polled_count == first_client + MAX_CLIENTS)
        make_room();
    watch(client);
}

static void accept_client(int listener)
{
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client != -1)
        greet(client);
    else if (errno == EMFILE)
        make_room();
    else if (errno != EAGAIN && errno != ECONNABORTED)
        wait_a_moment();
}

/* Throw away what a greeted client sends. False once it has closed. */
static bool is_still_sending(int client)
{
    char ignored[4096];
    ssize_t size = read(client, ignored, sizeof(ignored));
    return size > 0 || (size == -1 && errno == EAGAIN);
}

/* Backwards, because let_go() moves those behind it. */
static void serve_the_ready(void)
{
    for (nfds_t i = polled_count - 1; i >= first_client; i--)
        if (polled[i].revents != 0 && !is_still_sending(polled[i].fd))
            let_go(i);
    for (nfds_t i = 1; i < first_client; i++)
        if (polled[i].revents != 0)
            accept_client(polled[i].fd);
}

/* Serves until a signal comes; returns its number. */
static int next_signal(void)
{
    for (;;) {
        struct signalfd_siginfo signal;
        if (poll(polled, polled_count, -1) == -1)
            continue; /* it was stopped, and goes on: signal(7) */
        serve_the_ready();
        if (read(polled[0].fd, &signal, sizeof(signal)) == sizeof(signal))
            return (int)signal.ssi_signo;
    }
}

int main(void)
{
    ignore_broken_pipes();
    hold_signals();
    find_manager();
    take_sockets();
    start_watchdog();
    forget_variables();
    say(LOG_INFO, "ready", "");
    tell("READY=1");
    for (;;)
        switch (next_signal()) {
        case SIGALRM:
            tell("WATCHDOG=1");
            break;
        case SIGHUP:
            reload();
            break;
        case SIGTERM:
        case SIGINT:
            stop();
        }
}
