/* Written by `tests/run protocol` from sandbox/protocol.py, scene.py and
   faults.py: make a change there. What the words mean is said there, too. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

/* clang-format off */

/* What the words of a program have in the place of what only the launcher knows. */
#define WORKING_DIRECTORY "$PWD"
#define TERMINAL "$TTY"

/* The words of the options, and their numbers. */
enum { STDIO_TERMINAL, STDIO_CLOSED, STDIO_PIPE, STDIO_UNREAD };
#define STDIO_WORDS "terminal closed pipe unread"
enum { DEVICE_NULL, DEVICE_LOG };
#define DEVICE_WORDS "null log"
enum { SIGNALS_USUAL, SIGNALS_HELD, SIGNALS_PENDING };
#define SIGNALS_WORDS "usual held pending"
enum { PARENT_SHELL, PARENT_INIT, PARENT_SUBREAPER };
#define PARENT_WORDS "shell init subreaper"
enum { MANAGER_NONE, MANAGER_PATH, MANAGER_ABSTRACT, MANAGER_FULL, MANAGER_MISSING };
#define MANAGER_WORDS "none path abstract full missing"
enum { LISTEN_UNIX, LISTEN_TCP4, LISTEN_TCP6, LISTEN_NONBLOCK, LISTEN_FILE, LISTEN_CONNECTED };
#define LISTEN_WORDS "unix tcp4 tcp6 nonblock file connected"
enum { KIND_JOB, KIND_SHELL, KIND_TOOL };
#define KIND_WORDS "job shell tool"

/* OPTION(type, key, words): the types are those of request.h. */
#define OPTIONS(OPTION) \
    OPTION(choice, stdio, STDIO_WORDS) \
    OPTION(text, fault, "") \
    OPTION(choices, without, DEVICE_WORDS) \
    OPTION(flag, leads, "") \
    OPTION(list, environment, "") \
    OPTION(choice, signals, SIGNALS_WORDS) \
    OPTION(choice, parent, PARENT_WORDS) \
    OPTION(number, more_open, "") \
    OPTION(flag, long_pids, "") \
    OPTION(choice, notify, MANAGER_WORDS) \
    OPTION(choices, listen, LISTEN_WORDS) \
    OPTION(list, taken, "") \
    OPTION(choice, kind, KIND_WORDS) \
    OPTION(flag, sandbox, "") \
    OPTION(flag, network, "") \
    OPTION(flag, nested, "") \
    OPTION(text, tmp, "") \
    OPTION(list, shown, "") \
    OPTION(list, hidden, "") \
    OPTION(number, first_uid, "") \
    OPTION(number, first_gid, "") \
    OPTION(number, id_count, "") \
    OPTION(number, processes, "") \
    OPTION(list, group, "") \
    OPTION(list, limit, "") \
    OPTION(text, watched, "") \
    OPTION(number, high, "") \
    OPTION(files, file, "")

/* What happens instead of a call, where it is no errno. */
enum { FAULT_NOTHING = 0, FAULT_KILLED = -1, FAULT_HELD = -2 };
enum { MAX_FAULT_CALLS = 6 };

/* FAULT(name, what happens instead, how many calls, the calls); of each call the
   first argument that counts. */
