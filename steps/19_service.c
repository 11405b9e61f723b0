/*
 * 19_service: one service for both worlds
 *
 * With -d this is the daemon of step 18. Without -d it stays in the foreground,
 * as in steps 16 and 17, and a service manager looks after it. A program that is
 * used for many years meets both worlds: scripts of the old kind, systemd,
 * containers, and people who try it by hand.
 *
 * The service is the same in both, so nearly all of the code is, too. They
 * differ in how the process starts, in where it logs, and in the way it says
 * that it is ready. One place decides each of these three.
 *
 * A script can tell from the exit status what to do about a failure:
 * 2 for wrong usage, 4 for what this user may not do, 6 for a configuration that
 * cannot be used, and 1 for anything else.
 *
 * See it:   build/solutions/19_service -d -p 19.pid -l 127.0.0.1:7019
 *           cat </dev/tcp/127.0.0.1/7019   (in bash)
 *           without -d: steps/19_service.md has the unit files for systemd
 * End it:   kill $(cat 19.pid)
 * Read:     steps/19_service.md, daemon(7), systemd.service(5)
 */
#define _GNU_SOURCE /* syscall(), asprintf(), accept4(), and other names */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
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

static bool is_daemon;            /* -d */
static const char *pid_file;      /* -p FILE */
static const struct passwd *user; /* -u USER */
static const char *config;        /* -c FILE */
static const char *address;       /* -l ADDRESS */
static int lock = -1;             /* the descriptor of the PID file */
static struct stat bound;         /* the path that is ours, after bind() */

static struct sockaddr_un manager = {.sun_family = AF_UNIX};
static socklen_t manager_size; /* 0: there is nobody to tell */

enum { MAX_CONFIG = 1000 }; /* bytes */
static char greeting[MAX_CONFIG] = "hello";

enum { FIRST_SOCKET = 3, MAX_SOCKETS = 64, MAX_CLIENTS = 64 };

/* For poll(): the signals, then the sockets, then greeted clients that have not
   closed yet. The client that has been here longest comes first. */
static struct pollfd polled[1 + MAX_SOCKETS + MAX_CLIENTS];
static nfds_t polled_count;
static nfds_t first_client; /* its place in the table above */

/* Where give_up() writes: standard error, and in the daemon the pipe. */
static int starter = STDERR_FILENO;

/* To the log. In the foreground that is standard error: sd-daemon(3). */
static void say(int level, const char *what, const char *detail)
{
    /* TODO 1: in the foreground, write to standard error, as in step 16. */
    syslog(level, "%s%s", what, detail);
}

/*
 * TODO 2: let the caller tell from the exit status what to do: 4 if a call
 * failed with EACCES or EPERM, 6 for a configuration that cannot be used at
 * the start, 1 for anything else. In the foreground, write the reason to
 * standard error alone, with a level.
 */

/* Say what failed and why, and end: no half-made daemon stays. */
static noreturn void give_up(const char *what, const char *reason)
{
    (void)dprintf(starter, "%s: %s\n", what, reason);
    syslog(LOG_ERR, "%s: %s", what, reason);
    exit(EXIT_FAILURE);
}

/* The same for a call. The reason is in errno. */
static noreturn void die(const char *call)
{
    give_up(call, strerror(errno));
}

/* Opens no socket yet: the first message does, after all else is closed. */
static void open_log(void)
{
    openlog(program_invocation_short_name, LOG_PID, LOG_DAEMON);
}

/* If nobody reads standard error any more, or a client has gone, write() fails
   with EPIPE. It must not kill a service that works. */
static void ignore_broken_pipes(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
}

/* umask() cannot fail: what it returns is the mask before. */
static void clear_umask(void)
{
    (void)umask(0);
}

/* For good: what is ignored stays so through fork() and execve(). */
static void ignore_hangup(void)
{
    if (signal(SIGHUP, SIG_IGN) == SIG_ERR)
        die("signal SIGHUP");
}

/* Fails for SIGKILL and SIGSTOP, which nobody can ignore, and for the real-time
   signals that libc keeps to itself: glibc two, musl three. SIGHUP is ignored
   by now. One that has been pending since before the start is gone with that:
   else it would end this process where it is unblocked. */
static void reset_signals(void)
{
    for (int number = 1; number <= SIGRTMAX; number++)
        if (number != SIGHUP)
            (void)signal(number, SIG_DFL);

    sigset_t none;
    (void)sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
        die("sigprocmask");
}

