"""Step 12: what learners write to let the launched process wait for the daemon."""

from gallery import Careless, Right, Wrong
from lab.toolbox import SOLUTIONS

# Whoever uses no pipe begins with the program of the step before.
BEFORE = (SOLUTIONS / "11_pid_file.c").read_text(encoding="utf-8")
LEFT = "    leave_parent();\n"  # the first fork of that one

WAITING = "    leave_waiting_parent();\n"
SECOND = "    leave_parent(); /* and so lead nothing */\n"
FORKS = WAITING + "    start_session();\n" + SECOND
CLOSED = "    close_descriptors();\n"
NULL = "    open_dev_null();\n"
WRITTEN = "    if (pid_file != NULL)\n        write_pid_file(pid_file);\n"
READY = "    say_ready();\n"
SENT = '    syslog(LOG_INFO, "running in the background");\n'

DIE = '    (void)dprintf(starter, "%s: %s\\n", call, reason);\n'
WORD = '    (void)dprintf(starter, "\\n"); /* who does not get it sees an end */\n'
GIVEN_UP = "    (void)close(starter);\n"
PIPE = "pipe2(ends, O_CLOEXEC)"
OWN_END = "        (void)close(word); /* else there is never end of file */\n"
CHILDS_END = "        starter = word;\n"
FGETS = "fgets(word, sizeof(word), from) != NULL &&\n        *word == '\\n'"
ORPHANED = "        (void)wait(NULL); /* until its parent has ended it is no orphan */\n"
NO_WORD = '"the daemon ended before it was ready\\n"'
READ = f"""    char word[512] = {NO_WORD};
    FILE *from = fdopen(pipe_end, "r");
    if (from != NULL && {FGETS}) {{
{ORPHANED}        _exit(EXIT_SUCCESS);
    }}
    (void)dprintf(STDERR_FILENO, "%s", word);
    _exit(EXIT_FAILURE);
"""
TWO_RANGES = """    unsigned kept = (unsigned)starter;
    if (syscall(SYS_close_range, 0U, kept - 1, 0U) == -1 ||
        syscall(SYS_close_range, kept + 1, ~0U, 0U) == -1)
        close_listed();
"""
SKIPPED = "fd != dirfd(list) && fd != starter"
OPENED = TWO_RANGES, "    close_listed();\n"  # the other way of closing, for those who keep more

# Where it is a matter of who is faster: so much the daemon has to do until it is ready.
SLOW = "    usleep(100000);\n"
SLOWLY = (WRITTEN, SLOW + WRITTEN)

TOLD_NOTHING = "second_is_told caller_is_told"
KILLED = "killed_early killed_later"
NO_WORD_COMES = (
    "one_lives_on null_device_log_and_file survives_hangup second_does_not_start one_of_many ready_when_it_returns "
    "ready_though_held"
)


def fork_and(*lines):
    """C for a fork whose parent does what `lines` say; `child` is the child's PID there."""
    body = "".join(f"        {line}\n" for line in lines)
    test = '    pid_t child = fork();\n    if (child == -1)\n        die("fork");\n'
    return f"{test}    if (child > 0) {{\n{body}    }}\n"


# The launched process waits for its child, which waits for the daemon.
BY_WAY_OF_THE_CHILD = (
    "int status;",
    "(void)waitpid(child, &status, 0);",
    "_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);",
)

