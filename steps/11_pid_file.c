/*
 * 11_pid_file: one instance, and everybody can find it
 *
 * -p FILE names a file that holds the daemon's PID, for whoever wants to send
 * it a signal. Whether the daemon lives the file cannot tell: it may have been
 * left by one that was killed, and its PID may be another process's by now. A
 * lock on it can, since the kernel gives that back when its holder ends.
 *
 * So the order is: open, lock, and only then change what is in it. Whoever
 * does not get the lock leaves the file alone, and ends. The descriptor stays
 * open for as long as the daemon lives: closing it would unlock the file.
 *
 * This step takes more lines than the others: an option has to be read, too.
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

int main(void)
{
    open_log();
    clear_umask();
    ignore_hangup();
    reset_signals();
    leave_parent();
    start_session();
    leave_parent(); /* and so lead nothing */
    move_to_root();
    close_descriptors();
    open_dev_null();

    /*
     * TODO: -p FILE: see to it that FILE holds this PID and a newline, that it
     * is locked for as long as this process lives, and that a second instance
     * ends and leaves FILE alone. A name that does not start with / is meant
     * from the directory of the launch.
     */

    syslog(LOG_INFO, "running in the background");

    for (;;)
        pause();
}
