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
#define _GNU_SOURCE /* for the name of struct sockaddr_un and others */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_un manager = {.sun_family = AF_UNIX};
static socklen_t manager_size; /* 0: there is nobody to tell */

/* One line, one write(): what several processes log is not mixed up. */
static void say(int level, const char *what, const char *detail)
{
    (void)dprintf(STDERR_FILENO, "<%d>%s%s\n", level, what, detail);
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

/* They were meant for this process, and not for what it may start. */
static void forget_variables(void)
{
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

/* Blocked, they wait until they are taken: none is lost, as in step 14. */
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

static void stop(void)
{
    tell("STOPPING=1");
    say(LOG_INFO, "stopped", "");
    exit(EXIT_SUCCESS);
}

/*
 * TODO: serve on the sockets that are passed, and stay what it is otherwise.
 *
 * - Look at LISTEN_PID, LISTEN_FDS and at what is open from descriptor 3 on; if
 *   anything is not as it should be, say what, and end before anybody is told
 *   that this is ready.
 * - Take the variables out of the environment, and mark the sockets as
 *   close-on-exec.
 * - Write "hello" and a newline to everybody who connects, at whichever socket,
 *   and close the connection. No client holds up another, or a signal.
 */
int main(void)
{
    sigset_t held = hold_signals();
    find_manager();
    start_watchdog();
    forget_variables();
    say(LOG_INFO, "ready", "");
    tell("READY=1");
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
