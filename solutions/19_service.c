/*
 * 19_service: one real service, in both styles
 *
 * A server of greetings. Without -d it stays in the foreground, as steps 16 and
 * 17 do; with -d it is a daemon, as steps 01 to 15 make one: daemon(7).
 *
 * See it:   build/solutions/19_service -d -l localhost:7017 -p my.pid
 *           cat </dev/tcp/localhost/7017; kill $(cat my.pid)
 * Read:     steps/19_service.md, daemon(7), getaddrinfo(3), poll(2)
 */
#define _GNU_SOURCE /* accept4(), asprintf(), clearenv(), pipe2() and more */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { FAILED = 1, USAGE = 2, DENIED = 4, NO_CONFIG = 6 }; /* as in the LSB */
enum { MAX_SOCKETS = 64, LAST_CLIENTS = 10000, MAX_TEXT = 1000 /* bytes */ };

static const char usage[] =
    "usage: 19_service [-d] [-l ADDRESS] [-p FILE] [-u USER] [-c FILE]\n"
    "  -d          be a daemon; without it stay in the foreground\n"
    "  -l ADDRESS  HOST:PORT, [HOST]:PORT or a path, if no socket is passed\n"
    "  -p FILE     write the PID there; no second instance starts\n"
    "  -u USER     give up root, and be USER\n"
    "  -c FILE     read greeting=TEXT there, and again at SIGHUP\n"
    "  -h          show this\n";

static bool is_daemon;
static const char *address, *pid_file, *user, *config, *bound_path;
static char greeting[MAX_TEXT + 2] = "hello\n";
static int starter = -1, lock = -1, manager = -1; /* steps 12, 11 and 16 */
static struct pollfd watched[1 + MAX_SOCKETS] = {{-1, POLLIN, 0}}; /* signals */
static nfds_t watched_count = 1;

static void say(int level, const char *what, const char *detail)
{
    int size = (int)strcspn(detail, "\n");
    if (is_daemon)
        syslog(level, "%s: %.*s", what, size, detail);
    else
        (void)dprintf(2, "<%d>%s: %.*s\n", level, what, size, detail);
}

/* False if another instance, or somebody, has removed or replaced the file. */
static bool is_still_there(int fd, const char *path)
{
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static void clean_up(void)
{
    if (bound_path != NULL && unlink(bound_path) == -1)
        say(LOG_WARNING, bound_path, strerror(errno));
    if (lock != -1 && is_still_there(lock, pid_file) && unlink(pid_file) == -1)
        say(LOG_WARNING, pid_file, strerror(errno));
}

/* Ends, leaves nothing, and says why; without a reason errno has it. */
static _Noreturn void fail(const char *what, const char *reason)
{
    bool denied = reason == NULL && (errno == EACCES || errno == EPERM);
    int status = what == config ? NO_CONFIG : denied ? DENIED : FAILED;
    reason = reason != NULL ? reason : strerror(errno);
    say(LOG_ERR, what, reason);
    clean_up();
    (void)dprintf(starter, "%d%s: %s\n", status, what, reason);
    exit(status);
}
#define must(worked, ...) ((worked) ? (void)0 : fail(__VA_ARGS__))

/* Returns in the child. The first process exits as the middle one does, and
   takes it along if it is killed: a start that is given up starts nothing. */
static void leave_first_process(void)
{
    int status = 0;
    pid_t child = fork();
    must(child != -1, "fork", NULL);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        return;
    }
    (void)waitpid(child, &status, 0);
    must(WIFEXITED(status), "the start", "killed");
    _exit(WEXITSTATUS(status));
}

/* For the daemon's word or its end, whichever comes first: step 12. */
static _Noreturn void wait_for_word(int pipe_end, pid_t daemon)
{
    int pidfd = (int)syscall(SYS_pidfd_open, daemon, 0); /* poll() skips -1 */
    struct pollfd both[] = {{pipe_end, POLLIN, 0}, {pidfd, POLLIN, 0}};
    char word[MAX_TEXT] = "1the daemon ended before it was ready\n";
    FILE *from = fdopen(pipe_end, "r");
    must(from != NULL && poll(both, 2, -1) != -1, "poll", NULL);
    if (poll(both, 1, 0) == 1) /* at end of file the word stays what it is */
        (void)!fgets(word, sizeof(word), from);
    (void)dprintf(2, "%s", *word == '0' ? "" : word + 1);
    _exit(*word - '0');
}

