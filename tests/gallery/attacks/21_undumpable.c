/* 21_undumpable (step 02): a wrong answer (no fork) that hides itself: an
   ordinary user may not look at it then. must: wrong, status 1, and the answer
   beside it is judged. */
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <unistd.h>

int main(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    for (;;)
        pause();
}