/* What somebody has set in a shell is not meant for a daemon. */
static void clear_environment(void)
{
    if (clearenv() != 0)
        die("clearenv");
}

/* In a process that waits for its child: exit as the child did. */
static noreturn void wait_for_status(pid_t child)
{
    int status = 0;
    if (waitpid(child, &status, 0) == -1)
        die("waitpid");
    if (WIFSIGNALED(status))
        give_up("the start was killed", strsignal(WTERMSIG(status)));
    _exit(WEXITSTATUS(status));
}

/*
 * Only the child returns. The parent leaves by _exit(): exit() would run the
 * handlers and flush the buffers that the child has inherited copies of.
 */
static void leave_parent(void)
{
    pid_t child = fork();
    switch (child) {
    case -1:
        die("fork");
    case 0:
        /* A start that is given up, with ^C for example, starts nothing. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        return;
    default:
        wait_for_status(child);
    }
}

/*
 * In the middle process: wait for a line or for the daemon's end, whichever
 * comes first. Then look into the pipe once more, without waiting: the daemon
 * may have written its reason and exited. Kernels before 5.3 have no pidfd.
 * poll() skips the -1, and only end of file tells of the daemon's end.
 */
static noreturn void wait_for_word(int pipe_end, pid_t daemon)
{
    int pidfd = (int)syscall(SYS_pidfd_open, daemon, 0);
    struct pollfd watched[] = {{.fd = pipe_end, .events = POLLIN},
                               {.fd = pidfd, .events = POLLIN}};
    char word[512] = "the daemon ended before it was ready\n";
    FILE *from = fdopen(pipe_end, "r");

    if (from == NULL || poll(watched, 2, -1) == -1)
        die("poll");
    if (poll(watched, 1, 0) == 1 && fgets(word, sizeof(word), from) != NULL &&
        *word == '\n')
        _exit(EXIT_SUCCESS);
    (void)dprintf(STDERR_FILENO, "%s", word);
    /*
     * TODO 3: exit with the status of the daemon, which is a child of this
     * process.
     */
    _exit(EXIT_FAILURE);
}

/* The daemon's end of the pipe is above 2, even if 0, 1 and 2 are closed. */
static void leave_middle_process(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == -1)
        die("pipe2");
    int word = fcntl(ends[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (word == -1)
        die("fcntl");
    (void)close(ends[1]);

    pid_t child = fork();
    switch (child) {
    case -1:
        die("fork");
    case 0:
        starter = word;
        return;
    default:
        (void)close(word); /* or this process itself prevents end of file */
        wait_for_word(ends[0], child);
    }
}

/* A new session: SID = PGID = PID, and no controlling terminal. */
static void start_session(void)
{
    if (setsid() == -1)
        die("setsid");
}

/* Hold no directory, and so no file system, in use. */
static void move_to_root(void)
{
    if (chdir("/") == -1)
        die("chdir /");
}

/* For kernels before 5.9, and where a system call filter refuses the other. */
static void close_listed(void)
{
    DIR *list = opendir("/proc/self/fd");
    if (list == NULL)
        die("opendir /proc/self/fd");

    const struct dirent *entry;
    while ((errno = 0, entry = readdir(list)) != NULL) {
        int fd = atoi(entry->d_name); /* . and .. give 0, to be closed too */
        if (fd != dirfd(list) && fd != starter)
            (void)close(fd); /* EBADF, if it is 0 again, is no harm */
    }
    if (errno != 0)
        die("readdir /proc/self/fd");
    (void)closedir(list); /* its own descriptor was the last one */
}

/* By its number: musl 1.2.3 and glibc before 2.34 have no close_range(). */
static void close_descriptors(void)
{
    unsigned kept = (unsigned)starter;
    if (syscall(SYS_close_range, 0U, kept - 1, 0U) == -1 ||
        syscall(SYS_close_range, kept + 1, ~0U, 0U) == -1)
        close_listed();
}

/* Without O_CLOEXEC: these three are meant to be inherited. */
static void open_dev_null(void)
{
    int in = open("/dev/null", O_RDWR);
    int out = dup(in);
    int err = dup(in);
    if (in != STDIN_FILENO || out != STDOUT_FILENO || err != STDERR_FILENO) {
        char numbers[64];
        (void)snprintf(numbers, sizeof(numbers), "%d, %d, %d", in, out, err);
        give_up("/dev/null should be 0, 1, 2, and is", numbers);
    }
}

/* Steps 01 to 12, in their order. A service manager has done all of it for a
   service that stays in the foreground. */
static void become_daemon(void)
{
    clear_umask();
    ignore_hangup();
    reset_signals();
    clear_environment();
    leave_parent();
    start_session();
    leave_middle_process(); /* the daemon leads nothing */
    move_to_root();
    close_descriptors();
    open_dev_null();
}

/* A relative name starts in the directory of the start, which we leave. */
static const char *absolute(const char *name)
{
    if (*name == '/')
        return name;
    char *directory = getcwd(NULL, 0);
    char *path = NULL;
    if (directory == NULL || asprintf(&path, "%s/%s", directory, name) == -1)
        die("the directory of the start");
    return path;
}

/* O_NONBLOCK: to open a FIFO or a device must not take long. */
static int open_regular(const char *path)
{
    struct stat status;
    int fd =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    if (fd == -1 || fstat(fd, &status) == -1)
        die(path);
    if (!S_ISREG(status.st_mode))
        give_up(path, "not a regular file");
    return fd;
}

/* False if another instance has removed the file since we opened it. */
static bool is_still_there(int fd, const char *path)
{
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* If the file is removed between the two calls, open a new one. */
static int open_and_lock(const char *path)
{
    for (;;) {
        int fd = open_regular(path);
        if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
            if (errno == EWOULDBLOCK)
                give_up(path, "another instance has locked it");
            die(path);
        }
        if (is_still_there(fd, path))
            return fd;
        (void)close(fd);
    }
}

/* exit() calls it. Only if the file is still ours: another instance may have
   made a new one since. */
static void remove_pid_file(void)
{
    if (is_still_there(lock, pid_file) && unlink(pid_file) == -1)
        say(LOG_WARNING, "cannot remove the PID file: ", strerror(errno));
}

/* Lock first: only the process that has the lock may write. */
static void write_pid_file(const char *path)
{
    lock = open_and_lock(path);
    if (atexit(remove_pid_file) != 0)
        give_up("atexit", "no memory");
    if (fchmod(lock, 0644) == -1 || ftruncate(lock, 0) == -1 ||
        dprintf(lock, "%ld\n", (long)getpid()) < 0)
        die(path);
}

/* For good: no saved ID of root is left to go back to. */
static void become(const struct passwd *other)
{
    if (initgroups(other->pw_name, other->pw_gid) == -1)
        die("-u: initgroups");
    if (setresgid(other->pw_gid, other->pw_gid, other->pw_gid) == -1)
        die("-u: setresgid");
    if (setresuid(other->pw_uid, other->pw_uid, other->pw_uid) == -1)
        die("-u: setresuid");
    if (setuid(0) == 0) /* so it was root who was named, or is kept */
        give_up("-u", "there is a way back to root");
}

/* One more descriptor for poll(). */
static void watch(int fd)
{
    polled[polled_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
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

/* Blocked before there is anything to clean up: from here on they wait. SIGHUP
   is not ignored any more: POSIX lets a system drop a signal that is. As in
   step 17, poll() waits for the signals and for clients at the same time. */
static void hold_signals(void)
{
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGHUP);
    (void)sigaddset(&held, SIGTERM);
    (void)sigaddset(&held, SIGALRM);
    if (sigprocmask(SIG_BLOCK, &held, NULL) == -1)
        die("sigprocmask");
    (void)signal(SIGHUP, SIG_DFL); /* fails for wrong numbers only */
    int signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals == -1)
        die("signalfd");
    watch(signals);
}

/* False if this machine has no such address, for example because it has no
   IPv6. SO_REUSEADDR: for a minute after the last connection bind() would fail
   without it. */
static bool listen_at(int family, const struct sockaddr *name, socklen_t size)
{
    int yes = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd != -1 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
        bind(fd, name, size) == 0 && listen(fd, SOMAXCONN) == 0) {
        watch(fd);
        return true;
    }
    if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
        die(address);
    (void)close(fd);
    return false;
}

/* ECONNREFUSED: it was left by a daemon that was killed. A living one that is
   busy answers with EAGAIN. Nobody answers at a regular file either, and that
   is nothing to remove. */
static void remove_stale_socket(const struct sockaddr_un *name)
{
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1)
        die("socket");
    if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) == -1 &&
        errno == ECONNREFUSED && lstat(name->sun_path, &status) == 0 &&
        S_ISSOCK(status.st_mode))
        (void)unlink(name->sun_path);
    (void)close(fd);
}

