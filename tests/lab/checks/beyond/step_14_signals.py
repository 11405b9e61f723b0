"""Step 14: SIGTERM stops the daemon, and SIGHUP makes it read its configuration again."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass, replace
from typing import Iterable, Sequence

from lab.checks.beyond import step_08_sighup as step_08
from lab.checks.beyond import step_10_reset_state as step_10
from lab.checks.beyond import step_11_pid_file as step_11
from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.beyond import step_13_drop_privileges as step_13
from lab.checks.beyond.step_10_reset_state import HELD, kept, listed, observed_sets
from lab.checks.beyond.step_11_pid_file import content, left
from lab.checks.check import LOG_TO_JUDGE, LOG_TO_PASS, Finding, Unseen, Wrong, check
from lab.checks.common import (
    CRASHES,
    FAULTS,
    FORM,
    crash,
    crash_cause,
    ended,
    fails_cleanly,
    fate,
    is_left,
    killed,
    names,
    says_why,
    signal_name,
    stopped_well,
)
from lab.checks.recipe.step_05_close_fds import inherited
from lab.checks.recipe.step_06_dev_null import standard_holds
from lab.checks.recipe.step_07_syslog import extra, null_and_log
from lab.facts import Descriptor, LogFilled, Observation, Process, Raised
from lab.scene import (
    CONFIG,
    PID_FILE,
    UNBLOCKED,
    USER,
    Deed,
    FillLog,
    RaiseBeforeWait,
    ReplaceConfig,
    Scene,
    Signal,
    Storm,
)

# Signals that tell a daemon something. It may block these, because it waits for them.
TAKEN = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}

OLD, NEW = "good morning", "good evening"
WITH_CONFIG = ("-p", PID_FILE, "-c", CONFIG)
CONFIG_FILE = (CONFIG, f"greeting={OLD}\n".encode())


# Causes that several checks share.
NO_DAEMON = "There is no daemon. See why it does not stay when your program is started."
STARTED_ANEW = (
    "The daemon is gone, and another process of your program runs instead. Most likely SIGHUP starts your program "
    "again with execve(). Then the daemon's PID changes, and it looks dead. Let the same process read the file again."
)
STARTED_MORE = (
    "The daemon stays, but another process of your program stays too. Most likely your program calls fork() when "
    "SIGHUP comes. Let the daemon itself read the file."
)
ANOTHER_STAYS = (
    "The daemon is gone, but another process of your program stays. Most likely your program calls fork() in the "
    "daemon. End that process too when SIGTERM comes."
)
HANDLED_ONCE = (
    "The daemon handles SIGHUP, but a later SIGHUP killed it. Most likely the handler is removed after the first "
    "signal (SA_RESETHAND). Install it with sigaction(), without that flag."
)
BLOCKED_FOR_EVER = (
    "SIGTERM is blocked, and the daemon still runs. Most likely your program never waits for the signal, or hangs in "
    "what it does after it. Wait with sigwaitinfo(), sigsuspend() or ppoll(), and then exit."
)
WAITS_ONCE = (
    "The daemon does not react to SIGTERM any more. Most likely your program waits for a signal only once, or ends its "
    "loop when the wait is interrupted (EINTR). Wait in a loop without an end."
)
LOCKED_IN_HANDLER = (
    "Most likely the daemon waits forever for a lock. A handler interrupted syslog(), printf() or malloc(), and then "
    "called such a function itself, which needs the same lock. Set only a flag in the handler, and do the work in the "
    "loop."
)


def after(o: Observation) -> str:
    """How the daemon ended, and which processes stay, in words."""
    if o.process is None:
        return fate(o)
    parts = [f"the daemon {ended(o.after.status)}"] if o.after.status is not None else []
    if o.after.left or not parts:
        parts.append(left(o))
    return "; ".join(parts)


def told(o: Observation, number: signal.Signals) -> list[str]:
    """The texts of all messages that the daemon logged after this signal, each time that it came."""
    return [message.text for done in o.done if done.deed == Signal(number) for message in done.said.messages]


def quoted(texts: Sequence[str]) -> str:
    """The first two messages, in words."""
    return ", ".join(f'"{text[:120]}"' for text in texts[:2]) or "nothing"


def is_told(text: str, texts: Iterable[str]) -> bool:
    """Whether one of the messages contains this."""
    return any(text in each for each in texts)


def is_complaint(text: str) -> bool:
    """Whether a message is a warning or worse, by its severity: syslog(3)."""
    match = FORM.match(text)
    return match is not None and int(match["priority"]) & 7 <= 4


def complains(texts: Iterable[str]) -> bool:
    """Whether one of the messages is a warning or worse."""
    return any(map(is_complaint, texts))


def why_a_signal_killed_it(o: Observation) -> str:
    """The cause for every check of this step in which a signal killed the daemon."""
    number, p = killed(o), o.process
    name = signal_name(number)
    if p is None or number not in (signal.SIGTERM, signal.SIGHUP):
        return CRASHES.get(
            number, f"{name} killed the daemon. Most likely your program sent it. Look for kill(), raise() and abort()."
        )
    removed = number == signal.SIGTERM and o.pid_file is not None and o.after.pid_file is None
    # After FillLog the log is read late, and what was logged before seems to come of this signal.
    logged = o.came(LogFilled) is None and bool(told(o, signal.Signals(number)))
    cure = "Call exit() instead." if number == signal.SIGTERM else "Leave that out, and go on."
    if removed or logged:
        return (
            f"Your program reacts to {name}, but the signal still killed it. Most likely your program sends itself the "
            f"signal again when its work is done. {cure}"
        )
    if number in p.awaited:
        return (
            f"Your program waits for {name}, but the signal killed it. Most likely the signal is not blocked, "
            "and sigwaitinfo() works only for blocked signals. Block it with sigprocmask() before you wait."
        )
    if number in p.caught:
        return (
            f"Your program handles {name}, but the signal killed it. Most likely it sets SIG_DFL later and sends "
            f"itself the signal with raise() or kill(). {cure}"
        )
    if number in p.blocked:
        return (
            f"Your program blocks {name}, but the signal killed it. Most likely your program unblocks it and has no "
            "handler. Install a handler, or keep the signal blocked and wait with sigwaitinfo()."
        )
    return (
        f"{name} has its default action in the daemon, which kills it. Block the signal and wait for it with "
        "sigwaitinfo(), or install a handler."
    )


def why_many_hangups_killed_it(o: Observation) -> str:
    """The same where SIGHUP came more than once."""
    if killed(o) == signal.SIGHUP and o.process is not None and signal.SIGHUP in o.process.caught:
        return HANDLED_ONCE
    return why_a_signal_killed_it(o)


# What is open, and which signals are blocked


def own_pipes(o: Observation) -> set[int]:
    """The descriptors with which a handler wakes the program itself: both ends of a pipe, or an eventfd."""
    made = {n: d for n, d in extra(o).items() if not d.inherited or n not in inherited(o)}
    ends = [d.identity for d in made.values() if d.kind == "pipe"]
    return {n for n, d in made.items() if "eventfd" in d.kind + d.target or ends.count(d.identity) == 2}


def null_log_and_pipes(o: Observation) -> bool:
    """As in step 13, but the pipe or eventfd with which the daemon wakes itself does not count."""
    others = set(extra(o)) - own_pipes(o)
    return null_and_log(o) or (standard_holds(o) and others <= o.sockets.log_peers and len(others) <= 1)


@check(read="null(4), syslog(3)", needs_log=LOG_TO_PASS, replaces=[step_12.null_device_log_and_file], adds_nothing=True)
def null_device_log_and_file(o: Observation, p: Process) -> Finding:
    """0, 1 and 2 lead to /dev/null; only log, PID file and a pipe to itself may be open."""
    if null_log_and_pipes(o):
        return None
    finding = step_12.null_device_log_and_file.judge(o)
    cause = why_more_than_its_pipe_is_open(o)
    if not isinstance(finding, Wrong) or cause is None:
        return finding
    return replace(finding, expected=f"{finding.expected}; a pipe to itself may be open too", because=cause)


def why_more_than_its_pipe_is_open(o: Observation) -> str | None:
    """What is wrong where the daemon has a pipe or an eventfd to wake itself, which is right."""
    if not own_pipes(o) or not standard_holds(o) or inherited(o):
        return None
    others = {n: d for n, d in extra(o).items() if n not in own_pipes(o) | o.sockets.log_peers}
    if not others:
        return "More than one socket to the log is open. One is enough, so close the others."
    if any(d.kind == "pipe" for d in others.values()):
        return None  # step 12 knows of its own pipe
    return (
        "The daemon may keep the pipe or eventfd with which it wakes itself. But your program left something else "
        f"open: {names(others)}. Close that."
    )


@check(
    says=step_13.nothing_of_roots_open.says,
    read=step_13.nothing_of_roots_open.read,
    scene=step_13.nothing_of_roots_open.scene,
    follows=[step_13.written_as_root, step_13.user_ids, null_device_log_and_file],
    expects=step_13.NO_MORE_OPEN,
    replaces=[step_13.nothing_of_roots_open],
    adds_nothing=True,
)
def nothing_of_roots_open(o: Observation, p: Process) -> Finding:
    return step_13.nothing_more_open(o, null_log_and_pipes(o))


@check(read="signal(7), sigwaitinfo(2)", replaces=[step_08.ignores_hangup])
def takes_hangup(o: Observation, p: Process) -> Finding:
    """the daemon blocks or handles SIGHUP, and does not ignore it."""
    is_ignored = signal.SIGHUP in p.ignored
    is_taken = signal.SIGHUP in p.caught | p.blocked | p.awaited
    if is_taken and not is_ignored:
        return None
    return Wrong(
        expected="SIGHUP is blocked, so that your program can wait for it, or has a handler",
        observed=f"SIGHUP {hangup_in_words(p)}",
        because=why_hangup_is_not_taken(p),
    )


def hangup_in_words(p: Process) -> str:
    """What happens to SIGHUP where it is ignored, or has its default action."""
    if signal.SIGHUP not in p.ignored:
        return "has its default action, and is not blocked"
    if signal.SIGHUP in p.awaited:
        return "is ignored, and your program waits for it"
    return f"is ignored, and {'blocked' if signal.SIGHUP in p.blocked else 'not blocked'}"


def why_hangup_is_not_taken(p: Process) -> str:
    if signal.SIGHUP in p.ignored and signal.SIGHUP in p.blocked | p.awaited:
        return (
            f"Your program {'waits for' if signal.SIGHUP in p.awaited else 'blocks'} SIGHUP, but still ignores it, as "
            "in step 08. A system may discard an ignored signal even while it is blocked. Block it first, and then set "
            "it to SIG_DFL."
        )
    if signal.SIGHUP in p.ignored:
        return (
            "Your program still ignores SIGHUP, as in step 08. Block the signal, set it to SIG_DFL, and wait for it "
            "with sigwaitinfo(). Or install a handler."
        )
    return (
        "SIGHUP has its default action in the daemon, which kills it. Block the signal before you set it to SIG_DFL, "
        "and wait for it with sigwaitinfo(). Or install a handler."
    )


@check(
    read="signal(7), execve(2)",
    scene=HELD,
    follows=[takes_hangup, step_08.ignores_hangup, step_12.one_lives_on],
    replaces=[step_10.signals_reset],
    adds_nothing=True,
)
def signals_reset(o: Observation) -> Finding:
    """no signal stays ignored; at most SIGHUP, SIGTERM and the like are blocked."""
    is_reset = o.process is not None and o.process.blocked | o.process.awaited <= TAKEN and not kept(o)
    if is_reset and step_10.stands_alone(o):
        return None
    return Wrong(
        expected="ignored: none; blocked: at most SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2",
        observed=observed_sets(o) + observed_wait(o),
        because=why_more_is_left(o),
    )


def observed_wait(o: Observation) -> str:
    """The signals that the daemon waits for and should not, for the end of a sentence; "" for none."""
    waited = o.process.awaited - TAKEN if o.process is not None else frozenset()
    return f"; your program waits for: {listed(waited)}" if waited else ""


def why_more_is_left(o: Observation) -> str:
    p = o.process
    if p is None:
        return step_10.why_signals_are_not_reset(o)
    if o.job.status != 0:
        return step_10.why_the_first_process_does_not_exit_well(o)
    others = (p.blocked | p.awaited) - TAKEN
    if others and (len(others) < step_10.FEW or not p.blocked - TAKEN):
        return (
            f"Your program also blocks or waits for {listed(others)}. Most likely it puts too many signals into its "
            "set, for example with sigfillset(). Begin with sigemptyset(), and add only the signals that you wait for."
        )
    if others:
        # While sigwaitinfo() waits for a signal, /proc does not show that one as blocked.
        whole = replace(p, blocked=p.blocked | p.awaited)
        is_whole = step_10.has_the_mask_of_the_start(whole) or UNBLOCKED in others
        return step_10.why_signals_are_blocked(o, whole if is_whole else replace(p, blocked=others))
    if kept(o):
        return step_10.why_signals_are_ignored(kept(o))
    return (
        "More than one process stays when SIGCHLD is ignored at the start. Most likely one repeats waitpid(), which "
        "then fails with ECHILD. Reset the signals before the first fork()."
    )


@check(
    read="signal(7), kill(2)",
    scene=HELD,
    follows=[signals_reset, step_12.one_lives_on],
    replaces=[step_10.sigterm_ends],
    adds_nothing=True,
)
def sigterm_ends(o: Observation) -> Finding:
    """SIGTERM ends a daemon that was started with signals blocked."""
    finding = step_10.sigterm_ends.judge(o)
    if not isinstance(finding, Wrong):
        return finding
    return finding.instead(why_sigterm_waits(o))


def why_sigterm_waits(o: Observation) -> str | None:
    if o.process is not None and is_left(o) and signal.SIGTERM in o.process.blocked:
        return BLOCKED_FOR_EVER
    return None  # step 10 has the causes of the rest


# SIGTERM

STOPPED = Scene(then=(Signal(signal.SIGTERM),))


@check(read="sigwaitinfo(2), exit(3)", scene=STOPPED, follows=[step_12.one_lives_on])
def stops(o: Observation) -> Finding:
    """SIGTERM makes the daemon exit with status 0."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="after kill -TERM: exit status 0, and no process stays",
        observed=after(o),
        because=why_it_does_not_stop(o),
    )


