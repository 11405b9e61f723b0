"""The demonstrations of the first part: 00 to 07."""

from __future__ import annotations

import re

from lab.demo.acts import Demo, Seen, Told


def _background(seen: Seen) -> Told:
    by_key, by_window = (text.strip() for text in seen.printed if text.strip().isdecimal())
    words = f"Ctrl-C {_ended(by_key)}. The closed window {_ended(by_window)}."
    return Told(by_key == "0" or by_window == "0", f"{words} {_why(by_key == by_window == '0')}")


def _ended(count: str) -> str:
    return "ended the program" if count == "0" else "did not end the program"


def _why(both: bool) -> str:
    if not both:
        return "So it does not hang on the terminal in the usual way."
    return "The terminal sends a signal each time, SIGINT and SIGHUP, and an ordinary program does not survive them."


BACKGROUND = Demo(
    step="background",
    begins="script(1) opens a terminal window and runs the program in it. First somebody presses Ctrl-C there. Then "
    "the program is started again, and the window is closed. pgrep counts the processes that are left each time.",
    commands=(
        "(soon pgrep -x {comm}; printf '\\003') | timeout 3 script -qc {program} /dev/null >/dev/null",
        "pgrep -c -x {comm}",
        " pkill -KILL -x {comm}; gone {comm}",
        "script -qc {program} /dev/null >/dev/null </dev/null & soon pgrep -x {comm}",
        " { kill -KILL $!; wait $!; } 2>/dev/null; gone {comm}",
        "pgrep -c -x {comm}    # after the window has been closed",
    ),
    tell=_background,
)


def _umask(seen: Seen) -> Told:
    match = re.search(r"Umask:\s*([0-7]+)", seen.everything)
    if match is None:
        return Told(True, "There is no process of the program, so it has no umask.")
    mask = int(match[1], 8)
    gets = f"A file that it makes with mode 0666 gets {0o666 & ~mask:04o}"
    if mask:
        return Told(True, f"The umask is {mask:04o}, as its caller had it. {gets}, and its author never chose that.")
    return Told(False, f"The umask is {mask:04o}, although its caller had 0077. {gets}, as its author asks for it.")


UMASK = Demo(
    step="umask",
    begins="The program is started by somebody whose umask is 0077. Watch which umask the program has.",
    commands=("(umask 077; exec {program}) & rest {comm}", "grep Umask /proc/$(pgrep -x {comm})/status"),
    tell=_umask,
)


def _fork(seen: Seen) -> Told:
    if "status 124" in seen.everything:
        return Told(True, "The caller had to wait, and after two seconds timeout(1) ended the program (status 124).")
    if seen.last != "1":
        return Told(True, f"The caller can go on, but {seen.last} processes of the program are left.")
    return Told(False, "The caller can go on at once, and a process of the program stays alive.")


FORK = Demo(
    step="fork",
    begins="A script starts the program, and wants to go on. timeout(1) gives it two seconds.",
    commands=('timeout 2 {program}; echo "status $?"', " rest {comm}", "pgrep -c -x {comm}"),
    tell=_fork,
)


def _setsid(seen: Seen) -> Told:
    if seen.last == "0":
        return Told(
            True,
            "The daemon is gone. Ctrl-C sends SIGINT to the whole process group in the foreground of the terminal, and "
            "the daemon is still in that group.",
        )
    return Told(
        False, "The daemon is still running. It is in a session of its own, and no key of that terminal reaches it."
    )


SETSID = Demo(
    step="setsid",
    begins="In a terminal window a shell starts the program, and goes on to something else. Then somebody presses "
    "Ctrl-C. Watch whether the daemon stays alive.",
    commands=(
        "(soon pgrep -x sleep; rest {comm}; printf '\\003') | script -qc 'sh -c \"{program}; sleep 60\"' /dev/null",
        " rest {comm}",
        "pgrep -c -x {comm}",
    ),
    tell=_setsid,
)


def _chdir(seen: Seen) -> Told:
    if "busy" in seen.everything:
        return Told(
            True,
            "The disk cannot be unmounted: it is busy, because the daemon's working directory is there. It stays so as "
            "long as the daemon lives.",
        )
    if "unmounted" in seen.everything:
        return Told(False, "The disk can be unmounted. The daemon does not stand in anybody's way.")
    return Told(True, "The disk was not unmounted, for another reason.")


CHDIR = Demo(
    step="chdir",
    begins="The program is started from a directory of another disk. Then that disk is to be unmounted.",
    commands=(
        " mkdir disk; export -f soon rest gone",
        "unshare -Urm bash -c 'mount -t tmpfs disk disk; cd disk; .{program}; rest {comm}; cd ..; "
        "umount disk && echo unmounted'",
    ),
    tell=_chdir,
)


def _close_fds(seen: Seen) -> Told:
    if "status 124" in seen.everything:
        return Told(
            True,
            "cat waited in vain for the end of file, and timeout(1) ended it (status 124). The daemon inherited the "
            "pipe, and holds it open.",
        )
    return Told(False, "cat got the end of file at once. Nobody but the first process had the pipe open.")


CLOSE_FDS = Demo(
    step="close_fds",
    begins="The output of the program goes to a pipe. Its reader waits for the end of file, which comes when the last "
    "process has closed the pipe.",
    commands=('{program} | timeout 2 cat; echo "status ${PIPESTATUS[1]}"',),
    tell=_close_fds,
)


def _dev_null(seen: Seen) -> Told:
    if "backup" in seen.last:
        return Told(
            True,
            "The message stands among the accounts. Descriptors 0, 1 and 2 were closed, so the data file was opened as "
            "descriptor 2, and perror() writes to 2.",
        )
    if "alice" in seen.last:
        return Told(False, "The file holds the accounts, and nothing else. The message went to the null device.")
    return Told(True, "The file does not hold the accounts.")


DEV_NULL = Demo(
    step="dev_null",
    begins="The daemon gets something to do: it opens two files, then a file with accounts, and writes to it. In "
    "between, a library function reports an error with perror(). Watch what the file with the accounts holds.",
    adds="""\
(void)open("/dev/zero", O_RDONLY);
(void)open("/dev/zero", O_RDONLY);
int accounts = open("/home/lab/accounts", O_WRONLY | O_CREAT, 0644);
(void)write(accounts, "alice 100\\n", 10);
perror("cannot reach the backup");
(void)write(accounts, "bob 200\\n", 8);""",
    includes=("fcntl.h", "stdio.h", "unistd.h"),
    commands=("{program}", " rest {comm}", "cat accounts"),
    tell=_dev_null,
)


def _syslog(seen: Seen) -> Told:
    if not seen.logged:
        return Told(True, "Nothing is in the log. The daemon has no terminal any more, so nobody learns what it does.")
    return Told(False, "The log has a message of the daemon's, with its name, its PID and the level.")


SYSLOG = Demo(
    step="syslog",
    begins="The program is started. Whoever looks after this machine reads its log.",
    shows_log=True,
    commands=("{program}", " rest {comm}", "pgrep -c -x {comm}"),
    tell=_syslog,
)

DEMOS = (BACKGROUND, UMASK, FORK, SETSID, CHDIR, CLOSE_FDS, DEV_NULL, SYSLOG)
