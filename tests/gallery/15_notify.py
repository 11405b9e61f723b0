"""Known answers to step 15: in the foreground, and the service manager is told."""

from gallery import Careless, Right, Wrong

MAIN = "int main(void)\n{\n"
FOUND = "    find_manager();\n"
WATCHED = "    start_watchdog();\n"
FORGOTTEN = "    forget_variables();\n"
STARTED = '    say(LOG_INFO, "ready", "");\n'
READY = '    tell("READY=1");\n    for (;;)'
RELOADED = '    tell("READY=1");\n}'
STOPPING = '    tell("STOPPING=1");\n'
FORGET = '    (void)unsetenv("NOTIFY_SOCKET");\n'
NO_NAME = "    if (name == NULL)\n        return; /* started by hand: then it just runs */\n"
NAMED = "    size_t length = strlen(name);\n"
NULL_BYTE = "    if (*name == '@')\n        manager.sun_path[0] = '\\0';\n"
SIZE = "offsetof(struct sockaddr_un, sun_path) + length"
SOCKET = "    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);\n"
SENT = (
    "    if (fd == -1 ||\n"
    "        sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,\n"
    "               (struct sockaddr *)&manager, manager_size) == -1)\n"
)
FAILED = '        say(LOG_WARNING, "the service manager is not told: ", strerror(errno));\n'
CLOSED = "    (void)close(fd);\n}"
PRINTED = '    (void)dprintf(STDERR_FILENO, "<%d>%s%s\\n", level, what, detail);\n'
CLOCK = "    (void)clock_gettime(CLOCK_MONOTONIC, &now);\n"
WORDS = '"RELOADING=1\\nMONOTONIC_USEC=%lld%06ld"'
NUMBERS = "(long long)now.tv_sec, now.tv_nsec / 1000"
TOLD = "    tell(state);\n"
HALF = "    long long half = atoll(period) / 2; /* microseconds */\n"
TIMER = "    struct itimerval timer = {{half / 1000000, half % 1000000},\n"
HUP, TERM = ("    (void)sigaddset(&held, SIG" + name + ");\n" for name in ("HUP", "TERM"))
BLOCKED = "    (void)sigprocmask(SIG_BLOCK, &held, NULL);\n"
LOOP = (
    "    for (;;)\n        switch (sigwaitinfo(&held, NULL)) {\n        case SIGALRM:\n"
    '            tell("WATCHDOG=1");\n            break;\n        case SIGHUP:\n            reload();\n'
    "            break;\n        case SIGTERM:\n        case SIGINT:\n            stop();\n        }\n"
)
EXIT = "    exit(EXIT_SUCCESS);\n"

# What all that is told is bound to fail with, and what does not stop.
UNTOLD = "ready abstract_name holds_signals_first reloads stops tells_on watchdog"
UNSTOPPED = "stops alone nobody_there never_waits tells_on"

FLAGS = (
    "static volatile sig_atomic_t due, hungup, ended;\n\nstatic void note(int number)\n{\n"
    "    if (number == SIGALRM)\n        due = 1;\n    else if (number == SIGHUP)\n        hungup = 1;\n"
    "    else\n        ended = 1;\n}\n\n"
)
ACT = (
    '        if (due) {\n            due = 0;\n            tell("WATCHDOG=1");\n        }\n'
    "        if (hungup) {\n            hungup = 0;\n            reload();\n        }\n"
    "        if (ended)\n            stop();\n"
)
NOTED = "".join(f"    (void)sigaction(SIG{name}, &noting, NULL);\n" for name in ("ALRM", "HUP", "TERM", "INT"))
NOTING = "    struct sigaction noting = {.sa_handler = note};\n" + NOTED


def by_flags(wait, flags="", before=""):
    """Handlers set flags, and the loop waits by `wait` with no signal blocked."""
    noting = NOTING.replace("note}", f"note, .sa_flags = {flags}}}") if flags else NOTING
    none = "    sigset_t none;\n    (void)sigemptyset(&none);\n    (void)held;\n"
    loop = noting + none + before + "    for (;;) {\n" + ACT + wait + "    }\n"
    return [(MAIN, FLAGS + MAIN), (LOOP, loop)]


def on_terminal(call):
    """The edit that does something else in place of printing a line."""
    return [(PRINTED, f"    {call}\n")]


