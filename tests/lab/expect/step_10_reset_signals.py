"""Step 10: the signal state that it was started with is undone."""

import signal

from lab.expect.model import Check, Scene, fate, signal_name

HELD = Scene(signals="held", then=("SIGTERM",))


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
                lambda o: o.process.blocked and o.process.ignored > {signal.SIGHUP},
                "what is ignored and what is blocked is inherited through fork() and execve(): both have to be undone, "
                "by SIG_DFL for every signal and by an empty mask",
            ),
            (
                lambda o: o.process.blocked and len(o.process.blocked) < 10,
                "these signals were left blocked, or the program blocks them itself: sigprocmask(SIG_SETMASK) with an "
                "empty set leaves none",
            ),
            (
                lambda o: o.process.blocked,
                "the mask is inherited too, and was not emptied: sigprocmask(SIG_SETMASK) with an empty set does "
                "that, where SIG_UNBLOCK takes out only what it is given",
            ),
            (
                lambda o: o.process.ignored > {signal.SIGHUP} and min(o.process.ignored - {signal.SIGHUP}) >= 32,
                "the real-time signals are missing: the last signal is SIGRTMAX (64 here), not 31",
            ),
            (
                lambda o: o.process.ignored > {signal.SIGHUP},
                "these signals are still ignored: their action was not set back to SIG_DFL, or the loop over the "
                "signals stopped at the first that cannot be set (SIGKILL, SIGSTOP, and libc's own 32 and 33)",
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
                True,
                "SIGTERM does not end it: it catches the signal and goes on. What stops daemons sends SIGTERM, and "
                "SIGKILL when its patience is at its end",
            ),
        ),
    ),
]
