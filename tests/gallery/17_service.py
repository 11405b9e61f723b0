"""Known answers to step 17: one service, in both styles."""

from gallery import Careless, Right, Wrong

REMOVED_PATH = (
    "    if (bound_path != NULL && unlink(bound_path) == -1)\n        say(LOG_WARNING, bound_path, strerror(errno));\n"
)
TAKEN_OVER = (
    "    if (connect(probe, (struct sockaddr *)&name, sizeof(name)) == -1 &&\n"
    "        errno == ECONNREFUSED && lstat(address, &there) == 0 &&\n"
    "        S_ISSOCK(there.st_mode))\n"
    "        (void)unlink(address); /* nobody answers: left from one killed */\n"
)
LAST_SERVED = (
    "    for (nfds_t i = 1, n = LAST_CLIENTS; i < watched_count && n > 0; n--)\n"
    "        i += !greet(watched[i].fd); /* who has connected by now, not for ever */\n"
)
RELOADED = "    const char *wrong = config != NULL ? load_config() : NULL;\n    if (wrong != NULL)\n        say("
SENT = "    (void)send(client, greeting, strlen(greeting), MSG_DONTWAIT | MSG_NOSIGNAL);\n"
FIRST_CLIENT = "            (void)greet(watched[i].fd);\n"
ABSOLUTE = "at != NULL && strchr(at, ':') != NULL ? at : absolute(at)"
USER = "    if (user != NULL)\n        become_user();\n"
LOCKED = "flock(fd, LOCK_EX | LOCK_NB) == 0"
MAIN = "int main(int argc, char *argv[])\n{\n"
STARTED = '    if (is_daemon && write(starter, "0\\n", 2) == 2'

