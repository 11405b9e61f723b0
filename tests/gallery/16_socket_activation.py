"""Known answers to step 16: served on sockets that were there before."""

from gallery import Careless, Right, Wrong

MEANT = '    if (number(pid) != (long)getpid())\n        give_up("another process was meant: LISTEN_PID=", pid);\n'
NONE_PASSED = (
    "    if (pid == NULL || count == NULL)\n"
    '        give_up("no socket was passed: ", "see systemd-socket-activate(1)");\n'
)
COUNTED = (
    "    long sockets = number(count);\n    if (sockets < 1 || sockets > MAX_SOCKETS)\n"
    '        give_up("it has to be 1 to 64: LISTEN_FDS=", count);\n'
)
LISTENS = (
    "    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == -1 ||\n        !listens)\n"
    '        give_up("this is no socket that listens: descriptor ", name);\n'
)
FLAGS = (
    "    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||\n        fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1)\n"
    '        give_up("fcntl: ", strerror(errno));\n'
)
SENT = "    (void)send(client, greeting, strlen(greeting), MSG_DONTWAIT | MSG_NOSIGNAL);\n"
CLOSED = "    (void)close(client);\n}"
ACCEPTED = "    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);\n"
GONE = "        return; /* if anybody else waits there poll() says so again */\n"
FIRST = "for (nfds_t i = 1; i < watched_count; i++)\n            if"
POLLED = "        if (poll(watched, watched_count, -1) == -1)\n"
TAKE = "    take_sockets();\n"
READY = '    say(LOG_INFO, "ready", "");\n    tell("READY=1");\n'
GIVE_UP = "    say(LOG_ERR, what, detail);\n    exit(EXIT_FAILURE);\n"
EACH = "    for (int fd = FIRST_SOCKET; fd < FIRST_SOCKET + sockets; fd++)\n        take_socket(fd);\n"
EACH_WATCHED = "    for (nfds_t i = 0; i < watched_count; i++)\n"
STOPPING = '    tell("STOPPING=1");\n'
MAIN = "int main(void)\n{\n"

UNTIL_NOBODY = [
    (
        ACCEPTED + "    if (client == -1)\n" + GONE + SENT + "    (void)close(client);\n",
        "    int client;\n    while ((client = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) != -1) {\n    "
        + SENT
        + "        (void)close(client);\n    }\n",
    )
]


def by_epoll(how="0"):
    """The edit that waits with epoll, and tells it `how` the sockets are watched."""
    return [
        (
            POLLED,
            (
                "        static int all = -1;\n        struct epoll_event event;\n        for (nfds_t i = 0; all =="
                " -1 || i < watched_count; i++) {\n            if (all == -1)\n                all ="
                " epoll_create1(EPOLL_CLOEXEC);\n            (void)epoll_ctl(all, EPOLL_CTL_ADD, watched[i].fd,"
                f" &(struct epoll_event){{.events = EPOLLIN | (i > 0 ? {how} : 0)}});\n        }}\n"
                "        (void)epoll_wait(all, &event, 1,"
                " -1);\n        if (poll(watched, watched_count, 0) == -1)\n"
            ),
        )
    ]


