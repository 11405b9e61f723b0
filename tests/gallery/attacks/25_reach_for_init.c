/* 25_reach_for_init (step 00): ptrace, memory and descriptors of init and of
   the shell, and signals to init. must: all is refused, or without effect;
   nothing is printed but the last line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void try_process(pid_t pid)
{
    static const char *const files[] = {"mem",   "environ", "maps", "root/etc",
                                        "cwd/.", "ns/user", "fd/0"};
    char byte, path[64];
    struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0)
        printf("allowed: ptrace %d\n", (int)pid);
    if (process_vm_readv(pid, &here, 1, &there, 1, 0) == 1)
        printf("allowed: process_vm_readv %d\n", (int)pid);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd != -1 && syscall(SYS_pidfd_getfd, pidfd, 20, 0) >= 0)
        printf("allowed: pidfd_getfd %d\n", (int)pid);
    if (syscall(SYS_kcmp, getpid(), pid, 1, 0, 0) >= 0)
        printf("allowed: kcmp %d\n", (int)pid);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[i]);
        int fd = open(path, O_RDONLY);
        if (fd != -1 && read(fd, &byte, 1) >= 0)
            printf("allowed: %s\n", path);
    }
}

int main(void)
{
    try_process(1);
    try_process(getppid());
    (void)kill(1, SIGKILL);
    (void)kill(1, SIGSTOP);
    (void)kill(1, SIGTERM);
    puts("tried all");
    return 0;
}