# A whole one, by descriptors alone.
BY_EPOLL = r"""
static int manager = -1;

static void tell(const char *state)
{
    if (manager != -1 && send(manager, state, strlen(state), MSG_NOSIGNAL) == -1)
        perror("<4>send");
}

static void find_manager(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || strlen(path) >= sizeof(name.sun_path))
        return;
    strcpy(name.sun_path, path);
    if (*path == '@')
        *name.sun_path = 0;
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(manager, (struct sockaddr *)&name, offsetof(struct sockaddr_un, sun_path) + strlen(path)) == -1) {
        perror("<4>connect");
        close(manager);
        manager = -1;
    }
    unsetenv("NOTIFY_SOCKET");
}

static void reload(void)
{
    char *text = NULL;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (asprintf(&text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                 (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000) > 0)
        tell(text);
    free(text);
    tell("READY=1");
}

int main(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    find_manager();
    int epoll = epoll_create1(EPOLL_CLOEXEC), signals = signalfd(-1, &set, SFD_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const char *period = getenv("WATCHDOG_USEC");
    if (period != NULL) {
        unsigned long long half = strtoull(period, NULL, 10) * 500;
        struct itimerspec every = {{half / 1000000000, half % 1000000000}, {half / 1000000000, half % 1000000000}};
        timerfd_settime(timer, 0, &every, NULL);
    }
    epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd = signals, &event);
    epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd = timer, &event);
    fprintf(stderr, "<5>%s is up\n", program_invocation_short_name);
    tell("READY=1");
    for (;;) {
        struct signalfd_siginfo signal;
        uint64_t times;
        if (epoll_wait(epoll, &event, 1, -1) != 1)
            continue;
        if (event.data.fd == timer && read(timer, &times, sizeof(times)) > 0)
            tell("WATCHDOG=1");
        else if (event.data.fd == signals && read(signals, &signal, sizeof(signal)) > 0) {
            if (signal.ssi_signo == SIGHUP)
                reload();
            else
                break;
        }
    }
    tell("STOPPING=1");
    return 0;
}
"""
EXPIRED = "        if (event.data.fd == timer && read(timer, &times, sizeof(times)) > 0)\n"
EPOLL_HEADERS = (
    "errno.h inttypes.h signal.h stddef.h stdio.h stdlib.h string.h sys/epoll.h sys/signalfd.h sys/socket.h"
    " sys/timerfd.h sys/un.h time.h unistd.h"
)