/* Returns in the daemon. */
static void leave_middle_process(void)
{
    int ends[2];
    must(pipe2(ends, O_CLOEXEC) == 0, "pipe2", NULL);
    int word = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
    must(word != -1 && close(ends[1]) == 0, "fcntl", NULL);
    pid_t child = fork();
    must(child != -1, "fork", NULL);
    is_daemon = child == 0;
    if (is_daemon) {
        starter = word;
        return;
    }
    (void)close(word);
    wait_for_word(ends[0], child);
}

/* By its number: musl 1.2.3 has no close_range(). Or as they are listed. */
static void close_inherited(void)
{
    struct dirent **list = NULL; /* with . and .., which give 0: no harm */
    bool closed = syscall(SYS_close_range, 0, starter - 1, 0) == 0 &&
                  syscall(SYS_close_range, starter + 1, ~0U, 0) == 0;
    int count = closed ? 0 : scandir("/proc/self/fd", &list, NULL, NULL);
    must(count != -1, "/proc/self/fd", NULL);
    while (count-- > 0)
        if (atoi(list[count]->d_name) != starter)
            (void)close(atoi(list[count]->d_name));
    int in = open("/dev/null", O_RDWR);
    must(in == 0 && dup(in) == 1 && dup(in) == 2, "/dev/null",
         in == -1 ? NULL : "not at 0, 1, 2: something else is open there");
}

/* SIGHUP ignored before the first fork: step 08. Some refuse: step 10. */
static void become_daemon(void)
{
    (void)umask(0);
    for (int number = 1; number <= SIGRTMAX; number++)
        (void)signal(number, number == SIGHUP ? SIG_IGN : SIG_DFL);
    must(clearenv() == 0, "clearenv", NULL);
    leave_first_process();
    must(setsid() != -1, "setsid", NULL);
    leave_middle_process();
    must(chdir("/") == 0, "chdir /", NULL);
    close_inherited();
}

/* A whole number and nothing else; -1 for what is none. */
static int number(const char *text)
{
    int value;
    char rest;
    return text && sscanf(text, "%9d%c", &value, &rest) == 1 ? value : -1;
}

static void listen_at(int family, const void *name, socklen_t size)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd != -1 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
        bind(fd, name, size) == 0 && listen(fd, SOMAXCONN) == 0)
        watched[watched_count++] = (struct pollfd){fd, POLLIN, 0};
    else if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)
        (void)close(fd); /* this machine has no IPv6, say */
    else
        fail(address, NULL);
}

static void listen_at_path(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat there;
    must(strlen(address) < sizeof(name.sun_path), address, "too long");
    memcpy(name.sun_path, address, strlen(address));
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(probe, (struct sockaddr *)&name, sizeof(name)) == -1 &&
        errno == ECONNREFUSED && lstat(address, &there) == 0 &&
        S_ISSOCK(there.st_mode))
        (void)unlink(address); /* nobody answers: left from one killed */
    (void)close(probe);
    listen_at(AF_UNIX, &name, sizeof(name));
    bound_path = address;
}

static void listen_at_host(void)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all;
    char host[256], port[32];
    const char *form = *address == '[' ? "[%255[^]]]:%31s" : "%255[^:]:%31s";
    must(sscanf(address, form, host, port) == 2 && number(port) <= 65535,
         address, "neither HOST:PORT nor [HOST]:PORT nor a path");
    int error = getaddrinfo(host, port, &hints, &all);
    must(error == 0, address, gai_strerror(error));
    for (; all != NULL && watched_count <= MAX_SOCKETS; all = all->ai_next)
        listen_at(all->ai_family, all->ai_addr, all->ai_addrlen);
    must(watched_count > 1, address, NULL);
}