WRONG = [
    Wrong(
        "forgotten",
        [SLOWLY],
        program=BEFORE,
        fails=f"ready_when_it_returns ready_though_held {TOLD_NOTHING} {KILLED}",
        says="did not wait for the daemon",
    ),
    Wrong(
        "its own write end left open",
        [(OWN_END, "")],
        fails=KILLED,
        says="until it closes it",
    ),
    Wrong(
        "the word before the PID file",
        [(READY, ""), (WRITTEN, READY + SLOW + WRITTEN)],
        fails=f"ready_when_it_returns ready_though_held {TOLD_NOTHING}",
        says="gave its word too early",
    ),
    Wrong(
        "the word before the second fork",
        [(READY, ""), (SECOND, READY + SECOND), SLOWLY],
        fails=f"ready_when_it_returns ready_though_held {TOLD_NOTHING} killed_later",
        says="gave its word too early",
    ),
    Wrong(
        "end of file taken as good",
        [(FGETS, "(fgets(word, sizeof(word), from) == NULL || *word == '\\n')")],
        fails=KILLED,
        says="End of file without a word means that the daemon has ended",
    ),
    Wrong(
        "only that it failed is sent",
        [(DIE, '    (void)dprintf(starter, "failed\\n");\n')],
        fails="caller_is_told",
        says="is not the daemon's own reason",
    ),
    Wrong(
        "the reason to the daemon's standard error",
        [(DIE, DIE.replace("starter", "STDERR_FILENO")), (NO_WORD, '""')],
        fails=TOLD_NOTHING,
        says="send it through the pipe",
    ),
    Wrong(
        "the reason only to the log",
        [(DIE, "")],
        fails="caller_is_told",
        says="is not the daemon's own reason",
    ),
    Wrong(
        "status 0 whatever comes",
        [("    _exit(EXIT_FAILURE);", "    _exit(EXIT_SUCCESS);")],
        fails=f"{TOLD_NOTHING} {KILLED}",
        says="and returns 0 all the same",
    ),
    Wrong(
        "the first byte taken as good, whatever it is",
        [("*word == '\\n'", "*word != '\\0'")],
        fails=TOLD_NOTHING,
        says="counts as good",
    ),
    Wrong(
        "waits for its child's end",
        [(LEFT, fork_and(*BY_WAY_OF_THE_CHILD)), SLOWLY],
        program=BEFORE,
        headers="sys/wait.h",
        fails=f"ready_when_it_returns ready_though_held {TOLD_NOTHING} killed_later",
        says="did not wait for the daemon",
    ),
    Wrong(
        "sleeps for two seconds",  # by then it is ready, whatever else goes on
        [(LEFT, fork_and("sleep(2);", "_exit(EXIT_SUCCESS);"))],
        program=BEFORE,
        fails=f"{TOLD_NOTHING} {KILLED}",
        says="did not wait for the daemon's word",
    ),
    Wrong(
        "looks for the PID file again and again",
        [
            (
                LEFT,
                fork_and(
                    "struct stat file;",
                    "while (pid_file != NULL && (stat(pid_file, &file) == -1 || file.st_size == 0))",
                    "    usleep(10000);",
                    "_exit(EXIT_SUCCESS);",
                ),
            )
        ],
        program=BEFORE,
        fails=f"{TOLD_NOTHING} {KILLED}",
        says="did not wait for the daemon's word",
    ),
    Wrong(
        "waits for a signal, without an end",
        [
            (
                LEFT,
                "    sigset_t usr1;\n    int number;\n    sigemptyset(&usr1);\n    sigaddset(&usr1, SIGUSR1);\n"
                "    sigprocmask(SIG_BLOCK, &usr1, NULL);\n    pid_t launched = getpid();\n"
                + fork_and("(void)sigwait(&usr1, &number);", "_exit(EXIT_SUCCESS);")
                + "    sigprocmask(SIG_UNBLOCK, &usr1, NULL);\n",
            ),
            (SENT, "    (void)kill(launched, SIGUSR1);\n" + SENT),
        ],
        program=BEFORE,
        fails=f"second_does_not_start one_of_many {TOLD_NOTHING} {KILLED}",
        says="a signal that is waited for alone",
    ),
    Wrong(
        "the write end closed with the rest",
        [(TWO_RANGES, "    if (syscall(SYS_close_range, 0U, ~0U, 0U) == -1)\n        close_listed();\n")],
        fails="one_lives_on survives_hangup ready_when_it_returns caller_is_told ready_though_held",
        says="closed with the other descriptors",
    ),
    Wrong(
        "the word stays in a buffer",
        [(WORD, '    FILE *to = fdopen(starter, "w");\n    fputs("\\n", to);\n'), (GIVEN_UP, "")],
        fails=NO_WORD_COMES,
        says="stays in a buffer",
    ),
    Wrong(
        "read to end of file, and never closed",
        [(GIVEN_UP, ""), (FGETS, "fgets(word, sizeof(word), from) != NULL && fgetc(from) == EOF && *word == '\\n'")],
        fails=NO_WORD_COMES,
        says="still waits",
    ),
    Wrong(
        "the write end left open in the daemon",
        [(GIVEN_UP, "")],
        fails="null_device_log_and_file",
        says="the write end has done its work",
    ),
    Wrong(
        "the read end left open in the daemon",
        [
            ("static int starter", "static int reader = -1;\nstatic int starter"),
            (CHILDS_END, CHILDS_END + "        reader = ends[0];\n"),
            (SKIPPED, f"{SKIPPED} && fd != reader"),
            OPENED,
        ],
        fails="null_device_log_and_file",
        says="the read end is the launched process's alone",
    ),
    Wrong(
        "a wait status for an exit status",
        [
            (
                FORKS,
                fork_and("int status;", "(void)waitpid(child, &status, 0);", "_exit(status);")
                + "    start_session();\n"
                + WAITING,
            ),
            (ORPHANED, ""),  # its child is the daemon
        ],
        headers="sys/wait.h",
        fails=f"{TOLD_NOTHING} killed_later",
        says="that is no exit status",
    ),
    Wrong(
        "read to end of file, which comes when the daemon closes it",
        [
            (WORD, '    (void)dprintf(starter, "ready\\n");\n'),
            (
                READ,
                '    char text[512];\n    size_t length = fread(text, 1, sizeof(text), fdopen(pipe_end, "r"));\n'
                '    if (length == 6 && memcmp(text, "ready\\n", 6) == 0)\n        _exit(EXIT_SUCCESS);\n'
                "    (void)fwrite(text, 1, length, stderr);\n    _exit(EXIT_FAILURE);\n",
            ),
        ],
        fails="ready_though_held",
        says="does not come as long as anybody has the write end",
    ),
]