WRONG = [
    Wrong(
        "d not looked at",
        [("    if (values['d'] != NULL)\n        become_daemon();\n", "")],
        fails=(
            "config_closed gets_no_terminal in_root_directory is_adopted keeps_no_variable keeps_old killed_early"
            " killed_later leads_nothing no_terminal null_device_log_file_and_sockets one_lives_on pid_file"
            " ready_though_held ready_when_it_returns reloads reports_to_log signals_reset survives_hangup"
            " tells_of_stop umask_is_zero written_as_root"
        ),
        says="fork() was not called",
    ),
    Wrong(
        "the path stays when it stops",
        [(REMOVED_PATH, "")],
        fails="by_hand_leaves_nothing by_hand_served interrupted leaves_nothing serves_at_path",
        says="stays until unlink()",
    ),
    Wrong(
        "a path that was left is not taken over",
        [(TAKEN_OVER, "    (void)there;\n")],
        fails="one_of_many takes_over_path",
        says="the name of a socket outlives its process",
    ),
    Wrong(
        "takes the path from whoever has it",
        [(TAKEN_OVER, "    (void)unlink(address);\n")],
        fails="no_socket_there path_in_use",
        says="the file was removed",
    ),
    Wrong(
        "listens anew at each reload",
        [
            (
                RELOADED,
                "    for (nfds_t i = 1; i < watched_count; i++)\n        (void)close(watched[i].fd);\n    watched_count"
                " = 1;\n    (void)unlink(address);\n    address ? listen_at_path() : exit(1);\n"
                + RELOADED,
            )
        ],
        fails="fg_alone fg_never_waits fg_reloads fg_serves fg_tells_on reload_loses_nobody",
        says="who closes the socket and makes it anew",
    ),
    Wrong(
        "stops without a look at the queue",
        [(LAST_SERVED, "")],
        fails="stop_loses_nobody",
        says="wait in the queue of the socket",
    ),
    Wrong(
        "greets with what it had at first",
        [
            (
                "    if (end == size)\n        (void)snprintf(greeting,",
                "    static int known;\n    if (end == size && known++ == 0)\n        (void)snprintf(greeting,",
            )
        ],
        fails="config_closed greets_as_configured reloads",
        says="it logs the old greeting",
    ),
    Wrong(
        "greets without a newline",
        [(SENT, SENT.replace("strlen(greeting)", "strlen(greeting) - 1"))],
        fails=(
            "by_hand_served fg_holds_nobody_up fg_outlives_clients fg_serves fg_version_6 greets_as_configured"
            " passed_first path_in_use reload_loses_nobody serves_at_all serves_at_host serves_at_path"
            " serves_at_version_6 starts_at_once stop_loses_nobody takes_over_path"
        ),
        says="what they get is no line",
    ),
    Wrong(
        "status 1 for everything",
        [("DENIED = 4, NO_CONFIG = 6", "DENIED = 1, NO_CONFIG = 1")],
        fails="by_hand_no_config config_of_user no_config not_allowed port_not_allowed",
        says="the LSB has for a service that is not configured",
    ),
    Wrong(
        "status 1 for wrong usage",
        [("USAGE = 2", "USAGE = 1")],
        fails="misused value_missing word_too_many",
        says="the LSB has for wrong arguments",
    ),
    Wrong("help on standard error", [("values['h'] ? 1 : 2", "2")], fails="help", says="not where it is expected"),
    Wrong(
        "brackets are part of the host",
        [("*address == '[' ? \"[%255[^]]]:%31s\" : ", "")],
        fails="serves_at_version_6",
        says="it stands in brackets",
    ),
    Wrong(
        "a relative path from the root directory",
        [(ABSOLUTE, "at")],
        fails=(
            "by_hand_no_config by_hand_pid_file by_hand_served by_hand_user config_closed config_of_user"
            " gets_no_terminal greets_as_configured group_ids in_root_directory interrupted is_adopted"
            " keeps_no_variable keeps_old leads_nothing no_capabilities no_config no_terminal no_way_back"
            " none_slept_through not_allowed not_root null_device_log_file_and_sockets one_lives_on one_of_many"
            " own_program path_in_use pid_file pid_file_locked ready_though_held ready_when_it_returns"
            " reload_loses_nobody reloads removes_pid_file reports_to_log safe_in_the_middle second_does_not_start"
            " second_is_told serves_at_path signals_reset sigterm_ends stop_loses_nobody stops storm"
            " supplementary_groups survives_hangup takes_hangup takes_over takes_over_path tells_of_stop umask_is_zero"
            " unknown_user user_ids written_as_root"
        ),
        says="a call failed",
    ),
    Wrong(
        "another user before the PID file",
        [
            (
                "    if (pid_file != NULL)\n        write_pid_file();\n",
                USER + "    if (pid_file != NULL)\n        write_pid_file();\n",
            ),
            ("    find_manager();\n" + USER, "    find_manager();\n"),
        ],
        fails=(
            "by_hand_user config_of_user group_ids no_capabilities no_way_back supplementary_groups user_ids"
            " written_as_root"
        ),
        says="the rights were given up too early",
    ),
    Wrong(
        "waits for a word of the client",
        [(SENT, "    char word[64];\n    (void)read(client, word, sizeof(word));\n" + SENT)],
        fails=(
            "by_hand_served fg_holds_nobody_up fg_leaves_sockets fg_outlives_clients fg_serves fg_version_6"
            " greets_as_configured passed_first path_in_use reload_loses_nobody serves_at_all serves_at_host"
            " serves_at_path serves_at_version_6 starts_at_once stop_loses_nobody takes_over_path"
        ),
        says="it waits for a word of the client",
    ),
    Wrong(
        "keeps every connection open",
        [("    return close(client) == 0;", "    return true;")],
        fails=(
            "by_hand_served fg_holds_nobody_up fg_outlives_clients fg_serves fg_version_6 greets_as_configured"
            " passed_first path_in_use reload_loses_nobody serves_at_all serves_at_host serves_at_path"
            " serves_at_version_6 starts_at_once takes_over_path"
        ),
        says="the connection stays open",
    ),
    Wrong(
        "the reason stays in the log",
        [('    (void)dprintf(starter, "%d%s: %s\\n", status, what, reason);\n', "")],
        fails="caller_is_told config_of_user no_config not_allowed not_root port_not_allowed unknown_user",
        says="not the daemon's own reason",
    ),
    Wrong(
        "serves one socket of those that are passed",
        [(FIRST_CLIENT, "            (void)greet(watched[1].fd);\n")],
        fails="fg_holds_nobody_up fg_outlives_clients fg_serves serves_at_all",
        says="the first socket is served and the second is not",
    ),
    Wrong(
        "no address is used twice",
        [("\n        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&", "")],
        fails="starts_at_once",
        says="TIME_WAIT",
    ),
    Wrong(
        "ready before it listens",
        [
            (STARTED, STARTED.replace("(", "(0 && ", 1)),
            (
                "    take_sockets();\n",
                STARTED + " && close(starter) == 0)\n        starter = -1;\n    take_sockets();\n",
            ),
        ],
        fails=(
            "config_of_user no_address no_config no_socket_there not_allowed not_root path_in_use port_not_allowed"
            " unknown_user"
        ),
        says="it ends as if all were well",
    ),
    Wrong(
        "takes a file of somebody's for a socket that was left",
        [
            ("lstat(address, &there) == 0 &&\n        S_ISSOCK(there.st_mode)", "((void)there, true)"),
        ],
        fails="no_socket_there",
        says="S_ISSOCK() tells the two apart",
    ),
    Wrong(
        "leaves what it has made when it fails",
        [("    clean_up();\n    (void)dprintf(starter", "    (void)dprintf(starter")],
        fails="by_hand_leaves_nothing leaves_nothing",
        says="what was made on the way stays",
    ),
    Wrong(
        "the environment is kept with d",
        [('    must(clearenv() == 0, "clearenv", NULL);\n    leave', "    leave")],
        fails="keeps_no_variable",
        says="clearenv() leaves nothing",
    ),
    Wrong(
        "a word too many is passed over",
        [(" || optind < argc", "")],
        fails="word_too_many",
        says="getopt() stops at the first word",
    ),
    Wrong(
        "a colon in front of the letters",
        [('"dl:p:u:c:h"', '":dl:p:u:c:h"')],
        fails="value_missing",
        says="tells getopt() that a value comes",
    ),
    Wrong(
        "no address is wrong usage",
        [
            (
                "    must(watched_count > 1 || address, ",
                (
                    "    if (watched_count == 1 && !address) {\n"
                    '        say(LOG_ERR, "-l", "no address");\n'
                    '        (void)dprintf(starter, "%dno address\\n", USAGE);\n'
                    "        exit(USAGE);\n    }\n"
                    "    must(watched_count > 1 || address, "
                ),
            )
        ],
        fails="no_address",
        says="nothing is wrong with the arguments",
    ),
    Wrong(
        "status 1 for what is not allowed",
        [("DENIED = 4", "DENIED = 1")],
        fails="not_allowed port_not_allowed",
        says="the LSB has for",
    ),
    Wrong(
        "status 4 for what somebody else has",
        [("(errno == EACCES ||", "(errno == EADDRINUSE || errno == EWOULDBLOCK || errno == EACCES ||")],
        fails="path_in_use second_is_told",
        says="another one than 1",
    ),
    Wrong(
        "the first address of the host alone",
        [("    for (; all != NULL &&", "    for (all->ai_next = NULL; all != NULL &&")],
        fails="serves_at_all",
        says="each of it wants a socket",
    ),
    Wrong(
        "Ctrl-C counts in the foreground alone",
        [("    (void)sigaddset(&held, SIGINT);\n", "    if (!is_daemon)\n        (void)sigaddset(&held, SIGINT);\n")],
        fails="interrupted",
        says="SIGINT is what Ctrl-C sends",
    ),
    Wrong(
        "the configuration before the user",
        [(USER, ""), (STARTED, USER + STARTED)],
        fails="config_of_user",
        says="what it cannot read again as USER",
    ),
    Wrong(
        "the PID file is for d",
        [("    if (pid_file != NULL)\n        write", "    if (pid_file != NULL && is_daemon)\n        write")],
        fails="by_hand_pid_file",
        says="-p counts in the foreground too",
    ),
    Wrong(
        "the user is for d",
        [("    if (user != NULL)\n", "    if (user != NULL && is_daemon)\n")],
        fails="by_hand_user",
        says="-u counts in the foreground too",
    ),
    Wrong(
        "the configuration is for d",
        [("    config = absolute(values['c']);\n", "    config = values['d'] ? absolute(values['c']) : NULL;\n")],
        fails="by_hand_leaves_nothing by_hand_no_config by_hand_served",
        says="all options but -d count",
    ),
    Wrong(
        "the address is for d",
        [("    address = at != NULL", "    address = !values['d'] ? NULL : at != NULL")],
        fails="by_hand_no_config by_hand_pid_file by_hand_served by_hand_user",
        says="does not start with -l",
    ),
    Wrong(
        "only a daemon cleans up",
        [("static void clean_up(void)\n{\n", "static void clean_up(void)\n{\n    if (!is_daemon)\n        return;\n")],
        fails="by_hand_served by_hand_pid_file by_hand_leaves_nothing",
        says="the path stays when it has stopped",
    ),
    Wrong(
        "ready before the configuration is read",
        [
            (
                '    tell("READY=1");\n    say(LOG_INFO, "greeting", greeting);\n    for',
                '    say(LOG_INFO, "greeting", greeting);\n    for',
            ),
            (USER, USER + '    tell("READY=1");\n'),
        ],
        fails="by_hand_leaves_nothing",
        says="READY=1 came before",
    ),
    Wrong(
        "listens at the address besides",
        [("    if (watched_count == 1)\n", "    if (address != NULL)\n")],
        fails="passed_first",
        says="-l is for where nothing is passed",
    ),
    Wrong(
        "takes away a path that it has not bound",
        [
            (
                "    listen_at(AF_UNIX, &name, sizeof(name));\n    bound_path = address;\n",
                "    bound_path = address;\n    listen_at(AF_UNIX, &name, sizeof(name));\n",
            )
        ],
        fails="path_in_use",
        says="has taken the first one's name away",
    ),
    Wrong(
        "a short queue",
        [("listen(fd, SOMAXCONN)", "listen(fd, 5)")],
        fails="reload_loses_nobody stop_loses_nobody",
        says="no room in the queue",
    ),
    Wrong(
        "waits for one more when it stops",
        [
            (
                "SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);\n    if (fd",
                "SOCK_STREAM | SOCK_CLOEXEC, 0);\n    if (fd",
            )
        ],
        fails=(
            "by_hand_pid_file by_hand_served config_closed greets_as_configured interrupted keeps_old"
            " none_slept_through reloads removes_pid_file safe_in_the_middle serves_at_all serves_at_path sigterm_ends"
            " stop_loses_nobody stops storm tells_of_stop"
        ),
        says="an accept() that waits where nobody",
    ),
    Wrong(
        "closes what was passed",
        [
            (
                "    hold_signals();\n    if (pid_file",
                (
                    "    if (!is_daemon)\n        (void)syscall(SYS_close_range, 3, ~0U, 0);\n    hold_signals();\n   "
                    " if (pid_file"
                ),
            )
        ],
        fails=(
            "fg_abstract_name fg_alone fg_close_on_exec fg_forgets_sockets fg_forgets_variable fg_holds_nobody_up"
            " fg_holds_signals_first fg_launch_directory fg_launch_files fg_launch_umask fg_leaves_sockets fg_levels"
            " fg_lives fg_never_waits fg_nobody_there fg_outlives_clients fg_own_program fg_parent_is_shell fg_ready"
            " fg_reloads fg_serves fg_shell_session fg_shell_terminal fg_stops fg_tells_on fg_version_6 fg_watchdog"
            " passed_first"
        ),
        says="descriptors from 3 on",
    ),
    Wrong(
        "a child for each client cleans up",
        [
            (
                "    (void)send(client",
                (
                    "    if (client != -1 && fork() != 0) {\n        (void)wait(NULL);\n        return close(client) =="
                    " 0;\n    }\n    (void)send(client"
                ),
            ),
            ("    return close(client) == 0;\n}", "    if (client != -1)\n        exit(0);\n    return false;\n}"),
            ('    clean_up();\n    say(LOG_INFO, "stopped"', '    say(LOG_INFO, "stopped"'),
            (
                "    hold_signals();\n    if (pid_file",
                "    (void)atexit(clean_up);\n    hold_signals();\n    if (pid_file",
            ),
        ],
        fails="greets_as_configured path_in_use reload_loses_nobody serves_at_path stays_locked",
        says="In a child, too, exit()",
    ),
    Wrong(
        "a child that serves gives the lock up",
        [
            (
                "    (void)send(client",
                (
                    "    if (client != -1 && fork() == 0) {\n        (void)flock(lock, LOCK_UN);\n        _exit(0);\n  "
                    "  }\n    (void)wait(NULL);\n    (void)send(client"
                ),
            )
        ],
        fails="stays_locked",
        says="gives it up for all",
    ),
    Wrong(
        "the list of descriptors stays open",
        [
            (
                "static void become_daemon(void)\n{\n",
                (
                    'static void look(void)\n{\n    (void)open("/proc/self/fd", O_RDONLY | O_CLOEXEC);\n}\n\n'
                    "static void become_daemon(void)\n{\n"
                ),
            ),
            ("    close_inherited();\n", "    close_inherited();\n    look();\n"),
        ],
        fails="null_device_log_file_and_sockets",
        says="left from its start",
    ),
]

