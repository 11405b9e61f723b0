"""Where it listens, and what clients get there."""

from __future__ import annotations

import errno
import os
import signal
from typing import Sequence

from lab.checks.beyond.step_11_pid_file import content, left
from lab.checks.beyond.step_12_ready_pipe import second
from lab.checks.beyond.step_15_reload import CONFIG_FILE, NEW, OLD
from lab.checks.check import Finding, Unseen, Wrong
from lab.checks.common import crash, fails_cleanly, fate, killed, signal_name, stopped_well
from lab.checks.modern.step_16_notify import after
from lab.checks.modern.step_17_socket_activation import (
    GONE,
    REFUSED,
    all_served,
    is_refused,
    served,
    told_clients,
    why_not_served,
)
from lab.checks.modern.step_19_service.daemon import DAEMON_AGAIN
from lab.checks.modern.step_19_service.foreground import FOREGROUND_AGAIN
from lab.checks.modern.step_19_service.launches import (
    AS_DAEMON,
    AT_HOST,
    GENERIC,
    WITH_CONFIG,
    daemon_check,
    fate_of_second,
    has_status,
    remains,
    why_a_failed_start_is_not_told,
)
from lab.facts import Observation, Process
from lab.scene import PID_FILE, PORT, SOCKET, Connect, Queue, ReplaceConfig, Scene, Signal, StartAgain

HELLO = "hello\n"
NOBODY = ""  # stands for what a client gets that finds nobody there
GREETED = '"hello\\n", then end of file'  # as told_clients() has it
NO_ROOM = os.strerror(errno.EAGAIN)  # the reason that a client gets when the queue of a socket is full

AT_PORT = Connect(f"tcp4:{PORT}")
SERVED_AT_HOST = Scene(arguments=AT_HOST, then=(AT_PORT,))


def got(o: Observation, texts: Sequence[str]) -> bool:
    """Whether each client got its text and then end of file; NOBODY means that it found nobody."""
    ends = ["closed" if each.text else GONE for each in served(o)]
    return [each.text for each in served(o)] == list(texts) and [each.how for each in served(o)] == ends


def unless_served(
    o: Observation, texts: Sequence[str], expected: str, because: str, *, ends: bool = False
) -> Wrong | None:
    """What is wrong unless clients get `texts`, one for each deed that makes clients, and then it stays, or `ends`."""
    went_on_well = stopped_well(o) if ends else len(o.after.left) == 1
    if o.process is not None and got(o, texts) and went_on_well:
        return None
    wrong = Wrong(
        expected=expected,
        observed=f"{told_clients(o)}; {after(o)}{fate_of_second(o)}" if o.process else fate(o),
        because=because,
    )
    return wrong.instead(why_served_in_another_way(o, texts, ends))


def why_served_in_another_way(o: Observation, texts: Sequence[str], ends: bool) -> str | None:
    if o.process is None:
        return None
    if got(o, texts):
        return why_it_does_not_go_on(o, ends)
    if any(each.how == NO_ROOM for each in served(o)):
        return (
            "A client got EAGAIN (Resource temporarily unavailable), because the queue of the socket was full. The "
            "second argument of listen() limits how many clients may wait. Use SOMAXCONN."
        )
    if killed(o) in (signal.SIGTERM, signal.SIGHUP):
        return f"{signal_name(killed(o))} killed your program. {WAIT_FOR_SIGNALS}"
    if Signal(signal.SIGKILL) in o.scene.then:  # that ended it, and no client did
        return None
    if ends and o.after.left:
        return why_not_served(o) or DOES_NOT_STOP
    return why_not_served(o)


DOES_NOT_STOP = (
    "Your program does not exit after SIGTERM. Most likely it waits for a client that does not read, for a child, or "
    "in accept() when no client is left. Make sockets non-blocking, and stop waiting after 2 seconds."
)
WAIT_FOR_SIGNALS = (
    "Block the signal and wait for it, or handle it. After SIGHUP read the configuration again. After SIGTERM clean up "
    "and exit with status 0."
)


