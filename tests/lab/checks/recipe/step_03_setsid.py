"""Step 03: a session of its own, without a controlling terminal."""

from __future__ import annotations

from lab.checks.check import Finding, Wrong, check
from lab.checks.common import bonus_for_failure, role
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Observation, Process


def owner(o: Observation, pid: int) -> str:
    """Whose a session or a group is, by its ID."""
    if pid in (o.shell.pid, o.job.pid):
        return role(o, pid)
    if pid in [process.pid for process in o.processes]:
        return "a process that lives on"
    return "a process that has ended"


def session_of(o: Observation, pid: int) -> str:
    """A session by its ID, in words."""
    name = owner(o, pid)
    if name.startswith("a "):
        return f"the session of {name}"
    return f"{name}'s session"


def group_words(o: Observation) -> str:
    """Which session and which group the process is in, in words."""
    p = o.survivor
    numbers = f"SID {p.sid}  PGID {p.pgid}  (PID {p.pid})"
    if p.sid == p.pgid != p.pid:
        return f"{numbers}   {p.sid} is {owner(o, p.sid)}"
    words = []
    if p.sid != p.pid:
        words.append(f"{p.sid} is {session_of(o, p.sid)}")
    if p.pgid != p.pid:
        words.append(f"{p.pgid} the group of {owner(o, p.pgid)}")
    return f"{numbers}   {', '.join(words)}".rstrip()


@check(read="setsid(2)", replaces=[step_00.shell_session])
def leads_session(o: Observation, p: Process) -> Finding:
    """SID = PGID = PID."""
    if p.sid == p.pgid == p.pid:
        return None
    return Wrong(
        expected=f"SID {p.pid}  PGID {p.pid}  (PID {p.pid})",
        observed=group_words(o),
        because=why_it_leads_no_session(o, p),
    )


def why_it_leads_no_session(o: Observation, p: Process) -> str:
    if p.sid == o.shell.sid and p.pgid == p.pid:
        return (
            "it leads a process group, but is still in the shell's session: it is the launched process, which the "
            "shell made the leader of a group, or setpgid() or setpgrp() made it one. In a process that leads a "
            "group setsid() fails (EPERM), and setpgid() alone starts no session"
        )
    if p.sid == o.shell.sid and not p.terminal:
        return (
            "it gave up its terminal, as TIOCNOTTY does, but is still in the shell's session. setsid() starts "
            "a session of its own, which has no terminal"
        )
    if p.sid == o.shell.sid:
        return (
            "this process has not started a session: setsid() was not called in it, or it failed, as it "
            "does in a process that leads its group. It has to come after the fork, in the child"
        )
    if p.sid in [process.pid for process in o.processes]:
        return "a session was started, but by another process, which lives on: this one was forked after setsid()"
    return (
        "a session was started, but by a process that has ended since: this one was forked after "
        "setsid(). Here no fork comes after it: a second fork is what step 09 is about"
    )


@check(read="setsid(2), tty(4)", replaces=[step_00.shell_terminal], follows=[leads_session])
def no_terminal(o: Observation, p: Process) -> Finding:
    """no controlling terminal."""
    if p.terminal == 0:
        return None
    return Wrong(
        expected="none (a ? in the column TTY of ps)",
        observed="the shell's terminal" if p.terminal == o.shell.terminal else "a terminal, not the shell's",
        because=why_it_has_a_terminal(o, p),
    )


def why_it_has_a_terminal(o: Observation, p: Process) -> str:
    if p.sid == o.shell.sid:
        return (
            "it is still in the shell's session, which has that terminal: setsid() was not called in it or in what "
            "forked it, or it failed, as it does in a process that leads its group"
        )
    return (
        "after setsid() it took a terminal again: TIOCSCTTY does, and so does open() of a terminal by a "
        "session leader, unless O_NOCTTY is given"
    )


CHECKS = [
    leads_session,
    no_terminal,
    bonus_for_failure("setsid", "EPERM", "Without a session of its own it is only half a daemon."),
]
