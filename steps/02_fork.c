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
#include <sys/stat.h>
#include <unistd.h>

/* umask() cannot fail: what it returns is the mask before. */
static void clear_umask(void)
{
    (void)umask(0);
}

int main(void)
{
    clear_umask();
    /*
     * TODO: let the process that the shell started end, with status 0, while a
     * child of it goes on from here. If no child can be made, say why, and end
     * with a status that says so.
     */

    for (;;)
        pause();
}