def why_it_does_not_stop(o: Observation) -> str:
    p = o.process
    if p is None:
        return NO_DAEMON
    if killed(o):
        return why_a_signal_killed_it(o)
    if is_left(o) and signal.SIGTERM in p.ignored:
        return "The daemon ignores SIGTERM. Set it to SIG_DFL, block it, and wait for it with sigwaitinfo()."
    if is_left(o) and signal.SIGTERM in p.blocked:
        return BLOCKED_FOR_EVER
    if is_left(o):
        return (
            "The daemon still runs after SIGTERM. Most likely your program gets the signal and does nothing, or "
            "looks at its flag only when the next signal comes. Exit as soon as SIGTERM has come."
        )
    if o.after.left:
        return ANOTHER_STAYS
    return why_it_stops_with_an_error(told(o, signal.SIGTERM))


def why_it_stops_with_an_error(logged: Sequence[str]) -> str:
    if complains(logged) and is_told(PID_FILE, logged):
        return (
            f"Your program logs a problem with the PID file: {quoted(logged)}. Most likely it gives unlink() a "
            "relative name, which is looked up in / now. Use an absolute name, and exit with status 0 even if the "
            "file stays."
        )
    if complains(logged):
        return (
            f"Your program logs a warning or an error when it stops: {quoted(logged)}. If a call fails there, correct "
            "that. Exit with status 0 after SIGTERM, because stopping is no failure."
        )
    return (
        "The daemon stops at SIGTERM, but its exit status says that it failed. It did what it was told, so call "
        "exit(EXIT_SUCCESS). Do not pass a status such as 1 or 128 + SIGTERM."
    )


