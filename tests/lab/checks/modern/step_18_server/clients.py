"""What clients get: the greeting, in time, also while it reloads and stops, whatever other clients do."""

from __future__ import annotations

import signal

from lab.checks.beyond.step_13_drop_privileges import UID
from lab.checks.beyond.step_14_stop import after
from lab.checks.beyond.step_15_reload import CONFIG_FILE, NEW, OLD
from lab.checks.check import Finding, Wrong, check
from lab.checks.common import fate, stopped_well
from lab.checks.modern import step_17_socket_activation as step_17
from lab.checks.modern.step_17_socket_activation import CROWD, all_served, served, told_clients
from lab.checks.modern.step_18_server.launches import (
    AS_USER,
    AT_PATH,
    AT_SOCKET,
    DOES_NOT_STOP,
    GREETED,
    HELLO,
    WITH_CONFIG,
    unless_served,
)
from lab.checks.modern.step_18_server.paths import serves_at_path
from lab.facts import Crowded, Observation, Process
from lab.scene import SOCKET, ComeInVain, Crowd, Queue, ReplaceConfig, Scene, Signal, Stop, Talk, Vanish


@check(
    read="open(2), send(2)",
    scene=Scene(
        arguments=WITH_CONFIG,
        files=(CONFIG_FILE, ("next", f"greeting={NEW}\n".encode())),
        then=(AT_SOCKET, ReplaceConfig("next"), Signal(signal.SIGHUP), AT_SOCKET),
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
            "After SIGHUP clients still get the old greeting. Most likely your program reads FILE again, but still "
            "sends a line that it made before. Make the line anew for each client."
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


@check(
    read="listen(2)",
    scene=Scene(arguments=AT_PATH, then=(Queue(SOCKET, 20, signal.SIGHUP), AT_SOCKET)),
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


@check(
    read="accept(2)",
    scene=Scene(arguments=AT_PATH, then=(Queue(SOCKET, 20, signal.SIGTERM),)),
    follows=[serves_at_path],
)
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


STOP_TIME = 5.0  # seconds in which it has to exit
MORE_TIME = 1.0  # that a busy machine may need beyond that
STOPS_SOON = (
    "20 clients are connected, 20 more come just before SIGTERM, and none of them closes: exit status 0 within "
    f"{STOP_TIME:g} seconds"
)


@check(
    read="poll(2), close(2)",
    scene=Scene(arguments=AT_PATH, then=(Crowd(SOCKET, 20), Stop(SOCKET, 20, STOP_TIME + MORE_TIME))),
    follows=[serves_at_path],
    expects=STOPS_SOON,
)
def stops_soon(o: Observation, p: Process) -> Finding:
    """clients that do not close do not keep it from stopping."""
    if stopped_well(o):
        return None
    return Wrong(
        expected=STOPS_SOON,
        observed=after(o),
        because=DOES_NOT_STOP if o.after.left else "Exit with status 0 after SIGTERM, whatever clients do.",
    )


AS_ANOTHER = Scene(root=True, arguments=AS_USER, then=(AT_SOCKET,))


@check(read="bind(2), setresuid(2)", scene=AS_ANOTHER, follows=[serves_at_path])
def listens_as_root(o: Observation) -> Finding:
    """with -u it makes the socket first, and serves clients as USER."""
    expected = f"started by root with -u: the daemon's user ID is {UID}, and a client at {SOCKET}: {GREETED}"
    ids = o.process.credentials.uids if o.process and o.process.credentials else ()
    if o.process is not None and set(ids) == {UID} and all_served(o):
        return None
    return Wrong(
        expected=expected,
        observed=f"{told_clients(o)}; user IDs {' '.join(map(str, ids))}" if o.process else fate(o),
        because=why_it_does_not_listen_as_root(o),
    )


def why_it_does_not_listen_as_root(o: Observation) -> str:
    if o.process is None:
        return (
            "Most likely your program gives up root's rights before it makes the socket, and only root may make one in "
            "this directory. Call bind() first, and become USER after that."
        )
    if all_served(o):
        return "The daemon serves clients with root's rights. Become USER after bind(), as in step 13."
    return step_17.why_not_served(o) or "The daemon does not serve its client. Keep the socket open."


# Other clients


# So many of them have to get through, of those who try: more than 64, which some servers keep. musl's SOMAXCONN is 128,
# and clients may come faster than they are accepted.
ENOUGH = 100


@check(
    says=f"{CROWD} silent clients do not make other clients wait",
    read="accept(2), send(2), getrlimit(2)",
    scene=Scene(arguments=AT_PATH, then=(Crowd(SOCKET, CROWD), AT_SOCKET)),
    follows=[serves_at_path],
)
def holds_nobody_up(o: Observation) -> Finding:
    """The silent clients neither send nor read, and another client is served without a delay."""
    crowd = o.came(Crowded)
    if o.process is not None and crowd is not None and crowd.count >= ENOUGH and all_served(o):
        return None
    return Wrong(
        expected=f"{CROWD} silent clients, and then one more: {GREETED}; 256 descriptors must be enough",
        observed=f"{crowd.count} silent clients connected; {told_clients(o)}; {after(o)}" if crowd else fate(o),
        because=why_it_is_held_up(o, crowd),
    )


def why_it_is_held_up(o: Observation, crowd: Crowded | None) -> str:
    if crowd is None:
        return "Your program does not start with -l PATH. Its message tells why."
    if o.after.left and not any(each.text for each in served(o)):
        return step_17.HELD_UP
    return step_17.why_not_served(o) or (step_17.TOO_SLOW if crowd.count < ENOUGH else step_17.HELD_UP)


@check(
    read="send(2), signal(7)",
    scene=Scene(arguments=AT_PATH, then=(Vanish(SOCKET, 20), AT_SOCKET)),
    follows=[serves_at_path],
)
def outlives_clients(o: Observation) -> Finding:
    """clients that are gone before the greeting do no harm."""
    return unless_served(
        o,
        (HELLO,),
        f"20 clients connect and are gone before the daemon can look; then one more: {GREETED}",
        "After clients that are gone, your program does not serve the next one. Most likely it stops when accept() or "
        "send() fails once. Go on with the next client.",
    )


@check(
    read="shutdown(2), unix(7), tcp(7)", scene=Scene(arguments=AT_PATH, then=(Talk(SOCKET),)), follows=[serves_at_path]
)
def hears_clients_out(o: Observation) -> Finding:
    """a client that sends something first gets end of file, and no reset."""
    finding = unless_served(
        o,
        (HELLO,),
        f"a client sends a line before the daemon looks: {GREETED}",
        "The client has sent a line, and is not served. Do not read from a client before you greet it.",
    )
    if finding is not None and any(each.how == step_17.RESET for each in served(o)):
        return finding.instead(step_17.CLOSED_TOO_EARLY)
    return finding


@check(
    read="accept(2), poll(2), getrlimit(2)",
    scene=Scene(arguments=AT_PATH, then=(ComeInVain(SOCKET), AT_SOCKET)),
    follows=[serves_at_path],
    expects=step_17.RESTS_MEANWHILE,
)
def waits_for_descriptors(o: Observation, p: Process) -> Finding:
    """out of descriptors it waits, and does not spin."""
    return step_17.waits_for_descriptors.look(o, p)
