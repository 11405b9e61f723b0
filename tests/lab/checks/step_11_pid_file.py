"""Step 11: a locked PID file, and so one instance at a time."""

from lab.checks.model import LOG_TO_JUDGE, Check, fails_cleanly, fate, says_why
from lab.checks.step_07_syslog import null_device_and
from lab.scene import PID_FILE, Scene

ARGUMENTS = ("-p", PID_FILE)  # relative: to the directory that it is launched in

AT_ONCE = 50
ONCE_MORE = Scene(then=("again 1",))
STALE = b"         1\n"  # init's PID, which always lives; longer than what is to be written


def content(file):
    """What a PID file holds, in words."""
    if file is None:
        return f"there is no {PID_FILE}"
    return f'{PID_FILE} holds "{file.text[:60]}"'.replace("\n", "\\n") + f", mode {file.mode:04o}"


def holds_pid(file, pid):
    return file is not None and file.text == f"{pid}\n"


def number_in(file):
    """The number that a PID file holds, None if it holds anything else."""
    return int(file.text) if file.text.strip().isdecimal() else None


def is_open(o):
    """Whether the daemon has FILE open."""
    return any(d.identity == o.pid_file.identity for d in o.process.descriptors.values())


def left(o):
    """Who lives on after what was done, in words."""
    return " and ".join(map(str, o.left)) + " live on" if len(o.left) > 1 else f"{(*o.left, 'nobody')[0]} lives on"


