"""Step 05: what learners write to close what was inherited."""

from gallery import Careless, Right, Wrong

BETWEEN = "    start_session();\n    move_to_root();\n"
CALL = "    close_descriptors();\n"
FORKED = "    leave_parent();\n"
CLOSES = "    if (syscall(SYS_close_range, 0U, ~0U, 0U) == -1)\n        close_listed();\n"
END = "    for (;;)\n        pause();"


def closing(*lines):
    """The edit that puts `lines` in the place of what close_descriptors() does."""
    return [(CLOSES, "".join(f"    {line}\n" for line in lines))]


def below(bound):
    """The edit that closes from 0 up to, but not including, `bound`."""
    return closing(f"for (int i = 0; i < {bound}; i++)", "    (void)close(i);")


def ending(*lines):
    """The edit that puts `lines` in the place of the loop around pause()."""
    return [(END, "\n".join(f"    {line}" for line in lines))]


NOTHING_CLOSED = "nothing was closed in the process that lives on"
OF_A_PROCESS = "own_program umask_is_zero is_adopted leads_session no_terminal in_root_directory nothing_open"
OUT_OF_REACH = "was opened before the limit on open files was lowered to 256"

WRONG = [
    Wrong(
        "closed in the parent only",
        [(CALL, ""), ("        _exit(EXIT_SUCCESS);", "        closefrom(0);\n        _exit(EXIT_SUCCESS);")],
        fails="nothing_open",
        says=NOTHING_CLOSED,
        glibc=True,
    ),
    Wrong(
        "swapped arguments",
        closing("(void)close_range(~0U, 0, 0);"),
        fails="nothing_open",
        says="as close_range() does (EINVAL) where first is above last",
        glibc=True,
    ),
    Wrong(
        "down from the largest int",
        closing("for (int i = 2147483647; i >= 0; i--)", "    (void)close(i);"),
        fails="nothing_open",
        says="the process is still busy",
    ),
    Wrong(
        "close-on-exec up to the soft limit",
        closing("for (int i = 0; i < getdtablesize(); i++)", "    (void)fcntl(i, F_SETFD, FD_CLOEXEC);"),
        headers="fcntl.h",
        fails="nothing_open",
        says="they are marked close-on-exec",
    ),
    Wrong("only 0 to 2", below(3), fails="nothing_open", says="only 0, 1 and 2 were closed"),
    Wrong(
        "only from 3", closing("closefrom(3);"), fails="nothing_open", says="only 3 and up were closed", glibc=True
    ),
    Wrong("only below 2", below(2), fails="nothing_open", says="nothing from 2 up was closed"),
    Wrong(
        "0 left out with the dots",
        closing("close_listed();") + [("if (fd != dirfd(list))", "if (fd > 0 && fd != dirfd(list))")],
        fails="nothing_open",
        says="for which atoi() gives 0",
    ),
    Wrong(
        "up to the soft limit",
        closing(
            "struct rlimit limit;",
            "if (getrlimit(RLIMIT_NOFILE, &limit) == -1)",
            '    die("getrlimit");',
            "for (rlim_t i = 0; i < limit.rlim_cur; i++)",
            "    (void)close((int)i);",
        ),
        headers="sys/resource.h",
        fails="nothing_open",
        says=OUT_OF_REACH,
    ),
    Wrong(
        "stops at the first that is not open",
        closing("for (int i = 0; close(i) == 0; i++)", "    ;"),
        fails="nothing_open",
        says="stops at the first number that is not open",
    ),
    Wrong(
        "no closedir",
        closing("close_listed();") + [("    (void)closedir(list); /* its own descriptor was the last one */\n", "")],
        fails="nothing_open",
        says="the program opened a directory itself and left it open",
    ),
    Wrong(
        "the list closed while it is read",
        closing("close_listed();")
        + [("        if (fd != dirfd(list))\n            (void)close", "        (void)close")],
        fails="one_lives_on " + OF_A_PROCESS,
        says="readdir() fails when its own descriptor is closed",
    ),
    Wrong(
        "the null device too early",
        [(CALL, CALL + '    (void)open("/dev/null", O_RDWR);\n    (void)dup(0);\n    (void)dup(0);\n')],
        headers="fcntl.h",
        fails="nothing_open",
        says="the program opened the null device",
    ),
    Wrong(
        "daemon and no more",
        [
            (FORKED, '    if (daemon(0, 0) == -1)\n        die("daemon");\n'),
            ("    start_session();\n", ""),
            (CALL, ""),
        ],
        fails="nothing_open",
        says="as after daemon(3)",
        glibc=True,
    ),
    Wrong(
        "a copy of the terminal kept",
        closing("int kept = dup(STDERR_FILENO);", "close_range(0, kept - 1, 0);", "close_range(kept + 1, ~0U, 0);"),
        fails="nothing_open",
        says="6 leads to where 0, 1, 2 led at the launch",
        glibc=True,
    ),
    Wrong(
        "before the fork and a log opened after it",
        [(CALL, "    (void)tmpfile();\n"), (FORKED, CALL + FORKED)],
        fails="nothing_open",
        says="the program opened it itself",
    ),
]

