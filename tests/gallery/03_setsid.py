"""Step 03: what learners write for a session of their own."""

from gallery import Careless, Right, Wrong

CALL = "    start_session();\n"
FORKED = "    leave_parent();\n"
MASK = "    clear_umask();\n"
END = "    for (;;)\n        pause();"
LOOKED_AT = '    if (setsid() == -1)\n        die("setsid");'
PARENT = "    default:\n        _exit(EXIT_SUCCESS);"

NO_SESSION = "leads_session no_terminal"
NOBODY = "one_lives_on own_program launch_directory launch_files umask_is_zero is_adopted leads_session no_terminal"
MAIN = "int main(void)"

# A thread that does what is put in place of BODY, and its start.
THREAD = "static void *work(void *unused)\n{\nBODY    return unused;\n}\n\n" + MAIN
START = "    pthread_t thread;\n    pthread_create(&thread, NULL, work, NULL);\n"

# A new pseudo-terminal, its slave opened with the flags that are put in place of FLAGS.
NEW_TERMINAL = """
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1)
        die("posix_openpt");
    int terminal = open(ptsname(master), O_RDWR | FLAGS);
    if (terminal == -1)
        die("open");
"""

WRONG = [
    Wrong("forgotten", [(CALL, "")], fails=NO_SESSION, says="setsid() was not called in it"),
    Wrong(
        "before the fork",
        [(FORKED, ""), (LOOKED_AT, "    setsid();"), (CALL, CALL + FORKED)],
        fails=NO_SESSION,
        says="It has to come after the fork",
    ),
    Wrong(
        "before the fork and looked at",
        [(FORKED, ""), (CALL, CALL + FORKED)],
        fails=NOBODY,
        says="it gave up because setsid() failed (EPERM)",
    ),
    Wrong(
        "no fork before it",
        [(FORKED, ""), (LOOKED_AT, "    setsid();")],
        fails="one_lives_on is_adopted leads_session no_terminal",
        says="fork() was not called",
    ),
    Wrong(
        "tried before the fork until it works",
        [(FORKED, ""), (LOOKED_AT, "    while (setsid() == -1)\n        ;"), (CALL, CALL + FORKED)],
        fails="one_lives_on is_adopted leads_session no_terminal",
        says="a loop before it never ends",
    ),
    Wrong(
        "in the parent",
        [(CALL, ""), (PARENT, "    default:\n        setsid();\n        _exit(EXIT_SUCCESS);")],
        fails=NO_SESSION,
        says="after the fork, in the child",
    ),
    Wrong(
        "in a child of its own",
        [(CALL, "    if (fork() == 0) {\n        setsid();\n        _exit(0);\n    }\n    wait(NULL);\n")],
        headers="sys/wait.h",
        fails=NO_SESSION,
        says="setsid() was not called in it",
    ),
    Wrong(
        "parentheses forgotten",
        [("setsid() == -1", "setsid == NULL")],
        fails=NO_SESSION,
        says="setsid() was not called in it",
    ),
    Wrong(
        "setpgrp in its place",
        [(LOOKED_AT, '    if (setpgrp() == -1)\n        die("setpgrp");')],
        fails=NO_SESSION,
        says="setpgid() alone starts no session",
    ),
    Wrong(
        "setpgid before it",
        [(LOOKED_AT, "    setpgid(0, 0);\n    setsid();")],
        fails=NO_SESSION,
        says="In a process that leads a group setsid() fails",
    ),
    Wrong(
        "TIOCNOTTY in its place",
        [(LOOKED_AT, '    if (ioctl(STDIN_FILENO, TIOCNOTTY) == -1)\n        die("TIOCNOTTY");')],
        headers="sys/ioctl.h",
        fails="leads_session",
        says="as TIOCNOTTY does, but is still in the shell's session",
    ),
    Wrong(
        "descriptors closed in its place",
        [(LOOKED_AT, "    close(STDIN_FILENO);\n    close(STDOUT_FILENO);\n    close(STDERR_FILENO);")],
        fails=f"launch_files {NO_SESSION}",
        says="too early here",
    ),
    Wrong(
        "a second fork after it",
        [(CALL, CALL + FORKED)],
        fails="leads_session",
        says="a second fork is what step 09 is about",
    ),
    Wrong(
        "a second fork and its parent stays",
        [(CALL, CALL + "    if (fork() > 0)\n        wait(NULL);\n")],
        headers="sys/wait.h",
        fails="one_lives_on is_adopted leads_session",
        says="fork() was called more than once",
    ),
    Wrong("ends after a while", [(END, "    usleep(500000);")], fails=NOBODY, says="the child ended too"),
    Wrong("called twice", [(CALL, CALL + CALL)], fails=NOBODY, says="so does a process after its first setsid()"),
    Wrong(
        "the test turned round",
        [("setsid() == -1", "setsid()")],
        fails=NOBODY,
        says="the test is the wrong way round",
    ),
    Wrong(
        "a terminal opened afterwards",
        [(CALL, CALL + NEW_TERMINAL.replace(" | FLAGS", ""))],
        headers="fcntl.h",
        fails="no_terminal",
        says="unless O_NOCTTY is given",
    ),
    Wrong(
        "a terminal taken with TIOCSCTTY",
        [
            (
                CALL,
                CALL
                + NEW_TERMINAL.replace("FLAGS", "O_NOCTTY")
                + '    if (ioctl(terminal, TIOCSCTTY, 0) == -1)\n        die("TIOCSCTTY");\n',
            )
        ],
        headers="fcntl.h sys/ioctl.h",
        fails="no_terminal",
        says="TIOCSCTTY does",
    ),
    Wrong(
        "forkpty in its place",
        program="""
#include <pty.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    int master;
    umask(0);
    char first;
    if (forkpty(&master, NULL, NULL, NULL) > 0)
        _exit(read(master, &first, 1) != 1);
    if (write(STDOUT_FILENO, "ready", 5) != 5)
        _exit(1);
    for (;;)
        pause();
}
""",
        fails=NOBODY,
        says="its terminal was hung up",
    ),
    Wrong(
        "setsid(1) runs something else",
        [(LOOKED_AT, '    execlp("setsid", "setsid", "sleep", "infinity", (char *)NULL);\n    die("execlp");')],
        fails="own_program",
        says="it started another program",
    ),
    Wrong(
        "the root directory too",
        [(CALL, CALL + '    if (chdir("/") == -1)\n        die("chdir");\n')],
        fails="launch_directory",
        says="to move to the root directory is what step 04 adds",
    ),
    Wrong(
        "the old mask put back",
        [(MASK, "    mode_t before = umask(0);\n"), (CALL, CALL + "    umask(before);\n")],
        fails="umask_is_zero",
        says="the old mask was put back",
    ),
    Wrong(
        "daemon(0, 0)",
        [(FORKED + CALL, '    if (daemon(0, 0) == -1)\n        die("daemon");\n')],
        fails="launch_directory launch_files",
        says="too early here",
        glibc=True,
    ),
]

