/*
 * The scene in which a program finds itself at its start.
 *
 *   job     as an interactive shell starts a job in the foreground: the stand-in
 *           for the login shell leads the session, the program is the leader of
 *           a process group of its own, in the foreground of the terminal
 *   shell   the program itself is in the shell's place
 *   tool    no session, no terminal: a compiler, say
 *
 * All that the job has at its start the shell has too, and keeps: so whoever
 * looks for what was there at launch looks at the shell.
 */
#define _GNU_SOURCE
#include "job.h"

#include "cgroup.h"
#include "descriptors.h"
#include "faults.h"
#include "files.h"
#include "identity.h"
#include "inheritance.h"
#include "manager.h"
#include "reading.h"
#include "reaping.h"
#include "resources.h"
#include "sandbox.h"
#include "signals.h"
#include "terminal.h"
#include "tries.h"
#include "wire.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* One that nobody writes by hand: so umask(027) is not what was there before. */
enum { LAUNCH_UMASK = 0035 };

/* As under sshd or a terminal emulator: the job is started as the leader of a
   session on a fresh terminal, whose other side the shell holds. */
static int open_own_terminal(const struct request *request)
{
    int master = open_terminal(request);
    move_up(request, &master);
    report_descriptor(request, "stream stdout", master);
    return master;
}

/* Puts in the paths that only a launch knows. */
static void complete_words(const struct request *request)
{
    static const char prefix[] = WORKING_DIRECTORY "/";
    for (char **word = request->argv; *word != NULL; word++) {
        if (strcmp(*word, TERMINAL) == 0) {
            *word = ttyname(STDIN_FILENO);
            if (*word == NULL)
                broken(request, "the name of the terminal");
        }
        if (strncmp(*word, prefix, strlen(prefix)) != 0)
            continue;
        char *directory = getcwd(NULL, 0);
        const char *rest = *word + strlen(prefix);
        if (directory == NULL || asprintf(word, "%s/%s", directory, rest) == -1)
            broken(request, "a path for the job");
        free(directory);
    }
}

/* Says that it runs before it does: afterwards it is the program's turn. */
static noreturn void run_as(const struct request *request, const char *name)
{
    set_environment(request);
    complete_words(request);
    limit_resources(request);
    join_groups(request);
    reset_signals();
    if (request->signals == SIGNALS_HELD)
        hold_signals();
    else if (request->signals == SIGNALS_PENDING)
        leave_hangup_pending();
    if (request->id_count != 0)
        keep_usual_capabilities(request);
    inject_fault(request);
    report(request, "%s %d", name, (int)getpid());
    (void)execvp(request->argv[0], request->argv);
    report(request, "exec %d", errno);
    _exit(127);
}

static noreturn void run(const struct request *request)
{
    set_stdio(request);
    run_as(request, "job");
}

/* A process that does little before it runs a program. It uses our memory, and
   we wait meanwhile, as in vfork(2): to copy that memory is what costs most.
   With CLONE_PARENT as `more` it is no child of ours, but of our parent. */
static pid_t start_process(const struct request *request, int more,
                           int (*process)(void *), void *argument)
{
    static _Alignas(16) char stack[64 * 1024];
    pid_t pid;
    int tries = 0;
    do
        pid = clone(process, stack + sizeof(stack),
                    CLONE_VM | CLONE_VFORK | SIGCHLD | more, argument);
    while (pid == -1 && is_tried_again(&tries));
    if (pid == -1)
        broken(request, "clone");
    return pid;
}

static pid_t start_child(const struct request *request, int (*child)(void *),
                         void *argument)
{
    return start_process(request, 0, child, argument);
}

/* A copy of this process. */
static pid_t fork_patiently(const struct request *request)
{
    pid_t pid;
    int tries = 0;
    do
        pid = fork();
    while (pid == -1 && is_tried_again(&tries));
    if (pid == -1)
        broken(request, "fork");
    return pid;
}

/* What a child needs to know: the master of its terminal, or where its output
   goes; -1 if it has none. */
struct part {
    const struct request *request;
    int fd;
};

static int be_job(void *argument)
{
    const struct part *part = argument;
    if (part->fd != -1)
        take_terminal(part->request, part->fd);
    else if (setpgid(0, 0) == -1 || tcsetpgrp(0, getpid()) == -1)
        broken(part->request, "the foreground of the terminal");
    set_stdio(part->request);
    /* With its low limit on open files it could pass no descriptor while another
       answer has many on their way: unix(7), ETOOMANYREFS. */
    limit_files(part->request);
    run_as(part->request, "job");
}

