/* 22_time_of_init (step 02): gives init one second of processor time, and then
   thousands of orphans to wait for. must: wrong, status 1. */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <unistd.h>

int main(void)
{
    struct rlimit second = {1, 1};
    (void)prlimit(1, RLIMIT_CPU, &second, NULL);
    for (int i = 0; i < 4000; i++)
        if (fork() > 0)
            _exit(0);
    for (;;)
        pause();
}
