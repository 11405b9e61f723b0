"""Step 08: what learners write against the terminal's hang-up."""

from gallery import Right, Wrong

IGNORED = "    ignore_hangup();\n"
FORKED = "    leave_parent();\n"
SESSION = "    start_session();\n"
CLOSED = "    close_descriptors();\n"
NULL = "    open_dev_null();\n"
SENT = '    syslog(LOG_INFO, "running in the background");\n'
CALL = '    if (signal(SIGHUP, SIG_IGN) == SIG_ERR)\n        die("signal SIGHUP");\n'
LEFT = "        _exit(EXIT_SUCCESS);\n"
CHILD = "    case 0:\n        return;\n"
BODY = "static void ignore_hangup(void)\n{\n"
SLEEP = "    usleep(300000);\n"

NO_PROCESS = (
    "one_lives_on own_program umask_is_zero is_adopted leads_session no_terminal in_root_directory "
    "null_device_and_log reports_to_log ignores_hangup survives_hangup"
)
BOTH = "ignores_hangup survives_hangup"


def moved_behind(line):
    """The edit that has SIGHUP ignored behind another line of main()."""
    return [(IGNORED, ""), (line, line + IGNORED)]


def instead(*lines):
    """The edit that does something else in the place of signal()."""
    return [(CALL, "".join(f"    {line}\n" for line in lines))]


HANDLER = "static void on_hangup(int number)\n{\n    (void)number;\n"
SIGACTION = (
    "struct sigaction action = {.sa_handler = SIG_IGN};",
    'if (sigaction(SIGHUP, &action, NULL) == -1)\n        die("sigaction SIGHUP");',
)
BLOCK = ("sigset_t set;", "sigemptyset(&set);", "sigaddset(&set, SIGHUP);", "sigprocmask(SIG_BLOCK, &set, NULL);")
UNBLOCK = "    sigset_t set;\n    sigemptyset(&set);\n    sigprocmask(SIG_SETMASK, &set, NULL);\n"

