"""Known answers to step 11: a locked PID file."""

from gallery import Careless, Right, Wrong

CALL = "    if (pid_file != NULL)\n        write_pid_file(pid_file);\n"
ABSOLUTE = "pid_file = absolute(optarg);"
OPENING = "open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);"
FLOCK = "flock(fd, LOCK_EX | LOCK_NB)"
LOCKED_OUT = '            die("the lock on the PID file");\n'
LOCK = f"        if ({FLOCK} == -1)\n{LOCKED_OUT}"
LOOP_END = "    } while (!is_still_there(fd, path));\n"
EMPTIED = "ftruncate(fd, 0) == -1 || "
DPRINTF = 'dprintf(fd, "%ld\\n", (long)getpid())'
WRITTEN = f"    if ({EMPTIED}{DPRINTF} < 0)\n        die(path);\n"
LOOP = (
    "    int fd = -1;\n    do {\n        (void)close(fd); /* EBADF at first, which is no harm */\n"
    f"        fd = {OPENING}\n        if (fd == -1)\n            die(path);\n" + LOCK + LOOP_END
)
WRITER = "static void write_pid_file(const char *path)\n"

OPTIONS = "    const char *pid_file = read_options(argc, argv);\n"
GETOPT = "while ((option = getopt(argc, argv, \"p:\")) == 'p')"
FORKED = "    leave_parent();\n    start_session();\n"
SECOND_FORK = "    leave_parent(); /* and so lead nothing */\n"
ROOT = "    move_to_root();\n"
CLOSED = "    close_descriptors();\n"
NULL = "    open_dev_null();\n"
SENT = '    syslog(LOG_INFO, "running in the background");\n'
MAIN = "int main(int argc, char *argv[])\n"

FILE_CHECKS = "pid_file pid_file_locked second_does_not_start takes_over one_of_many"
CONTENT_CHECKS = "pid_file takes_over one_of_many"
LOCK_CHECKS = "pid_file_locked second_does_not_start one_of_many"
NO_PROCESS = (
    "one_lives_on own_program umask_is_zero is_adopted no_terminal in_root_directory null_device_log_and_file "
    "reports_to_log ignores_hangup survives_hangup leads_nothing gets_no_terminal signals_reset sigterm_ends "
    + FILE_CHECKS
)


def lines(*texts):
    """These lines, in a function's body."""
    return "".join(f"    {text}\n" for text in texts)


def locked_by(call):
    """The edit that locks by another call."""
    return (FLOCK, call)


# A record lock on the whole file; on a file of length 0, too: l_len = 0 means to the end, wherever that is.
RECORD = "struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};\n"
RECORD_LOCK = (WRITER, "static " + RECORD + "\n" + WRITER)
LIVES = "(kill(old, 0) == 0 || errno == EPERM)"
READ_OLD = lines(
    'char text[32] = "";',
    "pid_t old = pread(fd, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : 0;",
)

# The function in two: what is opened and locked in one process can be written by another.
IN_TWO = [
    (WRITER, "static int lock_pid_file(const char *path)\n"),
    (WRITTEN + "}\n", "    return fd;\n}\n\nstatic void write_pid(int fd, const char *path)\n{\n" + WRITTEN + "}\n"),
    (SECOND_FORK, ""),
]

# Closes all but one descriptor.
CLOSE_ALL_BUT_KEPT = [
    ("/* For kernels before", "static int kept = -1;\n\n/* For kernels before"),
    ("if (fd != dirfd(list))", "if (fd != dirfd(list) && fd != kept)"),
    (
        "if (syscall(SYS_close_range, 0U, ~0U, 0U) == -1)",
        "if ((kept > 0 && syscall(SYS_close_range, 0U, kept - 1U, 0U) == -1) ||\n"
        "        syscall(SYS_close_range, kept + 1U, ~0U, 0U) == -1)",
    ),
]

