/*
 * 11_pid_file: one instance, and everybody can find it
 *
 * -p FILE names a file that holds the daemon's PID, so that anybody can send it
 * a signal. The file alone does not show that the daemon is running. A daemon
 * that was killed leaves its file behind, and its PID may be another process's
 * by now. A lock on the file does show it, because the kernel gives a lock back
 * when the process that has it ends.
 *
 * So the order is: open, lock, and only then change what is in the file. A
 * process that does not get the lock leaves the file alone, and exits. The
 * descriptor stays open as long as the daemon runs, because closing it would
 * unlock the file.
 *
 * See it:   build/solutions/11_pid_file -p my.pid; cat my.pid
 *           build/solutions/11_pid_file -p my.pid; journalctl -n 1
 * End it:   kill $(cat my.pid)
 * Read:     steps/11_pid_file.md, flock(2), getopt(3)
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

    /*
     * TODO: take the option -p FILE. A name that does not begin with / starts
     * in the directory in which this program was started.
     */

    clear_umask();
    ignore_hangup();
    reset_signals();
    clear_environment();
    leave_parent();
    start_session();
    leave_parent(); /* and so lead nothing */
    move_to_root();
    close_descriptors();
    open_dev_null();

    /*
     * TODO: with -p FILE, write this PID and a newline into FILE. Keep FILE
     * locked as long as this process runs. A second instance exits and leaves
     * FILE alone, and a FILE that is no regular file is refused.
     */

    syslog(LOG_INFO, "running in the background");

    for (;;)
        pause();
}
