/*
 * 06_dev_null: standard descriptors that lead nowhere
 *
 * Library code reads standard input and writes to standard output and error
 * without asking. With 0, 1 and 2 closed, the next file that the daemon opens
 * becomes one of them, and a stray message is written into it: into its log,
 * its database, a client's connection. The null device takes their places.
 *
 * open() and dup() return the lowest number that is free: as all are closed,
 * three calls give 0, 1 and 2. Other numbers mean that one of them failed, or
 * that something was left open.
 *
 * See it:   build/solutions/06_dev_null
 *           ls -l /proc/$(pgrep -x 06_dev_null)/fd
 * End it:   kill the PID that pgrep shows
 * Read:     steps/06_dev_null.md, null(4), dup(2), stdin(3)
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
        exit(EXIT_FAILURE); /* with nowhere left to say why */
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

    for (;;)
        pause();
}
