"""At a path: where it listens, what it takes over, and what it removes."""

from __future__ import annotations

import os
import signal

from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.beyond.step_11_pid_file import left
from lab.checks.beyond.step_12_ready_pipe import one_lives_on, second
from lab.checks.beyond.step_14_stop import after
from lab.checks.check import Finding, Wrong, check
from lab.checks.common import fate, signal_name, stopped_well
from lab.checks.modern.step_17_socket_activation import GONE, REFUSED, all_served, served, told_clients, why_not_served
from lab.checks.modern.step_18_server.launches import (
    AT_PATH,
    AT_SOCKET,
    GREETED,
    HELLO,
    NOBODY,
    fate_of_second,
    is_address_unknown,
    is_refused,
    remains,
    unless_served,
    why_a_failed_start_is_not_told,
    why_it_gave_up,
)
from lab.facts import Observation, Process
from lab.scene import PID_FILE, SOCKET, Connect, ReplaceSocket, Scene, Signal, StartAgain


@check(
    read="unix(7), unlink(2)",
    scene=Scene(arguments=AT_PATH, then=(AT_SOCKET, AT_SOCKET, Signal(signal.SIGTERM), AT_SOCKET)),
    follows=[one_lives_on],
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
    gave_up = why_it_gave_up(o)
    if gave_up:
        return gave_up
    if o.process is None:
        return (
            "Your program does not start with -l PATH, or exits too early. Its message tells why. Most likely bind() "
            "or listen() failed. Test what each call returns."
        )
    if served(o) and served(o)[0].how == REFUSED:
        return (
            f"{SOCKET} is there, but nobody listens (ECONNREFUSED, Connection refused). Most likely your program calls "
            "bind() and not listen(), or closes the socket together with the inherited descriptors. Call listen() "
            "after that, and keep the socket open."
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
            "until unlink() removes it. Call unlink() when your program stops, for example in a function that you give "
            "to atexit()."
        )
    return None


ANYBODY_MAY_CONNECT = f"the mode of {SOCKET} is 0666"


@check(
    read="unix(7), umask(2), chmod(2)",
    scene=Scene(arguments=AT_PATH),
    follows=[serves_at_path],
    expects=ANYBODY_MAY_CONNECT,
)
def socket_mode(o: Observation, p: Process) -> Finding:
    """the socket's mode is 0666, so anybody may connect."""
    if o.socket_mode == 0o666:
        return None
    return Wrong(
        expected=ANYBODY_MAY_CONNECT,
        observed="there is no such socket" if o.socket_mode is None else f"its mode is {o.socket_mode:04o}",
        because=why_the_mode_is_another(o.socket_mode),
    )


def why_the_mode_is_another(mode: int | None) -> str:
    if mode is None:
        return f"Most likely your program makes the socket elsewhere. Put the directory of the start before {SOCKET}."
    if mode == 0o777:
        return (
            "bind() makes the socket with the mode 0777, less the umask, and the umask is 0. The x bits mean nothing "
            "there. Call chmod() with 0666 after bind()."
        )
    return (
        "Only a process with write permission may connect to the socket. Most likely the mode in your chmod() is "
        "another one, or the umask has taken these bits. Call chmod() with 0666 after bind()."
    )


LONG_NAME = 100 * "x"  # with the directory of the launch in front of it, it would be too long for sun_path


@check(
    says="with -l, a relative PATH of 100 characters is not too long",
    read="unix(7), chdir(2)",
    scene=Scene(arguments=("-l", LONG_NAME), then=(Connect(LONG_NAME),)),
    follows=[serves_at_path],
)
def long_name(o: Observation) -> Finding:
    return unless_served(
        o,
        (HELLO,),
        f"a client at a name of 100 characters: {GREETED}",
        "sun_path has room for 108 bytes. Most likely your program puts the directory of the start before the name, "
        "and both together are too long. Change to that directory, bind() the name alone, and change back to /. If "
        "your program does that, look at the length that it tests: the name alone counts.",
    )


WITH_COLON = "./a:b"


@check(read="unix(7)", scene=Scene(arguments=("-l", WITH_COLON), then=(Connect("a:b"),)), follows=[serves_at_path])
def path_with_colon(o: Observation) -> Finding:
    """an ADDRESS that begins with / or . is a path, even with a colon."""
    return unless_served(
        o,
        (HELLO,),
        f"started with -l {WITH_COLON}: a client at this path: {GREETED}",
        "Most likely your program takes every ADDRESS with a colon for HOST:PORT. A path may have a colon too. Look at "
        "the first character before you look for a colon.",
    )


@check(
    read="unix(7), bind(2)",
    scene=Scene(arguments=AT_PATH, then=(Signal(signal.SIGKILL), StartAgain(1), AT_SOCKET)),
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


AT_SOCKET_ALONE = ("-l", SOCKET)  # without a PID file, whose lock would keep a second one from starting


@check(
    read="stat(2), unix(7)",
    scene=Scene(arguments=AT_SOCKET_ALONE, files=((SOCKET, b"dear to somebody\n"),)),
    follows=[serves_at_path],
)
def no_socket_there(o: Observation) -> Finding:
    """with a regular file at PATH it exits with an error."""
    if is_refused(o):
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
            "Your program removed a regular file that may be important to somebody. Call unlink() only if connect() "
            "fails with ECONNREFUSED, and lstat() with S_ISSOCK() says that it is a socket. connect() alone is not "
            "enough, because it fails in the same way at a regular file."
        )
    return (
        "Your program keeps running, but it cannot listen at a regular file. Most likely it ignores that bind() "
        "failed. Print the reason, and exit with an error."
    )


SECOND_IS_TOLD_NO = "a second one, without -p, exits with an error; the first one still serves its client"


@check(
    read="unix(7), connect(2)",
    scene=Scene(arguments=AT_SOCKET_ALONE, then=(StartAgain(1), AT_SOCKET)),
    follows=[serves_at_path],
    expects=SECOND_IS_TOLD_NO,
)
def path_in_use(o: Observation, p: Process) -> Finding:
    """it does not take the path of a daemon that is running."""
    first_serves_on = o.after.left == (p.pid,) and all_served(o)
    status = second(o)
    if first_serves_on and status is not None and os.WIFEXITED(status) and status != 0:
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
            "an error."
        )
    if o.after.left != (p.pid,):
        return "The first daemon no longer runs after a second one was started. The second one must leave it alone."
    status = second(o)
    if status is None:
        return (
            "The second one has not exited. Let it exit with an error, because another daemon serves at this path "
            "already."
        )
    if os.WIFSIGNALED(status):
        return (
            f"{signal_name(os.WTERMSIG(status))} killed the second one. It must exit by itself: bind() fails with "
            "EADDRINUSE (address in use). Print that, and exit with an error."
        )
    if served(o) and served(o)[0].how == GONE:
        return (
            f"A second one was started, and now {SOCKET} of the first is gone. Most likely the second one, or a child "
            "of the first, calls unlink() when it exits. Only the process whose bind() succeeded may remove the path."
        )
    if not all_served(o):
        return why_not_served(o) or "The first daemon no longer serves its client. The second one must leave it alone."
    return (
        "The second one exits with status 0, as if it had started. Most likely it reports that it is ready before it "
        "calls bind(). Report after the last step that can fail."
    )


