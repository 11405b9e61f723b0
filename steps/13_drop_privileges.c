/*
 * 13_drop_privileges: root's rights are given up
 *
 * Some of what a daemon does first takes root: a file in /run, a port below
 * 1024. What it does from then on should not: whoever finds a hole in it gets
 * what it may do. With -u USER it becomes that user, once the PID file is
 * written, and there is no way back.
 *
 * The order counts. Only root may set the groups, so they come first and the
 * user ID last. And each call is checked: one that fails leaves a daemon that
 * is root, and looks well. In the end it tries the way back, which has to fail.
 *
 * This step takes more lines than the others: the user has to be found first.
 *
 * See it:   sudo build/solutions/13_drop_privileges -p /run/my.pid -u daemon
 *           grep -E '^(Uid|Gid|Groups|Cap)' /proc/$(cat /run/my.pid)/status
 * End it:   sudo kill $(cat /run/my.pid)
 * Read:     steps/13_drop_privileges.md, credentials(7), capabilities(7)
 */
#define _GNU_SOURCE /* syscall(), asprintf(), program_invocation_short_name */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

/* Where die() writes: standard error, and in the daemon the pipe. */
static int starter = STDERR_FILENO;

/* Say which call failed and why, and end: no half-made daemon lives on. */
static noreturn void die(const char *call)
{
    const char *reason = strerror(errno);
    (void)dprintf(starter, "%s: %s\n", call, reason);
    syslog(LOG_ERR, "%s: %s", call, reason);
    exit(EXIT_FAILURE);
}

/* Opens no socket yet: the first message does, after all else is closed. */
static void open_log(void)
{
    openlog(program_invocation_short_name, LOG_PID, LOG_DAEMON);
}

/* umask() cannot fail: what it returns is the mask before. */
static void clear_umask(void)
{
    (void)umask(0);
}

/* For good: what is ignored stays so through fork() and execve(). */
static void ignore_hangup(void)
{
    if (signal(SIGHUP, SIG_IGN) == SIG_ERR)
        die("signal SIGHUP");
}

/* Fails for SIGKILL and SIGSTOP, which nobody can ignore, and for the real-time
   signals that libc keeps to itself: glibc two, musl three. SIGHUP is ignored
   by now. One that has been pending since before the start is gone with that:
   else it would end this process where it is unblocked. */
static void reset_signals(void)
{
    for (int number = 1; number <= SIGRTMAX; number++)
        if (number != SIGHUP)
            (void)signal(number, SIG_DFL);

    sigset_t none;
    (void)sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
        die("sigprocmask");
}

/* In the first process: exit as the middle process did. */
static noreturn void wait_for_status(pid_t middle)
{
    int status = 0;
    if (waitpid(middle, &status, 0) == -1)
        die("waitpid");
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    (void)dprintf(STDERR_FILENO, "the start was killed\n");
    _exit(EXIT_FAILURE);
}

/*
 * Only the child returns. The parent leaves by _exit(), because exit() would
 * run the handlers and flush the buffers that the child has copies of.
 */
