"""Step 09: what learners write to lead nothing, and so to get no terminal."""

from gallery import Right, Wrong

FIRST = "    ignore_hangup();\n    leave_parent();\n"
SESSION = "    start_session();\n"
SECOND = "    leave_parent(); /* and so lead nothing */\n"
PLAIN = "    leave_parent();\n"
ROOT = "    move_to_root();\n"
CLOSED = "    close_descriptors();\n"
NULL = "    open_dev_null();\n"
SENT = '    syslog(LOG_INFO, "running in the background");\n'
END = "    for (;;)\n        pause();"
OPENED = 'open("/dev/null", O_RDWR)'
PARENT = "    default:\n        _exit(EXIT_SUCCESS);"
MAIN = "int main(void)"

# glibc's does not fork a second time, musl's does.
DAEMON = '    ignore_hangup();\n    if (daemon(1, 1) == -1)\n        die("daemon");\n'

LEADS = "leads_nothing gets_no_terminal"
TWO_LIVE = "one_lives_on is_adopted survives_hangup leads_nothing"
NOBODY = (
    "one_lives_on own_program umask_is_zero is_adopted no_terminal in_root_directory null_device_and_log "
    "reports_to_log ignores_hangup survives_hangup leads_nothing gets_no_terminal"
)

# A new pseudo-terminal, opened as a session leader should not.
NEW_TERMINAL = """
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1)
        die("posix_openpt");
    int terminal = open(ptsname(master), O_RDWR);
    if (terminal == -1)
        die("open");
"""

# The process waits in a second thread, and the first one ends.
IN_A_THREAD = [
    (f"\n{END}", "    pthread_t thread;\n    pthread_create(&thread, NULL, work, NULL);\n    pthread_exit(NULL);"),
    (MAIN, f"static void *work(void *unused)\n{{\n{END}\n    return unused;\n}}\n\n{MAIN}"),
]


def second(*lines):
    """The edit that has these lines of main() in place of the second fork."""
    return [(SECOND, "".join(f"    {line}\n" for line in lines))]


