/*
 * Takes requests, and forks for each: into init, or the subreaper, of a launch.
 *
 * A request is words that end with a null byte each: "key=value", then "--" and
 * the program to run. The first descriptor that comes with it is the control
 * socket; each word that needs one takes the next.
 */
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_TEXT = 1 << 16, MAX_WORDS = 256, MAX_PASSED = MAX_FILES + 2 };

/* What came in one message. */
struct message {
    char text[MAX_TEXT + 1];
    char *words[MAX_WORDS + 1]; /* in the text; after the last, NULL */
    int passed[MAX_PASSED];
    int passed_count, taken;
};

static int next_descriptor(struct message *message)
{
    return message->taken < message->passed_count
               ? message->passed[message->taken++]
               : -1;
}

/* One word; false if there is no such key. */
static bool read_word(struct request *request, struct message *message,
                      const char *key, char *value)
{
    if (strcmp(key, "sandbox") == 0) {
        request->sandbox = strcmp(value, "yes") == 0;
    } else if (strcmp(key, "shown") == 0) {
        if (request->shown_count == MAX_PATHS)
            return false;
        request->shown[request->shown_count++] = value;
    } else if (strcmp(key, "hidden") == 0) {
        if (request->hidden_count == MAX_PATHS)
            return false;
        request->hidden[request->hidden_count++] = value;
    } else if (strcmp(key, "tmp") == 0) {
        request->tmp = value;
    } else if (strcmp(key, "scene") == 0) {
        request->scene = value;
    } else if (strcmp(key, "output") == 0) {
        request->output = next_descriptor(message);
    } else if (strcmp(key, "high") == 0) {
        request->high = atoi(value);
    } else if (strcmp(key, "stdio") == 0) {
        request->stdio = value;
    } else if (strcmp(key, "fault") == 0) {
        request->fault = value;
    } else if (strcmp(key, "without") == 0) {
        request->no_null |= strcmp(value, "null") == 0;
        request->no_log |= strcmp(value, "log") == 0;
    } else if (strcmp(key, "watched") == 0) {
        request->watched = value;
    } else if (strcmp(key, "processes") == 0) {
        request->processes = (rlim_t)atoi(value);
    } else if (strcmp(key, "environment") == 0) {
        if (request->environment_count == MAX_ENVIRONMENT)
            return false;
        request->environment[request->environment_count++] = value;
    } else if (strcmp(key, "notify") == 0) {
        request->notify = value;
    } else if (strcmp(key, "listen") == 0) {
        if (request->listen_count == MAX_LISTEN)
            return false;
        request->listen[request->listen_count++] = value;
    } else if (strcmp(key, "network") == 0) {
        request->network = strcmp(value, "yes") == 0;
    } else if (strcmp(key, "leads") == 0) {
        request->leads = strcmp(value, "yes") == 0;
    } else if (strcmp(key, "ids") == 0) {
        return sscanf(value, "%u:%u:%u", &request->ids.uid, &request->ids.gid,
                      &request->ids.count) == 3;
    } else if (strcmp(key, "signals") == 0) {
        request->signals_held = strcmp(value, "held") == 0;
    } else if (strcmp(key, "file") == 0) {
        /* file=MODE:NAME */
        if (request->file_count == MAX_FILES)
            return false;
        char *end = NULL;
        mode_t mode = (mode_t)strtol(value, &end, 8);
        request->files[request->file_count++] =
            (struct file){next_descriptor(message), mode, end + 1};
    } else {
        return false;
    }
    return true;
}

static bool read_request(struct request *request, struct message *message)
{
    char **word = message->words;
    for (; *word != NULL && strcmp(*word, "--") != 0; word++) {
        char *value = strchr(*word, '=');
        if (value == NULL)
            return false;
        *value++ = '\0';
        if (!read_word(request, message, *word, value))
            return false;
    }
    request->argv = word + 1;
    return *word != NULL && word[1] != NULL;
}

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
    message->passed_count = message->taken = 0;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS) {
        size_t bytes = rights->cmsg_len - CMSG_LEN(0);
        memcpy(message->passed, CMSG_DATA(rights), bytes);
        message->passed_count = (int)(bytes / sizeof(int));
    }
    message->text[size] = '\0';
    int count = 0;
    for (char *word = message->text;
         word < message->text + size && count < MAX_WORDS;
         word += strlen(word) + 1)
        message->words[count++] = word;
    message->words[count] = NULL;
    return true;
}

/* Tells pytest who init is before init tells anything, and lets it go on. */
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
    (void)write(go, "", 1);
}

/* The child waits for a byte from us: a launch that is refused never starts. */
static void start_launch(struct request *request, int requests, int children)
{
    int go[2];
    if (pipe2(go, O_CLOEXEC) == -1) {
        report(request, "broken pipe2: %s", strerror(errno));
        return;
    }
    pid_t init = request->sandbox ? clone_init() : fork();
    if (init == 0) {
        char byte;
        (void)close(requests);
        (void)close(children);
        (void)close(go[1]);
        if (read(go[0], &byte, 1) != 1)
            _exit(EXIT_FAILURE);
        (void)close(go[0]);
        be_init(request);
    }
    if (init == -1)
        report(request, "refused %s: %s",
               request->sandbox ? "a user namespace" : "fork", strerror(errno));
    else if (request->sandbox && !map_ids(request, init))
        report(request, "refused mapping IDs into a user namespace: %s",
               strerror(errno));
    else
        let_go(request, init, go[1]);
    (void)close(go[0]);
    (void)close(go[1]);
}

static void take_request(int requests, int children)
{
    static struct message message;
    if (!receive(requests, &message))
        _exit(EXIT_SUCCESS); /* every launch sees that pytest is gone, too */
    struct request request = {.control = next_descriptor(&message),
                              .output = -1,
                              .scene = "job",
                              .stdio = "terminal",
                              .tmp = "/tmp",
                              .by_root = geteuid() == 0,
                              .processes = 64};
    if (read_request(&request, &message))
        start_launch(&request, requests, children);
    else
        report(&request, "broken a request that cannot be understood");
    for (int i = 0; i < message.passed_count; i++)
        (void)close(message.passed[i]);
}

noreturn void serve_requests(int requests)
{
    int children = watch_children();
    struct pollfd watched[] = {{.fd = requests, .events = POLLIN},
                               {.fd = children, .events = POLLIN}};
    for (;;) {
        (void)poll(watched, 2, -1);
        struct signalfd_siginfo unused;
        if (watched[1].revents != 0)
            (void)read(children, &unused, sizeof(unused));
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        if (watched[0].revents != 0)
            take_request(requests, children);
    }
}
