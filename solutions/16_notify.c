/*
 * 16_notify: tell the service manager how you are
 *
 * The course starts again here, from 00_background: a program that stays in the
 * foreground. A service manager does steps 01 to 13 before it starts a program,
 * and it does them once for all services. The program needs to say only what
 * nobody else can know: it is ready, it reloads, it stops, it is alive.
 *
 * Each of these is one datagram to the socket that NOTIFY_SOCKET names. That
 * takes a few lines and no library.
 *
 * The log goes to standard error, which the manager reads. The number at the
 * start of a line, as in <6>, is the level that syslog() had as an argument.
 *
 * See it:   systemd-run --user --unit=16_notify -p Type=notify \
 *               build/solutions/16_notify (root: without --user)
 *           without systemd: steps/16_notify.md has a manager in Python
 * End it:   systemctl --user stop 16_notify; if you started it by hand: Ctrl-C
 * Read:     steps/16_notify.md, sd_notify(3), unix(7), sd-daemon(3)
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

/* The variables are for this process only, not for its children. */
static void forget_variables(void)
{
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
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