def why_it_does_not_go_on(o: Observation, ends: bool) -> str:
    """Why it did not go on as it should where all clients got what they should get."""
    if len(o.after.left) > 1:
        return (
            "All clients are served, but more than one process stays. Most likely a child that has served a client "
            "does not exit. End it with _exit()."
        )
    if o.after.left:
        return f"All clients are served. {DOES_NOT_STOP}"
    if killed(o) in (signal.SIGTERM, signal.SIGHUP):
        return f"{signal_name(killed(o))} killed your program. {WAIT_FOR_SIGNALS}"
    if ends:
        return (
            "All clients are served, but your program does not end with status 0. A stop by SIGTERM is no failure. "
            "Exit with status 0 then."
        )
    return "All clients are served, but no process stays. Your program must keep running and wait for the next client."


@daemon_check(
    read="unix(7), unlink(2)",
    scene=Scene(then=(Connect(SOCKET), Connect(SOCKET), Signal(signal.SIGTERM), Connect(SOCKET))),
    follows=[DAEMON_AGAIN["one_lives_on"]],
)
def serves_at_path(o: Observation) -> Finding:
    """with -l PATH it serves clients there, and removes PATH when it stops."""
    wrong = unless_served(
        o,
        (HELLO, HELLO, NOBODY),
        f"two clients at {SOCKET}: {GREETED}; after SIGTERM exit status 0, and no {SOCKET}",
        why_nobody_is_at_the_path(o),
        ends=True,
    )
    if wrong is None:
        return None
    return wrong.instead(why_the_path_is_wrong(o))


def why_nobody_is_at_the_path(o: Observation) -> str:
    if o.process is None:
        return (
            "Your program does not start with -l PATH, or exits too early. Its message tells why. Most likely bind() "
            "or listen() failed. Test what each call returns."
        )
    if served(o) and served(o)[0].how == REFUSED:
        return (
            f"{SOCKET} is there, but nobody listens (ECONNREFUSED, Connection refused). Most likely your program calls "
            "bind() and not listen(), or closes the socket. Call listen(), and keep the socket open."
        )
    if served(o) and served(o)[0].how == GONE:
        return (
            f"No client finds {SOCKET}. Most likely your program makes it in another directory, because it uses the "
            "relative name after chdir(\"/\"). Put the directory of the start, from getcwd(), before the name."
        )
    if any(each.text not in (HELLO, NOBODY) for each in served(o)):
        return "A client gets another text than it should. Without -c the greeting is \"hello\" and a newline."
    return (
        "Each client must get the greeting and then end of file. After SIGTERM your program must remove the path with "
        "unlink(), so that the last client finds nobody there. See which of these is missing above."
    )


def why_the_path_is_wrong(o: Observation) -> str | None:
    if [each.how for each in served(o)[:2]] == ["closed", GONE]:
        return (
            f"After the first client {SOCKET} is gone. Most likely a child serves the client and ends with exit(), "
            "which calls the functions of atexit() too. End it with _exit(), and call unlink() only when the daemon "
            "stops."
        )
    are_greeted = [each.text for each in served(o)[:2]] == [HELLO, HELLO]
    if are_greeted and stopped_well(o) and SOCKET in remains(o):
        return (
            f"Clients are served, but {SOCKET} is still there after SIGTERM. bind() makes this name, and it stays "
            "until unlink() removes it. Call unlink() when your program stops."
        )
    return None


@daemon_check(read="getaddrinfo(3), ip(7)", scene=SERVED_AT_HOST, follows=[serves_at_path])
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