/* As job control does it: credentials(7), tcsetpgrp(3). */
static noreturn void be_shell(const struct request *request)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)signal(ignored[i], SIG_IGN);
    struct part part = {request,
                        request->leads ? open_own_terminal(request) : -1};
    int parent = request->parent == PARENT_INIT ? CLONE_PARENT : 0;
    pid_t job = start_process(request, parent, be_job, &part);
    int status = 0;
    while (request->parent == PARENT_INIT)
        pause(); /* it is init that waits for the job */
    do {
        if (waitpid(job, &status, WUNTRACED) == -1)
            broken(request, "waitpid");
        if (request->watched != NULL)
            look_into(request);
        (void)tcsetpgrp(0, getpgrp()); /* the prompt is the shell's again */
        report(request, "ended %d %d", (int)job, status);
    } while (WIFSTOPPED(status));
    for (;;)
        pause();
}

/* In a child of init's, which keeps the far ends open. */
static void enter_scene(const struct request *request)
{
    if (request->id != 0)
        become(request, request->id);
    report(request, "shell %d", (int)getpid());
    umask(LAUNCH_UMASK);
}

static void set_output(const struct request *request, int output, int errors)
{
    if (dup2(output, STDOUT_FILENO) == -1 || dup2(errors, STDERR_FILENO) == -1)
        broken(request, "dup2");
}

static int play_tool(void *argument)
{
    const struct part *part = argument;
    enter_scene(part->request);
    set_output(part->request, part->fd, part->fd);
    run(part->request);
}

static int play_shell(void *argument)
{
    const struct part *part = argument;
    enter_scene(part->request);
    take_terminal(part->request, part->fd);
    run(part->request);
}

static noreturn void play_job(const struct request *request, int master)
{
    enter_scene(request);
    take_terminal(request, master);
    open_inheritance(request);
    set_login_environment(request);
    be_shell(request);
}

/* Between init and the shell, where it adopts all that the job leaves: as the
   systemd of a user does, prctl(2). */
static noreturn void play_subreaper(const struct request *request, int master)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
        broken(request, "PR_SET_CHILD_SUBREAPER");
    report(request, "adopter %d", (int)getpid());
    if (fork_patiently(request) == 0)
        play_job(request, master);
    (void)close(master);
    reap_for_ever(request);
}

void start_scene(struct request *request)
{
    if (request->network)
        start_loopback(request);
    if (request->notify != MANAGER_NONE)
        open_manager(request);
    open_passed(request);
    open_taken(request);
    if (request->kind == KIND_TOOL) {
        (void)start_child(request, play_tool,
                          &(struct part){request, request->output});
        return;
    }
    if (request->sandbox && !is_chosen(&request->without, DEVICE_LOG)) {
        int log = open_log_socket(request);
        report_descriptor(request, "stream log", log);
        (void)close(log);
    }
    int master = open_terminal(request);
    report_descriptor(request, "stream terminal", master);
    if (request->kind == KIND_SHELL) {
        (void)start_child(request, play_shell, &(struct part){request, master});
    } else if (fork_patiently(request) == 0) {
        if (request->parent == PARENT_SUBREAPER)
            play_subreaper(request, master);
        play_job(request, master);
    }
    (void)close(master);
}

/* One that is started besides, and the pipes that it prints to. */
struct other {
    const struct request *request;
    int output;
    int errors;
};

static int play_again(void *argument)
{
    const struct other *other = argument;
    if (other->request->id != 0)
        become(other->request, other->request->id);
    umask(LAUNCH_UMASK);
    (void)setsid();
    set_output(other->request, other->output, other->errors);
    limit_files(other->request);
    run_as(other->request, "again");
}

/* A pipe whose other end the lab reads as this stream. */
static int open_stream(const struct request *request, const char *stream)
{
    int ends[2];
    if (!open_pipe(ends))
        broken(request, "pipe2");
    report_descriptor(request, stream, ends[0]);
    (void)close(ends[0]);
    return ends[1];
}

/* As a boot script starts it: no terminal, a session of its own. All of them
   share two pipes, one for standard output and one for standard error. */
void order_again(const struct request *request, int count)
{
    struct other other = {
        .request = request,
        .output = open_stream(request, "stream again"),
        .errors = open_stream(request, "stream again-errors"),
    };
    for (int i = 0; i < count; i++)
        (void)start_child(request, play_again, &other);
    (void)close(other.output);
    (void)close(other.errors);
}