/* exit() calls it. Only if the socket is still ours, as in step 14. */
static void remove_socket(void)
{
    struct stat there;
    if (stat(address, &there) == 0 && there.st_dev == bound.st_dev &&
        there.st_ino == bound.st_ino && unlink(address) == -1)
        say(LOG_WARNING, "cannot remove the socket: ", strerror(errno));
}

/*
 * sun_path has room for 108 bytes. So go into the directory, use the name
 * without it, and come back. The mode is 0666, because anybody may connect.
 * With the umask 0 it would be 0777.
 */
static void listen_at_path(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *file = strrchr(address, '/') + 1;
    char *directory = strndup(address, (size_t)(file - address));
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*file == '\0' || strlen(file) >= sizeof(name.sun_path))
        give_up(address, "the name is empty, or too long for a socket");
    if (directory == NULL || here == -1 || chdir(directory) == -1)
        die(address);
    free(directory);

    memcpy(name.sun_path, file, strlen(file));
    remove_stale_socket(&name);
    (void)listen_at(AF_UNIX, (struct sockaddr *)&name, sizeof(name));
    if (stat(file, &bound) == -1 || chmod(file, 0666) == -1)
        die(address);
    if (atexit(remove_socket) != 0)
        give_up("atexit", "no memory");
    if (fchdir(here) == -1)
        die("fchdir");
    (void)close(here);
}

