/* 26_slow_init_down (step 00): moves init to another processor, and to the
   lowest priority. must: EPERM; nothing is printed but the last line. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

int main(void)
{
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (sched_setaffinity(1, sizeof(first), &first) == 0)
        puts("allowed: sched_setaffinity");
    if (setpriority(PRIO_PROCESS, 1, 19) == 0)
        puts("allowed: setpriority");
    puts("tried all");
    return 0;
}
