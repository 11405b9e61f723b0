"""Step 08: the terminal's hang-up does not end it."""

import signal

from lab.expect.model import Check, Scene, ended, fate

TIMES = 10
LEADING = Scene(leads=True)


def hung_up(o):
    """The status of a process of the answer's that the hang-up ended, None if none was."""
    statuses = [status for status in (o.job_status, *o.reaped.values()) if status is not None]
    return next((status for status in statuses if status & 0x7F == signal.SIGHUP), None)


CHECKS = [
    Check(
        key="ignores_hangup",
        says="SIGHUP is ignored",
        read="signal(7), sigaction(2)",
        holds=lambda o: signal.SIGHUP in o.process.ignored,
        expected=lambda o: "SIGHUP in the set SigIgn of /proc/PID/status",
        observed=lambda o: "SIGHUP is blocked, and not ignored"
        if signal.SIGHUP in o.process.blocked
        else "SIGHUP is not ignored",
        causes=(
            (
                lambda o: signal.SIGHUP in o.process.blocked,
                "a blocked signal stays pending, and ends the process as soon as anything unblocks it. SIG_IGN as "
                "its action discards it",
            ),
            (
                True,
                "SIGHUP still has its default action, which ends the process, or a handler of the program's own: "
                "its action was not set to SIG_IGN, or it was set back",
            ),
        ),
    ),
    Check(
        key="survives_hangup",
        says=f"lives on when a session leader starts it, {TIMES} times of {TIMES}",
        read="setsid(2), signal(7)",
        on_process=False,
        scene=LEADING,
        times=TIMES,
        follows=("one_lives_on",),
        holds=lambda o: o.job_status == 0 and len(o.processes) == 1,
        expected=lambda o: "launched as the leader of a terminal's session, as by ssh -t: one process lives on, every "
        "time",
        observed=lambda o: f"one of {TIMES} times: {fate(o)}",
        causes=(
            (
                lambda o: hung_up(o) is not None,
                "when a session leader ends, its terminal hangs up, and SIGHUP goes to the group in the foreground, "
                "which the child is still in: it came before SIGHUP was ignored. Ignore it before the first fork; "
                "the child inherits that",
            ),
            (
                lambda o: o.job_status not in (0, None),
                lambda o: f"the launched process {ended(o.job_status)}: here it leads its session, and setsid() "
                "fails in a process that leads its group",
            ),
            (True, "it does not live on, though SIGHUP did not end it: see what it printed or logged"),
        ),
    ),
]
