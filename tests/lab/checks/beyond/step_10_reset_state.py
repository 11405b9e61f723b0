"""Step 10: the state that the program was started with is undone: its signals, and its environment."""

from __future__ import annotations

import signal
from typing import Collection

from lab.checks.beyond import step_08_sighup as step_08
from lab.checks.beyond import step_09_second_fork as step_09
from lab.checks.check import Finding, Unseen, Wrong, check
from lab.checks.common import crash, crash_cause, ended, fate, no_environ, signal_name
from lab.facts import Observation, Process
from lab.scene import UNBLOCKED, Scene, Signal, Signals

HELD = Scene(signals=Signals.HELD, then=(Signal(signal.SIGTERM),))
PENDING = Scene(signals=Signals.PENDING)

# Variables that somebody has set in a shell. The lab gives each launch others as well.
CALLERS = {"EDITOR": "ed", "PATH": "/usr/bin:/bin:/home/caller/bin", "TZ": "Asia/Kathmandu"}
WITH_VARIABLES = Scene(environment=tuple(f"{name}={value}" for name, value in CALLERS.items()))

FEW = 10  # signals: fewer are left by a program that set them itself, or missed some
NAMED = 6  # signals, at the most, that are told by their names
LIBCS_OWN = {32, 33, 34}  # no program can set 32 and 33, nor 34 with musl
FIRST_REAL_TIME = {*LIBCS_OWN, 35}  # the first that is left may be any of these, with one libc or the other


def kept(o: Observation) -> frozenset[int]:
    """The signals that are ignored and should not be."""
    return o.survivor.ignored - {signal.SIGHUP}


def stands_alone(o: Observation) -> bool:
    """Whether the first process has exited with status 0, and one process stays."""
    return o.job.status == 0 and len(o.processes) == 1


def left_by_a_loop(numbers: Collection[int]) -> int:
    """The signal before which a loop that counts up has stopped, 0 if that is not what has left these out."""
    first = min(numbers, default=0)
    unsettable = {signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP, UNBLOCKED, *LIBCS_OWN}
    return first if {*range(first, signal.SIGRTMAX + 1)} - unsettable <= {*numbers} else 0


def listed(numbers: Collection[int]) -> str:
    """Some signals by name, "none" for none."""
    if not numbers:
        return "none"
    names = [signal_name(number) for number in sorted(numbers)]
    text = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        text += f" and {len(names) - NAMED} more"
    return text


def observed_sets(o: Observation) -> str:
    """The signals that it blocks and ignores, in words, or how it ended."""
    if o.process is None:
        return fate(o)
    sets = f"blocked: {listed(o.process.blocked)}; ignored: {listed(o.process.ignored)}"
    if o.job.status is None:
        return f"{sets}; the first process (PID {o.job.pid}) has not exited"
    if o.job.status != 0:
        return f"{sets}; the first process (PID {o.job.pid}) {ended(o.job.status)}"
    others = [str(each.pid) for each in o.processes[:-1]]
    return f"{sets}; beside the daemon {', '.join(others)} stay{'s' if len(others) == 1 else ''}" if others else sets


@check(read="signal(7), execve(2)", scene=HELD, follows=[step_08.ignores_hangup, step_09.one_lives_on])
def signals_reset(o: Observation) -> Finding:
    """only SIGHUP stays ignored, and no signal stays blocked."""
    if stands_alone(o) and not o.survivor.blocked and o.survivor.ignored == {signal.SIGHUP}:
        return None
    return Wrong(
        expected="blocked: none; ignored: SIGHUP",
        observed=observed_sets(o),
        because=why_signals_are_not_reset(o),
    )


def why_signals_are_not_reset(o: Observation) -> str:
    """Why signals are ignored or blocked that should not be, here and in step 14."""
    if o.process is None and crash(o):
        return crash_cause(o)
    if o.process is None:
        return (
            "Your program exits when signals are ignored at its start. signal() then returns SIG_IGN, the action "
            "before. Most likely your program takes that for an error. Only SIG_ERR means that a call failed. In a "
            "loop over all signals some calls must fail, because nobody can change SIGKILL and SIGSTOP. So do not test "
            "there."
        )
    if o.process.blocked:
        return why_signals_are_blocked(o, o.process)
    if kept(o):
        return why_signals_are_ignored(kept(o))
    if o.job.status != 0:
        return why_the_first_process_does_not_exit_well(o)
    if len(o.processes) > 1:
        return (
            "More than one process stays when SIGCHLD is ignored at the start. Most likely one repeats waitpid(), "
            "which then fails with ECHILD. Reset the signals before the first fork()."
        )
    return (
        "Most likely your program ignores SIGHUP first and then resets all signals, SIGHUP too. Reset first, then "
        "ignore SIGHUP. Unblock last."
    )