WRONG = [
    Wrong("forgotten", [(IGNORED, "    (void)ignore_hangup;\n")], fails=BOTH, says="SIG_IGN was not set"),
    Wrong("after setsid", moved_behind(SESSION), fails="survives_hangup", says="before it was ignored"),
    Wrong("first thing in the child", moved_behind(FORKED), fails="survives_hangup", says="before the first fork"),
    Wrong(
        "after the closing",
        moved_behind(CLOSED),
        fails="survives_hangup",
        says="before it was ignored",
    ),
    Wrong("last of all", moved_behind(SENT), fails="survives_hangup", says="before it was ignored"),
    Wrong(
        "by the parent, after the fork",
        [(IGNORED, ""), (LEFT, "        ignore_hangup();\n" + LEFT)],
        fails=BOTH,
        says="or in another process",
    ),
    Wrong("another signal", [("SIGHUP, SIG_IGN", "SIGCHLD, SIG_IGN")], fails=BOTH, says="or for another signal"),
    Wrong("SIG_DFL", [("SIGHUP, SIG_IGN", "SIGHUP, SIG_DFL")], fails=BOTH, says="SIG_IGN was not set"),
    Wrong(
        "set back after setsid",
        [(SESSION, SESSION + "    (void)signal(SIGHUP, SIG_DFL);\n")],
        fails="ignores_hangup",
        says="or it was set back",
    ),
    Wrong(
        "result tested the wrong way round",
        [("SIG_IGN) == SIG_ERR", "SIG_IGN) != SIG_ERR")],
        fails=NO_PROCESS,
        says="the test is the wrong way round",
    ),
    Wrong(
        "sigaction without a handler",
        instead("struct sigaction action = {0};", SIGACTION[1]),
        fails=BOTH,
        says="SIG_IGN was not set",
    ),
    Wrong(
        "sigaction with the new one in the place of the old",
        instead(SIGACTION[0], SIGACTION[1].replace("&action, NULL", "NULL, &action")),
        fails=BOTH,
        says="SIG_IGN was not set",
    ),
    Wrong(
        "a set that nobody gets",
        instead("sigset_t set;", "sigemptyset(&set);", "sigaddset(&set, SIGHUP);"),
        fails=BOTH,
        says="SIG_IGN was not set",
    ),
    Wrong("blocked", instead(*BLOCK), fails="ignores_hangup", says="a blocked signal is kept back, not discarded"),
    Wrong(
        "blocked until after setsid",
        [*instead(*BLOCK), (SESSION, SESSION + UNBLOCK)],
        fails=BOTH,
        says="SIG_IGN was not set",
    ),
    Wrong(
        "blocked, unblocked, and only then ignored",
        [*instead(*BLOCK), (SESSION, SESSION + UNBLOCK + "    (void)signal(SIGHUP, SIG_IGN);\n")],
        fails="survives_hangup",
        says="before it was ignored",
    ),
    Wrong(
        "a handler that does nothing",
        [(BODY, HANDLER + "}\n\n" + BODY), ("SIGHUP, SIG_IGN", "SIGHUP, on_hangup")],
        fails="ignores_hangup",
        says="a handler is installed for it",
    ),
    Wrong(
        "a handler that ends it",
        [(BODY, HANDLER + "    _exit(EXIT_SUCCESS);\n}\n\n" + BODY), ("SIGHUP, SIG_IGN", "SIGHUP, on_hangup")],
        fails=BOTH,
        says="a handler is installed for it",
    ),
    Wrong(
        "a handler that ends it, and ignored in the end",
        [
            (BODY, HANDLER + "    _exit(EXIT_SUCCESS);\n}\n\n" + BODY),
            ("SIGHUP, SIG_IGN", "SIGHUP, on_hangup"),
            (SENT, SENT + "    (void)signal(SIGHUP, SIG_IGN);\n"),
        ],
        fails="survives_hangup",
        says="in a handler for SIGHUP",
    ),
    Wrong(
        "by the shell's trap", instead("(void)!system(\"trap '' HUP\");"), fails=BOTH, says="or in another process"
    ),
    Wrong(
        "by a child of the daemon",
        [
            (IGNORED, ""),
            (SENT, SENT + "    if (fork() == 0) {\n        ignore_hangup();\n        _exit(0);\n    }\n"),
        ],
        fails=BOTH,
        says="or in another process",
    ),
    Wrong(
        "the terminal's descriptors closed before the fork instead",
        [
            (CALL, ""),
            (IGNORED, CLOSED + NULL),
            (NULL + SENT, SENT),
            ("    move_to_root();\n" + CLOSED, "    move_to_root();\n"),
        ],
        fails=BOTH,
        says="SIG_IGN was not set",
    ),
    Wrong(
        "a parent that does not wait long enough",
        [
            *moved_behind(SESSION),
            (SESSION, "    usleep(50000);\n" + SESSION),
            (LEFT, "        usleep(1000);\n" + LEFT),
        ],
        fails="survives_hangup",
        says="before it was ignored",
    ),
    Wrong(
        "daemon, and ignored after it",
        [
            (IGNORED, '    if (daemon(1, 1) == -1)\n        die("daemon");\n    (void)leave_parent;\n' + IGNORED),
            (FORKED + SESSION, "    (void)start_session;\n"),
        ],
        fails="survives_hangup",
        says="before it was ignored",
        glibc=True,  # musl's daemon() forks twice
    ),
    Wrong(
        "in the order of the recipe, with a second fork",
        [(IGNORED, ""), (SESSION, SESSION + IGNORED + FORKED)],
        fails="leads_session survives_hangup",
        says="a second fork is what step 09 is about",
    ),
    Wrong(
        "the terminal given up before that",
        [(IGNORED, "    (void)ioctl(STDIN_FILENO, TIOCNOTTY);\n" + IGNORED)],
        headers="sys/ioctl.h",
        fails="survives_hangup",
        says="sends it to the group in the foreground, and so to itself",
    ),
    Wrong(
        "a process group of its own first",
        [(IGNORED, IGNORED + '    if (setpgid(0, 0) == -1)\n        die("setpgid");\n')],
        fails="survives_hangup",
        says="where setpgid() fails with EPERM",
    ),
    Wrong(
        "stays in the foreground where it leads the session",
        [(FORKED + SESSION, "    if (getsid(0) != getpid()) {\n" + FORKED + SESSION + "    }\n")],
        fails="survives_hangup",
        says="the launched process goes on where it leads its session",
    ),
    Wrong(
        "gives up where it has no terminal any more",
        [
            (
                SESSION,
                '    usleep(100000);\n    if (tcgetpgrp(STDIN_FILENO) == -1)\n        die("tcgetpgrp");\n' + SESSION,
            )
        ],
        fails="survives_hangup",
        says="tcgetpgrp() with ENOTTY",
    ),
]

