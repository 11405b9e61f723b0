"""Step 09: no session leader any more, and so no way to get a terminal."""

import os

from lab.expect.model import Check, Scene
from lab.expect.step_03_setsid import group_words

CHECKS = [
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
                lambda o: o.process.sid == o.process.pid,
                "it leads its session: there was no fork after setsid(), or the child of that fork is not the one "
                "that lives on, or setsid() was called in it once more",
            ),
            (
                lambda o: o.process.sid in [process.pid for process in o.processes],
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
