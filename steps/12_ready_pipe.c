/*
 * 12_ready_pipe: a start that can be relied on
 *
 * Until here the first process exits as soon as it has a child. It returns 0
 * even if the daemon cannot start, and a script that waits for it may look for
 * the PID file too early.
 *
 * Now each parent waits for its child. The middle process waits for a line from
 * the daemon, which comes through a pipe. An empty line means "ready". Any
 * other line is the reason why there is no daemon. The first process waits for
 * the middle process and exits with its status.
 *
 * The daemon may also die without a word. The pipe then gives end of file, but
 * only if no other process has its write end. So the middle process watches the
 * daemon itself, too. It can do that because it is the daemon's parent.
 *
 * See it:   build/solutions/12_ready_pipe -p my.pid && cat my.pid
 *           build/solutions/12_ready_pipe -p my.pid || echo "not started"
 * End it:   kill $(cat my.pid)
 * Read:     steps/12_ready_pipe.md, pipe(7), pidfd_open(2), poll(2), daemon(7)
 */
#define _GNU_SOURCE /* syscall(), asprintf(), program_invocation_short_name */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

static const char *pid_file; /* -p FILE */
static int lock = -1;        /* the descriptor of the PID file */

/* Say what failed and why, and end: no half-made daemon stays. */
static noreturn void give_up(const char *what, const char *reason)
{
    /* TODO: in the daemon, give the reason to the process that waits for it. */
    fprintf(stderr, "%s: %s\n", what, reason); /* unheard once 2 is closed */
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

/*
 * Only the child returns. The parent leaves by _exit(): exit() would run the
 * handlers and flush the buffers that the child has inherited copies of.
 */
static void leave_parent(void)
{
    switch (fork()) {
    case -1:
        die("fork");
    case 0:
        return;
    default:
        /* TODO: wait for the child, and exit with its status. */
        _exit(EXIT_SUCCESS);
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
        if (fd != dirfd(list))
            (void)close(fd); /* EBADF, if it is 0 again, is no harm */
    }
    if (errno != 0)
        die("readdir /proc/self/fd");
    (void)closedir(list); /* its own descriptor was the last one */
}

/* By its number: musl 1.2.3 and glibc before 2.34 have no close_range(). */
static void close_descriptors(void)
{
    /* TODO: leave the daemon's end of the pipe open, here and above. */
    if (syscall(SYS_close_range, 0U, ~0U, 0U) == -1)
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

/* Lock first: only the process that has the lock may write. */
static void write_pid_file(const char *path)
{
    lock = open_and_lock(path);
    if (fchmod(lock, 0644) == -1 || ftruncate(lock, 0) == -1 ||
        dprintf(lock, "%ld\n", (long)getpid()) < 0)
        die(path);
}

static noreturn void usage(const char *name)
{
    fprintf(stderr, "usage: %s [-p FILE]\n", name);
    exit(2);
}

static void read_options(int argc, char *argv[])
{
    int option;
    while ((option = getopt(argc, argv, "p:")) != -1)
        switch (option) {
        case 'p':
            pid_file = absolute(optarg);
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

    /*
     * TODO: let the parent wait until the daemon has said that it is ready, or
     * why it cannot start, through a pipe. It returns 0 only if the daemon is
     * ready. It must also notice that the daemon was killed, even while
     * another process has inherited the pipe.
     */

    leave_parent(); /* and so lead nothing */
    move_to_root();
    close_descriptors();
    open_dev_null();
    if (pid_file != NULL)
        write_pid_file(pid_file);

    /* TODO: say that the daemon is ready. */

    syslog(LOG_INFO, "running in the background");

    for (;;)
        pause();
}
