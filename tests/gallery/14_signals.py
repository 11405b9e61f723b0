"""Known answers to step 14: it stops, and reads its configuration again, when a signal says so."""

from gallery import Careless, Right, Wrong

FOR_EVER = "    for (;;)\n        switch"
HELD = "    sigset_t held = hold_signals();\n"
BLOCKED = '    if (sigprocmask(SIG_BLOCK, &held, NULL) == -1)\n        die("sigprocmask");\n'
DEFAULT = "    (void)signal(SIGHUP, SIG_DFL); /* fails for wrong numbers only */\n"
LOOP = (
    "    for (;;)\n        switch (sigwaitinfo(&held, NULL)) {\n        case SIGHUP:\n            reload();\n"
    "            break;\n        case SIGTERM:\n            stop();\n        }\n"
)
REMOVED = (
    "    bool ours = pid_file != NULL && is_still_there(lock, pid_file);\n"
    "    if (ours && unlink(pid_file) == -1)\n"
    '        syslog(LOG_WARNING, "%s: %s", pid_file, strerror(errno));\n'
)
STOPPED = '    syslog(LOG_INFO, "stopped by SIGTERM");\n'
ENDED = "    exit(EXIT_SUCCESS);\n}\n\n/* An empty line"
WRONG_LOGGED = '    if (wrong != NULL)\n        syslog(LOG_ERR, "%s: %s: nothing is changed", config, wrong);\n'
GREETED = (
    '        syslog(LOG_ERR, "%s: %s: nothing is changed", config, wrong);\n    syslog(LOG_INFO, "greeting: %s",'
    " greeting);\n"
)
CLEARED = '    if (clearenv() != 0)\n        die("clearenv");\n'
LOAD = "static const char *load_config(void)\n{\n"
SIZE_CHECKED = '    if (size > MAX_CONFIG)\n        return "too long";\n'
PARSED = (
    '    (void)sscanf(text, "greeting=%999[^\\1-\\37\\177] %n", fresh, &end);\n'
    '    if (end != size)\n        return "not one line greeting=TEXT";\n'
    "    memcpy(greeting, fresh, sizeof(greeting));\n"
)
LOADED = (
    "    int fd = open(config, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);\n"
    "    if (fd == -1)\n        return strerror(errno);\n"
)
READ = "    ssize_t size = read(fd, text, MAX_CONFIG + 1);\n"
CLOSED = "    (void)close(fd);\n    return wrong;\n"
RELOAD = "static void reload(void)\n{\n"
ABSOLUTE = "            config = absolute(optarg);\n"
SERVE = "static noreturn void serve(sigset_t held)\n{\n"  # what it calls stands before it
TAKEN_BY_THREAD = (
    SERVE,
    "static void *take(void *set)\n{\n    for (;;)\n        switch (sigwaitinfo(set, NULL)) {\n       "
    " case SIGHUP:\n            reload();\n            break;\n        case SIGTERM:\n           "
    " stop();\n        }\n    return NULL;\n}\n\n" + SERVE,
)
MAIN = "int main(int argc, char *argv[])\n{\n"

FLAGS = (
    "static volatile sig_atomic_t hungup, ended;\n\nstatic void note(int number)\n{\n    if (number == SIGHUP)\n     "
    "   hungup = 1;\n    else\n        ended = 1;\n}\n\n"
)
ACT = (
    "        if (hungup) {\n            hungup = 0;\n            reload();\n        }\n        if (ended)\n          "
    "  stop();\n"
)
INSTALLED = (
    "    struct sigaction noting = {.sa_handler = note};\n    (void)sigaction(SIGHUP, &noting, NULL);\n"
    "    (void)sigaction(SIGTERM, &noting, NULL);\n"
)


def handler(body, before=""):
    """A handler in place of the loop, and what it does."""
    return before + f"static void handle(int number)\n{{\n{body}}}\n\n"


def by_flags(wait, unblocked=True):
    """Handlers set flags, and the loop waits by `wait`."""
    unblock = "    (void)sigprocmask(SIG_UNBLOCK, &held, NULL);\n" if unblocked else ""
    return [(SERVE, FLAGS + SERVE), (LOOP, INSTALLED + unblock + "    for (;;) {\n" + ACT + wait + "    }\n")]


