/*
 * becomes the solution
 *
 * expects: exited too soon
 * told: exits with an error
 */
#include <unistd.h>

int main(void)
{
    execl("{solutions}/02_fork.c", "x", (char *)0);
    execl("../solutions/02_fork", "x", (char *)0);
    return 1;
}
