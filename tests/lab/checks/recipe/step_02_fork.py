"""Step 02: the first process exits, its child stays and is adopted."""

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
    """Whether the first process has not exited."""
    return o.job.status is None


# Why chdir() fails for a path that is not /.
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES)

# What a program asks for that is to end with its parent. No fault of its own sends it one of these.
ASKED_FOR = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def group_was_ended(o: Observation) -> bool:
    """Whether the same signal killed the first process and its child."""
    if crash(o) not in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM):
        return False
    ends = {o.job.status, *o.reaped.values()}
    return bool(o.reaped) and len(ends) == 1


@check(read="fork(2), _exit(2)", replaces=[step_00.lives])
def one_lives_on(o: Observation) -> Finding:
    """the first process exits with status 0, one process stays."""
    if o.job.status == 0 and len(o.processes) == 1 and o.survivor.state not in "Tt":
        return None
    return Wrong(
        expected=f"the first process (PID {o.job.pid}) exited with status 0; one child of it stays",
        observed=fate(o),
        because=why_not_just_one_lives_on(o),
        verdict=CRASHED if o.job.exec_errno else life_verdict(o),
    )


def why_not_just_one_lives_on(o: Observation) -> str:
    if o.job.lost_shell:
        return SHELL_LOST
    if o.job.exec_errno:
        return step_00.why_it_was_not_started(o)
    if crash(o) and o.job.status is not None and not o.processes:
        return why_it_was_killed(o)
    if step_00.halted_by_vfork(o):
        return step_00.HALTED_BY_VFORK
    if o.processes and o.survivor.state in "Tt":
        return step_00.STOPPED
    if o.job.status is None:
        return why_the_parent_goes_on(o)
    if not o.processes:
        return why_nothing_lives_on(o)
    if len(o.processes) > 1:
        return (
            "Your program calls fork() more than once, or in a loop. Make one child only, and let nothing but that "
            "child stay."
        )
    if says_success(o):
        return step_00.why_success_is_an_error(o)
    return (
        f"The first process {ended(o.job.status)}, so the caller takes the start for a failure. "
        "Call _exit(0) in the parent, right after fork()."
    )


def why_it_was_killed(o: Observation) -> str:
    if group_was_ended(o):
        return (
            f"{signal_name(crash(o))} killed both the parent and the child. Most likely your program calls kill(0, "
            "...), which reaches the whole process group. Call _exit(0) in the parent instead."
        )
    if o.job.status == 0 and crash(o) in ASKED_FOR:
        return (
            f"{signal_name(crash(o))} killed the child. Most likely prctl() with PR_SET_PDEATHSIG asked for this "
            "signal, which the kernel then sends when the parent exits. Remove that call."
        )
    return crash_cause(o)


def why_the_parent_goes_on(o: Observation) -> str:
    if len(o.processes) == 1 and o.zombies:
        return (
            "Your parent keeps running and your child has exited. Swap the branches: fork() returns 0 in the child "
            "and the child's PID in the parent."
        )
    if len(o.processes) == 1:
        return (
            "Only the first process is there. Most likely your program does not call fork(), or waits before the "
            "call, or waits for a child that has exited. Call fork(), let the parent exit and the child stay."
        )
    if len(o.processes) > 2:
        return (
            "Your program calls fork() more than once, or in a loop, and the parent is still running. "
            "Make one child, and end the parent with _exit(0) right after fork()."
        )
    return (
        "Your parent is still running. Most likely it waits for the child, or it runs on into the child's code. Call "
        "_exit(0) in the parent right after fork(). If that call is there, look at the test before it: `pid = fork() < "
        "0` stores 0 in the parent as well, because < comes before =."
    )


