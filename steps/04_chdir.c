/*
 * 04_chdir: a directory that is always there
 *
 * A process keeps its working directory in use for as long as it lives. A
 * daemon that stays where it was started keeps that file system from being
 * unmounted, and if the directory is removed its relative paths lead nowhere.
 * The root directory cannot be removed and is never unmounted.
 *
 * From here on a relative path means something else than it did for the user
 * who typed it: what came as an argument has to be opened or resolved before.
 *
 * See it:   build/solutions/04_chdir
 *           readlink /proc/$(pgrep -x 04_chdir)/cwd
 * End it:   kill the PID that pgrep shows
 * Read:     steps/04_chdir.md, chdir(2), umount(2) under EBUSY
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

int main(void)
{
    clear_umask();
    leave_parent();
    start_session();
    /*
     * TODO: stop keeping the directory that this was started in (and with it a
     * whole file system) in use. Check that it worked.
     */

    for (;;)
        pause();
}
