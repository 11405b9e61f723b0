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
    "    for (int i = 1, rest = LAST_CLIENTS; i < (int)watched_count; i++)\n"
    "        while (rest-- > 0 && greet(watched[i].fd))\n"
    "            continue; /* who has connected by now is served, not for ever */\n"
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
        fails="leaves_nothing serves_at_path",
        says="stays until unlink()",
    ),
    Wrong(
        "a path that was left is not taken over",
        [(TAKEN_OVER, "    (void)there;\n")],
        fails="one_of_many takes_over_path",
        says="what the killed one has left keeps all from starting",
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
            "fg_holds_nobody_up fg_outlives_clients fg_serves fg_version_6 greets_as_configured path_in_use"
            " reload_loses_nobody serves_at_host serves_at_path serves_at_version_6 starts_at_once stop_loses_nobody"
            " takes_over_path"
        ),
        says="what they get is no line",
    ),
    Wrong(
        "status 1 for everything",
        [("DENIED = 4, NO_CONFIG = 6", "DENIED = 1, NO_CONFIG = 1")],
        fails="no_config not_allowed",
        says="the LSB has for a service that is not configured",
    ),
    Wrong(
        "status 1 for wrong usage",
        [("USAGE = 2", "USAGE = 1")],
        fails="misused",
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
            "config_closed gets_no_terminal greets_as_configured group_ids in_root_directory is_adopted"
            " keeps_no_variable keeps_old leads_nothing no_capabilities no_config no_terminal no_way_back"
            " none_slept_through not_allowed not_root null_device_log_file_and_sockets one_lives_on one_of_many"
            " own_program path_in_use pid_file pid_file_locked ready_though_held ready_when_it_returns"
            " reload_loses_nobody reloads removes_pid_file reports_to_log safe_in_the_middle"
            " second_does_not_start second_is_told serves_at_path signals_reset sigterm_ends stop_loses_nobody"
            " stops storm supplementary_groups survives_hangup takes_hangup takes_over takes_over_path"
            " tells_of_stop umask_is_zero unknown_user user_ids written_as_root"
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
        fails="group_ids no_capabilities no_way_back supplementary_groups user_ids written_as_root",
        says="the rights were given up too early",
    ),
    Wrong(
        "waits for a word of the client",
        [(SENT, "    char word[64];\n    (void)read(client, word, sizeof(word));\n" + SENT)],
        fails=(
            "fg_holds_nobody_up fg_outlives_clients fg_serves fg_version_6 greets_as_configured path_in_use"
            " reload_loses_nobody serves_at_host serves_at_path serves_at_version_6 starts_at_once stop_loses_nobody"
            " takes_over_path"
        ),
        says="it waits for a word of the client",
    ),
    Wrong(
        "keeps every connection open",
        [("    return close(client) == 0;", "    return true;")],
        fails=(
            "fg_holds_nobody_up fg_outlives_clients fg_serves fg_version_6 greets_as_configured path_in_use"
            " reload_loses_nobody serves_at_host serves_at_path serves_at_version_6 starts_at_once takes_over_path"
        ),
        says="the connection stays open",
    ),
    Wrong(
        "the reason stays in the log",
        [('    (void)dprintf(starter, "%d%s: %s\\n", status, what, reason);\n', "")],
        fails="caller_is_told no_config not_allowed not_root unknown_user",
        says="not the daemon's own reason",
    ),
    Wrong(
        "serves one socket of those that are passed",
        [(FIRST_CLIENT, "            (void)greet(watched[1].fd);\n")],
        fails="fg_holds_nobody_up fg_outlives_clients fg_serves",
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
        fails="no_config no_socket_there not_allowed not_root path_in_use unknown_user",
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
        fails="leaves_nothing",
        says="what was made on the way stays",
    ),
    Wrong(
        "the environment is kept with d",
        [('    must(clearenv() == 0, "clearenv", NULL);\n    leave', "    leave")],
        fails="keeps_no_variable",
        says="clearenv() leaves nothing",
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
]

CARELESS = [
    Careless(
        "no call is looked at that makes a daemon of it",
        [
            ('must(setsid() != -1, "setsid", NULL);', "(void)setsid();"),
            ('must(chdir("/") == 0, "chdir /", NULL);', '(void)!chdir("/");'),
            (
                'must(in == 0 && dup(in) == 1 && dup(in) == 2, "0 to 2 on /dev/null", NULL);',
                "(void)(dup(in) + dup(in));",
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
            ("    (void)sigaddset(&held, SIGINT);\n", ""),
            ("fd < end;", "fd < end && fd < 5;"),
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
            " fg_fewer_passed fg_names_number fg_names_descriptor no_port path_too_long"
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
