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
#define _GNU_SOURCE /* the names of struct sockaddr_un, and others */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_un manager = {.sun_family = AF_UNIX};
static socklen_t manager_size; /* 0: there is nobody to tell */

/* If nobody reads standard error any more, write() fails with EPIPE. It must
   not kill a service that works. */
static void ignore_broken_pipes(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Without a buffer, which could hold a line back: the manager reads it now. */
static void say(int level, const char *what, const char *detail)
{
    (void)dprintf(STDERR_FILENO, "<%d>%s%s\n", level, what, detail);
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

/*
 * TODO: look at LISTEN_PID and LISTEN_FDS, and then at each descriptor from 3
 * on. Give up with a line on standard error if anything is wrong: no socket
 * was passed, they are for another process, the number is no number, a
 * descriptor is no socket that listens. Set FD_CLOEXEC and O_NONBLOCK for each
 * socket.
 */

/* The variables are for this process only, not for its children. */
static void forget_variables(void)
{
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    /* TODO: remove the three LISTEN_ variables too. */
}

/* Blocked signals wait until somebody takes them, as in step 14. */
static sigset_t hold_signals(void)
{
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGHUP);
    (void)sigaddset(&held, SIGTERM);
    (void)sigaddset(&held, SIGINT);
    (void)sigaddset(&held, SIGALRM);
    (void)sigprocmask(SIG_BLOCK, &held, NULL);
    return held;
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

int main(void)
{
    ignore_broken_pipes();
    sigset_t held = hold_signals();
    find_manager();
    /* TODO: take the sockets. */
    start_watchdog();
    forget_variables();
    say(LOG_INFO, "ready", "");
    tell("READY=1");

    /*
     * TODO: wait for clients and signals together, with poll() and signalfd().
     * Send "hello" and a newline to each client, and then end of file. Never
     * wait for a client: one may be silent, may not read, may send something
     * first, or may have gone already. If accept() fails because too many
     * descriptors are open, do not call it again and again without a pause.
     */

    for (;;)
        switch (sigwaitinfo(&held, NULL)) {
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
