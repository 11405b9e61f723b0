"""The demonstrations of the third part: 16 to 19, each beside the program that it comes from."""

from __future__ import annotations

from lab.demo.acts import Demo, Seen, Told

# A service manager that prints what it is told.
_MANAGER = (
    "import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(\"manager\"); "
    "[print(s.recv(999).decode(), flush=True) for i in range(2)]"
)


def _notify(seen: Seen) -> Told:
    if "READY=1" in seen.last:
        return Told(False, "The manager was told when the program was ready, and when it stopped.")
    return Told(True, "The manager was told nothing. It cannot know when the program is ready for its work.")


NOTIFY = Demo(
    step="notify",
    begins="A service manager starts the program, and gives it the address of a socket (NOTIFY_SOCKET). Then it stops "
    "the program. Watch what the manager was told.",
    commands=(
        f" python3 -c '{_MANAGER}' >told & soon test -S manager",
        "NOTIFY_SOCKET=$PWD/manager {program} & rest {comm}",
        "kill $!; wait $!",
        " rest python3",
        "cat told",
    ),
    tell=_notify,
)


def _served(seen: Seen) -> bool:
    return "hello" in seen.last


def _socket_activation(seen: Seen) -> Told:
    if _served(seen):
        return Told(False, "The client is served at the socket that the manager had opened.")
    return Told(True, "The client waits in vain: the program does not know that a socket was passed to it.")


SOCKET_ACTIVATION = Demo(
    step="socket_activation",
    begins="A service manager opens a socket, and passes it to the program as descriptor 3. Then a client connects "
    "there.",
    commands=(
        "pass_socket_to {program} & soon test -S door; rest {comm}",
        "client",
    ),
    tell=_socket_activation,
)


def _server(seen: Seen) -> Told:
    if _served(seen):
        return Told(False, "The client is served: the daemon has opened the socket itself.")
    return Told(True, "The client finds no socket. The daemon runs, and nobody can connect to it.")


SERVER = Demo(
    step="server",
    begins="The daemon is started, and a client wants to connect to it.",
    with_step="-l door",
    commands=(
        "{program} -p my.pid {with_step}",
        " rest {comm}",
        "client",
    ),
    tell=_server,
)


def _service(seen: Seen) -> Told:
    if "it has ended" in seen.everything:
        return Told(
            True,
            "For the manager the service has ended: the process that it started has gone into the background, and "
            "exited. The manager would start it again, or give up.",
        )
    if _served(seen):
        return Told(False, "The process that the manager started still runs, and serves its clients.")
    return Told(True, "The process that the manager started still runs, but does not serve anybody.")


SERVICE = Demo(
    step="service",
    begins="A service manager starts the program, and expects that the process which it started keeps running.",
    commands=(
        "{program} -l $PWD/door & rest {comm}",
        'kill -0 $! 2>/dev/null || echo "it has ended"',
        "client",
    ),
    tell=_service,
)

DEMOS = (NOTIFY, SOCKET_ACTIVATION, SERVER, SERVICE)
