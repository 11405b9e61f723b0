"""Step 14: SIGTERM stops the daemon in good order, and no failed start leaves a PID file behind."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any, Callable, Iterable, Sequence

from lab.checks.beyond import step_08_sighup as step_08
from lab.checks.beyond import step_10_reset_state as step_10
from lab.checks.beyond import step_11_pid_file as step_11
from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.beyond import step_13_drop_privileges as step_13
from lab.checks.beyond.step_10_reset_state import HELD, kept, listed, observed_sets
from lab.checks.beyond.step_11_pid_file import content, left
from lab.checks.check import LOG_TO_JUDGE, LOG_TO_PASS, Check, Finding, Unseen, Wrong, check
from lab.checks.common import (
    CRASHES,
    FORM,
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
from lab.facts import LogFilled, Observation, Process, Raised
from lab.faults import Fault
from lab.scene import PID_FILE, UNBLOCKED, USER, RaiseBeforeWait, ReplacePidFile, Scene, Signal

# Signals that tell a daemon something. It may block these, because it waits for them.
TAKEN = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
MAY_BE_BLOCKED = "blocked: at most SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2"

# Causes that several checks share.
NO_DAEMON = "There is no daemon. See why it does not stay when your program is started."
ANOTHER_STAYS = (
    "The daemon is gone, but another process of your program stays. Most likely your program calls fork() in the "
    "daemon. End that process too when SIGTERM comes."
)
BLOCKED_FOR_EVER = (
    "SIGTERM is blocked, and the daemon still runs. Most likely your program never waits for the signal, or hangs in "
    "what it does after it. pause() does not return for a blocked signal. Wait with sigwaitinfo(), sigsuspend() or "
    "ppoll(), and then exit."
)
SLEPT_THROUGH = (
    "SIGTERM came just before the call that waits, so your program sleeps on. Most likely it tests a flag first, and "
    "the signal comes after the test. Block the signals before the test, and wait with sigsuspend(), ppoll() or "
    "sigwaitinfo()."
)
INTERRUPTION_IS_NO_ERROR = (
    "Your program exited, but not with status 0. Most likely it takes an interrupted call (EINTR, Interrupted system "
    "call) for an error. Call it again in the loop."
)
WAITS_ONCE = (
    "The daemon does not react to SIGTERM any more. Most likely your program waits for a signal only once, or ends its "
    "loop when the wait is interrupted (EINTR). Wait in a loop without an end."
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
    """The cause for every check in which a signal killed the daemon, here and in step 15."""
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


@check(
    read="signal(7), execve(2)",
    scene=HELD,
    follows=[step_08.ignores_hangup, step_12.one_lives_on],
    replaces=[step_10.signals_reset],
    adds_nothing=True,
)
def signals_reset(o: Observation) -> Finding:
    """only SIGHUP stays ignored; at most SIGTERM and the like are blocked."""
    p = o.process
    is_reset = p is not None and p.blocked | p.awaited <= TAKEN and p.ignored == {signal.SIGHUP}
    if is_reset and step_10.stands_alone(o):
        return None
    return Wrong(
        expected=f"ignored: SIGHUP; {MAY_BE_BLOCKED}",
        observed=observed_sets(o) + observed_wait(o),
        because=why_signals_are_not_reset(o),
    )


def why_signals_are_not_reset(o: Observation) -> str:
    p = o.process
    is_reset = p is not None and p.blocked | p.awaited <= TAKEN and not kept(o)
    if is_reset and step_10.stands_alone(o):
        return (
            "SIGHUP is not ignored any more. Most likely your program ignores SIGHUP first and then resets all "
            "signals, SIGHUP too. Leave SIGHUP out there: in this step it stays ignored."
        )
    return why_more_is_left(o)


def observed_wait(o: Observation) -> str:
    """The signals that the daemon waits for and should not, for the end of a sentence; "" for none."""
    waited = o.process.awaited - TAKEN if o.process is not None else frozenset()
    return f"; your program waits for: {listed(waited)}" if waited else ""


def why_more_is_left(o: Observation) -> str:
    """Why signals are blocked or ignored that should not be, here and in step 15."""
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


STRANGER = "1"  # the PID in another instance's file
OTHERS_FILE = ("other.pid", f"{STRANGER}\n".encode())
REPLACED = Scene(files=(OTHERS_FILE,), then=(ReplacePidFile(OTHERS_FILE[0]), Signal(signal.SIGTERM)))


@check(read="stat(2), unlink(2)", scene=REPLACED, follows=[stops, removes_pid_file])
def leaves_others_file(o: Observation) -> Finding:
    """the daemon leaves a PID file alone that is not its own any more."""
    if stopped_well(o) and o.after.pid_file is not None and o.after.pid_file.text == f"{STRANGER}\n":
        return None
    return Wrong(
        expected=f"the lab puts another file named {PID_FILE} there, which holds {STRANGER}; after kill -TERM: exit "
        "status 0, and that file is still there",
        observed=f"{after(o)}; {content(o.after.pid_file)}",
        because=(
            "The daemon removed or changed a file that it has not locked. By then the name may belong to another "
            "instance. Compare st_dev and st_ino of the name, from stat(), with those of the locked descriptor, from "
            "fstat(). Remove the file only if they are the same."
        ),
    )


@check(
    read="flock(2), unlink(2)",
    scene=Scene(fault=Fault.LOOK_AT_REMOVAL, then=(Signal(signal.SIGTERM),)),
    follows=[stops, removes_pid_file],
)
def locked_until_removed(o: Observation) -> Finding:
    """the daemon still has the lock when it removes the PID file."""
    if o.held.removed is not None and o.held.removed.locked and o.after.pid_file is None:
        return None
    return Wrong(
        expected=f"after kill -TERM {PID_FILE} is removed, and locked until then",
        observed=f"{after(o)}; when unlink() is called, {PID_FILE} is not locked any more",
        because=(
            "Your program gives up the lock before it removes the file. Between the two, another instance may lock the "
            "file and write its PID, and then loses it. Call unlink() first. The kernel releases the lock when the "
            "process exits."
        ),
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


SURPRISED = Scene(then=(RaiseBeforeWait(signal.SIGTERM),))


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
        return SLEPT_THROUGH
    if o.after.left:
        return ANOTHER_STAYS
    return INTERRUPTION_IS_NO_ERROR


@check(
    read="sigprocmask(2), signal(7)",
    scene=Scene(fault=Fault.HOLD_SIGNALS, then=(Signal(signal.SIGTERM),)),
    follows=[stops],
)
def stops_at_once(o: Observation) -> Finding:
    """a SIGTERM that comes right after the first process has returned is not lost."""
    if stopped_well(o) and not o.held.unprepared:
        return None
    return Wrong(
        expected="once the first process has exited, SIGTERM makes the daemon exit with status 0",
        observed=f"{fate(o)}; {content(o.pid_file)}" if o.held.unprepared else after(o),
        because=why_it_is_not_ready_to_stop(o),
    )


def why_it_is_not_ready_to_stop(o: Observation) -> str:
    if o.held.unprepared:
        return (
            "The daemon says that it is ready, and only then blocks or handles SIGTERM. The signal came between the "
            "two, killed the daemon, and left the PID file behind. Block SIGTERM before you write the PID file."
        )
    return why_it_does_not_stop(o)


@check(
    read="flock(2), stat(2)",
    scene=Scene(fault=Fault.LOCK_IN_VAIN, then=(Signal(signal.SIGTERM),)),
    follows=[step_11.pid_file_locked, stops, removes_pid_file],
)
def locks_what_is_there(o: Observation) -> Finding:
    """a PID file that is removed before it is locked is made anew."""
    has_file = o.process is not None and step_11.holds_pid(o.pid_file, o.process.pid)
    gives_up = o.held.lock_was_vain and fails_cleanly(o) and o.pid_file is None
    if gives_up or (has_file and stopped_well(o)):
        return None
    return Wrong(
        expected=f"the lab removes {PID_FILE} just before your program locks it: {PID_FILE} is there again, and holds "
        "the daemon's PID; after kill -TERM: exit status 0",
        observed=f"{fate(o)}; {content(o.pid_file)}",
        because=(
            "An instance that stops removes its file. Your program opened that file before, and locked it after, so it "
            "has a lock on a file without a name. After flock(), compare fstat() with stat() of the name. If they "
            "differ, open the file once more."
        ),
    )


# A start that fails


def leaves_no_file(
    name: str,
    says: str,
    scene: Scene,
    what: str,
    cause: str,
    follows: Sequence[Check] = (),
    may_stay: Callable[[Observation], bool] = lambda o: False,
    **more: Any,
) -> Check:
    """The check that a start which fails leaves no PID file behind.

    `what` says what the lab does to it, `cause` where such a start fails. A daemon
    that stays, because it has not failed, is right where `may_stay` says so.
    `more` are fields of Check.
    """

    @check(name=name, says=says, read="atexit(3), unlink(2)", scene=scene, follows=follows, **more)
    def no_file_is_left(o: Observation) -> Finding:
        has_failed = not o.processes and o.pid_file is None and not is_option_unknown(o)
        if has_failed or (o.processes and may_stay(o)):
            return None
        return Wrong(
            expected=f"{what}: no daemon stays, and there is no {PID_FILE}",
            observed=f"{fate(o)}; {content(o.pid_file)}",
            because=why_a_file_is_left(o, cause),
        )

    return no_file_is_left


def is_option_unknown(o: Observation) -> bool:
    """Whether it ends as one that does not know one of the options that it was started with."""
    return not o.processes and says_why(o, "invalid option", "unrecognized option", "usage")


def why_a_file_is_left(o: Observation, cause: str) -> str:
    if is_option_unknown(o):
        return (
            "Your program does not know one of these options. Add its letter to the options of getopt(), with a colon "
            "behind it if a word follows."
        )
    if o.processes:
        return "This start must fail, but the daemon stays. Print the reason, remove the PID file and exit."
    told_too_early = ""
    if o.job.status == 0:
        told_too_early = (
            " And the first process exited with status 0, so your program said that it was ready before this. Say so "
            "only after everything that can fail."
        )
    return (
        f"{cause} The PID file stays behind, and names a process that has ended. Remove the file wherever your program "
        "gives up: in the function that prints the reason, or with atexit(). exit() runs the functions that atexit() "
        f"was given, and _exit() does not.{told_too_early}"
    )


refused_start = leaves_no_file(
    "refused_start",
    "a start that fails leaves no PID file",
    step_13.NOT_ROOT,
    "started by an ordinary user with -u root",
    "Your program may not become another user, and exits.",
    follows=[step_13.not_root, removes_pid_file],
)


# Bonus

full_disk = leaves_no_file(
    "full_disk",
    "a start that fails because the disk is full leaves no PID file",
    Scene(fault=Fault.DISK_FULL),
    "every write() is made to fail with ENOSPC",
    "Your program cannot write its PID, and exits.",
    bonus=True,
)
nobody_waits = leaves_no_file(
    "nobody_waits",
    "a start that nobody waits for any more leaves no PID file",
    Scene(fault=Fault.CHDIR_ORPHANED),
    "the lab kills the first process and all others but the daemon, before the daemon is ready",
    "The daemon ended when it said that it is ready. Most likely SIGPIPE killed it, because nobody reads the pipe any "
    "more. Ignore SIGPIPE there, so that the write fails instead.",
    bonus=True,
    may_stay=lambda o: True,
)

# In a directory of root's, in which USER may not remove a file.
UNREMOVABLE = Scene(root=True, then=(Signal(signal.SIGTERM),))


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
    signals_reset,
    sigterm_ends,
    stops,
    removes_pid_file,
    leaves_others_file,
    locked_until_removed,
    tells_of_stop,
    none_slept_through,
    stops_at_once,
    locks_what_is_there,
    refused_start,
    unremovable_file,
    full_disk,
    nobody_waits,
]
