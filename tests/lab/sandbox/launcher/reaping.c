/* What becomes of children that have ended: waitid(2). */
#define _GNU_SOURCE
#include "reaping.h"

#include "wire.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_REAPED_REPORTS = 256
}; /* who forks for ever is not told of for ever */

/* Tells first and reaps then: whoever sees no process left has been told.
   Whether there was one; errno says why not, 0 if none has ended yet. */
static bool reap_one(const struct request *request, int how)
{
    static int told;
    siginfo_t child = {0};
    errno = 0;
    if (waitid(P_ALL, 0, &child, WEXITED | WNOWAIT | how) == -1 ||
        child.si_pid == 0)
        return false;
    /* as waitpid() gives it; not every libc has a macro that makes one */
    int status =
        child.si_code == CLD_EXITED ? child.si_status << 8 : child.si_status;
    if (++told <= MAX_REAPED_REPORTS)
        report(request, "reaped %d %d", (int)child.si_pid, status);
    (void)waitpid(child.si_pid, NULL, 0);
    return true;
}

/* All that have ended by now. */
void reap(const struct request *request)
{
    while (reap_one(request, WNOHANG))
        ;
}

/* Waits for each child to end. There is always one here: the shell, which ends
   with the launch, or whatever killed it. */
noreturn void reap_for_ever(const struct request *request)
{
    while (reap_one(request, 0) || errno == EINTR)
        ;
    for (;;)
        pause();
}
