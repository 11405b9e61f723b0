"""Step 10: the signal state that it was started with is undone."""

from __future__ import annotations

import signal
from typing import Collection

from lab.checks.beyond import step_08_sighup as step_08
from lab.checks.beyond import step_09_second_fork as step_09
from lab.checks.check import Finding, Wrong, check
from lab.checks.common import fate, signal_name
from lab.facts import Observation, Process
from lab.scene import Scene, Signal, Signals

HELD = Scene(signals=Signals.HELD, then=(Signal(signal.SIGTERM),))

FEW = 10  # signals: fewer are left by a program that set them itself, or missed some
NAMED = 6  # signals, at the most, that are told by their names


def kept(o: Observation) -> frozenset[int]:
    """The signals that are ignored and should not be."""
    return o.survivor.ignored - {signal.SIGHUP}


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
    """What it blocks and ignores, in words, or what became of it."""
    if o.process is None:
        return fate(o)
    return f"blocked: {listed(o.process.blocked)}; ignored: {listed(o.process.ignored)}"


@check(read="signal(7), execve(2)", scene=HELD, follows=[step_08.ignores_hangup, step_09.one_lives_on])
def signals_reset(o: Observation) -> Finding:
    """launched with all signals ignored and blocked: afterwards only SIGHUP is ignored."""
    if o.process is not None and not o.process.blocked and o.process.ignored == {signal.SIGHUP}:
        return None
    return Wrong(
        expected="blocked: none; ignored: SIGHUP",
        observed=observed_sets(o),
        because=why_signals_are_not_reset(o),
    )


def why_signals_are_not_reset(o: Observation) -> str:
    """Why signals are ignored or blocked that should not be, here and in step 14."""
    if o.process is None:
        return "launched like that it does not live on"
    if o.process.blocked:
        return why_signals_are_blocked(o, o.process)
    ignored = kept(o)
    if 0 < len(ignored) < FEW:
        return (
            "these signals were left ignored, or the program ignores them itself: set to SIG_DFL, each has its "
            "default action again"
        )
    if ignored and min(ignored) >= 32:
        return (
            "the real-time signals are missing: the last signal is SIGRTMAX (64 here), not 31. And 32 and 33, "
            "which are libc's own, cannot be set: a loop must not end at them"
        )
    if ignored and min(ignored) > signal.SIGKILL:
        return (
            "all signals above SIGKILL are still ignored: the loop stopped at SIGKILL, whose action cannot be "
            "set. It has to go on past that, past SIGSTOP, and past libc's own 32 and 33"
        )
    if ignored:
        return (
            "the action of these signals was not set to SIG_DFL: it has to be for each from 1 to SIGRTMAX, and "
            "the loop has to go on past those that cannot be set (SIGKILL, SIGSTOP, and libc's own 32 and 33)"
        )
    return "SIGHUP was set back too, after it had been ignored: first undo, then ignore"


def why_signals_are_blocked(o: Observation, p: Process) -> str:
    if kept(o):
        return (
            "what is ignored and what is blocked is inherited through fork() and execve(): both have to be undone "
            "in the process that lives on, or before it is forked, by SIG_DFL for every signal and by an empty "
            "mask"
        )
    if p.thread_count > 1:
        return (
            "each thread has a mask of its own, and what all of them block is kept from the process: what only one "
            "takes the others may block, but the rest has to be let through by one of them, pthread_sigmask(3)"
        )
    if len(p.blocked) < FEW:
        return (
            "these signals were left blocked, or the program blocks them itself: sigprocmask(SIG_SETMASK) with an "
            "empty set leaves none"
        )
    return (
        "the mask is inherited too, and was not emptied: sigprocmask(SIG_SETMASK) with an empty set does "
        "that. SIG_UNBLOCK takes out only what it is given, SIG_BLOCK takes out nothing, and sigfillset() "
        "makes a full set"
    )


@check(read="signal(7), kill(2)", scene=HELD, follows=[signals_reset, step_09.one_lives_on])
def sigterm_ends(o: Observation) -> Finding:
    """SIGTERM ends it then."""
    if o.process is not None and not o.after.left:
        return None
    living = " and ".join(str(pid) for pid in o.after.left) or "nothing"
    return Wrong(
        expected="nothing lives on after kill -TERM",
        observed=f"{living} lives on after kill -TERM",
        because=why_sigterm_does_not_end_it(o),
    )


def why_sigterm_does_not_end_it(o: Observation) -> str:
    if o.after.left and o.survivor.pid not in o.after.left:
        return "SIGTERM ended this process, and another goes on in its place: what is told to end has to be gone"
    return (
        "SIGTERM does not end it: it catches the signal and goes on, or sigwait() takes it. What is used to "
        "stop daemons sends SIGTERM first, and SIGKILL after a while"
    )


CHECKS = [signals_reset, sigterm_ends]