BY_HANDLERS = (
    "    (void)signal(SIGHUP, handle);\n    (void)signal(SIGTERM, handle);\n    (void)sigprocmask(SIG_UNBLOCK, &held,"
    " NULL);\n    for (;;)\n        pause();\n"
)
IN_HANDLERS = "    if (number == SIGHUP)\n        reload();\n    else\n        stop();\n"

WRONG = [
    Wrong(
        "forgotten",
        [
            (HELD, "    sigset_t held = {0};\n"),
            (LOOP, "    (void)stop;\n    (void)reload;\n    (void)held;\n    for (;;)\n        pause();\n"),
            ("static sigset_t hold", "__attribute__((unused)) static sigset_t hold"),
        ],
        fails=(
            "takes_hangup stops removes_pid_file tells_of_stop reloads keeps_old config_closed storm"
            " none_slept_through safe_in_the_middle"
        ),
        says="step 08 ignores it",
    ),
    Wrong(
        "SIGTERM alone",
        [
            ("        case SIGHUP:\n            reload();\n            break;\n", ""),
            ("    (void)sigaddset(&held, SIGHUP);\n", ""),
            (DEFAULT, ""),
            (FOR_EVER, "    (void)reload;\n" + FOR_EVER),
        ],
        fails="takes_hangup reloads keeps_old config_closed",
        says="step 08 ignores it",
    ),
    Wrong(
        "SIGHUP alone",
        [
            ("        case SIGTERM:\n            stop();\n", ""),
            ("    (void)sigaddset(&held, SIGTERM);\n", ""),
            (FOR_EVER, "    (void)stop;\n" + FOR_EVER),
        ],
        fails="stops removes_pid_file tells_of_stop storm none_slept_through safe_in_the_middle",
        says="default action",
    ),
    Wrong("SIGHUP is still ignored", [(DEFAULT, "")], fails="takes_hangup", says="both ignored and blocked"),
    Wrong(
        "blocked, and never taken",
        [(LOOP, "    (void)stop;\n    (void)reload;\n    for (;;)\n        pause();\n")],
        fails=(
            "sigterm_ends stops removes_pid_file tells_of_stop reloads keeps_old config_closed storm"
            " none_slept_through safe_in_the_middle"
        ),
        says="nothing takes it",
    ),
    Wrong(
        "not blocked while it waits for them",
        [(BLOCKED, "")],
        fails=(
            "stops removes_pid_file tells_of_stop reloads keeps_old config_closed storm none_slept_through"
            " safe_in_the_middle"
        ),
        says="default action",
    ),
    Wrong(
        "only once",
        [
            (
                LOOP,
                LOOP.replace(
                    "            break;\n", "            break;\n        default:\n            break;\n"
                ).replace("    for (;;)\n        switch", "    switch")
                + "    for (;;)\n        pause();\n",
            )
        ],
        fails="keeps_old storm none_slept_through safe_in_the_middle",
        says="belongs into the loop",
        glibc=True,  # musl's sigwaitinfo() goes on where ptrace(2) has interrupted it
    ),
    Wrong(
        "everything in the handlers",
        [(SERVE, handler(IN_HANDLERS) + SERVE), (LOOP, BY_HANDLERS)],
        fails="safe_in_the_middle",
        says="signal-safety(7)",
        glibc=True,  # musl takes no lock in a program of one thread
    ),
    Wrong(
        "a flag, and then pause()",
        by_flags("        pause();\n"),
        fails="none_slept_through",
        says="sleeps, though it has been told",
    ),
    Wrong(
        "a flag, and then poll()",
        by_flags("        (void)poll(NULL, 0, -1);\n"),
        headers="poll.h",
        fails="none_slept_through",
        says="sleeps, though it has been told",
    ),
    Wrong(
        "a flag, and then sigsuspend(), unblocked before it",
        by_flags("        sigset_t none;\n        (void)sigemptyset(&none);\n        (void)sigsuspend(&none);\n"),
        fails="none_slept_through",
        says="sleeps, though it has been told",
    ),
    Wrong(
        "a handler that holds once",
        [
            (SERVE, FLAGS + SERVE),
            (
                LOOP,
                INSTALLED.replace("note}", "note, .sa_flags = SA_RESETHAND}")
                + "    for (;;) {\n"
                + ACT
                + "        sigset_t none;\n        (void)sigemptyset(&none);\n        (void)sigsuspend(&none);\n  "
                "  }\n",
            ),
        ],
        fails="keeps_old storm safe_in_the_middle",
        says="SA_RESETHAND",
    ),
    Wrong(
        "status 1 at the end",
        [(ENDED, ENDED.replace("SUCCESS", "FAILURE"))],
        fails="stops storm none_slept_through safe_in_the_middle",
        says="no failure",
    ),
    Wrong(
        "status 143 at the end",
        [(ENDED, ENDED.replace("EXIT_SUCCESS", "128 + SIGTERM"))],
        fails="stops storm none_slept_through safe_in_the_middle",
        says="no failure",
    ),
    Wrong(
        "ends itself by the signal",
        [
            (
                ENDED,
                ENDED.replace(
                    "exit(EXIT_SUCCESS)",
                    (
                        "(void)sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);\n    (void)raise(SIGTERM);\n   "
                        " exit(EXIT_SUCCESS)"
                    ),
                ),
            )
        ],
        fails="stops storm none_slept_through safe_in_the_middle",
        says="sends itself nothing",
    ),
    Wrong("the PID file is left", [(REMOVED, "")], fails="removes_pid_file", says="unlink() was not called"),
    Wrong(
        "the PID file by the name that was given",
        [
            (
                "            pid_file = absolute(optarg);\n",
                "            pid_file = absolute(optarg), given = optarg;\n",
            ),
            ("unlink(pid_file)", "unlink(given)"),
            ("static const char *config;", "static const char *given;\nstatic const char *config;"),
        ],
        fails="removes_pid_file",
        says="valid from the root directory",
    ),
    Wrong(
        "the PID file is emptied, and not removed",
        [("unlink(pid_file)", "truncate(pid_file, 0)")],
        fails="removes_pid_file",
        says="still there",
    ),
    Wrong("it stops without a word", [(STOPPED, "")], fails="tells_of_stop", says="from one that was killed"),
    Wrong(
        "it tells standard error that it stops",
        [(STOPPED, STOPPED.replace("syslog(LOG_INFO, ", "dprintf(2, "))],
        fails="tells_of_stop",
        says="from one that was killed",
    ),
    Wrong(
        "-c is not known",
        [('"p:u:c:"', '"p:u:"')],
        fails="reloads keeps_old config_closed",
        says="letters for getopt()",
    ),
    Wrong(
        "SIGHUP logs the greeting, and reads nothing",
        [
            (
                "    const char *wrong = load_config();\n    if (wrong != NULL)\n        syslog",
                "    const char *wrong = NULL;\n    if (wrong != NULL)\n        syslog",
            )
        ],
        fails="reloads keeps_old config_closed",
        says="not read again",
    ),
    Wrong(
        "SIGHUP reads, and logs nothing",
        [(GREETED, GREETED.partition("    syslog(LOG_INFO")[0])],
        fails="reloads keeps_old config_closed",
        says="not told of",
    ),
    Wrong(
        "the file is kept open",
        [
            (
                LOADED,
                LOADED.replace("int fd = open", "static int fd = -1;\n    if (fd == -1)\n        fd = open"),
            ),
            (READ, "    ssize_t size = pread(fd, text, MAX_CONFIG + 1, 0);\n"),
            (CLOSED, "    return wrong;\n"),
        ],
        fails="reloads keeps_old config_closed",
        says="kept open",
    ),
    Wrong(
        "a new descriptor each time",
        [(CLOSED, "    return wrong;\n")],
        fails="config_closed",
        says="the descriptors run out",
    ),
    Wrong(
        "the file by the name that was given",
        [(ABSOLUTE, "            config = optarg;\n")],
        fails="reloads keeps_old config_closed",
        says="directory of the launch",
    ),
    Wrong(
        "SIGHUP starts it anew, with exec",
        [
            (
                SERVE,
                'static char **words;\n\nstatic void restart(void)\n{\n    (void)execv("/proc/self/exe",'
                " words);\n}\n\n" + SERVE,
            ),
            (MAIN, MAIN + "    words = argv;\n"),
            ("            reload();\n", "            (void)reload;\n            restart();\n"),
        ],
        fails="reloads keeps_old config_closed storm safe_in_the_middle",
        says="ends or starts anew",
    ),
    Wrong(
        "a bad configuration ends it",
        [
            (
                '        syslog(LOG_ERR, "%s: %s: nothing is changed", config, wrong);\n',
                "        give_up(config, wrong);\n",
            )
        ],
        fails="keeps_old",
        says="has ended the daemon",
    ),
    Wrong(
        "a bad configuration is not told of",
        [(WRONG_LOGGED, "    (void)wrong;\n")],
        fails="keeps_old",
        says="not logged",
    ),
    Wrong(
        "a bad configuration as information",
        [(WRONG_LOGGED, WRONG_LOGGED.replace("LOG_ERR", "LOG_INFO"))],
        fails="keeps_old",
        says="as an error",
    ),
    Wrong(
        "after an error the greeting is not told",
        [(GREETED, GREETED.replace("    syslog(LOG_INFO", "    else\n        syslog(LOG_INFO"))],
        fails="keeps_old",
        says="but not the greeting",
    ),
    Wrong(
        "the old one is thrown away first",
        [(LOAD, LOAD + "    *greeting = '\\0';\n")],
        fails="keeps_old",
        says="the old greeting is gone",
    ),
    Wrong(
        "what is empty is taken",
        [
            ("if (end != size)", "if (size != 0 && end != size)"),
            ("    char fresh[sizeof(greeting)];", '    char fresh[sizeof(greeting)] = "";'),
        ],
        fails="keeps_old",
        says="taken for one",
    ),
    Wrong(
        "what is too long is cut off",
        [(SIZE_CHECKED, "")],
        fails="keeps_old",
        says="taken for one",
    ),
    Wrong(
        "what is no text is taken",
        [
            (
                PARSED,
                (
                    '    if (strncmp(text, "greeting=", 9) != 0 || size < 11)\n        return "no greeting";\n   '
                    ' (void)snprintf(greeting, sizeof(greeting), "%.*s", (int)size - 10, text + 9);\n    (void)end;\n'
                    "    (void)fresh;\n"
                ),
            )
        ],
        fails="keeps_old",
        says="taken for one",
    ),
    Wrong(
        "into a buffer that is too small",
        [
            (
                READ,
                (
                    "    ssize_t size = 0, more;\n    while ((more = read(fd, text + size, 65536)) > 0)\n        size"
                    " += more;\n"
                ),
            )
        ],
        fails="keeps_old",
        says="longer than the room",
    ),
    Wrong(
        "fopen() gives NULL, and is read from",
        [
            (LOADED, '    FILE *from = fopen(config, "re");\n'),
            (READ, "    ssize_t size = (ssize_t)fread(text, 1, MAX_CONFIG + 1, from);\n"),
            (CLOSED, "    (void)fclose(from);\n    return wrong;\n"),
        ],
        fails="keeps_old",
        says="fopen() gives NULL",
    ),
    Wrong(
        "lines are read until feof()",
        [
            (LOADED, '    FILE *from = fopen(config, "re");\n    if (from == NULL)\n        return strerror(errno);\n'),
            (
                READ,
                "    ssize_t size = 0;\n    while (!feof(from) && size < MAX_CONFIG)\n"
                "        if (fgets(text + size, (int)(MAX_CONFIG + 2 - size), from) != NULL)\n"
                "            size += (ssize_t)strlen(text + size);\n",
            ),
            (CLOSED, "    (void)fclose(from);\n    return wrong;\n"),
        ],
        fails="keeps_old",
        says="feof() does not end",
    ),
    Wrong(
        "the built-in greeting where there is no file",
        [(LOADED, LOADED.replace("        return strerror", '        return strcpy(greeting, "hello"), strerror'))],
        fails="keeps_old",
        says="the old greeting is gone",
    ),
    Wrong(
        "the built-in greeting where there is no file, without a word",
        [(LOADED, LOADED.replace("        return strerror(errno)", '        return strcpy(greeting, "hello"), NULL'))],
        fails="keeps_old",
        says="something else was put",
    ),
    Wrong(
        "what cannot be read is passed over",
        [(RELOAD, RELOAD + "    if (config != NULL && access(config, R_OK) == -1)\n        return;\n")],
        fails="keeps_old",
        says="does not learn why",
    ),
    Wrong(
        "only the first word",
        [(PARSED, PARSED.replace("[^\\1-\\37\\177] %n", "s%*[^\\1-\\37\\177] %n"))],
        fails="reloads keeps_old config_closed",
        says="cut off at the space",
    ),
    Wrong(
        "SIGHUP starts it anew, by its whole path",
        [
            (
                SERVE,
                "static char **words;\n\nstatic void restart(void)\n{\n"
                '    char *anew[] = {words[0], "-p", (char *)pid_file, config ? "-c" : NULL, (char *)config, NULL};\n'
                '    (void)execv("/proc/self/exe", anew);\n}\n\n' + SERVE,
            ),
            (MAIN, MAIN + "    words = argv;\n"),
            ("            reload();\n", "            (void)reload;\n            restart();\n"),
        ],
        fails="reloads keeps_old storm safe_in_the_middle",
        says="another process than before",
    ),
    Wrong(
        "it ends when the file cannot be removed, by the name that was given",
        [
            (
                "            pid_file = absolute(optarg);\n",
                "            pid_file = absolute(optarg), given = optarg;\n",
            ),
            (REMOVED, "    if (pid_file != NULL && unlink(given) == -1)\n        die(given);\n"),
            ("static const char *config;", "static const char *given;\nstatic const char *config;"),
        ],
        fails="stops removes_pid_file storm none_slept_through safe_in_the_middle",
        says="it failed on its way, and says so",
    ),
    Wrong(
        "it crashes when it stops",
        [(STOPPED, STOPPED + '    (void)fclose(fdopen(-1, "w"));\n')],
        fails="stops storm none_slept_through safe_in_the_middle",
        says="memory that is not its own",
        glibc=True,  # musl's fclose() does not
    ),
    Wrong(
        "one variable for the last signal",
        [
            (SERVE, "static volatile sig_atomic_t came;\n\n" + handler("    came = number;\n") + SERVE),
            (
                LOOP,
                INSTALLED.replace("note}", "handle}")
                + "    for (;;) {\n        sigset_t none;\n        (void)sigemptyset(&none);\n"
                "        (void)sigsuspend(&none);\n        if (came == SIGTERM)\n            stop();\n"
                "        if (came == SIGHUP)\n            reload();\n        came = 0;\n    }\n",
            ),
        ],
        fails="storm safe_in_the_middle",
        says="a flag of its own",
    ),
    Wrong(
        "new descriptors to wait with, each time",
        [
            (
                LOOP,
                "    for (;;) {\n        int queue = epoll_create1(EPOLL_CLOEXEC);\n"
                "        int signals = signalfd(-1, &held, SFD_CLOEXEC);\n"
                "        struct epoll_event event = {.events = EPOLLIN};\n"
                "        struct signalfd_siginfo one;\n"
                "        (void)epoll_ctl(queue, EPOLL_CTL_ADD, signals, &event);\n"
                "        if (epoll_wait(queue, &event, 1, -1) != 1 ||\n"
                "            read(signals, &one, sizeof(one)) != sizeof(one))\n"
                "            continue;\n        if (one.ssi_signo == SIGTERM)\n            stop();\n"
                "        reload();\n    }\n",
            )
        ],
        headers="sys/epoll.h sys/signalfd.h",
        fails="storm",
        says="uses up",
    ),
    Wrong(
        "SIGHUP logs that it has read, and not what",
        [(GREETED, GREETED.replace('greeting: %s", greeting', 'reloaded"'))],
        fails="reloads keeps_old config_closed",
        says="not the new greeting",
    ),
    Wrong(
        "no thread lets anything through",
        [
            TAKEN_BY_THREAD,
            (
                LOOP,
                (
                    "    pthread_t thread;\n    sigset_t all;\n    (void)sigfillset(&all);\n"
                    "    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);\n"
                    "    if (pthread_create(&thread, NULL, take, &held) != 0)\n"
                    '        die("pthread_create");\n    (void)pthread_join(thread, NULL);\n'
                ),
            ),
        ],
        headers="pthread.h",
        fails="signals_reset",
        says="each thread has a mask of its own",
    ),
]

