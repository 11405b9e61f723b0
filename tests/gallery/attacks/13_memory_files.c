/* 13_memory_files (step 02): a right answer that takes 768 MiB in memory files
   before it rests. The limit on address space does not count them. must: where
   there is a cgroup the answer is told that it took more memory than 512 MiB;
   else the header of the report says that this limit does not hold. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    static char block[1 << 20];
    umask(0);
    if (fork() != 0)
        _exit(0);
    for (int i = 0; i < 12; i++) {
        int fd = memfd_create("m", 0);
        for (int j = 0; fd >= 0 && j < 64; j++)
            if (write(fd, block, sizeof(block)) < 0)
                break;
    }
    for (;;)
        pause();
}