NOT_STARTED_THERE = f"somebody else listens at {SOCKET}, and is too busy to accept: an exit status other than 0"


@check(
    read="unix(7), connect(2)",
    scene=Scene(arguments=AT_SOCKET_ALONE, taken=(SOCKET,)),
    follows=[path_in_use],
    expects=NOT_STARTED_THERE,
)
def busy_path(o: Observation) -> Finding:
    """it does not take the path of a daemon that is too busy to answer."""
    if is_refused(o) and SOCKET in o.after.files:
        return None
    wrong = Wrong(expected=NOT_STARTED_THERE, observed=fate(o), because=why_it_takes_a_busy_path(o))
    return wrong.instead(why_it_waits_at_the_path(o) or why_a_failed_start_is_not_told(o, "another status"))


def why_it_waits_at_the_path(o: Observation) -> str | None:
    if any(doing.call == "connect" for doing in o.doing):
        return (
            "Your program waits in connect() for room in the other one's queue, and never gets any further. Make the "
            "socket non-blocking. connect() then fails with EAGAIN, so somebody lives there: print that, and exit."
        )
    return None


def why_it_takes_a_busy_path(o: Observation) -> str:
    if o.process is not None:
        return (
            "Your program has removed the path of a living daemon. The queue of its socket is full, so connect() "
            "fails with EAGAIN. Only ECONNREFUSED means that nobody serves there. Test for that error alone."
        )
    return (
        "Your program exits, but it has removed the path of a living daemon. Only ECONNREFUSED means that nobody "
        "serves there. Test for that error alone before you call unlink()."
    )


OTHERS = ("other", b"dear to somebody\n")


@check(
    read="stat(2), unlink(2)",
    scene=Scene(arguments=AT_PATH, files=(OTHERS,), then=(ReplaceSocket(OTHERS[0]), Signal(signal.SIGTERM))),
    follows=[serves_at_path],
)
def leaves_others_path(o: Observation) -> Finding:
    """it removes PATH only if it is still its own socket."""
    expected = f"another file takes the place of {SOCKET}; after SIGTERM exit status 0, and that file is still there"
    if stopped_well(o) and SOCKET in o.after.files:
        return None
    wrong = Wrong(
        expected=expected,
        observed=f"{after(o)}; {SOCKET} is {'still there' if SOCKET in o.after.files else 'gone'}",
        because="Your program does not end with status 0 after that. A path that is no longer its own is no error.",
    )
    if SOCKET not in o.after.files:
        return wrong.instead(
            "Your program removes whatever has this name. Another daemon may have made it meanwhile. Call stat() for "
            "the path right after bind(), and again before unlink(), and compare st_dev and st_ino. fstat() of the "
            "socket gives other numbers."
        )
    return wrong


@check(
    read="unlink(2), atexit(3)",
    scene=Scene(arguments=(*AT_PATH, "-c", "nowhere")),
    follows=[serves_at_path],
)
def leaves_nothing(o: Observation) -> Finding:
    """a start that fails leaves no PID file and no socket behind."""
    if not o.processes and not remains(o) and not is_address_unknown(o):
        return None
    return Wrong(
        expected=f"started with -c nowhere: no {PID_FILE}, no {SOCKET}, no process that stays",
        observed=f"still there: {' and '.join(remains(o)) or 'no file'}; {fate(o)}",
        because=why_something_is_left(o),
    )


def why_something_is_left(o: Observation) -> str:
    if o.processes:
        return step_12.LIVES_ON_UNTOLD
    if is_address_unknown(o):
        return "Your program does not know the option -l, so it does not come that far."
    return (
        "Your program made this before a later step failed, and left it behind. Let atexit() call a function that "
        "removes it, or remove it wherever your program gives up."
    )