WRONG = [
    Wrong(
        "never ready", [(READY, "    for (;;)")], fails="abstract_name holds_signals_first ready", says="nothing came"
    ),
    Wrong(
        "READY from a child",
        [(READY, '    if (fork() == 0) {\n        tell("READY=1");\n        _exit(0);\n    }\n    for (;;)')],
        fails="ready abstract_name",
        says="another process",
    ),
    Wrong(
        "READY from a child that is waited for",
        [
            (
                READY,
                (
                    '    if (fork() == 0) {\n        tell("READY=1");\n        _exit(0);\n    }\n   '
                    " (void)wait(NULL);\n    for (;;)"
                ),
            )
        ],
        headers="sys/wait.h",
        fails="ready abstract_name",
        says="another process",
    ),
    Wrong(
        "READY without its value",
        [('"READY=1"', '"READY"')],
        fails="abstract_name holds_signals_first ready reloads",
        says="READY=1",
    ),
    Wrong(
        "a status, and not that it is ready",
        [(READY, '    tell("STATUS=Ready.");\n    for (;;)')],
        fails="abstract_name holds_signals_first ready",
        says="it is told something",
    ),
    Wrong("a stream", [("SOCK_DGRAM", "SOCK_STREAM")], fails=UNTOLD, says="nothing came"),
    Wrong(
        "bind() in place of connect()",
        [
            (SOCKET, SOCKET + "    (void)bind(fd, (struct sockaddr *)&manager, manager_size);\n"),
            (SENT, "    if (send(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL) == -1)\n"),
        ],
        fails=UNTOLD,
        says="nothing came",
    ),
    Wrong(
        "always the same path",
        [(NAMED, '    name = "/run/systemd/notify";\n' + NAMED)],
        fails=UNTOLD,
        says="nothing came",
    ),
    Wrong(
        "forgotten before it is read",
        [(FORGOTTEN, ""), (FOUND, FORGOTTEN + FOUND)],
        fails=UNTOLD,
        says="nothing came",
    ),
    Wrong(
        "the size of a pointer",
        [("strlen(state)", "sizeof(state)")],
        fails="reloads stops watchdog tells_on",
        says="strlen()",
    ),
    Wrong(
        "the size of the whole structure", [(SIZE, "sizeof(manager)")], fails="abstract_name", says="whole structure"
    ),
    Wrong("@ is left as it is", [(NULL_BYTE, "")], fails="abstract_name", says="null byte"),
    Wrong(
        "@ is left out",
        [
            (
                NULL_BYTE,
                (
                    "    if (*name == '@') {\n        memset(manager.sun_path, 0, length);\n"
                    "        memcpy(manager.sun_path, name + 1, --length);\n    }\n"
                ),
            )
        ],
        fails="abstract_name",
        says="null byte",
    ),
    Wrong(
        "an abstract name is none to it",
        [
            (
                NAMED,
                "    if (*name != '/') {\n        say(LOG_ERR, name, \": no path\");\n        exit(1);\n    }\n"
                + NAMED,
            )
        ],
        fails="abstract_name",
        says="where the name is no path",
    ),
    Wrong("the variable is left", [(FORGET, "")], fails="forgets_variable", says="unsetenv()"),
    Wrong(
        "the variable is emptied",
        [(FORGET, '    (void)setenv("NOTIFY_SOCKET", "", 1);\n')],
        fails="forgets_variable",
        says="unsetenv()",
    ),
    Wrong(
        "main's envp is set to NULL",
        [
            (FORGET, ""),
            (MAIN, "int main(int argc, char *argv[], char *envp[])\n{\n    (void)argc, (void)argv;\n"),
            (FORGOTTEN, FORGOTTEN + "    envp = NULL;\n    (void)envp;\n"),
        ],
        fails="forgets_variable",
        says="unsetenv()",
    ),
    Wrong(
        "the variable is looked at without a check",
        [(NO_NAME, "")],
        fails="alone",
        says="getenv() returns NULL",
    ),
    Wrong(
        "no variable, and it ends",
        [(NO_NAME, NO_NAME.replace("return;", 'say(LOG_ERR, "NOTIFY_SOCKET is not set", ""), exit(1);'))],
        fails="alone",
        says="without a service manager",
    ),
    Wrong(
        "nobody there, and it ends",
        [(FAILED, '        perror("<3>sendto"), exit(EXIT_FAILURE);\n')],
        fails="nobody_there never_waits",
        says="A line in the log",
    ),
    Wrong(
        "it tries again until it is told",
        [
            (SENT, SENT.replace("    if (fd == -1 ||\n        sendto", "    while (sendto")),
            (FAILED, "        (void)sleep(1);\n"),
        ],
        fails="nobody_there never_waits",
        says="tries again and again",
    ),
    Wrong("a send that waits", [("MSG_DONTWAIT | ", "")], fails="never_waits", says="MSG_DONTWAIT"),
    Wrong(
        "SIGHUP is not taken",
        [(HUP, "")],
        fails="alone holds_signals_first never_waits reloads tells_on",
        says="SIGHUP ended it",
    ),
    Wrong(
        "SIGHUP is ignored",
        [(HUP, ""), (BLOCKED, BLOCKED + "    (void)signal(SIGHUP, SIG_IGN);\n")],
        fails="holds_signals_first reloads",
        says="SIGHUP is not acted on",
    ),
    Wrong(
        "reloads without a word",
        [(TOLD, ""), (RELOADED, "}")],
        fails="reloads",
        says="not told of",
    ),
    Wrong(
        "reloads without a time",
        [(WORDS + ",\n                   " + NUMBERS, '"RELOADING=1"')],
        fails="reloads",
        says="MONOTONIC_USEC belongs into the same datagram",
    ),
    Wrong(
        "the time in a datagram of its own",
        [(WORDS, WORDS.replace("RELOADING=1\\n", "")), (TOLD, '    tell("RELOADING=1");\n' + TOLD)],
        fails="reloads",
        says="the same datagram",
    ),
    Wrong(
        "a space in place of the newline",
        [(WORDS, WORDS.replace("1\\nM", "1 M"))],
        fails="reloads",
        says="there is a newline",
    ),
    Wrong(
        "the time of day",
        [("CLOCK_MONOTONIC", "CLOCK_REALTIME")],
        fails="reloads",
        says="the time of day",
    ),
    Wrong(
        "the time in milliseconds",
        [("%06ld", "%03ld"), ("now.tv_nsec / 1000", "now.tv_nsec / 1000000")],
        fails="reloads",
        says="time in milliseconds",
    ),
    Wrong(
        "the time in nanoseconds",
        [("%06ld", "%09ld"), ("now.tv_nsec / 1000", "now.tv_nsec")],
        fails="reloads",
        says="time in nanoseconds",
    ),
    Wrong(
        "the time in seconds",
        [("%06ld", ""), (NUMBERS, "(long long)now.tv_sec")],
        fails="reloads",
        says="time in seconds",
    ),
    Wrong(
        "the time of the start",
        [
            (CLOCK, ""),
            ("    struct timespec now;\n", ""),
            ("static void reload", "static struct timespec now;\n\nstatic void reload"),
            (MAIN, MAIN + CLOCK),
        ],
        fails="reloads",
        says="before SIGHUP came",
    ),
    Wrong("a reload that does not end", [(RELOADED, "}")], fails="reloads", says="does not come to an end"),
    Wrong(
        "ready again before it reloads",
        [(RELOADED, "}"), (TOLD, '    tell("READY=1");\n' + TOLD)],
        fails="reloads",
        says="does not come to an end",
    ),
    Wrong(
        "reloads by starting anew",
        [(RELOADED, '    (void)execl("/proc/self/exe", "15_notify", (char *)NULL);\n}')],
        fails="reloads tells_on",
        says="starts itself anew",
    ),
    Wrong(
        "a handler that holds once",
        by_flags("        (void)sigsuspend(&none);\n", flags="SA_RESETHAND"),
        fails="reloads watchdog tells_on",
        says="for one time only",
    ),
    Wrong(
        "SIGHUP once",
        [
            ("        case SIGHUP:\n            reload();\n", "        case SIGHUP:\n            reload_once();\n"),
            (
                MAIN,
                "static void reload_once(void)\n{\n    static int times;\n    if (times++ == 0)\n       "
                " reload();\n}\n\n"
                + MAIN,
            ),
        ],
        fails="reloads",
        says="for one time only",
    ),
    Wrong(
        "it ends at SIGHUP",
        [
            (
                "            reload();\n            break;\n",
                "            reload();\n            stop();\n            break;\n",
            )
        ],
        fails="reloads tells_on",
        says="is to tell it",
    ),
    Wrong("stops without a word", [(STOPPING, "")], fails="stops tells_on", says="has not said so"),
    Wrong(
        "status 1 at the end",
        [(EXIT, "    exit(EXIT_FAILURE);\n")],
        fails=UNSTOPPED,
        says="no failure",
    ),
    Wrong("SIGTERM is not taken", [(TERM, "")], fails=UNSTOPPED + " holds_signals_first", says="SIGTERM ended it"),
    Wrong(
        "SIGTERM is blocked, and never taken",
        [("        case SIGTERM:\n", "")],
        fails=UNSTOPPED,
        says="it lives on",
    ),
    Wrong(
        "ends itself by the signal",
        [
            (
                EXIT,
                (
                    "    (void)signal(SIGTERM, SIG_DFL);\n    (void)sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);\n"
                    "    (void)raise(SIGTERM);\n    exit(EXIT_SUCCESS);\n"
                ),
            )
        ],
        fails=UNSTOPPED,
        says="ends by it all the same",
    ),
    Wrong(
        "says that it stops by a child",
        [
            (
                STOPPING,
                "    if (fork() == 0) {\n    " + STOPPING + "        _exit(0);\n    }\n    (void)wait(NULL);\n",
            )
        ],
        headers="sys/wait.h",
        fails="stops tells_on",
        says="another process",
    ),
    Wrong(
        "only the first word asks whether there is anybody",
        [
            ("    if (manager_size == 0)\n", "    if (strlen(path) > 200)\n"),
            (NAMED, NAMED + "    path = name;\n"),
            ("/*\n * The size counts", "static const char *path;\n\n/*\n * The size counts"),
            (READY, '    if (manager_size != 0)\n        tell("READY=1");\n    for (;;)'),
        ],
        fails="alone",
        says="each word",
    ),
    Wrong(
        "a socket for each word, and none is closed",
        [(CLOSED, "}")],
        fails="tells_on",
        says="not closed again",
    ),
    Wrong(
        "lines without a level",
        on_terminal('(void)level, (void)dprintf(STDERR_FILENO, "%s%s\\n", what, detail);'),
        fails="levels",
        says="Every line needs one",
    ),
    Wrong(
        "a line without a level below one with it",
        [(STARTED, '    say(LOG_INFO, "15_notify\\n", "ready");\n')],
        fails="levels",
        says="Every line needs one",
    ),
    Wrong(
        "no newline at the end",
        on_terminal('(void)dprintf(STDERR_FILENO, "<%d>%s%s", level, what, detail);'),
        fails="levels",
        says="without a newline at its end",
    ),
    Wrong(
        "a newline after the second line only",
        [(STARTED, '    (void)dprintf(STDERR_FILENO, "<6>starting");\n' + STARTED)],
        fails="levels",
        says="in the middle of it",
    ),
    Wrong("to the log", on_terminal('syslog(level, "%s%s", what, detail);'), fails="levels", says="syslog()"),
    Wrong(
        "to standard output",
        on_terminal('(void)dprintf(STDOUT_FILENO, "<%d>%s%s\\n", level, what, detail);'),
        fails="levels",
        says="standard output",
    ),
    Wrong(
        "to standard output, by printf()",
        on_terminal('(void)printf("<%d>%s%s\\n", level, what, detail);'),
        fails="levels",
        says="buffer",
    ),
    Wrong("nothing is logged", [(STARTED, "")], fails="levels", says="it logs nothing"),
    Wrong(
        "into the background, by daemon()",
        [(MAIN, MAIN + "    if (daemon(1, 1) == -1)\n        return 1;\n")],
        fails="lives parent_is_shell shell_session shell_terminal",
        says="goes into the background",
    ),
    Wrong(
        "into the background, as steps 01 to 10 do it",
        [
            (
                MAIN,
                MAIN
                + "    (void)umask(0);\n    if (fork() != 0)\n        _exit(0);\n    (void)setsid();\n"
                "    (void)signal(SIGHUP, SIG_IGN);\n    if (fork() != 0)\n        _exit(0);\n"
                '    (void)!chdir("/");\n    for (int fd = 0; fd < 4096; fd++)\n        (void)close(fd);\n'
                '    (void)open("/dev/null", O_RDWR);\n    (void)dup2(0, 1);\n    (void)dup2(0, 2);\n',
            )
        ],
        headers="fcntl.h sys/stat.h",
        fails="lives parent_is_shell shell_session shell_terminal launch_directory launch_umask launch_files levels",
        says="goes into the background",
    ),
    Wrong(
        "a child serves, and the launched process waits for it",
        [
            (
                MAIN,
                MAIN
                + "    int status = 0;\n    if (fork() != 0) {\n        (void)wait(&status);\n"
                "        return WEXITSTATUS(status);\n    }\n",
            )
        ],
        headers="sys/wait.h",
        fails="lives parent_is_shell " + UNSTOPPED + " reloads",
        says="no parent that waits",
    ),
    Wrong(
        "the watchdog is not looked at",
        [(WATCHED, "    (void)start_watchdog;\n")],
        fails="watchdog",
        says="takes it for dead",
    ),
    Wrong(
        "the watchdog's time in milliseconds",
        [(HALF, HALF.replace("/ 2", "* 1000 / 2"))],
        fails="watchdog",
        says="microseconds",
    ),
    Wrong(
        "alarm() in whole seconds",
        [
            (
                TIMER
                + "                              {half / 1000000, half % 1000000}};\n"
                "    if (setitimer(ITIMER_REAL, &timer, NULL) == -1)\n"
                '        say(LOG_WARNING, "WATCHDOG_USEC is no such time: ", period);\n',
                "    (void)alarm((unsigned)(half / 1000000));\n",
            )
        ],
        fails="watchdog",
        says="microseconds",
    ),
    Wrong(
        "one sign of life",
        [(TIMER, TIMER.replace("{half / 1000000, half % 1000000},", "{0, 0},"))],
        fails="watchdog",
        says="one sign of life",
    ),
    Wrong(
        "one sign of life, with READY",
        [(WATCHED, "    (void)start_watchdog;\n"), (READY, READY.replace("=1", "=1\\nWATCHDOG=1"))],
        fails="watchdog",
        says="one sign of life",
    ),
    Wrong(
        "signs of life as seldom as is asked for",
        [(HALF, HALF.replace(" / 2", ""))],
        fails="watchdog",
        says="not often enough",
    ),
    Wrong(
        "the timer's descriptor is never read",
        [(EXPIRED, EXPIRED.partition(" &&")[0] + ")\n")],
        program=BY_EPOLL,
        headers=EPOLL_HEADERS,
        glibc=True,
        fails="watchdog",
        says="stays readable until it is read",
    ),
    Wrong(
        "a sign of life in each turn of a loop that does not wait",
        [
            (
                "switch (sigwaitinfo(&held, NULL)) {\n",
                "switch (sigtimedwait(&held, NULL, &(struct timespec){0, 0})) {\n",
            ),
            ("        case SIGALRM:\n", "        case -1:\n        case SIGALRM:\n"),
            ("    if (manager_size == 0)\n", "    if (manager_size == 0 || (*state == 'W' && !watched))\n"),
            ("    long long half", "    watched = 1;\n    long long half"),
            ("/* Never waits, and", "static int watched;\n\n/* Never waits, and"),
        ],
        fails="watchdog",
        says="returns at once",
    ),
    Wrong(
        "the watchdog's time in nanoseconds",
        [(HALF, HALF.replace("/ 2", "/ 2000"))],
        fails="watchdog",
        says="in a smaller unit",
    ),
    Wrong(
        "ready before the signals are held",
        [(BLOCKED, ""), (READY, '    tell("READY=1");\n' + BLOCKED + "    for (;;)")],
        fails="holds_signals_first",
        says="may tell it something at once",
    ),
    Wrong(
        "ready before SIGHUP is held",
        [
            (BLOCKED, "    (void)sigdelset(&held, SIGHUP);\n" + BLOCKED),
            (READY, '    tell("READY=1");\n    (void)sigaddset(&held, SIGHUP);\n' + BLOCKED + "    for (;;)"),
        ],
        fails="holds_signals_first",
        says="would still do what it does by default",
    ),
]

