"""Step 07: what learners write to report through syslog."""

from gallery import Careless, Right, Wrong

OPENED = "    open_log();\n"
IDENTITY = "openlog(program_invocation_short_name, LOG_PID, LOG_DAEMON);"
FORKED = "    leave_parent();\n"
CLOSED = "    close_descriptors();\n"
NULL = "    open_dev_null();\n"
SENT = '    syslog(LOG_INFO, "running in the background");\n'
END = "    for (;;)\n        pause();"
LOOKED_AT = "    if (in != STDIN_FILENO || out != STDOUT_FILENO || err != STDERR_FILENO) {"
NOT_LOOKED_AT = "    if (in == -1 || out == -1 || err == -1) {"

NO_PROCESS = (
    "one_lives_on own_program umask_is_zero is_adopted leads_session no_terminal in_root_directory "
    "null_device_and_log reports_to_log"
)


def block(*lines):
    """The text of these lines of main(), in braces."""
    return "    {\n" + "".join(f"        {line}\n" for line in lines) + "    }\n"


LOG_NAME = 'struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};'
SOCKET = "int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);"
CONNECT = "(void)!connect(fd, (struct sockaddr *)&name, sizeof(name));"
SENDTO = "(void)sendto(fd, text, strlen(text), 0, (struct sockaddr *)&name, sizeof(name));"
BY_HAND = "sys/socket.h sys/un.h time.h"


def datagram(text):
    """The edit that sends `text` by hand, a string or an array's initializer in C, and closes the socket."""
    return [(SENT, block(f"const char text[] = {text};", LOG_NAME, SOCKET, SENDTO, "(void)close(fd);"))]