RIGHT = [
    Right(
        "all who wait in one turn",
        [
            (
                FIRST_CLIENT,
                (
                    "            for (int some = 0; some < 100; some++)\n                if"
                    " (!greet(watched[i].fd))\n                    break;\n"
                ),
            )
        ],
    ),
    Right("locked with fcntl()", [(LOCKED, "fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK}) == 0")]),
    Right("slow to be ready", [(STARTED, "    (void)usleep(300000);\n" + STARTED)]),
    Right(
        "sendmsg() for send()",
        [
            (
                SENT,
                (
                    "    struct iovec part = {greeting, strlen(greeting)};\n    (void)sendmsg(client, &(struct"
                    " msghdr){.msg_iov = &part, .msg_iovlen = 1}, MSG_DONTWAIT | MSG_NOSIGNAL);\n"
                ),
            )
        ],
        headers="sys/uio.h",
    ),
    Right("shutdown() before close()", [(SENT, SENT + "    (void)shutdown(client, SHUT_RDWR);\n")]),
    Right(
        "ppoll() for poll()",
        [("(void)poll(watched, watched_count, -1);", "(void)ppoll(watched, watched_count, NULL, NULL);")],
    ),
    Right(
        "closes by number up to the soft limit and then what is listed",
        [
            (
                "    struct dirent **list",
                (
                    "    for (int fd = 3; fd < 256; fd++)\n        if (fd != starter)\n            (void)close(fd);\n  "
                    "  struct dirent **list"
                ),
            )
        ],
    ),
    Right(
        "SIGPIPE and SIGCHLD ignored",
        [
            (
                "    (void)signal(SIGHUP, SIG_DFL);",
                (
                    "    (void)signal(SIGPIPE, SIG_IGN);\n    (void)signal(SIGCHLD, SIG_IGN);\n    (void)signal(SIGHUP,"
                    " SIG_DFL);"
                ),
            )
        ],
    ),
    Right(
        "a child for each client, and SIGCHLD taken",
        [
            (
                "    (void)sigaddset(&held, SIGINT);\n",
                "    (void)sigaddset(&held, SIGINT);\n    (void)sigaddset(&held, SIGCHLD);\n",
            ),
            (
                "    (void)send(client",
                "    if (client != -1 && fork() != 0)\n        return close(client) == 0;\n    (void)send(client",
            ),
            ("    return close(client) == 0;\n}", "    if (client != -1)\n        _exit(0);\n    return false;\n}"),
            (
                "        taken == SIGHUP ? reload()",
                (
                    "        if (taken == SIGCHLD)\n            while (waitpid(-1, NULL, WNOHANG) > 0)\n               "
                    " continue;\n        else\n            taken == SIGHUP ? reload()"
                ),
            ),
        ],
    ),
    Right(
        "a descriptor in reserve, a socket to wake it, a watch on its configuration, and a lock beside the path",
        [
            (
                "    find_manager();\n    if (user",
                (
                    '    static int pair[2];\n    (void)open("/dev/null", O_RDONLY | O_CLOEXEC);\n'
                    "    (void)!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);\n"
                    "    (void)inotify_init1(IN_CLOEXEC);\n"
                    "    static char beside[PATH_MAX];\n"
                    "    if (bound_path) {\n"
                    '        (void)snprintf(beside, sizeof(beside), "%s.lock", bound_path);\n'
                    "        (void)flock(open(beside, O_RDWR | O_CREAT | O_CLOEXEC, 0600), LOCK_EX);\n"
                    "    }\n"
                    "    find_manager();\n    if (user"
                ),
            ),
        ],
        headers="sys/inotify.h limits.h",
    ),
    Right(
        "a thread takes the signals",
        [
            (
                "    watched[0].fd = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);\n",
                (
                    '    taken_by_thread = held;\n    must(pipe2(from_thread, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2",'
                    " NULL);\n    watched[0].fd = from_thread[0];\n"
                ),
            ),
            (
                "static int next_signal(void)\n{\n    struct signalfd_siginfo signal;\n",
                "static int next_signal(void)\n{\n    int signal;\n",
            ),
            ("    return (int)signal.ssi_signo;\n", "    return signal;\n"),
            (
                "static void hold_signals(void)\n{\n",
                (
                    "static sigset_t taken_by_thread;\nstatic int from_thread[2];\n\nstatic void *take(void"
                    " *nothing)\n{\n    for (;;) {\n        int number = sigwaitinfo(&taken_by_thread, NULL);\n       "
                    " if (number > 0)\n            (void)!write(from_thread[1], &number, sizeof(number));\n    }\n   "
                    " return nothing;\n}\n\nstatic void hold_signals(void)\n{\n"
                ),
            ),
            (
                '    tell("READY=1");\n    say(LOG_INFO, "greeting", greeting);\n    for',
                (
                    "    pthread_t thread;\n    sigset_t all;\n    (void)pthread_create(&thread, NULL, take, NULL);\n  "
                    "  (void)sigfillset(&all);\n    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);\n   "
                    ' tell("READY=1");\n    say(LOG_INFO, "greeting", greeting);\n    for'
                ),
            ),
        ],
        headers="pthread.h",
    ),
    Right(
        "the first thread ends",
        [
            (
                MAIN,
                "static void *serve(void *nothing)\n{\n"
                "    for (int taken; (taken = next_signal()) != SIGTERM && taken != SIGINT;)\n"
                '        taken == SIGHUP ? reload() : tell("WATCHDOG=1");\n    stop();\n    return nothing;\n}\n\n'
                + MAIN,
            ),
            (
                (
                    "    for (int taken; (taken = next_signal()) != SIGTERM && taken != SIGINT;)\n"
                    '        taken == SIGHUP ? reload() : tell("WATCHDOG=1");\n    stop();\n}'
                ),
                (
                    "    pthread_t thread;\n    (void)pthread_create(&thread, NULL, serve, NULL);\n   "
                    " pthread_exit(NULL);\n}"
                ),
            ),
        ],
        headers="pthread.h",
    ),
]

