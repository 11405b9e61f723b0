/* Makes chosen system calls fail in the job: seccomp(2) needs no privilege. */
#define _GNU_SOURCE
#include "faults.h"

#include "wire.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#elif defined(__i386__)
#define NATIVE AUDIT_ARCH_I386
#elif defined(__arm__)
#define NATIVE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define NATIVE AUDIT_ARCH_PPC64LE
#else
#error "name this machine's AUDIT_ARCH_ constant here: see seccomp(2)"
#endif

/* Not every architecture has the older calls, nor every header the newer. */
#ifndef SYS_fork
#define SYS_fork SYS_clone
#endif
#ifndef SYS_vfork
#define SYS_vfork SYS_clone
#endif
#ifndef SYS_pipe
#define SYS_pipe SYS_pipe2
#endif
#ifndef SYS_accept
#define SYS_accept SYS_accept4
#endif
#ifndef SYS_socketcall
#define SYS_socketcall SYS_sendto
#endif
#ifndef SYS_signalfd
#define SYS_signalfd SYS_signalfd4
#endif
#ifndef SYS_unlink
#define SYS_unlink SYS_unlinkat
#endif
#ifndef SYS_rename
#define SYS_rename SYS_renameat2
#endif
#ifndef SYS_renameat
#define SYS_renameat SYS_renameat2
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* Of an argument, which has 64 bits: byteorder(3). */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { LOW_HALF = 4, HIGH_HALF = 0 };
#else
enum { LOW_HALF = 0, HIGH_HALF = 4 };
#endif
#define UPPER(argument) ((unsigned)((unsigned long long)(argument) >> 32))

enum { X32_CALLS = 0x40000000 }; /* __X32_SYSCALL_BIT in asm/unistd.h */

enum { ANY_ARGUMENT = -1 };

static const struct fault {
    const char *name;
    int instead; /* the errno that a call fails with, or a FAULT_ of protocol.h */
    int count;
    struct {
        int number;
        int argument; /* the first one; of any other value it goes on */
    } calls[MAX_FAULT_CALLS];
} faults[] = {
#define ROW(name, instead, count, ...) {name, instead, count, {__VA_ARGS__}},
    FAULTS(ROW)
#undef ROW
};

static unsigned action(const struct fault *fault)
{
    switch (fault->instead) {
    case FAULT_KILLED:
        return SECCOMP_RET_KILL_PROCESS;
    case FAULT_HELD:
        return SECCOMP_RET_USER_NOTIF;
    default:
        return SECCOMP_RET_ERRNO | (unsigned)fault->instead;
    }
}

/* Whoever holds the descriptor is told of each call, and says how it goes
   on. */
static void install(const struct request *request, const struct fault *fault,
                    const struct sock_fprog *program)
{
    unsigned long flags =
        fault->instead == FAULT_HELD ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
    long listener =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
    if (listener == -1)
        broken(request, "seccomp");
    if (fault->instead == FAULT_HELD)
        report_descriptor(request, "stream listener", (int)listener);
}

static const struct fault *find_fault(const struct request *request)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (strcmp(faults[i].name, request->fault) == 0)
            return &faults[i];
    errno = EINVAL;
    broken(request, request->fault);
}

void inject_fault(const struct request *request)
{
    if (request->fault == NULL)
        return;
    const struct fault *fault = find_fault(request);

    struct sock_filter filter[5 * MAX_FAULT_CALLS + 16];
    unsigned short length = 0;
    /* A program may call the kernel in another machine's way as well (int 0x80,
       x32). A call that is made to fail works then, which fools nobody; one
       that is held must not slip through. */
    unsigned foreign =
        fault->instead == FAULT_HELD ? action(fault) : SECCOMP_RET_ALLOW;
#define ADD(...) filter[length++] = (struct sock_filter)__VA_ARGS__
#define LOAD(field) ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, field))
#define RETURN(value) ADD(BPF_STMT(BPF_RET | BPF_K, value))
/* Goes on with the next line if they are equal, and else passes some over. */
#define UNLESS_EQUAL_PASS(value, count)                                        \
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), 0, count))
    LOAD(offsetof(struct seccomp_data, arch));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0));
    RETURN(foreign);
    LOAD(offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    ADD(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1));
    RETURN(foreign);
#endif
    if (fault->instead == FAULT_HELD) {
        /* what the launcher says must not wait */
        UNLESS_EQUAL_PASS(SYS_sendmsg, 5);
        LOAD(offsetof(struct seccomp_data, args) + LOW_HALF);
        UNLESS_EQUAL_PASS(control_argument(request), 3);
        LOAD(offsetof(struct seccomp_data, args) + HIGH_HALF);
        UNLESS_EQUAL_PASS(UPPER(control_argument(request)), 1);
        RETURN(SECCOMP_RET_ALLOW);
        LOAD(offsetof(struct seccomp_data, nr));
    }
    for (int i = 0; i < fault->count; i++) {
        bool any = fault->calls[i].argument == ANY_ARGUMENT;
        UNLESS_EQUAL_PASS(fault->calls[i].number, any ? 1 : 4);
        if (!any) {
            LOAD(offsetof(struct seccomp_data, args) + LOW_HALF);
            UNLESS_EQUAL_PASS(fault->calls[i].argument, 1);
        }
        RETURN(action(fault));
        if (!any)
            LOAD(offsetof(struct seccomp_data, nr));
    }
    RETURN(SECCOMP_RET_ALLOW);
#undef UNLESS_EQUAL_PASS
#undef RETURN
#undef LOAD
#undef ADD
    const struct sock_fprog program = {.len = length, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
        broken(request, "PR_SET_NO_NEW_PRIVS");
    install(request, fault, &program);
}
