/*
 * 10_reset_signals: a fresh signal state
 *
 * Which signals are ignored and which are blocked passes through fork() and
 * execve(). What starts a daemon may have set either for itself: nohup ignores
 * SIGHUP, Python ignores SIGPIPE, a program with a signalfd blocks what it
 * reads there. A daemon that starts with SIGTERM ignored cannot be stopped
 * but by SIGKILL.
 *
 * So it takes nothing for granted: SIGHUP is ignored, every other action goes
 * back to the default, and only then nothing is blocked any more. A SIGHUP may
 * have been pending since before the start: unblocked first, it would end us.
 *
 * See it:   env --ignore-signal --block-signal build/solutions/09_second_fork
 *           grep Sig /proc/$(pgrep -n second_fork)/status
 *           env --ignore-signal --block-signal build/solutions/10_reset_signals
 *           grep Sig /proc/$(pgrep -n reset_signal)/status
 * End it:   kill -KILL the PID that pgrep tells; 10_reset_signals: kill
 * Read:     steps/10_reset_signals.md, signal(7), execve(2)
 */
#define _GNU_SOURCE /* syscall(), program_invocation_short_name */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
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

int main(void)
{
    open_log();
    clear_umask();
    ignore_hangup();

    /*
     * TODO: undo what this process may have been started with: what is ignored
     * gets its default action again, all but SIGHUP, and then what is blocked
     * is let through.
     */

    leave_parent();
    start_session();
    leave_parent(); /* and so lead nothing */
    move_to_root();
    close_descriptors();
    open_dev_null();
    syslog(LOG_INFO, "running in the background");

    for (;;)
        pause();
}