WRONG = [
    Wrong("forgotten", [(SENT, "")], fails="reports_to_log", says="syslog() was not called"),
    Wrong(
        "after the loop",
        [(SENT, ""), (END, END.replace("for (;;)", "while (pause() == -1)") + "\n" + SENT)],
        fails="reports_to_log",
        says="or not before it waits",
    ),
    Wrong(
        "to standard error",
        [(SENT, '    fprintf(stderr, "running in the background\\n");\n')],
        fails="reports_to_log",
        says="nothing reached /dev/log",
    ),
    Wrong(
        "to a file",
        [
            (
                SENT,
                block("FILE *log = tmpfile();", 'fprintf(log, "running\\n");', "fflush(log);"),
            )
        ],
        fails="null_device_and_log reports_to_log",
        says="the program opened something more",
    ),
    Wrong(
        "by the parent, before the fork",
        [(SENT, ""), (FORKED, SENT + FORKED)],
        fails="reports_to_log",
        says="another process sent it: the launched one, before the fork",
    ),
    Wrong(
        "by a child of the daemon",
        [(SENT, block("if (fork() == 0) {", SENT.strip(), "_exit(0);", "}", "(void)wait(NULL);"))],
        headers="sys/wait.h",
        fails="reports_to_log",
        says="or a child or a program",
    ),
    Wrong(
        "by logger",
        [(SENT, '    (void)!system("exec logger -p daemon.info -t 07_syslog running");\n')],
        fails="reports_to_log",
        says="or a program that was started",
    ),
    Wrong("no openlog", [(OPENED, "    (void)open_log;\n")], fails="reports_to_log", says="its facility is user (1)"),
    Wrong("no facility", [("LOG_DAEMON)", "0)")], fails="reports_to_log", says="its facility is kern (0)"),
    Wrong("another facility", [("LOG_DAEMON)", "LOG_LOCAL0)")], fails="reports_to_log", says="is local0 (16)"),
    Wrong(
        "option and facility swapped",
        [("LOG_PID, LOG_DAEMON", "LOG_DAEMON, LOG_PID")],
        fails="reports_to_log",
        says="as the third argument",
    ),
    Wrong(
        "another facility in the priority",
        [("(LOG_INFO", "(LOG_USER | LOG_INFO")],
        fails="reports_to_log",
        says="or into the priority",
    ),
    Wrong(
        "another tag",
        [("program_invocation_short_name", '"daemon"')],
        fails="reports_to_log",
        says='is "daemon": that is what stands before the PID',
    ),
    Wrong(
        "a path as the tag",
        [("program_invocation_short_name", "program_invocation_name")],
        fails="reports_to_log",
        says='is "./07_syslog"',
    ),
    Wrong(
        "a tag with a colon of its own",
        [("program_invocation_short_name", '"07_syslog:"')],
        fails="reports_to_log",
        says='is "07_syslog:"',
    ),
    Wrong(
        "a tag that is written over later",
        [
            (IDENTITY, "openlog(text, LOG_PID, LOG_DAEMON);"),
            ("/* Opens no", 'static char text[32] = "07_syslog";\n\n/* Opens no'),
            (SENT, '    snprintf(text, sizeof(text), "running");\n    syslog(LOG_INFO, "%s", text);\n'),
        ],
        fails="reports_to_log",
        says="it keeps the pointer and no copy",
        glibc=True,
    ),
    Wrong(
        "the facility in one message, the tag in another",
        [
            (OPENED, "    (void)open_log;\n"),
            (
                SENT,
                '    openlog("daemon", 0, LOG_DAEMON);\n    syslog(LOG_INFO, "up");\n    closelog();\n'
                '    syslog(LOG_USER | LOG_INFO, "up");\n',
            ),
        ],
        fails="reports_to_log",
        says="but never both in one message",
    ),
    Wrong(
        "held back by its own mask",
        [(OPENED, OPENED + "    setlogmask(LOG_UPTO(LOG_NOTICE));\n")],
        fails="reports_to_log",
        says="setlogmask() holds the message back",
    ),
    Wrong(
        "first message while nothing is open",
        [(SENT, ""), (CLOSED, CLOSED + SENT)],
        needs_log=True,
        fails=NO_PROCESS,
        says="0 was taken when /dev/null was opened",
    ),
    Wrong(
        "first message while nothing is open, and not looked at",
        [(SENT, ""), (CLOSED, CLOSED + SENT), (LOOKED_AT, NOT_LOOKED_AT)],
        fails="null_device_and_log",
        says="the socket to the log took one of the numbers 0, 1, 2",
    ),
    Wrong(
        "LOG_NDELAY while nothing is open",
        [("LOG_PID,", "LOG_PID | LOG_NDELAY,"), (OPENED, ""), (CLOSED, CLOSED + OPENED), (LOOKED_AT, NOT_LOOKED_AT)],
        fails="null_device_and_log",
        says="or LOG_NDELAY given",
    ),
    Wrong(
        "a socket of its own, closed with the rest",
        [
            (FORKED, "    " + "\n    ".join([LOG_NAME, SOCKET, CONNECT]) + "\n" + FORKED),
            (SENT, '    (void)!send(fd, "<30>07_syslog: running", 22, 0);\n'),
        ],
        headers=BY_HAND,
        fails="reports_to_log",
        says="had been closed with the other descriptors",
    ),
    Wrong(
        "by hand, another priority",
        datagram('"<6>07_syslog: running"'),
        headers=BY_HAND,
        fails="reports_to_log",
        says="its facility is kern (0)",
    ),
    Wrong(
        "by hand, no priority",
        datagram('"07_syslog: running"'),
        headers=BY_HAND,
        fails="reports_to_log",
        says="it does not start with a priority",
    ),
    Wrong(
        "by hand, no priority, and then without openlog",
        [(OPENED, "    (void)open_log;\n"), (SENT, datagram('"07_syslog: up"')[0][1] + SENT)],
        headers=BY_HAND,
        fails="reports_to_log",
        says="its facility is user (1)",
    ),
    Wrong(
        "by hand, no tag",
        datagram('"<30>running in the background"'),
        headers=BY_HAND,
        fails="reports_to_log",
        says="or else before the first colon or blank",
    ),
    Wrong(
        "two sockets",
        [(SENT, SENT + block(LOG_NAME, SOCKET, CONNECT))],
        headers=BY_HAND,
        fails="null_device_and_log",
        says="more than one socket to the log",
    ),
    Wrong(
        "to the network",
        [
            (
                SENT,
                block(
                    "struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(514)};",
                    "name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);",
                    'const char text[] = "<30>07_syslog: running";',
                    "int fd = socket(AF_INET, SOCK_DGRAM, 0);",
                    SENDTO,
                ),
            )
        ],
        headers="sys/socket.h netinet/in.h",
        fails="null_device_and_log reports_to_log",
        says="a socket is open that is not connected to /dev/log",
    ),
    Wrong(
        "a file beside the socket",
        [(SENT, SENT + "    (void)tmpfile();\n")],
        fails="null_device_and_log",
        says="the program opened something more",
    ),
    Wrong(
        "ends a moment later",
        [(END, "    usleep(200000);\n    return 0;")],
        fails=NO_PROCESS,
        says="the child ended too",
    ),
]

