/*
 * 02_fork: a process that nobody waits for
 *
 * The shell waits for the process that it started. So that process ends, and a
 * child of it lives on: the shell prompts again, and the kernel gives the
 * orphan a new parent, init or a subreaper. The child leads no process group,
 * since it has a new PID in its parent's group: step 03 needs just that.
 *
 * Still the shell's: the session, the process group, the terminal. Signals that
 * the terminal sends, on Ctrl-C or when it hangs up, may still reach the child.
 *
 * See it:   build/solutions/02_fork
 *           ps -o ppid,pid,pgid,sid,tty,tpgid,stat,args -C 02_fork
 * End it:   kill the PID that ps shows
 * Read:     steps/02_fork.md, fork(2), _exit(2), prctl(2)
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

int main(void)
{
    clear_umask();
    leave_parent();

    for (;;)
        pause();
}
