/* 30_other_surfaces (step 00): calls that no namespace shuts off: io_uring,
   userfaultfd, fanotify, modify_ldt, memfd_secret, sockets of other families.
   must: they may be had, but what they reach is inside: no network but the
   loopback, no mark on a whole file system; nothing is printed but the last
   line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    char parameters[120] = {0};
    (void)syscall(SYS_io_uring_setup, 1, parameters);
    (void)syscall(SYS_userfaultfd, 1);
    (void)syscall(SYS_memfd_secret, 0);
    (void)socket(AF_NETLINK, SOCK_RAW, 0);
    (void)socket(40, SOCK_STREAM, 0); /* AF_VSOCK: no peer is contacted */
    struct if_nameindex *found = if_nameindex();
    for (const struct if_nameindex *each = found;
         each != NULL && each->if_index != 0; each++)
        if (strcmp(each->if_name, "lo") != 0)
            printf("allowed: to see the network interface %s\n", each->if_name);
    int group = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY);
    if (group != -1 && fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
                                     FAN_OPEN, AT_FDCWD, "/usr") == 0)
        puts("allowed: to watch a whole file system");
    if (group != -1 && fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MOUNT,
                                     FAN_OPEN, AT_FDCWD, "/usr") == 0)
        puts("allowed: to watch a whole mount");
    if (fanotify_init(FAN_CLASS_CONTENT, O_RDONLY) != -1)
        puts("allowed: to hold the accesses of others");
    puts("tried all");
    return 0;
}
