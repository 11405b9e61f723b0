/*
 * names itself so that proc parses wrongly
 *
 * expects: wrong state
 * told: Only the first process is there
 */
#include <sys/prctl.h>
#include <unistd.h>

int main(void)
{
    prctl(PR_SET_NAME, ") S 1 4 4\n\xff(", 0, 0, 0);
    for (;;)
        pause();
}
