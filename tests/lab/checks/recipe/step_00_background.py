"""Step 00: an ordinary program that waits, as it was launched."""

from __future__ import annotations

import os
import signal

from lab.checks.check import CRASHED, DOES_NOT_COMPILE, NEVER_SETTLED, NO_SOURCE, Finding, Noted, Wrong, check
from lab.checks.common import (
    SHELL_LOST,
    SUCCESS,
    UMASK_TAKEN_FOR_FAILURE,
    crash,
    crash_cause,
    fate,
    life_verdict,
    names,
    role,
    said,
    says_success,
    umask_taken_for_failure,
)
from lab.facts import (
    CHANGED,
    FULL_DISK,
    MAKES_PROCESSES,
    OUT_OF_MEMORY,
    TOO_MANY_FILES,
    Build,
    Descriptor,
    Observation,
    Process,
)

MAX_WITHHELD = 5  # headers that the compiler did not get, and that are named


def what_the_compiler_got(build: Build) -> str:
    """What is wrong with the file; or which headers the compiler did not get, and what it printed."""
    if build.refused:
        return build.refused[0]
    lines = list(build.withheld)
    if len(lines) > MAX_WITHHELD:
        lines[MAX_WITHHELD:] = [f"{len(lines) - MAX_WITHHELD} more headers did not get to the compiler"]
    return "\n".join([*(line.replace("\n", "\\n") for line in lines), build.messages])


@check(read="gcc(1)")
def compiles(build: Build) -> Finding:
    """the program compiles."""
    if build.compiles:
        return Noted(build.messages) if build.messages else None
    return Wrong(
        expected="a program",
        observed=what_the_compiler_got(build),
        because=why_it_does_not_compile(build),
        verdict=NO_SOURCE if build.refused else DOES_NOT_COMPILE,
    )


def why_it_does_not_compile(build: Build) -> str:
    if build.refused:
        return build.refused[1]
    if build.withheld:
        return (
            "The compiler did not get all headers, as the first lines above say. Most likely it misses one of them. "
            "Put the header itself into the folder."
        )
    return "Fix the first error only, then compile again. The errors after it are often caused by it."


HALTED_BY_VFORK = (
    "Most likely your program calls vfork(). That stops the parent until its child exits or starts another program, "
    "and this child does neither. Use fork() instead."
)


def halted_by_vfork(o: Observation) -> bool:
    """Whether a parent stands still until its child ends or starts another program (state D: vfork(2)).

    A process is in that state for a moment in fork(), too. Where processes are made all the time it tells nothing.
    """
    if o.rest.why_not == MAKES_PROCESSES:
        return False
    parents = {p.ppid for p in o.processes}
    return any(p.state == "D" and p.pid in parents for p in o.processes)


@check(read="pause(2)")
def comes_to_rest(o: Observation) -> Finding:
    """the program waits and no longer changes."""
    if o.rest.settled:
        return Noted(o.rest.note) if o.rest.note else None
    return Wrong(
        expected="every process waits, as in for (;;) pause();",
        observed=o.rest.why_not,
        because=why_it_does_not_rest(o),
        verdict=NEVER_SETTLED,
    )


def why_it_does_not_rest(o: Observation) -> str:
    if halted_by_vfork(o):
        return HALTED_BY_VFORK
    if o.rest.why_not == OUT_OF_MEMORY:
        return (
            "Your program and its children together took more than 640 MiB. Look for a loop that takes memory or "
            "writes to files in memory without an end, and for a fork() in a loop."
        )
    if o.rest.why_not == FULL_DISK:
        return (
            "Your program writes to a file without an end. The lab gives it 64 MiB, and a real disk fills up as "
            "well. Write only what is needed."
        )
    if o.rest.why_not == TOO_MANY_FILES:
        return (
            "Your program makes files without an end. The lab gives it 10000, and a real file system has a limit "
            "as well. Make only the files that are needed, and remove those that are not."
        )
    if o.rest.why_not == CHANGED:
        return (
            "Your program had come to rest, and then changed its state while the lab looked at it. Set up "
            "everything before it waits, and change nothing afterwards."
        )
    return (
        "Your program is still busy after 8 seconds, or waits for something that never comes. Look for a loop without "
        "an end. The other checks judge it as it is now."
    )


