"""Step 17: one service in both styles. What the steps before asked for, it is asked for again, in its own scenes.

    launches.py     how it is launched, and what there is to be seen of it
    again.py        a check of an earlier step, asked again
    daemon.py       with -d: steps 00 to 14 again
    foreground.py   without: steps 15 and 16 again
    descriptors.py  what it has open
"""

import errno
import os
import pwd
import socket
from dataclasses import replace

from lab.checks import completed, more
from lab.checks.model import Check, fails_cleanly, fate, says_why
from lab.checks.step_11_pid_file import content, holds_pid
from lab.checks.step_13_drop_privileges import GID, GROUPS, UID, capabilities, extra_groups, has, ids
from lab.checks.step_14_signals import CONFIG_FILE, NEW, OLD
from lab.checks.step_15_notify import READY, after, quoted, stopped_well
from lab.checks.step_16_socket_activation import GONE, all_served, served, told_clients, why_not_served
from lab.checks.step_17_service import daemon, descriptors, foreground
from lab.checks.step_17_service.foreground import NEW_STYLE
from lab.checks.step_17_service.launches import (
    ARGUMENTS,
    AS_DAEMON,
    AT_HOST,
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
from lab.scene import CONFIG, HOSTS_FILE, PID_FILE, PORT, SOCKET, USER, Scene

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


def refuses(key, what, address, cause):
    """The bonus check that it does not start with such an address."""
    return Check(
        key=key,
        says=f"-l {what}: it says so, and ends",
        read="getaddrinfo(3), unix(7)",
        star=True,
        on_process=False,
        scene=Scene(arguments=("-d", "-l", address)),
        holds=lambda o: fails_cleanly(o) and o.job_status != 0 and bool(o.printed.strip()),
        expected=lambda o: "the reason on standard error, a status other than 0, nothing that lives on",
        observed=lambda o: f"-l {address[:40]}{'...' * (len(address) > 40)}: {fate(o)}",
        causes=((True, cause),),
    )


def localhost_is_both():
    """Whether the name stands for an address of each family."""
    try:
        found = {family for family, *_ in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return {socket.AF_INET, socket.AF_INET6} <= found


def somebody_else():
    """The name of a user who is neither root, whom some refuse first, nor who runs this; "root" if there is none."""
    for name in ("daemon", "nobody", "bin"):
        try:
            if pwd.getpwnam(name).pw_uid not in (0, os.geteuid()):
                return name
        except KeyError:
            pass
    return "root"


HELLO = "hello\n"
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
    serves(
        "serves_at_path",
        "-l PATH: it serves there, and takes the name away when it stops",
        "unix(7), unlink(2)",
        Scene(then=(f"connect {SOCKET}", f"connect {SOCKET}", "SIGTERM", f"connect {SOCKET}")),
        (HELLO, HELLO, ""),
        "a relative path is meant from the directory of the launch, which the daemon has left; and what bind() made "
        "stays until unlink()",
        follows=("one_lives_on",),
        ends=True,
        causes=(
            (
                lambda o: [each.how for each in served(o)[:2]] == ["closed", GONE],
                "after the first client the name is gone: unlink() was called while it serves. In a child, too, exit() "
                "calls what atexit() was given; _exit() does not",
            ),
        ),
    ),
    serves(
        "serves_at_host",
        "-l HOST:PORT: it serves there",
        "getaddrinfo(3), ip(7)",
        Scene(arguments=AT_HOST, then=(f"connect tcp4:{PORT}",)),
        (HELLO,),
        "HOST ends at the last colon: getaddrinfo() takes both parts as text",
    ),
    Check(
        key="stays_locked",
        says="and FILE is still locked when a client has been served",
        read="flock(2), fcntl(2)",
        scene=Scene(arguments=AT_HOST, then=(f"connect tcp4:{PORT}",)),
        follows=("serves_at_host", "pid_file_locked"),
        holds=lambda o: o.pid_file_after is not None and o.pid_file_after.locked,
        expected=lambda o: f"{PID_FILE} is locked, as it was before",
        observed=lambda o: f"{content(o.pid_file_after)}; not locked",
        causes=(
            (
                True,
                "a lock of flock() belongs to what was opened: LOCK_UN in a child gives it up for all. One of fcntl() "
                "is given up when its process closes any descriptor of the file",
            ),
        ),
    ),
    serves(
        "serves_at_all",
        "-l HOST:PORT: it serves at all addresses that HOST has",
        "getaddrinfo(3)",
        Scene(
            arguments=("-d", "-l", f"localhost:{PORT}", "-p", PID_FILE),
            then=(f"connect tcp4:{PORT}", f"connect tcp6:{PORT}"),
        ),
        (HELLO, HELLO),
        "localhost is 127.0.0.1 and ::1: getaddrinfo() gives a list, and each of it wants a socket of its own",
        follows=("serves_at_host", "serves_at_version_6", "fg_serves"),
        unseen=lambda o: ""
        if (o.sandboxed and HOSTS_FILE.exists()) or localhost_is_both()
        else "localhost is not both 127.0.0.1 and ::1 here: hosts(5)",
    ),
    serves(
        "serves_at_version_6",
        "-l [HOST]:PORT: it serves there with IPv6",
        "getaddrinfo(3), ipv6(7)",
        Scene(arguments=("-d", "-l", f"[::1]:{PORT}", "-p", PID_FILE), then=(f"connect tcp6:{PORT}",)),
        (HELLO,),
        "an address of IPv6 has colons itself, so it stands in brackets; getaddrinfo() wants it without",
    ),
    serves(
        "greets_as_configured",
        "-c FILE: that is what clients get, and after SIGHUP what FILE holds then",
        "open(2), send(2)",
        Scene(
            arguments=WITH_CONFIG,
            files=(CONFIG_FILE, ("next", f"greeting={NEW}\n".encode())),
            then=(f"connect {SOCKET}", "config next", "SIGHUP", f"connect {SOCKET}"),
        ),
        (f"{OLD}\n", f"{NEW}\n"),
        "the log tells of a greeting that clients do not get: a line with what greeting=TEXT says",
    ),
    serves(
        "reload_loses_nobody",
        "who connects while it reloads is served",
        "listen(2)",
        Scene(then=(f"queue {SOCKET} 20 SIGHUP", f"connect {SOCKET}")),
        (HELLO, HELLO),
        "20 had connected before it took SIGHUP: who closes the socket and makes it anew sends them away. A reload "
        "changes what it says, not where it listens",
    ),
    serves(
        "stop_loses_nobody",
        "who has connected when SIGTERM comes is served before it stops",
        "accept(2)",
        Scene(then=(f"queue {SOCKET} 20 SIGTERM",)),
        (HELLO,),
        "20 had connected before it took SIGTERM, and wait in the queue of the socket: accept() until there is none, "
        "and end then",
        ends=True,
    ),
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
    Check(
        key="interrupted",
        says="-d: SIGINT stops it as SIGTERM does",
        read="signal(7)",
        on_process=False,
        scene=Scene(then=("SIGINT",)),
        follows=("stops", "removes_pid_file", "serves_at_path"),
        holds=lambda o: stopped_well(o) and not remains(o),
        expected=lambda o: f"after kill -INT: status 0, no {PID_FILE}, no {SOCKET}",
        observed=lambda o: f"{after(o)}; still there: {' and '.join(remains(o)) or 'neither'}",
        causes=((True, "SIGINT is what Ctrl-C sends, and what somebody sends by kill -INT: it says stop, too"),),
    ),
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
    serves(
        "takes_over_path",
        "takes over a path that one has left who was killed",
        "unix(7), bind(2)",
        Scene(then=("SIGKILL", "again 1", f"connect {SOCKET}")),
        (HELLO,),
        "bind() fails where there is a name already, and the name of a socket outlives its process. Where nobody "
        "serves, connect() fails with ECONNREFUSED: then unlink() is right",
    ),
    serves(
        "starts_at_once",
        "-l HOST:PORT: it can be started again at once where clients were served",
        "ip(7), socket(7)",
        Scene(arguments=AT_HOST, then=(f"connect tcp4:{PORT}", "SIGKILL", "again 1", f"connect tcp4:{PORT}")),
        (HELLO, HELLO),
        "who closes a connection first keeps its address for a minute (TIME_WAIT), and bind() says that it is in use, "
        "unless SO_REUSEADDR is set before",
        follows=("serves_at_host", "takes_over_path"),
    ),
    Check(
        key="no_socket_there",
        says="leaves a file at the path alone that is no socket",
        read="stat(2), unix(7)",
        on_process=False,
        scene=Scene(arguments=AS_DAEMON, files=((SOCKET, b"dear to somebody\n"),)),
        follows=("serves_at_path",),
        holds=lambda o: fails_cleanly(o) and o.job_status != 0,
        expected=lambda o: f"{SOCKET} is a regular file: it says so, and nothing lives on",
        observed=fate,
        causes=(
            (
                True,
                "the file was removed, and was somebody's. Whoever does not ask first removes what he finds; and "
                "connecting to a file that is no socket fails as it does where nobody serves (ECONNREFUSED). "
                "S_ISSOCK() tells the two apart",
            ),
        ),
    ),
    Check(
        key="path_in_use",
        says="does not take it over from one that lives",
        read="unix(7), connect(2)",
        scene=Scene(arguments=AS_DAEMON, then=("again 1", f"connect {SOCKET}")),
        follows=("serves_at_path",),
        holds=lambda o: o.left == (o.process.pid,)
        and all_served(o)
        and bool(o.again)
        and has_status(o.again[0], GENERIC),
        expected=lambda o: "a second one, without -p, is told no (status 1); the first one serves on",
        observed=lambda o: f"{told_clients(o)}; {' and '.join(map(str, o.left)) or 'nobody'} lives on"
        + fate_of_second(o),
        causes=(
            (
                lambda o: len(o.left) > 1,
                "both live, and the second has taken the name from the first: unlink() before bind() asks nobody. "
                "First see whether somebody answers there",
            ),
            (
                lambda o: o.left and o.again and o.again[0] and served(o) and served(o)[0].how == GONE,
                "the second one was told no, and has taken the first one's name away when it ended: what it has not "
                "bound itself it must not remove",
            ),
            (
                lambda o: o.left and o.again and o.again[0] and all_served(o),
                "the second one was told no, with another status than 1: nothing was forbidden (4), and it was called "
                "as it should be (2)",
            ),
            (True, "somebody serves there: bind() says so (EADDRINUSE), and that is the end of the second one"),
        ),
    ),
    refuses(
        "port_too_high",
        "with a port above 65535",
        "127.0.0.1:70000",
        "getaddrinfo() of glibc takes the number, and cuts it off: 70000 becomes 4464, and nobody looks for it there",
    ),
    refuses(
        "no_port",
        "with a colon and no port",
        "127.0.0.1:",
        "without a port the kernel chooses one, and nobody knows which: getaddrinfo() with no service is no error",
    ),
    refuses(
        "port_unknown",
        "with a port that has no such name",
        "127.0.0.1:nowhere",
        "getaddrinfo() has a word for it (gai_strerror()), and no list: its result has to be looked at first",
    ),
    refuses(
        "not_our_address",
        "with an address that is not this machine's",
        "192.0.2.1:7017",  # TEST-NET-1, RFC 5737
        "bind() fails for it: who passes over such addresses, since localhost may have some, has none left then, and "
        "listens nowhere",
    ),
    refuses(
        "path_too_long",
        "with a path that is too long",
        120 * "x",
        "sun_path has 108 bytes: strcpy() writes beyond them, and strncpy() makes another name of it",
    ),
]