def why_nothing_lives_on(o: Observation) -> str:
    if says_success(o):
        return step_00.why_success_is_an_error(o)
    if umask_taken_for_failure(o):
        return UMASK_TAKEN_FOR_FAILURE
    if says_why(o, "chdir") and says_why(o, *(os.strerror(error) for error in NOT_THERE)):
        return (
            "Your program exits because chdir() failed. Most likely it names another directory than /, which does not "
            'exist here or may not be entered. Use chdir("/").'
        )
    if says_why(o, "setsid") and says_why(o, "not permitted"):
        return (
            "Your program exits because setsid() failed with EPERM (Operation not permitted). It always fails in a "
            "group leader, such as the first process. Call it once, after fork(), in the child."
        )
    if o.job.status == 0 and any(o.reaped.values()):
        return why_the_child_gave_up(o)
    if o.job.status == 0:
        return (
            "Your child has exited too. Most likely it reaches the end of main(), or both processes reach the same "
            "exit(). Let it wait forever."
        )
    return (
        "The first process exits with an error. Most likely a call failed, or the parent uses the wrong status for a "
        "good end. Print the reason of each failure, and end the parent with _exit(0)."
    )


def why_the_child_gave_up(o: Observation) -> str:
    if any("1, 2, 3" in message.text for message in o.messages):
        return (
            "Your child exits because descriptor 0 was in use when it opened /dev/null. Most likely 0 was still open, "
            "or the socket to the log took it. Close 0 first, and log only after /dev/null is open."
        )
    if any(PID_FILE in message.text for message in o.messages):
        return (
            "Your child exits because it cannot open or write the PID file. The log has the reason. Most likely the "
            "name is relative, and the daemon has left that directory. Make the name absolute before chdir()."
        )
    if o.printed or o.messages:
        return (
            "Your child prints or logs a message and exits with an error. Most likely the call in the message failed, "
            "or a test is the wrong way round, so that your program takes success for an error. Mend the call or the "
            "test."
        )
    return (
        "Your child exits with an error and without a message. Most likely a call failed, or a test is the wrong way "
        "round. Run it under strace -f to see the call. A message needs standard error, descriptor 2."
    )


@check(read="getppid(2), prctl(2)", replaces=[step_00.parent_is_shell], follows=[one_lives_on])
def is_adopted(o: Observation, p: Process) -> Finding:
    """the daemon's parent is init (or a subreaper)."""
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
    return "The daemon's parent is still running, so init cannot adopt the daemon. The parent must exit."


def is_daemon(o: Observation) -> bool:
    """Whether the first process has exited, and its one child was adopted."""
    return o.job.status == 0 and len(o.processes) == 1 and o.survivor.ppid == o.world.adopter


# The parents that a program is started with besides the shell: key and sentence of the check, and how it was started.
PARENTS = {
    Parent.INIT: ("started_by_init", "it becomes a daemon when init starts it", "by init, PID 1"),
    Parent.SUBREAPER: (
        "adopted_by_another",
        "it becomes a daemon where another process than init adopts it",
        "below a subreaper, which adopts orphans instead of init",
    ),
}


def started_by(parent: Parent, holds: Callable[[Observation], bool], **more: Any) -> Check:
    """The check that a program becomes a daemon with any parent.

    `holds` says when it is one, `more` is what else check() takes.
    """
    name, says, how = PARENTS[parent]

    @check(name=name, says=says, read="getppid(2), prctl(2)", scene=Scene(parent=parent), **more)
    def becomes_a_daemon(o: Observation) -> Finding:
        if not (o.rest.settled and holds(o)):
            return Wrong(
                expected="the first process exits with status 0, and one process stays, which is a daemon as usual",
                observed=f"started {how}: {fate(o)}",
                because=why_its_parent_matters(o),
            )
        if parent is Parent.INIT and not o.world.sandboxed:
            return Unseen("Without a sandbox the lab cannot start a program as a child of PID 1.")
        return None

    return becomes_a_daemon


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
    started_by(Parent.INIT, is_daemon, bonus=True),
    started_by(Parent.SUBREAPER, is_daemon, bonus=True),
    bonus_for_failure("fork", "EAGAIN", "Without a child, nothing has left the shell."),
]
