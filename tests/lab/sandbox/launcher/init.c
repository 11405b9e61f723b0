/* Is init of a launch, or a child subreaper in its place: starts, reaps, ends. */
#define _GNU_SOURCE
#include "init.h"

#include "cgroup.h"
#include "descriptors.h"
#include "fallback.h"
#include "files.h"
#include "identity.h"
#include "job.h"
#include "orders.h"
#include "reading.h"
#include "reaping.h"
#include "sandbox.h"
#include "signals.h"
#include "waits.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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
    for (;;) {
        if (poll(watched, 2, -1) == -1 && errno != EINTR)
            broken(request, "poll");
        if (watched[0].revents != 0)
            receive_order(request);
        struct signalfd_siginfo unused;
        (void)read(children, &unused, sizeof(unused));
        reap(request);
    }
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
