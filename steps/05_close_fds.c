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
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <sys/stat.h>
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

int main(void)
{
    clear_umask();
    leave_parent();
    start_session();
    move_to_root();
    /*
     * TODO: close every descriptor that this process has inherited, whatever
     * its number. Neither 1024 nor the limit on open files tells you where the
     * last one is. Think of a kernel that does not have the call you chose.
     */

    for (;;)
        pause();
}