static void take_sockets(void)
{
    const char *count = getenv("LISTEN_FDS");
    bool ours = count && number(getenv("LISTEN_PID")) == getpid();
    int end = ours ? 3 + number(count) : 3;
    must(end >= 3 && end <= 3 + MAX_SOCKETS, "LISTEN_FDS", count);
    for (int fd = 3; fd < end; fd++) {
        char name[32];
        (void)sprintf(name, "descriptor %d", fd);
        int listens = 0;
        socklen_t size = sizeof(listens);
        (void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
        must(listens, name, "was passed, and does not listen");
        must(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0, "fcntl", NULL);
        must(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0, "fcntl", NULL);
        watched[watched_count++] = (struct pollfd){fd, POLLIN, 0};
    }
    must(watched_count > 1 || address, "-l", "no address, no socket passed");
    if (watched_count == 1)
        *address == '/' ? listen_at_path() : listen_at_host();
}

/* Lock first: what stands in it belongs to whoever has the lock. */
static void write_pid_file(void)
{
    int fd = -1;
    while (!is_still_there(fd, pid_file)) {
        (void)close(fd);
        fd = open(pid_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
        must(fd != -1, pid_file, NULL);
        must(flock(fd, LOCK_EX | LOCK_NB) == 0, "the lock on -p FILE", NULL);
    }
    /* ftruncate() refuses a device, and a file of before may have any mode. */
    must(ftruncate(fd, 0) == 0 && fchmod(fd, 0644) == 0, pid_file, NULL);
    lock = fd;
    must(dprintf(lock, "%d\n", (int)getpid()) > 0, pid_file, NULL);
}

static void become_user(void)
{
    const struct passwd *who = getpwnam(user);
    must(who != NULL, user, "there is no such user");
    must(initgroups(user, who->pw_gid) == 0 && setgid(who->pw_gid) == 0 &&
             setuid(who->pw_uid) == 0,
         "-u", NULL);
    must(setuid(0) == -1, "-u", "there is a way back to root");
}

/* NULL, or why not: then the greeting stays as it was. */
static const char *load_config(void)
{
    char text[MAX_TEXT + 2] = "", fresh[MAX_TEXT];
    int end = -2; /* unlike any size */
    int fd = open(config, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t size = fd == -1 ? -1 : read(fd, text, MAX_TEXT + 1);
    const char *why = size < 0 ? strerror(errno) : "not one line greeting=TEXT";
    (void)close(fd);
    (void)sscanf(text, "greeting=%990[^\1-\37\177] %n", fresh, &end);
    if (end == size)
        (void)snprintf(greeting, sizeof(greeting), "%s\n", fresh);
    return end == size ? NULL : why;
}

/* Never waits: a service that serves is worth more than one that tells. */
static void tell(const char *state)
{
    if (manager != -1 && write(manager, state, strlen(state)) == -1)
        say(LOG_WARNING, "NOTIFY_SOCKET", strerror(errno));
}

/* What a service manager wants, as in step 16; it is for no other process. */
static void find_manager(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    const char *pid = getenv("WATCHDOG_PID"), *period = getenv("WATCHDOG_USEC");
    if (path != NULL) {
        socklen_t size = (socklen_t)(sizeof(name.sun_family) + strlen(path));
        (void)memccpy(name.sun_path, path, '\0', sizeof(name.sun_path));
        name.sun_path[0] = (char)(*path == '@' ? '\0' : *path);
        manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(manager, (struct sockaddr *)&name, size) == -1)
            say(LOG_WARNING, "NOTIFY_SOCKET", strerror(errno));
    }
    if (period != NULL && (pid == NULL || number(pid) == getpid())) {
        long long half = atoll(period) / 2; /* microseconds */
        struct timeval often = {half / 1000000, half % 1000000};
        (void)setitimer(ITIMER_REAL, &(struct itimerval){often, often}, NULL);
    }
    must(clearenv() == 0, "clearenv", NULL);
}

/* What is blocked waits until it is taken, and can be polled: signalfd(2). */
static void hold_signals(void)
{
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGHUP);
    (void)sigaddset(&held, SIGTERM);
    (void)sigaddset(&held, SIGINT);
    if (!is_daemon)
        (void)sigaddset(&held, SIGALRM); /* to give signs of life */
    must(sigprocmask(SIG_SETMASK, &held, NULL) == 0, "sigprocmask", NULL);
    (void)signal(SIGHUP, SIG_DFL); /* else it would not be kept */
    watched[0].fd = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
    must(watched[0].fd != -1, "signalfd", NULL);
}

/* Whoever waits at a socket, without waiting for anybody; false for nobody. */
static bool greet(int listener)
{
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client == -1 && errno != EAGAIN && errno != ECONNABORTED)
        (void)poll(NULL, 0, 10); /* milliseconds: no descriptors left, say */
    (void)send(client, greeting, strlen(greeting), MSG_DONTWAIT | MSG_NOSIGNAL);
    return close(client) == 0;
}