def why_the_first_process_does_not_exit_well(o: Observation) -> str:
    if o.job.status is None and does(o, o.job.pid) in SIGNAL_CALLS:
        return (
            "The first process does not exit. It waits for a signal, and most likely that one is still blocked or "
            "ignored there. Reset the signals before the first fork(), or in the parent too."
        )
    if o.job.status is None:
        return (
            "The first process does not exit when SIGCHLD is ignored at the start. Most likely it repeats waitpid(), "
            "which then fails with ECHILD. Set SIGCHLD to SIG_DFL before fork()."
        )
    return (
        f"The first process {ended(o.job.status)}. Most likely its waitpid() fails with ECHILD, because SIGCHLD is "
        "ignored at the start. Reset the signals before the first fork()."
    )


SIGNAL_CALLS = ("pause", "rt_sigsuspend", "rt_sigtimedwait")


def does(o: Observation, pid: int) -> str:
    """The system call that a process is in, "" for none or where that is not known."""
    return next((doing.call for doing in o.doing if doing.pid == pid), "")


def why_signals_are_ignored(ignored: Collection[int]) -> str:
    first = left_by_a_loop(ignored)
    last = max(ignored)
    if first == signal.SIGKILL + 1:
        return (
            "Your loop stopped at SIGKILL, because nobody can change SIGKILL. Ignore that error and go on to "
            "SIGRTMAX. The same holds for SIGSTOP, 32 and 33."
        )
    if first == signal.SIGSTOP + 1:
        return (
            "Your loop stopped at SIGSTOP, because nobody can change SIGSTOP. Ignore that error and go on to "
            "SIGRTMAX. The same holds for 32 and 33."
        )
    if first == signal.SIGRTMAX:
        return "Your loop leaves out the last signal, SIGRTMAX. Let it run up to SIGRTMAX itself (<=, not <)."
    if first in FIRST_REAL_TIME:
        return (
            "Your loop leaves out the real-time signals. Most likely it ends at 31, or at the first error. signal() "
            "fails for 32 and 33 (musl: 34 too), which libc keeps for itself. Go on to SIGRTMAX (64 here)."
        )
    if first > signal.SIGHUP + 1:
        return (
            f"Your loop ends too early: {signal_name(first)} and all signals above it are still ignored. Let it run up "
            f"to SIGRTMAX ({int(signal.SIGRTMAX)} here)."
        )
    if len(ignored) < FEW:
        return (
            f"The daemon still ignores {listed(ignored)}. Either your program leaves out such a signal in its loop, or "
            "it ignores the signal itself afterwards. Set every signal but SIGHUP to SIG_DFL in the loop, or remove "
            "that SIG_IGN."
        )
    if last < min(LIBCS_OWN):
        return (
            "Your program leaves out the signals up to 31. Most likely a loop that counts down stopped at the first "
            "number for which signal() fails, because libc keeps it. Continue after such an error down to 1, but "
            "leave out SIGHUP."
        )
    return (
        "Signals other than SIGHUP are ignored. Most likely your program never resets them, or ignores them itself. "
        "Set all but SIGHUP to SIG_DFL, from 1 to SIGRTMAX, and continue where that fails: SIGKILL, SIGSTOP, 32, 33."
    )


def has_the_mask_of_the_start(p: Process) -> bool:
    """Whether it blocks what was blocked when the program was started: never all that it could block."""
    blockable = {*range(1, signal.SIGRTMAX + 1)} - {signal.SIGKILL, signal.SIGSTOP, UNBLOCKED} - LIBCS_OWN
    return UNBLOCKED not in p.blocked and blockable <= p.blocked


def why_signals_are_blocked(o: Observation, p: Process) -> str:
    if kept(o) and has_the_mask_of_the_start(p):
        return (
            "Most likely your program never resets its signals. What was ignored or blocked at its start still is, "
            "because that passes through fork() and execve(). Before the first fork(), set all but SIGHUP to SIG_DFL, "
            "and empty the mask."
        )
    if p.thread_count > 1:
        return (
            "All threads of your program block these signals, and each thread has its own mask. Unblock the signals in "
            "one thread, with pthread_sigmask()."
        )
    if has_the_mask_of_the_start(p):
        return (
            "The daemon blocks what was blocked at its start. Most likely your program sets no empty mask, or a later "
            "sigprocmask() puts the old mask back. Let sigprocmask(SIG_SETMASK, &none, NULL), with an empty set, be "
            "the last call that changes the mask."
        )
    if UNBLOCKED in p.blocked and len(p.blocked) >= FEW:
        return (
            f"Your program blocks signals itself. The lab starts it with {UNBLOCKED.name} unblocked, and now the "
            f"daemon blocks {UNBLOCKED.name} too. Most likely sigfillset() filled the set. Empty it with sigemptyset()."
        )
    first = left_by_a_loop(p.blocked)
    name = "the first real-time signal" if first in FIRST_REAL_TIME else signal_name(first)
    if first > signal.SIGHUP:
        return (
            f"Your program leaves {name} and all above it blocked. Use sigprocmask(SIG_SETMASK) with an empty set, "
            "which unblocks all signals."
        )
    if len(p.blocked) < FEW:
        return (
            "These signals are still blocked. Most likely your program blocks them itself after it has emptied the "
            "mask. Leave that out, or unblock them again."
        )
    return (
        "Your program unblocks only some of the signals. SIG_UNBLOCK removes what is in its set, and nothing else. "
        "Use SIG_SETMASK with an empty set."
    )