def why_success_is_an_error(o: Observation) -> str:
    word = next(word for word in SUCCESS if word in said(o))
    seen = f'Your program reports "{word}" as an error, so a test is the wrong way round. '
    if "fork" in said(o):
        return seen + (
            "fork() returns -1 if it fails, 0 in the child, and the child's PID in the parent. Report an error for -1, "
            "exit in the parent, and go on in the child."
        )
    return seen + "Only -1 means that the call failed."


@check(read="fork(2)")
def lives(o: Observation) -> Finding:
    """the first process keeps running, and no other process."""
    if [p.pid for p in o.processes] == [o.job.pid] and o.survivor.state not in "Tt":
        return None
    return Wrong(
        expected=f"the first process (PID {o.job.pid}) stays, and no other",
        observed=fate(o),
        because=why_it_does_not_live_alone(o),
        verdict=CRASHED if o.job.exec_errno else life_verdict(o),
    )


def why_it_does_not_live_alone(o: Observation) -> str:
    if o.job.lost_shell:
        return SHELL_LOST
    if o.job.exec_errno:
        return why_it_was_not_started(o)
    if crash(o) and not o.processes:
        return crash_cause(o)
    if umask_taken_for_failure(o):
        return UMASK_TAKEN_FOR_FAILURE
    if not o.processes and says_success(o):
        return why_success_is_an_error(o)
    if not o.processes and o.job.status and not o.printed.strip():
        return (
            f"Your program exits with status {os.waitstatus_to_exitcode(o.job.status)} and does not say why. "
            "Most likely it takes a result for an error. umask(), for example, returns the old mask and cannot fail."
        )
    if not o.processes:
        return "Your program has exited. Let it wait forever at the end of main(): for (;;) pause();"
    if o.survivor.state in "Tt":
        return STOPPED
    return (
        "Your program makes another process. fork() is too early here, because step 02 adds it. "
        "Let the first process alone keep running."
    )


def why_it_was_not_started(o: Observation) -> str:
    return (
        f"The shell could not start your program: {os.strerror(o.job.exec_errno)}. Nothing of it has run. "
        "Most likely the machine is at fault, so try again."
    )


STOPPED = (
    "Your program is stopped and does not wait. Most likely a signal such as SIGSTOP or SIGTTIN did that. "
    "Do not send SIGSTOP, and do not read from the terminal."
)


@check(read="execve(2)")
def own_program(o: Observation, p: Process) -> Finding:
    """the process runs your program."""
    if p.program == o.world.program:
        return None
    return Wrong(
        expected="your program",
        observed=f"process {p.pid} runs another program",
        because=(
            "Your program starts another program, with exec or system(), and only that one stays. "
            "Let your program itself keep running."
        ),
    )


@check(read="getppid(2)", follows=[lives])
def parent_is_shell(o: Observation, p: Process) -> Finding:
    """the parent of the process is the shell."""
    if p.ppid == o.shell.pid:
        return None
    return Wrong(
        expected=f"PPID {o.shell.pid} (the shell)",
        observed=f"PPID {p.ppid} ({role(o, p.ppid)})",
        because=("Your program calls fork(). That is step 02. Here the first process itself must keep running."),
    )


@check(read="credentials(7)")
def shell_session(o: Observation, p: Process) -> Finding:
    """session and process group are the inherited ones."""
    if p.sid == o.shell.sid and p.pgid == o.job.pid:
        return None
    return Wrong(
        expected=f"SID {o.shell.sid} (the shell's session), PGID {o.job.pid} (the first process)",
        observed=f"SID {p.sid}, PGID {p.pgid} of process {p.pid}",
        because=why_it_left_the_session_or_group(o, p),
    )


