"""At HOST:PORT: which addresses it listens at, and which it refuses."""

from __future__ import annotations

import signal

from lab.checks.beyond.step_11_pid_file import content, pid_file_locked
from lab.checks.beyond.step_12_ready_pipe import second
from lab.checks.check import Finding, Unseen, Wrong, check
from lab.checks.common import crash, fate
from lab.checks.modern.step_17_socket_activation import REFUSED, served
from lab.checks.modern.step_18_server.launches import (
    AT_HOST,
    AT_PORT,
    GREETED,
    HELLO,
    SERVED_AT_HOST,
    fate_of_second,
    is_refused,
    unless_served,
    why_a_failed_start_is_not_told,
)
from lab.checks.modern.step_18_server.paths import serves_at_path, takes_over_path
from lab.facts import Observation, Process
from lab.scene import PID_FILE, PORT, Connect, Scene, Signal, StartAgain


@check(read="getaddrinfo(3), ip(7)", scene=SERVED_AT_HOST, follows=[serves_at_path])
def serves_at_host(o: Observation) -> Finding:
    """with -l HOST:PORT it serves clients there."""
    return unless_served(
        o,
        (HELLO,),
        f"a client at 127.0.0.1: {GREETED}",
        "Your program does not serve the client at 127.0.0.1. Most likely it divides HOST:PORT in a wrong way, or "
        "takes it for a path. Divide it at the last colon, and give both parts to getaddrinfo() as text.",
    )


STILL_LOCKED = f"{PID_FILE} is locked, as it was before the client came"


@check(
    read="flock(2), fcntl(2)",
    scene=SERVED_AT_HOST,
    follows=[serves_at_host, pid_file_locked],
    expects=STILL_LOCKED,
)
def stays_locked(o: Observation, p: Process) -> Finding:
    """the PID file is still locked after a client was served."""
    if o.after.pid_file is not None and o.after.pid_file.locked:
        return None
    return Wrong(
        expected=STILL_LOCKED,
        observed=content(o.after.pid_file) + ("; not locked" if o.after.pid_file else ""),
        because=why_the_lock_is_lost(o),
    )


def why_the_lock_is_lost(o: Observation) -> str:
    if o.after.pid_file is None:
        return (
            "The PID file is gone after the first client. Most likely a child that serves a client calls exit(), and "
            "so the clean-up of atexit() runs in it. End the child with _exit()."
        )
    return (
        "The lock was lost while a client was served. Most likely a child called flock() with LOCK_UN, which unlocks "
        "for all processes. Or the lock is of fcntl(), and your program closed a descriptor of the file. Do neither."
    )


@check(
    read="getaddrinfo(3), ipv6(7)",
    scene=Scene(arguments=("-l", f"[::1]:{PORT}", "-p", PID_FILE), then=(Connect(f"tcp6:{PORT}"),)),
    follows=[serves_at_path],
)
def serves_at_version_6(o: Observation) -> Finding:
    """with -l [HOST]:PORT it serves clients there, with IPv6."""
    return unless_served(
        o,
        (HELLO,),
        f"a client at ::1: {GREETED}",
        "An IPv6 address has colons itself, so it stands in brackets. Most likely your program divides at the first "
        "colon, or leaves the brackets in the host. Give getaddrinfo() only what is between the brackets.",
    )


@check(
    read="getaddrinfo(3)",
    scene=Scene(
        arguments=("-l", f"localhost:{PORT}", "-p", PID_FILE),
        then=(AT_PORT, Connect(f"tcp6:{PORT}")),
    ),
    follows=[serves_at_host, serves_at_version_6],
)
def serves_at_all(o: Observation) -> Finding:
    """with -l HOST:PORT it serves at every address that HOST has."""
    if o.world.localhost != {"tcp4", "tcp6"}:
        return Unseen("localhost does not stand for both 127.0.0.1 and ::1 here, see hosts(5)")
    return unless_served(
        o,
        (HELLO, HELLO),
        f"a client at 127.0.0.1 and one at ::1: {GREETED}",
        why_an_address_is_left_out(o),
    )