/* An IPv6 address has colons of its own, so it stands in brackets. Returns NULL
   for what is neither HOST nor [HOST]. */
static char *without_brackets(char *host)
{
    size_t length = strlen(host);
    if (*host == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        return host + 1;
    }
    if (strchr(host, ':') != NULL)
        return NULL;
    return host;
}

/* At every address that HOST has. If one of them is in use, do not start: else
   some clients would come to another program. */
static void listen_at_all(const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    int error = getaddrinfo(host, port, &hints, &all);
    if (error != 0)
        give_up(address, gai_strerror(error));

    bool listens = false;
    for (struct addrinfo *each = all; each != NULL; each = each->ai_next) {
        if (polled_count == 1 + MAX_SOCKETS)
            give_up(address, "HOST has more than 64 addresses");
        if (listen_at(each->ai_family, each->ai_addr, each->ai_addrlen))
            listens = true;
    }
    if (!listens)
        die(address);
    freeaddrinfo(all);
}

static void listen_at_host(void)
{
    char *host = strdup(address);
    if (host == NULL)
        die("strdup");
    char *port = strrchr(host, ':');
    *port = '\0';
    port++;
    if (strlen(port) > 5 || number(port) < 1 || number(port) > 65535)
        give_up(address, "the port is not a number from 1 to 65535");
    char *name = without_brackets(host);
    if (name == NULL)
        give_up(address, "write an IPv6 address as [HOST]:PORT");
    listen_at_all(name, port);
    free(host);
}

/* A path may have a colon too, if it begins with / or with a dot. */
static bool is_path(const char *text)
{
    return *text == '/' || *text == '.' || strchr(text, ':') == NULL;
}

static void listen_at_address(void)
{
    if (is_path(address))
        listen_at_path();
    else
        listen_at_host();
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
}

/* Sockets that were passed to this process come first: whoever passes some means
   them to be used. With -d there are none, and the variables are gone. */