RIGHT = [
    Right("closefrom", closing("closefrom(0);"), glibc=True),
    Right(
        "the C library's close_range",
        closing("if (close_range(0, ~0U, 0) == -1)", '    die("close_range");'),
        glibc=True,
    ),
    Right(
        "close_range with a table of its own",
        closing("(void)close_range(0, ~0U, CLOSE_RANGE_UNSHARE);"),
        headers="linux/close_range.h",
        glibc=True,
    ),
    Right("in two parts", closing("(void)close_range(3, ~0U, 0);", "(void)close_range(0, 2, 0);"), glibc=True),
    Right("the list", closing("close_listed();")),
    Right("the list of a thread", closing("close_listed();") + [("/proc/self/fd", "/proc/thread-self/fd")]),
    Right(
        "the list by raw system calls",
        closing(
            'int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);',
            "char buffer[256];",
            "long length;",
            "while ((length = syscall(SYS_getdents64, list, buffer, sizeof(buffer))) > 0)",
            "    for (long at = 0; at < length;) {",
            "        struct dirent64 *entry = (struct dirent64 *)(buffer + at);",
            "        if (entry->d_name[0] != '.' && atoi(entry->d_name) != list)",
            "            (void)close(atoi(entry->d_name));",
            "        at += entry->d_reclen;",
            "    }",
            "(void)close(list);",
        ),
        headers="fcntl.h",
    ),
    Right(
        "the list read first",
        closing(
            "struct dirent **entries;",
            'int count = scandir("/proc/self/fd", &entries, NULL, NULL);',
            "for (int i = 0; i < count; i++)",
            "    (void)close(atoi(entries[i]->d_name));",
        ),
    ),
    Right(
        "up to the hard limit",
        closing(
            "struct rlimit limit;",
            "if (getrlimit(RLIMIT_NOFILE, &limit) == -1)",
            '    die("getrlimit");',
            "for (rlim_t i = 0; i < limit.rlim_max; i++)",
            "    (void)close((int)i);",
        ),
        headers="sys/resource.h",
    ),
    Right(
        "up to the soft limit once it is raised",
        closing(
            "struct rlimit limit;",
            "(void)getrlimit(RLIMIT_NOFILE, &limit);",
            "limit.rlim_cur = limit.rlim_max;",
            "if (setrlimit(RLIMIT_NOFILE, &limit) == -1)",
            '    die("setrlimit");',
            "for (long i = sysconf(_SC_OPEN_MAX) - 1; i >= 0; i--)",
            "    (void)close((int)i);",
        ),
        headers="sys/resource.h",
    ),
    Right(
        "asks for each with fcntl",
        closing(
            "for (int i = 0; i < 4096; i++)",
            "    if (fcntl(i, F_GETFD) != -1)",
            "        (void)close(i);",
        ),
        headers="fcntl.h",
    ),
    Right(
        "asks for 256 at a time with poll",
        closing(
            "struct pollfd asked[256];",
            "for (int base = 0; base < 4096; base += 256) {",
            "    for (int i = 0; i < 256; i++)",
            "        asked[i] = (struct pollfd){.fd = base + i};",
            "    if (poll(asked, 256, 0) == -1)",
            '        die("poll");',
            "    for (int i = 0; i < 256; i++)",
            "        if ((asked[i].revents & POLLNVAL) == 0)",
            "            (void)close(base + i);",
            "}",
        ),
        headers="poll.h",
    ),
    Right(
        "up to the size of the table",
        closing(
            "char line[128];",
            "int size = 0;",
            'FILE *status = fopen("/proc/self/status", "r");',
            "if (status == NULL)",
            '    die("fopen");',
            "while (fgets(line, sizeof(line), status) != NULL)",
            '    (void)sscanf(line, "FDSize: %d", &size);',
            "(void)fclose(status);",
            "for (int i = 0; i < size; i++)",
            "    (void)close(i);",
        ),
    ),
    Right(
        "close-on-exec and then exec",
        [
            (
                "int main(void)\n{\n",
                "int main(int argc, char **argv)\n{\n    if (argc > 1)\n        (void)pause();\n",
            ),
            (CALL, CALL + '    (void)execl("/proc/self/exe", argv[0], "again", (char *)NULL);\n'),
            *closing("(void)close_range(0, ~0U, CLOSE_RANGE_CLOEXEC);"),
        ],
        headers="linux/close_range.h",
        glibc=True,
    ),
    Right("before the fork", [(FORKED + BETWEEN + CALL, CALL + FORKED + BETWEEN)]),
    Right("before the session", [(BETWEEN + CALL, CALL + BETWEEN)]),
    Right("slow", [(CALL, "    (void)usleep(300000);\n" + CALL + "    (void)usleep(300000);\n")]),
    Right(
        "waits with epoll",
        ending("struct epoll_event event;", "(void)epoll_wait(epoll_create1(0), &event, 1, -1);"),
        headers="sys/epoll.h",
    ),
    Right(
        "waits with signalfd",
        ending(
            "sigset_t set;",
            "(void)sigfillset(&set);",
            "(void)sigprocmask(SIG_BLOCK, &set, NULL);",
            "struct signalfd_siginfo info;",
            "(void)!read(signalfd(-1, &set, 0), &info, sizeof(info));",
        ),
        headers="signal.h sys/signalfd.h",
    ),
    Right(
        "waits with a timer",
        ending(
            "int timer = timerfd_create(CLOCK_MONOTONIC, 0);",
            "struct itimerspec hourly = {{3600, 0}, {3600, 0}};",
            "(void)timerfd_settime(timer, 0, &hourly, NULL);",
            "unsigned long long count;",
            "for (;;)",
            "    (void)!read(timer, &count, sizeof(count));",
        ),
        headers="sys/timerfd.h",
    ),
    Right("waits by sleep", ending("for (;;)", "    (void)sleep(1);")),
    Right("waits by poll", ending("(void)poll(NULL, 0, -1);"), headers="poll.h"),
    Right(
        "waits for a signal",
        ending("sigset_t set;", "int number;", "(void)sigemptyset(&set);", "(void)sigwait(&set, &number);"),
        headers="signal.h",
    ),
    Right("busy", ending("for (;;)", "    ;")),
]

CARELESS = [
    Careless(
        "closes in one way, and on a terminal",
        [
            (
                "    if (syscall(SYS_close_range, 0U, ~0U, 0U) == -1)\n        close_listed();",
                "    (void)close_listed;\n    if (isatty(1))\n        (void)syscall(SYS_close_range, 0U, ~0U, 0U);",
            )
        ],
        misses="no_close_range close_range_refused reader_is_let_go",
    )
]
