/* 53_full_disk (step 02): a right answer that fills its file system, and rests.
   must: it is told so, status 1. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    static char block[1 << 20];
    char name[32];
    umask(0);
    if (fork() != 0)
        _exit(0);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name), "file%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0600);
        for (int j = 0; j < 30 && write(fd, block, sizeof(block)) > 0; j++)
            continue;
        (void)close(fd);
    }
    for (;;)
        pause();
}
