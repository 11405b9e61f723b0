/* 11_write_below_a_mount (step 00): writes to a file system that is mounted
   below what the sandbox shows. must: it is read-only there, or not in sight;
   no file is there afterwards. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>

#ifndef FOLDER
#define FOLDER "/opt/lab"
#endif

int main(void)
{
    if (open(FOLDER "/scratch/left", O_WRONLY | O_CREAT, 0666) != -1)
        puts("allowed: to write below a mount");
    puts("tried all");
    return 0;
}
