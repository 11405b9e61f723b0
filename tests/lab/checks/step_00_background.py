"""Step 00: an ordinary program that waits, as it was launched."""

import os

from lab.checks.model import (
    CRASHED,
    DOES_NOT_COMPILE,
    NEVER_SETTLED,
    NO_SOURCE,
    SHELL_LOST,
    Check,
    crash,
    crash_cause,
    fate,
    life_verdict,
    names,
    role,
)
from lab.facts import CHANGED, FULL_DISK, OUT_OF_MEMORY, TOO_MANY_FILES


def halted_by_vfork(o):
    """Whether a parent stands still until its child ends or starts another program (state D: vfork(2))."""
    parents = {p.ppid for p in o.processes}
    return any(p.state == "D" and p.pid in parents for p in o.processes)


# A row for the causes of what such a parent leads to.
VFORK = (
    halted_by_vfork,
    "vfork() stops the parent until its child ends or starts another program with exec, and this child does "
    "neither. Until then they share their memory, too. fork() makes a copy, and both run",
)


def lost(o):
    """The descriptors of the launch that the process no longer has."""
    had, has = o.shell.descriptors, o.process.descriptors
    return {n: d for n, d in had.items() if n not in has or has[n].identity != d.identity}


MAX_WITHHELD = 5  # headers that the compiler did not get, and that are named


def what_the_compiler_got(build):
    """What is wrong with the file; or which headers the compiler did not get, and what it printed."""
    if build.refused:
        return build.refused[0]
    lines = list(build.withheld)
    if len(lines) > MAX_WITHHELD:
        lines[MAX_WITHHELD:] = [f"{len(lines) - MAX_WITHHELD} more headers did not get to the compiler"]
    return "\n".join([*(line.replace("\n", "\\n") for line in lines), build.messages])