@check(read="unlink(2)", scene=STOPPED, follows=[stops, step_11.pid_file])
def removes_pid_file(o: Observation) -> Finding:
    """the daemon removes the PID file when it stops."""
    if o.pid_file is not None and o.after.pid_file is None:
        return None
    return Wrong(
        expected=f"no {PID_FILE} after kill -TERM",
        observed=content(o.after.pid_file),
        because=why_the_file_is_still_there(o),
    )


def why_the_file_is_still_there(o: Observation) -> str:
    if o.after.pid_file is not None and o.after.pid_file.text == "":
        return "Your program empties the file, but its name is still there. Call unlink(), which removes the name."
    return (
        "The file is still there. Most likely your program does not call unlink(), or gives it a relative name, which "
        "is looked up in / now. Use an absolute name, and check what unlink() returns."
    )


@check(read="syslog(3)", needs_log=LOG_TO_JUDGE, scene=STOPPED, follows=[stops])
def tells_of_stop(o: Observation) -> Finding:
    """the daemon logs a message when it stops."""
    if told(o, signal.SIGTERM):
        return None
    return Wrong(
        expected="a message in the log after kill -TERM",
        observed="your program logged nothing",
        because=(
            "Without a message nobody can see in the log whether the daemon was stopped or killed. Call syslog() "
            "before you exit. A message on standard error is lost, because that is /dev/null."
        ),
    )