@daemon_check(
    read="flock(2), fcntl(2)",
    scene=SERVED_AT_HOST,
    follows=[serves_at_host, DAEMON_AGAIN["pid_file_locked"]],
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


@daemon_check(
    read="getaddrinfo(3), ipv6(7)",
    scene=Scene(arguments=("-d", "-l", f"[::1]:{PORT}", "-p", PID_FILE), then=(Connect(f"tcp6:{PORT}"),)),
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


@daemon_check(
    read="getaddrinfo(3)",
    scene=Scene(
        arguments=("-d", "-l", f"localhost:{PORT}", "-p", PID_FILE),
        then=(AT_PORT, Connect(f"tcp6:{PORT}")),
    ),
    follows=[serves_at_host, serves_at_version_6, FOREGROUND_AGAIN["serves"]],
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
    if is_refused(o):
        return (
            "The name localhost is both 127.0.0.1 and ::1, but your program does not listen at both. getaddrinfo() "
            "returns a list. Most likely your program uses only its first entry. Make a socket for each."
        )
    return (
        "The name localhost is both 127.0.0.1 and ::1. Your program listens at both, but does not serve both. Most "
        "likely it waits in accept() at one of them. Make the sockets non-blocking, and wait for all of them with "
        "poll()."
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
    """with -c FILE clients get its greeting, and after SIGHUP the new one."""
    return unless_served(
        o,
        (f"{OLD}\n", f"{NEW}\n"),
        f'the first client: "{OLD}\\n"; after SIGHUP the second one: "{NEW}\\n"',
        why_the_greeting_is_another(o),
    )


def why_the_greeting_is_another(o: Observation) -> str:
    texts = [each.text for each in served(o)]
    if texts[1:] == [f"{OLD}\n"]:
        return (
            "After SIGHUP clients still get the old greeting. Most likely your program reads FILE again, but does not "
            "replace the text that it sends. Send the greeting that FILE holds now."
        )
    if texts[:1] == [HELLO]:
        return (
            "Clients get \"hello\", although FILE of -c has another greeting. Most likely your program reads FILE, but "
            "sends a fixed text. Send the TEXT of greeting=TEXT and a newline."
        )
    return (
        "A client must get the TEXT of greeting=TEXT in FILE of -c, one newline, and nothing else. Compare the "
        "greeting that your program sends with the one that it logs."
    )


@daemon_check(
    read="listen(2)",
    scene=Scene(then=(Queue(SOCKET, 20, signal.SIGHUP), Connect(SOCKET))),
    follows=[serves_at_path],
)
def reload_loses_nobody(o: Observation) -> Finding:
    """a reload loses no client that has connected."""
    return unless_served(
        o,
        (HELLO, HELLO),
        f"20 clients connect just before SIGHUP, and one after it: {GREETED}",
        why_the_reload_loses_clients(o),
    )


def why_the_reload_loses_clients(o: Observation) -> str:
    if served(o) and served(o)[0].text == HELLO:
        return (
            "The clients that came before SIGHUP are served, but not the one after it. Most likely your program closes "
            "its socket at SIGHUP. Keep it open, because a reload changes only the greeting."
        )
    return (
        "20 clients connected just before SIGHUP, and not all were served. Most likely your program closes its socket "
        "at SIGHUP and makes a new one. Keep the old one, because a reload changes only the greeting."
    )


@daemon_check(read="accept(2)", scene=Scene(then=(Queue(SOCKET, 20, signal.SIGTERM),)), follows=[serves_at_path])
def stop_loses_nobody(o: Observation) -> Finding:
    """before it stops, it serves every client that has connected."""
    return unless_served(
        o,
        (HELLO,),
        f"20 clients connect just before SIGTERM: {GREETED}; exit status 0",
        "20 clients connected just before SIGTERM, and not all were served. Most likely your program exits at once. "
        "Call accept() on the non-blocking socket until it fails with EAGAIN, because no client is left, and then "
        "exit.",
        ends=True,
    )


@daemon_check(
    read="signal(7)",
    scene=Scene(then=(Signal(signal.SIGINT),)),
    follows=[DAEMON_AGAIN["stops"], DAEMON_AGAIN["removes_pid_file"], serves_at_path],
)
def interrupted(o: Observation) -> Finding:
    """SIGINT stops the daemon just as SIGTERM does."""
    if stopped_well(o) and not remains(o):
        return None
    return Wrong(
        expected=f"after kill -INT: exit status 0, no {PID_FILE}, no {SOCKET}",
        observed=f"{after(o)}; still there: {' and '.join(remains(o)) or 'neither file'}",
        because=why_it_is_not_interrupted(o),
    )


def why_it_is_not_interrupted(o: Observation) -> str:
    if killed(o) == signal.SIGINT:
        return (
            "SIGINT killed the daemon before it could clean up. Most likely your program blocks or handles only "
            "SIGTERM. Do the same with SIGINT, because kill -INT and Ctrl-C mean \"stop\" too."
        )
    if o.after.left:
        return (
            "The daemon does not exit after SIGINT. Most likely the signal is ignored, or it is blocked and nothing "
            "reads it, or your program has no case for it. Stop as after SIGTERM."
        )
    if remains(o):
        return "The daemon exits after SIGINT, but leaves a file behind. Clean up as after SIGTERM, with the same code."
    return "After SIGINT the daemon does not exit with status 0. Stop in the same way as after SIGTERM."


@daemon_check(
    read="unix(7), bind(2)",
    scene=Scene(then=(Signal(signal.SIGKILL), StartAgain(1), Connect(SOCKET))),
    follows=[serves_at_path],
)
def takes_over_path(o: Observation) -> Finding:
    """it takes over the path of a daemon that was killed."""
    return unless_served(
        o,
        (HELLO,),
        f"after SIGKILL the second one serves a client at {SOCKET}: {GREETED}",
        "Most likely bind() fails with EADDRINUSE (address in use), because the killed daemon left its path behind. "
        "Call connect() first. If that fails with ECONNREFUSED (connection refused), nobody serves, so unlink() the "
        "path.",
    )


@daemon_check(
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


@daemon_check(
    read="stat(2), unix(7)",
    scene=Scene(arguments=AS_DAEMON, files=((SOCKET, b"dear to somebody\n"),)),
    follows=[serves_at_path],
)
def no_socket_there(o: Observation) -> Finding:
    """with a regular file at PATH it exits with an error."""
    if fails_cleanly(o) and o.job.status != 0:
        return None
    wrong = Wrong(
        expected=f"started where {SOCKET} is a regular file: an exit status other than 0, no process that stays",
        observed=fate(o),
        because=why_it_starts_at_a_file(o),
    )
    return wrong.instead(why_a_failed_start_is_not_told(o, "another status"))


def why_it_starts_at_a_file(o: Observation) -> str:
    if o.process is not None and o.sockets.listeners:
        return (
            "Your program removed a regular file that may be important to somebody. connect() fails with ECONNREFUSED "
            "there too, as where nobody serves. Before unlink(), call lstat(), and test with S_ISSOCK()."
        )
    return (
        "Your program keeps running, but it cannot listen at a regular file. Most likely it ignores that bind() "
        "failed. Print the reason, and exit with status 1."
    )


SECOND_IS_TOLD_NO = "a second one, without -p, exits with status 1; the first one still serves its client"


@daemon_check(
    read="unix(7), connect(2)",
    scene=Scene(arguments=AS_DAEMON, then=(StartAgain(1), Connect(SOCKET))),
    follows=[serves_at_path],
    expects=SECOND_IS_TOLD_NO,
)
def path_in_use(o: Observation, p: Process) -> Finding:
    """it does not take the path of a daemon that is running."""
    first_serves_on = o.after.left == (p.pid,) and all_served(o)
    if first_serves_on and has_status(second(o), GENERIC):
        return None
    return Wrong(
        expected=SECOND_IS_TOLD_NO,
        observed=f"{told_clients(o)}; {left(o)}{fate_of_second(o)}",
        because=why_the_path_was_taken(o, p),
    )


def why_the_path_was_taken(o: Observation, p: Process) -> str:
    if len(o.after.left) > 1:
        return (
            "Both are running. Most likely the second one has taken the path, because your program calls unlink() "
            "before bind() without a test. Call connect() first. If it succeeds, somebody serves there, so exit with "
            "status 1."
        )
    if o.after.left != (p.pid,):
        return "The first daemon no longer runs after a second one was started. The second one must leave it alone."
    status = second(o)
    if status is None:
        return (
            "The second one has not exited. Let it exit with status 1, because another daemon serves at this path "
            "already."
        )
    if os.WIFSIGNALED(status):
        return (
            f"{signal_name(os.WTERMSIG(status))} killed the second one. It must exit by itself: bind() fails with "
            "EADDRINUSE (address in use). Print that, and exit with status 1."
        )
    if served(o) and served(o)[0].how == GONE:
        return (
            f"A second one was started, and now {SOCKET} of the first is gone. Most likely the second one, or a child "
            "of the first, calls unlink() when it exits. Only the process whose bind() succeeded may remove the path."
        )
    if not all_served(o):
        return why_not_served(o) or "The first daemon no longer serves its client. The second one must leave it alone."
    if status == 0:
        return (
            "The second one exits with status 0, as if it had started. Most likely it reports that it is ready before "
            "it calls bind(). Report after the last step that can fail."
        )
    return (
        "The second one exits with another status than 1. An address in use (EADDRINUSE) is neither forbidden (4) nor "
        "a wrong argument (2). The table in the handout has 1 for all other errors."
    )


def at(address: str) -> Scene:
    """It is told to listen at this address, and at no other."""
    return Scene(arguments=("-d", "-l", address))


def unless_address_refused(o: Observation, because: str, *, may_crash: bool = False) -> Wrong | None:
    """What is wrong unless it says that it cannot use the address of the scene, and exits.

    `because` is the cause where it still starts, and with `may_crash` also where it crashes.
    """
    if fails_cleanly(o) and o.job.status != 0 and o.printed.strip():
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


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("127.0.0.1:70000"))
def port_too_high(o: Observation) -> Finding:
    """with a port above 65535 it prints why and exits."""
    return unless_address_refused(
        o,
        "Most likely your program gives the port to getaddrinfo() without a test. glibc keeps only 16 bits of the "
        "number, so 70000 becomes 4464, and no client looks there. Refuse a number above 65535.",
    )


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("127.0.0.1:"))
def no_port(o: Observation) -> Finding:
    """with a colon but no port it prints why and exits."""
    return unless_address_refused(
        o,
        "Your program starts without a port. Most likely the kernel has chosen one, and nobody knows which. "
        "getaddrinfo() accepts an empty service, so test for a port yourself.",
    )


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("127.0.0.1:nowhere"))
def port_unknown(o: Observation) -> Finding:
    """with an unknown name for the port it prints why and exits."""
    return unless_address_refused(
        o,
        "Most likely your program ignores what getaddrinfo() returned. For an unknown name that is an error, and "
        "there is no list to use. Compare it with 0, print gai_strerror() of it, and exit.",
        may_crash=True,
    )


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at("192.0.2.1:7017"))  # TEST-NET-1, RFC 5737
def not_our_address(o: Observation) -> Finding:
    """with an address of another machine it prints why and exits."""
    return unless_address_refused(
        o,
        "Your program keeps running, but it can listen nowhere. Most likely it skips each address for which bind() "
        "fails with EADDRNOTAVAIL (cannot assign requested address). Exit if none is left.",
    )


@daemon_check(read="getaddrinfo(3), unix(7)", bonus=True, scene=at(120 * "x"))
def path_too_long(o: Observation) -> Finding:
    """with a path that is too long it prints why and exits."""
    return unless_address_refused(
        o,
        "sun_path has room for 108 bytes. Most likely your program copies more with strcpy(), which writes beyond it, "
        "or cuts the path with strncpy(). Compare the length first, print the reason, and exit.",
        may_crash=True,
    )
