/*
 * 18_server: a daemon that serves clients
 *
 * In step 17 somebody else opened the sockets. A daemon has nobody who does
 * that, so it opens its own. -l ADDRESS says where: at a path, or at HOST:PORT,
 * which is every address that HOST has.
 *
 * It opens them after everything that it inherited is closed, and before it
 * gives up root's rights: only root may bind to a port below 1024, and only
 * root may make a file in /run.
 *
 * A path stays behind when a daemon is killed, and then bind() fails. So the
 * next daemon tries to connect first. If nobody answers, it removes the path.
 * Anything else that has this name stays, and the daemon does not start.
 *
 * Clients are served as in step 17. SIGTERM stops the daemon soon, whatever
 * they do, but those who have connected by then still get the greeting.
 *
 * See it:   build/solutions/18_server -p 18.pid -l 127.0.0.1:7018
 *           cat </dev/tcp/127.0.0.1/7018   (in bash)
 * End it:   kill $(cat 18.pid)
 * Read:     steps/18_server.md, unix(7), ip(7), bind(2), getaddrinfo(3)
 */
#define _GNU_SOURCE /* syscall(), asprintf(), accept4(), and other names */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
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
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

static const char *pid_file;      /* -p FILE */
static const struct passwd *user; /* -u USER */
static const char *config;        /* -c FILE */
static int lock = -1;             /* the descriptor of the PID file */

enum { MAX_CONFIG = 1000 }; /* bytes */
static char greeting[MAX_CONFIG] = "hello";

enum { MAX_SOCKETS = 64, MAX_CLIENTS = 64 };

/* For poll(): the signals, then the sockets, then greeted clients that have not
   closed yet. The client that has been here longest comes first. */
static struct pollfd polled[1 + MAX_SOCKETS + MAX_CLIENTS];
static nfds_t polled_count;
static nfds_t first_client; /* its place in the table above */

/* Where give_up() writes: standard error, and in the daemon the pipe. */
static int starter = STDERR_FILENO;

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

/* In the first process: exit as the middle process did. */
static noreturn void wait_for_status(pid_t middle)
{
    int status = 0;
    if (waitpid(middle, &status, 0) == -1)
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
        syslog(LOG_WARNING, "cannot remove %s: %s", pid_file, strerror(errno));
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

/* Blocked before there is anything to clean up: from here on they wait. SIGHUP
   is not ignored any more: POSIX lets a system drop a signal that is. As in
   step 17, poll() waits for the signals and for clients at the same time. */
static void hold_signals(void)
{
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGHUP);
    (void)sigaddset(&held, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &held, NULL) == -1)
        die("sigprocmask");
    (void)signal(SIGHUP, SIG_DFL); /* fails for wrong numbers only */
    int signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals == -1)
        die("signalfd");
    watch(signals);
}

/*
 * TODO: listen at ADDRESS. It is a path if it begins with / or with a dot, or
 * has no colon. Anything else is HOST:PORT, or [HOST]:PORT for an IPv6
 * address.
 *
 * - At a path, take over a socket that nobody answers at, and leave alone
 *   whatever else has that name. Anybody may connect, so the mode is 0666. A
 *   path of 100 characters is not too long. Remove the socket when this
 *   process exits, if it is still ours.
 * - At HOST:PORT, listen at every address that HOST has. PORT is a number from
 *   1 to 65535, in digits alone. If one of the addresses is in use, give up.
 * - Call watch() for each socket. The functions above and below serve it.
 */

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

/* A mistake in a file is no reason to end a daemon that works. */
static void reload(void)
{
    const char *wrong = load_config();
    if (wrong != NULL)
        syslog(LOG_ERR, "%s: %s", config, wrong);
    syslog(LOG_INFO, "greeting: %s", greeting);
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
    syslog(LOG_WARNING, "accept: %s", strerror(errno));
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

/* shutdown() tells the client that nothing follows. MSG_NOSIGNAL: a client may
   have gone, and SIGPIPE would end the daemon. */
static void greet(int client)
{
    char line[MAX_CONFIG + 1];
    int size = snprintf(line, sizeof(line), "%s\n", greeting);
    (void)send(client, line, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
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

/* exit() removes the PID file and the socket on the way. */
static noreturn void stop(void)
{
    /*
     * TODO: those who have connected by now still get the greeting. But this
     * must not take longer than a few seconds, whatever clients do.
     */
    syslog(LOG_INFO, "stopped by SIGTERM");
    exit(EXIT_SUCCESS);
}

/* An empty line: nothing is wrong. If nobody waits at the pipe any more, the
   start has failed. SIGPIPE would end the daemon without cleaning up. So ignore
   it for this one call, and dprintf() fails instead. */
static void say_ready(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (dprintf(starter, "\n") < 0)
        die("the pipe");
    (void)signal(SIGPIPE, SIG_DFL);
    (void)close(starter);
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
    fprintf(stderr, "usage: %s [-p FILE] [-u USER] [-c FILE]\n", name);
    exit(2);
}

static void read_options(int argc, char *argv[])
{
    int option;
    while ((option = getopt(argc, argv, "p:u:c:")) != -1)
        switch (option) {
        /* TODO: take -l ADDRESS. The string above names it too, and usage().
           A name that begins with @ is wrong usage. */
        case 'p':
            pid_file = absolute(optarg);
            break;
        case 'u':
            user = find_user(optarg);
            break;
        case 'c':
            config = absolute(optarg);
            break;
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
    hold_signals();
    if (pid_file != NULL)
        write_pid_file(pid_file);
    /* TODO: with -l ADDRESS, listen there. */
    first_client = polled_count;
    if (user != NULL)
        become(user);
    const char *wrong = load_config();
    if (wrong != NULL)
        give_up(config, wrong);
    say_ready();
    syslog(LOG_INFO, "running in the background");
    syslog(LOG_INFO, "greeting: %s", greeting);

    for (;;) {
        int taken = next_signal();
        if (taken == SIGHUP)
            reload();
        if (taken == SIGTERM)
            stop();
    }
}
