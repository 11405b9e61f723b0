"""Step 10: the signal state that it was started with is undone."""

import signal

from lab.checks.model import Check, fate, signal_name
from lab.scene import Scene

HELD = Scene(signals="held", then=("SIGTERM",))

FEW = 10  # signals: fewer are left by a program that set them itself, or missed some


def kept(o):
    """The signals that are ignored and should not be."""
    return o.process.ignored - {signal.SIGHUP}


def listed(numbers):
    """Some signals by name, "none" for none."""
    names = [signal_name(number) for number in sorted(numbers)]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "") or "none"


def observed_sets(o):
    if o.process is None:
        return fate(o)
    return f"blocked: {listed(o.process.blocked)}; ignored: {listed(o.process.ignored)}"


CHECKS = [
    Check(
        key="signals_reset",
        says="launched with all signals ignored and blocked: afterwards only SIGHUP is ignored",
        read="signal(7), execve(2)",
        on_process=False,
        scene=HELD,
        follows=("ignores_hangup", "one_lives_on"),
        holds=lambda o: o.process is not None and not o.process.blocked and o.process.ignored == {signal.SIGHUP},
        expected=lambda o: "blocked: none; ignored: SIGHUP",
        observed=observed_sets,
        causes=(
            (lambda o: o.process is None, "launched like that it does not live on"),
            (
                lambda o: o.process.blocked and kept(o),
                "what is ignored and what is blocked is inherited through fork() and execve(): both have to be undone "
                "in the process that lives on, or before it is forked, by SIG_DFL for every signal and by an empty "
                "mask",
            ),
            (
                lambda o: o.process.blocked and o.process.thread_count > 1,
                "each thread has a mask of its own, and what all of them block is kept from the process: what only one "
                "takes the others may block, but the rest has to be let through by one of them, pthread_sigmask(3)",
            ),
            (
                lambda o: 0 < len(o.process.blocked) < FEW,
                "these signals were left blocked, or the program blocks them itself: sigprocmask(SIG_SETMASK) with an "
                "empty set leaves none",
            ),
            (
                lambda o: o.process.blocked,
                "the mask is inherited too, and was not emptied: sigprocmask(SIG_SETMASK) with an empty set does "
                "that. SIG_UNBLOCK takes out only what it is given, SIG_BLOCK takes out nothing, and sigfillset() "
                "makes a full set",
            ),
            (
                lambda o: 0 < len(kept(o)) < FEW,
                "these signals were left ignored, or the program ignores them itself: set to SIG_DFL, each has its "
                "default action again",
            ),
            (
                lambda o: kept(o) and min(kept(o)) >= 32,
                "the real-time signals are missing: the last signal is SIGRTMAX (64 here), not 31. And 32 and 33, "
                "which are libc's own, cannot be set: a loop must not end at them",
            ),
            (
                lambda o: kept(o) and min(kept(o)) > signal.SIGKILL,
                "all signals above SIGKILL are still ignored: the loop stopped at SIGKILL, whose action cannot be "
                "set. It has to go on past that, past SIGSTOP, and past libc's own 32 and 33",
            ),
            (
                kept,
                "the action of these signals was not set to SIG_DFL: it has to be for each from 1 to SIGRTMAX, and "
                "the loop has to go on past those that cannot be set (SIGKILL, SIGSTOP, and libc's own 32 and 33)",
            ),
            (True, "SIGHUP was set back too, after it had been ignored: first undo, then ignore"),
        ),
    ),
    Check(
        key="sigterm_ends",
        says="SIGTERM ends it then",
        read="signal(7), kill(2)",
        on_process=False,
        scene=HELD,
        follows=("signals_reset", "one_lives_on"),
        holds=lambda o: o.process is not None and not o.left,
        expected=lambda o: "nothing lives on after kill -TERM",
        observed=lambda o: f"{' and '.join(map(str, o.left)) or 'nothing'} lives on after kill -TERM",
        causes=(
            (
                lambda o: o.left and o.process.pid not in o.left,
                "SIGTERM ended this process, and another goes on in its place: what is told to end has to be gone",
            ),
            (
                True,
                "SIGTERM does not end it: it catches the signal and goes on, or sigwait() takes it. What is used to "
                "stop daemons sends SIGTERM first, and SIGKILL after a while",
            ),
        ),
    ),
]