# SIGHUP

RELOADED = Scene(
    arguments=WITH_CONFIG,
    files=(CONFIG_FILE, ("next", f"greeting={NEW}\n".encode())),
    then=(ReplaceConfig("next"), Signal(signal.SIGHUP)),
)


def held_files(o: Observation) -> dict[int, Descriptor]:
    """The regular files that are open, without the PID file and files that are only locked."""
    return {
        n: d
        for n, d in extra(o).items()
        if d.kind == "file" and not d.target.startswith("anon_inode:") and not d.locked
    }


@check(
    read="sigwaitinfo(2), open(2)",
    needs_log=LOG_TO_JUDGE,
    scene=RELOADED,
    follows=[step_12.one_lives_on, takes_hangup],
)
def reloads(o: Observation) -> Finding:
    """SIGHUP makes the daemon read its configuration again and log the greeting."""
    if o.process is not None and o.after.left == (o.process.pid,) and is_told(NEW, told(o, signal.SIGHUP)):
        return None
    logged = f"; after SIGHUP it logged {quoted(told(o, signal.SIGHUP))}" if o.process is not None else ""
    return Wrong(
        expected=f'{CONFIG} now holds "greeting={NEW}"; after kill -HUP only the daemon stays, and it logs "{NEW}"',
        observed=f"{after(o)}{logged}",
        because=why_it_does_not_reload(o),
    )


def why_it_does_not_reload(o: Observation) -> str:
    if o.process is None:
        return why_it_does_not_start_with_it(o)
    if killed(o):
        return why_a_signal_killed_it(o)
    if not o.after.left:
        return (
            "The daemon exited after SIGHUP. Most likely your program exits there, or starts itself again with "
            "execve() and that start failed. Let the same process read the file again, and go on."
        )
    if not is_left(o):
        return STARTED_ANEW
    if o.after.left != (o.process.pid,):
        return STARTED_MORE
    return why_the_new_greeting_is_not_logged(o, told(o, signal.SIGHUP))