WRONG = [
    Wrong("forgotten", [(SECOND, "")], fails=LEADS, says="there was no fork after setsid()"),
    Wrong(
        "before setsid",
        [(SESSION + SECOND, PLAIN + SESSION)],
        fails=LEADS,
        says="the second fork came before setsid()",
    ),
    Wrong(
        "two forks, then setsid in the grandchild",
        [(FIRST, FIRST.replace(PLAIN, "    if (fork() > 0 || fork() > 0)\n        _exit(0);\n")), (SECOND, "")],
        fails=LEADS,
        says="the second fork came before setsid()",
    ),
    Wrong(
        "setsid once more after it",
        [(SECOND, SECOND + SESSION)],
        fails=LEADS,
        says="or setsid() was called once more after it",
    ),
    Wrong(
        "in place of setsid",
        [(SESSION, "    (void)start_session;\n")],
        fails=f"no_terminal {LEADS}",
        says="setsid() was not called in it or in what forked it",
    ),
    Wrong(
        "setsid in the launched process",
        [
            (SESSION, ""),
            ("    ignore_hangup();\n", "    ignore_hangup();\n    start_session();\n"),
            ('    if (setsid() == -1)\n        die("setsid");', "    (void)setsid();"),
        ],
        fails=f"no_terminal {LEADS}",
        says="or it failed",
    ),
    Wrong(
        "setpgid after it",
        [(SECOND, SECOND + '    if (setpgid(0, 0) == -1)\n        die("setpgid");\n')],
        fails="leads_nothing",
        says="it was put into a process group of its own",
    ),
    Wrong(
        "setpgid by the leader",
        second(
            "pid_t child = fork();",
            "if (child > 0) {",
            "    (void)setpgid(child, child);",
            "    _exit(EXIT_SUCCESS);",
            "}",
            "while (getpgrp() != getpid())",
            "    usleep(1000);",
        ),
        fails="leads_nothing",
        says="setpgid() or setpgrp() did that",
    ),
    Wrong(
        "the child ends, the leader lives on",
        second("if (fork() == 0)", "    _exit(EXIT_SUCCESS);"),
        fails=LEADS,
        says="a child of it has ended",
    ),
    Wrong(
        "the child ends, and the leader waits for it",
        second("if (fork() == 0)", "    _exit(EXIT_SUCCESS);", "(void)wait(NULL);"),
        headers="sys/wait.h",
        fails=LEADS,
        says="the child of that fork is not the one that lives on",
    ),
    Wrong("both go on", second("(void)!fork();"), fails=TWO_LIVE, says="the session leader lives on beside"),
    Wrong(
        "only the failure looked at",
        second("if (fork() == -1)", '    die("fork");'),
        fails=TWO_LIVE,
        says="the session leader lives on beside",
    ),
    Wrong(
        "the leader waits for ever",
        second("if (fork() > 0)", "    for (;;)", "        pause();"),
        fails=TWO_LIVE,
        says="as soon as the second fork has made its child",
    ),
    Wrong(
        "the leader waits for its child",
        second("if (fork() > 0)", "    _exit(wait(NULL) == -1);"),
        headers="sys/wait.h",
        fails=TWO_LIVE,
        says="without waiting for it",
    ),
    Wrong(
        "the leader ends much later",
        second("if (fork() > 0) {", "    sleep(60);", "    _exit(EXIT_SUCCESS);", "}"),
        fails=TWO_LIVE,
        says="the session leader lives on beside",
    ),
    Wrong("vfork", second("if (vfork() > 0)", "    _exit(EXIT_SUCCESS);"), fails=TWO_LIVE, says="vfork()"),
    Wrong(
        "both end",
        second("if (fork() >= 0)", "    _exit(EXIT_SUCCESS);"),
        fails=NOBODY,
        says="the child ended too",
    ),
    Wrong(
        "the test turned round",
        second("if (fork() > 0)", '    die("fork");', "_exit(EXIT_SUCCESS);"),
        fails=NOBODY,
        says="the test is the wrong way round",
    ),
    Wrong(
        "the launched process waits, and no more",
        [
            (FIRST, "    ignore_hangup();\n    if (fork() > 0)\n        for (;;)\n            pause();\n"),
        ],
        fails="one_lives_on survives_hangup",
        says="the launched process goes on as well",
    ),
    Wrong(
        "a third process that stays",
        [(SECOND, SECOND + "    if (fork() > 0)\n        for (;;)\n            pause();\n")],
        fails="one_lives_on is_adopted survives_hangup",
        says="more than one process lives on",
    ),
    Wrong(
        "a helper that stays",
        [(SENT, SENT + "    if (fork() == 0)\n        for (;;)\n            pause();\n")],
        fails="one_lives_on is_adopted survives_hangup reports_to_log",
        says="more than one process lives on",
    ),
    Wrong(
        "after the message",
        [(SECOND, ""), (SENT, SENT + PLAIN)],
        fails="reports_to_log",
        says="what forked this one, before the last fork",
    ),
    Wrong(
        "a thread in its place",
        [(SECOND, ""), *IN_A_THREAD],
        headers="pthread.h",
        fails=LEADS,
        says="there was no fork after setsid()",
    ),
    Wrong(
        "daemon(1, 1) alone",
        [(FIRST + SESSION + SECOND, DAEMON)],
        glibc=True,
        fails=LEADS,
        says="there was no fork after setsid()",
    ),
    Wrong(
        "O_NOCTTY in its place",
        [(SECOND, ""), (OPENED, OPENED.replace("O_RDWR", "O_RDWR | O_NOCTTY"))],
        fails=LEADS,
        says="there was no fork after setsid()",
    ),
    Wrong(
        "SIGHUP ignored in its place",
        [(SECOND, "    ignore_hangup();\n")],
        fails=LEADS,
        says="there was no fork after setsid()",
    ),
]