def why_an_address_is_left_out(o: Observation) -> str:
    if o.process is None:
        return (
            "Your program does not start with localhost, which is both 127.0.0.1 and ::1. Its message tells why. "
            "getaddrinfo() returns a list of both. Make a socket of the right family for each."
        )
    if any(each.how == REFUSED for each in served(o)):
        return (
            "The name localhost is both 127.0.0.1 and ::1, but your program does not listen at both. getaddrinfo() "
            "returns a list. Most likely your program uses only its first entry. Make a socket for each."
        )
    return (
        "The name localhost is both 127.0.0.1 and ::1. Your program listens at both, but does not serve both. Most "
        "likely it waits in accept() at one of them. Make the sockets non-blocking, and wait for all of them with "
        "poll()."
    )


@check(
    read="ip(7), socket(7)",
    scene=Scene(arguments=AT_HOST, then=(AT_PORT, Signal(signal.SIGKILL), StartAgain(1), AT_PORT)),
    follows=[serves_at_host, takes_over_path],
)
def starts_at_once(o: Observation) -> Finding:
    """with -l HOST:PORT it can start again at once."""
    return unless_served(
        o,
        (HELLO, HELLO),
        f"a client before SIGKILL, and one after a second start: {GREETED}",
        "Most likely bind() fails with EADDRINUSE (address in use). A connection that your program closed first keeps "
        "the address for a minute (TIME_WAIT). Set SO_REUSEADDR on the socket before bind().",
    )


NONE_SHARES_IT = "a second one at the same HOST:PORT, without -p, exits with an error"


@check(
    read="socket(7), bind(2)",
    scene=Scene(arguments=("-l", f"127.0.0.1:{PORT}"), then=(StartAgain(1),)),
    follows=[serves_at_host],
    expects=NONE_SHARES_IT,
)
def port_in_use(o: Observation, p: Process) -> Finding:
    """it does not share HOST:PORT with a daemon that is running."""
    status = second(o)
    if o.after.left == (p.pid,) and status is not None and status != 0:
        return None
    return Wrong(
        expected=NONE_SHARES_IT,
        observed=f"{'both run' if len(o.after.left) > 1 else 'only one runs'}{fate_of_second(o)}",
        because=why_the_second_is_not_refused(o),
    )


def why_the_second_is_not_refused(o: Observation) -> str:
    if len(o.after.left) > 1:
        return (
            "Both listen at the same port, so each client comes to one of them by chance. Most likely your program "
            "sets SO_REUSEPORT, which lets several sockets share a port. Set SO_REUSEADDR instead."
        )
    if not o.after.left:
        return "The first daemon no longer runs after a second one was started. The second one must leave it alone."
    return (
        "The second one does not start, but it exits with status 0 or not at all, so the caller does not notice. Exit "
        "with an error when bind() fails with EADDRINUSE (address in use)."
    )


@check(
    read="getaddrinfo(3), bind(2)",
    scene=Scene(arguments=("-l", f"localhost:{PORT}", "-p", PID_FILE), taken=(f"tcp6:{PORT}",)),
    follows=[serves_at_all],
)
def half_in_use(o: Observation) -> Finding:
    """if one of several addresses is in use, it does not start."""
    return unless_half_is_refused(o, "::1")


@check(
    read="getaddrinfo(3), bind(2)",
    scene=Scene(arguments=("-l", f"localhost:{PORT}", "-p", PID_FILE), taken=(f"tcp4:{PORT}",)),
    follows=[serves_at_all],
)
def other_half_in_use(o: Observation) -> Finding:
    """whichever of several addresses is in use, it does not start."""
    return unless_half_is_refused(o, "127.0.0.1")


def unless_half_is_refused(o: Observation, taken: str) -> Finding:
    """What is wrong unless it does not start where somebody else listens at one address of localhost."""
    if o.world.localhost != {"tcp4", "tcp6"}:
        return Unseen("localhost does not stand for both 127.0.0.1 and ::1 here, see hosts(5)")
    if is_refused(o):
        return None
    wrong = Wrong(
        expected=f"somebody else listens at {taken}: started with -l localhost:PORT, an exit status other than 0",
        observed=fate(o),
        because=f"Your program starts, although bind() failed with EADDRINUSE at {taken}. Clients that use this "
        "address come to another program. Exit with an error if one of the addresses is in use.",
    )
    return wrong.instead(why_a_failed_start_is_not_told(o, "another status"))


def at(address: str) -> Scene:
    """It is told to listen at this address, and at no other."""
    return Scene(arguments=("-l", address))