# The kernel's own struct has the action first, here; the other fields are 0.
RAW = (
    "void (*action[8])(int) = {SIG_IGN};",
    'if (syscall(SYS_rt_sigaction, SIGHUP, action, NULL, 8L) == -1)\n        die("rt_sigaction");',
)
AGAIN = (
    '    if (argc == 1) {\n        ignore_hangup();\n        (void)execl("/proc/self/exe", argv[0], "again", NULL);\n'
    '        die("execl");\n    }\n'
)

RIGHT = [
    Right("sigaction", instead(*SIGACTION)),
    Right(
        "sigaction with flags that mean nothing here",
        instead(SIGACTION[0].replace("SIG_IGN}", "SIG_IGN, .sa_flags = SA_RESTART | SA_RESETHAND}"), SIGACTION[1]),
    ),
    Right("by the raw system call", instead(*RAW)),
    Right("sigignore", instead('if (sigignore(SIGHUP) == -1)\n        die("sigignore");')),
    Right("twice, the second time after setsid", [(SESSION, SESSION + IGNORED)]),
    Right("first of all", [(IGNORED, ""), ("    open_log();\n    clear", IGNORED + "    open_log();\n    clear")]),
    Right(
        "other signals too",
        [(CALL, CALL + "    (void)signal(SIGCHLD, SIG_IGN);\n    (void)signal(SIGPIPE, SIG_IGN);\n")],
    ),
    Right(
        "blocked across the race, then ignored, then unblocked",
        [*instead(*BLOCK), (SESSION, SESSION + "    (void)signal(SIGHUP, SIG_IGN);\n" + UNBLOCK)],
    ),
    Right(
        "a handler across the race, then ignored",
        [
            (BODY, HANDLER + "}\n\n" + BODY),
            ("SIGHUP, SIG_IGN", "SIGHUP, on_hangup"),
            (SESSION, SESSION + "    (void)signal(SIGHUP, SIG_IGN);\n"),
        ],
    ),
    Right(
        "a parent that waits until the child has a session",
        [
            *moved_behind(SESSION),
            (FORKED, '    int ends[2];\n    if (pipe(ends) == -1)\n        die("pipe");\n    leave_parent(ends);\n'),
            (
                "static void leave_parent(void)",
                "static void leave_parent(int *ends)",
            ),
            (CHILD, CHILD.replace("return;", "(void)close(ends[0]);\n        return;")),
            (LEFT, "        (void)close(ends[1]);\n        (void)!read(ends[0], &(char){0}, 1);\n" + LEFT),
            (IGNORED, IGNORED + "    (void)close(ends[1]);\n"),
        ],
    ),
    Right(
        "inherited through execve",
        [(IGNORED, ""), ("int main(void)\n{\n", "int main(int argc, char *argv[])\n{\n" + AGAIN)],
    ),
    Right("slow before the fork", [(IGNORED, SLEEP + IGNORED + SLEEP)]),
    Right("slow in the child, before setsid", [(SESSION, SLEEP + SESSION)]),
    Right("slow in the parent, before it ends", [(LEFT, "        usleep(300000);\n" + LEFT)]),
    Right("slow after that", [(SENT, SLEEP + SENT + SLEEP)]),
]