# A reason as what it is, a number and a name, for the launched process to make words of.
BINARY = [
    (DIE, "    (void)!write(starter, &(struct word){errno, call}, sizeof(struct word));\n"),
    (WORD, "    (void)!write(starter, &(struct word){0, NULL}, sizeof(struct word));\n"),
    ("static int starter", "struct word {\n    int error;\n    const char *call;\n};\n\nstatic int starter"),
    (
        READ,
        "    struct word word;\n    if (read(pipe_end, &word, sizeof(word)) != sizeof(word))\n"
        '        fprintf(stderr, "the daemon has ended\\n");\n'
        "    else if (word.error == 0)\n        _exit(EXIT_SUCCESS);\n    else\n"
        '        fprintf(stderr, "%s: %s\\n", word.call, strerror(word.error));\n    _exit(EXIT_FAILURE);\n',
    ),
]

RIGHT = [
    Right("errno and the name of the call, in binary", BINARY),
    Right(
        "a socketpair", [(PIPE, "socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)")], headers="sys/socket.h"
    ),
    Right("no close-on-exec", [(PIPE, "pipe(ends)"), ("F_DUPFD_CLOEXEC", "F_DUPFD")]),
    Right(
        "the pipe at 3",
        [(CHILDS_END, "        starter = dup2(word, 3);\n")],
    ),
    Right("closing by the list", [OPENED]),
    Right(
        "getline",
        [
            ("    char word[512] = " + NO_WORD + ";\n", "    char *word = NULL;\n    size_t size = 0;\n"),
            (FGETS, "getline(&word, &size, from) > 0 && *word == '\\n'"),
            ('"%s", word);\n    _exit', '"%s", *word ? word : ' + NO_WORD + ");\n    _exit"),
        ],
    ),
    Right(
        "read, and all that comes is copied",
        [
            (
                READ,
                "    char text[64];\n    ssize_t length;\n"
                "    while ((length = read(pipe_end, text, sizeof(text))) > 0) {\n        if (*text == '\\n')\n"
                "            _exit(EXIT_SUCCESS);\n        (void)!write(STDERR_FILENO, text, (size_t)length);\n    }\n"
                "    _exit(EXIT_FAILURE);\n",
            )
        ],
    ),
    Right(
        "poll first",
        [
            (
                READ,
                "    struct pollfd one = {.fd = pipe_end, .events = POLLIN};\n    while (poll(&one, 1, -1) == -1)\n"
                "        ;\n" + READ,
            )
        ],
        headers="poll.h",
    ),
    Right(
        "the reason by a copy of standard error, a byte by the pipe",
        [
            (DIE, DIE.replace("starter", "reader")),
            ("static int starter = STDERR_FILENO", "static int starter = -1, reader = STDERR_FILENO"),
            (
                CHILDS_END,
                CHILDS_END + "        reader = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);\n",
            ),
            (SKIPPED, SKIPPED + " && fd != reader"),
            OPENED,
            (GIVEN_UP, GIVEN_UP + "    (void)close(reader);\n"),
            (NO_WORD, '""'),
        ],
    ),
    Right(
        "the child waits, and the launched process for the child",
        [(FORKS, fork_and(*BY_WAY_OF_THE_CHILD) + "    start_session();\n" + WAITING), (ORPHANED, "")],
        headers="sys/wait.h",
    ),
    Right(
        "a signal for good, the child's end for bad",
        [
            (
                FORKS,
                fork_and(*BY_WAY_OF_THE_CHILD)
                + "    start_session();\n    sigset_t two;\n    sigemptyset(&two);\n    sigaddset(&two, SIGUSR1);\n"
                "    sigaddset(&two, SIGCHLD);\n    sigprocmask(SIG_BLOCK, &two, NULL);\n    pid_t leader = getpid();\n"
                "    starter = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);\n"
                + fork_and(
                    "const struct timespec minute = {.tv_sec = 60};",
                    "_exit(sigtimedwait(&two, NULL, &minute) == SIGUSR1 ? EXIT_SUCCESS : EXIT_FAILURE);",
                ).replace("child", "daemon")
                + "    sigprocmask(SIG_UNBLOCK, &two, NULL);\n",
            ),
            (READY, "    (void)close(starter);\n    (void)kill(leader, SIGUSR1);\n"),
        ],
        headers="sys/wait.h time.h",
    ),
    Right(
        "all closed first, in the launched process",
        [
            (WAITING, "    (void)close_descriptors;\n    (void)syscall(SYS_close_range, 3U, ~0U, 0U);\n" + WAITING),
            (CLOSED, ""),
            (CHILDS_END, CHILDS_END + "        (void)close(ends[0]);\n"),
            (
                "    int in = open(",
                "    for (int fd = 0; fd < 3; fd++)\n        (void)close(fd);\n    int in = open(",
            ),
        ],
    ),
    Right("slow on the way", [(WRITTEN, "    usleep(300000);\n" + WRITTEN + "    usleep(300000);\n")]),
    Right("slow between the forks", [(SECOND, "    usleep(300000);\n" + SECOND)]),
    Right("the word after the log", [(READY, ""), (SENT, SENT + READY)]),
]

CARELESS = [
    Careless(
        "the pipe anywhere, and no call looked at",
        [
            ("F_DUPFD_CLOEXEC, STDERR_FILENO + 1", "F_DUPFD_CLOEXEC, 0"),
            (" && fd != starter", ""),
            ('    if (pipe2(ends, O_CLOEXEC) == -1)\n        die("pipe2");\n', "    (void)!pipe2(ends, O_CLOEXEC);\n"),
            ('die("fork");', "return;"),
            ('        (void)dprintf(starter, "0, 1, 2 are %d, %d, %d\\n", in, out, err);\n', ""),
            ('        syslog(LOG_ERR, "descriptors 0, 1, 2 are %d, %d, %d", in, out, err);\n', ""),
        ],
        misses="ready_with_none_open ready_without_close_range pipe_fails fork_fails null_missing",
    )
]
