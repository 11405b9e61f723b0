/* 14_nested_tmpfs (step 00): mounts a tmpfs without a limit in a user namespace
   of its own, and fills 640 MiB of it: more than the 512 MiB of memory that an
   answer may have. must: no user namespace is had; nothing is printed but the
   last line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

static void write_map(const char *path, unsigned id)
{
    char text[64];
    int fd = open(path, O_WRONLY);
    int size = snprintf(text, sizeof(text), "%u %u 1", id, id);
    (void)!write(fd, text, (size_t)size);
    (void)close(fd);
}

/* Its own ID: else no file can be made there. */
static void map_ids(unsigned user, unsigned group)
{
    int fd = open("/proc/self/setgroups", O_WRONLY);
    (void)!write(fd, "deny", 4);
    (void)close(fd);
    write_map("/proc/self/gid_map", group);
    write_map("/proc/self/uid_map", user);
}

int main(void)
{
    unsigned user = getuid(), group = getgid();
    static char block[1 << 20];
    int blocks = 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
        map_ids(user, group);
        if (mount("t", "/tmp", "tmpfs", 0, "size=100%") == 0)
            for (int i = 0; i < 10; i++) {
                char name[32];
                (void)snprintf(name, sizeof(name), "/tmp/f%d", i);
                int fd = open(name, O_CREAT | O_WRONLY, 0600);
                for (int j = 0; fd >= 0 && j < 64; j++)
                    if (write(fd, block, sizeof(block)) == sizeof(block))
                        blocks++;
                (void)close(fd);
            }
    }
    if (blocks > 64)
        printf("allowed: to take %d MiB\n", blocks);
    puts("tried all");
    return 0;
}
