/*
 * Takes requests, and forks for each: into init, or the subreaper, of a launch.
 */
#define _GNU_SOURCE
#include "server.h"

#include "cgroup.h"
#include "descriptors.h"
#include "fallback.h"
#include "identity.h"
#include "init.h"
#include "reading.h"
#include "sandbox.h"
#include "signals.h"
#include "tries.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    GRACE = 500, /* milliseconds for a launch to end by itself */
    TURN = 2     /* milliseconds between two looks whether it has */
};

/* Blocks until one comes; false once nobody is there to send any. */
static bool receive(int requests, struct message *message)
{
    struct iovec part = {.iov_base = message->text, .iov_len = MAX_TEXT};
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(message->passed))];
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = space,
                            .msg_controllen = sizeof(space)};
    ssize_t size = recvmsg(requests, &header, MSG_CMSG_CLOEXEC);
    if (size <= 0)
        return false;
    message->size = (size_t)size;
    message->is_whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    message->passed_count = 0;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS) {
        size_t bytes = rights->cmsg_len - CMSG_LEN(0);
        memcpy(message->passed, CMSG_DATA(rights), bytes);
        message->passed_count = (int)(bytes / sizeof(int));
    }
    return true;
}

/* A launch that goes on. */
struct launch {
    pid_t init;
    bool sandbox;
    struct request request; /* without a sandbox: to clear up after it */
    struct launch *next;
};

static struct launch *launches;

static bool is_init(pid_t pid)
{
    for (const struct launch *launch = launches; launch != NULL;
         launch = launch->next)
        if (launch->init == pid)
            return true;
    return false;
}

/* What pytest must know first, and then what init must: the folder that was
   made for it, and whom the answer runs as. */
static void let_go(const struct request *request, pid_t init, int go)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "init %d", (int)init);
    int pidfd = (int)syscall(SYS_pidfd_open, init, 0);
    if (pidfd == -1) {
        report(request, "broken pidfd_open: %s", strerror(errno));
        return;
    }
    report_descriptor(request, text, pidfd);
    (void)close(pidfd);
    (void)write(go, &request->id, sizeof(request->id));
    (void)write(go, request->lab, sizeof(request->lab));
}

/* Ends here where the launch was refused: then nobody writes. */
static void await_go(struct request *request, int go)
{
    if (read(go, &request->id, sizeof(request->id)) !=
            (ssize_t)sizeof(request->id) ||
        read(go, request->lab, sizeof(request->lab)) !=
            (ssize_t)sizeof(request->lab))
        _exit(EXIT_FAILURE);
}

/* The request's texts are those of its message, which is read over by the next
   one; the folder for temporary files is all that is needed later. */
static void remember(const struct request *request, pid_t init)
{
    struct launch *launch = malloc(sizeof(*launch));
    char *tmp = strdup(request->tmp);
    if (launch == NULL || tmp == NULL)
        abort();
    *launch = (struct launch){init, request->sandbox, *request, launches};
    launch->request.tmp = tmp;
    launch->request.control = -1; /* it is closed here soon */
    for (int i = 0; i < request->group_count; i++)
        launch->request.groups[i].processes = -1;
    launches = launch;
}

/* The child waits to be let go: a launch that is refused never starts. */
static void start_launch(struct request *request, int requests, int children)
{
    int go[2];
    if (!open_pipe(go)) {
        report(request, "broken pipe2: %s", strerror(errno));
        return;
    }
    if (!make_groups(request)) {
        report(request, "broken a control group: %s", strerror(errno));
        (void)close(go[0]);
        (void)close(go[1]);
        return;
    }
    pid_t init;
    int tries = 0;
    do
        init = request->sandbox ? clone_init() : fork();
    while (init == -1 && is_tried_again(&tries));
    if (init == 0) {
        (void)close(requests);
        (void)close(children);
        (void)close(go[1]);
        await_go(request, go[0]);
        (void)close(go[0]);
        be_init(request);
    }
    if (init == -1)
        report(request, "refused %s: %s",
               request->sandbox ? "a user namespace" : "fork", strerror(errno));
    else if (request->sandbox && !map_ids(request, init))
        report(request, "refused mapping IDs into a user namespace: %s",
               strerror(errno));
    else if (!request->sandbox && !prepare_fallback(request, init))
        report(request, "broken a folder to run in, in TMPDIR or /tmp: %s",
               strerror(errno));
    else
        let_go(request, init, go[1]);
    if (init != -1)
        remember(request, init);
    else
        remove_groups(request);
    close_groups(request);
    (void)close(go[0]);
    (void)close(go[1]);
}

/* An init that has ended by itself has cleared up. What one that was killed has
   left runs as our child now. */
static void forget(pid_t init, int status)
{
    for (struct launch **place = &launches; *place != NULL;
         place = &(*place)->next) {
        struct launch *launch = *place;
        if (launch->init != init)
            continue;
        *place = launch->next;
        if (!launch->sandbox && launch->request.lab_fd != -1) {
            if (status != EXIT_SUCCESS)
                clear_up(&launch->request, is_init);
            (void)close(launch->request.lab_fd);
        }
        remove_groups(&launch->request);
        free((char *)launch->request.tmp);
        free(launch);
        return;
    }
}

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        forget(pid, status);
}

/* Nobody is there to send requests. A sandbox ends at once; without one init is
   given some time to clear up, and is killed if it does not use it. */
static noreturn void end_all(void)
{
    for (const struct launch *launch = launches; launch != NULL;
         launch = launch->next)
        if (launch->sandbox)
            (void)kill(launch->init, SIGKILL);
    for (int waited = 0; launches != NULL && waited < GRACE; waited += TURN) {
        reap();
        (void)poll(NULL, 0, launches == NULL ? 0 : TURN);
    }
    while (launches != NULL) {
        int status;
        pid_t init = launches->init;
        (void)kill(init, SIGKILL);
        forget(init, waitpid(init, &status, 0) == init ? status : -1);
    }
    _exit(EXIT_SUCCESS);
}

static void take_request(int requests, int children)
{
    static struct message message;
    if (!receive(requests, &message))
        end_all(); /* every launch sees that pytest is gone, too */
    struct request request = {.lab_fd = -1,
                              .control = -1,
                              .output = -1,
                              .tmp = "/tmp",
                              .by_root = geteuid() == 0};
    char why[512];
    if (message.passed_count > 0)
        request.control = message.passed[0];
    if (read_request(&request, &message, why, sizeof(why)))
        start_launch(&request, requests, children);
    else
        report(&request, "misunderstood %s", why);
    for (int i = 0; i < message.passed_count; i++)
        (void)close(message.passed[i]);
}

noreturn void serve_requests(int requests)
{
    /* What an init that was killed has left comes to us. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    int children = watch_children();
    struct pollfd watched[] = {{.fd = requests, .events = POLLIN},
                               {.fd = children, .events = POLLIN}};
    for (;;) {
        (void)poll(watched, 2, -1);
        struct signalfd_siginfo unused;
        if (watched[1].revents != 0)
            (void)read(children, &unused, sizeof(unused));
        reap();
        if (watched[0].revents != 0)
            take_request(requests, children);
    }
}