static void leave_first_process(void)
{
    pid_t child = fork();
    switch (child) {
    case -1:
        die("fork");
    case 0:
        /* A start that is given up, with ^C for example, starts nothing. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        return;
    default:
        wait_for_status(child);
    }
}

/*
 * In the middle process: wait for a line or for the daemon's end, whichever
 * comes first. Then look into the pipe once more, without waiting: the daemon
 * may have written its reason and exited. Kernels before 5.3 have no pidfd.
 * poll() skips the -1, and only end of file tells of the daemon's end.
 */
static noreturn void wait_for_word(int pipe_end, pid_t daemon)
{
    int pidfd = (int)syscall(SYS_pidfd_open, daemon, 0);
    struct pollfd watched[] = {{.fd = pipe_end, .events = POLLIN},
                               {.fd = pidfd, .events = POLLIN}};
    char word[512] = "the daemon ended before it was ready\n";
    FILE *from = fdopen(pipe_end, "r");

    if (from == NULL || poll(watched, 2, -1) == -1)
        die("poll");
    if (poll(watched, 1, 0) == 1 && fgets(word, sizeof(word), from) != NULL &&
        *word == '\n')
        _exit(EXIT_SUCCESS);
    (void)dprintf(STDERR_FILENO, "%s", word);
    _exit(EXIT_FAILURE);
}

/* The daemon's end of the pipe is above 2, even if 0, 1 and 2 are closed. */
static void leave_middle_process(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == -1)
        die("pipe2");
    int word = fcntl(ends[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (word == -1)
        die("fcntl");
    (void)close(ends[1]);

    pid_t child = fork();
    switch (child) {
    case -1:
        die("fork");
    case 0:
        starter = word;
        return;
    default:
        (void)close(word); /* or this process itself prevents end of file */
        wait_for_word(ends[0], child);
    }
}

/* A new session: SID = PGID = PID, and no controlling terminal. */
static void start_session(void)
{
    if (setsid() == -1)
        die("setsid");
}

/* Hold no directory, and so no file system, in use. */
static void move_to_root(void)
{
    if (chdir("/") == -1)
        die("chdir /");
}

/* For kernels before 5.9, and where a system call filter refuses the other. */
static void close_listed(void)
{
    DIR *list = opendir("/proc/self/fd");
    if (list == NULL)
        die("opendir /proc/self/fd");

    const struct dirent *entry;
    while ((errno = 0, entry = readdir(list)) != NULL) {
        int fd = atoi(entry->d_name); /* . and .. give 0, to be closed too */
        if (fd != dirfd(list) && fd != starter)
            (void)close(fd); /* EBADF, if it is 0 again, is no harm */
    }
    if (errno != 0)
        die("readdir /proc/self/fd");
    (void)closedir(list); /* its own descriptor was the last one */
}

/* By its number: musl 1.2.3 and glibc before 2.34 have no close_range(). */
static void close_descriptors(void)
{
    unsigned kept = (unsigned)starter;
    if (syscall(SYS_close_range, 0U, kept - 1, 0U) == -1 ||
        syscall(SYS_close_range, kept + 1, ~0U, 0U) == -1)
        close_listed();
}

/* Without O_CLOEXEC: these three are meant to be inherited. */
static void open_dev_null(void)
{
    int in = open("/dev/null", O_RDWR);
    int out = dup(in);
    int err = dup(in);
    if (in != STDIN_FILENO || out != STDOUT_FILENO || err != STDERR_FILENO) {
        (void)dprintf(starter, "0, 1, 2 are %d, %d, %d\n", in, out, err);
        syslog(LOG_ERR, "descriptors 0, 1, 2 are %d, %d, %d", in, out, err);
        exit(EXIT_FAILURE);
    }
}

/* A relative name starts in the directory of the launch, which we leave. */
static const char *absolute(const char *name)
{
    if (*name == '/')
        return name;
    char *directory = getcwd(NULL, 0);
    char *path = NULL;
    if (directory == NULL || asprintf(&path, "%s/%s", directory, name) == -1)
        die("the directory of the launch");
    return path;
}

/* Not so if another instance has removed the file since we opened it. */
static bool is_still_there(int fd, const char *path)
{
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Lock first: what stands in it belongs to whoever has the lock. */
static void write_pid_file(const char *path)
{
    int fd = -1;
    do {
        (void)close(fd); /* EBADF at first, which is no harm */
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
        if (fd == -1)
            die(path);
        if (flock(fd, LOCK_EX | LOCK_NB) == -1)
            die("the lock on the PID file");
    } while (!is_still_there(fd, path));
    if (ftruncate(fd, 0) == -1 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
        die(path);
}

/* An empty line: nothing is wrong. If nobody waits at the pipe any more, the
   start has failed, and SIGPIPE ends the daemon here. */
static void say_ready(void)
{
    if (dprintf(starter, "\n") < 0)
        die("the pipe");
    (void)close(starter);
}

/* The only option: -p FILE. */
static const char *read_options(int argc, char *argv[])
{
    const char *pid_file = NULL;
    int option;
    while ((option = getopt(argc, argv, "p:")) == 'p')
        pid_file = absolute(optarg);
    if (option != -1 || optind < argc) {
        fprintf(stderr, "usage: %s [-p FILE]\n", argv[0]);
        exit(2);
    }
    return pid_file;
}

int main(int argc, char *argv[])
{
    open_log();
    const char *pid_file = read_options(argc, argv);
    clear_umask();
    ignore_hangup();
    reset_signals();
    leave_first_process();
    start_session();
    leave_middle_process(); /* the daemon leads nothing */
    move_to_root();
    close_descriptors();
    open_dev_null();
    if (pid_file != NULL)
        write_pid_file(pid_file);

    /*
     * TODO: take -u USER (step 11 has -p to learn from), and give up root's
     * rights for good: the groups, the group ID, the user ID. A USER who is not
     * there, or that is not root's to become, is an error that is told.
     */

    say_ready();
    syslog(LOG_INFO, "running in the background");

    for (;;)
        pause();
}
