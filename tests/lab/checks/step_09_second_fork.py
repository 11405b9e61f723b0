"""Step 09: no session leader any more, and so no way to get a terminal."""

import os

from lab.checks import still
from lab.checks.model import SHELL_LOST, Check
from lab.checks.step_00_background import VFORK
from lab.checks.step_02_fork import job_lives
from lab.checks.step_03_setsid import group_words
from lab.scene import Scene


def leader_lives(o):
    """Whether the session leader is another process of the answer's, and lives."""
    return o.process.sid != o.process.pid and o.process.sid in [process.pid for process in o.processes]


def leads(o):
    return o.process.sid == o.process.pid


CHECKS = [
    # The same, but for its words: here two forks are asked for.
    still(
        2,
        "one_lives_on",
        expected=lambda o: f"PID {o.job} has ended with status 0; of what it has forked, one process lives on",
        causes=(
            SHELL_LOST,
            VFORK,
            (
                lambda o: job_lives(o) and len(o.processes) > 1,
                "the launched process goes on as well: it waits for its child, or runs on into the code that is the "
                "child's. After each of the two forks the parent has to end",
            ),
            (
                lambda o: o.processes and leader_lives(o),
                "the session leader lives on beside the process that it forked. It has to end as soon as the second "
                "fork has made its child, without waiting for it. fork() gives the child's PID in the parent",
            ),
            (
                lambda o: len(o.processes) > 1,
                "more than one process lives on: there was a fork after the second one, or in a loop, and its parent "
                "and its child both go on",
            ),
        ),
    ),
    Check(
        key="leads_nothing",
        says="SID = PGID, and no process with that PID lives",
        read="setsid(2), credentials(7)",
        replaces=("leads_session",),
        holds=lambda o: o.process.sid == o.process.pgid != o.shell.sid
        and o.process.sid not in [process.pid for process in o.processes],
        expected=lambda o: f"SID and PGID the same, of a process that has ended, not {o.process.pid}",
        observed=group_words,
        causes=(
            (
                lambda o: o.process.sid == o.shell.sid,
                "this process is still in the shell's session: setsid() was not called in it or in what forked it, "
                "or it failed",
            ),
            (
                lambda o: leads(o) and o.zombies,
                "it leads its session, and a child of it has ended. After the second fork the child has to go on, and "
                "the parent to end: fork() gives 0 in the child, and the child's PID in the parent",
            ),
            (
                lambda o: leads(o) and o.reaped,
                "it leads its session, though one more process was forked on the way and has ended: the second fork "
                "came before setsid(), or setsid() was called once more after it, which makes a leader again",
            ),
            (
                leads,
                "it leads its session: there was no fork after setsid(), or the child of that fork is not the one "
                "that lives on. O_NOCTTY, SIGHUP ignored, or another thread change nothing about that",
            ),
            (
                leader_lives,
                "the session leader lives on beside it: after the second fork the parent has to end",
            ),
            (
                True,
                "it was put into a process group of its own: setpgid() or setpgrp() did that, and nothing asks for it",
            ),
        ),
    ),
    Check(
        key="gets_no_terminal",
        says="opening a terminal without O_NOCTTY does not get it one",
        read="open(2), credentials(7)",
        follows=("leads_nothing", "no_terminal"),
        scene=Scene(then=("terminal",)),
        unseen=lambda o: f"the lab could not make it open a terminal: {os.strerror(-o.opened)}"
        if o.opened is not None and o.opened < 0
        else "",
        holds=lambda o: not o.got_terminal and o.process is not None,
        expected=lambda o: "no controlling terminal after the lab has made it open one (with ptrace, O_RDWR)",
        observed=lambda o: "the terminal that it opened is its controlling terminal now",
        causes=(
            (
                True,
                "a session leader without a controlling terminal gets the first one that it opens, and with it SIGHUP "
                "and SIGINT. Only a second fork makes a process that cannot",
            ),
        ),
    ),
]
