/* Is init of a launch, or a child subreaper in its place, and reports. */
#define _GNU_SOURCE
#include "launcher.h"

#include "orders.h"
#include "reading.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* An answer that forks for ever is not told of for ever. */
enum {
    MAX_REAPED_REPORTS = 256,
    FIRST_PRIVATE_FD = 20,
    FIRST_CONTROL_FD =
        1000, /* below those that the job can inherit, from 3000 */
    CONTROL_FDS = 1900,
    FEW_FDS =
        100 /* where the limit on open files is low: to compile, it will do */
};

/* After a call has failed: whether it failed for want of something that others
   give back soon, such as a process or a descriptor on its way (unix(7)). Then it
   waits a moment. */
bool is_tried_again(int *tries)
{
    switch (errno) {
    case EAGAIN:
    case ENOMEM:
    case ENFILE:
    case ETOOMANYREFS:
    case EDQUOT:
        (void)usleep(1000);
        return ++*tries < MAX_TRIES;
    default:
        return false;
    }
}

bool open_pipe(int ends[2])
{
    int tries = 0;
    while (pipe2(ends, O_CLOEXEC) == -1)
        if (!is_tried_again(&tries))
            return false;
    return true;
}

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

/* What was told is none of the protocol: sandbox/protocol.py. */
noreturn void misunderstood(const struct request *request, const char *what,
                            const char *text)
{
    report(request, "misunderstood %s: %s", what, text);
    _exit(EXIT_FAILURE);
}

/* They stay where a namespace lets nobody change them, as they do with every
   ordinary user: user_namespaces(7). */
static bool drop_groups(void)
{
    char allowed[8] = "";
    if (setgroups(0, NULL) == 0)
        return true;
    int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
    bool denied =
        fd != -1 && read(fd, allowed, 4) == 4 && strcmp(allowed, "deny") == 0;
    (void)close(fd);
    errno = EPERM;
    return denied;
}

/* Another user, for good. Fails where the ID is not mapped. */
void become(const struct request *request, uid_t id)
{
    if (!drop_groups() || setresgid(id, id, id) == -1 ||
        setresuid(id, id, id) == -1)
        (request->sandbox ? refuse : broken)(request, "becoming another user");
}

/* Out of the way of the numbers that the job is given, close-on-exec. */
void move_up(const struct request *request, int *fd)
{
    if (*fd == -1)
        return;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_PRIVATE_FD);
    if (moved == -1)
        broken(request, "moving a descriptor");
    (void)close(*fd);
    *fd = moved;
}

/* Puts the control socket at a number that no answer can know. */
static void hide_control(struct request *request)
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

/* What a caller ignored or blocked shall reach neither us nor the job. Through
   the kernel: libc's functions leave out 32 and 33, which threads use, and a
   caller may have ignored these too. Fails for SIGKILL and SIGSTOP alone. */
void reset_signals(void)
{
    static const unsigned long
        default_action[8]; /* SIG_DFL, no flags, no mask */
    static const unsigned long empty_set[2];
    const size_t set_size = (NSIG - 1) / 8; /* bytes of the kernel's sigset_t */
    for (int number = 1; number < NSIG; number++)
        (void)syscall(SYS_rt_sigaction, number, default_action, NULL, set_size);
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, empty_set, NULL, set_size);
}

/* SIGCHLD is blocked for good: one that arrives between two looks stays
   pending. Changing its disposition later would discard it. */
static bool prepare(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == -1)
        return false;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) == -1)
        return false;
    reset_signals();
    (void)signal(SIGPIPE, SIG_IGN);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    return sigprocmask(SIG_SETMASK, &blocked, NULL) == 0;
}

/* A descriptor that can be read when a child has ended. */
int watch_children(void)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The descriptors came from pytest, whose memfds they are: read from 0. */
static void lay_out_files(const struct request *request)
{
    for (int i = 0; i < request->file.count; i++) {
        const struct file *file = &request->file.items[i];
        char parent[4096];
        (void)snprintf(parent, sizeof(parent), "%s", file->name);
        for (char *slash = strchr(parent, '/'); slash != NULL;
             slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            if (mkdir(parent, 0755) == -1 && errno != EEXIST)
                broken(request, parent);
            *slash = '/';
        }
        int fd = open(file->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
                      file->mode);
        if (fd == -1 || fchmod(fd, file->mode) == -1 ||
            (request->id != 0 && fchown(fd, request->id, request->id) == -1))
            broken(request, file->name);
        struct stat status;
        if (i == 0 && fstat(fd, &status) == 0)
            report(request, "program %ju %ju", (uintmax_t)status.st_dev,
                   (uintmax_t)status.st_ino);
        off_t offset = 0;
        ssize_t count;
        do
            count = sendfile(fd, file->source, &offset, 1 << 20);
        while (count > 0);
        if (count == -1 || close(fd) == -1)
            broken(request, file->name);
    }
}