WRONG = [
    Wrong("forgotten", [(CALL, lines("(void)write_pid_file;"))], fails=FILE_CHECKS, says="-p is not looked at"),
    Wrong(
        "by the launched process, before the fork",
        [(CALL, ""), (FORKED, CALL + FORKED)],
        fails=FILE_CHECKS,
        says="that of the process that was launched",
    ),
    Wrong(
        "between the two forks",
        [(CALL, ""), (SECOND_FORK, CALL + SECOND_FORK)],
        fails=FILE_CHECKS,
        says="of a process that has ended",
    ),
    Wrong(
        "by the parent, with the child's PID",
        [
            (CALL, ""),
            (WRITER, WRITER.replace(")", ", pid_t pid)")),
            ("(long)getpid()", "(long)pid"),
            (
                SECOND_FORK,
                lines(
                    "pid_t child = fork();",
                    "if (child == -1)",
                    '    die("fork");',
                    "if (child > 0 && pid_file != NULL)",
                    "    write_pid_file(pid_file, child);",
                    "if (child > 0)",
                    "    _exit(EXIT_SUCCESS);",
                ),
            ),
        ],
        fails=LOCK_CHECKS,
        says="opened in another process",
    ),
    Wrong("no newline", [('%ld\\n", (long)', '%ld", (long)')], fails=CONTENT_CHECKS, says="digits and one newline"),
    Wrong(
        "with zeros before it",
        [('%ld\\n", (long)', '%08ld\\n", (long)')],
        fails=CONTENT_CHECKS,
        says="what is around it is not",
    ),
    Wrong(
        "with a name before it",
        [('%ld\\n", (long)', 'daemon %ld\\n", (long)')],
        fails=CONTENT_CHECKS,
        says="and nothing else",
    ),
    Wrong(
        "as a binary number",
        [(DPRINTF, "write(fd, &(pid_t){getpid()}, sizeof(pid_t))")],
        fails=CONTENT_CHECKS,
        says="and nothing else",
    ),
    Wrong(
        "with stdio, and not flushed",
        [
            (
                WRITTEN,
                lines(
                    'FILE *file = ftruncate(fd, 0) == 0 ? fdopen(fd, "r+") : NULL;',
                    'if (file == NULL || fprintf(file, "%ld\\n", (long)getpid()) < 0)',
                    "    die(path);",
                ),
            )
        ],
        fails=CONTENT_CHECKS,
        says="stays in a buffer",
    ),
    Wrong("mode 0600", [("0644);", "0600);")], fails="pid_file", says="the mode is not 0644"),
    Wrong(
        "mode 644 instead of 0644",
        [(OPENING, OPENING.replace("0644", "644").replace("RDWR", "WRONLY"))],
        fails="pid_file",
        says="octal: 0644, not 644",
    ),
    Wrong(
        "mode 0666, as fopen has it",
        [(OPENING, 'fileno(fopen(path, "a+"));')],
        fails="pid_file",
        says="from fopen() 0666",
    ),
    Wrong(
        "opened before the umask is cleared, its descriptor kept",
        [
            *CLOSE_ALL_BUT_KEPT,
            *IN_TWO[:2],
            (OPTIONS, OPTIONS + lines("kept = lock_pid_file(pid_file);")),
            (CALL, lines("write_pid(kept, pid_file);")),
        ],
        fails="pid_file",
        says="less the umask of that moment",
    ),
    Wrong(
        "a relative name, once it is in the root directory",
        [(ABSOLUTE, "pid_file = optarg;")],
        fails=NO_PROCESS,
        says="meant from the directory of the launch",
    ),
    Wrong("no lock", [(LOCK, "")], fails=LOCK_CHECKS, says="it was not locked"),
    Wrong(
        "closed when it is written",
        [(WRITTEN, WRITTEN + lines("(void)close(fd);"))],
        fails=LOCK_CHECKS,
        says="the file is not open in the daemon",
    ),
    Wrong(
        "opened before everything is closed",
        [(CALL, ""), (CLOSED, CALL + CLOSED)],
        fails=LOCK_CHECKS,
        says="the file is not open in the daemon",
    ),
    Wrong(
        "fcntl, and the file closed by another descriptor",
        [
            RECORD_LOCK,
            locked_by("fcntl(fd, F_SETLK, &whole)"),
            (WRITTEN, WRITTEN + lines('FILE *again = fopen(path, "r");', "if (again != NULL)", "    fclose(again);")),
        ],
        fails=LOCK_CHECKS,
        says="when any descriptor of the file is closed",
    ),
    Wrong(
        "fcntl before the last fork",
        [
            RECORD_LOCK,
            locked_by("fcntl(fd, F_SETLK, &whole)"),
            *IN_TWO,
            (CALL, lines("int fd = lock_pid_file(pid_file);") + SECOND_FORK + lines("write_pid(fd, pid_file);")),
        ],
        fails=LOCK_CHECKS,
        says="fork() does not pass it on",
    ),
    Wrong(
        "flock, and the parent unlocks",
        [
            *IN_TWO,
            (
                CALL,
                lines(
                    "int fd = lock_pid_file(pid_file);",
                    "if (fork() > 0) {",
                    "    (void)flock(fd, LOCK_UN);",
                    "    _exit(EXIT_SUCCESS);",
                    "}",
                    "write_pid(fd, pid_file);",
                ),
            ),
        ],
        fails=LOCK_CHECKS,
        says="LOCK_UN",
    ),
    Wrong(
        "the lock on a file of its own",
        [
            (
                LOCK,
                "        char *other = NULL;\n"
                '        if (asprintf(&other, "%s.%ld", path, (long)getpid()) == -1)\n            die(path);\n'
                "        int lock = open(other, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);\n"
                "        if (flock(lock, LOCK_EX | LOCK_NB) == -1)\n" + LOCKED_OUT,
            )
        ],
        fails="null_device_log_and_file " + LOCK_CHECKS,
        says="the program opened something more",
    ),
    Wrong(
        "whether the lock was had not looked at",
        [(LOCK, f"        (void){FLOCK};\n")],
        fails="second_does_not_start one_of_many",
        says="whether it got the lock is not looked at",
    ),
    Wrong(
        "without the lock it goes on without a file",
        [(LOCKED_OUT, "            return;\n")],
        fails="second_does_not_start one_of_many",
        says="or goes on without it",
    ),
    Wrong(
        "a shared lock",
        [("LOCK_EX", "LOCK_SH")],
        fails="second_does_not_start one_of_many",
        says="LOCK_SH",
    ),
    Wrong(
        "flock that waits",
        [("LOCK_EX | LOCK_NB", "LOCK_EX")],
        fails="second_does_not_start one_of_many",
        says="LOCK_NB",
    ),
    Wrong(
        "fcntl that waits",
        [RECORD_LOCK, locked_by("fcntl(fd, F_SETLKW, &whole)")],
        fails="second_does_not_start one_of_many",
        says="F_SETLKW",
    ),
    Wrong(
        "what was there is removed first",
        [(LOOP, lines("(void)unlink(path);") + LOOP)],
        fails="second_does_not_start one_of_many",
        says="each has a file of its own",
    ),
    Wrong(
        "locked beside it, and renamed over it",
        [
            (OPENING, OPENING.replace("path", "beside")),
            (LOOP_END, "    } while (rename(beside, path) == -1);\n"),
            (
                LOOP,
                lines(
                    "char *beside = NULL;",
                    'if (asprintf(&beside, "%s.%ld", path, (long)getpid()) == -1)',
                    "    die(path);",
                )
                + LOOP,
            ),
        ][::-1],
        fails="second_does_not_start one_of_many",
        says="each has a file of its own",
    ),
    Wrong(
        "O_TRUNC",
        [("O_CREAT |", "O_CREAT | O_TRUNC |")],
        fails="second_does_not_start one_of_many",
        says="empty it before there is a lock",
    ),
    Wrong(
        "fopen with w",
        [(OPENING, 'fileno(fopen(path, "w"));'), (WRITTEN, WRITTEN + lines("(void)fchmod(fd, 0644);"))],
        fails="second_does_not_start one_of_many",
        says="empty it before there is a lock",
    ),
    Wrong(
        "written, and then locked",
        [(LOCK, ""), (WRITTEN, WRITTEN + LOCK)],
        fails="second_does_not_start one_of_many",
        says="by one that has no right to it",
    ),
    Wrong(
        "removed by the one that has no lock",
        [(LOCKED_OUT, "{\n            (void)unlink(path);\n" + LOCKED_OUT + "        }\n")],
        fails="second_does_not_start one_of_many",
        says="the second one removed the file",
    ),
    Wrong(
        "the second ends the first",
        [
            RECORD_LOCK,
            (
                LOCK,
                "        struct flock holder = whole;\n"
                "        if (fcntl(fd, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK)\n"
                "            (void)kill(holder.l_pid, SIGTERM);\n"
                "        (void)fcntl(fd, F_SETLKW, &whole);\n",
            ),
        ],
        fails="second_does_not_start one_of_many",
        says="the first is gone",
    ),
    Wrong(
        "O_EXCL",
        [("O_CREAT |", "O_CREAT | O_EXCL |")],
        fails="takes_over one_of_many",
        says="since there was a file (O_EXCL)",
    ),
    Wrong(
        "O_EXCL in place of a lock",
        [("O_CREAT |", "O_CREAT | O_EXCL |"), (LOCK, "")],
        fails="pid_file_locked takes_over one_of_many",
        says="it was not locked",
    ),
    Wrong(
        "the PID in it asked with kill in place of a lock",
        [
            (LOCK, ""),
            (
                WRITTEN,
                READ_OLD + lines(f"if (old > 0 && {LIVES})", "    exit(EXIT_FAILURE);", "usleep(300000);") + WRITTEN,
            ),
        ],
        fails="pid_file_locked takes_over one_of_many",
        says="it was not locked",
    ),
    Wrong(
        "the PID in it asked with kill once there is a lock",
        [(WRITTEN, READ_OLD + lines(f"if (old > 0 && {LIVES})", "    exit(EXIT_FAILURE);") + WRITTEN)],
        fails="takes_over",
        says="since the process in it lives",
    ),
    Wrong(
        "no ftruncate",
        [(EMPTIED, "")],
        fails="takes_over",
        at_times="one_of_many",  # without a sandbox, if PIDs start anew meanwhile: a shorter one over a longer one
        says="ftruncate() it",
    ),
    Wrong(
        "appended",
        [(EMPTIED, ""), ("O_CREAT |", "O_CREAT | O_APPEND |")],
        fails="takes_over one_of_many",
        says="ftruncate() it",
    ),
]

