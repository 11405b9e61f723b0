/*
 * 07_syslog: a place to say what happens
 *
 * A daemon has no terminal, and its standard error leads nowhere. syslog(3)
 * hands a message to the system's logger through the socket /dev/log, with a
 * facility (which kind of program), a level, and a tag (which program): the
 * logger decides where it goes. The process itself need open no file for it.
 *
 * Now a failure is told in two places, since standard error is closed later on.
 * If nobody listens at /dev/log the message is lost, and the daemon goes on.
 *
 * See it:   build/solutions/07_syslog
 *           journalctl -t 07_syslog -n 1       (or: grep 07_syslog in the
 *           file that your logger writes facility daemon to)
 * End it:   kill the PID that stands in the message
 * Read:     steps/07_syslog.md, syslog(3), unix(7)
 */
#define _GNU_SOURCE /* syscall() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Say which call failed and why, and end: no half-made daemon lives on. */
static noreturn void die(const char *call)
{
    /* TODO: once the terminal is gone, nobody reads this. Tell the log too. */
    perror(call);
    exit(EXIT_FAILURE);
}

/* umask() cannot fail: what it returns is the mask before. */
static void clear_umask(void)
{
    (void)umask(0);
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
        /* TODO: tell the log which numbers came out instead of 0, 1, 2. */
        exit(EXIT_FAILURE);
    }
}

int main(void)
{
    clear_umask();
    leave_parent();
    start_session();
    move_to_root();
    close_descriptors();
    open_dev_null();
    /*
     * TODO: report through the system's log, as facility daemon and under the
     * name of this program, that the daemon is running.
     */

    for (;;)
        pause();
}
