/*
 * 10_reset_state: what it inherited is undone
 *
 * fork() and execve() pass on more than descriptors. Which signals are ignored,
 * which are blocked, and the environment come from the program that starts the
 * daemon. nohup ignores SIGHUP, Python ignores SIGPIPE, and a program with a
 * signalfd blocks the signals that it reads there. A daemon that starts with
 * SIGTERM ignored does not stop at a `kill`. One that starts with somebody's TZ
 * writes their local time into the log.
 *
 * So the daemon undoes all three. It sets every signal to its default, ignores
 * SIGHUP, and then unblocks everything. The order matters: a SIGHUP may have
 * been pending since before the start, and it would kill the daemon at the
 * moment in which it is unblocked. Last it removes every variable.
 *
 * See it:   env --ignore-signal --block-signal build/solutions/10_reset_state
 *           ps -C 10_reset_state -o pid,stat,blocked,ignored
 * End it:   kill the PID that ps shows
 * Read:     steps/10_reset_state.md, signal(7), clearenv(3)
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

/* Say what failed and why, and end: no half-made daemon stays. */
static noreturn void give_up(const char *what, const char *reason)
{
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
        char numbers[64];
        (void)snprintf(numbers, sizeof(numbers), "%d, %d, %d", in, out, err);
        give_up("/dev/null should be 0, 1, 2, and is", numbers);
    }
}

int main(void)
{
    open_log();
    clear_umask();
    ignore_hangup();

    /*
     * TODO: undo what this process may have been started with. Give every
     * signal but SIGHUP its default action again. After that, unblock all
     * signals. Then remove all variables from the environment.
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