@check(read="signal(7), kill(2)", scene=HELD, follows=[signals_reset, step_09.one_lives_on])
def sigterm_ends(o: Observation) -> Finding:
    """SIGTERM ends the daemon."""
    if o.process is not None and not o.after.left:
        return None
    if o.process is None:
        observed = fate(o)
    else:
        observed = f"after kill -TERM still running: {', '.join(f'process {pid}' for pid in o.after.left)}"
    return Wrong(
        expected="no process stays after kill -TERM",
        observed=observed,
        because=why_sigterm_does_not_end_it(o),
    )


def why_sigterm_does_not_end_it(o: Observation) -> str:
    if o.after.left and o.survivor.pid not in o.after.left:
        return (
            "SIGTERM ended the daemon, but another process of your program stays. Most likely a handler called fork(). "
            "Exit in the handler, and start nothing."
        )
    return (
        "SIGTERM does not end the daemon. Most likely a handler or sigwait() takes the signal, and the program runs "
        "on. Set SIGTERM to SIG_DFL, which ends the process. If your program needs a handler, exit when it has run."
    )


@check(
    read="signal(7), sigaction(2), execve(2)",
    scene=PENDING,
    follows=[signals_reset, step_09.one_lives_on],
)
def pending_hangup(o: Observation) -> Finding:
    """a SIGHUP that was pending at the start kills no process."""
    # The mask of the start would only put it off. What a daemon blocks itself is another matter: step 14.
    if stands_alone(o) and not has_the_mask_of_the_start(o.survivor):
        return None
    return Wrong(
        expected="started with SIGHUP blocked and pending: the first process exits with status 0, one process stays",
        observed=f"{fate(o)}; {observed_mask(o)}" if o.process else fate(o),
        because=why_it_is_hung_up(o),
    )


def observed_mask(o: Observation) -> str:
    """What it blocks, in words."""
    return f"blocked: {listed(o.survivor.blocked)}"


def why_it_is_hung_up(o: Observation) -> str:
    if any(step_08.was_hung_up(status) for status in (o.job.status, *o.reaped.values())):
        return (
            "SIGHUP was pending when your program started, and it killed the process that unblocked it. Ignore SIGHUP "
            "first, because that discards a pending one, and never set it to SIG_DFL. Unblock all signals after that."
        )
    if o.process is not None and has_the_mask_of_the_start(o.process):
        return (
            "The daemon still blocks the signals that were blocked at its start, so a SIGHUP only waits. Ignore "
            "SIGHUP, and then empty the mask with sigprocmask(SIG_SETMASK)."
        )
    return (
        "Your program starts well without a pending signal, but not with a pending SIGHUP. Most likely a handler for "
        "SIGHUP ran when it was unblocked. Ignore SIGHUP with SIG_IGN, and then unblock it."
    )


@check(
    read="clearenv(3), environ(7), tzset(3)",
    scene=WITH_VARIABLES,
    follows=[step_09.one_lives_on],
    expects="none of the variables that its caller has set",
)
def environment_reset(o: Observation, p: Process) -> Finding:
    """the daemon has no variable of its caller's environment."""
    why_unseen = no_environ(o)
    if why_unseen:
        return Unseen(why_unseen)
    left = left_of_the_caller(p)
    if not left:
        return None
    return Wrong(
        expected="none of the variables that its caller has set",
        observed=", ".join(f"{name}={CALLERS[name]}" for name in left),
        because=why_variables_are_left(left),
    )


def left_of_the_caller(p: Process) -> list[str]:
    """The variables that still have the caller's value. One that the program sets itself is its own affair."""
    environment = p.environment or {}
    return [name for name, value in CALLERS.items() if environment.get(name) == value]


def why_variables_are_left(left: Collection[str]) -> str:
    if len(left) == len(CALLERS):
        return (
            "Most likely your program never clears its environment. fork() and execve() pass the variables on, so a TZ "
            "from somebody's shell changes the times in the log. Call clearenv() before the first message and before "
            "the first fork()."
        )
    return (
        "Your program removes some variables, but not these. It cannot know the names of all that a shell may hold. "
        "Remove all of them with clearenv(), and then set the variables that your program needs."
    )


CHECKS = [signals_reset, sigterm_ends, pending_hangup, environment_reset]
