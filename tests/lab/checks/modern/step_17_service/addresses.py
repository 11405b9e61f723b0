"""Where it listens, and what those get who connect there."""

from __future__ import annotations

import errno
import os
import signal
from typing import Sequence

from lab.checks.beyond.step_11_pid_file import content
from lab.checks.beyond.step_12_ready_pipe import second
from lab.checks.beyond.step_14_signals import CONFIG_FILE, NEW, OLD
from lab.checks.check import Finding, Unseen, Wrong
from lab.checks.common import fails_cleanly, fate, stopped_well
from lab.checks.modern.step_15_notify import after
from lab.checks.modern.step_16_socket_activation import GONE, all_served, served, told_clients, why_not_served
from lab.checks.modern.step_17_service.daemon import DAEMON_AGAIN
from lab.checks.modern.step_17_service.foreground import FOREGROUND_AGAIN
from lab.checks.modern.step_17_service.launches import (
    AS_DAEMON,
    AT_HOST,
    GENERIC,
    WITH_CONFIG,
    daemon_check,
    fate_of_second,
    has_status,
    remains,
)
from lab.facts import Observation, Process
from lab.scene import PID_FILE, PORT, SOCKET, Connect, Queue, ReplaceConfig, Scene, Signal, StartAgain

HELLO = "hello\n"
NOBODY = ""  # in place of what a client gets: it finds nobody there
NO_ROOM = os.strerror(errno.EAGAIN)  # what a client is told where the queue of a socket is full

AT_PORT = Connect(f"tcp4:{PORT}")
SERVED_AT_HOST = Scene(arguments=AT_HOST, then=(AT_PORT,))


def got(o: Observation, texts: Sequence[str]) -> bool:
    """Whether each client got its text, and then end of file; who was to get none found nobody."""
    ends = ["closed" if each.text else GONE for each in served(o)]
    return [each.text for each in served(o)] == list(texts) and [each.how for each in served(o)] == ends


def unless_served(o: Observation, texts: Sequence[str], because: str, *, ends: bool = False) -> Wrong | None:
    """What is wrong where clients get `texts`, one for each of the deeds that make one, and it lives on, or `ends`."""
    went_on_well = stopped_well(o) if ends else len(o.after.left) == 1
    if o.process is not None and got(o, texts) and went_on_well:
        return None
    gets = ", ".join(f'"{text.strip()}"' if text else GONE for text in texts)
    at_the_end = ", and status 0" if ends else ""
    wrong = Wrong(
        expected=f"{'; '.join(map(str, o.scene.then))}: {gets}{at_the_end}",
        observed=f"{told_clients(o)}; {after(o)}{fate_of_second(o)}" if o.process else fate(o),
        because=because,
    )
    return wrong.instead(why_served_in_another_way(o, texts, ends))


def why_served_in_another_way(o: Observation, texts: Sequence[str], ends: bool) -> str | None:
    if got(o, texts) and len(o.after.left) > 1:
        return (
            "its clients are served, and more than one process is there: a child that has served its client ends by "
            "_exit()"
        )
    if got(o, texts) and ends and o.after.left:
        return (
            "its clients are served, and it does not end: what it waits for after SIGTERM (a client that does not "
            "read, a child, accept() where nobody comes) needs a limit, of 2 seconds say"
        )
    if got(o, texts):
        return "its clients are served, and then it does not go on, or end, as it should"
    if any(each.how == NO_ROOM for each in served(o)):
        return (
            "no room in the queue of the socket: the second argument of listen() says how many may wait there. "
            "SOMAXCONN is as many as may be"
        )
    if Signal(signal.SIGKILL) in o.scene.then:  # that ended it, and no client did
        return None
    return why_not_served(o)


@daemon_check(
    read="unix(7), unlink(2)",
    scene=Scene(then=(Connect(SOCKET), Connect(SOCKET), Signal(signal.SIGTERM), Connect(SOCKET))),
    follows=[DAEMON_AGAIN["one_lives_on"]],
)
def serves_at_path(o: Observation) -> Finding:
    """-l PATH: it serves there, and takes the name away when it stops."""
    wrong = unless_served(
        o,
        (HELLO, HELLO, NOBODY),
        "a relative path is meant from the directory of the launch, which the daemon has left; and what bind() made "
        "stays until unlink()",
        ends=True,
    )
    if wrong is None:
        return None
    return wrong.instead(why_the_second_finds_nobody(o))


def why_the_second_finds_nobody(o: Observation) -> str | None:
    if [each.how for each in served(o)[:2]] == ["closed", GONE]:
        return (
            "after the first client the name is gone: unlink() was called while it serves. In a child, too, exit() "
            "calls what atexit() was given; _exit() does not"
        )
    return None


@daemon_check(read="getaddrinfo(3), ip(7)", scene=SERVED_AT_HOST, follows=[serves_at_path])
def serves_at_host(o: Observation) -> Finding:
    """-l HOST:PORT: it serves there."""
    return unless_served(o, (HELLO,), "HOST ends at the last colon: getaddrinfo() takes both parts as text")


STILL_LOCKED = f"{PID_FILE} is locked, as it was before"


