"""With which status it ends where it does not start, what it says then, and what it leaves."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

from lab.checks.beyond.step_14_signals import CONFIG_FILE
from lab.checks.check import Finding, Unseen, Wrong
from lab.checks.common import fails_cleanly, fate, says_why
from lab.checks.modern.step_17_service.addresses import serves_at_host, serves_at_path
from lab.checks.modern.step_17_service.daemon import DAEMON_AGAIN
from lab.checks.modern.step_17_service.launches import (
    DAEMON,
    GENERIC,
    NOT_ALLOWED,
    NOT_CONFIGURED,
    USAGE,
    WITH_CONFIG,
    daemon_check,
    foreground_check,
    has_status,
    remains,
)
from lab.facts import Observation
from lab.scene import CONFIG, PID_FILE, SOCKET, SOMEBODY, USER, Manager, Scene, Stdio

# Nobody is a manager to it.
BY_A_SHELL = Scene(stdio=Stdio.PIPE, notify=Manager.NONE, listen=())

# What is expected besides a status.
SAME_TEXT = "and the same text, on standard error"
REASON = "and the reason on standard error of the launched process"


def unless_it_exits(o: Observation, *, status: int, text: str, is_told: bool, because: str) -> Wrong | None:
    """What is wrong where it is not to start, but to exit with a status, and with a `text` if that is told."""
    if has_status(o.job.status, status) and not o.processes and is_told:
        return None
    return Wrong(
        expected=f"launched with {' '.join(o.scene.arguments or ())}: status {status}, {text}",
        observed=fate(o),
        because=why_it_exits_otherwise(o, status, because),
    )


def why_it_exits_otherwise(o: Observation, status: int, because: str) -> str:
    if o.processes:
        return f"it starts all the same: {because}"
    if has_status(o.job.status, status):
        return "the status is right; the text is not there, or not where it is expected"
    return because


@foreground_check(read="getopt(3), exit(3)", scene=replace(BY_A_SHELL, arguments=("-h",)))
def help(o: Observation) -> Finding:
    """-h: it tells how it is used, on standard output."""
    return unless_it_exits(
        o,
        status=0,
        text="and a text that names all options",
        is_told=all(f"-{letter}" in o.piped.text for letter in "dlpuch"),
        because="that was asked for, so it is no error: standard output, and status 0",
    )


@foreground_check(read="getopt(3), exit(3)", scene=replace(BY_A_SHELL, arguments=("-x",)))
def misused(o: Observation) -> Finding:
    """an option that there is not: it tells how it is used, on standard error."""
    return unless_it_exits(
        o,
        status=USAGE,
        text=SAME_TEXT,
        is_told=not o.piped.text and "-l" in o.printed,
        because="2 is what the LSB has for wrong arguments, and what most programs use",
    )


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=("-d", "-l"), stdio=Stdio.PIPE))
def value_missing(o: Observation) -> Finding:
    """an option without its value: it tells how it is used, too."""
    return unless_it_exits(
        o,
        status=USAGE,
        text=SAME_TEXT,
        is_told=not o.piped.text and "-p" in o.printed,
        because="a colon behind the letter tells getopt() that a value comes; without one it gives '?'",
    )


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=("-d", "-l", SOCKET, "more"), stdio=Stdio.PIPE))
def word_too_many(o: Observation) -> Finding:
    """a word too many: it tells how it is used, too."""
    return unless_it_exits(
        o,
        status=USAGE,
        text=SAME_TEXT,
        is_told=not o.piped.text and "-p" in o.printed,
        because="getopt() stops at the first word that is no option: optind is its index, and has to be argc",
    )


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=("-d",)))
def no_address(o: Observation) -> Finding:
    """neither an ADDRESS nor a socket that was passed: status 1."""
    return unless_it_exits(
        o,
        status=GENERIC,
        text=REASON,
        is_told=bool(o.printed.strip()),
        because="nothing is wrong with the arguments (2): where a socket is passed it needs no -l. 1 is for all else",
    )


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=(*DAEMON.arguments, "-c", "nowhere")))
def no_config(o: Observation) -> Finding:
    """a configuration that cannot be read: status 6."""
    return unless_it_exits(
        o,
        status=NOT_CONFIGURED,
        text=REASON,
        is_told="nowhere" in o.printed,
        because=(
            "6 is what the LSB has for a service that is not configured. The daemon knows the reason, and its caller "
            "waits: the pipe of step 12 can carry a number too"
        ),
    )


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=(*DAEMON.arguments, "-u", SOMEBODY)))
def not_allowed(o: Observation) -> Finding:
    """-u where it is not root: status 4."""
    # An ID that the sandbox does not have is none (user_namespaces(7)): who comes to it first is told so.
    if fails_cleanly(o) and says_why(o, os.strerror(errno.EINVAL)):
        return None
    return unless_it_exits(
        o,
        status=NOT_ALLOWED,
        text=REASON,
        is_told=bool(o.printed.strip()),
        because="4 is what the LSB has for a user who is not allowed that",
    )


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=("-d", "-l", "127.0.0.1:1")), follows=[serves_at_host])
def port_not_allowed(o: Observation) -> Finding:
    """-l with a port below 1024 where it is not root: status 4."""
    if o.processes:
        return Unseen("everybody may have port 1 here: ip_unprivileged_port_start")
    return unless_it_exits(
        o,
        status=NOT_ALLOWED,
        text=REASON,
        is_told=bool(o.printed.strip()),
        because=(
            "bind() fails with EACCES: 4 is what the LSB has for what is not allowed, and what the pipe of step 12 has "
            "to carry"
        ),
    )


@daemon_check(
    read="unlink(2), atexit(3)",
    scene=Scene(arguments=(*DAEMON.arguments, "-c", "nowhere")),
    follows=[no_config, serves_at_path],
)
def leaves_nothing(o: Observation) -> Finding:
    """a start that fails leaves neither FILE nor the path behind."""
    if not o.processes and not remains(o):
        return None
    return Wrong(
        expected=f"without a configuration it does not start: no {PID_FILE}, no {SOCKET}",
        observed=f"still there: {', '.join(remains(o)) or 'neither'}; {fate(o)}",
        because=(
            "what was made on the way stays when a later call fails: who ends, at whatever place, has to take away "
            "what is its own. One function that does so, and that all errors go through, is enough"
        ),
    )


@daemon_check(
    read="open(2), setresuid(2)",
    scene=Scene(root=True, arguments=(*WITH_CONFIG, *DAEMON.as_root), files=((*CONFIG_FILE, 0o600),)),
    follows=[DAEMON_AGAIN["written_as_root"], no_config],
)
def config_of_user(o: Observation) -> Finding:
    """-c FILE is read as USER."""
    if has_status(o.job.status, NOT_CONFIGURED) and not o.processes:
        return None
    return Wrong(
        expected=f"-u {USER}, and {CONFIG} is root's alone: it does not start, status 6",
        observed=fate(o),
        because=why_it_was_read_as_root(o),
    )


def why_it_was_read_as_root(o: Observation) -> str:
    if o.processes:
        return "it read as root what it cannot read again as USER, when SIGHUP comes: root's rights are given up first"
    return "it does not start, and its status is not that of a configuration that cannot be read"
