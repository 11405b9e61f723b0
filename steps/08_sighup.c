/*
 * 08_sighup: a hang-up that does not end it
 *
 * When the leader of a session ends, the kernel sends SIGHUP to the process
 * group in the foreground of its terminal. Started by a shell that is no
 * matter, since the shell leads. But where the program itself is the leader
 * (ssh -t HOST PROGRAM, or a terminal window that runs it), its own first exit
 * is the end of the leader, and the child is still in that group: SIGHUP ends
 * it unless it is quicker with setsid().
 *
 * So SIGHUP is ignored before the fork, and the child inherits that. Ignoring
 * it after setsid(), as the common recipe does, is too late for this.
 *
 * See it:   script -qc 'exec build/solutions/07_syslog' /dev/null
 *           script -qc 'exec build/solutions/08_sighup' /dev/null
 *           pgrep -l '^0[78]_' (a few times: the first may be lucky)
 * End it:   kill the PID that pgrep tells
 * Read:     steps/08_sighup.md, setsid(2), signal(7), script(1)
 */
#define _GNU_SOURCE /* syscall(), program_invocation_short_name */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

    /*
     * TODO: see to it that a hang-up of the terminal ends neither this process
     * nor its children, even if this process is the leader of the session.
     */

    leave_parent();
    start_session();
    move_to_root();
    close_descriptors();
    open_dev_null();
    syslog(LOG_INFO, "running in the background");

    for (;;)
        pause();
}
