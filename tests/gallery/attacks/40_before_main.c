/* 40_before_main (step 02): forks before main(), in a constructor, and has 1
   TiB of variables. must: judged, status 1. */
#define _GNU_SOURCE
#include <unistd.h>

static char big[1UL << 30];

__attribute__((constructor)) static void fork_too_soon(void)
{
    (void)fork();
}

int main(void)
{
    big[0] = 1;
    for (;;)
        pause();
}
