"""Without -d and without a passed socket: started by hand, it is the same service."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Iterable

from lab.checks.beyond.step_11_pid_file import content, holds_pid
from lab.checks.beyond.step_13_drop_privileges import GID, GROUPS, UID, capabilities, extra_groups, has, ids
from lab.checks.beyond.step_15_reload import CONFIG_FILE, OLD
from lab.checks.check import Finding, Wrong
from lab.checks.common import fate, killed, signal_name
from lab.checks.modern.step_16_notify import READY, quoted
from lab.checks.modern.step_17_socket_activation import GONE, served
from lab.checks.modern.step_18_server.launches import (
    AT_PATH,
    GREETED,
    HELLO,
    NOBODY,
    has_status,
    remains,
    unless_served,
)
from lab.checks.modern.step_19_service.daemon import DAEMON_AGAIN
from lab.checks.modern.step_19_service.foreground import FOREGROUND_AGAIN
from lab.checks.modern.step_19_service.launches import DAEMON, NOT_CONFIGURED, foreground_check
from lab.checks.modern.step_19_service.statuses import REASON, no_config, unless_it_exits
from lab.facts import Credentials, Observation, Process
from lab.scene import CONFIG, PID_FILE, SOCKET, USER, Connect, Scene, Signal

STARTED = Scene(
    arguments=(*AT_PATH, "-c", CONFIG),
    files=(CONFIG_FILE,),
    listen=(),
    then=(Connect(SOCKET), Signal(signal.SIGTERM), Connect(SOCKET)),
)
AS_ROOT = replace(STARTED, arguments=(*AT_PATH, "-c", CONFIG, *DAEMON.as_root), root=True, then=())
FAILS = replace(STARTED, arguments=(*AT_PATH, "-c", "nowhere"), files=(), then=())


@foreground_check(
    read="unix(7), unlink(2)",
    scene=STARTED,
    follows=[FOREGROUND_AGAIN["lives"], DAEMON_AGAIN["serves_at_path"], DAEMON_AGAIN["greets_as_configured"]],
)
def by_hand_served(o: Observation) -> Finding:
    """without -d, -l and -c work too, and PATH is removed when it stops."""
    wrong = unless_served(
        o,
        (f"{OLD}\n", NOBODY),
        f'a client at {SOCKET}: "{OLD}\\n", then end of file; after SIGTERM exit status 0, and no {SOCKET}',
        "The service must be the same in the foreground. Let all options but -d have the effect that they have with "
        "-d.",
        ends=True,
    )
    if wrong is None:
        return None
    return wrong.instead(why_it_is_another_service(o))


def why_it_is_another_service(o: Observation) -> str | None:
    if o.process is None:
        return (
            "Without -d your program does not start with -l, -p and -c. Its message tells why. Most likely one of "
            "these options has an effect only with -d. Let all of them work without -d too."
        )
    first, last = served(o)[0], served(o)[-1]
    if first.text == HELLO:
        return (
            "The client got \"hello\", although FILE of -c has another greeting. Most likely your program reads FILE "
            "only with -d. Read it without -d too."
        )
    if first.how == GONE:
        return (
            f"No client finds {SOCKET}. Most likely your program makes the socket for -l only with -d. Make it without "
            "-d too, if no socket was passed."
        )
    if first.text == f"{OLD}\n" and last.how != GONE and not o.after.left and SOCKET in remains(o):
        return (
            f"The client is served, but {SOCKET} is still there after SIGTERM. Remove it with unlink() in the "
            "foreground too, because your program has made it."
        )
    return None


@foreground_check(
    read="flock(2), unlink(2)",
    scene=STARTED,
    follows=[FOREGROUND_AGAIN["lives"], DAEMON_AGAIN["pid_file"], DAEMON_AGAIN["removes_pid_file"]],
    expects=f"{PID_FILE} holds its PID and is locked; after kill -TERM there is no {PID_FILE}",
)
def by_hand_pid_file(o: Observation, p: Process) -> Finding:
    """without -d, the PID file is written, locked and removed too."""
    file = o.pid_file
    if file is not None and holds_pid(file, p.pid) and file.locked and o.after.pid_file is None:
        return None
    return Wrong(
        expected=f"{PID_FILE} holds {p.pid} and is locked; after kill -TERM there is no {PID_FILE}",
        observed=f"{content(file)}; after kill -TERM: {content(o.after.pid_file)}",
        because=why_the_file_is_another(o, p),
    )


def why_the_file_is_another(o: Observation, p: Process) -> str:
    if o.pid_file is None:
        return (
            "There is no PID file. Most likely your program writes it only with -d. A script, or a second instance, "
            "looks for it in the foreground too, so write it without -d as well."
        )
    if not holds_pid(o.pid_file, p.pid):
        return (
            "The PID file does not hold the PID of your program and a newline. Write what getpid() returns, as in step "
            "11, also without -d."
        )
    if not o.pid_file.locked:
        return "The PID file is not locked, so a second instance can start. Lock it without -d too, and keep it open."
    if o.after.left:
        return (
            "The PID file is still there because your program does not exit after SIGTERM. Most likely nothing reads "
            "the signal, or your program waits in accept() without a client. Make the sockets non-blocking, and exit."
        )
    if killed(o):
        return (
            f"{signal_name(killed(o))} killed your program before it could remove the PID file. Your program must end "
            "by itself: block SIGTERM and wait for it, or handle it, and then clean up."
        )
    return (
        "The PID file is still there after your program has exited. By then another process may have that PID, and get "
        "a signal from a script. Remove the file in the foreground too."
    )


def groups_in_words(groups: Iterable[int]) -> str:
    """The numbers of groups, "none" for none."""
    return ", ".join(map(str, sorted(groups))) or "none"


ALL_OF_USER = f"UID {UID}, GID {GID}, groups {groups_in_words(GROUPS)}, no capabilities"


def has_given_up(who: Credentials) -> bool:
    """Whether it has none of root's rights any more."""
    has_ids = who.uids == (UID,) * 4 and who.gids == (GID,) * 4
    return has_ids and extra_groups(who) == GROUPS and not any(who.capabilities.values())


