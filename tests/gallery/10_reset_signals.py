"""Step 10: what learners write to undo the signal state that they were started with."""

from gallery import Right, Wrong

RESET = "    reset_signals();\n"
IGNORED = "    ignore_hangup();\n"
FORKED = "    leave_parent();\n"
NULL = "    open_dev_null();\n"
PARENT = "        _exit(EXIT_SUCCESS);"
END = "    for (;;)\n        pause();"
FUNCTION = "/* Fails for SIGKILL"
ALL = "int number = 1; number <= SIGRTMAX; number++"
SET = "        (void)signal(number, SIG_DFL);\n"
LOOP = f"    for ({ALL})\n{SET}"
EMPTY = "    (void)sigemptyset(&none);\n"
EMPTIED = """    if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
        die("sigprocmask");
"""
MASK = f"    sigset_t none;\n{EMPTY}{EMPTIED}"
SIGACTION = "    struct sigaction action = {.sa_handler = SIG_DFL};\n"

BOTH = "signals_reset sigterm_ends"
NO_PROCESS = (
    "one_lives_on own_program umask_is_zero is_adopted leads_nothing no_terminal in_root_directory "
    "null_device_and_log reports_to_log ignores_hangup gets_no_terminal survives_hangup " + BOTH
)


def text(*lines):
    """These lines of a function, indented."""
    return "".join(f"    {line}\n" for line in lines)


def last(*lines):
    """The edit that puts lines before the message that says that it runs."""
    return (NULL, NULL + text(*lines))


def on_term(*lines):
    """Two edits: a handler for SIGTERM, and its installation at the very end."""
    handler = (
        "static volatile sig_atomic_t stop;\n\nstatic void on_term(int number)\n{\n"
        + text("(void)number;", "stop = 1;", *lines)
        + "}\n\n"
    )
    return [(FUNCTION, handler + FUNCTION), last("(void)signal(SIGTERM, on_term);")]


BLOCK_TERM = (
    "sigset_t term;",
    "(void)sigemptyset(&term);",
    "(void)sigaddset(&term, SIGTERM);",
    "(void)sigprocmask(SIG_BLOCK, &term, NULL);",
)