#define FAULTS(FAULT) \
    FAULT("fork-EAGAIN", EAGAIN, 4, {SYS_clone, ANY_ARGUMENT}, {SYS_clone3, ANY_ARGUMENT}, {SYS_fork, ANY_ARGUMENT}, {SYS_vfork, ANY_ARGUMENT}) \
    FAULT("pipe-EMFILE", EMFILE, 3, {SYS_pipe, ANY_ARGUMENT}, {SYS_pipe2, ANY_ARGUMENT}, {SYS_socketpair, ANY_ARGUMENT}) \
    FAULT("setsid-EPERM", EPERM, 1, {SYS_setsid, ANY_ARGUMENT}) \
    FAULT("setgroups-EPERM", EPERM, 1, {SYS_setgroups, ANY_ARGUMENT}) \
    FAULT("setgid-EPERM", EPERM, 3, {SYS_setgid, ANY_ARGUMENT}, {SYS_setresgid, ANY_ARGUMENT}, {SYS_setregid, ANY_ARGUMENT}) \
    FAULT("setuid-EAGAIN", EAGAIN, 3, {SYS_setuid, ANY_ARGUMENT}, {SYS_setresuid, ANY_ARGUMENT}, {SYS_setreuid, ANY_ARGUMENT}) \
    FAULT("chdir-EACCES", EACCES, 2, {SYS_chdir, ANY_ARGUMENT}, {SYS_fchdir, ANY_ARGUMENT}) \
    FAULT("close_range-ENOSYS", ENOSYS, 1, {SYS_close_range, ANY_ARGUMENT}) \
    FAULT("close_range-EPERM", EPERM, 1, {SYS_close_range, ANY_ARGUMENT}) \
    FAULT("write-ENOSPC", ENOSPC, 3, {SYS_write, ANY_ARGUMENT}, {SYS_writev, ANY_ARGUMENT}, {SYS_pwrite64, ANY_ARGUMENT}) \
    FAULT("setsid-killed", FAULT_KILLED, 1, {SYS_setsid, ANY_ARGUMENT}) \
    FAULT("chdir-killed", FAULT_KILLED, 2, {SYS_chdir, ANY_ARGUMENT}, {SYS_fchdir, ANY_ARGUMENT}) \
    FAULT("child-held", FAULT_HELD, 3, {SYS_setsid, ANY_ARGUMENT}, {SYS_rt_sigaction, SIGHUP}, {SYS_rt_sigprocmask, SIG_BLOCK}) \
    FAULT("chdir-held", FAULT_HELD, 2, {SYS_chdir, ANY_ARGUMENT}, {SYS_fchdir, ANY_ARGUMENT}) \
    FAULT("chdir-slow", FAULT_HELD, 2, {SYS_chdir, ANY_ARGUMENT}, {SYS_fchdir, ANY_ARGUMENT}) \
    FAULT("chdir-outlived", FAULT_HELD, 2, {SYS_chdir, ANY_ARGUMENT}, {SYS_fchdir, ANY_ARGUMENT}) \
    FAULT("chdir-orphaned", FAULT_HELD, 2, {SYS_chdir, ANY_ARGUMENT}, {SYS_fchdir, ANY_ARGUMENT}) \
    FAULT("fork-second", FAULT_HELD, 4, {SYS_clone, ANY_ARGUMENT}, {SYS_clone3, ANY_ARGUMENT}, {SYS_fork, ANY_ARGUMENT}, {SYS_vfork, ANY_ARGUMENT}) \
    FAULT("accept-held", FAULT_HELD, 2, {SYS_accept, ANY_ARGUMENT}, {SYS_accept4, ANY_ARGUMENT}) \
    FAULT("accept-once", FAULT_HELD, 2, {SYS_accept, ANY_ARGUMENT}, {SYS_accept4, ANY_ARGUMENT}) \
    FAULT("signals-held", FAULT_HELD, 5, {SYS_rt_sigaction, SIGTERM}, {SYS_rt_sigprocmask, SIG_BLOCK}, {SYS_rt_sigprocmask, SIG_SETMASK}, {SYS_signalfd, ANY_ARGUMENT}, {SYS_signalfd4, ANY_ARGUMENT}) \
    FAULT("lock-in-vain", FAULT_HELD, 2, {SYS_flock, ANY_ARGUMENT}, {SYS_fcntl, ANY_ARGUMENT}) \
    FAULT("removal-held", FAULT_HELD, 5, {SYS_unlink, ANY_ARGUMENT}, {SYS_unlinkat, ANY_ARGUMENT}, {SYS_rename, ANY_ARGUMENT}, {SYS_renameat, ANY_ARGUMENT}, {SYS_renameat2, ANY_ARGUMENT}) \
    FAULT("telling-held", FAULT_HELD, 6, {SYS_sendto, ANY_ARGUMENT}, {SYS_sendmsg, ANY_ARGUMENT}, {SYS_sendmmsg, ANY_ARGUMENT}, {SYS_write, ANY_ARGUMENT}, {SYS_writev, ANY_ARGUMENT}, {SYS_socketcall, ANY_ARGUMENT}) \
    FAULT("close-ignored", FAULT_NOTHING, 2, {SYS_close, ANY_ARGUMENT}, {SYS_close_range, ANY_ARGUMENT})

/* ORDER(word, form, arguments of the function order_word()). Each letter of the
   form is a word: a number, a text, or a list of all numbers that are left. */
#define ORDERS(ORDER) \
    ORDER(terminal, "n", (request, words->number[0])) \
    ORDER(timers, "nl", (request, words->number[0], &words->list)) \
    ORDER(root, "n", (request, words->number[0])) \
    ORDER(again, "n", (request, words->number[0])) \
    ORDER(raise, "nn", (request, words->number[0], words->number[1])) \
    ORDER(replace, "tt", (request, words->text[0], words->text[1])) \
    ORDER(connect, "t", (request, words->text[0])) \
    ORDER(crowd, "tn", (request, words->text[0], words->number[0])) \
    ORDER(vanish, "tn", (request, words->text[0], words->number[0]))
/* clang-format on */

#endif
