/*
 * makes 100000 files
 *
 * expects: wrong state
 * told: Only the first process is there
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    char n[20];
    for (int i = 0; i < 100000; i++) {
        sprintf(n, "%d", i);
        creat(n, 0600);
    }
    for (;;)
        pause();
}
