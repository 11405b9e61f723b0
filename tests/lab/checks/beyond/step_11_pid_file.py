"""Step 11: a locked PID file, and so one instance at a time."""

from __future__ import annotations

import errno
import os
import signal

from lab.checks.beyond import step_09_second_fork as step_09
from lab.checks.check import LOG_TO_JUDGE, Check, Finding, Unseen, Wrong, check
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
from lab.scene import FIFO, PID_FILE, PWD, TTY, Scene, Signal, StartAgain, Stdio, Usual

USUAL = Usual(arguments=("-p", PID_FILE))  # relative: to the directory that it is launched in

AT_ONCE = 50
DECIMAL_644 = 644  # what open() gets where the 0 in front is missing
# A folder that is not there. A program that takes its name for a format uses an argument that it never gave: printf(3).
NOWHERE = "nowhere%s"
STALE = b"         1\n"  # init's PID, which always lives; longer than what is to be written

ONCE_MORE = Scene(then=(StartAgain(1),))
LEFT_BEHIND = Scene(files=((PID_FILE, STALE, 0o600),))
MANY_AT_ONCE = Scene(then=(Signal(signal.SIGKILL), StartAgain(AT_ONCE)))
UNWRITABLE = Scene(arguments=("-p", f"{NOWHERE}/{PID_FILE}"))
ABSOLUTE = Scene(arguments=("-p", f"{PWD}/{PID_FILE}"))
WITHOUT_OPTION = Scene(arguments=())
DISK_FULL = Scene(fault=Fault.DISK_FULL)
A_FIFO = Scene(files=((PID_FILE, b"", FIFO),))
# Not the null device: all programs have the same one, so one that another program has locked would be refused.
A_DEVICE = Scene(arguments=("-p", TTY))

NOT_MADE = Failure("open", os.strerror(errno.ENOENT), "Then it runs without a PID file.", (NOWHERE,))
NOT_SAID = "The log does not say why your program exits. Call syslog() with the file's name and the reason from errno."
NAME_AS_FORMAT = (
    "Most likely your program takes the file's name for a format, and the name has a % in it here. Give printf(), "
    'dprintf() and syslog() a format of your own, and the text as an argument: syslog(LOG_ERR, "%s", text).'
)
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
    """The processes that are still running after the deeds of a scene, in words."""
    if not o.after.left:
        return "no process stays"
    if len(o.after.left) == 1:
        return f"process {o.after.left[0]} stays"
    return "processes " + " and ".join(str(pid) for pid in o.after.left) + " stay"


null_device_log_and_file = null_device_and(
    "null_device_log_and_file",
    "0, 1 and 2 lead to /dev/null; only the log and the PID file are open besides",
    "at most one socket to /dev/log and the PID file",
    replaces=[step_07.null_device_and_log],
)


@check(read="getpid(2), open(2), umask(2)")
def pid_file(o: Observation, p: Process) -> Finding:
    """the PID file holds the daemon's PID and a newline, mode 0644."""
    if o.pid_file is not None and holds_pid(o.pid_file, p.pid) and o.pid_file.mode == 0o644:
        return None
    return Wrong(
        expected=f'with -p {PID_FILE}: it holds "{p.pid}\\n", mode 0644',
        observed=content(o.pid_file),
        because=why_pid_file_is_wrong(o, p),
    )


