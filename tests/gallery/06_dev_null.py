"""Step 06: what learners write for 0, 1 and 2 on the null device."""

from gallery import Careless, Right, Wrong

CLOSED = "    close_descriptors();\n"
CALL = "    open_dev_null();\n"
END = "    for (;;)\n        pause();"
OPENED = '    int in = open("/dev/null", O_RDWR);\n'
DUPLICATED = "    int out = dup(in);\n    int err = dup(in);\n"
LOOKED_AT = (
    "    if (in != STDIN_FILENO || out != STDOUT_FILENO || err != STDERR_FILENO) {\n"
    "        exit(EXIT_FAILURE); /* with nowhere left to say why */\n"
    "    }\n"
)
BODY = OPENED + DUPLICATED + LOOKED_AT
CLOSE_ALL = "syscall(SYS_close_range, 0U, ~0U, 0U)"

NO_PROCESS = (
    "one_lives_on own_program umask_is_zero is_adopted leads_session no_terminal in_root_directory null_device"
)


def body(text):
    """The edit that makes this the body of open_dev_null()."""
    return [(BODY, "".join(f"    {line}\n" for line in text))]


WRONG = [
    Wrong(
        "forgotten", [(CALL, "")], fails="null_device", says="/dev/null was not opened in the process that lives on"
    ),
    Wrong(
        "in the parent only",
        [
            (CALL, ""),
            ("        _exit(EXIT_SUCCESS);", "        open_dev_null();\n        _exit(EXIT_SUCCESS);"),
            (LOOKED_AT, "    (void)out, (void)err;\n"),
            ("/* A new session", "static void open_dev_null(void);\n\n/* A new session"),
            ("static void leave_parent", "static void open_dev_null(void);\nstatic void leave_parent"),
        ],
        fails="null_device",
        says="not opened in the process that lives on",
    ),  # fmt: skip
    Wrong(
        "before all is closed",
        [(CALL, ""), (CLOSED, CALL + CLOSED), (LOOKED_AT, "    (void)out, (void)err;\n")],
        fails="null_device",
        says="or it was opened before all was closed",
    ),
    Wrong(
        "the terminal, by its name",
        [('"/dev/null"', '"/dev/tty"'), (LOOKED_AT, "    (void)out, (void)err;\n")],
        fails="null_device",
        says="or open() failed",
    ),
    Wrong(
        "a misspelt path, and looked at",
        [('"/dev/null"', '"/dev/nul"')],
        fails=NO_PROCESS,
        says="open() where the path is wrong",
    ),
    Wrong("dev zero", [('"/dev/null"', '"/dev/zero"')], fails="null_device", says="only /dev/null reads as empty"),
    Wrong("dev full", [('"/dev/null"', '"/dev/full"')], fails="null_device", says="/dev/full fails every write"),
    Wrong(
        "a log file for 1 and 2",
        body(
            [
                '(void)open("/dev/null", O_RDONLY);',
                "(void)dup(fileno(tmpfile()));",
            ]
        ),
        fails="null_device",
        says="a file fills up",
    ),  # fmt: skip
    Wrong("read only", [("O_RDWR", "O_RDONLY")], fails="null_device", says="1 cannot be written"),
    Wrong("write only", [("O_RDWR", "O_WRONLY")], fails="null_device", says="0 cannot be read"),
    Wrong(
        "0 alone",
        body(['(void)open("/dev/null", O_RDWR);']),
        fails="null_device",
        says="open() and dup() give the lowest free number",
    ),
    Wrong(
        "0 and 1 alone",
        body(['(void)dup(open("/dev/null", O_RDWR));']),
        fails="null_device",
        says="one call for each of the three",
    ),
    Wrong(
        "dup2 with its arguments swapped",
        body([OPENED.strip(), "(void)dup2(STDOUT_FILENO, in);", "(void)dup2(STDERR_FILENO, in);"]),
        fails="null_device",
        says="dup2(old, new) makes new a duplicate of old",
    ),
    Wrong(
        "closes what open gave, which is 0",
        body([OPENED.strip(), "for (int fd = 0; fd < 3; fd++)", "    (void)dup2(in, fd);", "(void)close(in);"]),
        fails="null_device",
        says="close what it returned only if that is above 2",
    ),
    Wrong(
        "a fourth duplicate",
        [(LOOKED_AT, LOOKED_AT + "    (void)dup(in);\n")],
        fails="null_device",
        says="a call too many",
    ),
    Wrong(
        "opened before the closing, and left open above 2",
        [
            (CLOSED, ""),
            *body(
                [
                    OPENED.strip(),
                    "(void)dup2(in, 0), (void)dup2(in, 1), (void)dup2(in, 2);",
                    "for (int fd = 3; fd < 4096; fd++)",
                    "    if (fd != in)",
                    "        (void)close(fd);",
                    "(void)close_descriptors;",
                ]
            ),
        ],
        fails="null_device",
        says="close it if it is above 2",
    ),  # fmt: skip
    Wrong(
        "nothing closed before, by open and dup",
        [(CLOSED, "    (void)close_descriptors;\n"), (LOOKED_AT, "    (void)out, (void)err;\n")],
        fails="null_device",
        says="a standard descriptor is still the terminal",
    ),
    Wrong(
        "nothing closed before, by dup2",
        [
            (CLOSED, "    (void)close_descriptors;\n"),
            *body([OPENED.strip(), "for (int fd = 0; fd < 3; fd++)", "    (void)dup2(in, fd);", "(void)close(in);"]),
        ],
        fails="null_device",
        says="inherited descriptors are still open: step 05",
    ),
    Wrong(
        "freopen of stdin alone",
        [(CLOSED, "    (void)close_descriptors;\n"), *body(['(void)!freopen("/dev/null", "r", stdin);'])],
        fails="null_device",
        says="a standard descriptor is still the terminal",
    ),
    Wrong(
        "freopen of stdout and stderr alone",
        body(['(void)!freopen("/dev/null", "w", stdout);', '(void)!freopen("/dev/null", "w", stderr);']),
        fails="null_device",
        says="0 is missing: it was not opened, or it was closed again",
    ),
    Wrong(
        "a file of its own left open",
        [(LOOKED_AT, LOOKED_AT + "    (void)tmpfile();\n")],
        fails="null_device",
        says="the program opened something more",
    ),
    Wrong(
        "daemon and no more",
        program=(
            "#include <stdlib.h>\n#include <sys/stat.h>\n#include <unistd.h>\n\nint main(void)\n{\n"
            "    umask(0);\n    if (daemon(0, 0) == -1)\n        return 1;\n" + END + "\n}\n"
        ),
        fails="null_device",
        says="inherited descriptors are still open: step 05",
        glibc=True,
    ),
    Wrong(
        "ends with its input",
        [(END, "    char c;\n    while (read(STDIN_FILENO, &c, 1) > 0)\n        ;\n    return 0;")],
        fails=NO_PROCESS,
        says="which /dev/null gives at once",
    ),
    Wrong(
        "another program in its place",
        [(END, '    execl("/bin/sleep", "sleep", "1000", (char *)NULL);')],
        fails="own_program",
        says="it started another program",
    ),
]