def why_the_new_greeting_is_not_logged(o: Observation, logged: Sequence[str]) -> str:
    if is_told(OLD, logged) and held_files(o):
        return (
            "The daemon logs the old greeting and keeps a file open. Most likely it reads that file again, but an "
            "editor has put a new file there. Open the file by its name at each reload."
        )
    if is_told(OLD, logged):
        return (
            "The daemon logs the old greeting. Most likely your program does not read the file at SIGHUP, or does not "
            "copy the new text into the greeting. Do both before you log it."
        )
    if complains(logged):
        return (
            "Your program logs a problem, but the file is good. Most likely it looks up a relative name in /, or reads "
            "on where it stopped before. Open the file by an absolute name, and read from its start each time."
        )
    if is_told(NEW.split()[0], logged) and not is_told(NEW[:6], logged):
        return (
            "The greeting ends at its first space. Most likely your program reads it with %s of scanf(), which stops "
            "there. Read all of the line after greeting=."
        )
    if logged:
        return (
            "Your program logs something after SIGHUP, but not the new greeting. Log the greeting itself, so that a "
            "reader of the log sees that the change has arrived."
        )
    return (
        "The daemon logs nothing after SIGHUP. Most likely your program does not react to the signal, or reads the "
        "file and logs nothing. Log the greeting after each reload."
    )


def why_it_does_not_start_with_it(o: Observation) -> str:
    if says_why(o, "invalid option", "unrecognized option", "usage"):
        return (
            "Your program does not know -c. Add the letter to the options of getopt(), with a colon behind it, because "
            "a name follows."
        )
    if crash(o):
        return crash_cause(o)
    if says_why(o, "No such file"):
        return (
            "Your program does not start with -c. Most likely it looks up a relative name in /, because the daemon has "
            "called chdir(). Put the directory of the start, from getcwd(), before a relative name."
        )
    return (
        f"Your program does not start with -c {CONFIG}, although the file is good. Most likely it takes the line "
        "greeting=TEXT, or the newline at its end, for an error."
    )


ONLY_THE_PID_FILE = f"started with -c {CONFIG}: no regular file is open but {PID_FILE}"


@check(
    read="close(2)",
    needs_log=LOG_TO_JUDGE,  # a program that never reads the file has nothing to close
    scene=RELOADED,
    follows=[reloads],
    expects=ONLY_THE_PID_FILE,
)
def config_closed(o: Observation, p: Process) -> Finding:
    """the daemon closes its configuration when it has read it."""
    if is_told(NEW, told(o, signal.SIGHUP)) and not held_files(o):
        return None
    return Wrong(
        expected=ONLY_THE_PID_FILE,
        observed=names(held_files(o)),
        because=(
            "Your program leaves a file open, most likely its configuration. If each reload opens it once more, the "
            "process runs out of descriptors one day. Close the file when you have read it."
        ),
    )


# SIGHUP, where the configuration cannot be used

# Bad configurations, by their kind: what the file holds, and its mode. None where there is no file.
BAD: dict[str, tuple[bytes, int] | None] = {
    "empty": (b"", 0o644),
    "unreadable": (f"greeting={NEW}\n".encode(), 0o000),
    "10 MB long": (b"greeting=" + b"x" * 10_000_000 + b"\n", 0o644),
    "not text": (b"greeting=\x01\x02\x00\xff\x07\n", 0o644),
    "without greeting=": (f"welcome={NEW}\n".encode(), 0o644),
    "a directory": (b"", 0o644),
    "missing": None,
}
FILE_IN = {"a directory": "/inside"}  # a file in it makes it a directory

# The errno of the call that fails, for those that cannot be read.
REASONS = {"unreadable": errno.EACCES, "a directory": errno.EISDIR, "missing": errno.ENOENT}
NOT_REGULAR = "regular file"  # what a program says that looks with fstat() before it reads

# Why a fault may have killed the daemon, by the kind of the configuration.
CANNOT_BE_OPENED = (
    "The file cannot be opened, so fopen() returns NULL and open() returns -1. Test that before you use the result."
)
CRASHED_AT = {
    "empty": "There is no line in it, so read() returns 0 and fgets() returns NULL. Test that before you use the text.",
    "unreadable": CANNOT_BE_OPENED,
    "10 MB long": "Most likely your program reads more than its buffer holds. Read no more than the buffer's size, and "
    "refuse a longer file.",
    "not text": "There is a NUL byte in it, and string functions stop there, so strchr() may return NULL. Test what "
    "each of them returns.",
    "without greeting=": "strchr() and strstr() return NULL where they find nothing. Test that before you use the "
    "text.",
    "a directory": "open() can open a directory, but read() then returns -1 (EISDIR, Is a directory) and fgets() "
    "returns NULL. Test that before you use the text.",
    "missing": CANNOT_BE_OPENED,
}


def slug(kind: str) -> str:
    """The name of the file that holds this kind of configuration."""
    return kind.replace(" ", "-").rstrip("=")


def reload_with(kind: str) -> tuple[Deed, Deed]:
    """The deeds that give the daemon this kind of configuration."""
    return ReplaceConfig(slug(kind)), Signal(signal.SIGHUP)


KEPT = Scene(
    arguments=WITH_CONFIG,
    then=tuple(deed for kind in BAD for deed in reload_with(kind)),
    files=(CONFIG_FILE, *((slug(kind) + FILE_IN.get(kind, ""), *bad) for kind, bad in BAD.items() if bad)),
)