def unless_address_refused(o: Observation, because: str, *, may_crash: bool = False) -> Wrong | None:
    """What is wrong unless it says that it cannot use the address of the scene, and exits.

    `because` is the cause where it still starts, and with `may_crash` also where it crashes.
    """
    if is_refused(o) and o.printed.strip():
        return None
    arguments = o.scene.arguments or ("",)
    address = arguments[-1]
    shown = f"{address[:40]}..." if len(address) > 40 else address
    wrong = Wrong(
        expected="the reason on standard error, an exit status other than 0, no process that stays",
        observed=f"started with -l {shown}: {fate(o)}",
        because=because,
    )
    if may_crash and crash(o):
        return wrong
    return wrong.instead(why_it_is_not_refused(o))


def why_it_is_not_refused(o: Observation) -> str | None:
    common = why_a_failed_start_is_not_told(o, "another status")
    if common or o.processes:
        return common
    if not o.printed.strip():
        return (
            "Your program exits without a message. Send the reason through the pipe of step 12, and print it on "
            "standard error before the first process exits."
        )
    return None


@check(read="getaddrinfo(3), unix(7)", scene=at("127.0.0.1:70000"), follows=[serves_at_host])
def port_too_high(o: Observation) -> Finding:
    """with a port above 65535 it prints why and exits."""
    return unless_address_refused(
        o,
        "Most likely your program gives the port to getaddrinfo() without a test. glibc keeps only 16 bits of the "
        "number, so 70000 becomes 4464, and no client looks there. Take digits only, and a number from 1 to 65535.",
    )


@check(read="getaddrinfo(3), strtol(3)", scene=at("127.0.0.1:0"), follows=[serves_at_host])
def port_zero(o: Observation) -> Finding:
    """with port 0 it prints why and exits."""
    return unless_address_refused(
        o,
        "Your program starts at port 0. Then the kernel chooses a port, and nobody knows which. Refuse any number "
        "below 1.",
    )


@check(read="getaddrinfo(3), strtol(3)", scene=at("127.0.0.1: 7017"), follows=[serves_at_host])
def port_with_blank(o: Observation) -> Finding:
    """with a blank before the port it prints why and exits."""
    return unless_address_refused(
        o,
        "Your program takes \" 7017\" for a number. strtol() skips blanks, and so does getaddrinfo(). Test that the "
        "first character is a digit.",
    )


@check(read="getaddrinfo(3), strtol(3)", scene=at("127.0.0.1:+7017"), follows=[serves_at_host])
def port_with_sign(o: Observation) -> Finding:
    """with a sign before the port it prints why and exits."""
    return unless_address_refused(
        o,
        "Your program takes +7017 for a port. strtol() accepts a sign, and so does getaddrinfo(). Test that the first "
        "character is a digit.",
    )


@check(read="unix(7), getopt(3)", scene=at("@name"), follows=[serves_at_path])
def abstract_address(o: Observation) -> Finding:
    """with @name as ADDRESS it prints why and exits."""
    return unless_address_refused(
        o,
        "Most likely your program makes a file whose name begins with @. Such an ADDRESS looks like an abstract name, "
        "which is in no directory. Refuse it as wrong usage.",
    )


@check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("127.0.0.1:"))
def no_port(o: Observation) -> Finding:
    """with a colon but no port it prints why and exits."""
    return unless_address_refused(
        o,
        "Your program starts without a port. Most likely the kernel has chosen one, and nobody knows which. "
        "getaddrinfo() accepts an empty service, so test for a port yourself.",
    )


@check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("127.0.0.1:nowhere"))
def port_unknown(o: Observation) -> Finding:
    """with an unknown name for the port it prints why and exits."""
    return unless_address_refused(
        o,
        "Most likely your program ignores what getaddrinfo() returned. For an unknown name that is an error, and "
        "there is no list to use. Compare it with 0, print gai_strerror() of it, and exit.",
        may_crash=True,
    )


@check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("192.0.2.1:7017"))  # TEST-NET-1, RFC 5737
def not_our_address(o: Observation) -> Finding:
    """with an address of another machine it prints why and exits."""
    return unless_address_refused(
        o,
        "Your program keeps running, but it can listen nowhere. Most likely it skips each address for which bind() "
        "fails with EADDRNOTAVAIL (cannot assign requested address). Exit if none is left.",
    )


@check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at(120 * "x"))
def path_too_long(o: Observation) -> Finding:
    """with a path that is too long it prints why and exits."""
    return unless_address_refused(
        o,
        "sun_path has room for 108 bytes. Most likely your program copies more with strcpy(), which writes beyond it, "
        "or cuts the path with strncpy(). Compare the length first, print the reason, and exit.",
        may_crash=True,
    )