WRONG = [
    Wrong("forgotten", [(RESET, "")], fails=BOTH, says="both have to be undone"),
    Wrong("dispositions only", [(MASK, "")], fails=BOTH, says="the mask is inherited too"),
    Wrong("mask only", [(LOOP, "")], fails=BOTH, says="was not set to SIG_DFL"),
    Wrong(
        "only 1 to 31",
        [(ALL, "int number = 1; number < 32; number++")],
        fails="signals_reset",
        says="the last signal is SIGRTMAX",
    ),
    Wrong(
        "all but the real-time ones, by SIGRTMIN",
        [(ALL, "int number = 1; number < SIGRTMIN; number++")],
        fails="signals_reset",
        says="the real-time signals are missing",
    ),
    Wrong(
        "stops at the first error",
        [(SET, "        if (signal(number, SIG_DFL) == SIG_ERR)\n            break;\n")],
        fails=BOTH,
        says="stopped at SIGKILL",
    ),
    Wrong(
        "stops at the first error, downwards",
        [
            (ALL, "int number = SIGRTMAX; number > 0 && signal(number, SIG_DFL) != SIG_ERR; number--"),
            (SET, "        ;\n"),
        ],
        fails=BOTH,
        says="go on past those that cannot be set",
    ),
    Wrong(
        "knows SIGKILL and SIGSTOP, stops at 32",
        [
            (
                SET,
                "        if (number != SIGKILL && number != SIGSTOP && signal(number, SIG_DFL) == SIG_ERR)\n"
                "            break;\n",
            )
        ],
        fails="signals_reset",
        says="a loop must not end at them",
    ),
    Wrong(
        "ends at the first error",
        [(SET, '        if (signal(number, SIG_DFL) == SIG_ERR)\n            die("signal");\n')],
        fails=NO_PROCESS,
        says="the launched process gave up, with this status",
    ),
    Wrong(
        "SIGTERM only",
        [
            (LOOP, "    (void)signal(SIGTERM, SIG_DFL);\n"),
            (EMPTY, EMPTY + "    (void)sigaddset(&none, SIGTERM);\n"),
            ("SIG_SETMASK", "SIG_UNBLOCK"),
        ],
        fails="signals_reset",
        says="both have to be undone",
    ),
    Wrong(
        "the few that one knows",
        [
            (
                LOOP,
                "    static const int known[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD, SIGPIPE, SIGUSR1};\n"
                "    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)\n"
                "        (void)signal(known[i], SIG_DFL);\n",
            )
        ],
        fails="signals_reset",
        says="from 1 to SIGRTMAX",
    ),
    Wrong("SIG_IGN for all", [(SET, SET.replace("DFL", "IGN"))], fails=BOTH, says="was not set to SIG_DFL"),
    Wrong(
        "SIG_UNBLOCK with an empty set",
        [("SIG_SETMASK", "SIG_UNBLOCK")],
        fails=BOTH,
        says="SIG_UNBLOCK takes out only what it is given",
    ),
    Wrong(
        "SIG_UNBLOCK with 1 to 31",
        [
            (
                EMPTY,
                EMPTY + "    for (int number = 1; number < 32; number++)\n        (void)sigaddset(&none, number);\n",
            ),
            ("SIG_SETMASK", "SIG_UNBLOCK"),
        ],
        fails="signals_reset",
        says="SIG_UNBLOCK takes out only what it is given",
    ),
    Wrong("sigfillset", [("sigemptyset", "sigfillset")], fails=BOTH, says="sigfillset() makes a full set"),
    Wrong(
        "SIG_BLOCK with an empty set", [("SIG_SETMASK", "SIG_BLOCK")], fails=BOTH, says="SIG_BLOCK takes out nothing"
    ),
    Wrong(
        "the mask is only asked for",
        [("SIG_SETMASK, &none, NULL", "SIG_SETMASK, NULL, &none")],
        fails=BOTH,
        says="was not emptied",
    ),
    Wrong(
        "sa_mask taken for the mask",
        [
            (LOOP, SIGACTION + "    (void)sigemptyset(&action.sa_mask);\n" + LOOP),
            (SET, "        (void)sigaction(number, &action, NULL);\n"),
            (MASK, ""),
        ],
        fails=BOTH,
        says="the mask is inherited too",
    ),
    Wrong(
        "a system call with the size of libc's set",
        [(EMPTIED, "    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));\n")],
        fails=BOTH,
        says="was not emptied",
    ),
    Wrong(
        "after SIGHUP was ignored",
        [(RESET, ""), (NULL, NULL + RESET)],
        fails="ignores_hangup signals_reset",
        says="or it was set back",
    ),
    Wrong(
        "after SIGHUP was ignored, which only the mask hides",
        [(RESET, ""), (NULL, NULL + RESET), (EMPTY, EMPTY + "    (void)sigaddset(&none, SIGHUP);\n")],
        fails="ignores_hangup signals_reset",
        says="a blocked signal is kept back",
    ),
    Wrong(
        "in the parent, after the fork",
        [(RESET, ""), (PARENT, "    " + RESET + PARENT)],
        fails=BOTH,
        says="in the process that lives on",
    ),
    Wrong(
        "after the fork once more, which lets a hang-up through",
        [(FORKED, FORKED + RESET + "    usleep(300000);\n" + IGNORED), (PARENT, "        usleep(50000);\n" + PARENT)],
        fails="survives_hangup",
        says="before it was ignored",
    ),
    Wrong(
        "SIGPIPE ignored again",
        [last("(void)signal(SIGPIPE, SIG_IGN);")],
        fails="signals_reset",
        says="or the program ignores them itself",
    ),
    Wrong(
        "job control and SIGCHLD ignored, after Stevens",
        [last(*(f"(void)signal({name}, SIG_IGN);" for name in ("SIGCHLD", "SIGTSTP", "SIGTTOU", "SIGTTIN")))],
        fails="signals_reset",
        says="or the program ignores them itself",
    ),
    Wrong(
        "SIGTERM blocked again, for a signalfd",
        [
            last(*BLOCK_TERM),
            (
                END,
                text("int fd = signalfd(-1, &term, SFD_CLOEXEC);", "char info[128];", "(void)!read(fd, info, 128);"),
            ),
        ],
        headers="sys/signalfd.h",
        fails="signals_reset",
        says="or the program blocks them itself",
    ),
    Wrong(
        "SIGTERM ignored again, that nobody ends it",
        [last("(void)signal(SIGTERM, SIG_IGN);")],
        fails=BOTH,
        says="or the program ignores them itself",
    ),
    Wrong(
        "a handler for SIGTERM that goes on", on_term(), fails="sigterm_ends", says="catches the signal and goes on"
    ),
    Wrong(
        "a handler for every signal",
        [
            on_term()[0],
            last(
                "for (int number = 2; number <= SIGRTMAX; number++)",
                "    (void)signal(number, on_term);",
            ),
        ],
        fails="sigterm_ends",
        says="catches the signal and goes on",
    ),
    Wrong(
        "a handler for SIGTERM that starts it anew",
        on_term("if (fork() != 0)", "    _exit(EXIT_SUCCESS);"),
        fails="sigterm_ends",
        says="another goes on in its place",
    ),
    Wrong(
        "waits for SIGTERM, and goes on",
        [
            last(*BLOCK_TERM),
            (END, text("int number;", "while (sigwait(&term, &number) == 0)", '    syslog(LOG_NOTICE, "no");')),
        ],
        fails="sigterm_ends",
        says="or sigwait() takes it",
    ),
]

