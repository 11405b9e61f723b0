/* 29_mounts_nested (step 00): file systems and sockets that a user namespace of
   its own allows: the kernel's surface. must: no namespace is had, and nothing
   else; nothing is printed but the last line. */
#define _GNU_SOURCE
#include "privileged.h"

int main(void)
{
    static const int kinds[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWNET,
                                CLONE_NEWIPC,  CLONE_NEWPID, CLONE_NEWCGROUP};
    static const char *const types[] = {"tmpfs",  "cgroup2", "mqueue",
                                        "devpts", "sysfs",   "proc"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        told("a namespace", unshare(kinds[i]));
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        told(types[i], mount("none", "/tmp", types[i], 0, NULL));
    told("the memory cgroup", mount("none", "/tmp", "cgroup", 0, "memory"));
    told("fsopen of ext4", syscall(SYS_fsopen, "ext4", 0));
    told("a raw socket", socket(AF_INET, SOCK_RAW, 1));
    told("a packet socket", socket(AF_PACKET, SOCK_RAW, 0));
    told("ip_forward", open("/proc/sys/net/ipv4/ip_forward", O_WRONLY));
    puts("tried all");
    return 0;
}