@dataclass(frozen=True)
class Reload:
    """What the daemon logged after one SIGHUP, with a bad configuration."""

    kind: str  # a key of BAD
    logged: tuple[str, ...]

    @property
    def complains(self) -> bool:
        """Whether it logged a reason, as an error or a warning."""
        return complains(self.logged)

    @property
    def keeps_old(self) -> bool:
        """Whether it logged the old greeting."""
        return is_told(OLD, self.logged)


def reloads_of(o: Observation) -> list[Reload]:
    """A Reload for each of BAD, in the order in which they came; none where there was no daemon."""
    hangups = [done for done in o.done if done.deed == Signal(signal.SIGHUP)]
    return [Reload(kind, tuple(message.text for message in done.said.messages)) for kind, done in zip(BAD, hangups)]


def first_silent(came: Sequence[Reload]) -> Reload | None:
    """The first one of those at the end that logged nothing; None if the last one logged something."""
    silent = None
    for each in reversed(came):
        if each.logged:
            break
        silent = each
    return silent


@check(read="open(2), read(2), syslog(3)", needs_log=LOG_TO_JUDGE, scene=KEPT, follows=[reloads])
def keeps_old(o: Observation) -> Finding:
    """with a bad configuration the daemon keeps the old greeting and logs why."""
    came = reloads_of(o)
    lost = [each for each in came if not (each.keeps_old and each.complains)]
    if o.process is not None and o.after.left == (o.process.pid,) and not lost:
        return None
    *most, last = BAD
    return Wrong(
        expected=f"{CONFIG} is {', '.join(most)} or {last}: each time the daemon logs an error or a warning, and the "
        "old greeting",
        observed=f"{after(o)}; {first_in_words(lost)}" if lost else after(o),
        because=why_it_does_not_keep_old(o, came, lost),
    )


def first_in_words(wrong: Sequence[Reload]) -> str:
    """The kind of the first configuration with which something was wrong, and what the daemon logged then."""
    return f"when {CONFIG} was {wrong[0].kind}, it logged {quoted(wrong[0].logged)}"


def why_it_does_not_keep_old(o: Observation, came: Sequence[Reload], lost: Sequence[Reload]) -> str:
    if o.process is None:
        return NO_DAEMON
    if killed(o) in FAULTS:
        fatal = first_silent(came) or came[-1]
        return (
            f"{signal_name(killed(o))} killed the daemon, most likely while {CONFIG} was {fatal.kind}. "
            f"{CRASHED_AT[fatal.kind]}"
        )
    if killed(o):
        return why_many_hangups_killed_it(o)
    if not o.after.left:
        return (
            "The daemon exited when its configuration was bad. At the start that is right, because the user reads the "
            "message. Later the old configuration is still good: log the reason and go on."
        )
    if not is_left(o):
        return STARTED_ANEW
    if not lost:
        return STARTED_MORE
    if lost[0] is first_silent(came) and lost[0] not in (came[0], came[-1]):
        return why_it_logs_no_more(o, lost[0])
    return why_it_is_lost(lost[0])


def why_it_logs_no_more(o: Observation, first: Reload) -> str:
    if any(each.state == "R" for each in o.doing):
        return (
            f"The daemon has been busy since {CONFIG} was {first.kind}, and logs nothing any more. Most likely a loop "
            "runs until feof(), which never becomes true where reading fails. End the loop when a read fails."
        )
    return (
        f"The daemon has logged nothing since {CONFIG} was {first.kind}. Most likely your program does not wait for "
        "signals in a loop, or still waits for something in this reload. Go back to sigwaitinfo() after each reload."
    )


def why_it_is_lost(first: Reload) -> str:
    if not first.logged:
        return (
            f"Your program logs nothing when {CONFIG} is {first.kind}. Then nobody learns why a change of the file has "
            "no effect. Log the reason as an error (LOG_ERR), and after it the old greeting."
        )
    if not first.complains and not first.keeps_old and first.kind in REASONS:
        return (
            f"The file cannot be read ({os.strerror(REASONS[first.kind])}). Most likely your program then puts another "
            "greeting in, and logs no error. Keep the old greeting, and log the reason with LOG_ERR."
        )
    if not first.complains and not first.keeps_old:
        return (
            "Most likely your program takes a bad file for a good one. Check all of it before you use any of it: one "
            "line greeting=TEXT, not too long, no control characters. Log what is wrong with LOG_ERR, then the old "
            "greeting."
        )
    if not first.complains:
        return (
            "Your program keeps the old greeting, but logs no error and no warning. Log the reason with LOG_ERR or "
            "LOG_WARNING, so that a search for errors finds it."
        )
    if all(map(is_complaint, first.logged)):
        return (
            "Your program logs the reason, but not the old greeting. Log the greeting after each SIGHUP, so that a "
            "reader knows which one counts."
        )
    return (
        "The old greeting is not in the log. Most likely your program clears it before it reads, or puts another one "
        "in when reading fails. Read into a new buffer, and copy that only if all of it is good."
    )


