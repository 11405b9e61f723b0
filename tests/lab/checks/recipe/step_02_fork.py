"""Step 02: the launched process ends, its child lives on and is adopted."""

from __future__ import annotations

import errno
import os
import signal
from typing import Any, Callable

from lab.checks.check import CRASHED, Check, Finding, Unseen, Wrong, check
from lab.checks.common import (
    SHELL_LOST,
    UMASK_TAKEN_FOR_FAILURE,
    bonus_for_failure,
    crash,
    crash_cause,
    ended,
    fate,
    life_verdict,
    role,
    says_success,
    says_why,
    signal_name,
    umask_taken_for_failure,
)
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Observation, Process
from lab.scene import PID_FILE, Parent, Scene


def job_lives(o: Observation) -> bool:
    """Whether the launched process has not ended."""
    return o.job.status is None


# Why chdir() fails for a path that is not /.
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES)

# What a program asks for that is to end with its parent. No fault of its own sends it one of these.
ASKED_FOR = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def group_was_ended(o: Observation) -> bool:
    """Whether the same signal ended the launched process and its child."""
    if crash(o) not in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM):
        return False
    ends = {o.job.status, *o.reaped.values()}
    return bool(o.reaped) and len(ends) == 1


@check(read="fork(2), _exit(2)", replaces=[step_00.lives])
def one_lives_on(o: Observation) -> Finding:
    """the launched process ends with status 0, one process lives on."""
    if o.job.status == 0 and len(o.processes) == 1 and o.survivor.state not in "Tt":
        return None
    return Wrong(
        expected=f"PID {o.job.pid} has ended with status 0; one child of it lives on",
        observed=fate(o),
        because=why_not_just_one_lives_on(o),
        verdict=CRASHED if o.job.exec_errno else life_verdict(o),
    )


def why_not_just_one_lives_on(o: Observation) -> str:
    if o.job.lost_shell:
        return SHELL_LOST
    if o.job.exec_errno:
        return f"it could not be started: {os.strerror(o.job.exec_errno)}"
    if crash(o) and o.job.status is not None and not o.processes:
        return why_it_was_killed(o)
    if step_00.halted_by_vfork(o):
        return step_00.HALTED_BY_VFORK
    if o.processes and o.survivor.state in "Tt":
        return "the process is stopped: a signal such as SIGSTOP or SIGTTIN did that"
    if o.job.status is None:
        return why_the_parent_goes_on(o)
    if not o.processes:
        return why_nothing_lives_on(o)
    if len(o.processes) > 1:
        return "fork() was called more than once, or in a loop: in this step one child is made"
    return (
        f"the launched process {ended(o.job.status)}: whoever started it takes anything but "
        "status 0 for a start that failed. The parent ends by _exit(0) once fork() has made the child"
    )


def why_it_was_killed(o: Observation) -> str:
    if group_was_ended(o):
        return (
            f"{signal_name(crash(o))} was sent to parent and child alike, as kill(0, ...) does: it "
            "reaches the whole process group. The parent ends by _exit(0), the child waits for ever"
        )
    if o.job.status == 0 and crash(o) in ASKED_FOR:
        return (
            f"{signal_name(crash(o))} killed the child. Most likely the child asked for this signal when its parent "
            "exits, with PR_SET_PDEATHSIG. Remove that prctl() call, because the daemon has to stay then."
        )
    return crash_cause(o)


def why_the_parent_goes_on(o: Observation) -> str:
    if len(o.processes) == 1 and o.zombies:
        return (
            "fork() was called, but the child has ended and the parent goes on, where it should be the other way "
            "round: fork() gives 0 in the child, and the child's PID in the parent"
        )
    if len(o.processes) == 1:
        return (
            "only the launched process is there: fork() was not called (a thread is no process) or not reached (a "
            "loop before it never ends), or it failed, or the parent waited for the child to end and then went "
            "on. fork() gives 0 in the child: it is the child that has to go on"
        )
    if len(o.processes) > 2:
        return (
            "fork() was called more than once, or in a loop that the children go round as well; and the parent "
            "goes on. In this step one child is made, and the parent ends as soon as it is there"
        )
    return (
        "the parent goes on as well: it waits for its child, or runs on into the code that is the "
        "child's. It has to end as soon as the child is there. If your code has that, look at the test: "
        "pid = fork() < 0 stores the result of the comparison, not the PID"
    )


