/* 09_read_of_another (step 00): reads the answer of somebody else, whose folder
   lies beside its own. must: the other folder is not in sight; nothing is
   printed but the last line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>

#ifndef FOLDER
#define FOLDER "/opt/lab"
#endif

int main(void)
{
    if (open(FOLDER "/bob/03_setsid.c", O_RDONLY) != -1)
        puts("allowed: to read the answer of another");
    puts("tried all");
    return 0;
}
