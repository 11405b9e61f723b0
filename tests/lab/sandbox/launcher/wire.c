/*
 * What a launch tells pytest, over its control socket: a line for each message,
 * and perhaps a descriptor. sandbox/protocol.py has all events. End of file on
 * that socket, in either direction, means that the other side is gone: the
 * launcher then ends all that it started.
 */
#define _GNU_SOURCE
#include "wire.h"

#include "tries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    /* Numbers for the control socket: below those that the job can inherit, from
       3000. Where the limit on open files is low, a few will do. */
    FIRST_CONTROL_FD = 1000,
    CONTROL_FDS = 1900,
    FEW_FDS = 100
};

/* The control socket, as the first argument of a system call. The kernel takes
   the low half for the number, but a filter sees all of it: seccomp(2). So what
   stands above is a password: it tells our own messages from those of an answer
   that has opened something at the same number. Where a long has 32 bits there
   is no room for one, and the number alone must do. */
unsigned long control_argument(const struct request *request)
{
    unsigned long number = (unsigned)request->control;
#if __SIZEOF_LONG__ == 8
    number |= (unsigned long)request->secret << 32;
#endif
    return number;
}

static void send_message(const struct request *request, const char *text,
                         const int *fd)
{
    struct iovec part = {.iov_base = (void *)text, .iov_len = strlen(text)};
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd != NULL) {
        message.msg_control = space;
        message.msg_controllen = sizeof(space);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), fd, sizeof(int));
    }
    /* If pytest is gone there is nobody to tell: end of file says so too. */
    int tries = 0;
    do {
        if (syscall(SYS_sendmsg, control_argument(request), &message,
                    MSG_NOSIGNAL) != -1)
            return;
    } while (is_tried_again(&tries));
    if (fd != NULL && errno != EPIPE && errno != ECONNRESET)
        broken(request, "passing a descriptor");
}

void report(const struct request *request, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    send_message(request, text, NULL);
}

void report_descriptor(const struct request *request, const char *text, int fd)
{
    send_message(request, text, &fd);
}

noreturn void broken(const struct request *request, const char *what)
{
    report(request, "broken %s: %s", what, strerror(errno));
    _exit(EXIT_FAILURE);
}

/* No sandbox can be had here: nothing was started. */
noreturn void refuse(const struct request *request, const char *what)
{
    report(request, "refused %s: %s", what, strerror(errno));
    _exit(EXIT_FAILURE);
}

/* What was told is none of the protocol: sandbox/protocol.py. */
noreturn void misunderstood(const struct request *request, const char *what,
                            const char *text)
{
    report(request, "misunderstood %s: %s", what, text);
    _exit(EXIT_FAILURE);
}

/* Puts the control socket at a number that no answer can know. */
void hide_control(struct request *request)
{
    unsigned random[2];
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        broken(request, "getrandom");
    request->secret = random[0];
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == -1)
        broken(request, "getrlimit");
    bool has_room = files.rlim_cur > FIRST_CONTROL_FD + CONTROL_FDS;
    unsigned first = has_room ? FIRST_CONTROL_FD : FEW_FDS;
    int moved =
        fcntl(request->control, F_DUPFD_CLOEXEC,
              (int)(first + random[1] % (has_room ? CONTROL_FDS : FEW_FDS)));
    if (moved == -1)
        broken(request, "moving the control socket");
    (void)close(request->control);
    request->control = moved;
}
