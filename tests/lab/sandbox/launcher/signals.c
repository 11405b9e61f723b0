/* What is done with signals. */
#define _GNU_SOURCE
#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a caller ignored or blocked shall reach neither us nor the job. Through
   the kernel: libc's functions leave out 32 and 33, which threads use, and a
   caller may have ignored these too. Fails for SIGKILL and SIGSTOP alone. */
void reset_signals(void)
{
    static const unsigned long
        default_action[8]; /* SIG_DFL, no flags, no mask */
    static const unsigned long empty_set[2];
    const size_t set_size = (NSIG - 1) / 8; /* bytes of the kernel's sigset_t */
    for (int number = 1; number < NSIG; number++)
        (void)syscall(SYS_rt_sigaction, number, default_action, NULL, set_size);
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, empty_set, NULL, set_size);
}

/* All that can be blocked, but for libc's own two, and for one: a full mask is
   then one that the program has made. See UNBLOCKED in scene.py. */
static void block_signals(void)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGWINCH);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Every signal that can be ignored is, but for libc's own two. */
void hold_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_IGN);
    block_signals();
}

/* A hang-up that came before the program is run: execve(2) keeps it. */
void leave_hangup_pending(void)
{
    block_signals();
    (void)kill(getpid(), SIGHUP);
}

/* A descriptor that can be read when a child has ended. */
int watch_children(void)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}
