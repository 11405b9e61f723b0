"""Without -d, where nobody passes a socket: started by hand it is the same service."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Iterable

from lab.checks.beyond.step_11_pid_file import content, holds_pid
from lab.checks.beyond.step_13_drop_privileges import GID, GROUPS, UID, capabilities, extra_groups, has, ids
from lab.checks.beyond.step_14_signals import CONFIG_FILE, OLD
from lab.checks.check import Finding, Wrong
from lab.checks.modern.step_15_notify import READY, quoted
from lab.checks.modern.step_16_socket_activation import GONE, served
from lab.checks.modern.step_17_service.addresses import (
    HELLO,
    NOBODY,
    greets_as_configured,
    serves_at_path,
    unless_served,
)
from lab.checks.modern.step_17_service.daemon import DAEMON_AGAIN
from lab.checks.modern.step_17_service.foreground import FOREGROUND_AGAIN
from lab.checks.modern.step_17_service.launches import DAEMON, NOT_CONFIGURED, foreground_check, remains
from lab.checks.modern.step_17_service.statuses import leaves_nothing, no_config, unless_it_exits
from lab.facts import Credentials, Observation, Process
from lab.scene import CONFIG, PID_FILE, SOCKET, USER, Connect, Scene, Signal

BY_HAND = ("-l", SOCKET, "-p", PID_FILE)

STARTED = Scene(
    arguments=(*BY_HAND, "-c", CONFIG),
    files=(CONFIG_FILE,),
    listen=(),
    then=(Connect(SOCKET), Signal(signal.SIGTERM), Connect(SOCKET)),
)
AS_ROOT = replace(STARTED, arguments=(*BY_HAND, "-c", CONFIG, *DAEMON.as_root), root=True, then=())
FAILS = replace(STARTED, arguments=(*BY_HAND, "-c", "nowhere"), files=(), then=())


@foreground_check(
    read="unix(7), unlink(2)",
    scene=STARTED,
    follows=[FOREGROUND_AGAIN["lives"], serves_at_path, greets_as_configured],
)
def by_hand_served(o: Observation) -> Finding:
    """without -d: -l PATH and -c FILE count, and the path is gone when it has stopped."""
    wrong = unless_served(
        o,
        (f"{OLD}\n", NOBODY),
        "in the foreground it is the same service: all options but -d count as they do with it",
        ends=True,
    )
    if wrong is None:
        return None
    return wrong.instead(why_it_is_another_service(o))


def why_it_is_another_service(o: Observation) -> str | None:
    if o.process is None:
        return "without -d it does not start with -l, -p and -c"
    if served(o)[0].text == f"{OLD}\n" and served(o)[-1].how != GONE:
        return (
            "its client is served, and the path stays when it has stopped: what it has made it takes away, in the "
            "foreground too"
        )
    return None


@foreground_check(
    read="flock(2), unlink(2)",
    scene=STARTED,
    follows=[FOREGROUND_AGAIN["lives"], DAEMON_AGAIN["pid_file"], DAEMON_AGAIN["removes_pid_file"]],
    expects=f"{PID_FILE} holds its PID, and is locked; after kill -TERM there is none",
)
def by_hand_pid_file(o: Observation, p: Process) -> Finding:
    """without -d: -p FILE holds its PID, is locked, and is gone when it has stopped."""
    file = o.pid_file
    if file is not None and holds_pid(file, p.pid) and file.locked and o.after.pid_file is None:
        return None
    return Wrong(
        expected=f"{PID_FILE} holds {p.pid}, and is locked; after kill -TERM there is none",
        observed=f"{content(file)}; after kill -TERM: {content(o.after.pid_file)}",
        because=why_the_file_is_another(o, p),
    )


def why_the_file_is_another(o: Observation, p: Process) -> str:
    if o.pid_file is None:
        return "-p counts in the foreground too: a script, or a second one, looks there"
    if not holds_pid(o.pid_file, p.pid):
        return "it is made, and not as step 11 makes it"
    if not o.pid_file.locked:
        return "it is not locked: a second one starts all the same"
    return "it stays when the service stops: the next one to read it sends a signal to whoever has that PID then"


def groups_in_words(groups: Iterable[int]) -> str:
    """Numbers of groups, "none" for none."""
    return ", ".join(map(str, sorted(groups))) or "none"


ALL_OF_USER = f"UID {UID}, GID {GID}, groups {groups_in_words(GROUPS)}, no capabilities"


def has_given_up(who: Credentials) -> bool:
    """Whether nothing of root is left to it."""
    has_ids = who.uids == (UID,) * 4 and who.gids == (GID,) * 4
    return has_ids and extra_groups(who) == GROUPS and not any(who.capabilities.values())


@foreground_check(
    says=f"without -d: -u {USER} gives up all rights of root",
    read="initgroups(3), setresuid(2)",
    scene=AS_ROOT,
    follows=[
        FOREGROUND_AGAIN["lives"],
        DAEMON_AGAIN["user_ids"],
        DAEMON_AGAIN["group_ids"],
        DAEMON_AGAIN["supplementary_groups"],
        DAEMON_AGAIN["no_capabilities"],
    ],
    expects=ALL_OF_USER,
)
def by_hand_user(o: Observation, p: Process) -> Finding:
    """As step 13 asks for it of a daemon."""
    wrong = next((who for who in (has(o), *o.survivor.of_threads) if not has_given_up(who)), None)
    if wrong is None:
        return None
    return Wrong(
        expected=ALL_OF_USER,
        observed=(
            f"UID {ids(wrong.uids)}, GID {ids(wrong.gids)}, groups {groups_in_words(extra_groups(wrong))}, "
            f"capabilities {capabilities(wrong)}"
        ),
        because="-u counts in the foreground too: whoever starts it as root relies on that",
    )


@foreground_check(read="getopt(3), exit(3)", scene=FAILS, follows=[no_config])
def by_hand_no_config(o: Observation) -> Finding:
    """without -d: a configuration that cannot be read is status 6, too."""
    return unless_it_exits(
        o,
        status=NOT_CONFIGURED,
        text="and the reason on standard error",
        is_told="nowhere" in o.printed,
        because="the status says the same whether -d is given or not",
    )


@foreground_check(
    read="unlink(2), sd_notify(3)",
    scene=FAILS,
    follows=[by_hand_no_config, leaves_nothing, by_hand_served],
)
def by_hand_leaves_nothing(o: Observation) -> Finding:
    """without -d: a start that fails leaves nothing, and nobody is told that it is ready."""
    is_told_ready = any(READY in each.text for each in o.notices)
    if not o.processes and not remains(o) and not is_told_ready:
        return None
    still_there = " and ".join(remains(o)) or "neither"
    return Wrong(
        expected=f"without a configuration: no {PID_FILE}, no {SOCKET}, and nobody is told {READY}",
        observed=f"still there: {still_there}; told: {quoted(o.notices)}",
        because=why_something_is_left(o),
    )


def why_something_is_left(o: Observation) -> str:
    if remains(o):
        return "what was made on the way stays when a later call fails: who ends takes away what is its own"
    return "READY=1 came before all was done that can fail: what waited for it starts, and finds nobody"


@foreground_check(
    read="sd_listen_fds(3)",
    scene=Scene(arguments=("-l", SOCKET), then=(Connect("0"), Connect(SOCKET))),
    follows=[FOREGROUND_AGAIN["serves"], serves_at_path],
)
def passed_first(o: Observation) -> Finding:
    """without -d: where sockets are passed these are served, and not ADDRESS."""
    return unless_served(
        o,
        (HELLO, NOBODY),
        "-l is for where nothing is passed: with both, clients come by a way that the service manager knows nothing of",
    )
