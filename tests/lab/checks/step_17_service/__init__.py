"""Step 17: one service in both styles. What the steps before asked for, it is asked for again, in its own scenes.

    launches.py     how it is launched, and what there is to be seen of it
    again.py        a check of an earlier step, asked again
    daemon.py       with -d: steps 00 to 14 again
    foreground.py   without: steps 15 and 16 again
    descriptors.py  what it has open
    addresses.py    -l: where it listens, and what clients get there
    statuses.py     where it does not start
"""

import errno
import os
from dataclasses import replace

from lab.checks import completed
from lab.checks.model import Check, fate
from lab.checks.step_11_pid_file import content, holds_pid
from lab.checks.step_13_drop_privileges import GID, GROUPS, UID, capabilities, extra_groups, has, ids
from lab.checks.step_14_signals import CONFIG_FILE, OLD
from lab.checks.step_15_notify import READY, after, quoted, stopped_well
from lab.checks.step_16_socket_activation import GONE, served, told_clients, why_not_served
from lab.checks.step_17_service import addresses, daemon, descriptors, foreground, statuses
from lab.checks.step_17_service.addresses import HELLO
from lab.checks.step_17_service.foreground import NEW_STYLE
from lab.checks.step_17_service.launches import (  # noqa: F401
    ARGUMENTS,
    NOT_CONFIGURED,
    ROOT_ARGUMENTS,
    fate_of_second,
    has_status,
    remains,
)
from lab.scene import CONFIG, PID_FILE, SOCKET, USER, Scene

BY_HAND = ("-l", SOCKET, "-p", PID_FILE)  # in the foreground, where nobody passes a socket


def exits(key, says, number, scene, holds, expected, cause, **other):
    """The check that it does not start, with the exit status that the LSB has for that, and words."""
    return Check(
        key=key,
        says=says,
        read="getopt(3), exit(3)",
        on_process=False,
        scene=scene,
        holds=lambda o: has_status(o.job_status, number) and not o.processes and holds(o),
        expected=lambda o: f"launched with {' '.join(scene.arguments)}: status {number}, {expected}",
        observed=fate,
        causes=(
            (lambda o: o.processes, f"it starts all the same: {cause}"),
            (
                lambda o: has_status(o.job_status, number),
                "the status is right; the text is not there, or not where it is expected",
            ),
            (True, cause),
        ),
        **other,
    )


def got(o, texts):
    """Whether each client got its text, and then end of file; who was to get none found nobody."""
    return [each.text for each in served(o)] == list(texts) and all(
        each.how == ("closed" if each.text else GONE) for each in served(o)
    )


def served_and_then(texts, ends):
    """Causes where it is not the clients that are worse off."""
    return (
        (
            lambda o: got(o, texts) and len(o.left) > 1,
            "its clients are served, and more than one process is there: a child that has served its client ends by "
            "_exit()",
        ),
        (
            lambda o: got(o, texts) and ends and o.left,
            "its clients are served, and it does not end: what it waits for after SIGTERM (a client that does not "
            "read, a child, accept() where nobody comes) needs a limit, of 2 seconds say",
        ),
        (lambda o: got(o, texts), "its clients are served, and then it does not go on, or end, as it should"),
        (
            lambda o: any(each.how == os.strerror(errno.EAGAIN) for each in served(o)),
            "no room in the queue of the socket: the second argument of listen() says how many may wait there. "
            "SOMAXCONN is as many as may be",
        ),
    )


def serves(key, says, read, scene, texts, cause, follows=("serves_at_path",), ends=False, causes=(), **other):
    """The check of what its clients get: `texts`, one for each of the deeds that make one."""
    return Check(
        key=key,
        says=says,
        read=read,
        on_process=False,
        scene=scene,
        follows=follows,
        holds=lambda o: o.process is not None and got(o, texts) and (stopped_well(o) if ends else len(o.left) == 1),
        expected=lambda o: f"{'; '.join(scene.then)}: "
        + ", ".join(f'"{text.strip()}"' if text else GONE for text in texts)
        + (", and status 0" if ends else ""),
        observed=lambda o: f"{told_clients(o)}; {after(o)}{fate_of_second(o)}" if o.process else fate(o),
        causes=(
            *causes,
            *served_and_then(texts, ends),
            *(() if "SIGKILL" in scene.then else ((why_not_served, why_not_served),)),
            (True, cause),
        ),
        **other,
    )


STARTED_BY_HAND = Scene(
    arguments=(*BY_HAND, "-c", CONFIG),
    files=(CONFIG_FILE,),
    notify="path",
    listen=(),
    then=(f"connect {SOCKET}", "SIGTERM", f"connect {SOCKET}"),
)
AS_ROOT_BY_HAND = replace(STARTED_BY_HAND, arguments=(*STARTED_BY_HAND.arguments, *ROOT_ARGUMENTS), root=True, then=())
FAILS_BY_HAND = replace(STARTED_BY_HAND, arguments=(*BY_HAND, "-c", "nowhere"), files=(), then=())