CHECKS = [
    null_device_and(
        "null_device_log_and_file",
        "0, 1 and 2 are the null device; beside them at most a socket to the log, and FILE",
        "at most one socket to /dev/log and the PID file",
        replaces=("null_device_and_log",),
    ),
    Check(
        key="pid_file",
        says="-p FILE: FILE holds its PID and a newline, mode 0644",
        read="getpid(2), open(2), umask(2)",
        holds=lambda o: holds_pid(o.pid_file, o.process.pid) and o.pid_file.mode == 0o644,
        expected=lambda o: f'launched with -p {PID_FILE}: it holds "{o.process.pid}\\n", mode 0644',
        observed=lambda o: content(o.pid_file),
        causes=(
            (
                lambda o: o.pid_file is None,
                "-p is not looked at, or the file was made elsewhere: a name that does not start with / is meant from "
                "the directory of the launch, which the daemon has left; or it was removed again",
            ),
            (
                lambda o: o.pid_file.text == "",
                "the file was made, but nothing is in it: what is written with stdio stays in a buffer until fflush() "
                "or fclose()",
            ),
            (
                lambda o: number_in(o.pid_file) == o.job,
                "the PID in it is that of the process that was launched, which has ended: it has to be written after "
                "the last fork, by the daemon",
            ),
            (
                lambda o: holds_pid(o.pid_file, o.process.pid),
                "the mode is not 0644: the file gets the mode that open() is given (octal: 0644, not 644) less the "
                "umask of that moment, and from fopen() 0666",
            ),
            (
                lambda o: number_in(o.pid_file) == o.process.pid,
                "the PID is right, but what is around it is not: a PID file holds its digits and one newline",
            ),
            (
                lambda o: number_in(o.pid_file) is not None,
                "the PID in it is not the daemon's, but that of a process that has ended: it has to be written after "
                "the last fork",
            ),
            (True, "a PID file holds the digits of the PID and one newline, and nothing else"),
        ),
    ),
    Check(
        key="pid_file_locked",
        says="FILE is locked while it lives",
        read="flock(2), fcntl(2)",
        follows=("pid_file",),
        holds=lambda o: o.pid_file is not None and o.pid_file.locked,
        expected=lambda o: "neither flock() nor fcntl(F_SETLK) on it succeeds for others",
        observed=lambda o: "anybody can lock it" if o.pid_file else "there is no file",
        causes=(
            (
                lambda o: o.pid_file is not None and not is_open(o),
                "the file is not open in the daemon: it was closed, on purpose or with all others (step 05), or opened "
                "in another process. With its last descriptor the lock goes",
            ),
            (
                True,
                "the file is open, but it was not locked (O_EXCL is no lock, nor is a look at the PID in it), or the "
                "lock is gone: one of flock() goes by LOCK_UN in any process that shares it; one of fcntl() goes when "
                "any descriptor of the file is closed, and fork() does not pass it on",
            ),
        ),
    ),
    Check(
        key="second_does_not_start",
        says="a second one does not start, and leaves FILE alone",
        read="flock(2), open(2)",
        on_process=False,
        follows=("one_lives_on", "pid_file", "pid_file_locked"),
        scene=ONCE_MORE,
        holds=lambda o: o.process is not None and o.left == (o.process.pid,) and o.pid_file_after == o.pid_file,
        expected=lambda o: f"launched once more: the first lives on, and {PID_FILE} is as before",
        observed=lambda o: f"after it {left(o)}; {content(o.pid_file_after)}",
        causes=(
            (lambda o: o.process is None, "the first did not live on"),
            (
                lambda o: o.process.pid not in o.left,
                "the first is gone: the second one ended it, or took something away from it. A daemon that runs is to "
                "be left alone",
            ),
            (
                lambda o: o.pid_file_after is None,
                "the second one removed the file: whoever does not have the lock leaves it alone",
            ),
            (
                lambda o: len(o.left) > 1 and o.pid_file_after.identity != o.pid_file.identity,
                "both live, and each has a file of its own: the second one removed the first one's, or put another in "
                "its place (rename()). A lock is on a file, not on a name",
            ),
            (
                lambda o: len(o.left) > 1 and o.pid_file_after.text != o.pid_file.text,
                "both live, and the second has written: whether it got the lock is not looked at, or a lock is shared "
                "(LOCK_SH, F_RDLCK), which many may have at once",
            ),
            (
                lambda o: len(o.left) > 1,
                "both live: without the lock the second one waits for it (LOCK_NB is missing, or it is F_SETLKW and "
                "not F_SETLK), or goes on without it. It has to end",
            ),
            (
                True,
                "the file was changed by one that has no right to it: lock it first, then truncate and write. O_TRUNC "
                "and fopen() with w empty it before there is a lock",
            ),
        ),
    ),
    Check(
        key="takes_over",
        says="takes over a FILE that a dead one has left, whatever PID is in it",
        read="flock(2), ftruncate(2)",
        on_process=False,
        follows=("one_lives_on", "pid_file"),
        scene=Scene(files=((PID_FILE, STALE),)),
        holds=lambda o: o.process is not None and holds_pid(o.pid_file, o.process.pid),
        expected=lambda o: f"{PID_FILE} was there, with PID 1 in it and unlocked: afterwards it holds the daemon's",
        observed=lambda o: content(o.pid_file) if o.process else fate(o),
        causes=(
            (
                lambda o: o.process is None,
                "it did not start, since there was a file (O_EXCL), or since the process in it lives: that is init, "
                "and no daemon of this kind. Whether an instance lives the lock tells, not the PID",
            ),
            (
                lambda o: o.pid_file is not None and str(o.process.pid) in o.pid_file.text.split(),
                "what was there before is still in it, or a part of it: ftruncate() it, once it is locked",
            ),
            (True, "it runs, but the file is not its own"),
        ),
    ),
    Check(
        key="one_of_many",
        says=f"of {AT_ONCE} started at once, one lives on",
        read="flock(2)",
        on_process=False,
        follows=("one_lives_on", "pid_file", "pid_file_locked", "second_does_not_start"),
        scene=Scene(then=("SIGKILL", f"again {AT_ONCE}")),
        holds=lambda o: o.process is not None and len(o.left) == 1 and holds_pid(o.pid_file_after, o.left[0]),
        expected=lambda o: f"after kill -KILL, {AT_ONCE} are started: one lives on, and {PID_FILE} holds its PID",
        observed=lambda o: f"{len(o.left)} live on; {content(o.pid_file_after)}",
        causes=(
            (lambda o: o.process is None, "the first did not live on"),
            (
                lambda o: not o.left,
                "none does: what the killed one has left keeps all from starting. A lock is gone with its holder; a "
                "file is not",
            ),
            (
                lambda o: len(o.left) > 1,
                "between looking and taking there is time for others: O_EXCL, unlink() or a PID in the file do not "
                "help where a lock does. And a file that was removed meanwhile is another one: compare the inode "
                "after locking",
            ),
            (True, "one lives on, but the file is not its own: only who has the lock may write"),
        ),
    ),
    Check(
        key="unwritable_file",
        says="tells the log when FILE cannot be made, and ends",
        read="open(2), syslog(3)",
        star=True,
        on_process=False,
        needs_log=LOG_TO_JUDGE,
        scene=Scene(arguments=("-p", f"nowhere/{PID_FILE}")),
        holds=lambda o: fails_cleanly(o) and says_why(o, "No such file", "nowhere"),
        expected=lambda o: "the reason in the log or on standard error, a status other than 0, nothing that lives on",
        observed=lambda o: f"launched with -p nowhere/{PID_FILE}; {fate(o)}",
        causes=(
            (lambda o: o.processes, "what open() returned is not looked at: it lives on without a PID file"),
            (lambda o: not fails_cleanly(o), "it ends as if all were well: whoever started it cannot tell"),
            (True, "neither the log nor standard error says why"),
        ),
    ),
    Check(
        key="write_fails",
        says="tells the log when FILE cannot be written, and ends",
        read="write(2), dprintf(3)",
        star=True,
        on_process=False,
        needs_log=LOG_TO_JUDGE,
        scene=Scene(fault="write-ENOSPC"),
        holds=lambda o: fails_cleanly(o) and says_why(o, "No space"),
        expected=lambda o: "the reason in the log, a status other than 0, nothing that lives on",
        observed=lambda o: f"write() was made to fail (ENOSPC); {fate(o)}",
        causes=(
            (
                lambda o: o.processes,
                "what write() or dprintf() returned is not looked at, or that of fflush(), if it is written with "
                "stdio: it lives on, and nobody can find it",
            ),
            (lambda o: not fails_cleanly(o), "it ends as if all were well: whoever started it cannot tell"),
            (True, "the log does not say why"),
        ),
    ),
]