HANDLER = (
    "static const char *to_remove;\n\nstatic void remove_and_end(int number)\n{\n    (void)number;\n"
    "    (void)unlink(to_remove);\n    _exit(EXIT_SUCCESS);\n}\n\n"
)
BESIDE = lines(
    "char *beside = NULL;",
    'if (asprintf(&beside, "%s.%ld", path, (long)getpid()) == -1)',
    "    die(path);",
    "int fresh = open(beside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);",
    "if (fresh == -1 || flock(fresh, LOCK_EX | LOCK_NB) == -1 ||",
    '    dprintf(fresh, "%ld\\n", (long)getpid()) < 0 || rename(beside, path) == -1)',
    "    die(path);",
    "(void)close(fd);",
)

RIGHT = [
    Right("fcntl", [RECORD_LOCK, locked_by("fcntl(fd, F_SETLK, &whole)")]),
    Right("a lock of the open file description", [RECORD_LOCK, locked_by("fcntl(fd, F_OFD_SETLK, &whole)")]),
    Right("lockf", [locked_by("lockf(fd, F_TLOCK, 0)")]),
    Right(
        "a record lock on the first byte",
        [RECORD_LOCK, (".l_whence", ".l_len = 1, .l_whence"), locked_by("fcntl(fd, F_SETLK, &whole)")],
    ),
    Right("flock and fcntl", [RECORD_LOCK, locked_by(FLOCK + " == -1 || fcntl(fd, F_SETLK, &whole)")]),
    Right(
        "flock by the launched process, its descriptor kept",
        [
            *CLOSE_ALL_BUT_KEPT,
            *IN_TWO[:2],
            (FORKED, lines("kept = lock_pid_file(pid_file);") + FORKED),
            (CALL, lines("write_pid(kept, pid_file);")),
        ],
    ),
    Right(
        "by its relative name before chdir, its descriptor kept",
        [
            *CLOSE_ALL_BUT_KEPT,
            *IN_TWO[:2],
            (ABSOLUTE, "pid_file = optarg;"),
            (CALL, ""),
            (ROOT, lines("kept = lock_pid_file(pid_file);", "write_pid(kept, pid_file);") + ROOT),
        ],
    ),
    Right(
        "openat on the directory of the launch",
        [
            *CLOSE_ALL_BUT_KEPT,
            (ABSOLUTE, "pid_file = optarg;"),
            (OPTIONS, OPTIONS + lines('kept = open(".", O_PATH | O_DIRECTORY);')),
            (OPENING, OPENING.replace("open(path", "openat(kept, path")),
            ("stat(path, &theirs)", "fstatat(kept, path, &theirs, 0)"),
            (CALL, CALL + lines("(void)close(kept);")),
        ],
    ),
    Right("realpath of the directory of the launch", [("getcwd(NULL, 0)", 'realpath(".", NULL)')]),
    Right(
        "pwrite, and the length afterwards",
        [
            (
                WRITTEN,
                lines(
                    "char text[32];",
                    'int length = snprintf(text, sizeof(text), "%ld\\n", (long)getpid());',
                    "if (pwrite(fd, text, (size_t)length, 0) != length || ftruncate(fd, length) == -1)",
                    "    die(path);",
                ),
            )
        ],
    ),
    Right(
        "fopen with a+, which empties nothing",
        [(OPENING, 'fileno(fopen(path, "a+"));'), (WRITTEN, WRITTEN + lines("(void)fchmod(fd, 0644);"))],
    ),
    Right(
        "with stdio, flushed and left open",
        [
            (
                WRITTEN,
                lines(
                    'FILE *file = ftruncate(fd, 0) == 0 ? fdopen(fd, "r+") : NULL;',
                    'if (file == NULL || fprintf(file, "%d\\n", (int)getpid()) < 0 || fflush(file) != 0)',
                    "    die(path);",
                ),
            )
        ],
    ),
    Right("not close-on-exec", [(" | O_CLOEXEC | O_NOCTTY, 0644", ", 0644")]),
    Right(
        "O_EXCL first, and without it if there is one",
        [
            (
                OPENING,
                "open(path, O_RDWR | O_CREAT | O_EXCL, 0644);\n        if (fd == -1 && errno == EEXIST)\n"
                "            fd = open(path, O_RDWR | O_CREAT, 0644);",
            )
        ],
    ),
    Right("renamed over it by the one that has the lock", [(WRITTEN, BESIDE)]),
    Right(
        "tries for the lock for a while",
        [
            (
                LOCK,
                f"        for (int tries = 1; {FLOCK} == -1; tries++) {{\n            if (tries == 5)\n    "
                + LOCKED_OUT
                + "            usleep(20000);\n        }\n",
            )
        ],
    ),
    Right(
        "removed by a handler of SIGTERM",
        [
            (WRITER, HANDLER + WRITER),
            (WRITTEN, WRITTEN + lines("to_remove = path;", "(void)signal(SIGTERM, remove_and_end);")),
        ],
    ),
    Right(
        "getopt_long",
        [
            (
                GETOPT,
                "static const struct option names[] = {{\"pid-file\", required_argument, NULL, 'p'}, {0}};\n"
                "    while ((option = getopt_long(argc, argv, \"p:\", names, NULL)) == 'p')",
            )
        ],
        headers="getopt.h",
    ),
    Right(
        "without getopt",
        [
            (
                OPTIONS,
                lines('const char *pid_file = argc == 3 && strcmp(argv[1], "-p") == 0 ? absolute(argv[2]) : NULL;'),
            )
        ],
    ),
    Right("after the message to the log", [(CALL, ""), (SENT, SENT + CALL)]),
    Right("without a comparison of the inodes", [("!is_still_there(fd, path)", "0 && !is_still_there(fd, path)")]),
    Right(
        "slow, before the lock",
        [(LOCK, "        usleep(300000);\n" + LOCK)],
    ),
    Right(
        "slow, once it has the lock",
        [(WRITTEN, lines("usleep(300000);") + WRITTEN + lines("usleep(300000);"))],
    ),
]

CARELESS = [
    Careless(
        "a file that cannot be made or written is no reason",
        [
            ("        if (fd == -1)\n            die(path);\n", "        if (fd == -1)\n            return;\n"),
            (
                'if (ftruncate(fd, 0) == -1 || dprintf(fd, "%ld\\n", (long)getpid()) < 0)\n        die(path);',
                'if (ftruncate(fd, 0) == -1 || dprintf(fd, "%ld\\n", (long)getpid()) < 0)\n        return;',
            ),
        ],
        misses="unwritable_file write_fails",
    )
]
