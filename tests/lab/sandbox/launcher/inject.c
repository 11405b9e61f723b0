/* Makes a process that runs already do something: ptrace(2). */
#define _GNU_SOURCE
#include "inject.h"

#include "terminal.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RED_ZONE = 128, TEXT_SIZE = 64 }; /* bytes below the stack pointer */
enum {
    TURN =
        10 * 1000 * 1000, /* nanoseconds between two looks, if nothing tells */
    STOP_TURNS = 500      /* so that a process has 5 s to stop */
};

/* A system call. Where `text` is not NULL its second argument is the address
   of a copy of that, in the process. */
struct call {
    unsigned long number, first, second, third;
    const char *text;
};

/* Waits until a process that is traced has stopped: 0, or a negative errno. It
   may never do so: a filter of its own can hold it in the call that it is made
   to make. Then it is killed, since nothing else can be done with it any more.
   SIGCHLD, which is blocked here, tells of a stop too: waitid(2). */
static int await_stop(pid_t pid)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    const struct timespec turn = {.tv_nsec = TURN};
    for (int waited = 0; waited < STOP_TURNS; waited++) {
        int status;
        pid_t found = waitpid(pid, &status, __WALL | WNOHANG);
        if (found == -1)
            return -errno;
        if (found == pid)
            return WIFSTOPPED(status) ? 0 : -ESRCH;
        (void)sigtimedwait(&child, NULL, &turn);
    }
    (void)kill(pid, SIGKILL);
    return -ETIMEDOUT;
}

#if defined(__x86_64__)

/* The registers with which a call is made at the next instruction. No number in
   orig_rax: else the call that was interrupted would be restarted over it. */
static struct user_regs_struct prepared(const struct user_regs_struct *before,
                                        const struct call *call,
                                        unsigned long text)
{
    struct user_regs_struct registers = *before;
    registers.orig_rax = (unsigned long)-1;
    registers.rax = call->number;
    registers.rdi = call->first;
    registers.rsi = call->text == NULL ? call->second : text;
    registers.rdx = call->third;
    registers.r10 = 0;
    return registers;
}

static bool write_text(pid_t pid, unsigned long address, const char *text)
{
    char copy[TEXT_SIZE] = "";
    (void)strncpy(copy, text, sizeof(copy) - 1);
    for (size_t i = 0; i < sizeof(copy); i += sizeof(long)) {
        long word;
        memcpy(&word, copy + i, sizeof(word));
        if (ptrace(PTRACE_POKEDATA, pid, address + i, word) == -1)
            return false;
    }
    return true;
}

static bool read_memory(pid_t pid, unsigned long address, void *to, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof(long)) {
        errno = 0;
        long word = ptrace(PTRACE_PEEKDATA, pid, address + i, NULL);
        if (errno != 0)
            return false;
        memcpy((char *)to + i, &word, sizeof(word));
    }
    return true;
}

/* `syscall`, then `int3`, which hands the process back to us. */
static const unsigned long instructions = 0xcc050f;

/* The result of a call in a stopped process. What the call has left in the
   place of its text goes to `left`, unless that is NULL. */
static long call_there(pid_t pid, const struct call *call,
                       struct itimerspec *left)
{
    struct user_regs_struct before;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &before) == -1)
        return -errno;
    unsigned long text = (before.rsp - RED_ZONE - TEXT_SIZE) & ~7UL;
    if (call->text != NULL && !write_text(pid, text, call->text))
        return -errno;
    errno = 0;
    long code = ptrace(PTRACE_PEEKTEXT, pid, before.rip, NULL);
    struct user_regs_struct registers = prepared(&before, call, text);
    if (errno != 0 ||
        ptrace(PTRACE_POKETEXT, pid, before.rip, instructions) == -1 ||
        ptrace(PTRACE_SETREGS, pid, NULL, &registers) == -1 ||
        ptrace(PTRACE_CONT, pid, NULL, NULL) == -1)
        return -errno;
    int stopped = await_stop(pid);
    if (stopped != 0)
        return stopped;
    if ((left != NULL && !read_memory(pid, text, left, sizeof(*left))) ||
        ptrace(PTRACE_GETREGS, pid, NULL, &registers) == -1 ||
        ptrace(PTRACE_POKETEXT, pid, before.rip, code) == -1 ||
        ptrace(PTRACE_SETREGS, pid, NULL, &before) == -1)
        return -errno;
    return (long)registers.rax;
}

