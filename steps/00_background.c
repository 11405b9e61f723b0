/*
 * 00_background: an ordinary program that waits
 *
 * Nothing is to be filled in here. This is the process that the course turns
 * into a daemon, one property at a time. A shell starts it as a job, so all
 * that it has is the shell's: parent, session, terminal, working directory,
 * umask, open files. None of it is the program's own choice.
 *
 * See it:   build/solutions/00_background &
 *           ps -o ppid,pid,pgid,sid,tty,tpgid,stat,args -C 00_background
 * End it:   kill %1
 * Read:     steps/00_background.md, credentials(7), pause(2)
 */
#include <unistd.h>

int main(void)
{
    for (;;)
        pause();
}
