/*
 * fills the disk
 *
 * expects: never settled
 * told: Your program writes to a file without an end
 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int main(void)
{
    static char b[1 << 20];
    int fd = creat("big", 0600);
    signal(SIGXFSZ, SIG_IGN);
    while (write(fd, b, sizeof b) > 0)
        ;
    for (;;)
        pause();
}
