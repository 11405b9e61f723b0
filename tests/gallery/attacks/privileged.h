/* Calls that need a capability: what 27 tries as the answer, 28 in a user
   namespace of its own, and 54 as root of the sandbox. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static inline void told(const char *what, long result)
{
    if (result >= 0)
        printf("allowed: %s\n", what);
}

/* What changes the system outside, or the sandbox's own walls. */
__attribute__((unused)) static void try_walls(void)
{
    const struct timespec now = {1, 0};
    told("remount of /usr",
         mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
    told("remount of /etc",
         mount(NULL, "/etc", NULL, MS_REMOUNT | MS_BIND, NULL));
    told("remount of /", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
    told("umount of /etc", umount2("/etc", MNT_DETACH));
    told("umount of /proc", umount2("/proc", MNT_DETACH));
    told("a disk", mount("/dev/vda", "/tmp", "ext4", 0, NULL));
    told("a device node", mknod("/tmp/node", S_IFBLK | 0600, makedev(8, 0)));
    told("clock_settime", clock_settime(CLOCK_REALTIME, &now));
    told("acct", acct("/tmp/acct"));
    told("swapon", swapon("/tmp/swap", 0));
    told("core_pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY));
    told("sysrq", open("/proc/sysrq-trigger", O_WRONLY));
}
