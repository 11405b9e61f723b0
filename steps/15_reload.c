/*
 * 15_reload: read the configuration again, without a restart
 *
 * A daemon that is started again loses its clients, and it may fail to start.
 * So people send a signal when they have edited its configuration. By custom
 * this is SIGHUP. Since step 09 no terminal can send it any more.
 *
 * The configuration has a line greeting=TEXT. Empty lines and lines that begin
 * with # are skipped, and any other line is an error. If there are two
 * greetings, the last one counts. It replaces the old one only when all of FILE
 * is good. Otherwise the log says what is wrong, and the old one stays.
 *
 * SIGHUP is blocked and taken like SIGTERM in step 14. Many of them may become
 * one. That is enough, because one reload reads what FILE holds now.
 *
 * See it:   echo greeting=hi >15.conf
 *           build/solutions/15_reload -p 15.pid -c 15.conf
 *           echo greeting=bye >15.conf; kill -HUP $(cat 15.pid)
 *           journalctl -t 15_reload -n 3
 * End it:   kill $(cat 15.pid); rm 15.conf
 * Read:     steps/15_reload.md, signal(7), sigwaitinfo(2), daemon(7)
 */
#define _GNU_SOURCE /* syscall(), asprintf(), setresuid(), and some names */
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

static const char *pid_file;      /* -p FILE */
static const struct passwd *user; /* -u USER */
static int lock = -1;             /* the descriptor of the PID file */

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

/* Blocked before there is anything to clean up: from here on SIGTERM waits. */
static sigset_t hold_signals(void)
{
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGTERM);
    /* TODO: SIGHUP must wait, too, and must no longer be ignored. */
    if (sigprocmask(SIG_BLOCK, &held, NULL) == -1)
        die("sigprocmask");
    return held;
}

/* exit() removes the PID file on the way. */
static noreturn void stop(void)
{
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
    fprintf(stderr, "usage: %s [-p FILE] [-u USER]\n", name);
    exit(2);
}

static void read_options(int argc, char *argv[])
{
    int option;
    while ((option = getopt(argc, argv, "p:u:")) != -1)
        switch (option) {
        case 'p':
            pid_file = absolute(optarg);
            break;
        case 'u':
            user = find_user(optarg);
            break;
        /* TODO: take -c FILE. The string above names it too, and usage(). */
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
    sigset_t held = hold_signals();
    if (pid_file != NULL)
        write_pid_file(pid_file);
    if (user != NULL)
        become(user);

    /*
     * TODO: with -c FILE, read the greeting from its line greeting=TEXT. A
     * FILE that cannot be used is a reason not to start. Without -c the
     * greeting is hello.
     */

    say_ready();
    syslog(LOG_INFO, "running in the background");
    /* TODO: log the greeting. */

    for (;;) {
        int number = sigwaitinfo(&held, NULL); /* -1 after SIGSTOP: signal(7) */
        /*
         * TODO: on SIGHUP read FILE again. If it cannot be used now, log why
         * as an error, and keep the old greeting. Then log the greeting that
         * is in force.
         */
        if (number == SIGTERM)
            stop();
    }
}