RIGHT = [
    Right("a raw system call", [("setsid() == -1", "syscall(SYS_setsid) == -1")], headers="sys/syscall.h"),
    Right("daemon(1, 1)", [(FORKED + CALL, '    if (daemon(1, 1) == -1)\n        die("daemon");\n')], glibc=True),
    Right(
        "posix_spawn with a session",
        [
            (MAIN, "int main(int argc, char **argv)"),
            (
                FORKED + CALL,
                "    if (argc == 1) {\n"
                '        char *words[] = {argv[0], "child", NULL};\n'
                "        posix_spawnattr_t attributes;\n"
                "        posix_spawnattr_init(&attributes);\n"
                "        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);\n"
                "        return posix_spawn(NULL, argv[0], NULL, &attributes, words, environ);\n"
                "    }\n",
            ),
        ],
        headers="spawn.h unistd.h",
    ),
    Right("umask last", [(MASK, ""), (CALL, CALL + MASK)]),
    Right(
        "in the switch of the fork",
        [(CALL, ""), ("case 0:\n", "case 0:\n        if (setsid() == -1)\n" '            die("setsid");\n')],
    ),
    Right("slow on the way", [(FORKED, FORKED + "    usleep(300000);\n"), (CALL, CALL + "    usleep(300000);\n")]),
    Right("a group of its own before the fork", [(FORKED, "    setpgid(0, 0);\n" + FORKED)]),
    Right("setpgid after it cannot undo it", [(CALL, CALL + "    setpgid(0, getppid());\n    setpgrp();\n")]),
    Right("forks only where it has to", [(FORKED, ""), (LOOKED_AT, "    while (setsid() == -1)\n    " + FORKED)]),
    Right("a second fork before it", [(FORKED, FORKED + FORKED)]),
    Right(
        "a raw clone in place of fork",
        [("switch (fork())", "switch (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))")],
        headers="signal.h sys/syscall.h",
    ),
    Right("the parent returns from main", [(FORKED, "    if (fork() > 0)\n        return 0;\n")]),
    Right(
        "the parent waits for it, at a pipe",
        [
            (
                FORKED,
                "    int ends[2];\n"
                '    if (pipe(ends) == -1)\n        die("pipe");\n'
                "    char done = 0;\n"
                "    if (fork() > 0)\n"
                "        _exit(read(ends[0], &done, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);\n"
                "    usleep(300000);\n",
            ),
            (
                CALL,
                CALL + '    if (write(ends[1], &done, 1) != 1)\n        die("write");\n'
                "    close(ends[0]);\n    close(ends[1]);\n",
            ),
        ],
    ),
    Right(
        "the parent waits for its signal",
        [
            (
                FORKED,
                "    sigset_t set;\n    int number;\n"
                "    sigemptyset(&set);\n    sigaddset(&set, SIGUSR1);\n"
                "    sigprocmask(SIG_BLOCK, &set, NULL);\n"
                "    if (fork() > 0) {\n        sigwait(&set, &number);\n        _exit(0);\n    }\n",
            ),
            (CALL, CALL + "    kill(getppid(), SIGUSR1);\n    sigprocmask(SIG_UNBLOCK, &set, NULL);\n"),
        ],
        headers="signal.h",
    ),
    Right(
        "waits until its parent is gone",
        [
            (FORKED, "    pid_t parent = getpid();\n" + FORKED),
            (CALL, "    while (getppid() == parent)\n        usleep(10000);\n" + CALL),
        ],
    ),
    Right(
        "a thread calls it",
        [
            (MAIN, THREAD.replace("BODY", CALL)),
            (MASK + FORKED + CALL, MASK + FORKED + START + "    pthread_join(thread, NULL);\n"),
        ],
        headers="pthread.h",
    ),
    Right(
        "a helper has come and gone",
        [(CALL, CALL + "    if (fork() == 0)\n        _exit(0);\n    wait(NULL);\n")],
        headers="sys/wait.h",
    ),
    Right(
        "setsid(1) starts it anew",
        [
            (MAIN, "int main(int argc, char **argv)"),
            (MASK, "    (void)argc;\n" + MASK + "    if (getsid(0) != getpid()) {\n    " + FORKED),
            (
                FORKED + CALL,
                '        execlp("setsid", "setsid", argv[0], (char *)NULL);\n        die("setsid");\n    }\n',
            ),
        ],
    ),
    Right("SIGHUP ignored first", [(MASK, "    signal(SIGHUP, SIG_IGN);\n" + MASK)], headers="signal.h"),
    Right(
        "the terminal given up before",
        [
            (
                CALL,
                '    int terminal = open("/dev/tty", O_RDWR);\n'
                '    if (terminal == -1 || ioctl(terminal, TIOCNOTTY) == -1)\n        die("TIOCNOTTY");\n'
                "    close(terminal);\n" + CALL,
            )
        ],
        headers="fcntl.h sys/ioctl.h",
    ),
    Right(
        "a terminal opened with O_NOCTTY",
        [(CALL, CALL + NEW_TERMINAL.replace("FLAGS", "O_NOCTTY"))],
        headers="fcntl.h",
    ),
    Right(
        "a terminal given up again",
        [
            (
                CALL,
                CALL
                + "    signal(SIGHUP, SIG_IGN);\n"
                + NEW_TERMINAL.replace(" | FLAGS", "")
                + "    ioctl(terminal, TIOCNOTTY);\n",
            )
        ],
        headers="fcntl.h signal.h sys/ioctl.h",
    ),
    Right("waits in a busy loop", [(END, "    for (volatile int busy = 1; busy;)\n        ;")]),
    Right("waits in short sleeps", [(END, "    for (;;)\n        sleep(1);")]),
    Right("waits by asking for the processor", [(END, "    for (;;)\n        sched_yield();")], headers="sched.h"),
    Right("waits in poll", [(END, "    for (;;)\n        poll(NULL, 0, -1);")], headers="poll.h"),
    Right(
        "waits in sigwait",
        [
            (
                END,
                "    sigset_t set;\n    int number;\n    sigemptyset(&set);\n    sigaddset(&set, SIGTERM);\n"
                "    sigprocmask(SIG_BLOCK, &set, NULL);\n    sigwait(&set, &number);",
            )
        ],
        headers="signal.h",
    ),
    Right(
        "a second thread waits",
        [
            (MAIN, THREAD.replace("BODY", END + "\n")),
            (CALL + "\n" + END, CALL + START + "    pthread_exit(NULL);"),
        ],
        headers="pthread.h",
    ),
]

CARELESS = [
    Careless(
        "setsid() is not looked at",
        [('    if (setsid() == -1)\n        die("setsid");', "    setsid();")],
        misses="setsid_fails",
    )
]