HANDLERS = "        (void)sigsuspend(&none);\n"

# A whole one, in one function, as short as it gets.
IN_ONE = r"""
int main(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(to.sun_family);
    char text[80];
    int number, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC");
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (path)
        size += strlen(strncpy(to.sun_path, path, sizeof(to.sun_path) - 1));
    if (path && *path == '@')
        *to.sun_path = 0;
    struct timespec half = {3600, 0};
    if (usec)
        half = (struct timespec){0, atol(usec) * 500};
    putenv("NOTIFY_SOCKET");
    for (number = 0;; number = sigtimedwait(&set, NULL, &half)) {
        struct timespec now;
        strcpy(text, "READY=1\nWATCHDOG=1\n");
        if (number == SIGHUP) {
            clock_gettime(CLOCK_MONOTONIC, &now);
            sprintf(text, "MONOTONIC_USEC=%ld\nRELOADING=1\n", now.tv_sec * 1000000 + now.tv_nsec / 1000);
            sendto(fd, text, strlen(text), MSG_DONTWAIT, (struct sockaddr *)&to, size);
            strcpy(text, "READY=1\n");
        } else if (number == SIGTERM)
            strcpy(text, "STOPPING=1\n");
        else if (number == -1 && usec)
            strcpy(text, "WATCHDOG=1\n");
        if (number == 0)
            fprintf(stderr, "<6>up\n");
        sendto(fd, text, strlen(text), MSG_DONTWAIT, (struct sockaddr *)&to, size);
        if (number == SIGTERM)
            return 0;
    }
}
"""
ONE_HEADERS = "signal.h stdio.h stdlib.h string.h sys/socket.h sys/un.h time.h unistd.h"