def waiting(text):
    """The edit that makes it wait like this in the end."""
    return [(END, "".join(f"    {line}\n" for line in text))]


RIGHT = [
    Right(
        "dup2",
        body([
            OPENED.strip(), "if (in == -1)", "    exit(EXIT_FAILURE);",
            "for (int fd = 0; fd < 3; fd++)", "    if (dup2(in, fd) == -1)", "        exit(EXIT_FAILURE);",
            "if (in > STDERR_FILENO)", "    (void)close(in);",
        ]),
    ),  # fmt: skip
    Right("opened three times", [("dup(in)", 'open("/dev/null", O_RDWR)')]),
    Right(
        "each opened for its use",
        [('"/dev/null", O_RDWR', '"/dev/null", O_RDONLY'), ("dup(in)", 'open("/dev/null", O_WRONLY)')],
    ),
    Right(
        "fopen",
        body([
            'if (!fopen("/dev/null", "r") || !fopen("/dev/null", "w") || !fopen("/dev/null", "a"))',
            "    exit(EXIT_FAILURE);",
        ]),
    ),  # fmt: skip
    Right(
        "freopen, then the others closed",
        [
            (CLOSED, ""),
            (CALL, CALL + CLOSED),
            (CLOSE_ALL, CLOSE_ALL.replace("0U", "3U", 1)),
            *body([
                'if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout) ||',
                '    !freopen("/dev/null", "w", stderr))', "    exit(EXIT_FAILURE);",
            ]),
        ],
    ),  # fmt: skip
    Right(
        "raw system calls",
        body([
            'long in = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);',
            "if (in != 0 || syscall(SYS_dup, in) != 1 || syscall(SYS_dup, in) != 2)", "    exit(EXIT_FAILURE);",
        ]),
    ),  # fmt: skip
    Right("F_DUPFD", [("dup(in)", "fcntl(in, F_DUPFD, 0)")]),
    Right(
        "opened first, all from 3 up closed then",
        [
            (CLOSED, ""),
            (CALL, CALL + CLOSED),
            (CLOSE_ALL, CLOSE_ALL.replace("0U", "3U", 1)),
            *body([OPENED.strip(), "if (dup2(in, 0) == -1 || dup2(in, 1) == -1 || dup2(in, 2) == -1)",
                   "    exit(EXIT_FAILURE);"]),
        ],
    ),  # fmt: skip
    Right(
        "daemon, and what it leaves out",
        program=(
            "#include <stdlib.h>\n#include <sys/stat.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n\n"
            "int main(void)\n{\n    umask(0);\n    if (daemon(0, 0) == -1)\n        return 1;\n"
            "    for (int fd = 3; fd < 4096; fd++)\n        close(fd);\n" + END + "\n}\n"
        ), glibc=True
    ),
    Right("a path with a detour", [('"/dev/null"', '"/dev/../dev/./null"')]),
    Right("a path from the root directory it is in", [('"/dev/null"', '"dev/null"')]),
    Right("opened again by way of dev fd", [("dup(in)", 'open("/dev/fd/0", O_RDWR)')]),
    Right("more flags", [("O_RDWR", "O_RDWR | O_NOCTTY | O_NONBLOCK | O_APPEND")]),
    Right(
        "slow, twice",
        [(CALL, "    usleep(300000);\n" + CALL), ("    int err", "    usleep(300000);\n    int err")],
    ),
    Right(
        "waits with epoll and signalfd",
        waiting([
            "sigset_t set;", "sigfillset(&set);", "sigprocmask(SIG_BLOCK, &set, NULL);",
            "struct epoll_event event = {.events = EPOLLIN};", "int queue = epoll_create1(EPOLL_CLOEXEC);",
            "epoll_ctl(queue, EPOLL_CTL_ADD, signalfd(-1, &set, SFD_CLOEXEC), &event);",
            "while (epoll_wait(queue, &event, 1, -1) == -1)", "    ;",
        ]),
        headers="signal.h sys/epoll.h sys/signalfd.h",
    ),  # fmt: skip
    Right("waits in short sleeps", waiting(["for (;;)", "    sleep(1);"])),
    Right(
        "waits with sigwait",
        waiting([
            "int number;", "sigset_t set;", "sigemptyset(&set);", "sigaddset(&set, SIGTERM);",
            "sigprocmask(SIG_BLOCK, &set, NULL);", "return sigwait(&set, &number);",
        ]),
        headers="signal.h",
    ),  # fmt: skip
    Right(
        "reads its empty input again and again",
        waiting(["char c;", "while (read(STDIN_FILENO, &c, 1) == 0)", "    sleep(1);"]),
    ),
    Right(
        "waits with timerfd",
        waiting([
            "struct itimerspec when = {{60, 0}, {60, 0}};", "uint64_t times;",
            "int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);", "timerfd_settime(timer, 0, &when, NULL);",
            "while (read(timer, &times, sizeof(times)) > 0)", "    ;",
        ]),
        headers="stdint.h sys/timerfd.h",
    ),  # fmt: skip
]

CARELESS = [
    Careless(
        "takes it for granted that the null device comes at 3",
        [
            (
                "    close_descriptors();\n",
                "    (void)close_descriptors;\n    syscall(SYS_close_range, 3U, ~0U, 0U);\n",
            ),
            (
                (
                    "    int out = dup(in);\n    int err = dup(in);\n"
                    "    if (in != STDIN_FILENO || out != STDOUT_FILENO || err != STDERR_FILENO) {\n"
                    "        exit(EXIT_FAILURE); /* with nowhere left to say why */\n    }\n"
                ),
                "    for (int fd = 0; fd < 3; fd++)\n        (void)dup2(in, fd);\n    (void)close(in);\n",
            ),
        ],
        misses="no_dev_null started_with_none_open",
    )
]
