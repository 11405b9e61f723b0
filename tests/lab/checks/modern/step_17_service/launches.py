"""How the service is launched, and what there is to be seen of it afterwards."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Callable

from lab.checks.check import Check, Look, check
from lab.checks.common import ended, started_again
from lab.checks.modern import step_16_socket_activation as step_16
from lab.facts import Observation
from lab.scene import CONFIG, PID_FILE, PORT, SOCKET, USER, Scene, Usual

AS_DAEMON = ("-d", "-l", SOCKET)
AT_HOST = ("-d", "-l", f"127.0.0.1:{PORT}", "-p", PID_FILE)

# The two ways in which it is launched.
DAEMON = Usual(name="daemon", arguments=(*AS_DAEMON, "-p", PID_FILE), as_root=("-u", USER), tells=True)
FOREGROUND = replace(step_16.USUAL, name="foreground")

WITH_CONFIG = (*DAEMON.arguments, "-c", CONFIG)

# LSB Core 5.0, "Init Script Actions".
GENERIC, USAGE, NOT_ALLOWED, NOT_CONFIGURED = 1, 2, 4, 6


def daemon_check(**more: Any) -> Callable[[Look], Check]:
    """Make a check of a function, as check() does, of what is launched with -d."""
    return check(usual=DAEMON, **more)


def foreground_check(*, scene: Scene, **more: Any) -> Callable[[Look], Check]:
    """The same of what is launched without."""
    return check(usual=FOREGROUND, scene=FOREGROUND.completed(scene), **more)


def has_status(status: int | None, number: int) -> bool:
    """Whether a wait status is that of an exit with this number."""
    return status is not None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == number


def remains(o: Observation) -> list[str]:
    """What the service has made, and is still there."""
    return [name for name in (PID_FILE, SOCKET) if name in o.after.files]


def fate_of_second(o: Observation) -> str:
    """What became of the one that was started again, for the end of a sentence; "" if none was."""
    again = started_again(o)
    if not again.statuses:
        return ""
    status, printed = again.statuses[0], again.printed.strip()
    how = "does not end" if status is None else ended(status)
    if not printed:
        return f"; the second: {how}"
    return f'; the second: {how}, and printed "{printed[:200]}"'