RIGHT = [
    Right(
        "signs of life ten times as often, and one more with each reload",
        [(HALF, HALF.replace("/ 2", "/ 10")), (RELOADED, '    tell("READY=1\\nWATCHDOG=1");\n}')],
    ),
    Right("handlers set flags, and sigsuspend()", [(BLOCKED, BLOCKED), *by_flags(HANDLERS)]),
    Right(
        "handlers set flags, and ppoll()", by_flags("        (void)ppoll(NULL, 0, NULL, &none);\n"), headers="poll.h"
    ),
    Right(
        "handlers set flags, and pselect()",
        by_flags("        (void)pselect(0, NULL, NULL, NULL, NULL, &none);\n"),
        headers="sys/select.h",
    ),
    Right(
        "handlers that restart what they interrupt",
        by_flags("        (void)sigsuspend(&none);\n", flags="SA_RESTART"),
    ),
    Right("by epoll, a timer's descriptor and a connected socket", program=BY_EPOLL, headers=EPOLL_HEADERS, glibc=True),
    Right("all in one loop, by sigtimedwait()", program=IN_ONE, headers=ONE_HEADERS),
    Right(
        "one socket, kept open",
        [
            (
                SOCKET,
                (
                    "    static int fd = -1;\n    if (fd == -1)\n        fd = socket(AF_UNIX, SOCK_DGRAM |"
                    " SOCK_CLOEXEC, 0);\n"
                ),
            ),
            (CLOSED, "}"),
        ],
    ),
    Right(
        "connect(), and write()",
        [
            (SOCKET, SOCKET.replace("CLOEXEC", "CLOEXEC | SOCK_NONBLOCK")),
            (
                SENT,
                (
                    "    if (connect(fd, (struct sockaddr *)&manager, manager_size) == -1 ||\n"
                    "        write(fd, state, strlen(state)) == -1)\n"
                ),
            ),
        ],
    ),
    Right(
        "sendmsg() of two parts",
        [
            (
                SENT,
                (
                    '    struct iovec parts[] = {{(char *)state, strlen(state)}, {"\\nSTATUS=it goes well\\n", 21}};\n'
                    "    struct msghdr message = {.msg_name = &manager, .msg_namelen = manager_size,\n"
                    "                             .msg_iov = parts, .msg_iovlen = 2};\n"
                    "    if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)\n"
                ),
            )
        ],
        headers="sys/uio.h",
    ),
    Right("with its null byte", [("strlen(state)", "strlen(state) + 1")]),
    Right(
        "with what else a manager may be told",
        [
            (
                READY,
                "    char about[80];\n    (void)snprintf(about, sizeof(about),"
                ' "MAINPID=%d\\nSTATUS=Serving\\nREADY=1\\n", (int)getpid());\n'
                + READY.replace('"READY=1"', "about"),
            ),
            (STOPPING, '    tell("STATUS=Going\\nSTOPPING=1\\n");\n'),
        ],
    ),
    Right(
        "reload and its end in one datagram, and again",
        [(RELOADED, '    tell("STATUS=read again\\nREADY=1");\n}'), (WORDS, WORDS[:-1] + '\\nSTATUS=reads"')],
    ),
    Right(
        "slow to start, to reload and to stop",
        [
            (STARTED, "    usleep(300000);\n" + STARTED),
            (RELOADED, "    usleep(2000);\n" + RELOADED),
            (STOPPING, STOPPING + "    usleep(300000);\n"),
        ],
    ),
    Right(
        "a line in pieces",
        on_terminal(
            '(void)dprintf(2, "<%d>", level), (void)dprintf(2, "%s", what), (void)dprintf(2, "%s\\n", detail);'
        ),
    ),
    Right(
        "a line by fprintf(), with the time",
        on_terminal('(void)fprintf(stderr, "<%d>[%ld] %s%s\\n", level, (long)time(NULL), what, detail);'),
    ),
    Right(
        "the log, too",
        [
            (PRINTED, PRINTED + '    syslog(level, "%s%s", what, detail);\n'),
            (FOUND, '    openlog("15_notify", LOG_PID, LOG_DAEMON);\n' + FOUND),
        ],
    ),
    Right(
        "status 0 by return",
        [(EXIT, ""), ("            stop();\n        }\n", "            stop();\n            return 0;\n        }\n")],
    ),
    Right(
        "says that it stops at the very end, by atexit()",
        [
            (STOPPING, ""),
            ("static void stop", 'static void last(void)\n{\n    tell("STOPPING=1");\n}\n\nstatic void stop'),
            (FOUND, "    (void)atexit(last);\n" + FOUND),
        ],
    ),
    Right(
        "signs of life from a thread",
        [
            (
                WATCHED,
                (
                    '    (void)start_watchdog;\n    pthread_t thread;\n    if (getenv("WATCHDOG_USEC") != NULL)\n'
                    '        (void)pthread_create(&thread, NULL, ping, (void *)atol(getenv("WATCHDOG_USEC")));\n'
                ),
            ),
            (
                MAIN,
                "static void *ping(void *period)\n{\n    for (;;) {\n        usleep((useconds_t)((long)period / 3));\n"
                '        tell("WATCHDOG=1");\n    }\n}\n\n'
                + MAIN,
            ),
        ],
        headers="pthread.h",
    ),
    Right(
        "alarm by alarm, with ualarm()",
        [
            (
                TIMER
                + "                              {half / 1000000, half % 1000000}};\n"
                "    if (setitimer(ITIMER_REAL, &timer, NULL) == -1)\n"
                '        say(LOG_WARNING, "WATCHDOG_USEC is no such time: ", period);\n',
                "    (void)ualarm((useconds_t)half, (useconds_t)half);\n",
            )
        ],
    ),
    Right(
        "timer_create()",
        [
            (
                TIMER
                + "                              {half / 1000000, half % 1000000}};\n"
                "    if (setitimer(ITIMER_REAL, &timer, NULL) == -1)\n",
                (
                    "    struct itimerspec timer = {{half / 1000000, half % 1000000 * 1000}, {0, 1}};\n    timer_t"
                    " id;\n    if (timer_create(CLOCK_MONOTONIC, NULL, &id) == -1 || timer_settime(id, 0, &timer, NULL)"
                    " == -1)\n"
                ),
            )
        ],
    ),
    Right("the variable away by putenv()", [(FORGET, '    (void)putenv("NOTIFY_SOCKET");\n')]),
    Right("the environment away by clearenv()", [(FORGET, "    (void)clearenv();\n")]),
    Right("the environment away by its pointer", [(FORGET, "    environ = NULL;\n")]),
    Right(
        "another environment, made by hand",
        [(FORGET, '    static char *own[] = {"PATH=/usr/bin:/bin", "HOME=/", NULL};\n    environ = own;\n')],
    ),
    Right(
        "the variable away by hand, from main's envp",
        [
            (FORGET, ""),
            (MAIN, "int main(int argc, char *argv[], char *envp[])\n{\n    (void)argc, (void)argv;\n"),
            (
                FORGOTTEN,
                FORGOTTEN
                + "    for (char **from = envp, **to = envp; (*to = *from) != NULL; from++)\n"
                '        if (strncmp(*from, "NOTIFY_SOCKET=", 14) != 0)\n            to++;\n',
            ),
        ],
    ),
    Right(
        "the variable's name written over",
        [
            (
                FORGET,
                (
                    "    for (char **each = environ; *each != NULL; each++)\n        if (strncmp(*each,"
                    ' "NOTIFY_SOCKET=", 14) == 0)\n            memset(*each, 0, strlen(*each));\n'
                ),
            )
        ],
    ),
    Right(
        "variables set and taken away many times",
        [
            (
                FORGET,
                FORGET
                + "    char name[16];\n    for (int i = 0; i < 200; i++) {\n        (void)snprintf(name, sizeof(name),"
                ' "N%d", i);\n        (void)setenv(name, "NOTIFY_SOCKET=/x", 1);\n        if (i % 3)\n           '
                " (void)unsetenv(name);\n    }\n",
            )
        ],
    ),
    Right(
        "a thread waits for the signals before it tells",
        [
            (
                "int main(void)\n{\n",
                (
                    "static void *take(void *set)\n{\n    for (;;)\n        switch (sigwaitinfo(set, NULL)) {\n       "
                    ' case SIGALRM:\n            tell("WATCHDOG=1");\n            break;\n        case SIGHUP:\n       '
                    "     reload();\n            break;\n        case SIGTERM:\n        case SIGINT:\n           "
                    " stop();\n        }\n    return NULL;\n}\n\nint main(void)\n{\n"
                ),
            ),
            (
                READY,
                (
                    "    pthread_t thread;\n    if (pthread_create(&thread, NULL, take, &held) != 0)\n        return"
                    ' 1;\n    (void)usleep(200000);\n    tell("READY=1");\n    (void)pthread_join(thread, NULL);\n   '
                    " for (;;)"
                ),
            ),
        ],
        headers="pthread.h",
    ),
]

CARELESS = [
    Careless(
        "does what it is told, and says little",
        [
            ('        say(LOG_WARNING, "NOTIFY_SOCKET names no socket: ", name);\n', ""),
            (" || (pid != NULL && atol(pid) != (long)getpid())", " || (pid != NULL && atol(pid) == 0)"),
            ('    (void)unsetenv("WATCHDOG_USEC");\n    (void)unsetenv("WATCHDOG_PID");\n', ""),
            ('"the service manager is not told: ", strerror(errno)', '"the service manager is not told", ""'),
            (
                "        return; /* started by hand",
                '        return say(LOG_WARNING, "nobody to tell", ""); /* started by hand',
            ),
            ('    say(LOG_INFO, "stopped", "");\n', ""),
            ("    (void)sigaddset(&held, SIGINT);\n", ""),
        ],
        misses="no_name not_watched forgets_watchdog says_why_not alone_in_peace logs_both interrupted",
    )
]