WAIT_FOR_SIGNALS = (
    "    sigset_t set;\n    int number;\n    sigfillset(&set);\n    sigprocmask(SIG_BLOCK, &set, NULL);\n"
    '    while (sigwait(&set, &number) == 0)\n        syslog(LOG_NOTICE, "signal %d", number);'
)

RIGHT = [
    Right(
        "LOG_NDELAY after step 06",
        [("LOG_PID,", "LOG_PID | LOG_NDELAY,"), (OPENED, ""), (SENT, OPENED + SENT)],
    ),
    Right("no LOG_PID", [("LOG_PID", "0")]),
    Right("every option", [("LOG_PID", "LOG_PID | LOG_CONS | LOG_NOWAIT | LOG_PERROR")]),
    Right("no ident, which gives the program's name", [("program_invocation_short_name", "NULL")], glibc=True),
    Right("several messages, of several levels", [(SENT, SENT + SENT.replace("INFO", "ERR") + SENT)]),
    Right("one of another facility first", [(SENT, SENT.replace("(LOG_INFO", "(LOG_USER | LOG_INFO") + SENT)]),
    Right("a text with colons", [('"running in the background"', '"state: running: in the background [ok]: %m"')]),
    Right(
        "facility in the priority",
        [("LOG_PID, LOG_DAEMON", "0, 0"), ("(LOG_INFO", "(LOG_DAEMON | LOG_INFO")],
    ),
    Right("by a macro of its own", [("(LOG_INFO", "(LOG_MAKEPRI(LOG_DAEMON, LOG_WARNING)")], glibc=True),
    Right(
        "vsyslog",
        [
            (
                "/* Opens no",
                "static void report(const char *format, ...)\n{\n    va_list list;\n    va_start(list, format);\n"
                "    vsyslog(LOG_INFO, format, list);\n    va_end(list);\n}\n\n/* Opens no",
            ),
            (SENT, '    report("%s, PID %d", "running", (int)getpid());\n'),
        ],
        headers="stdarg.h",
    ),
    Right("closelog in the end", [(SENT, SENT + "    closelog();\n")]),
    Right("closelog and openlog again", [(SENT, "    closelog();\n" + OPENED + SENT)]),
    Right("a message before the closing, its socket closed then", [(SENT, ""), (CLOSED, SENT + CLOSED)]),
    Right("a mask that lets it through", [(OPENED, OPENED + "    setlogmask(LOG_UPTO(LOG_INFO));\n")]),
    Right("by hand, without a time", datagram('"<30>07_syslog: running"'), headers=BY_HAND),
    Right(
        "by hand, with time and host",
        datagram('"<29>Nov 22 19:51:08 host 07_syslog[4]: state: running\\n"'),
        headers=BY_HAND,
    ),
    Right(
        "by hand, in the form of RFC 5424",
        datagram('"<30>1 2024-11-22T19:51:08.003Z host 07_syslog 4 - - running"'),
        headers=BY_HAND,
    ),
    Right(
        "by hand, by a path from the root directory it is in",
        [(old, new.replace("/dev/log", "dev/log")) for old, new in datagram('"<30>07_syslog[4]: running"')],
        headers=BY_HAND,
    ),
    Right("by hand, a space after the priority", datagram('"<30> 07_syslog: running"'), headers=BY_HAND),
    Right(
        "a connected socket of its own",
        [(SENT, block(LOG_NAME, SOCKET, CONNECT, '(void)!send(fd, "<27>07_syslog: up", 17, MSG_NOSIGNAL);'))],
        headers=BY_HAND,
    ),
    Right("waits with sigwait", [(END, WAIT_FOR_SIGNALS)], headers="signal.h"),
    Right(
        "a message every minute",
        [(SENT, ""), (END, "    for (;;) {\n" + SENT + "        sleep(60);\n    }")],
    ),
    Right(
        "slow, twice",
        [(SENT, "    usleep(300000);\n" + SENT + "    usleep(300000);\n")],
    ),
]

CARELESS = [
    Careless(
        "says nothing of errors, and needs a logger",
        [
            ('    syslog(LOG_ERR, "%s: %s", call, reason);\n', ""),
            ('        syslog(LOG_ERR, "descriptors 0, 1, 2 are %d, %d, %d", in, out, err);\n', ""),
            (
                "    clear_umask();\n    leave",
                '    if (access("/dev/log", F_OK))\n        exit(1);\n    clear_umask();\n    leave',
            ),
        ],
        misses="nobody_listens logs_failures names_wrong_numbers",
        needs_log=True,
    )
]
