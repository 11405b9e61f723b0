"""How the service is started, in its two ways, and the statuses with which it exits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable

from lab.checks.check import Check, Look, check
from lab.checks.modern import step_17_socket_activation as step_17
from lab.checks.modern.step_18_server.launches import AT_PATH
from lab.scene import CONFIG, SOCKET, USER, Scene, Usual

AS_DAEMON = ("-d", "-l", SOCKET)

# The two ways in which it is started.
DAEMON = Usual(name="daemon", arguments=("-d", *AT_PATH), as_root=("-u", USER), tells=True)
FOREGROUND = replace(step_17.USUAL, name="foreground")

WITH_CONFIG = (*DAEMON.arguments, "-c", CONFIG)

# LSB Core 5.0, "Init Script Actions".
GENERIC, USAGE, NOT_ALLOWED, NOT_CONFIGURED = 1, 2, 4, 6


def daemon_check(**more: Any) -> Callable[[Look], Check]:
    """Make a check of a function, as check() does, of a program that is started with -d."""
    return check(usual=DAEMON, **more)


def foreground_check(*, scene: Scene, **more: Any) -> Callable[[Look], Check]:
    """The same of a program that is started without -d."""
    return check(usual=FOREGROUND, scene=FOREGROUND.completed(scene), **more)