RIGHT = [
    Right(
        "written out",
        second("pid_t child = fork();", "if (child == -1)", '    die("fork");', "if (child != 0)", "    _exit(0);"),
    ),
    # What nobody sees: -1 is taken for a parent's PID, and the launched process ended with 0 long ago.
    Right("a failure not looked at", second("if (fork() != 0)", "    _exit(EXIT_SUCCESS);")),
    Right(
        "in the function of the session",
        [(SECOND, ""), ('        die("setsid");\n', '        die("setsid");\n    leave_parent();\n')],
    ),
    Right("the leader returns from main", second("if (fork() > 0)", "    return EXIT_SUCCESS;")),
    Right("the leader's status is nobody's", second("if (fork() > 0)", "    exit(EXIT_FAILURE);")),
    Right("after the root directory", [(SECOND, ""), (ROOT, ROOT + PLAIN)]),
    Right("after the descriptors", [(SECOND, ""), (CLOSED, CLOSED + PLAIN)]),
    Right("after the null device", [(SECOND, ""), (NULL, NULL + PLAIN)]),
    Right(
        "a raw clone",
        [("switch (fork())", "switch (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))")],
    ),
    Right("three forks", [(SECOND, SECOND + PLAIN)]),
    Right("three forks, and setsid after two", [(SESSION, PLAIN + SESSION)]),
    Right("setsid twice, and a fork after each", [(SECOND, SECOND + SESSION + PLAIN)]),
    Right(
        "a helper has come and gone",
        [(SECOND, SECOND + "    if (fork() == 0)\n        _exit(0);\n    wait(NULL);\n")],
        headers="sys/wait.h",
    ),
    Right("daemon(1, 1), then a fork", [(FIRST + SESSION, DAEMON)]),
    Right(
        "slow on the way",
        [(SECOND, "    usleep(300000);\n" + SECOND + "    usleep(300000);\n")],
    ),
    Right(
        "the leader ends slowly",
        second("if (fork() > 0) {", "    usleep(300000);", "    _exit(EXIT_SUCCESS);", "}"),
    ),
    Right(
        "waits until its leader is gone",
        second("pid_t leader = getpid();", "leave_parent();", "while (getppid() == leader)", "    usleep(10000);"),
    ),
    Right(
        "the launched process waits for the leader",
        [(FIRST, "    ignore_hangup();\n    if (fork() > 0)\n        return wait(NULL) == -1;\n")],
        headers="sys/wait.h",
    ),
    Right(
        "the launched process waits for the daemon, at a pipe",
        [
            (
                FIRST,
                "    ignore_hangup();\n"
                "    int ends[2];\n"
                '    if (pipe(ends) == -1)\n        die("pipe");\n'
                "    char done = 0;\n"
                "    if (fork() > 0)\n"
                "        _exit(read(ends[0], &done, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);\n",
            ),
            (SECOND, SECOND + '    if (write(ends[1], &done, 1) != 1)\n        die("write");\n'),
        ],
    ),
    Right("a terminal opened afterwards is not its own", [(SECOND, SECOND + NEW_TERMINAL)]),
    Right(
        "a terminal taken with TIOCSCTTY is not to be had",
        [(SECOND, SECOND + NEW_TERMINAL + "    (void)ioctl(terminal, TIOCSCTTY, 0);\n")],
        headers="sys/ioctl.h",
    ),
    Right("the leader's terminal goes with the leader", [(SECOND, NEW_TERMINAL + SECOND)]),
    Right("setsid(2) by its number", [("setsid() == -1", "syscall(SYS_setsid) == -1")]),
    Right("waits in poll", [(END, "    for (;;)\n        (void)poll(NULL, 0, -1);")], headers="poll.h"),
    Right(
        "waits in sigsuspend",
        [(END, "    sigset_t none;\n    sigemptyset(&none);\n    for (;;)\n        sigsuspend(&none);")],
    ),
    Right("waits in short sleeps", [(END, "    for (;;)\n        sleep(1);")]),
    Right("a second thread waits", IN_A_THREAD, headers="pthread.h"),
]
