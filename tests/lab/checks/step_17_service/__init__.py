"""Step 17: one service in both styles. What the steps before asked for, it is asked for again, in its own scenes.

    launches.py     how it is launched, and what there is to be seen of it
    again.py        a check of an earlier step, asked again
    daemon.py       with -d: steps 00 to 14 again
    foreground.py   without: steps 15 and 16 again
    descriptors.py  what it has open
    addresses.py    -l: where it listens, and what clients get there
"""

import errno
import os
import pwd
from dataclasses import replace

from lab.checks import completed, more
from lab.checks.model import Check, fails_cleanly, fate, says_why
from lab.checks.step_11_pid_file import content, holds_pid
from lab.checks.step_13_drop_privileges import GID, GROUPS, UID, capabilities, extra_groups, has, ids
from lab.checks.step_14_signals import CONFIG_FILE, OLD
from lab.checks.step_15_notify import READY, after, quoted, stopped_well
from lab.checks.step_16_socket_activation import GONE, served, told_clients, why_not_served
from lab.checks.step_17_service import addresses, daemon, descriptors, foreground
from lab.checks.step_17_service.addresses import HELLO
from lab.checks.step_17_service.foreground import NEW_STYLE
from lab.checks.step_17_service.launches import (
    ARGUMENTS,
    GENERIC,
    NOT_ALLOWED,
    NOT_CONFIGURED,
    ROOT_ARGUMENTS,
    USAGE,
    WITH_CONFIG,
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


def somebody_else():
    """The name of a user who is neither root, whom some refuse first, nor who runs this; "root" if there is none."""
    for name in ("daemon", "nobody", "bin"):
        try:
            if pwd.getpwnam(name).pw_uid not in (0, os.geteuid()):
                return name
        except KeyError:
            pass
    return "root"


IS_NOT_ROOT = exits(
    "not_allowed",
    "-u where it is not root: status 4",
    NOT_ALLOWED,
    Scene(arguments=(*ARGUMENTS, "-u", somebody_else())),
    lambda o: o.printed.strip(),
    "and the reason on standard error of the launched process",
    "4 is what the LSB has for a user who is not allowed that",
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
    exits(
        "help",
        "-h: it tells how it is used, on standard output",
        0,
        Scene(arguments=("-h",), stdio="pipe"),
        lambda o: all(f"-{letter}" in o.piped for letter in "dlpuch"),
        "and a text that names all options",
        "that was asked for, so it is no error: standard output, and status 0",
    ),
    exits(
        "misused",
        "an option that there is not: it tells how it is used, on standard error",
        USAGE,
        Scene(arguments=("-x",), stdio="pipe"),
        lambda o: not o.piped and "-l" in o.printed,
        "and the same text, on standard error",
        "2 is what the LSB has for wrong arguments, and what most programs use",
    ),
    exits(
        "value_missing",
        "an option without its value: it tells how it is used, too",
        USAGE,
        Scene(arguments=("-d", "-l"), stdio="pipe"),
        lambda o: not o.piped and "-p" in o.printed,
        "and the same text, on standard error",
        "a colon behind the letter tells getopt() that a value comes; without one it gives '?'",
    ),
    exits(
        "word_too_many",
        "a word too many: it tells how it is used, too",
        USAGE,
        Scene(arguments=("-d", "-l", SOCKET, "more"), stdio="pipe"),
        lambda o: not o.piped and "-p" in o.printed,
        "and the same text, on standard error",
        "getopt() stops at the first word that is no option: optind is its index, and has to be argc",
    ),
    exits(
        "no_address",
        "neither an ADDRESS nor a socket that was passed: status 1",
        GENERIC,
        Scene(arguments=("-d",)),
        lambda o: o.printed.strip(),
        "and the reason on standard error of the launched process",
        "nothing is wrong with the arguments (2): where a socket is passed it needs no -l. 1 is for all else",
    ),
    exits(
        "no_config",
        "a configuration that cannot be read: status 6",
        NOT_CONFIGURED,
        Scene(arguments=(*ARGUMENTS, "-c", "nowhere")),
        lambda o: "nowhere" in o.printed,
        "and the reason on standard error of the launched process",
        "6 is what the LSB has for a service that is not configured. The daemon knows the reason, and its caller "
        "waits: the pipe of step 12 can carry a number too",
    ),
    # An ID that the sandbox does not have is none (EINVAL, user_namespaces(7)): who comes to it first is told so.
    more(
        IS_NOT_ROOT,
        holds=lambda o: IS_NOT_ROOT.holds(o) or (fails_cleanly(o) and says_why(o, os.strerror(errno.EINVAL))),
    ),
    exits(
        "port_not_allowed",
        "-l with a port below 1024 where it is not root: status 4",
        NOT_ALLOWED,
        Scene(arguments=("-d", "-l", "127.0.0.1:1")),
        lambda o: o.printed.strip(),
        "and the reason on standard error of the launched process",
        "bind() fails with EACCES: 4 is what the LSB has for what is not allowed, and what the pipe of step 12 has to "
        "carry",
        follows=("serves_at_host",),
        unseen=lambda o: "everybody may have port 1 here: ip_unprivileged_port_start" * bool(o.processes),
    ),
    addresses.serves_at_path,
    addresses.serves_at_host,
    addresses.stays_locked,
    addresses.serves_at_all,
    addresses.serves_at_version_6,
    addresses.greets_as_configured,
    addresses.reload_loses_nobody,
    addresses.stop_loses_nobody,
    Check(
        key="leaves_nothing",
        says="a start that fails leaves neither FILE nor the path behind",
        read="unlink(2), atexit(3)",
        on_process=False,
        scene=Scene(arguments=(*ARGUMENTS, "-c", "nowhere")),
        follows=("no_config", "serves_at_path"),
        holds=lambda o: not o.processes and not remains(o),
        expected=lambda o: f"without a configuration it does not start: no {PID_FILE}, no {SOCKET}",
        observed=lambda o: f"still there: {', '.join(remains(o)) or 'neither'}; {fate(o)}",
        causes=(
            (
                True,
                "what was made on the way stays when a later call fails: who ends, at whatever place, has to take away "
                "what is its own. One function that does so, and that all errors go through, is enough",
            ),
        ),
    ),
    addresses.interrupted,
    Check(
        key="config_of_user",
        says="-c FILE is read as USER",
        read="open(2), setresuid(2)",
        on_process=False,
        scene=Scene(root=True, arguments=(*WITH_CONFIG, *ROOT_ARGUMENTS), files=((*CONFIG_FILE, 0o600),)),
        follows=("written_as_root", "no_config"),
        holds=lambda o: has_status(o.job_status, NOT_CONFIGURED) and not o.processes,
        expected=lambda o: f"-u {USER}, and {CONFIG} is root's alone: it does not start, status 6",
        observed=fate,
        causes=(
            (
                lambda o: o.processes,
                "it read as root what it cannot read again as USER, when SIGHUP comes: root's rights are given up "
                "first",
            ),
            (True, "it does not start, and its status is not that of a configuration that cannot be read"),
        ),
    ),
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