WRONG = [
    Wrong(
        "greets without an end",
        [(SENT, "    while (send(client, greeting, strlen(greeting), MSG_NOSIGNAL) > 0)\n        continue;\n")],
        fails="holds_nobody_up outlives_clients serves version_6",
        says="what it sends goes on",
    ),
    Wrong("LISTEN_PID not looked at", [(MEANT, "")], fails="not_meant", says="LISTEN_PID has to be getpid()"),
    Wrong(
        "atoi() for the number",
        [("number(count)", "atoi(count)")],
        fails="no_number_trailing",
        says="strtol() says where the number ends",
    ),
    Wrong(
        "no sockets are fine",
        [("sockets < 1 ||", "sockets < 0 ||")],
        fails="no_number_zero",
        says="nobody will ever connect",
    ),
    Wrong(
        "not close-on-exec",
        [("fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||\n        ", "")],
        fails="close_on_exec",
        says="without that flag",
    ),
    Wrong(
        "the names are left in the environment",
        [('    (void)unsetenv("LISTEN_FDNAMES");\n', "")],
        fails="forgets_sockets",
        says="in any other they tell of what is not there",
    ),
    Wrong(
        "the first one is served alone",
        [(FIRST, FIRST.replace("watched_count", "2"))],
        fails="holds_nobody_up outlives_clients serves",
        says="the first socket is served and the second is not",
    ),
    Wrong(
        "whatever is passed is taken for a socket",
        [(LISTENS, "    (void)size;\n    (void)name;\n")],
        fails="no_socket not_listening",
        says="4 is a regular file",
    ),
    Wrong(
        "a socket is enough, it need not listen",
        [("SO_ACCEPTCONN, &listens", "SO_TYPE, &listens")],
        fails="not_listening",
        says="nobody can connect to it",
    ),
    Wrong(
        "waits for a word of the client",
        [(SENT, "    char word[64];\n    (void)read(client, word, sizeof(word));\n" + SENT)],
        fails="holds_nobody_up leaves_sockets outlives_clients serves version_6",
        says="it waits for a word of the client",
    ),
    Wrong(
        "waits until the client closes",
        [(SENT, SENT + "    char word[64];\n    while (read(client, word, sizeof(word)) > 0)\n        continue;\n")],
        fails="holds_nobody_up outlives_clients serves version_6",
        says="the connection stays open",
    ),
    Wrong(
        "keeps the connections open",
        [(CLOSED, "}")],
        fails="holds_nobody_up outlives_clients serves version_6",
        says="the connection stays open",
    ),
    Wrong(
        "write() in place of send()",
        [
            (
                SENT,
                (
                    '    if (write(client, greeting, strlen(greeting)) == -1)\n        say(LOG_WARNING, "a client has'
                    ' gone", "");\n'
                ),
            )
        ],
        fails="outlives_clients",
        says="MSG_NOSIGNAL",
    ),
    Wrong(
        "a client that has gone is the end",
        [
            (
                SENT,
                (
                    '    if (send(client, greeting, strlen(greeting), MSG_NOSIGNAL) == -1)\n        give_up("send: ",'
                    " strerror(errno));\n"
                ),
            )
        ],
        fails="outlives_clients",
        says="an error of one client's is no reason to end",
    ),
    Wrong(
        "ready before it has looked",
        [(TAKE, READY + TAKE), ("    forget_variables();\n" + READY, "    forget_variables();\n")],
        fails=(
            "no_number_huge no_number_negative no_number_trailing no_number_zero no_socket not_listening not_meant"
            " nothing_passed"
        ),
        says="has said before that it is ready",
    ),
    Wrong(
        "ends without a word",
        [(GIVE_UP, "    (void)what;\n    (void)detail;\n    exit(EXIT_FAILURE);\n")],
        fails=(
            "no_number_huge no_number_negative no_number_trailing no_number_zero no_socket not_listening not_meant"
            " nothing_passed"
        ),
        says="does not say why",
    ),
    Wrong(
        "ends with status 0",
        [(GIVE_UP, GIVE_UP.replace("FAILURE", "SUCCESS"))],
        fails=(
            "no_number_huge no_number_negative no_number_trailing no_number_zero no_socket not_listening not_meant"
            " nothing_passed"
        ),
        says="exit(EXIT_FAILURE)",
    ),
    Wrong(
        "a socket of its own in place of what is passed",
        [
            (
                EACH,
                (
                    "    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(7016)};\n    int fd ="
                    " socket(AF_INET, SOCK_STREAM, 0);\n    (void)bind(fd, (struct sockaddr *)&own, sizeof(own));\n   "
                    " (void)listen(fd, SOMAXCONN);\n    (void)take_socket;\n    watch(fd);\n"
                ),
            )
        ],
        headers="netinet/in.h",
        fails="close_on_exec holds_nobody_up leaves_sockets no_socket not_listening outlives_clients serves version_6",
        says="without that flag",
    ),
    Wrong(
        "closes the socket after the first client",
        [(CLOSED, "    (void)close(client);\n    (void)close(listener);\n}")],
        fails="holds_nobody_up outlives_clients serves",
        says="after the first client",
    ),
    Wrong(
        "waits in accept() alone",
        [
            (POLLED, "        greet(watched[1].fd);\n        if (poll(watched, watched_count, 0) == -1)\n"),
            (" | O_NONBLOCK", ""),
        ],
        fails=(
            "alone holds_nobody_up leaves_sockets never_waits nobody_there outlives_clients reloads serves stops"
            " tells_on watchdog"
        ),
        says="Is it in the set that is waited for",
    ),
    Wrong(
        "shutdown() of the socket after each client",
        [(CLOSED, "    (void)close(client);\n    (void)shutdown(listener, SHUT_RDWR);\n}")],
        fails="holds_nobody_up leaves_sockets outlives_clients serves",
        says="the socket that listens stays as it is",
    ),
    Wrong(
        "a null byte, too",
        [("strlen(greeting)", "sizeof(greeting)")],
        fails="holds_nobody_up outlives_clients serves version_6",
        says="sizeof counts it",
    ),
    Wrong(
        "no newline, from the second client on",
        [(SENT, "    static int clients;\n" + SENT.replace("strlen(greeting)", "strlen(greeting) - (clients++ > 0)"))],
        fails="holds_nobody_up outlives_clients serves",
        says="what they get is no line",
    ),
    Wrong(
        "edge-triggered epoll, and one client for each event",
        by_epoll("EPOLLET"),
        headers="sys/epoll.h",
        fails="holds_nobody_up outlives_clients",
        says="epoll with EPOLLET tells of them once",
    ),
    Wrong(
        "shutdown() of the sockets when it stops",
        [(STOPPING, STOPPING + EACH_WATCHED + "        (void)shutdown(watched[i].fd, SHUT_RDWR);\n")],
        fails="leaves_sockets",
        says="whoever has it open",
    ),
    Wrong(
        "the path is removed when it stops",
        [
            (
                STOPPING,
                STOPPING
                + EACH_WATCHED
                + "    {\n        struct sockaddr_un name = {0};\n        socklen_t size = sizeof(name);\n        "
                "if (!getsockname(watched[i].fd, (struct sockaddr *)&name, &size) && name.sun_family == AF_UNIX)\n"
                "            (void)unlink(name.sun_path);\n    }\n",
            )
        ],
        fails="leaves_sockets",
        says="unlink() is not for the service",
    ),
    Wrong("crashes without the variables", [(NONE_PASSED, "")], fails="nothing_passed", says="does not say why"),
]

