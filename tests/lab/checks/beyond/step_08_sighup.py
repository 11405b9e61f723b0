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
    """the daemon ignores SIGHUP."""
    if signal.SIGHUP in p.ignored:
        return None
    blocked = "blocked and " if signal.SIGHUP in p.blocked else ""
    action = "handled" if signal.SIGHUP in p.caught else "not ignored"
    return Wrong(
        expected="SIGHUP in the set SigIgn of /proc/PID/status",
        observed=f"SIGHUP is {blocked}{action}",
        because=why_it_is_not_ignored(p),
    )


def why_it_is_not_ignored(p: Process) -> str:
    if signal.SIGHUP in p.caught:
        return (
            "Your program handles SIGHUP. Ignore it with SIG_IGN instead. That survives execve(), and it never "
            "interrupts a call."
        )
    if signal.SIGHUP in p.blocked:
        return (
            "SIGHUP is blocked, but not ignored. A blocked signal stays pending, and it kills the daemon when it is "
            "unblocked. Most likely your program never sets SIG_IGN for SIGHUP, or sets SIG_DFL again later. Ignore "
            "SIGHUP with SIG_IGN, which discards it, and do not block it."
        )
    return (
        "In the daemon SIGHUP has its default action, which kills a process. Most likely your program never sets "
        "SIG_IGN for SIGHUP, or sets it in another process, or a later call sets SIG_DFL again. Call signal(SIGHUP, "
        "SIG_IGN) before fork(), and do not change it after that."
    )


def was_hung_up(status: int | None) -> bool:
    """Whether this is the wait status of a process that SIGHUP ended."""
    return status is not None and status & 0x7F == signal.SIGHUP


@check(
    says=f"it stays when the first process leads the session, {TIMES} times of {TIMES}",
    read="setsid(2), signal(7)",
    scene=LEADING,
    times=TIMES,
    follows=[step_02.one_lives_on],
)
def survives_hangup(o: Observation) -> Finding:
    if o.job.status == 0 and len(o.processes) == 1:
        return None
    return Wrong(
        expected="started as a session leader: exit status 0, and one process stays, every time",
        observed=f"the first start that failed: {fate(o)}",
        because=why_it_did_not_survive(o),
    )


def why_it_did_not_survive(o: Observation) -> str:
    if was_hung_up(o.job.status):
        return (
            "SIGHUP killed the first process itself. Most likely it gave up its terminal with TIOCNOTTY, and a session "
            "leader then sends SIGHUP to its own group. Leave that out: setsid() is enough."
        )
    if any(was_hung_up(status) for status in o.reaped.values()):
        return (
            "SIGHUP killed the child, because the child did not ignore it at that moment. The kernel sent it when the "
            "first process, the session leader, exited. Ignore SIGHUP before the first fork(), and the child inherits "
            "that. Do not set SIGHUP to SIG_DFL after that. No sleep in parent or child cures it."
        )
    if o.job.status is None:
        return (
            "When the first process is a session leader, it stays. Most likely your program does not call fork() in "
            "that case, or the parent does not exit. Always call fork(), and exit in the parent right after it."
        )
    if o.job.status != 0:
        return (
            f"The first process {ended(o.job.status)}. Most likely setpgid() or setsid() failed with EPERM, because a "
            "session leader may call neither. Call setsid() in the child only."
        )
    return (
        "The child exited by itself. Most likely a call failed because the session has lost its terminal, or a handler "
        "for SIGHUP ended the child. Do not use the terminal, and ignore SIGHUP."
    )


CHECKS = [ignores_hangup, survives_hangup]