static bool spares_nobody(pid_t pid)
{
    (void)pid;
    return false;
}

/* In a namespace init's end is the end of all; without one, of nobody else. */
static noreturn void end(const struct request *request)
{
    if (request->sandbox)
        _exit(EXIT_SUCCESS);
    clear_up(request, spares_nobody);
    _exit(EXIT_SUCCESS);
}

/* Tells first and reaps then: whoever sees no process left has been told. */
static void reap(const struct request *request, int *told)
{
    siginfo_t child = {0};
    while (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           child.si_pid != 0) {
        int status = child.si_code == CLD_EXITED
                         ? W_EXITCODE(child.si_status, 0)
                         : child.si_status;
        if (++*told <= MAX_REAPED_REPORTS)
            report(request, "reaped %d %d", (int)child.si_pid, status);
        (void)waitpid(child.si_pid, NULL, 0);
        child.si_pid = 0;
    }
}

/* In one step, as editors do it; without such a file there is none then. */
void order_replace(const struct request *request, const char *name,
                   const char *other)
{
    static int count;
    char before[64];
    (void)snprintf(before, sizeof(before), "replaced-%d", ++count);
    if (rename(name, before) == -1 && errno != ENOENT)
        broken(request, name);
    if (rename(other, name) == -1 && errno != ENOENT)
        broken(request, other);
    report(request, "replaced %s", name);
}

/* What pytest asks for; end of file ends all. One byte more would not fit. */
static void receive_order(const struct request *request)
{
    static char text[MAX_ORDER + 1];
    ssize_t size =
        recv(request->control, text, MAX_ORDER, MSG_DONTWAIT | MSG_TRUNC);
    if (size <= 0)
        end(request);
    text[size < MAX_ORDER ? size : MAX_ORDER] = '\0';
    if (size > MAX_ORDER || memchr(text, '\0', (size_t)size) != NULL)
        misunderstood(request, "an order that is too long, or no text", text);
    take_order(request, text);
}

static noreturn void serve(const struct request *request)
{
    int children = watch_children();
    if (children == -1)
        broken(request, "signalfd");
    struct pollfd watched[] = {{.fd = request->control, .events = POLLIN},
                               {.fd = children, .events = POLLIN}};
    int told = 0;
    for (;;) {
        if (poll(watched, 2, -1) == -1 && errno != EINTR)
            broken(request, "poll");
        if (watched[0].revents != 0)
            receive_order(request);
        struct signalfd_siginfo unused;
        (void)read(children, &unused, sizeof(unused));
        reap(request, &told);
    }
}

/* The caller's session keyring holds keys of theirs (Kerberos', for example),
   and no namespace keeps an answer from them. So each launch has an empty one
   of its own: session-keyring(7), keyctl(2). Where keys are forbidden
   altogether, or not known to the kernel, an answer has none either. */
static void leave_keyring(const struct request *request)
{
    int tries = 0; /* launches that are ending give back what they had */
    do {
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) != -1 ||
            errno == ENOSYS || errno == EPERM || errno == EACCES)
            return;
    } while (is_tried_again(&tries));
    broken(request, "a session keyring of its own");
}

/* What is left of the server is what came with the request: to be out of the
   job's way. */
noreturn void be_init(struct request *request)
{
    (void)setsid(); /* what Ctrl-C ends is pytest alone */
    hide_control(request);
    move_up(request, &request->output);
    move_groups_up(request);
    for (int i = 0; i < request->file.count; i++)
        move_up(request, &request->file.items[i].source);
    leave_keyring(request);
    if (request->sandbox)
        enter_sandbox(request);
    else
        enter_fallback(request);
    umask(022);
    lay_out_files(request);
    if (request->sandbox)
        show_names(request);
    report_groups(request);
    report_waiting_calls(request);
    start_scene(request);
    serve(request);
}

int main(int argc, char *argv[])
{
    int requests = argc == 2 ? atoi(argv[1]) : -1;
    if (requests < 0) {
        fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
        return 2;
    }
    if (!prepare())
        return EXIT_FAILURE;
    serve_requests(requests);
}
