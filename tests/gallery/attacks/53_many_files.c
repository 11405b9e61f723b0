/* 53_many_files (step 02): a right answer that makes files until there is room for none, and rests.
   must: it is told so, status 1. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    char name[32];
    umask(0);
    if (fork() != 0)
        _exit(0);
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(name, sizeof(name), "file%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0600);
        if (fd == -1)
            break;
        (void)close(fd);
    }
    for (;;)
        pause();
}
