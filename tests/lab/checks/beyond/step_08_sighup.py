"""Step 08: the terminal's hang-up does not end it."""

from __future__ import annotations

import signal

from lab.checks.check import Finding, Wrong, check
from lab.checks.common import ended, fate
from lab.checks.recipe import step_02_fork as step_02
from lab.facts import Observation, Process
from lab.faults import Fault
from lab.scene import Scene

TIMES = 3  # the lab holds the order that counts, see LEADING: more launches would show nothing else
# The child gets no further than the first call that could save it until its parent has ended, or waits for it: else
# chance says which comes first, and on a busy machine most often the same.
LEADING = Scene(leads=True, fault=Fault.HOLD_CHILD)


@check(read="signal(7), sigaction(2)")
def ignores_hangup(o: Observation, p: Process) -> Finding:
    """SIGHUP is ignored."""
    if signal.SIGHUP in p.ignored:
        return None
    blocked = "blocked, and " if signal.SIGHUP in p.blocked else ""
    action = "caught by a handler" if signal.SIGHUP in p.caught else "not ignored"
    return Wrong(
        expected="SIGHUP in the set SigIgn of /proc/PID/status",
        observed=f"SIGHUP is {blocked}{action}",
        because=why_it_is_not_ignored(p),
    )


def why_it_is_not_ignored(p: Process) -> str:
    if signal.SIGHUP in p.caught:
        return (
            "a handler is installed for it. execve() sets it back to the default, and a handler interrupts "
            "calls such as pause() and sleep(). SIG_IGN in its place lasts through execve() and interrupts nothing"
        )
    if signal.SIGHUP in p.blocked:
        return (
            "a blocked signal is kept back, not discarded: it is pending, and ends the process once it is "
            "unblocked. SIG_IGN as its action discards it"
        )
    return (
        "SIGHUP still has its default action in this process, which is to end it: SIG_IGN was not set, or "
        "for another signal, or in another process (after the fork each has its own), or it was set back"
    )


def was_hung_up(status: int | None) -> bool:
    """Whether this is the wait status of a process that SIGHUP ended."""
    return status is not None and status & 0x7F == signal.SIGHUP


@check(
    says=f"lives on when a session leader starts it, {TIMES} times of {TIMES}",
    read="setsid(2), signal(7)",
    scene=LEADING,
    times=TIMES,
    follows=[step_02.one_lives_on],
)
def survives_hangup(o: Observation) -> Finding:
    if o.job.status == 0 and len(o.processes) == 1:
        return None
    return Wrong(
        expected="launched as the leader of a terminal's session, as by ssh -t: it ends with status 0, and "
        "one process lives on, every time",
        observed=f"first that failed: {fate(o)}",
        because=why_it_did_not_survive(o),
    )


def why_it_did_not_survive(o: Observation) -> str:
    if was_hung_up(o.job.status):
        return (
            "SIGHUP ended the launched process itself: a session leader that gives up its terminal (TIOCNOTTY) "
            "sends it to the group in the foreground, and so to itself"
        )
    if any(was_hung_up(status) for status in o.reaped.values()):
        return (
            "SIGHUP killed the child before your program ignored it. The kernel sent it when the first process, the "
            "session leader, exited. A sleep there only makes that rarer. Ignore SIGHUP before the first fork(), and "
            "the child inherits that."
        )
    if o.job.status is None:
        return (
            "the launched process goes on where it leads its session: whoever started it waits for its end. It "
            "has to end there too, and leave its child behind"
        )
    if o.job.status != 0:
        return (
            f"the launched process {ended(o.job.status)}: here it leads its session, where setpgid() "
            "fails with EPERM, as setsid() does in the leader of any group. Neither is needed before the fork"
        )
    return (
        "the child ended in some other way: in a handler for SIGHUP, or since a call failed. When its leader "
        "ends, a session loses its terminal: open() of /dev/tty fails with ENXIO, tcgetpgrp() with ENOTTY"
    )


CHECKS = [ignores_hangup, survives_hangup]
