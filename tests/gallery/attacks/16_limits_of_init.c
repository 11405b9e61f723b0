/* 16_limits_of_init (step 11): takes the limits of init and of the shell away.
   prlimit(2) asks for the same IDs, and for no capability. What the launcher is
   told to do afterwards fails. must: a wrong answer, status 1, and the answer
   beside it is judged. */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    struct rlimit none = {0, 0};
    for (int resource = 0; resource < 16; resource++)
        if (resource != RLIMIT_CPU) {
            (void)prlimit(1, resource, &none, NULL);
            (void)prlimit(getppid(), resource, &none, NULL);
        }
    umask(0);
    if (fork() != 0)
        _exit(0);
    setsid();
    for (;;)
        pause();
}