# Signals at bad moments

STORM = 1000
STORMED = Scene(then=(Storm(signal.SIGHUP, STORM, signal.SIGTERM),))
SURPRISED = Scene(then=(RaiseBeforeWait(signal.SIGTERM),))
INTERRUPTED = Scene(then=(FillLog(signal.SIGHUP), Signal(signal.SIGTERM)))


@check(
    says=f"after {STORM} SIGHUPs, SIGTERM together with a SIGHUP stops the daemon",
    read="signal(7), signal-safety(7)",
    scene=STORMED,
    follows=[stops, takes_hangup],
)
def storm(o: Observation) -> Finding:
    if stopped_well(o):
        return None
    return Wrong(
        expected=f"after {STORM} times kill -HUP, the lab stops the daemon, sends SIGHUP and SIGTERM, and lets it go "
        "on: exit status 0",
        observed=after(o),
        because=why_the_storm_was_too_much(o),
    )


def why_the_storm_was_too_much(o: Observation) -> str:
    if o.process is None:
        return NO_DAEMON
    if killed(o):
        return why_many_hangups_killed_it(o)
    if is_left(o):
        return why_it_runs_on_after_the_storm(o, o.process)
    if o.after.left:
        return STARTED_ANEW
    return (
        "The daemon exited, but not with status 0. If SIGTERM alone gives status 0, the SIGHUPs are the reason. Most "
        "likely each reload uses up something, such as a descriptor, or starts your program again with execve()."
    )


def why_it_runs_on_after_the_storm(o: Observation, p: Process) -> str:
    if waits_for_lock(o, p):
        return LOCKED_IN_HANDLER
    if any(each.state == "R" for each in o.doing):
        return (
            "The daemon is busy and does not stop. Most likely a call fails again and again, because each SIGHUP uses "
            "up something, such as a descriptor. Close what you open for a reload or for a wait."
        )
    if signal.SIGTERM in p.caught:
        return (
            "The daemon does not stop. Most likely one variable keeps only the last signal, and SIGTERM was replaced "
            "by SIGHUP. Give each signal a flag of its own. Or each SIGHUP uses up a descriptor or memory, and none is "
            "left."
        )
    return (
        "The daemon does not react to SIGTERM any more. Most likely it waits for a signal only once, or each signal "
        "uses up a descriptor until none is left. Wait in a loop, and close there what you open there."
    )


def waits_for_lock(o: Observation, p: Process) -> bool:
    """Whether the daemon, which handles signals, waits in the system call with which libc waits for a lock."""
    return bool(p.caught) and step_10.does(o, p.pid) == "futex"


@check(read="sigsuspend(2), select(2), sigwaitinfo(2)", scene=SURPRISED, follows=[stops])
def none_slept_through(o: Observation) -> Finding:
    """a SIGTERM that comes just before the daemon waits is not missed."""
    raised = o.came(Raised)
    if raised and raised.result < 0:
        return Unseen(f"The lab could not stop your program at that moment: {os.strerror(-raised.result)}")
    if stopped_well(o):
        return None
    return Wrong(
        expected="the lab stops the daemon just before the call in which it waits (with ptrace), and sends SIGTERM: "
        "exit status 0",
        observed=after(o),
        because=why_it_slept_on(o),
    )


def why_it_slept_on(o: Observation) -> str:
    if o.process is None:
        return NO_DAEMON
    if killed(o):
        return why_a_signal_killed_it(o)
    if is_left(o) and signal.SIGTERM not in o.process.caught:
        return WAITS_ONCE
    if is_left(o):
        return (
            "SIGTERM came just before the call that waits, so your program sleeps on. Most likely it tests a flag "
            "first, and the signal comes after the test. Block the signals before the test, and wait with "
            "sigsuspend(), ppoll() or sigwaitinfo()."
        )
    if o.after.left:
        return ANOTHER_STAYS
    return (
        "The daemon exited, but not with status 0. Most likely your program takes an interrupted call (EINTR, "
        "Interrupted system call) for an error. Call it again in the loop."
    )