CHECKS = [
    *daemon.DAEMON.values(),
    *foreground.FOREGROUND.values(),
    *daemon.BONUS,
    *foreground.BONUS,
    descriptors.null_device_log_file_and_sockets,
    daemon.keeps_no_variable,
    statuses.help,
    statuses.misused,
    statuses.value_missing,
    statuses.word_too_many,
    statuses.no_address,
    statuses.no_config,
    statuses.not_allowed,
    statuses.port_not_allowed,
    addresses.serves_at_path,
    addresses.serves_at_host,
    addresses.stays_locked,
    addresses.serves_at_all,
    addresses.serves_at_version_6,
    addresses.greets_as_configured,
    addresses.reload_loses_nobody,
    addresses.stop_loses_nobody,
    statuses.leaves_nothing,
    addresses.interrupted,
    statuses.config_of_user,
    serves(
        "by_hand_served",
        "without -d: -l PATH and -c FILE count, and the path is gone when it has stopped",
        "unix(7), unlink(2)",
        STARTED_BY_HAND,
        (f"{OLD}\n", ""),
        "in the foreground it is the same service: all options but -d count as they do with it",
        follows=("fg_lives", "serves_at_path", "greets_as_configured"),
        ends=True,
        causes=(
            (lambda o: o.process is None, "without -d it does not start with -l, -p and -c"),
            (
                lambda o: served(o)[0].text == f"{OLD}\n" and served(o)[-1].how != GONE,
                "its client is served, and the path stays when it has stopped: what it has made it takes away, in the "
                "foreground too",
            ),
        ),
    ),
    Check(
        key="by_hand_pid_file",
        says="without -d: -p FILE holds its PID, is locked, and is gone when it has stopped",
        read="flock(2), unlink(2)",
        scene=STARTED_BY_HAND,
        follows=("fg_lives", "pid_file", "removes_pid_file"),
        holds=lambda o: holds_pid(o.pid_file, o.process.pid) and o.pid_file.locked and o.pid_file_after is None,
        expected=lambda o: f"{PID_FILE} holds {o.process.pid}, and is locked; after kill -TERM there is none",
        observed=lambda o: f"{content(o.pid_file)}; after kill -TERM: {content(o.pid_file_after)}",
        causes=(
            (
                lambda o: o.pid_file is None,
                "-p counts in the foreground too: a script, or a second one, looks there",
            ),
            (
                lambda o: holds_pid(o.pid_file, o.process.pid) and not o.pid_file.locked,
                "it is not locked: a second one starts all the same",
            ),
            (
                lambda o: holds_pid(o.pid_file, o.process.pid),
                "it stays when the service stops: the next one to read it sends a signal to whoever has that PID then",
            ),
            (True, "it is made, and not as step 11 makes it"),
        ),
    ),
    Check(
        key="by_hand_user",
        says=f"without -d: -u {USER} gives up all rights of root",
        read="initgroups(3), setresuid(2)",
        scene=AS_ROOT_BY_HAND,
        follows=("fg_lives", "user_ids", "group_ids", "supplementary_groups", "no_capabilities"),
        holds=lambda o: has(o).uids == (UID,) * 4
        and has(o).gids == (GID,) * 4
        and extra_groups(o) == GROUPS
        and capabilities(o) == "none",
        expected=lambda o: f"UID {UID}, GID {GID}, groups {', '.join(map(str, sorted(GROUPS)))}, no capabilities",
        observed=lambda o: f"UID {ids(has(o).uids)}, GID {ids(has(o).gids)}, groups "
        f"{', '.join(map(str, sorted(extra_groups(o)))) or 'none'}, capabilities {capabilities(o)}",
        causes=((True, "-u counts in the foreground too: whoever starts it as root relies on that"),),
    ),
    exits(
        "by_hand_no_config",
        "without -d: a configuration that cannot be read is status 6, too",
        NOT_CONFIGURED,
        FAILS_BY_HAND,
        lambda o: "nowhere" in o.printed,
        "and the reason on standard error",
        "the status says the same whether -d is given or not",
        follows=("no_config",),
    ),
    Check(
        key="by_hand_leaves_nothing",
        says="without -d: a start that fails leaves nothing, and nobody is told that it is ready",
        read="unlink(2), sd_notify(3)",
        on_process=False,
        scene=FAILS_BY_HAND,
        follows=("by_hand_no_config", "leaves_nothing", "by_hand_served"),
        holds=lambda o: not o.processes and not remains(o) and not any(READY in each.text for each in o.notices),
        expected=lambda o: f"without a configuration: no {PID_FILE}, no {SOCKET}, and nobody is told {READY}",
        observed=lambda o: f"still there: {' and '.join(remains(o)) or 'neither'}; told: {quoted(o.notices)}",
        causes=(
            (remains, "what was made on the way stays when a later call fails: who ends takes away what is its own"),
            (True, "READY=1 came before all was done that can fail: what waited for it starts, and finds nobody"),
        ),
    ),
    serves(
        "passed_first",
        "without -d: where sockets are passed these are served, and not ADDRESS",
        "sd_listen_fds(3)",
        completed(NEW_STYLE, Scene(arguments=("-l", SOCKET), then=("connect 0", f"connect {SOCKET}"))),
        (HELLO, ""),
        "-l is for where nothing is passed: with both, clients come by a way that the service manager knows nothing of",
        follows=("fg_serves", "serves_at_path"),
    ),
    addresses.takes_over_path,
    addresses.starts_at_once,
    addresses.no_socket_there,
    addresses.path_in_use,
    addresses.port_too_high,
    addresses.no_port,
    addresses.port_unknown,
    addresses.not_our_address,
    addresses.path_too_long,
]
