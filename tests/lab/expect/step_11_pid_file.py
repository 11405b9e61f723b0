"""Step 11: a locked PID file, and so one instance at a time."""

from lab.expect.model import LOG_TO_JUDGE, Check, Scene, fails_cleanly, fate, says_why
from lab.expect.step_07_syslog import null_device_and
from lab.launched import PID_FILE

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


def left(o):
    """Who lives on after what was done."""
    return " and ".join(map(str, o.left)) or "nobody"


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
                "the file was made, but nothing is in it: what is written with stdio "
                "stays in a buffer until fflush() or fclose()",
            ),  # fmt: skip
            (
                lambda o: o.pid_file.text.strip() == str(o.job),
                "the PID in it is that of the process that was launched, which has ended: it has to be written after "
                "the last fork, by the daemon",
            ),
            (
                lambda o: holds_pid(o.pid_file, o.process.pid),
                "the mode is not 0644: the mode that open() is given is 0644 less the umask of that moment, and "
                "fopen() gives 0666",
            ),
            (
                lambda o: o.pid_file.text.strip() == str(o.process.pid),
                "the PID is right, but what is around it is not: a PID file holds digits and one newline",
            ),
            (
                True,
                "what it holds is not the daemon's PID: it was written before the last fork, by a process that has "
                "ended since, or in another form",
            ),
        ),
    ),
    Check(
        key="pid_file_locked",
        says="FILE is locked while it lives",
        read="flock(2), fcntl_locking(2)",
        follows=("pid_file",),
        holds=lambda o: o.pid_file is not None and o.pid_file.locked,
        expected=lambda o: "neither flock() nor fcntl(F_SETLK) on it succeeds for others",
        observed=lambda o: "anybody can lock it" if o.pid_file else "there is no file",
        causes=(
            (
                True,
                "it was not locked, or the lock is gone: closing the file gives it back, and one of fcntl() is "
                "not passed on by fork()",
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
        observed=lambda o: f"after it {left(o)} lives on; {content(o.pid_file_after)}",
        causes=(
            (lambda o: o.process is None, "the first did not live on"),
            (
                lambda o: len(o.left) > 1,
                "both live: whether the lock was had is not looked at, or no lock was tried (LOCK_NB with flock(), "
                "F_SETLK with fcntl()), or each locked a file of its own",
            ),
            (
                lambda o: o.pid_file_after is None,
                "the second one removed the file on its way out: whoever does not have the lock leaves it alone",
            ),
            (
                lambda o: o.left,
                "the file was changed by one that has no right to it: lock it first, then truncate and write. O_TRUNC "
                "and fopen() with w empty it before there is a lock",
            ),
            (True, "the first ended too: the second one ended it, or took something away from it"),
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
                lambda o: o.pid_file is not None and o.pid_file.text.startswith(f"{o.process.pid}\n"),
                "the end of what was there before is still in it: ftruncate() it, once it is locked",
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
]