/* Puts a stopped process back to before the call in which it was interrupted,
   unless the signal is blocked there: then it makes no difference. A mask that
   is set for the time of the call alone (sigsuspend, ppoll) is none of before
   it: PTRACE_GETSIGMASK gives the other one. */
static long step_back(pid_t pid, int number)
{
    struct user_regs_struct registers;
    unsigned long mask = 0;
    if (ptrace(PTRACE_GETSIGMASK, pid, sizeof(mask), &mask) == -1 ||
        ptrace(PTRACE_GETREGS, pid, NULL, &registers) == -1)
        return -errno;
    bool in_call = (long)registers.orig_rax >= 0;
    if (!in_call || (mask >> (number - 1) & 1) != 0)
        return 0;
    registers.rip -= 2; /* the length of `syscall` */
    registers.rax = registers.orig_rax;
    registers.orig_rax = (unsigned long)-1;
    return ptrace(PTRACE_SETREGS, pid, NULL, &registers) == -1 ? -errno : 0;
}

#else /* each architecture has registers and instructions of its own */

static long call_there(pid_t pid, const struct call *call,
                       struct itimerspec *left)
{
    (void)pid;
    (void)call;
    (void)left;
    return -ENOSYS;
}

static long step_back(pid_t pid, int number)
{
    (void)pid;
    (void)number;
    return -ENOSYS;
}

#endif

/* 0, or a negative errno. */
static int stop(pid_t pid)
{
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == -1 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == -1)
        return -errno;
    return await_stop(pid);
}

static long call_in(pid_t pid, const struct call *call)
{
    long result = stop(pid);
    if (result == 0)
        result = call_there(pid, call, NULL);
    (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return result;
}

/* A fresh terminal, which is nobody's; its other side stays open here. */
void order_terminal(const struct request *request, int pid)
{
    int master = open_terminal(request);
    const struct call open_it = {.number = SYS_openat,
                                 .first = (unsigned long)AT_FDCWD,
                                 .text = ptsname(master),
                                 .third = O_RDWR};
    report(request, "opened %ld", call_in(pid, &open_it));
}

/* Adds to `text` when each timer goes off, in nanoseconds from now; 0 if
   never. */
static long ask_timers_there(pid_t pid, const struct numbers *ids, char *text,
                             size_t size)
{
    struct itimerspec left = {0};
    const struct call interval = {
        .number = SYS_getitimer, .first = ITIMER_REAL, .text = ""};
    long result = call_there(pid, &interval, &left);
    if (result != 0)
        return result;
    /* struct itimerval has the same form, with microseconds */
    long long until =
        left.it_value.tv_sec * 1000000000LL + left.it_value.tv_nsec * 1000LL;
    (void)snprintf(text, size, " %lld", until);
    for (int i = 0; i < ids->count; i++) {
        const struct call timer = {.number = SYS_timer_gettime,
                                   .first = (unsigned long)ids->items[i],
                                   .text = ""};
        result = call_there(pid, &timer, &left);
        if (result != 0)
            return result;
        until = left.it_value.tv_sec * 1000000000LL + left.it_value.tv_nsec;
        size_t used = strlen(text);
        (void)snprintf(text + used, size - used, " %lld", until);
    }
    return 0;
}

/* When the timers of a process go off that no file in /proc tells of: that of
   setitimer(2) and alarm(2), and those of timer_create(2) with these IDs. */
void order_timers(const struct request *request, int pid,
                  const struct numbers *ids)
{
    char text[(MAX_NUMBERS + 1) * 24] = "";
    long result = stop(pid);
    if (result == 0)
        result = ask_timers_there(pid, ids, text, sizeof(text));
    (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
    report(request, "timers %ld%s", result, result == 0 ? text : "");
}

/* As whoever kept a way back could do it: setuid(2), setgid(2). */
void order_root(const struct request *request, int pid)
{
    const struct call user = {.number = SYS_setuid};
    const struct call group = {.number = SYS_setgid};
    long regained = call_in(pid, &user);
    report(request, "regained %ld %ld", regained, call_in(pid, &group));
}

/* The moment at which a program has looked whether a signal came, and does not
   wait yet: who looks and then waits sleeps on, with the signal already taken.
   The process is stopped while it is sent, so it finds it there. */
void order_raise(const struct request *request, int signal, int pid)
{
    long result = stop(pid);
    if (result == 0)
        result = step_back(pid, signal);
    if (result == 0 && kill(pid, signal) == -1)
        result = -errno;
    (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
    report(request, "raised %ld", result);
}
