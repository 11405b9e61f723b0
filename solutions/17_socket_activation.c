/*
 * 17_socket_activation: served on sockets that were there before
 *
 * Whoever binds the socket need not be who serves on it. A service manager
 * binds all sockets first, and starts a service when somebody connects, or all
 * services at once: who connects early waits in the queue of the socket, and no
 * order of starting is needed. The sockets stay while the service is stopped
 * and started anew, and the right to bind to port 80 is not the service's.
 *
 * They are passed as any file is, by being open: from descriptor 3 on, as many
 * as LISTEN_FDS says, to the process whose PID is LISTEN_PID.
 *
 * Clients are served in the order in which they come, and nobody is waited for:
 * what is written fits into the socket, and who does not read it has it there.
 *
 * This step takes more lines than the others: what is passed has to be looked
 * at, and from here on clients and signals are waited for alike.
 *
 * See it:   systemd-socket-activate -l 7016 \
 *               build/solutions/17_socket_activation
 *           and in another terminal, in bash: cat </dev/tcp/localhost/7016
 *           without systemd: steps/17_socket_activation.md, in a line of Python
 * End it:   Ctrl-C
 * Read:     steps/17_socket_activation.md, sd_listen_fds(3), accept(2), poll(2)
 */
#define _GNU_SOURCE /* accept4(), and the names that 15 needed */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
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

enum { FIRST_SOCKET = 3, MAX_SOCKETS = 64 };

static struct pollfd
    watched[1 + MAX_SOCKETS]; /* the first one is for signals */
static nfds_t watched_count;

static const char greeting[] = "hello\n";

/* One line, one write(): what several processes log is not mixed up. */
static void say(int level, const char *what, const char *detail)
{
    (void)dprintf(STDERR_FILENO, "<%d>%s%s\n", level, what, detail);
}

/* Say what is wrong, and end: whoever starts it sees the status. */
static noreturn void give_up(const char *what, const char *detail)
{
    say(LOG_ERR, what, detail);
    exit(EXIT_FAILURE);
}

/*
 * The size counts: it ends with the name. An abstract name (@ stands for the
 * null byte in front) is all bytes that the size takes in, also those of the
 * structure behind it: unix(7).
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

/* Never waits, and never ends the program: a service that serves is worth more
   than one that was told of. */
static void tell(const char *state)
{
    if (manager_size == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1 ||
        sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
               (struct sockaddr *)&manager, manager_size) == -1)
        say(LOG_WARNING, "the service manager is not told: ", strerror(errno));
    (void)close(fd);
}

/* Signs of life, twice as often as asked for. With a PID that is not ours it is
   another process that is asked: sd_watchdog_enabled(3). */
static void start_watchdog(void)
{
    const char *period = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (period == NULL || (pid != NULL && atol(pid) != (long)getpid()))
        return;
    long long half = atoll(period) / 2; /* microseconds */
    struct itimerval timer = {{half / 1000000, half % 1000000},
                              {half / 1000000, half % 1000000}};
    if (setitimer(ITIMER_REAL, &timer, NULL) == -1)
        say(LOG_WARNING, "WATCHDOG_USEC is no such time: ", period);
}

static void watch(int fd)
{
    watched[watched_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* A whole number and nothing else; -1 for what is none. */
static long number(const char *text)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    return isdigit((unsigned char)*text) && *end == '\0' && errno == 0 ? value
                                                                       : -1;
}

/* Close-on-exec, since it is not for what this program may start; and without
   blocking, since who has connected may be gone again before accept(). */
static void take_socket(int fd)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "%d", fd);
    int listens = 0;
    socklen_t size = sizeof(listens);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == -1 ||
        !listens)
        give_up("this is no socket that listens: descriptor ", name);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
        fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1)
        give_up("fcntl: ", strerror(errno));
    watch(fd);
}

/* Whatever is wrong is said: else it would take for sockets what is none. */
static void take_sockets(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL)
        give_up("no socket was passed: ", "see systemd-socket-activate(1)");
    if (number(pid) != (long)getpid())
        give_up("another process was meant: LISTEN_PID=", pid);
    long sockets = number(count);
    if (sockets < 1 || sockets > MAX_SOCKETS)
        give_up("it has to be 1 to 64: LISTEN_FDS=", count);
    for (int fd = FIRST_SOCKET; fd < FIRST_SOCKET + sockets; fd++)
        take_socket(fd);
}

/* They were meant for this process, and not for what it may start. */
static void forget_variables(void)
{
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

/* Blocked, they wait until they are taken: none is lost, as in step 14. A
   descriptor that can be read says that there is one, signalfd(2), so that
   poll() waits for signals and clients alike. */
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
        give_up("signalfd: ", strerror(errno));
    watch(signals);
}

/* The time tells the manager that this answers its own signal, and none that
   came before: sd_notify(3). */
static void reload(void)
{
    char state[64];
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof(state),
                   "RELOADING=1\nMONOTONIC_USEC=%lld%06ld",
                   (long long)now.tv_sec, now.tv_nsec / 1000);
    tell(state);
    say(LOG_INFO, "reload: ", "there is nothing to read again yet");
    tell("READY=1");
}

static noreturn void stop(void)
{
    tell("STOPPING=1");
    say(LOG_INFO, "stopped", "");
    exit(EXIT_SUCCESS);
}

/* Without waiting, and without SIGPIPE for a client that has gone again. */
static void greet(int listener)
{
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client == -1)
        return; /* if anybody else waits there poll() says so again */
    (void)send(client, greeting, strlen(greeting), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)close(client);
}

/* Serves until a signal comes; returns its number. */
static int next_signal(void)
{
    for (;;) {
        struct signalfd_siginfo signal;
        if (poll(watched, watched_count, -1) == -1)
            continue; /* it was stopped, and goes on: signal(7) */
        for (nfds_t i = 1; i < watched_count; i++)
            if (watched[i].revents != 0)
                greet(watched[i].fd);
        if (read(watched[0].fd, &signal, sizeof(signal)) == sizeof(signal))
            return (int)signal.ssi_signo;
    }
}

int main(void)
{
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
