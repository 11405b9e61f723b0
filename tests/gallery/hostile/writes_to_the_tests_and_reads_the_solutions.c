/*
 * writes to the tests and reads the solutions
 *
 * expects: exited too soon
 * told: exits with an error
 */
#include <fcntl.h>
#include <unistd.h>

int main(void)
{
    const char *p[] = {"/etc/passwd",
                       "/usr/bin/cc",
                       "/home/x",
                       "/root/x",
                       "{tests}/x",
                       "{tests}/conftest.py",
                       "{solutions}/02_fork.c"};
    for (int i = 0; i < 7; i++)
        if (open(p[i], O_WRONLY | O_CREAT, 0666) >= 0)
            for (;;)
                pause();
    return 5;
}
