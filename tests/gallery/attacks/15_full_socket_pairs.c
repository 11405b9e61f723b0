/* 15_full_socket_pairs (step 02): a right answer that fills 1500 socket pairs:
   600 MiB of the kernel's memory, which no limit of a process counts. must: as
   for 13. */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    static char block[4096];
    struct rlimit files;
    umask(0);
    if (fork() != 0)
        _exit(0);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < 1900; i++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1)
            break;
        for (int j = 0; j < 2; j++)
            while (send(ends[j], block, sizeof(block), MSG_DONTWAIT) > 0)
                continue;
    }
    for (;;)
        pause();
}