@daemon_check(
    read="flock(2), fcntl(2)",
    scene=SERVED_AT_HOST,
    follows=[serves_at_host, DAEMON_AGAIN["pid_file_locked"]],
    expects=STILL_LOCKED,
)
def stays_locked(o: Observation, p: Process) -> Finding:
    """and FILE is still locked when a client has been served."""
    if o.after.pid_file is not None and o.after.pid_file.locked:
        return None
    return Wrong(
        expected=STILL_LOCKED,
        observed=f"{content(o.after.pid_file)}; not locked",
        because=(
            "a lock of flock() belongs to what was opened: LOCK_UN in a child gives it up for all. One of fcntl() is "
            "given up when its process closes any descriptor of the file"
        ),
    )


@daemon_check(
    read="getaddrinfo(3), ipv6(7)",
    scene=Scene(arguments=("-d", "-l", f"[::1]:{PORT}", "-p", PID_FILE), then=(Connect(f"tcp6:{PORT}"),)),
    follows=[serves_at_path],
)
def serves_at_version_6(o: Observation) -> Finding:
    """-l [HOST]:PORT: it serves there with IPv6."""
    return unless_served(
        o,
        (HELLO,),
        "an address of IPv6 has colons itself, so it stands in brackets; getaddrinfo() wants it without",
    )


@daemon_check(
    read="getaddrinfo(3)",
    scene=Scene(
        arguments=("-d", "-l", f"localhost:{PORT}", "-p", PID_FILE),
        then=(AT_PORT, Connect(f"tcp6:{PORT}")),
    ),
    follows=[serves_at_host, serves_at_version_6, FOREGROUND_AGAIN["serves"]],
)
def serves_at_all(o: Observation) -> Finding:
    """-l HOST:PORT: it serves at all addresses that HOST has."""
    if o.world.localhost != {"tcp4", "tcp6"}:
        return Unseen("localhost is not both 127.0.0.1 and ::1 here: hosts(5)")
    return unless_served(
        o,
        (HELLO, HELLO),
        "localhost is 127.0.0.1 and ::1: getaddrinfo() gives a list, and each of it wants a socket of its own",
    )


@daemon_check(
    read="open(2), send(2)",
    scene=Scene(
        arguments=WITH_CONFIG,
        files=(CONFIG_FILE, ("next", f"greeting={NEW}\n".encode())),
        then=(Connect(SOCKET), ReplaceConfig("next"), Signal(signal.SIGHUP), Connect(SOCKET)),
    ),
    follows=[serves_at_path],
)
def greets_as_configured(o: Observation) -> Finding:
    """-c FILE: that is what clients get, and after SIGHUP what FILE holds then."""
    return unless_served(
        o,
        (f"{OLD}\n", f"{NEW}\n"),
        "the log tells of a greeting that clients do not get: a line with what greeting=TEXT says",
    )


@daemon_check(
    read="listen(2)",
    scene=Scene(then=(Queue(SOCKET, 20, signal.SIGHUP), Connect(SOCKET))),
    follows=[serves_at_path],
)
def reload_loses_nobody(o: Observation) -> Finding:
    """who connects while it reloads is served."""
    return unless_served(
        o,
        (HELLO, HELLO),
        "20 had connected before it took SIGHUP: who closes the socket and makes it anew sends them away. A reload "
        "changes what it says, not where it listens",
    )


@daemon_check(read="accept(2)", scene=Scene(then=(Queue(SOCKET, 20, signal.SIGTERM),)), follows=[serves_at_path])
def stop_loses_nobody(o: Observation) -> Finding:
    """who has connected when SIGTERM comes is served before it stops."""
    return unless_served(
        o,
        (HELLO,),
        "20 had connected before it took SIGTERM, and wait in the queue of the socket: accept() until there is none, "
        "and end then",
        ends=True,
    )


@daemon_check(
    read="signal(7)",
    scene=Scene(then=(Signal(signal.SIGINT),)),
    follows=[DAEMON_AGAIN["stops"], DAEMON_AGAIN["removes_pid_file"], serves_at_path],
)
def interrupted(o: Observation) -> Finding:
    """-d: SIGINT stops it as SIGTERM does."""
    if stopped_well(o) and not remains(o):
        return None
    return Wrong(
        expected=f"after kill -INT: status 0, no {PID_FILE}, no {SOCKET}",
        observed=f"{after(o)}; still there: {' and '.join(remains(o)) or 'neither'}",
        because="SIGINT is what Ctrl-C sends, and what somebody sends by kill -INT: it says stop, too",
    )


@daemon_check(
    read="unix(7), bind(2)",
    scene=Scene(then=(Signal(signal.SIGKILL), StartAgain(1), Connect(SOCKET))),
    follows=[serves_at_path],
)
def takes_over_path(o: Observation) -> Finding:
    """takes over a path that one has left who was killed."""
    return unless_served(
        o,
        (HELLO,),
        "bind() fails where there is a name already, and the name of a socket outlives its process. Where nobody "
        "serves, connect() fails with ECONNREFUSED: then unlink() is right",
    )


