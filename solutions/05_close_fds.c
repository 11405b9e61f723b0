/*
 * 05_close_fds: nothing of the caller's held open
 *
 * Every open descriptor is inherited, at whatever number it is. One that stays
 * open in a daemon keeps a deleted file's blocks on the disk, a port taken, the
 * reader of a pipe waiting for an end of file that never comes.
 *
 * No limit tells where the last one is: a descriptor opened before the limit
 * was lowered lies beyond it, and a hard limit may be a thousand million. So
 * ask the kernel: close_range(2), or else the list in /proc/self/fd.
 *
 * See it:   build/solutions/05_close_fds
 *           ls -l /proc/$(pgrep -x 05_close_fds)/fd
 * End it:   kill the PID that pgrep shows
 * Read:     steps/05_close_fds.md, close_range(2), proc(5) under /proc/pid/fd
 */
#define _GNU_SOURCE /* syscall() */
#include <dirent.h>
#include <errno.h>
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

int main(void)
{
    clear_umask();
    leave_parent();
    start_session();
    move_to_root();
    close_descriptors();

    for (;;)
        pause();
}