RIGHT = [
    Right(
        "flags and sigsuspend(), blocked before it",
        by_flags(
            "        sigset_t none;\n        (void)sigemptyset(&none);\n        (void)sigsuspend(&none);\n",
            unblocked=False,
        ),
    ),
    Right(
        "flags and ppoll()",
        by_flags(
            "        sigset_t none;\n        (void)sigemptyset(&none);\n        (void)ppoll(NULL, 0, NULL, &none);\n",
            unblocked=False,
        ),
        headers="poll.h",
    ),
    Right(
        "flags and pselect()",
        by_flags(
            (
                "        sigset_t none;\n        (void)sigemptyset(&none);\n        (void)pselect(0, NULL, NULL,"
                " NULL, NULL, &none);\n"
            ),
            unblocked=False,
        ),
        headers="sys/select.h",
    ),
    Right(
        "flags and epoll_pwait()",
        by_flags(
            (
                "        sigset_t none;\n        struct epoll_event unused;\n        (void)sigemptyset(&none);\n     "
                "   (void)epoll_pwait(queue, &unused, 1, -1, &none);\n"
            ),
            unblocked=False,
        )[:1]
        + [
            (
                LOOP,
                INSTALLED
                + "    int queue = epoll_create1(EPOLL_CLOEXEC);\n    for (;;) {\n"
                + ACT
                + "        sigset_t none;\n        struct epoll_event unused;\n        (void)sigemptyset(&none);\n   "
                "     (void)epoll_pwait(queue, &unused, 1, -1, &none);\n    }\n",
            )
        ],
        headers="sys/epoll.h",
    ),
    Right("flags and a nap of a second", by_flags("        (void)sleep(1);\n")),
    Right(
        "sigwait()",
        [
            (
                LOOP,
                "    int number;\n"
                + LOOP.replace(
                    "switch (sigwaitinfo(&held, NULL))", "switch (sigwait(&held, &number) == 0 ? number : 0)"
                ),
            )
        ],
    ),
    Right(
        "sigtimedwait(), an hour at a time",
        [
            (
                LOOP,
                LOOP.replace(
                    "sigwaitinfo(&held, NULL)", "sigtimedwait(&held, NULL, &(struct timespec){.tv_sec = 3600})"
                ),
            )
        ],
        headers="time.h",
    ),
    Right(
        "signalfd()",
        [
            (
                LOOP,
                (
                    "    int signals = signalfd(-1, &held, SFD_CLOEXEC);\n    struct signalfd_siginfo one;\n    for"
                    " (;;)\n        if (read(signals, &one, sizeof(one)) == sizeof(one)) {\n            if"
                    " (one.ssi_signo == SIGTERM)\n                stop();\n            reload();\n        }\n"
                ),
            )
        ],
        headers="sys/signalfd.h",
    ),
    Right(
        "signalfd() and poll()",
        [
            (
                LOOP,
                (
                    "    struct pollfd signals = {.fd = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK), .events ="
                    " POLLIN};\n    struct signalfd_siginfo one;\n    while (poll(&signals, 1, -1) == 1)\n       "
                    " while (read(signals.fd, &one, sizeof(one)) == sizeof(one)) {\n            if (one.ssi_signo =="
                    " SIGTERM)\n                stop();\n            reload();\n        }\n"
                ),
            )
        ],
        headers="poll.h sys/signalfd.h",
    ),
    Right(
        "a pipe to itself",
        [
            (
                SERVE,
                "static int ends[2];\n\nstatic void note(int number)\n{\n    int reason = errno;\n   "
                " (void)!write(ends[1], &(char){(char)number}, 1);\n    errno = reason;\n}\n\n" + SERVE,
            ),
            (
                LOOP,
                '    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)\n        die("pipe2");\n'
                + INSTALLED.replace("note}", "note, .sa_flags = SA_RESTART}")
                + "    (void)sigprocmask(SIG_UNBLOCK, &held, NULL);\n    struct pollfd self = {.fd = ends[0], .events"
                " = POLLIN};\n    for (;;) {\n        char number = 0;\n        if (poll(&self, 1, -1) == -1 ||"
                " read(ends[0], &number, 1) != 1)\n            continue;\n        if (number == SIGTERM)\n         "
                "   stop();\n        reload();\n    }\n",
            ),
        ],
        headers="poll.h",
    ),
    Right(
        "an eventfd and flags",
        [
            (
                SERVE,
                "static int bell;\n"
                + FLAGS.replace(
                    "        ended = 1;\n", "        ended = 1;\n    (void)!write(bell, &(uint64_t){1}, 8);\n"
                )
                + SERVE,
            ),
            (
                LOOP,
                "    bell = eventfd(0, EFD_CLOEXEC);\n"
                + INSTALLED.replace("note}", "note, .sa_flags = SA_RESTART}")
                + "    (void)sigprocmask(SIG_UNBLOCK, &held, NULL);\n    for (;;) {\n"
                + ACT
                + "        uint64_t rung;\n        (void)!read(bell, &rung, sizeof(rung));\n    }\n",
            ),
        ],
        headers="stdint.h sys/eventfd.h",
    ),
    Right(
        "a thread that waits for them, while the first one lets nothing through",
        [
            TAKEN_BY_THREAD,
            (
                LOOP,
                (
                    "    pthread_t thread;\n    sigset_t all;\n"
                    "    if (pthread_create(&thread, NULL, take, &held) != 0)\n"
                    '        die("pthread_create");\n    (void)sigfillset(&all);\n'
                    "    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);\n    (void)pthread_join(thread, NULL);\n"
                ),
            ),
        ],
        headers="pthread.h",
    ),
    Right(
        "a thread that waits for them",
        [
            TAKEN_BY_THREAD,
            (
                LOOP,
                (
                    "    pthread_t thread;\n    if (pthread_create(&thread, NULL, take, &held) != 0)\n       "
                    ' die("pthread_create");\n    (void)pthread_join(thread, NULL);\n'
                ),
            ),
        ],
        headers="pthread.h",
    ),
    Right(
        "SIGINT stops it, too",
        [
            (
                "    (void)sigaddset(&held, SIGTERM);\n",
                "    (void)sigaddset(&held, SIGTERM);\n    (void)sigaddset(&held, SIGINT);\n",
            ),
            ("        case SIGTERM:\n", "        case SIGINT:\n        case SIGTERM:\n"),
        ],
    ),
    Right(
        "getline()",
        [
            (
                PARSED,
                (
                    "    (void)end;\n    char *line = NULL;\n    size_t room = 0;\n    FILE *from = fmemopen(text,"
                    ' (size_t)size + (size == 0), "r");\n    ssize_t length = from == NULL ? -1 : getline(&line,'
                    ' &room, from);\n    bool good = length > 10 && length == size && strncmp(line, "greeting=", 9)'
                    " == 0;\n    for (ssize_t i = 0; good && i < length - 1; i++)\n        good = (unsigned"
                    " char)line[i] >= ' ' && line[i] != 127;\n    if (good)\n        (void)snprintf(fresh,"
                    ' sizeof(fresh), "%.*s", (int)length - 10, line + 9);\n    if (from != NULL)\n       '
                    ' (void)fclose(from);\n    free(line);\n    if (!good)\n        return "not one line'
                    ' greeting=TEXT";\n    memcpy(greeting, fresh, sizeof(greeting));\n'
                ),
            )
        ],
    ),
    Right(
        "the environment away by its pointer",
        [(CLEARED, "    static char *none[] = {NULL};\n    environ = none;\n")],
    ),
    Right("TZ alone away", [(CLEARED, '    if (unsetenv("TZ") != 0)\n        die("unsetenv");\n')]),
    Right("an error as a warning", [(WRONG_LOGGED, WRONG_LOGGED.replace("LOG_ERR", "LOG_WARNING"))]),
    Right(
        "the reason and the greeting in one message",
        [
            (
                WRONG_LOGGED + '    syslog(LOG_INFO, "greeting: %s", greeting);\n',
                (
                    '    if (wrong != NULL)\n        syslog(LOG_ERR, "%s: %s, greeting: %s", config, wrong,'
                    ' greeting);\n    else\n        syslog(LOG_INFO, "greeting: %s", greeting);\n'
                ),
            )
        ],
    ),
    Right("removed after the word", [(REMOVED + STOPPED, STOPPED + REMOVED)]),
    Right("slow to stop", [(REMOVED, "    usleep(300000);\n" + REMOVED)]),
    Right("slow to read", [("static void reload(void)\n{\n", "static void reload(void)\n{\n    usleep(2000);\n")]),
    Right(
        "it reads before it forks, too", [("    clear_umask();\n", "    (void)load_config();\n    clear_umask();\n")]
    ),
]

CARELESS = [
    Careless(
        "goes on whatever is wrong, and does not say why",
        [
            ("        give_up(config, wrong);\n", '        syslog(LOG_ERR, "it cannot be read");\n'),
            ('syslog(LOG_ERR, "%s: %s: nothing is changed", config, wrong);', 'syslog(LOG_ERR, "it cannot be read");'),
            ('        syslog(LOG_WARNING, "%s: %s", pid_file, strerror(errno));\n', "        (void)0;\n"),
        ],
        misses="no_config_at_start tells_reason unremovable_file",
    ),
    Careless(
        "the environment is kept",
        [("    clear_environment();\n", "    (void)clear_environment;\n")],
        misses="environment_cleared",
        glibc=True,  # musl's syslog() has no time zone
    ),
]