static void find_sockets(void)
{
    const char *pid = getenv("LISTEN_PID");
    if (pid != NULL && number(pid) == (long)getpid())
        take_sockets();
    else if (address != NULL)
        listen_at_address();
    /* TODO 4: with neither, no client can ever come. */
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

/* Returns NULL, or what is wrong. strtok() cuts the text into lines and skips
   empty ones. The greeting is replaced only after the last line. */
static const char *take_greeting(char *text)
{
    const char *fresh = "";
    for (char *line = strtok(text, "\n"); line != NULL;
         line = strtok(NULL, "\n")) {
        if (*line == '#')
            continue;
        if (strncmp(line, "greeting=", strlen("greeting=")) != 0)
            return "a line is not greeting=TEXT";
        fresh = line + strlen("greeting=");
    }
    if (*fresh == '\0')
        return "there is no greeting";
    for (const char *c = fresh; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            return "there is a control character in it";
    (void)snprintf(greeting, sizeof(greeting), "%s", fresh);
    return NULL;
}

/* It asks for one byte more than allowed, to see that there is one. Text holds
   no null byte, so its length is the size of the file. */
static const char *read_config(int fd)
{
    struct stat status;
    char text[MAX_CONFIG + 2] = "";
    if (fstat(fd, &status) == -1 || !S_ISREG(status.st_mode))
        return "not a regular file";
    ssize_t size = read(fd, text, MAX_CONFIG + 1);
    if (size == -1)
        return strerror(errno);
    if (size > MAX_CONFIG || strlen(text) != (size_t)size)
        return "too long, or not text";
    return take_greeting(text);
}

/* Returns NULL, or what is wrong. By its name each time, because many editors
   make a new file. O_NONBLOCK as in step 11: a FIFO must not take long. */
static const char *load_config(void)
{
    if (config == NULL)
        return NULL;
    int fd = open(config, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd == -1)
        return strerror(errno);
    const char *wrong = read_config(fd);
    (void)close(fd);
    return wrong;
}

/* A mistake in a file is no reason to end a service that works. The time shows
   the manager that this is the answer to its own signal: sd_notify(3). */
static void reload(void)
{
    char state[64];
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof(state),
                   "RELOADING=1\nMONOTONIC_USEC=%lld%06ld",
                   (long long)now.tv_sec, now.tv_nsec / 1000);
    tell(state);
    const char *wrong = load_config();
    if (wrong != NULL)
        say(LOG_ERR, "the configuration cannot be used: ", wrong);
    say(LOG_INFO, "greeting: ", greeting);
    tell("READY=1");
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
    char line[MAX_CONFIG + 1];
    int size = snprintf(line, sizeof(line), "%s\n", greeting);
    (void)send(client, line, (size_t)size, MSG_DONTWAIT);
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

/* Seconds, by a clock that nobody can set. */
static time_t seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Those who have connected by now still get the greeting. But clients may come
   faster than they are served, so this takes two seconds at most. */
static void serve_the_waiting(void)
{
    time_t end = seconds_now() + 2;
    while (seconds_now() < end && poll(&polled[1], polled_count - 1, 0) > 0)
        serve_the_ready();
}

/* exit() removes the PID file and the socket on the way. */
static noreturn void stop(void)
{
    tell("STOPPING=1");
    serve_the_waiting();
    say(LOG_INFO, "stopped", "");
    exit(EXIT_SUCCESS);
}

/* To the process that waits: an empty line, so nothing is wrong. If it waits no
   more, the start has failed. To a service manager: a message. */
static void say_ready(void)
{
    if (dprintf(starter, "\n") < 0)
        die("the pipe");
    (void)close(starter);
    tell("READY=1");
    say(LOG_INFO, "greeting: ", greeting);
}

/* In words of its own: errno may be 0 if there is no such user. */
static const struct passwd *find_user(const char *name)
{
    const struct passwd *found = getpwnam(name);
    if (found == NULL)
        give_up(name, "there is no such user");
    return found;
}

static noreturn void usage(const char *name)
{
    fprintf(stderr, "usage: %s [-l ADDRESS] [-p FILE] [-u USER] [-c FILE]\n",
            name);
    exit(2);
}

static void read_options(int argc, char *argv[])
{
    int option;
    while ((option = getopt(argc, argv, "dl:p:u:c:h")) != -1)
        switch (option) {
        case 'd':
            is_daemon = true;
            break;
        case 'l':
            if (*optarg == '@')
                usage(argv[0]); /* a name that is in no directory: unix(7) */
            address = is_path(optarg) ? absolute(optarg) : optarg;
            break;
        case 'p':
            pid_file = absolute(optarg);
            break;
        case 'u':
            user = find_user(optarg);
            break;
        case 'c':
            config = absolute(optarg);
            break;
        /*
         * TODO 5: with -h, print what each option does on standard output, and
         * exit with status 0.
         */
        default:
            usage(argv[0]);
        }
    if (optind < argc)
        usage(argv[0]);
}

int main(int argc, char *argv[])
{
    open_log();
    read_options(argc, argv);
    /* TODO 5: without -d, stay in the foreground, here and in say_ready(). */
    become_daemon();
    ignore_broken_pipes();
    hold_signals();
    if (pid_file != NULL)
        write_pid_file(pid_file);
    find_manager();
    find_sockets();
    start_watchdog();
    forget_variables();
    if (user != NULL)
        become(user);
    const char *wrong = load_config();
    if (wrong != NULL)
        give_up(config, wrong);
    say_ready();

    for (;;)
        switch (next_signal()) {
        case SIGALRM:
            tell("WATCHDOG=1");
            break;
        case SIGHUP:
            reload();
            break;
        case SIGTERM:
            stop();
            /* TODO 5: stop on Ctrl-C (SIGINT), too. hold_signals() has to hold
               it as well. */
        }
}