CARELESS = [
    Careless(
        "no call is looked at that makes a daemon of it",
        [
            ('must(setsid() != -1, "setsid", NULL);', "(void)setsid();"),
            ('must(chdir("/") == 0, "chdir /", NULL);', '(void)!chdir("/");'),
            (
                (
                    '    must(in == 0 && dup(in) == 1 && dup(in) == 2, "/dev/null",\n         in == -1 ? NULL : "not at'
                    ' 0, 1, 2: something else is open there");\n'
                ),
                "    (void)(dup(in) + dup(in));\n",
            ),
            ("    say(LOG_ERR, what, reason);\n", "    if (!is_daemon)\n        say(LOG_ERR, what, reason);\n"),
            ('    must(child != -1, "fork", NULL);\n', ""),
            ('must(pipe2(ends, O_CLOEXEC) == 0, "pipe2", NULL);', "(void)!pipe2(ends, O_CLOEXEC);"),
            ("F_DUPFD_CLOEXEC, 3", "F_DUPFD_CLOEXEC, 0"),
            ("        if (atoi(list[count]->d_name) != starter)\n    ", ""),
            ("    struct dirent **list", "    if (!isatty(1))\n        return;\n    struct dirent **list"),
            (
                "    hold_signals();\n",
                '    must(!is_daemon || !access("/dev/log", F_OK), "log", NULL);\n    hold_signals();\n',
            ),
        ],
        misses=(
            "setsid_fails chdir_fails logs_failures names_wrong_numbers null_missing write_fails"
            " fork_fails pipe_fails ready_with_none_open ready_without_close_range reader_is_let_go nobody_listens"
        ),
        needs_log=True,
    ),
    Careless(
        "no call is looked at that comes later",
        [
            (
                "== 0 && setgid(who->pw_gid) == 0 &&\n             setuid(who->pw_uid) == 0,\n",
                "== 0 && (setgid(who->pw_gid) + setuid(who->pw_uid) || true),\n",
            ),
            ('    must(setuid(0) == -1, "-u", "there is a way back to root");\n', ""),
            ("say(LOG_ERR, config, wrong)", 'say(LOG_ERR, config, "not good")'),
            ("        say(LOG_WARNING, pid_file, strerror(errno));\n", "        (void)0;\n"),
            ("        say(LOG_WARNING, bound_path, strerror(errno));\n", "        (void)0;\n"),
            (
                '            say(LOG_WARNING, "NOTIFY_SOCKET", strerror(errno));\n    }',
                "            manager = -1;\n    }",
            ),
            ("if (period != NULL && (pid == NULL || number(pid) == getpid()))", "if (period != NULL)"),
            ('    say(LOG_INFO, "stopped"', '    if (is_daemon)\n        say(LOG_INFO, "stopped"'),
            ("    (void)sigaddset(&held, SIGINT);\n", "    if (is_daemon)\n        (void)sigaddset(&held, SIGINT);\n"),
            ("fd < end;", "fd < end && fd < 5;"),
            (
                "    if (client == -1 && errno != EAGAIN && errno != ECONNABORTED)\n",
                (
                    '    must(client != -1 || errno == EAGAIN, "accept4", NULL);\n    if (client == -1 && errno !='
                    " EAGAIN)\n"
                ),
            ),
            (
                "        char name[32];\n",
                "        char name[32];\n        if (fcntl(fd, F_GETFD) == -1)\n            continue;\n",
            ),
            ('"LISTEN_FDS", count);', '"LISTEN_FDS", "no number");'),
            ("must(listens, name,", 'must(listens, "LISTEN_FDS",'),
            ("char host[256], port[32];", 'char host[256], port[32] = "";'),
            ("sscanf(address, form, host, port) == 2", "sscanf(address, form, host, port) >= 1"),
            ("    must(error == 0, address, gai_strerror(error));\n", "    all = error == 0 ? all : NULL;\n"),
            ("    must(watched_count > 1, address, NULL);\n", ""),
            (
                (
                    'must(strlen(address) < sizeof(name.sun_path), address, "too long");\n'
                    "    memcpy(name.sun_path, address, strlen(address));"
                ),
                "memccpy(name.sun_path, address, 0, sizeof(name.sun_path) - 1);",
            ),
        ],
        misses=(
            "port_unknown not_our_address setgid_fails setuid_fails root_named tells_reason unremovable_file"
            " fg_no_name fg_says_why_not fg_not_watched fg_logs_both fg_interrupted fg_many_sockets"
            " fg_fewer_passed fg_names_number fg_names_descriptor fg_accept_fails no_port path_too_long"
        ),
    ),
    Careless(
        "forgets what was passed alone, and complains of being alone",
        [
            (
                '    must(clearenv() == 0, "clearenv", NULL);\n}',
                (
                    '    for (const char *const *name = (const char *const[]){"NOTIFY_SOCKET", "LISTEN_PID",'
                    ' "LISTEN_FDS",\n         "LISTEN_FDNAMES", NULL}; *name; name++)\n        (void)unsetenv(*name);\n'
                    '    if (path == NULL)\n        say(LOG_WARNING, "nobody to tell", "");\n}'
                ),
            ),
        ],
        misses="fg_forgets_watchdog fg_alone_in_peace",
    ),
    Careless(
        "initgroups() is not looked at",
        [
            (
                "initgroups(user, who->pw_gid) == 0 && setgid(who->pw_gid) == 0 &&",
                "(initgroups(user, who->pw_gid) | 1) && (setgid(who->pw_gid) == 0 || (errno = EPERM, 0)) &&",
            ),
            (
                'must(setuid(0) == -1, "-u", "there is a way back to root");',
                'must((errno = EPERM, setuid(0)) == -1, "-u", NULL);',
            ),
        ],
        misses="setgroups_fails",
    ),
    Careless(
        "a port is what getaddrinfo() takes, and the time what TZ says",
        [
            (" && number(port) <= 65535", ""),
            (
                '    must(clearenv() == 0, "clearenv", NULL);\n    leave',
                '    (void)(unsetenv("NOTIFY_SOCKET") + unsetenv("WATCHDOG_USEC"));\n    leave',
            ),
            ('    must(clearenv() == 0, "clearenv", NULL);\n}', "    (void)(is_daemon ? 0 : clearenv());\n}"),
        ],
        misses="port_too_high environment_cleared",
        glibc=True,  # musl's getaddrinfo() takes no such port, and its syslog() has no time zone
    ),
]
