/* Makes a process that runs already open a terminal: ptrace(2). */
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RED_ZONE = 128, PATH_SIZE = 64 }; /* bytes below the stack pointer */

#if defined(__x86_64__)

/* The registers with which a call is made at the next instruction. No number in
   orig_rax: else the call that was interrupted would be restarted over it. */
static struct user_regs_struct prepared(const struct user_regs_struct *before,
                                        unsigned long path)
{
    struct user_regs_struct registers = *before;
    registers.orig_rax = (unsigned long)-1;
    registers.rax = SYS_openat;
    registers.rdi = (unsigned long)AT_FDCWD;
    registers.rsi = path;
    registers.rdx = O_RDWR;
    registers.r10 = 0;
    return registers;
}

/* `syscall`, then `int3`, which hands the process back to us. */
static const unsigned long instructions = 0xcc050f;

/* The result of open(NAME, O_RDWR) in a stopped process. */
static long open_there(pid_t pid, const char *name)
{
    struct user_regs_struct before;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &before) == -1)
        return -errno;
    unsigned long path = (before.rsp - RED_ZONE - PATH_SIZE) & ~7UL;
    for (size_t i = 0; i < PATH_SIZE; i += sizeof(long)) {
        long word;
        memcpy(&word, name + i, sizeof(word));
        if (ptrace(PTRACE_POKEDATA, pid, path + i, word) == -1)
            return -errno;
    }
    errno = 0;
    long code = ptrace(PTRACE_PEEKTEXT, pid, before.rip, NULL);
    struct user_regs_struct registers = prepared(&before, path);
    int status;
    if (errno != 0 ||
        ptrace(PTRACE_POKETEXT, pid, before.rip, instructions) == -1 ||
        ptrace(PTRACE_SETREGS, pid, NULL, &registers) == -1 ||
        ptrace(PTRACE_CONT, pid, NULL, NULL) == -1 ||
        waitpid(pid, &status, __WALL) == -1 ||
        ptrace(PTRACE_GETREGS, pid, NULL, &registers) == -1 ||
        ptrace(PTRACE_POKETEXT, pid, before.rip, code) == -1 ||
        ptrace(PTRACE_SETREGS, pid, NULL, &before) == -1)
        return -errno;
    return (long)registers.rax;
}

#else /* each architecture has registers and instructions of its own */

static long open_there(pid_t pid, const char *name)
{
    (void)pid;
    (void)name;
    return -ENOSYS;
}

#endif

static long open_in(pid_t pid, const char *terminal)
{
    char name[PATH_SIZE] = "";
    (void)strncpy(name, terminal, sizeof(name) - 1);
    int status;
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == -1)
        return -errno;
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == -1 ||
        waitpid(pid, &status, __WALL) == -1)
        return -errno;
    if (!WIFSTOPPED(status))
        return -ESRCH;
    long result = open_there(pid, name);
    (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return result;
}

/* A fresh terminal, which is nobody's; its other side stays open here. */
void open_terminal_in(const struct request *request, pid_t pid)
{
    int master = open_terminal(request);
    report(request, "opened %ld", open_in(pid, ptsname(master)));
}
