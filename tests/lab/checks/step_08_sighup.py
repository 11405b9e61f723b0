"""Step 08: the terminal's hang-up does not end it."""

import signal

from lab.checks.model import Check, ended, fate
from lab.scene import HOLD_SETSID, Scene

TIMES = 10
# The child gets no further than its setsid() until its parent has ended, or waits for it: else chance says which comes
# first, and on a busy machine most often the same.
LEADING = Scene(leads=True, fault=HOLD_SETSID)


def was_hung_up(status):
    """Whether this is the wait status of a process that SIGHUP ended."""
    return status is not None and status & 0x7F == signal.SIGHUP


CHECKS = [
    Check(
        key="ignores_hangup",
        says="SIGHUP is ignored",
        read="signal(7), sigaction(2)",
        holds=lambda o: signal.SIGHUP in o.process.ignored,
        expected=lambda o: "SIGHUP in the set SigIgn of /proc/PID/status",
        observed=lambda o: "SIGHUP is "
        + ("blocked, and " if signal.SIGHUP in o.process.blocked else "")
        + ("caught by a handler" if signal.SIGHUP in o.process.caught else "not ignored"),
        causes=(
            (
                lambda o: signal.SIGHUP in o.process.caught,
                "a handler is installed for it. execve() sets it back to the default, and a handler interrupts "
                "calls such as pause() and sleep(). SIG_IGN in its place lasts through execve() and interrupts nothing",
            ),
            (
                lambda o: signal.SIGHUP in o.process.blocked,
                "a blocked signal is kept back, not discarded: it is pending, and ends the process once it is "
                "unblocked. SIG_IGN as its action discards it",
            ),
            (
                True,
                "SIGHUP still has its default action in this process, which is to end it: SIG_IGN was not set, or "
                "for another signal, or in another process (after the fork each has its own), or it was set back",
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
        expected=lambda o: "launched as the leader of a terminal's session, as by ssh -t: it ends with status 0, and "
        "one process lives on, every time",
        observed=lambda o: f"first that failed: {fate(o)}",
        causes=(
            (
                lambda o: was_hung_up(o.job_status),
                "SIGHUP ended the launched process itself: a session leader that gives up its terminal (TIOCNOTTY) "
                "sends it to the group in the foreground, and so to itself",
            ),
            (
                lambda o: any(map(was_hung_up, o.reaped.values())),
                "when a session leader ends, the kernel sends SIGHUP to the group in the foreground of its terminal. "
                "The child is in it until its setsid(), and the signal came (or was unblocked) before it was "
                "ignored. Ignore it before the first fork; the child inherits that",
            ),
            (
                lambda o: o.job_status is None,
                "the launched process goes on where it leads its session: whoever started it waits for its end. It "
                "has to end there too, and leave its child behind",
            ),
            (
                lambda o: o.job_status != 0,
                lambda o: f"the launched process {ended(o.job_status)}: here it leads its session, where setpgid() "
                "fails with EPERM, as setsid() does in the leader of any group. Neither is needed before the fork",
            ),
            (
                True,
                "the child ended in some other way: in a handler for SIGHUP, or since a call failed. When its leader "
                "ends, a session loses its terminal: open() of /dev/tty fails with ENXIO, tcgetpgrp() with ENOTTY",
            ),
        ),
    ),
]
