/*
 * runs another program
 *
 * expects: wrong state
 * told: starts another program
 */
#include <unistd.h>

int main(void)
{
    if (fork())
        _exit(0);
    execl("/bin/sleep", "sleep", "1000", (char *)0);
}
