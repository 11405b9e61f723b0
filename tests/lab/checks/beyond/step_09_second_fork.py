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
GETS_NONE = "no controlling terminal after the lab has made it open one (with ptrace, O_RDWR)"


def leads(p: Process) -> bool:
    """Whether it leads its session."""
    return p.sid == p.pid


def session_leader_lives(o: Observation, p: Process) -> bool:
    """Whether the leader of its session is another process of the answer's, and lives."""
    return not leads(p) and p.sid in [each.pid for each in o.processes]


@check(read="fork(2), _exit(2)", replaces=[step_02.one_lives_on], adds_nothing=True)
def one_lives_on(o: Observation) -> Finding:
    """the launched process ends with status 0, one process lives on."""
    finding = step_02.one_lives_on.judge(o)
    if not isinstance(finding, Wrong):
        return finding
    # What holds is the same, but here two forks are asked for.
    expected = f"PID {o.job.pid} has ended with status 0; of what it has forked, one process lives on"
    return replace(finding, expected=expected).instead(why_two_forks_leave_more(o))


def why_two_forks_leave_more(o: Observation) -> str | None:
    if o.job.lost_shell or halted_by_vfork(o):
        return None  # step 02 has the causes of these
    if job_lives(o) and len(o.processes) > 1:
        return (
            "the launched process goes on as well: it waits for its child, or runs on into the code that is the "
            "child's. After each of the two forks the parent has to end"
        )
    if o.process is not None and session_leader_lives(o, o.process):
        return (
            "the session leader lives on beside the process that it forked. It has to end as soon as the second "
            "fork has made its child, without waiting for it. fork() gives the child's PID in the parent"
        )
    if len(o.processes) > 1:
        return (
            "more than one process lives on: there was a fork after the second one, or in a loop, and its parent "
            "and its child both go on"
        )
    return None


@check(read="setsid(2), credentials(7)", replaces=[step_03.leads_session])
def leads_nothing(o: Observation, p: Process) -> Finding:
    """SID = PGID, and no process with that PID lives."""
    living = [each.pid for each in o.processes]
    if p.sid == p.pgid != o.shell.sid and p.sid not in living:
        return None
    return Wrong(
        expected=f"SID and PGID the same, of a process that has ended, not {p.pid}",
        observed=group_words(o),
        because=why_it_leads_something(o, p),
    )


def why_it_leads_something(o: Observation, p: Process) -> str:
    if p.sid == o.shell.sid:
        return (
            "this process is still in the shell's session: setsid() was not called in it or in what forked it, "
            "or it failed"
        )
    if leads(p) and o.zombies:
        return (
            "it leads its session, and a child of it has ended. After the second fork the child has to go on, and "
            "the parent to end: fork() gives 0 in the child, and the child's PID in the parent"
        )
    if leads(p) and o.reaped:
        return (
            "it leads its session, though one more process was forked on the way and has ended: the second fork "
            "came before setsid(), or setsid() was called once more after it, which makes a leader again"
        )
    if leads(p):
        return (
            "it leads its session: there was no fork after setsid(), or the child of that fork is not the one "
            "that lives on. O_NOCTTY, SIGHUP ignored, or another thread change nothing about that"
        )
    if session_leader_lives(o, p):
        return "the session leader lives on beside it: after the second fork the parent has to end"
    return "it was put into a process group of its own: setpgid() or setpgrp() did that, and nothing asks for it"


@check(
    read="open(2), credentials(7)",
    follows=[leads_nothing, step_03.no_terminal],
    scene=Scene(then=(OpenTerminal(),)),
    expects=GETS_NONE,
)
def gets_no_terminal(o: Observation, p: Process) -> Finding:
    """opening a terminal without O_NOCTTY does not get it one."""
    opened = o.came(Opened)
    if opened and opened.result < 0:
        return Unseen(f"the lab could not make it open a terminal: {os.strerror(-opened.result)}")
    if not o.after.terminal:
        return None
    return Wrong(
        expected=GETS_NONE,
        observed="the terminal that it opened is its controlling terminal now",
        because="a session leader without a controlling terminal gets the first one that it opens, and with it SIGHUP "
        "and SIGINT. Only a second fork makes a process that cannot",
    )


def is_daemon(o: Observation) -> bool:
    """Whether the daemon is all that stays, in a session without a leader, and was adopted."""
    return step_02.is_daemon(o) and leads_nothing.judge(o) is None


# What is wrong in the usual launch is wrong in these, too.
FOLLOWS = [one_lives_on, step_02.is_adopted, leads_nothing]

started_by_init = step_02.started_by(
    Parent.INIT, "started_by_init", "it becomes a daemon when init starts it", is_daemon, follows=FOLLOWS
)
adopted_by_another = step_02.started_by(
    Parent.SUBREAPER,
    "adopted_by_another",
    "it becomes a daemon where another process than init adopts it",
    is_daemon,
    follows=FOLLOWS,
)

CHECKS = [one_lives_on, leads_nothing, gets_no_terminal, started_by_init, adopted_by_another]
