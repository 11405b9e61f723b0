/*
 * What a job inherits: descriptors of every kind, its standard streams, and an
 * environment.
 */
#define _GNU_SOURCE
#include "inheritance.h"

#include "descriptors.h"
#include "wire.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the shell holds open for the job to inherit, beside the terminal: what
   is passed to it as a service manager would, and then one of each kind. */
enum { FIRST_PASSED = 3, REGULAR_FILE = 3, PIPE_END = 4, SOCKET = 5 };

/* Many more may follow from there on. */
enum { FIRST_OF_MANY = 50 };

/* One of each kind, and one at a number that the soft limit hides. The far ends
   stay open in the shell, close-on-exec, so that nothing breaks or hangs up. */
void open_inheritance(const struct request *request)
{
    int ends[2], sockets[2];
    if (!open_pipe(ends) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == -1)
        broken(request, "a pipe or a socket for the job");
    for (int i = 0; i < 2; i++) {
        move_up(request, &ends[i]);
        move_up(request, &sockets[i]);
    }
    int regular = open("regular", O_CREAT | O_RDWR, 0644);
    int high = open("high", O_CREAT | O_RDWR, 0644);
    move_up(request, &regular);
    move_up(request, &high);
    int passed = request->listen.count;
    for (int i = 0; i < passed; i++)
        if (dup2(request->passed[i], FIRST_PASSED + i) == -1)
            broken(request, "a socket for the job");
    for (option_number i = 0; i < request->more_open; i++)
        if (fcntl(regular, F_DUPFD, FIRST_OF_MANY) == -1)
            broken(request, "many descriptors for the job");
    place(request, regular, passed + REGULAR_FILE);
    place(request, ends[1], passed + PIPE_END);
    place(request, sockets[1], passed + SOCKET);
    if (dup2(high, (int)request->high) == -1)
        broken(request, "a descriptor with a high number (the hard limit on "
                        "open files, ulimit -Hn, has to be 4096 or more)");
    (void)close(high);
}

void set_stdio(const struct request *request)
{
    if (request->stdio == STDIO_CLOSED) {
        for (int number = 0; number <= 2; number++)
            (void)close(number);
    } else if (request->stdio == STDIO_PIPE) {
        int ends[2];
        if (!open_pipe(ends))
            broken(request, "pipe2");
        report_descriptor(request, "stream stdout", ends[0]);
        (void)close(ends[0]);
        place(request, ends[1], STDOUT_FILENO);
    } else if (request->stdio == STDIO_UNREAD) {
        int ends[2];
        if (!open_pipe(ends))
            broken(request, "pipe2");
        (void)close(ends[0]);
        if (dup2(ends[1], STDOUT_FILENO) == -1)
            broken(request, "dup2");
        place(request, ends[1], STDERR_FILENO);
    }
}

/* What a login sets. A daemon has no use for it, and some of it names what is
   gone after the logout. */
void set_login_environment(const struct request *request)
{
    static const char *const variables[][2] = {
        {"USER", "guest"},
        {"LOGNAME", "guest"},
        {"SHELL", "/bin/sh"},
        {"MAIL", "/var/mail/guest"},
        {"SSH_AUTH_SOCK", "/tmp/ssh-guest/agent.7"},
    };
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        if (setenv(variables[i][0], variables[i][1], 1) == -1)
            broken(request, "setenv");
}

/* The sockets are for this process, and for none that it starts:
   sd_listen_fds(3). What the request says comes last: it may be something else,
   or nothing. */
void set_environment(const struct request *request)
{
    char number[16];
    if (request->listen.count != 0) {
        (void)setenv("LISTEN_FDNAMES", request->listen_names, 1);
        (void)snprintf(number, sizeof(number), "%d", request->listen.count);
        (void)setenv("LISTEN_FDS", number, 1);
        (void)snprintf(number, sizeof(number), "%d", (int)getpid());
        (void)setenv("LISTEN_PID", number, 1);
    }
    for (int i = 0; i < request->environment.count; i++)
        if (putenv(request->environment.items[i]) != 0)
            broken(request, "putenv");
}