@check(
    read="signal-safety(7)",
    needs_log=LOG_TO_JUDGE,
    scene=INTERRUPTED,
    follows=[stops, reloads, none_slept_through],
)
def safe_in_the_middle(o: Observation) -> Finding:
    """SIGTERM stops the daemon even while it waits for a full log."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="SIGHUPs until the log is full and the daemon waits for it, then SIGTERM, and the lab reads the log: "
        "exit status 0",
        observed=after(o),
        because=why_it_hangs(o),
    )


def why_it_hangs(o: Observation) -> str:
    if o.process is None:
        return NO_DAEMON
    if killed(o):
        return why_many_hangups_killed_it(o)
    if is_left(o) and waits_for_lock(o, o.process):
        return LOCKED_IN_HANDLER
    if is_left(o) and signal.SIGTERM in o.process.caught:
        return (
            "The daemon does not stop. Most likely one variable keeps only the last signal, and SIGTERM was replaced "
            "by SIGHUP. Give each signal a flag of its own. Or a handler calls a function that is not in "
            "signal-safety(7)."
        )
    if is_left(o):
        return WAITS_ONCE
    if o.after.left:
        return STARTED_ANEW
    return (
        "The daemon exited, but not with status 0. Most likely your program takes an interrupted call (EINTR, "
        "Interrupted system call) for an error, or SIGHUP ends it or starts it again."
    )


# Bonus

NO_CONFIG = Scene(arguments=("-p", PID_FILE, "-c", f"nowhere/{CONFIG}"))
UNREMOVABLE = Scene(
    root=True, then=(Signal(signal.SIGTERM),)
)  # in a directory of root's, in which USER may not remove a file


@check(read="open(2)", bonus=True, scene=NO_CONFIG)
def no_config_at_start(o: Observation) -> Finding:
    """when it cannot read the configuration at the start, it says why and exits."""
    if fails_cleanly(o) and o.job.status not in (0, None) and says_why(o, "No such file", "nowhere"):
        return None
    return Wrong(
        expected="the reason on standard error or in the log, an exit status other than 0, no process that stays",
        observed=f"started with -c nowhere/{CONFIG}; {fate(o)}",
        because=why_it_starts_without_config(o),
    )


def why_it_starts_without_config(o: Observation) -> str:
    if o.processes:
        return (
            "Your program keeps running although it cannot read its configuration. At the start there is no old "
            "greeting to keep. Print the reason, and exit with a status other than 0."
        )
    if crash(o):
        return (
            f"{signal_name(crash(o))} killed your program. Most likely it uses what fopen() or open() returned without "
            "a test. Test it, print the reason, and exit."
        )
    if o.job.status == 0:
        return (
            "The first process exits with status 0. Exit with another status, so that the caller notices the failure."
        )
    return "Your program exits without the reason. Print the name of the file and what strerror(errno) returns."


@check(read="strerror(3), errno(3)", bonus=True, needs_log=LOG_TO_JUDGE, scene=KEPT)
def tells_reason(o: Observation) -> Finding:
    """the daemon logs why it cannot read its configuration, in the system's words."""
    unreadable = [each for each in reloads_of(o) if each.kind in REASONS]
    untold = [each for each in unreadable if not is_reason_told(each)]
    if not untold:
        return None
    reasons = "; ".join(f'{kind}: "{os.strerror(number)}"' for kind, number in REASONS.items())
    return Wrong(
        expected=f"in the log when {CONFIG} is {reasons}",
        observed=first_in_words(untold),
        because=why_the_reason_is_not_told(untold[0]),
    )


def is_reason_told(reload: Reload) -> bool:
    """Whether the log has the reason why this configuration cannot be read."""
    if is_told(os.strerror(REASONS[reload.kind]), reload.logged):
        return True
    return reload.kind == "a directory" and is_told(NOT_REGULAR, reload.logged)


def why_the_reason_is_not_told(first: Reload) -> str:
    if first.kind == "a directory":
        return (
            "A directory can be opened, and only reading fails, with EISDIR (Is a directory). Test ferror() or what "
            "read() returns, and log strerror(errno) right there."
        )
    return (
        "Your program does not log the reason that the kernel gave. Log strerror(errno), or %m of syslog(). Do that "
        "right after the call that failed, because another call may change errno."
    )


@check(read="unlink(2), path_resolution(7)", bonus=True, needs_log=LOG_TO_JUDGE, scene=UNREMOVABLE)
def unremovable_file(o: Observation) -> Finding:
    """with -u, the daemon removes the PID file, or logs that it cannot."""
    # A daemon may keep a process with root's rights for this. Then the file is gone, which is right too.
    if stopped_well(o) and (o.after.pid_file is None or complains(told(o, signal.SIGTERM))):
        return None
    return Wrong(
        expected=f"started by root with -u {USER}, in a directory of root's; after kill -TERM: an error or a warning "
        "in the log, and exit status 0",
        observed=f"{after(o)}; {content(o.after.pid_file)}; it logged {quoted(told(o, signal.SIGTERM))}",
        because=why_nobody_knows_of_the_file(o),
    )


def why_nobody_knows_of_the_file(o: Observation) -> str:
    if killed(o):
        return why_a_signal_killed_it(o)
    if complains(told(o, signal.SIGTERM)):
        return (
            "Your program logs the problem, but then it does not exit with status 0. A PID file that stays does no "
            "harm, because nothing locks it any more. Exit with status 0 even then."
        )
    return (
        "Most likely your program ignores what unlink() returns. Here only root may remove the file, and the daemon is "
        "not root any more. Log the reason as an error or a warning."
    )


CHECKS = [
    null_device_log_and_file,
    nothing_of_roots_open,
    takes_hangup,
    signals_reset,
    sigterm_ends,
    stops,
    removes_pid_file,
    tells_of_stop,
    reloads,
    keeps_old,
    config_closed,
    storm,
    none_slept_through,
    safe_in_the_middle,
    no_config_at_start,
    tells_reason,
    unremovable_file,
]