@foreground_check(
    says=f"without -d, -u {USER} gives up all of root's rights too",
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
    """As in step 13, in the foreground."""
    wrong = next((who for who in (has(o), *o.survivor.of_threads) if not has_given_up(who)), None)
    if wrong is None:
        return None
    return Wrong(
        expected=ALL_OF_USER,
        observed=(
            f"UID {ids(wrong.uids)}, GID {ids(wrong.gids)}, groups {groups_in_words(extra_groups(wrong))}, "
            f"capabilities {capabilities(wrong)}"
        ),
        because=why_it_is_still_root(wrong),
    )


def why_it_is_still_root(who: Credentials) -> str:
    if set(who.uids) == {0}:
        return (
            "Your program, or a thread of it, is still root. Most likely it gives up root's rights only with -d. Do "
            "that without -d too, because -u asks for it."
        )
    return (
        "Your program, or a thread of it, has given up only some of root's rights. Most likely it does less without "
        "-d. Call the same function as with -d."
    )


@foreground_check(read="getopt(3), exit(3)", scene=FAILS, follows=[no_config])
def by_hand_no_config(o: Observation) -> Finding:
    """without -d, it exits with 6 too when it cannot read its configuration."""
    return unless_it_exits(
        o,
        status=NOT_CONFIGURED,
        text=REASON,
        is_told="nowhere" in o.printed,
        because=why_it_runs_without_config(o),
    )


def why_it_runs_without_config(o: Observation) -> str:
    if o.processes:
        return (
            "Your program starts, although it cannot read its configuration. Most likely it reads FILE of -c only with "
            "-d. Read it without -d too, print the reason, and exit with status 6."
        )
    if has_status(o.job.status, NOT_CONFIGURED):
        return (
            "The exit status is right, but standard error does not name the file. Without -d print its name and the "
            "reason there directly. There is no pipe."
        )
    if "nowhere" in o.printed:
        return "The reason is right, but the exit status is not 6. Use the same status as with -d."
    return (
        "Your program exits for another reason than its configuration. See its message. Most likely -l, -p or -c has "
        "an effect only with -d. Let all of them work without -d too."
    )


@foreground_check(
    read="unlink(2), sd_notify(3)",
    scene=FAILS,
    follows=[by_hand_no_config, DAEMON_AGAIN["leaves_nothing"], by_hand_served],
)
def by_hand_leaves_nothing(o: Observation) -> Finding:
    """without -d, a start that fails leaves no file and tells no READY=1."""
    is_told_ready = any(READY in each.text for each in o.notices)
    if not o.processes and not remains(o) and not is_told_ready:
        return None
    return Wrong(
        expected=f"started with -c nowhere: no {PID_FILE}, no {SOCKET}, no process that stays, and no {READY}",
        observed=f"{fate(o)}; still there: {' and '.join(remains(o)) or 'neither file'}; told: {quoted(o.notices)}",
        because=why_something_is_left(o),
    )


def why_something_is_left(o: Observation) -> str:
    if o.processes:
        return (
            "Your program keeps running, although it cannot read its configuration. Print the reason, remove what you "
            "have made, and exit with status 6."
        )
    if remains(o):
        return (
            "Your program made this before a later step failed, and left it behind. Write one function that removes "
            "the PID file and the socket and then exits, and call it for every error."
        )
    return (
        f"Your program sends {READY} before the last step that can fail. Other services then start too early, and find "
        f"nobody. Send {READY} after that step."
    )


@foreground_check(
    read="sd_listen_fds(3)",
    scene=Scene(arguments=("-l", SOCKET), then=(Connect("0"), Connect(SOCKET))),
    follows=[FOREGROUND_AGAIN["serves"], DAEMON_AGAIN["serves_at_path"]],
)
def passed_first(o: Observation) -> Finding:
    """without -d, it serves the passed sockets, and not the ADDRESS of -l."""
    return unless_served(
        o,
        (HELLO, NOBODY),
        f"a client at the passed socket: {GREETED}; no {SOCKET} for another client",
        why_the_address_counts(o),
    )


def why_the_address_counts(o: Observation) -> str:
    if served(o) and served(o)[0].text != HELLO:
        return (
            "Your program does not serve the socket that was passed. Most likely it uses the ADDRESS of -l instead. If "
            "sockets are passed, serve these, and ignore ADDRESS."
        )
    return (
        "Your program serves at the ADDRESS of -l too, although a socket was passed. Then clients reach it without the "
        "service manager. Use ADDRESS only if no socket is passed."
    )