RIGHT = [
    Right("until nobody waits", UNTIL_NOBODY),
    Right(
        "close() of all when it stops",
        [(STOPPING, STOPPING + EACH_WATCHED + "        (void)close(watched[i].fd);\n")],
    ),
    Right("slow to be ready", [(READY, "    (void)usleep(300000);\n" + READY)]),
    Right(
        "fstat() besides",
        [
            (
                LISTENS,
                LISTENS
                + "    struct stat status;\n    if (fstat(fd, &status) == -1 || !S_ISSOCK(status.st_mode))\n       "
                ' give_up("no socket: ", name);\n',
            )
        ],
        headers="sys/stat.h",
    ),
    Right(
        "sendmsg() with a vector",
        [
            (
                SENT,
                (
                    "    struct iovec part = {(char *)greeting, strlen(greeting)};\n    (void)sendmsg(client, &(struct"
                    " msghdr){.msg_iov = &part, .msg_iovlen = 1}, MSG_DONTWAIT | MSG_NOSIGNAL);\n"
                ),
            )
        ],
        headers="sys/uio.h",
    ),
    Right(
        "SIGPIPE ignored, and write()",
        [
            (
                SENT,
                (
                    '    if (write(client, greeting, strlen(greeting)) == -1)\n        say(LOG_DEBUG, "a client has'
                    ' gone", "");\n'
                ),
            ),
            (MAIN, MAIN + "    (void)signal(SIGPIPE, SIG_IGN);\n"),
        ],
    ),
    Right(
        "a child for each client",
        [
            (SENT, "    if (fork() == 0) {\n    " + SENT + "        _exit(0);\n    }\n"),
            (MAIN, MAIN + "    (void)signal(SIGCHLD, SIG_IGN);\n"),
        ],
    ),
    Right("shutdown() before close()", [(SENT, SENT + "    (void)shutdown(client, SHUT_RDWR);\n")]),
    Right("clearenv() for all variables", [('    (void)unsetenv("LISTEN_PID");\n', "    (void)clearenv();\n")]),
    Right("epoll in place of poll()", by_epoll(), headers="sys/epoll.h"),
    Right("edge-triggered epoll, and until nobody waits", [*by_epoll("EPOLLET"), *UNTIL_NOBODY], headers="sys/epoll.h"),
]

CARELESS = [
    Careless(
        "takes two at the most, and does not say what is wrong",
        [
            (
                EACH,
                EACH.replace("sockets;", "sockets && fd < 5;").replace(
                    "take", "if (fcntl(fd, F_GETFD) != -1)\n            take"
                ),
            ),
            ('listens: descriptor ", name)', 'listens", "")'),
            ('LISTEN_FDS=", count)', 'LISTEN_FDS", "")'),
        ],
        misses="fewer_passed names_descriptor names_number many_sockets",
    ),
    Careless(
        "an error of accept() is the end",
        [
            (
                GONE,
                '    {\n        if (errno != EAGAIN)\n            give_up("accept: ", strerror(errno));\n'
                + GONE
                + "    }\n",
            )
        ],
        misses="accept_fails",
    ),
]
