"""Step 02: the launched process ends, its child lives on and is adopted."""

import os
import signal

from lab.checks.model import (
    CRASHED,
    SHELL_LOST,
    Check,
    crash,
    crash_cause,
    ended,
    fate,
    life_verdict,
    role,
    says_why,
    signal_name,
    star_for_failure,
)
from lab.checks.step_00_background import VFORK
from lab.scene import PID_FILE


def job_lives(o):
    return o.job_status is None


def group_was_ended(o):
    """Whether the same signal ended the launched process and its child."""
    ends = {o.job_status, *o.reaped.values()}
    return crash(o) in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM) and o.reaped and len(ends) == 1


def child_gave_up(o):
    """Whether the parent ended as it should, and the child with a status other than 0."""
    return not o.processes and o.job_status == 0 and any(o.reaped.values())


CHECKS = [
    Check(
        key="one_lives_on",
        says="the launched process ends with status 0, one process lives on",
        read="fork(2), _exit(2)",
        on_process=False,
        replaces=("lives",),
        holds=lambda o: o.job_status == 0 and len(o.processes) == 1 and o.process.state not in "Tt",
        expected=lambda o: f"PID {o.job} has ended with status 0; one child of it lives on",
        observed=fate,
        causes=(
            SHELL_LOST,
            (lambda o: o.exec_errno, lambda o: f"it could not be started: {os.strerror(o.exec_errno)}"),
            (
                lambda o: not o.processes and not job_lives(o) and group_was_ended(o),
                lambda o: f"{signal_name(crash(o))} was sent to parent and child alike, as kill(0, ...) does: it "
                "reaches the whole process group. The parent ends by _exit(0), the child waits for ever",
            ),
            (
                lambda o: crash(o) and not job_lives(o) and not o.processes,
                crash_cause,
            ),
            VFORK,
            (
                lambda o: o.processes and o.process.state in "Tt",
                "the process is stopped: a signal such as SIGSTOP or SIGTTIN did that",
            ),
            (
                lambda o: job_lives(o) and len(o.processes) == 1 and o.zombies,
                "fork() was called, but the child has ended and the parent goes on, where it should be the other way "
                "round: fork() gives 0 in the child, and the child's PID in the parent",
            ),
            (
                lambda o: job_lives(o) and len(o.processes) == 1,
                "only the launched process is there: fork() was not called (a thread is no process) or not reached (a "
                "loop before it never ends), or it failed, or the parent waited for the child to end and then went "
                "on. fork() gives 0 in the child: it is the child that has to go on",
            ),
            (
                lambda o: job_lives(o) and len(o.processes) > 2,
                "fork() was called more than once, or in a loop that the children go round as well; and the parent "
                "goes on. In this step one child is made, and the parent ends as soon as it is there",
            ),
            (
                job_lives,
                "the parent goes on as well: it waits for its child, or runs on into the code that is the "
                "child's. It has to end as soon as the child is there. If your code has that, look at the test: "
                "pid = fork() < 0 stores the result of the comparison, not the PID",
            ),
            (
                lambda o: not o.processes and "Success" in o.printed,
                "it took a call that worked for one that failed: the test is the wrong way round",
            ),
            (
                lambda o: not o.processes and says_why(o, "setsid") and says_why(o, "not permitted"),
                "it gave up because setsid() failed (EPERM), as it does in a process that leads a process group. The "
                "launched process leads one; so does a process after its first setsid(). The child that fork() "
                "makes does not: call it there, once",
            ),
            (
                lambda o: child_gave_up(o) and any("1, 2, 3" in message.text for message in o.messages),
                "the child gave up: 0 was taken when /dev/null was opened. Either it had not been closed, or the "
                "socket to the log got it: the first syslog() opens that (with LOG_NDELAY openlog() does). Log once "
                "/dev/null is open",
            ),
            (
                lambda o: child_gave_up(o) and any(PID_FILE in message.text for message in o.messages),
                "the child gave up: it could not open the PID file, or not write to it; the log tells why. A name that "
                "does not start with / is meant from the directory of the launch, and the daemon has left that",
            ),
            (
                lambda o: child_gave_up(o) and (o.printed or o.messages),
                "the child gave up: a call in it failed, and what it printed or logged tells which. Or it came to its "
                "end, with this status: there it has to wait for ever",
            ),
            (
                child_gave_up,
                "the child gave up: a call in it failed, and nothing says which (once 2 is closed it cannot print). "
                "strace -f does: readdir() fails when its own descriptor is closed, open() where the path is wrong. Or "
                "what open() and dup() gave was not 0, 1 and 2. Or it came to its end, with this status: there it has "
                "to wait for ever",
            ),
            (
                lambda o: not o.processes and o.job_status == 0,
                "the child ended too: it returned from main(), or both came to the same exit(), or what it waited for "
                "came (an end of file, say, which /dev/null gives at once). It has to wait for ever at the end, as in "
                "for (;;) pause();",
            ),
            (
                lambda o: not o.processes,
                "the launched process gave up, with this status: a call failed (what it printed tells which), or its "
                "end was meant to be good. Status 0 says so: _exit(0)",
            ),
            (
                lambda o: len(o.processes) > 1,
                "fork() was called more than once, or in a loop: in this step one child is made",
            ),
            (
                True,
                lambda o: f"the launched process {ended(o.job_status)}: whoever started it takes anything but "
                "status 0 for a start that failed. The parent ends by _exit(0) once fork() has made the child",
            ),
        ),
        verdict=lambda o: CRASHED if o.exec_errno else life_verdict(o),
    ),
    Check(
        key="is_adopted",
        says="its parent is init, or what adopts orphans in its place",
        read="getppid(2), prctl(2)",
        replaces=("parent_is_shell",),
        follows=("one_lives_on",),
        holds=lambda o: o.process.ppid == o.adopter,
        expected=lambda o: f"PPID {o.adopter} ({role(o, o.adopter)})",
        observed=lambda o: f"PPID {o.process.ppid} ({role(o, o.process.ppid)})",
        causes=(
            (
                lambda o: o.process.ppid == o.shell.pid,
                "it is the process that the shell launched: its child should live on in its place",
            ),
            (True, "its parent lives: only an orphan gets a new parent"),
        ),
    ),
    star_for_failure("fork", "EAGAIN", "-1 is taken for a PID, and it goes on as it is"),
]
