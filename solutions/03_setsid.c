/*
 * 03_setsid: a session of its own
 *
 * A process inherits its session, and with it the controlling terminal: what
 * is typed there can signal it, and when the terminal goes away so may it.
 * setsid() starts a session that has this process alone in it, as leader of the
 * session and of a new process group, with no controlling terminal.
 *
 * It fails (EPERM) in a process that leads a process group already, as the
 * first process of every job of a shell does: hence the fork before it.
 *
 * See it:   build/solutions/03_setsid
 *           ps -o ppid,pid,pgid,sid,tty,tpgid,stat,args -C 03_setsid
 * End it:   kill the PID that ps shows
 * Read:     steps/03_setsid.md, setsid(2), credentials(7)
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

    for (;;)
        pause();
}
