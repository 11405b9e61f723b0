"""Step 11: a locked PID file, and so one instance at a time."""

from __future__ import annotations

import errno
import os
import signal
import stat

from lab.checks.beyond import step_09_second_fork as step_09
from lab.checks.check import LOG_TO_JUDGE, Check, Finding, Wrong, check
from lab.checks.common import (
    Failure,
    crash,
    fails_cleanly,
    fate,
    said,
    says_why,
    signal_name,
    whole_number,
    why_it_does_not_give_up,
)
from lab.checks.recipe import step_07_syslog as step_07
from lab.checks.recipe.step_07_syslog import null_device_and
from lab.facts import Observation, PidFile, Process
from lab.faults import Fault
from lab.scene import PID_FILE, Scene, Signal, StartAgain, Usual

USUAL = Usual(arguments=("-p", PID_FILE))  # relative: to the directory that it is launched in

AT_ONCE = 50
STALE = b"         1\n"  # init's PID, which always lives; longer than what is to be written

ONCE_MORE = Scene(then=(StartAgain(1),))
LEFT_BEHIND = Scene(files=((PID_FILE, STALE),))
MANY_AT_ONCE = Scene(then=(Signal(signal.SIGKILL), StartAgain(AT_ONCE)))
UNWRITABLE = Scene(arguments=("-p", f"nowhere/{PID_FILE}"))
DISK_FULL = Scene(fault=Fault.DISK_FULL)
A_FIFO = Scene(files=((PID_FILE, b"", stat.S_IFIFO | 0o644),))
A_DEVICE = Scene(arguments=("-p", os.devnull))

NOT_MADE = Failure("open", os.strerror(errno.ENOENT), "Then it runs without a PID file.", ("nowhere",))
NOT_WRITTEN = Failure("write", os.strerror(errno.ENOSPC), "Then nobody can find it.")


def content(file: PidFile | None) -> str:
    """What a PID file holds, in words."""
    if file is None:
        return f"there is no {PID_FILE}"
    text = file.text[:60].replace("\n", "\\n").replace("\0", "\\0")
    return f'{PID_FILE} holds "{text}", mode {file.mode:04o}'


def holds_pid(file: PidFile | None, pid: int) -> bool:
    """Whether a PID file holds this PID, as it should."""
    return file is not None and file.text == f"{pid}\n"


def number_in(file: PidFile) -> int | None:
    """The number that a PID file holds, None if it holds anything else."""
    return whole_number(file.text.strip())


def left(o: Observation) -> str:
    """Who lives on after what was done, in words."""
    if not o.after.left:
        return "nobody lives on"
    if len(o.after.left) == 1:
        return f"{o.after.left[0]} lives on"
    return " and ".join(str(pid) for pid in o.after.left) + " live on"


null_device_log_and_file = null_device_and(
    "null_device_log_and_file",
    "0, 1 and 2 are the null device; beside them at most a socket to the log, and FILE",
    "at most one socket to /dev/log and the PID file",
    replaces=[step_07.null_device_and_log],
)


@check(read="getpid(2), open(2), umask(2)")
def pid_file(o: Observation, p: Process) -> Finding:
    """-p FILE: FILE holds its PID and a newline, mode 0644."""
    if o.pid_file is not None and holds_pid(o.pid_file, p.pid) and o.pid_file.mode == 0o644:
        return None
    return Wrong(
        expected=f'launched with -p {PID_FILE}: it holds "{p.pid}\\n", mode 0644',
        observed=content(o.pid_file),
        because=why_pid_file_is_wrong(o, p),
    )


def why_pid_file_is_wrong(o: Observation, p: Process) -> str:
    if o.pid_file is None:
        return (
            "Most likely your program ignores -p, uses a relative name after chdir(), or calls realpath(). While FILE "
            "does not exist, realpath() returns NULL. Put the directory of the start, from getcwd(), before the name."
        )
    if o.pid_file.text == "":
        return (
            "the file was made, but nothing is in it: what is written with stdio stays in a buffer until fflush() "
            "or fclose()"
        )
    number = number_in(o.pid_file)
    if number == o.job.pid:
        return (
            "the PID in it is that of the process that was launched, which has ended: it has to be written after "
            "the last fork, by the daemon"
        )
    if number in (p.ppid, o.world.adopter):
        return (
            "The PID in the file is that of the daemon's parent, which has adopted it. Most likely your program calls "
            "getppid(). Write what getpid() returns in the daemon."
        )
    if number == o.shell.pid:
        return "The PID in the file is the shell's. Write what getpid() returns, in the daemon."
    if number is not None and number != p.pid and number in (p.sid, p.pgid):
        return (
            "The PID in the file is that of the session leader, which has exited. Most likely it was written before "
            "the last fork(), or comes from getsid() or getpgrp(). Write what getpid() returns in the daemon."
        )
    if holds_pid(o.pid_file, p.pid):
        return (
            "the mode is not 0644: the file gets the mode that open() is given (octal: 0644, not 644) less the "
            "umask of that moment, and from fopen() 0666"
        )
    if number == p.pid:
        return "the PID is right, but what is around it is not: a PID file holds its digits and one newline"
    if number is not None and number in [each.pid for each in o.processes]:
        return "The PID in the file is that of another process of your program. Write it in the daemon."
    if number is not None and number in o.reaped:
        return (
            "The PID in the file is that of a process of your program that has exited. Write the file in the daemon, "
            "after the last fork()."
        )
    if number is not None:
        return "The number in the file is no PID of your program. Write what getpid() returns in the daemon."
    return "a PID file holds the digits of the PID and one newline, and nothing else"


