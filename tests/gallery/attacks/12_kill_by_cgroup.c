/* 12_kill_by_cgroup (step 00): mounts the cgroups of whoever has started the
   lab, in namespaces of its own. In a cgroup of the user's own, to write to
   cgroup.kill would end the checker. It only looks whether it could. must: no
   namespace is had; nothing is printed but the last line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

int main(void)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) == 0) {
        puts("allowed: namespaces of its own");
        if (mount("none", "/tmp", "cgroup2", 0, NULL) == 0)
            puts("allowed: to mount the cgroups");
        if (open("/tmp/cgroup.kill", O_WRONLY) != -1)
            puts("allowed: to open cgroup.kill");
    }
    puts("tried all");
    return 0;
}
