/* 41_odd_text (step 04): control characters, what ends a CDATA section, and
   bytes that are no text, in its name, in the name of its directory, and in
   what it prints. must: all are spelt out in the report and in JUnit's file,
   which can be parsed; status 1. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ODD "\033[2J]]>\r\377\356\277\277\355\240\200\342\200\256<x>&\001"

int main(void)
{
    (void)prctl(PR_SET_NAME, ODD, 0, 0, 0);
    puts(ODD);
    (void)fflush(stdout);
    umask(0);
    if (fork() != 0)
        _exit(0);
    setsid();
    (void)mkdir(ODD, 0700);
    (void)!chdir(ODD);
    for (;;)
        pause();
}
