/* 55_descriptors_in_flight (step 02): a right answer that leaves 4000
   descriptors on their way in socket pairs. The kernel counts them by user
   (unix(7), ETOOMANYREFS): other programs of that user cannot pass any. must:
   the lab goes on. Root's answers hinder nobody; when it has ended everybody
   can pass descriptors again. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EACH = 200, PAIRS = 20 };

int main(void)
{
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(EACH * sizeof(int))] = {0};
    int fds[EACH] = {0};
    struct rlimit files;
    umask(0);
    if (fork() != 0)
        _exit(0);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < PAIRS; i++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == -1)
            break;
        struct iovec part = {"x", 1};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = space,
                                 .msg_controllen = sizeof(space)};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(fds));
        memcpy(CMSG_DATA(header), fds, sizeof(fds));
        if (sendmsg(ends[0], &message, 0) == -1)
            break;
    }
    for (;;)
        pause();
}