@check(read="flock(2), fcntl(2)", follows=[pid_file])
def pid_file_locked(o: Observation, p: Process) -> Finding:
    """FILE is locked while it lives."""
    if o.pid_file is not None and o.pid_file.locked:
        return None
    return Wrong(
        expected="neither flock() nor fcntl(F_SETLK) on it succeeds for others",
        observed="anybody can lock it" if o.pid_file is not None else "there is no file",
        because=why_it_is_not_locked(o, p),
    )


def why_it_is_not_locked(o: Observation, p: Process) -> str:
    opened = [each.identity for each in p.descriptors.values()]
    if o.pid_file is not None and o.pid_file.identity not in opened:
        return (
            "the file is not open in the daemon: it was closed, on purpose or with all others (step 05), or opened "
            "in another process. With its last descriptor the lock goes"
        )
    return (
        "the file is open, but it was not locked (O_EXCL is no lock, nor is a look at the PID in it), or the "
        "lock is gone: one of flock() goes by LOCK_UN in any process that shares it; one of fcntl() goes when "
        "any descriptor of the file is closed, and fork() does not pass it on"
    )


@check(read="flock(2), open(2)", scene=ONCE_MORE, follows=[step_09.one_lives_on, pid_file, pid_file_locked])
def second_does_not_start(o: Observation) -> Finding:
    """a second one does not start, and leaves FILE alone."""
    if o.process is not None and o.after.left == (o.process.pid,) and o.after.pid_file == o.pid_file:
        return None
    return Wrong(
        expected=f"launched once more: the first lives on, and {PID_FILE} is as before",
        observed=f"after it {left(o)}; {content(o.after.pid_file)}",
        because=why_the_second_interferes(o),
    )


def why_the_second_interferes(o: Observation) -> str:
    if o.process is None:
        return "the first did not live on"
    if o.process.pid not in o.after.left:
        return (
            "the first is gone: the second one ended it, or took something away from it. A daemon that runs is to "
            "be left alone"
        )
    before, after = o.pid_file, o.after.pid_file
    if after is None:
        return "the second one removed the file: whoever does not have the lock leaves it alone"
    if len(o.after.left) == 1:
        return (
            "the file was changed by one that has no right to it: lock it first, then truncate and write. O_TRUNC "
            "and fopen() with w empty it before there is a lock"
        )
    if before is not None and after.identity != before.identity:
        return (
            "both live, and each has a file of its own: the second one removed the first one's, or put another in "
            "its place (rename()). A lock is on a file, not on a name"
        )
    if before is None or after.text != before.text:
        return (
            "both live, and the second has written: whether it got the lock is not looked at, or a lock is shared "
            "(LOCK_SH, F_RDLCK), which many may have at once"
        )
    return (
        "both live: without the lock the second one waits for it (LOCK_NB is missing, or it is F_SETLKW and "
        "not F_SETLK), or goes on without it. It has to end"
    )


@check(read="flock(2), ftruncate(2)", scene=LEFT_BEHIND, follows=[step_09.one_lives_on, pid_file])
def takes_over(o: Observation) -> Finding:
    """takes over a FILE that a dead one has left, whatever PID is in it."""
    if o.process is not None and holds_pid(o.pid_file, o.process.pid):
        return None
    return Wrong(
        expected=f"{PID_FILE} was there, with PID 1 in it and unlocked: afterwards it holds the daemon's",
        observed=content(o.pid_file) if o.process is not None else fate(o),
        because=why_it_does_not_take_over(o),
    )


def why_it_does_not_take_over(o: Observation) -> str:
    if o.process is None:
        return (
            "it did not start, since there was a file (O_EXCL), or since the process in it lives: that is init, "
            "and no daemon of this kind. Whether an instance lives the lock tells, not the PID"
        )
    if o.pid_file is not None and o.pid_file.text.startswith("\0"):
        return (
            "NUL bytes stand before the PID. ftruncate() does not move the file offset, so the PID was written where "
            "your program had read or written to. Call lseek() first, or use pwrite()."
        )
    if o.pid_file is not None and str(o.process.pid) in o.pid_file.text.split():
        return "what was there before is still in it, or a part of it: ftruncate() it, once it is locked"
    return "it runs, but the file is not its own"