def why_nothing_lives_on(o: Observation) -> str:
    if says_success(o):
        return step_00.TEST_REVERSED
    if umask_taken_for_failure(o):
        return UMASK_TAKEN_FOR_FAILURE
    if says_why(o, "chdir") and says_why(o, *(os.strerror(error) for error in NOT_THERE)):
        return (
            "chdir() failed in your program. For / it does not fail, so most likely your program names another "
            'directory. Use chdir("/").'
        )
    if says_why(o, "setsid") and says_why(o, "not permitted"):
        return (
            "it gave up because setsid() failed (EPERM), as it does in a process that leads a process group. The "
            "launched process leads one; so does a process after its first setsid(). The child that fork() "
            "makes does not: call it there, once"
        )
    if o.job.status == 0 and any(o.reaped.values()):
        return why_the_child_gave_up(o)
    if o.job.status == 0:
        return (
            "the child ended too: it returned from main(), or both came to the same exit(), or what it waited for "
            "came (an end of file, say, which /dev/null gives at once). It has to wait for ever at the end, as in "
            "for (;;) pause();"
        )
    return (
        "the launched process gave up, with this status: a call failed (what it printed tells which), or its "
        "end was meant to be good. Status 0 says so: _exit(0)"
    )


def why_the_child_gave_up(o: Observation) -> str:
    if any("1, 2, 3" in message.text for message in o.messages):
        return (
            "the child gave up: 0 was taken when /dev/null was opened. Either it had not been closed, or the "
            "socket to the log got it: the first syslog() opens that (with LOG_NDELAY openlog() does). Log once "
            "/dev/null is open"
        )
    if any(PID_FILE in message.text for message in o.messages):
        return (
            "the child gave up: it could not open the PID file, or not write to it; the log tells why. A name that "
            "does not start with / is meant from the directory of the launch, and the daemon has left that"
        )
    if o.printed or o.messages:
        return (
            "the child gave up: a call in it failed, and what it printed or logged tells which. Or it came to its "
            "end, with this status: there it has to wait for ever"
        )
    return (
        "the child gave up: a call in it failed, and nothing says which (once 2 is closed it cannot print). "
        "strace -f does: readdir() fails when its own descriptor is closed, open() where the path is wrong. Or "
        "what open() and dup() gave was not 0, 1 and 2. Or it came to its end, with this status: there it has "
        "to wait for ever"
    )


@check(read="getppid(2), prctl(2)", replaces=[step_00.parent_is_shell], follows=[one_lives_on])
def is_adopted(o: Observation, p: Process) -> Finding:
    """its parent is init, or what adopts orphans in its place."""
    if p.ppid == o.world.adopter:
        return None
    return Wrong(
        expected=f"PPID {o.world.adopter} ({role(o, o.world.adopter)})",
        observed=f"PPID {p.ppid} ({role(o, p.ppid)})",
        because=why_it_is_not_adopted(o, p),
    )


def why_it_is_not_adopted(o: Observation, p: Process) -> str:
    if p.ppid == o.shell.pid:
        return (
            "Your program made the daemon a child of the shell, and the shell still runs. clone() with CLONE_PARENT "
            "does that. Use fork(), so that the parent is the first process, which exits."
        )
    return "its parent lives: only an orphan gets a new parent"


def is_daemon(o: Observation) -> bool:
    """Whether the first process has exited, and its one child was adopted."""
    return o.job.status == 0 and len(o.processes) == 1 and o.survivor.ppid == o.world.adopter


def started_by(parent: Parent, name: str, says: str, holds: Callable[[Observation], bool], **more: Any) -> Check:
    """The check that a program becomes a daemon whoever its parent is.

    `holds` says when it is one, `more` is what else check() takes.
    """

    @check(name=name, says=says, read="getppid(2), prctl(2)", scene=Scene(parent=parent), **more)
    def becomes_a_daemon(o: Observation) -> Finding:
        if not (o.rest.settled and holds(o)):
            return Wrong(
                expected="the first process exits with status 0, and one process stays, which is a daemon as usual",
                observed=f"started {STARTED_BY[parent]}: {fate(o)}",
                because=why_its_parent_matters(o),
            )
        if parent is Parent.INIT and not o.world.sandboxed:
            return Unseen("Without a sandbox the lab cannot start a program as a child of PID 1.")
        return None

    return becomes_a_daemon


STARTED_BY = {
    Parent.INIT: "by init, PID 1",
    Parent.SUBREAPER: "below a subreaper, which adopts orphans instead of init",
}


def why_its_parent_matters(o: Observation) -> str:
    if o.scene.parent is Parent.INIT:
        return (
            "Most likely your program takes getppid() == 1 for a sign that it is a daemon already. Here PID 1 has "
            "started it, so that test was true from the beginning. Remove it, and fork in any case."
        )
    return (
        "Most likely your program waits until getppid() returns 1, or exits if it does not. Here another process "
        "adopts the child, as systemd does for a user. Remove that test."
    )


CHECKS = [
    one_lives_on,
    is_adopted,
    started_by(Parent.INIT, "started_by_init", "it becomes a daemon when init starts it", is_daemon, bonus=True),
    started_by(
        Parent.SUBREAPER,
        "adopted_by_another",
        "it becomes a daemon where another process than init adopts it",
        is_daemon,
        bonus=True,
    ),
    bonus_for_failure("fork", "EAGAIN", "Without a child, nothing has left the shell."),
]
