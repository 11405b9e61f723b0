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
 * This step takes more lines than the others: a pipe has two sides, and each
 * parent has something to wait for.
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

/* Say which call failed and why, and end: no half-made daemon lives on. */
static noreturn void die(const char *call)
{
    const char *reason = strerror(errno);
    fprintf(stderr, "%s: %s\n", call, reason); /* unheard once 2 is closed */
    syslog(LOG_ERR, "%s: %s", call, reason);
    exit(EXIT_FAILURE);
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
        syslog(LOG_ERR, "descriptors 0, 1, 2 are %d, %d, %d", in, out, err);
        exit(EXIT_FAILURE);
    }
}

/* A relative name starts in the directory of the launch, which we leave. */
static const char *absolute(const char *name)
{
    if (*name == '/')
        return name;
    char *directory = getcwd(NULL, 0);
    char *path = NULL;
    if (directory == NULL || asprintf(&path, "%s/%s", directory, name) == -1)
        die("the directory of the launch");
    return path;
}

/* Not so if another instance has removed the file since we opened it. */
static bool is_still_there(int fd, const char *path)
{
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Lock first: what stands in it belongs to whoever has the lock. */
static void write_pid_file(const char *path)
{
    int fd = -1;
    do {
        (void)close(fd); /* EBADF at first, which is no harm */
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
        if (fd == -1)
            die(path);
        if (flock(fd, LOCK_EX | LOCK_NB) == -1)
            die("the lock on the PID file");
    } while (!is_still_there(fd, path));
    if (ftruncate(fd, 0) == -1 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
        die(path);
}

/* The only option: -p FILE. */
static const char *read_options(int argc, char *argv[])
{
    const char *pid_file = NULL;
    int option;
    while ((option = getopt(argc, argv, "p:")) == 'p')
        pid_file = absolute(optarg);
    if (option != -1 || optind < argc) {
        fprintf(stderr, "usage: %s [-p FILE]\n", argv[0]);
        exit(2);
    }
    return pid_file;
}

int main(int argc, char *argv[])
{
    open_log();
    const char *pid_file = read_options(argc, argv);
    clear_umask();
    ignore_hangup();
    reset_signals();

    /*
     * TODO: let the first process wait until the daemon is ready, and then
     * return 0. If the daemon cannot start, print its reason where the user
     * reads it, and return another status. Do so too if the daemon is killed,
     * even while another process has inherited the pipe.
     */

    leave_parent();
    start_session();
    leave_parent(); /* and so lead nothing */
    move_to_root();
    close_descriptors();
    open_dev_null();
    if (pid_file != NULL)
        write_pid_file(pid_file);
    syslog(LOG_INFO, "running in the background");

    for (;;)
        pause();
}