CHECKS = [
    Check(
        key="compiles",
        says="compiles",
        read="gcc(1)",
        on_process=False,
        holds=lambda build: build.compiles,
        expected=lambda build: "a program",
        observed=what_the_compiler_got,
        causes=(
            (lambda build: build.refused, lambda build: build.refused[1]),
            (
                lambda build: build.withheld,
                "The compiler did not get all headers, see the first lines above. Most likely it misses one of them.",
            ),
            (True, "the compiler's first error is the one to look at; those after it may follow from it"),
        ),
        verdict=lambda build: NO_SOURCE if build.refused else DOES_NOT_COMPILE,
    ),
    Check(
        key="comes_to_rest",
        says="comes to rest: it waits, and nothing of it changes",
        read="pause(2)",
        on_process=False,
        holds=lambda o: o.rest.settled,
        expected=lambda o: "every process waits, as in for (;;) pause();",
        observed=lambda o: o.rest.why_not,
        causes=(
            VFORK,
            (
                lambda o: o.rest.why_not == OUT_OF_MEMORY,
                "Your program and its children together took more than 640 MiB. Look for a loop that takes memory or "
                "writes to files in memory without an end, and for a fork() in a loop.",
            ),
            (
                lambda o: o.rest.why_not == FULL_DISK,
                "Your program writes to a file without an end. The lab gives it 64 MiB, and a real disk fills up as "
                "well. Write only what is needed.",
            ),
            (
                lambda o: o.rest.why_not == TOO_MANY_FILES,
                "Your program makes files without an end. The lab gives it 10000, and a real file system has a limit "
                "as well. Make only the files that are needed, and remove those that are not.",
            ),
            (
                lambda o: o.rest.why_not == CHANGED,
                "Your program had come to rest, and then changed its state while the lab looked at it. Set up "
                "everything before it waits, and change nothing afterwards.",
            ),
            (
                True,
                "a loop in it never ends, or it waits for something that never comes (a write that nobody "
                "reads, a process that does not end). The other checks judge it as it stands",
            ),
        ),
        verdict=lambda o: NEVER_SETTLED,
    ),
    Check(
        key="lives",
        says="the launched process lives on, and no other",
        read="fork(2)",
        on_process=False,
        holds=lambda o: [p.pid for p in o.processes] == [o.job] and o.process.state not in "Tt",
        expected=lambda o: f"PID {o.job} lives, and nothing else",
        observed=fate,
        causes=(
            SHELL_LOST,
            (lambda o: o.exec_errno, lambda o: f"it could not be started: {os.strerror(o.exec_errno)}"),
            (lambda o: crash(o) and not o.processes, crash_cause),
            (
                lambda o: not o.processes,
                "it came to its end: main() returned, or exit() was called. The program has to wait at the end of "
                "main(), for ever, as in for (;;) pause();",
            ),
            (lambda o: o.process.state in "Tt", "it is stopped: a signal such as SIGSTOP or SIGTTIN did that"),
            (True, "it makes another process: fork() is what step 02 adds, and too early here"),
        ),
        verdict=lambda o: CRASHED if o.exec_errno else life_verdict(o),
    ),
    Check(
        key="own_program",
        says="it runs this program",
        read="execve(2)",
        holds=lambda o: o.process.program == o.program,
        expected=lambda o: "the program that was launched",
        observed=lambda o: f"PID {o.process.pid} runs another one",
        causes=(
            (
                True,
                "it started another program, with exec or system(), and that one lives on. This program itself has "
                "to live on",
            ),
        ),
    ),
    Check(
        key="parent_is_shell",
        says="its parent is the shell",
        read="getppid(2)",
        follows=("lives",),
        holds=lambda o: o.process.ppid == o.shell.pid,
        expected=lambda o: f"PPID {o.shell.pid} (the shell)",
        observed=lambda o: f"PPID {o.process.ppid} ({role(o, o.process.ppid)})",
        causes=((True, "the process that lives is not the one that was launched: fork() is what step 02 adds"),),
    ),
    Check(
        key="shell_session",
        says="it is in the shell's session, in the launched process's group",
        read="credentials(7)",
        holds=lambda o: (o.process.sid, o.process.pgid) == (o.shell.sid, o.job),
        expected=lambda o: f"SID {o.shell.sid} (the shell's)  PGID {o.job} (the launched process's)",
        observed=lambda o: f"SID {o.process.sid}  PGID {o.process.pgid}  (PID {o.process.pid})",
        causes=(
            (
                lambda o: o.process.sid != o.shell.sid,
                "setsid() was called, by the program or in daemon(), which does later steps as well: a session of "
                "its own is what step 03 adds, and too early here",
            ),
            (
                lambda o: o.process.pgid == o.process.pid,
                "setpgid() or setpgrp() was called: nothing in this step asks for a process group of its own",
            ),
            (True, "setpgid() moved it into another process group: nothing in this step asks for that"),
        ),
    ),
    Check(
        key="shell_terminal",
        says="its controlling terminal is the shell's",
        read="tty(4)",
        follows=("shell_session",),
        holds=lambda o: o.process.terminal == o.shell.terminal,
        expected=lambda o: "the terminal that the shell has",
        observed=lambda o: "another terminal" if o.process.terminal else "none",
        causes=((True, "it gave up its terminal (TIOCNOTTY, say): that comes with the session of step 03"),),
    ),
    Check(
        key="launch_directory",
        says="its working directory is the one it was launched in",
        read="getcwd(3)",
        holds=lambda o: o.process.cwd == o.shell.cwd,
        expected=lambda o: o.shell.cwd_text,
        observed=lambda o: o.process.cwd_text,
        causes=(
            (
                True,
                "chdir() was called, by the program or in daemon(): to move to the root directory is what step 04 "
                "adds, and too early here",
            ),
        ),
    ),
    Check(
        key="launch_umask",
        says="its umask is the one it was launched with",
        read="umask(2)",
        holds=lambda o: o.process.umask == o.shell.umask,
        expected=lambda o: f"{o.shell.umask:04o}",
        observed=lambda o: f"{o.process.umask:04o}",
        causes=((True, "umask() was called: that is what step 01 adds, and too early here"),),
    ),
    Check(
        key="launch_files",
        says="all that was open at its launch is open",
        read="proc(5)",
        holds=lambda o: not lost(o),
        expected=lambda o: names(o.shell.descriptors),
        observed=lambda o: f"no longer open, or replaced: {names(lost(o))}",
        causes=(
            (
                True,
                "it closes or replaces descriptors, as daemon(0, 0) does too: that is what steps 05 and 06 add, and "
                "too early here",
            ),
        ),
    ),
]
