/* 27_privileged_calls (step 00): mounts, device nodes, chroot, names, clocks,
   other users, raw sockets. must: EPERM; nothing is printed but the last line.
 */
#define _GNU_SOURCE
#include "privileged.h"

int main(void)
{
    const struct sched_param first = {.sched_priority = 1};
    try_walls();
    told("a tmpfs", mount("t", "/tmp", "tmpfs", 0, NULL));
    told("chroot", chroot("/tmp"));
    told("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
    told("sethostname", sethostname("x", 1));
    told("SCHED_FIFO", sched_setscheduler(0, SCHED_FIFO, &first));
    told("a raw socket", socket(AF_INET, SOCK_RAW, 1));
    told("setuid(0)", setuid(0));
    puts("tried all");
    return 0;
}
