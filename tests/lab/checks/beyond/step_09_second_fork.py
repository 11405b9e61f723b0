"""Step 09: no session leader any more, and so no way to get a terminal."""

from __future__ import annotations

import os
from dataclasses import replace

from lab.checks.check import Finding, Unseen, Wrong, check
from lab.checks.recipe import step_02_fork as step_02
from lab.checks.recipe import step_03_setsid as step_03
from lab.checks.recipe.step_00_background import halted_by_vfork
from lab.checks.recipe.step_02_fork import job_lives
from lab.checks.recipe.step_03_setsid import group_words
from lab.facts import Observation, Opened, Process
from lab.scene import OpenTerminal, Parent, Scene

# What is expected where the lab makes it open a terminal.
GETS_NONE = "no controlling terminal, after the lab made the daemon open one (ptrace, O_RDWR)"


def leads(p: Process) -> bool:
    """Whether it leads its session."""
    return p.sid == p.pid


def session_leader_lives(o: Observation, p: Process) -> bool:
    """Whether the leader of its session is another process of the program, and is still running."""
    return not leads(p) and p.sid in [each.pid for each in o.processes]


@check(read="fork(2), _exit(2)", replaces=[step_02.one_lives_on], adds_nothing=True)
def one_lives_on(o: Observation) -> Finding:
    """the first process exits with status 0, one process stays."""
    finding = step_02.one_lives_on.judge(o)
    if not isinstance(finding, Wrong):
        return finding
    # What holds is the same, but here two forks are asked for.
    expected = f"PID {o.job.pid} has exited with status 0, and one of its descendants stays"
    return replace(finding, expected=expected).instead(why_two_forks_leave_more(o))


def why_two_forks_leave_more(o: Observation) -> str | None:
    if o.job.lost_shell or halted_by_vfork(o):
        return None  # step 02 has the causes of these
    if job_lives(o) and len(o.processes) > 1:
        return (
            "The first process is still running. Most likely it waits for something, or it runs on into the child's "
            "code. After each of the two forks, exit in the parent with _exit(0)."
        )
    if o.process is not None and session_leader_lives(o, o.process):
        return (
            "The session leader is still running. It must exit right after the second fork(), without waiting for its "
            "child. fork() returns the child's PID in the parent."
        )
    if len(o.processes) > 1:
        return (
            "More than one process stays. Most likely fork() is called a third time, or in a loop. Call it twice, and "
            "exit in the parent each time."
        )
    return None


@check(read="setsid(2), credentials(7)", replaces=[step_03.leads_session])
def leads_nothing(o: Observation, p: Process) -> Finding:
    """the daemon leads neither a session nor a process group."""
    living = [each.pid for each in o.processes]
    if p.sid == p.pgid != o.shell.sid and p.sid not in living:
        return None
    return Wrong(
        expected="SID and PGID are equal, and are the PID of a process that has exited",
        observed=group_words(o),
        because=why_it_leads_something(o, p),
    )


def why_it_leads_something(o: Observation, p: Process) -> str:
    if p.sid == o.shell.sid:
        return (
            "The daemon is still in the shell's session. setsid() was not called in it or in its parent, or it failed. "
            "Call it in the child of the first fork()."
        )
    if leads(p) and o.zombies:
        return (
            "The daemon is still the session leader, and its child has exited. Swap the branches of the second fork(): "
            "it returns 0 in the child, which must stay. The parent must exit."
        )
    if leads(p) and o.reaped:
        return (
            "The daemon leads its session although your program forked twice. Most likely setsid() comes after the "
            "second fork(), or is called again there. Call it once, between the two."
        )
    if leads(p):
        return (
            "The daemon is still the session leader. Most likely no fork() was called after setsid(), or the child of "
            "that fork() has exited. daemon() of glibc calls fork() only before it. Call fork() once more after "
            "setsid(), and exit in the parent."
        )
    if session_leader_lives(o, p):
        return (
            "The session leader is still running beside the daemon. Exit in the parent right after the second fork()."
        )
    return (
        "The daemon leads a process group of its own. Most likely setpgid() or setpgrp() made it. Leave that call out."
    )


@check(
    read="open(2), credentials(7)",
    follows=[leads_nothing, step_03.no_terminal],
    scene=Scene(then=(OpenTerminal(),)),
    expects=GETS_NONE,
)
def gets_no_terminal(o: Observation, p: Process) -> Finding:
    """opening a terminal does not make it the controlling one."""
    opened = o.came(Opened)
    if opened and opened.result < 0:
        return Unseen(f"the lab could not make the daemon open a terminal: {os.strerror(-opened.result)}")
    if not o.after.terminal:
        return None
    return Wrong(
        expected=GETS_NONE,
        observed="the terminal that it opened is now its controlling terminal",
        because="The lab made your daemon open a terminal, and now it has one. That happens only to a session leader. "
        "Call fork() again after setsid().",
    )


def is_daemon(o: Observation) -> bool:
    """Whether the daemon is all that stays, in a session without a leader, and was adopted."""
    return step_02.is_daemon(o) and leads_nothing.judge(o) is None


# What is wrong in the usual launch is wrong in these, too.
FOLLOWS = [one_lives_on, step_02.is_adopted, leads_nothing]

started_by_init = step_02.started_by(Parent.INIT, is_daemon, follows=FOLLOWS)
adopted_by_another = step_02.started_by(Parent.SUBREAPER, is_daemon, follows=FOLLOWS)

CHECKS = [one_lives_on, leads_nothing, gets_no_terminal, started_by_init, adopted_by_another]
