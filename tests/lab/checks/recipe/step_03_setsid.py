"""Step 03: a session of its own, without a controlling terminal."""

from __future__ import annotations

from lab.checks.check import Finding, Wrong, check
from lab.checks.common import bonus_for_failure, role
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Observation, Process


def owner(o: Observation, pid: int) -> str:
    """Whose a session or a group is, by its ID."""
    if pid == o.survivor.pid:
        return "its own PID"
    if pid in (o.shell.pid, o.job.pid):
        return role(o, pid)
    if pid in [process.pid for process in o.processes]:
        return "a process that stays"
    return "a process that has exited"


def session_of(o: Observation, pid: int) -> str:
    """A session by its ID, in words."""
    if pid == o.survivor.pid:
        return owner(o, pid)
    return "the shell's session" if pid == o.shell.pid else f"the session of {owner(o, pid)}"


def group_words(o: Observation) -> str:
    """Which session and which group the process is in, in words."""
    p = o.survivor
    return f"SID {p.sid} ({session_of(o, p.sid)}), PGID {p.pgid} ({owner(o, p.pgid)}) of process {p.pid}"


@check(read="setsid(2)", replaces=[step_00.shell_session])
def leads_session(o: Observation, p: Process) -> Finding:
    """the daemon leads its own session (SID = PGID = PID)."""
    if p.sid == p.pgid == p.pid:
        return None
    return Wrong(
        expected=f"SID {p.pid} and PGID {p.pid}, the daemon's own PID",
        observed=group_words(o),
        because=why_it_leads_no_session(o, p),
    )


def why_it_leads_no_session(o: Observation, p: Process) -> str:
    if p.sid == o.shell.sid and p.pgid == p.pid:
        return (
            "The daemon leads a process group, but it is still in the shell's session. Most likely your program calls "
            "setpgid() or setpgrp() instead of setsid(), or before it, and then setsid() fails with EPERM. Remove that "
            "call, and call setsid() in the child."
        )
    if p.sid == o.shell.sid and not p.terminal:
        return (
            "The daemon has given up its terminal, but it is still in the shell's session. Most likely your program "
            "uses TIOCNOTTY. Call setsid() instead, which starts a session without a terminal."
        )
    if p.sid == o.shell.sid:
        return (
            "The daemon is still in the shell's session. setsid() was not called in it, or it failed. It always fails "
            "(EPERM) in a group leader, so call it after fork(), in the child."
        )
    if p.sid in [process.pid for process in o.processes]:
        return (
            "Your program calls fork() again after setsid(), and the session leader is still running. "
            "Leave out the second fork() here. Step 09 adds it."
        )
    return (
        "Your program calls fork() again after setsid(), so the leader has exited. Leave the second fork() out here. "
        "Step 09 adds it."
    )


@check(read="setsid(2), tty(4)", replaces=[step_00.shell_terminal], follows=[leads_session])
def no_terminal(o: Observation, p: Process) -> Finding:
    """the daemon has no controlling terminal."""
    if p.terminal == 0:
        return None
    return Wrong(
        expected="no terminal (a ? in the column TTY of ps)",
        observed="the shell's terminal" if p.terminal == o.shell.terminal else "a terminal, not the shell's",
        because=why_it_has_a_terminal(o, p),
    )


def why_it_has_a_terminal(o: Observation, p: Process) -> str:
    if p.sid == o.shell.sid:
        return (
            "The daemon is still in the shell's session, and that has a terminal. setsid() was not called, or it "
            "failed. Call it in the child, after the first fork()."
        )
    return (
        "The daemon has a terminal again. It opened one after setsid(), and a session leader then gets it. "
        "Do not open it, or use O_NOCTTY."
    )


CHECKS = [
    leads_session,
    no_terminal,
    bonus_for_failure("setsid", "EPERM", "Without a session of its own it is only half a daemon."),
]