static int next_signal(void)
{
    struct signalfd_siginfo signal;
    do {
        (void)poll(watched, watched_count, -1); /* where it fails: next turn */
        for (nfds_t i = 1; i < watched_count; i++)
            (void)greet(watched[i].fd);
    } while (read(watched[0].fd, &signal, sizeof(signal)) == -1);
    return (int)signal.ssi_signo;
}

static void reload(void)
{
    char state[64];
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)sprintf(state, "RELOADING=1\nMONOTONIC_USEC=%lld%06ld",
                  (long long)now.tv_sec, now.tv_nsec / 1000);
    tell(state);
    const char *wrong = config != NULL ? load_config() : NULL;
    if (wrong != NULL)
        say(LOG_ERR, config, wrong);
    say(LOG_INFO, "greeting", greeting);
    tell("READY=1");
}

static _Noreturn void stop(void)
{
    tell("STOPPING=1");
    for (nfds_t i = 1, n = LAST_CLIENTS; i < watched_count && n > 0; n--)
        i += !greet(watched[i].fd); /* who has connected by now, not for ever */
    clean_up();
    say(LOG_INFO, "stopped", "a signal said so");
    exit(EXIT_SUCCESS);
}

/* Relative names start in the directory of the launch, which -d leaves. */
static const char *absolute(const char *name)
{
    char *path = NULL, *here = getcwd(NULL, 0);
    if (name == NULL || *name == '/')
        return name;
    must(here && asprintf(&path, "%s/%s", here, name) > 0, "getcwd", NULL);
    return path;
}

static void read_options(int argc, char *argv[])
{
    const char *values[128] = {NULL}; /* by the option's letter */
    for (int option; (option = getopt(argc, argv, "dl:p:u:c:h")) != -1;)
        values[option] = optarg != NULL ? optarg : "";
    if (values['h'] || values['?'] || optind < argc) {
        (void)dprintf(values['h'] ? 1 : 2, "%s", usage);
        exit(values['h'] ? EXIT_SUCCESS : USAGE);
    }
    const char *at = values['l'];
    address = at != NULL && strchr(at, ':') != NULL ? at : absolute(at);
    pid_file = absolute(values['p']);
    user = values['u'];
    config = absolute(values['c']);
    if (values['d'] != NULL)
        become_daemon();
}

int main(int argc, char *argv[])
{
    openlog("19_service", LOG_PID, LOG_DAEMON);
    read_options(argc, argv);
    hold_signals();
    if (pid_file != NULL)
        write_pid_file();
    take_sockets();
    find_manager();
    if (user != NULL)
        become_user();
    const char *wrong = config != NULL ? load_config() : NULL;
    must(wrong == NULL, config, wrong);
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that has gone ends nothing */
    if (is_daemon) {
        must(write(starter, "0\n", 2) == 2, "the pipe", NULL);
        (void)close(starter);
        starter = -1;
    }
    tell("READY=1");
    say(LOG_INFO, "greeting", greeting);
    for (int taken; (taken = next_signal()) != SIGTERM && taken != SIGINT;)
        taken == SIGHUP ? reload() : tell("WATCHDOG=1");
    stop();
}