def why_pid_file_is_wrong(o: Observation, p: Process) -> str:
    if o.pid_file is None:
        return (
            "Most likely your program does not reach the code that writes the file, or uses a relative name after "
            "chdir(), or calls realpath(), which returns NULL while FILE does not exist. Put the directory of the "
            "start, from getcwd(), before a relative name."
        )
    if o.pid_file.text == "":
        return (
            "The PID file is empty. Most likely your program writes with stdio, and the text is still in a buffer. "
            "Call fflush() after you write."
        )
    if holds_pid(o.pid_file, p.pid):
        return why_the_mode_is_another(o.pid_file)
    number = number_in(o.pid_file)
    if number == o.job.pid:
        return (
            "The file holds the PID of the first process, which has exited. Write the file in the daemon, after the "
            "last fork()."
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
    if number == p.pid:
        return (
            "The PID is right, but the file holds more, or its newline is missing. Write only the digits of the PID, "
            "without zeros or spaces before them, and one newline."
        )
    if number is not None and number in [each.pid for each in o.processes]:
        return "The PID in the file is that of another process of your program. Write it in the daemon."
    if number is not None and number in o.reaped:
        return (
            "The PID in the file is that of a process of your program that has exited. Write the file in the daemon, "
            "after the last fork()."
        )
    if number is not None:
        return "The number in the file is no PID of your program. Write what getpid() returns in the daemon."
    return "The file does not hold a number. Write the digits of the PID and one newline, for example with dprintf()."


def why_the_mode_is_another(file: PidFile) -> str:
    if file.mode == DECIMAL_644:
        return (
            f"In C a number without a leading 0 is decimal, and the decimal number 644 is {DECIMAL_644:04o} in octal. "
            "Most likely your program passes 644 to open(). Write 0644."
        )
    return (
        "The mode is not 0644. Most likely open() asks for another mode, or the umask took bits away because "
        "umask(0) came later. fopen() always asks for 0666. Call open() with 0644 after umask(0)."
    )


@check(read="getcwd(3), open(2)", scene=ABSOLUTE, follows=[step_09.one_lives_on, pid_file])
def absolute_name(o: Observation) -> Finding:
    """with an absolute name for -p, the PID file is there too."""
    if o.process is not None and holds_pid(o.pid_file, o.process.pid):
        return None
    return Wrong(
        expected=f"started with -p {PWD}/{PID_FILE}: it holds the daemon's PID",
        observed=f"{content(o.pid_file)}; {fate(o)}",
        because=(
            "Most likely your program puts the directory of the start before every name. A name that begins with / is "
            "complete already. Use it as it is."
        ),
    )


@check(read="flock(2), fcntl(2)", follows=[pid_file])
def pid_file_locked(o: Observation, p: Process) -> Finding:
    """the PID file is locked while the daemon runs."""
    if o.pid_file is not None and o.pid_file.locked:
        return None
    return Wrong(
        expected="for another process flock() or fcntl(F_SETLK) fails on the PID file",
        observed="the lab could lock it with both" if o.pid_file is not None else f"there is no {PID_FILE}",
        because=why_it_is_not_locked(o, p),
    )


def why_it_is_not_locked(o: Observation, p: Process) -> str:
    opened = [each.identity for each in p.descriptors.values()]
    if o.pid_file is not None and o.pid_file.identity not in opened:
        return (
            "The daemon does not have the file open, so the lock is gone. Open it in the daemon, after step 06, and "
            "keep it open."
        )
    return (
        "The daemon has the file open, but there is no lock on it. Most likely your program never locks the file, or "
        "it loses the lock. A child does not inherit a lock of fcntl(), and a process loses it when it closes any "
        "descriptor of the file, as fclose() does. Call flock() on the descriptor that stays open."
    )


@check(read="flock(2), open(2)", scene=ONCE_MORE, follows=[step_09.one_lives_on, pid_file, pid_file_locked])
def second_does_not_start(o: Observation) -> Finding:
    """a second instance does not start, and leaves the PID file alone."""
    if o.process is not None and o.after.left == (o.process.pid,) and o.after.pid_file == o.pid_file:
        return None
    return Wrong(
        expected=f"started once more: only the first daemon stays, and {PID_FILE} is as before",
        observed=f"afterwards {left(o)}; {content(o.after.pid_file)}",
        because=why_the_second_interferes(o),
    )


def why_the_second_interferes(o: Observation) -> str:
    if o.process is None:
        return "There is no first daemon. See why it does not stay when your program is started once."
    if o.process.pid not in o.after.left:
        return (
            "The first daemon has exited. Most likely the second instance killed it. Let the second instance exit, and "
            "leave a daemon that runs alone."
        )
    before, after = o.pid_file, o.after.pid_file
    if after is None:
        return "The second instance removed the PID file. Only the process that has the lock may touch it."
    if len(o.after.left) == 1:
        return (
            "The second instance changed the PID file before it had the lock. Most likely it wrote too early, or "
            "O_TRUNC or fopen() with w emptied the file when it was opened. Open, lock, and only then truncate and "
            "write."
        )
    if before is not None and after.identity != before.identity:
        return (
            "Both daemons run, and each has a file of its own. The second instance removed or renamed the first one's "
            "file, or renamed another one over it. A lock is on a file, not on a name, so lock the file that is there."
        )
    if before is None or after.text != before.text:
        return (
            "Both daemons run, and the second one has written its PID. Most likely it ignores what flock() returns. Or "
            "the lock is shared (LOCK_SH, F_RDLCK): use LOCK_EX."
        )
    return (
        "The second instance still runs. Most likely it waits for the lock, or it goes on without the lock. Use "
        "LOCK_NB (or F_SETLK), and exit when the call fails."
    )


@check(read="flock(2), ftruncate(2), fchmod(2)", scene=LEFT_BEHIND, follows=[step_09.one_lives_on, pid_file])
def takes_over(o: Observation) -> Finding:
    """the daemon takes over a stale PID file, whatever PID is in it."""
    file = o.pid_file
    if o.process is not None and file is not None and file.mode == 0o644 and holds_pid(file, o.process.pid):
        return None
    return Wrong(
        expected=(
            f"{PID_FILE} was there with PID 1 in it, mode 0600 and unlocked: now it holds the daemon's PID and a "
            "newline, and its mode is 0644"
        ),
        observed=content(o.pid_file) if o.process is not None else fate(o),
        because=why_it_does_not_take_over(o),
    )


def why_it_does_not_take_over(o: Observation) -> str:
    if o.process is None:
        return (
            "Your program refused to start because of an old file. Most likely it used O_EXCL, or it believed the PID "
            "in it. Only a lock shows that a daemon is running."
        )
    if holds_pid(o.pid_file, o.process.pid):
        return (
            "The daemon's PID is in the file, but the file still has the mode that it had before. open() sets the mode "
            "only of a file that it creates. Set 0644 with fchmod() once you have the lock."
        )
    if o.pid_file is not None and o.pid_file.text.startswith("\0"):
        return (
            "NUL bytes stand before the PID. ftruncate() does not move the file offset, so the PID was written where "
            "your program had read or written to. Call lseek() first, or use pwrite()."
        )
    if o.pid_file is not None and str(o.process.pid) in o.pid_file.text.split():
        return (
            "The old text, or a part of it, is still in the file. Call ftruncate() once you have the lock, then write."
        )
    return (
        "The daemon runs, but its PID is not in the file. Most likely it did not write, because there was a file. Lock "
        "the file that is there, truncate it, and write."
    )


@check(
    says=f"of {AT_ONCE} instances started at once, one stays",
    read="flock(2)",
    scene=MANY_AT_ONCE,
    follows=[step_09.one_lives_on, pid_file, pid_file_locked, second_does_not_start],
)
def one_of_many(o: Observation) -> Finding:
    if o.process is not None and len(o.after.left) == 1 and holds_pid(o.after.pid_file, o.after.left[0]):
        return None
    return Wrong(
        expected=f"after kill -KILL, {AT_ONCE} are started: one process stays, and {PID_FILE} holds its PID",
        observed=f"{len(o.after.left)} stay; {content(o.after.pid_file)}",
        because=why_not_one_of_many(o),
    )


def why_not_one_of_many(o: Observation) -> str:
    if o.process is None:
        return "There is no first daemon. See why it does not stay when your program is started once."
    if not o.after.left:
        return (
            "No instance starts after the first daemon was killed, because its file is still there. The file alone "
            "says nothing. Only a lock shows that a daemon is running."
        )
    if len(o.after.left) > 1:
        return (
            "Several instances run. Between a look at the file and the next step, another instance can act. Take a "
            "lock, and compare the inode afterwards: the file may have been replaced meanwhile."
        )
    return "The PID in the file is not that of the daemon that stays. Only the process that has the lock may write."


@check(read="open(2), syslog(3)", bonus=True, needs_log=LOG_TO_JUDGE, scene=UNWRITABLE)
def unwritable_file(o: Observation) -> Finding:
    """when the PID file cannot be made, it logs why and exits."""
    if fails_cleanly(o) and NOT_MADE.is_named(said(o)) and not is_name_as_format(said(o)):
        return None
    return Wrong(
        expected="the reason in the log or on standard error, an exit status other than 0, no process that stays",
        observed=f"started with -p {NOWHERE}/{PID_FILE}; {fate(o)}",
        because=why_file_that_cannot_be_made_is_not_told(o),
    )


def is_name_as_format(text: str) -> bool:
    """Whether a message has the name of NOWHERE, but not as it was given."""
    return "nowhere" in text and NOWHERE not in text


def why_file_that_cannot_be_made_is_not_told(o: Observation) -> str:
    if is_name_as_format(said(o)):
        return NAME_AS_FORMAT
    return why_it_does_not_give_up(o, NOT_MADE) or NOT_SAID


@check(read="getopt(3)", bonus=True, scene=WITHOUT_OPTION, follows=[step_09.one_lives_on])
def without_option(o: Observation) -> Finding:
    """without -p it still runs, and writes no PID file."""
    if o.process is not None and o.job.status == 0 and o.pid_file is None:
        return None
    return Wrong(
        expected="started without -p: status 0, one process stays, no PID file",
        observed=fate(o) + (f"; {content(o.pid_file)}" if o.pid_file else ""),
        because=why_option_is_needed(o),
    )


def why_option_is_needed(o: Observation) -> str:
    if o.pid_file is not None:
        return "Your program writes a PID file that nobody has asked for. Write one only where -p names it."
    if crash(o):
        return (
            f"{signal_name(crash(o))} killed your program. Most likely it uses the name of the file, which is NULL "
            "without -p. Test it first."
        )
    return (
        "Your program does not start without -p. Most likely it opens a file whose name is NULL, or takes a missing -p "
        "for wrong usage. Leave the PID file out where nobody asks for one."
    )


@check(read="write(2), dprintf(3)", bonus=True, needs_log=LOG_TO_JUDGE, scene=DISK_FULL)
def write_fails(o: Observation) -> Finding:
    """when the PID file cannot be written, it logs why and exits."""
    if fails_cleanly(o) and says_why(o, "No space"):
        return None
    return Wrong(
        expected="the reason in the log, an exit status other than 0, no process that stays",
        observed=f"write() was made to fail (ENOSPC, No space left on device); {fate(o)}",
        because=why_it_does_not_give_up(o, NOT_WRITTEN) or NOT_SAID,
    )


def bonus_for_other_kind(name: str, kind: str, scene: Scene) -> Check:
    """The bonus check of an answer that refuses a FILE that is not a regular file, and leaves it as it was."""

    @check(
        name=name,
        says=f"it refuses a PID file that is {kind}, and leaves that alone",
        read="open(2), fstat(2)",
        bonus=True,
        needs_log=LOG_TO_JUDGE,
        scene=scene,
    )
    def other_kind_refused(o: Observation) -> Finding:
        if fails_cleanly(o) and said(o).strip() and is_as_it_was(o):
            return None
        return Wrong(
            expected="the reason in the log or on standard error, an exit status other than 0, no process that stays",
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
        return (
            f"{signal_name(crash(o))} killed your program. Test with fstat() and S_ISREG(), print the reason, and exit."
        )
    if not fails_cleanly(o):
        return "Your program exits with status 0. Exit with another status, so that the caller notices."
    return "Your program exits without a message. Print or log the reason before you exit."


@check(
    read="getpid(2), proc_sys_kernel(5)",
    bonus=True,
    scene=Scene(long_pids=True),
    expects="where PIDs have many digits: the PID file holds the daemon's",
)
def long_pid(o: Observation, p: Process) -> Finding:
    """the PID file holds the whole of a PID that has many digits."""
    if not holds_pid(o.pid_file, p.pid):
        return Wrong(
            expected=f'where PIDs have many digits: {PID_FILE} holds "{p.pid}\\n"',
            observed=content(o.pid_file),
            because="Your program writes a short PID well, but not a long one. Most likely a buffer is too small for "
            "it. A PID has up to 7 digits: give the buffer 16 bytes, or use dprintf().",
        )
    if not o.world.sandboxed:
        return Unseen("Without a sandbox the lab cannot choose how many digits a PID has.")
    return None


def bonus_for_usage(name: str, says: str, *arguments: str) -> Check:
    """The bonus check of an answer that refuses words on its command line that it does not understand."""

    @check(name=name, says=says, read="getopt(3), stderr(3)", bonus=True, scene=Scene(Stdio.PIPE, arguments=arguments))
    def usage_is_told(o: Observation) -> Finding:
        if fails_cleanly(o) and o.errors.strip():
            return None
        return Wrong(
            expected="a message on standard error, an exit status other than 0, no process that stays",
            observed=f"started with {' '.join(arguments)}; {fate(o)}",
            because=why_usage_is_not_told(o),
        )

    return usage_is_told


def why_usage_is_not_told(o: Observation) -> str:
    if o.processes:
        return (
            "Your program starts as if nothing were wrong. Then a typing mistake starts a daemon that nobody wanted. "
            "When getopt() returns '?', print how to use your program, and exit with a status other than 0."
        )
    if crash(o):
        return (
            f"{signal_name(crash(o))} killed your program. Most likely it uses an argument that is not there. "
            "Test argc, or what getopt() returns, before you use it."
        )
    if not fails_cleanly(o):
        return "Your program exits with status 0. Exit with another status, so that the caller notices."
    if o.piped.text.strip():
        return "Your program prints the message on standard output. A message about an error belongs on standard error."
    return "Your program exits without a message. Print on standard error how to use it."


fifo_refused = bonus_for_other_kind("fifo_refused", "a FIFO", A_FIFO)
device_refused = bonus_for_other_kind("device_refused", "a device", A_DEVICE)


CHECKS = [
    null_device_log_and_file,
    pid_file,
    absolute_name,
    pid_file_locked,
    second_does_not_start,
    takes_over,
    one_of_many,
    unwritable_file,
    without_option,
    write_fails,
    fifo_refused,
    device_refused,
    long_pid,
    bonus_for_usage("unknown_option", "it refuses an option that it does not know", "-p", PID_FILE, "-x"),
]
