/* 10_read_files_of_the_user (step 00, by an ordinary user): reads a file of the
   user's with mode 0600 below /opt, and one with mode 0640 of a supplementary
   group of the user's. must: neither is in sight; nothing is printed but the
   last line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>

#ifndef FOLDER
#define FOLDER "/opt/lab"
#endif

int main(void)
{
    if (open(FOLDER "/mine", O_RDONLY) != -1)
        puts("allowed: to read a file of the user's");
    if (open(FOLDER "/of-my-group", O_RDONLY) != -1)
        puts("allowed: to read a file of the user's group");
    puts("tried all");
    return 0;
}