@check(
    says=f"of {AT_ONCE} started at once, one lives on",
    read="flock(2)",
    scene=MANY_AT_ONCE,
    follows=[step_09.one_lives_on, pid_file, pid_file_locked, second_does_not_start],
)
def one_of_many(o: Observation) -> Finding:
    if o.process is not None and len(o.after.left) == 1 and holds_pid(o.after.pid_file, o.after.left[0]):
        return None
    return Wrong(
        expected=f"after kill -KILL, {AT_ONCE} are started: one lives on, and {PID_FILE} holds its PID",
        observed=f"{len(o.after.left)} live on; {content(o.after.pid_file)}",
        because=why_not_one_of_many(o),
    )


def why_not_one_of_many(o: Observation) -> str:
    if o.process is None:
        return "the first did not live on"
    if not o.after.left:
        return (
            "none does: what the killed one has left keeps all from starting. A lock is gone with its holder; a "
            "file is not"
        )
    if len(o.after.left) > 1:
        return (
            "between looking and taking there is time for others: O_EXCL, unlink() or a PID in the file do not "
            "help where a lock does. And a file that was removed meanwhile is another one: compare the inode "
            "after locking"
        )
    return "one lives on, but the file is not its own: only who has the lock may write"


@check(read="open(2), syslog(3)", bonus=True, needs_log=LOG_TO_JUDGE, scene=UNWRITABLE)
def unwritable_file(o: Observation) -> Finding:
    """tells the log when FILE cannot be made, and ends."""
    if fails_cleanly(o) and NOT_MADE.is_named(said(o)):
        return None
    return Wrong(
        expected="the reason in the log or on standard error, a status other than 0, nothing that lives on",
        observed=f"launched with -p nowhere/{PID_FILE}; {fate(o)}",
        because=why_it_does_not_give_up(o, NOT_MADE) or "neither the log nor standard error says why",
    )


@check(read="write(2), dprintf(3)", bonus=True, needs_log=LOG_TO_JUDGE, scene=DISK_FULL)
def write_fails(o: Observation) -> Finding:
    """tells the log when FILE cannot be written, and ends."""
    if fails_cleanly(o) and says_why(o, "No space"):
        return None
    return Wrong(
        expected="the reason in the log, a status other than 0, nothing that lives on",
        observed=f"write() was made to fail (ENOSPC); {fate(o)}",
        because=why_it_does_not_give_up(o, NOT_WRITTEN) or "the log does not say why",
    )


def bonus_for_other_kind(name: str, kind: str, scene: Scene) -> Check:
    """The bonus check of an answer that refuses a FILE that is not a regular file, and leaves it as it was."""

    @check(
        name=name,
        says=f"refuses a FILE that is {kind}, and leaves it as it was",
        read="open(2), fstat(2)",
        bonus=True,
        needs_log=LOG_TO_JUDGE,
        scene=scene,
    )
    def other_kind_refused(o: Observation) -> Finding:
        if fails_cleanly(o) and said(o).strip() and is_as_it_was(o):
            return None
        return Wrong(
            expected="the reason in the log or on standard error, a status other than 0, no process that stays",
            observed=f"FILE is {kind}; {fate(o)}" + ("" if is_as_it_was(o) else f"; afterwards {content(o.pid_file)}"),
            because=why_other_kind_is_not_refused(o, kind),
        )

    return other_kind_refused


def is_as_it_was(o: Observation) -> bool:
    """Whether what had the name of FILE, and was no regular file, still has it."""
    has_name = any(file[0] == PID_FILE for file in o.scene.files)
    return not has_name or (o.pid_file is None and PID_FILE in o.after.files)


def why_other_kind_is_not_refused(o: Observation, kind: str) -> str:
    if not is_as_it_was(o):
        return (
            "Your program removed or replaced a file that it had not made. Only open what has the name, and exit with "
            "an error when fstat() shows that it is not a regular file."
        )
    waiting = any(doing.call in ("open", "openat") for doing in o.doing)
    if o.processes and waiting:
        return (
            "Your program waits in open(), because nobody has opened the FIFO to read. Open FILE with O_NONBLOCK or "
            "O_RDWR, and exit with an error when fstat() shows that it is not a regular file."
        )
    if o.processes:
        return (
            f"Your program runs although FILE is {kind}, from which nobody can read its PID. Exit with an error when "
            "fstat() shows that it is not a regular file: S_ISREG()."
        )
    if crash(o):
        return f"{signal_name(crash(o))} killed your program. Test with fstat() and S_ISREG(), print the reason, and exit."
    if not fails_cleanly(o):
        return "Your program exits with status 0. Exit with another status, so that the caller notices."
    return "Your program exits without a message. Print or log the reason before you exit."


fifo_refused = bonus_for_other_kind("fifo_refused", "a FIFO", A_FIFO)
device_refused = bonus_for_other_kind("device_refused", "a device", A_DEVICE)


CHECKS = [
    null_device_log_and_file,
    pid_file,
    pid_file_locked,
    second_does_not_start,
    takes_over,
    one_of_many,
    unwritable_file,
    write_fails,
    fifo_refused,
    device_refused,
]
