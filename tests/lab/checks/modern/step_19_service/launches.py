"""How the service is started, what can be seen of it afterwards, and causes that several of its checks have."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Callable

from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.check import Check, Look, check
from lab.checks.common import crash, crash_cause, ended, started_again
from lab.checks.modern import step_17_socket_activation as step_17
from lab.facts import Observation
from lab.scene import CONFIG, PID_FILE, PORT, SOCKET, USER, Scene, Usual

AS_DAEMON = ("-d", "-l", SOCKET)
AT_HOST = ("-d", "-l", f"127.0.0.1:{PORT}", "-p", PID_FILE)

# The two ways in which it is started.
DAEMON = Usual(name="daemon", arguments=(*AS_DAEMON, "-p", PID_FILE), as_root=("-u", USER), tells=True)
FOREGROUND = replace(step_17.USUAL, name="foreground")

WITH_CONFIG = (*DAEMON.arguments, "-c", CONFIG)

# LSB Core 5.0, "Init Script Actions".
GENERIC, USAGE, NOT_ALLOWED, NOT_CONFIGURED = 1, 2, 4, 6

READY_TOO_EARLY = (
    "The first process exits with status 0, but no daemon stays. Most likely the daemon reports too early that it is "
    "ready, or the first process does not wait for that. Report it after the last step that can fail."
)


def daemon_check(**more: Any) -> Callable[[Look], Check]:
    """Make a check of a function, as check() does, of a program that is started with -d."""
    return check(usual=DAEMON, **more)


def foreground_check(*, scene: Scene, **more: Any) -> Callable[[Look], Check]:
    """The same of a program that is started without -d."""
    return check(usual=FOREGROUND, scene=FOREGROUND.completed(scene), **more)


def has_status(status: int | None, number: int) -> bool:
    """Whether a wait status is that of an exit with this number."""
    return status is not None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == number


def remains(o: Observation) -> list[str]:
    """The names of the files that the service has made, and that are still there."""
    return [name for name in (PID_FILE, SOCKET) if name in o.after.files]


def fate_of_second(o: Observation) -> str:
    """How the one that was started again ended, for the end of a sentence; "" if none was started again."""
    again = started_again(o)
    if not again.statuses:
        return ""
    status, printed = again.statuses[0], again.printed.strip()
    how = "has not exited" if status is None else ended(status)
    if not printed:
        return f"; the second one {how}"
    return f'; the second one {how}, and printed "{printed[:200]}"'


def why_a_failed_start_is_not_told(o: Observation, status: str) -> str | None:
    """Why a start that must fail does not end in an exit with `status`, whatever is the reason; None if it does."""
    is_daemon = "-d" in (o.scene.arguments or ())
    has_daemon = any(each.ppid == o.world.adopter for each in o.processes)
    if is_daemon and o.job.status is None and not has_daemon and (o.zombies or o.reaped):
        return step_12.why_it_waits(o)
    if o.processes:
        return step_12.LIVES_ON_UNTOLD if o.job.status else None
    if crash(o):
        return crash_cause(o)
    if has_status(o.job.status, 0) and o.reaped:
        return READY_TOO_EARLY
    if has_status(o.job.status, 0):
        return f"Your program exits with status 0, as if nothing was wrong. The caller must notice: exit with {status}."
    return None