BY_SIGACTION = [(LOOP, SIGACTION + LOOP), (SET, "        (void)sigaction(number, &action, NULL);\n")]

RIGHT = [
    Right("sigaction", BY_SIGACTION),
    Right(
        "errors looked at, but for the four that cannot be set",
        [
            (
                SET,
                "        if (number != SIGKILL && number != SIGSTOP && (number < 32 || number >= SIGRTMIN) &&\n"
                '            signal(number, SIG_DFL) == SIG_ERR)\n            die("signal");\n',
            )
        ],
    ),
    Right(
        "errors looked at, but for EINVAL",
        [(SET, '        if (signal(number, SIG_DFL) == SIG_ERR && errno != EINVAL)\n            die("signal");\n')],
    ),
    Right("up to _NSIG", [("number <= SIGRTMAX", "number < _NSIG")]),
    Right("far beyond the last one", [("number <= SIGRTMAX", "number < 1000")]),
    Right("downwards", [(ALL, "int number = SIGRTMAX; number > 0; number--")]),
    Right(
        "pthread_sigmask",
        [("sigprocmask(SIG_SETMASK, &none, NULL) == -1", "pthread_sigmask(SIG_SETMASK, &none, NULL) != 0")],
    ),
    Right("SIG_UNBLOCK with a full set", [("sigemptyset", "sigfillset"), ("SIG_SETMASK", "SIG_UNBLOCK")]),
    Right(
        "one by one, each unblocked as it is reset",
        [
            (MASK, ""),
            (
                LOOP,
                f"    for ({ALL}) {{\n{SET}        sigset_t one;\n        (void)sigemptyset(&one);\n"
                "        if (sigaddset(&one, number) == 0)\n"
                "            (void)sigprocmask(SIG_UNBLOCK, &one, NULL);\n    }\n",
            ),
        ],
    ),
    Right("the mask first", [(MASK, ""), (LOOP, MASK + LOOP)]),
    Right(
        "system calls, for all 64",
        [
            (
                SET,
                "        (void)syscall(SYS_rt_sigaction, number, nothing, NULL, 8);\n",
            ),
            (LOOP.replace(SET, ""), "    static const char nothing[64];\n" + LOOP.replace(SET, "")),
            (EMPTIED, "    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, nothing, NULL, 8);\n"),
        ],
    ),
    Right(
        "SIGHUP ignored before the mask is emptied",
        [
            (EMPTIED, "    ignore_hangup();\n" + EMPTIED),
            (FUNCTION, "static void ignore_hangup(void);\n\n" + FUNCTION),
        ],
    ),
    Right(
        "after SIGHUP was ignored, and all but it",
        [(RESET + IGNORED, IGNORED + RESET), (SET, "        if (number != SIGHUP)\n    " + SET)],
    ),
    Right("first of all", [(RESET, ""), ("    open_log();\n", RESET + "    open_log();\n")]),
    Right("in the daemon, and SIGHUP ignored again then", [(RESET, ""), (NULL, NULL + RESET + IGNORED)]),
    Right("slow, twice", [(EMPTIED, "    usleep(300000);\n" + EMPTIED), (RESET, RESET + "    usleep(300000);\n")]),
    Right("a handler for SIGTERM that ends it", on_term("_exit(EXIT_SUCCESS);")),
    Right("a handler for SIGTERM that takes its time", on_term("usleep(300000);", "_exit(EXIT_SUCCESS);")),
    Right(
        "a handler for SIGTERM that sends it again",
        on_term("(void)signal(SIGTERM, SIG_DFL);", "(void)raise(SIGTERM);"),
    ),
    Right("a handler for SIGTERM that sets a flag", [*on_term(), (END, END.replace("for (;;)", "while (!stop)"))]),
    Right(
        "SIGTERM blocked but while it waits, by sigsuspend",
        [
            *on_term()[:1],
            last("(void)signal(SIGTERM, on_term);", *BLOCK_TERM, "sigset_t waiting;", "(void)sigemptyset(&waiting);"),
            (END, text("while (!stop)", "    (void)sigsuspend(&waiting);")),
        ],
    ),
    Right(
        "SIGTERM blocked but while it waits, by pselect",
        [
            *on_term()[:1],
            last("(void)signal(SIGTERM, on_term);", *BLOCK_TERM, "sigset_t waiting;", "(void)sigemptyset(&waiting);"),
            (END, text("while (!stop)", "    (void)pselect(0, NULL, NULL, NULL, NULL, &waiting);")),
        ],
        headers="sys/select.h",
    ),
    Right(
        "waits for SIGTERM by sigwait, which takes it out of the mask",
        [last(*BLOCK_TERM), (END, text("int number;", "(void)sigwait(&term, &number);"))],
    ),
    Right(
        "handlers for others",
        [on_term()[0], last("(void)signal(SIGUSR1, on_term);", "(void)signal(SIGCHLD, on_term);")],
    ),
]