@daemon_check(
    read="ip(7), socket(7)",
    scene=Scene(arguments=AT_HOST, then=(AT_PORT, Signal(signal.SIGKILL), StartAgain(1), AT_PORT)),
    follows=[serves_at_host, takes_over_path],
)
def starts_at_once(o: Observation) -> Finding:
    """-l HOST:PORT: it can be started again at once where clients were served."""
    return unless_served(
        o,
        (HELLO, HELLO),
        "who closes a connection first keeps its address for a minute (TIME_WAIT), and bind() says that it is in use, "
        "unless SO_REUSEADDR is set before",
    )


@daemon_check(
    read="stat(2), unix(7)",
    scene=Scene(arguments=AS_DAEMON, files=((SOCKET, b"dear to somebody\n"),)),
    follows=[serves_at_path],
)
def no_socket_there(o: Observation) -> Finding:
    """leaves a file at the path alone that is no socket."""
    if fails_cleanly(o) and o.job.status != 0:
        return None
    return Wrong(
        expected=f"{SOCKET} is a regular file: it says so, and nothing lives on",
        observed=fate(o),
        because=(
            "the file was removed, and was somebody's. Whoever does not ask first removes what he finds; and "
            "connecting to a file that is no socket fails as it does where nobody serves (ECONNREFUSED). S_ISSOCK() "
            "tells the two apart"
        ),
    )


SECOND_IS_TOLD_NO = "a second one, without -p, is told no (status 1); the first one serves on"


@daemon_check(
    read="unix(7), connect(2)",
    scene=Scene(arguments=AS_DAEMON, then=(StartAgain(1), Connect(SOCKET))),
    follows=[serves_at_path],
    expects=SECOND_IS_TOLD_NO,
)
def path_in_use(o: Observation, p: Process) -> Finding:
    """does not take it over from one that lives."""
    first_serves_on = o.after.left == (p.pid,) and all_served(o)
    if first_serves_on and has_status(second(o), GENERIC):
        return None
    living = " and ".join(map(str, o.after.left)) or "nobody"
    return Wrong(
        expected=SECOND_IS_TOLD_NO,
        observed=f"{told_clients(o)}; {living} lives on{fate_of_second(o)}",
        because=why_the_path_was_taken(o),
    )


def why_the_path_was_taken(o: Observation) -> str:
    if len(o.after.left) > 1:
        return (
            "both live, and the second has taken the name from the first: unlink() before bind() asks nobody. First "
            "see whether somebody answers there"
        )
    second_was_told_no = o.after.left and second(o)
    if second_was_told_no and served(o) and served(o)[0].how == GONE:
        return (
            "the second one was told no, and has taken the first one's name away when it ended: what it has not bound "
            "itself it must not remove"
        )
    if second_was_told_no and all_served(o):
        return (
            "the second one was told no, with another status than 1: nothing was forbidden (4), and it was called as "
            "it should be (2)"
        )
    return "somebody serves there: bind() says so (EADDRINUSE), and that is the end of the second one"


def at(address: str) -> Scene:
    """It is told to listen at this address, and at no other."""
    return Scene(arguments=("-d", "-l", address))


def unless_address_refused(o: Observation, because: str) -> Wrong | None:
    """What is wrong where it does not say that the address of the scene is none, and end."""
    if fails_cleanly(o) and o.job.status != 0 and o.printed.strip():
        return None
    arguments = o.scene.arguments or ("",)
    address = arguments[-1]
    shown = f"{address[:40]}..." if len(address) > 40 else address
    return Wrong(
        expected="the reason on standard error, a status other than 0, nothing that lives on",
        observed=f"-l {shown}: {fate(o)}",
        because=because,
    )


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("127.0.0.1:70000"))
def port_too_high(o: Observation) -> Finding:
    """-l with a port above 65535: it says so, and ends."""
    return unless_address_refused(
        o, "getaddrinfo() of glibc takes the number, and cuts it off: 70000 becomes 4464, and nobody looks for it there"
    )


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("127.0.0.1:"))
def no_port(o: Observation) -> Finding:
    """-l with a colon and no port: it says so, and ends."""
    return unless_address_refused(
        o,
        "without a port the kernel chooses one, and nobody knows which: getaddrinfo() with no service is no error",
    )


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("127.0.0.1:nowhere"))
def port_unknown(o: Observation) -> Finding:
    """-l with a port that has no such name: it says so, and ends."""
    return unless_address_refused(
        o, "getaddrinfo() has a word for it (gai_strerror()), and no list: its result has to be looked at first"
    )


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("192.0.2.1:7017"))  # TEST-NET-1, RFC 5737
def not_our_address(o: Observation) -> Finding:
    """-l with an address that is not this machine's: it says so, and ends."""
    return unless_address_refused(
        o,
        "bind() fails for it: who passes over such addresses, since localhost may have some, has none left then, and "
        "listens nowhere",
    )


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at(120 * "x"))
def path_too_long(o: Observation) -> Finding:
    """-l with a path that is too long: it says so, and ends."""
    return unless_address_refused(
        o, "sun_path has 108 bytes: strcpy() writes beyond them, and strncpy() makes another name of it"
    )