def why_it_left_the_session_or_group(o: Observation, p: Process) -> str:
    if p.sid != o.shell.sid:
        return (
            "Most likely your program calls setsid() or daemon(), and both start a session. That is too early, because "
            "step 03 adds the session. Remove setsid(). daemon() also does the work of step 02, so call fork() there "
            "instead, and exit in the parent."
        )
    if p.pgid == p.pid:
        return (
            "Your program calls setpgid() or setpgrp(), which makes a new process group. "
            "No step asks for that. Remove the call."
        )
    return (
        "Your program moves the process into another process group with setpgid(). No step asks for that. "
        "Remove the call."
    )


@check(read="tty(4)", follows=[shell_session])
def shell_terminal(o: Observation, p: Process) -> Finding:
    """the controlling terminal is the inherited one."""
    if p.terminal == o.shell.terminal:
        return None
    return Wrong(
        expected="the terminal of the shell",
        observed="another terminal" if p.terminal else "none",
        because=(
            "Your program gives up its controlling terminal, for example with TIOCNOTTY. That is too early. "
            "setsid() does it in step 03."
        ),
    )


@check(read="getcwd(3)")
def launch_directory(o: Observation, p: Process) -> Finding:
    """the working directory is the inherited one."""
    if p.cwd == o.shell.cwd:
        return None
    return Wrong(
        expected=o.shell.cwd_text,
        observed=p.cwd_text,
        because=(
            "Your program calls chdir() or daemon(). Both are too early here. Step 04 adds the move to the root "
            "directory."
        ),
    )


@check(read="umask(2)")
def launch_umask(o: Observation, p: Process) -> Finding:
    """the umask is the inherited one."""
    if p.umask == o.shell.umask:
        return None
    return Wrong(
        expected=f"{o.shell.umask:04o}",
        observed=f"{p.umask:04o}",
        because="Your program calls umask(). That is too early here. Step 01 adds it.",
    )


def lost(o: Observation, p: Process) -> dict[int, Descriptor]:
    """The descriptors of the launch that the process no longer has."""
    had, has = o.shell.descriptors, p.descriptors
    return {n: d for n, d in had.items() if n not in has or has[n].identity != d.identity}


@check(read="proc(5)")
def launch_files(o: Observation, p: Process) -> Finding:
    """every inherited descriptor is still open."""
    gone = lost(o, p)
    if not gone:
        return None
    return Wrong(
        expected=names(o.shell.descriptors),
        observed=f"closed or replaced: {names(gone)}",
        because=why_files_are_lost(o, p),
    )


def why_files_are_lost(o: Observation, p: Process) -> str:
    if started_by_another_shell(o, p):
        return (
            "Most likely your program has started this process with system() and &. A shell without job control then "
            "makes /dev/null its standard input. Call fork() instead."
        )
    return (
        "Your program closes or replaces descriptors, or the second 0 of daemon(0, 0) makes daemon() do so. That is "
        "too early here. Leave 0, 1, 2 and all others as they are. Steps 05 and 06 change them."
    )


def started_by_another_shell(o: Observation, p: Process) -> bool:
    """Whether it has what a shell without job control gives a command with &: sh(1p), under Asynchronous Lists.

    Its standard input is the null device, and it ignores SIGINT and SIGQUIT.
    """
    is_null = 0 in p.descriptors and p.descriptors[0].kind == "null"
    return set(lost(o, p)) == {0} and is_null and {signal.SIGINT, signal.SIGQUIT} <= p.ignored


CHECKS = [
    compiles,
    comes_to_rest,
    lives,
    own_program,
    parent_is_shell,
    shell_session,
    shell_terminal,
    launch_directory,
    launch_umask,
    launch_files,
]
