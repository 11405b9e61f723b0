"""Step 17: the program serves at sockets that the service manager has opened before."""

from __future__ import annotations

import errno
import os
import re
import signal
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Sequence

from lab.checks.check import Finding, Unseen, Wrong, check
from lab.checks.common import CRASHES, crash, ended, fate, is_left, killed, no_environ, signal_name, stopped_well
from lab.checks.modern import step_16_notify as step_16
from lab.checks.modern.step_16_notify import READY, after, in_c, manager_got
from lab.facts import CameInVain, Crowded, Descriptor, Observation, Process, Served
from lab.faults import Fault
from lab.scene import ComeInVain, Connect, Crowd, Deed, Listen, OfClients, Queue, Scene, Signal, Talk, Vanish

USUAL = replace(step_16.USUAL, listen=(Listen.UNIX, Listen.TCP4))
FIRST = 3  # SD_LISTEN_FDS_START
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

GONE, REFUSED = os.strerror(errno.ENOENT), os.strerror(errno.ECONNREFUSED)  # why a client fails

CROWD = 1000
AT_FIRST, AT_SECOND = Connect("0"), Connect("1")  # a client at the first socket that is passed, and at the second
SERVED = Scene(then=(AT_FIRST, AT_SECOND, Signal(signal.SIGHUP), AT_FIRST, AT_SECOND, Signal(signal.SIGTERM)))
STOPPED = Scene(then=(AT_FIRST, Signal(signal.SIGTERM), AT_FIRST, AT_SECOND))
VERSION_6 = Scene(listen=(Listen.TCP6,), then=(AT_FIRST,))
CROWDED = Scene(then=(Crowd("1", CROWD), AT_SECOND, AT_FIRST))
MANY = 8  # the launcher passes no more
AT_MANY = Scene(listen=(Listen.UNIX,) * MANY, then=(Connect(f"{MANY - 1}"), AT_FIRST))
ACCEPT_FAILS = Scene(fault=Fault.ACCEPT_ONCE, then=(AT_FIRST, AT_FIRST))
VANISHED = Scene(then=(Vanish("0", 20), Vanish("1", 20), AT_FIRST, AT_SECOND))
NO_SOCKET = Scene(listen=(Listen.UNIX, Listen.FILE))
NO_NUMBER = Scene(environment=("LISTEN_FDS=2x",))

ENDS = {"closed": "then end of file", "open": "and the connection stays open"}


def served(o: Observation) -> list[Served]:
    """What each client got."""
    return [done.came for done in o.done if isinstance(done.came, Served)]


def all_served(o: Observation) -> bool:
    """Whether all clients got the same text, which ends with a newline, and then end of file."""
    texts = {each.text for each in served(o)}
    return len(texts) == 1 and texts.pop().endswith("\n") and all(each.how == "closed" for each in served(o))


def is_refused(o: Observation) -> bool:
    """Whether a client came to a socket where no process listened."""
    return any(each.how == REFUSED for each in served(o))


def in_words(got: Served) -> str:
    """What a client got, in a few words."""
    if got.how not in ENDS and not got.text:
        return got.how
    text = in_c(got.text)
    what = "nothing"
    if len(text) > 60:
        what = f'"{text[:60]}..."'
    elif text:
        what = f'"{text}"'
    return f"{what}, {ENDS.get(got.how, f'then {got.how}')}"


def who_came(deeds: Sequence[Deed]) -> str:
    """Clients, and where they came: the descriptors of sockets that were passed, paths or addresses."""
    wheres = [deed.where for deed in deeds if isinstance(deed, OfClients)]
    places = ", ".join(place(where) for where in wheres)
    if any(isinstance(deed, Queue) for deed in deeds):
        return f"of many clients at {places}, the one that fared worst"
    if all(where.isdigit() for where in wheres):
        return f"client at socket {places}" if len(wheres) == 1 else f"clients at sockets {places}"
    return f"client at {places}" if len(wheres) == 1 else f"clients at {places}"


def place(where: str) -> str:
    """Where a client came, as a learner knows it; `where` as in scene.OfClients."""
    if where.isdigit():
        return str(FIRST + int(where))
    return where.replace("tcp4:", "127.0.0.1:").replace("tcp6:", "[::1]:")


def told_clients(o: Observation) -> str:
    """What the clients got, in the order in which they came; clients in a row that got the same stand together."""
    came = [(in_words(done.came), done.deed) for done in o.done if isinstance(done.came, Served)]
    if not came:
        return after(o)
    parts = []
    for what, row in groupby(came, key=itemgetter(0)):
        parts.append(f"{who_came([deed for _, deed in row])}: {what}")
    return "; ".join(parts)


ONE_LINE = "A greeting is one line. Send it once, then call close()."


def why_not_served(o: Observation) -> str | None:
    """The cause where clients are not served, whatever they came for; None if it is none of these."""
    waiting = [each for each in served(o) if each.how == "open"]
    if o.after.status is not None and not o.after.left and (o.after.status or not is_told_to_stop(o)):
        return why_it_ended(o)
    if any(each.text.count("\n") > 1 for each in waiting):
        return f"Your program does not stop sending. {ONE_LINE}"
    if any(each.text for each in waiting):
        return (
            "The connection stays open. Most likely your program calls neither shutdown() nor close(), or another "
            "process has the descriptor too. Call shutdown(fd, SHUT_WR) right after the greeting."
        )
    if waiting and not any(each.text for each in served(o)):
        where = "the sockets from descriptor 3 on" if o.scene.listen else "its socket"
        return (
            f"Clients connect but get nothing. Most likely your program does not call accept() for {where}, or waits "
            "until the client sends something, which never happens. Call accept(), then send the greeting at once."
        )
    if any("\0" in each.text for each in served(o)):
        return (
            "Your program sends a null byte too. That ends a string in C, but the client must not get it. Pass "
            "strlen() as the length instead of sizeof."
        )
    if any(each.text and not each.text.endswith("\n") for each in served(o)):
        return "What a client gets does not end with a newline. Send a whole line, with \\n at its end."
    return None


def is_told_to_stop(o: Observation) -> bool:
    """Whether the lab sends a signal that asks the program to stop, or kills it."""
    stopping = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
    return any(getattr(deed, "number", None) in stopping for deed in o.scene.then)


def why_it_ended(o: Observation) -> str:
    """The cause where the process has ended, and not because it was asked to stop, or not well."""
    assert o.after.status is not None
    if killed(o) == signal.SIGPIPE:
        return (
            "SIGPIPE killed your program. The kernel sends it to a process that writes to a client that is gone. Pass "
            "MSG_NOSIGNAL to send(), or ignore SIGPIPE."
        )
    if killed(o):
        return step_16.why_a_signal_ended_it(killed(o))
    if all_served(o) and is_told_to_stop(o):
        return (
            f"All clients were served, but then the process {ended(o.after.status)}. Exit with status 0 when SIGTERM "
            "comes."
        )
    return (
        f"The process {ended(o.after.status)} although it should go on serving. Most likely your program exits when a "
        "call fails for one client. Close that connection, and go on with the next client."
    )


def inherited_sockets(p: Process) -> list[Descriptor]:
    """The passed sockets that are not close-on-exec."""
    passed = [p.descriptors.get(FIRST + number) for number in range(len(USUAL.listen))]
    return [descriptor for descriptor in passed if descriptor and descriptor.inherited]


CLOSE_ON_EXEC = f"sockets {FIRST} and {FIRST + len(USUAL.listen) - 1} are close-on-exec (FD_CLOEXEC)"


@check(read="sd_listen_fds(3), fcntl(2)", follows=[step_16.lives], expects=CLOSE_ON_EXEC)
def close_on_exec(o: Observation, p: Process) -> Finding:
    """the passed sockets are close-on-exec."""
    inherited = inherited_sockets(p)
    if not inherited:
        return None
    return Wrong(
        expected=CLOSE_ON_EXEC,
        observed=f"not close-on-exec: {', '.join(map(str, inherited))}",
        because=(
            "Your program does not set this flag on the passed sockets. So every program that it starts gets them too, "
            "and could accept clients. Call fcntl(fd, F_SETFD, FD_CLOEXEC) for each socket."
        ),
    )


NO_VARIABLE = f"none of {', '.join(VARIABLES)} in the environment"


@check(read="sd_listen_fds(3), unsetenv(3)", follows=[step_16.lives], expects=NO_VARIABLE)
def forgets_sockets(o: Observation, p: Process) -> Finding:
    """the program removes the LISTEN_ variables from its environment."""
    why_unseen = no_environ(o)
    if why_unseen:
        return Unseen(why_unseen)
    environment = p.environment or {}
    still_there = [name for name in VARIABLES if name in environment]
    if not still_there:
        return None
    if not any(environment[name] for name in still_there):
        return Wrong(
            expected=NO_VARIABLE,
            observed=f"still there, but empty: {', '.join(still_there)}",
            because="Your program makes these variables empty, so every program that it starts still gets them. Call "
            "unsetenv() for each of the three, which removes the variable.",
        )
    return Wrong(
        expected=NO_VARIABLE,
        observed=f"still there: {', '.join(still_there)}",
        because="Your program leaves this in its environment, so every program that it starts inherits it, without the "
        "sockets. Call unsetenv() for each of the three variables after you have read them.",
    )


TWO_TWICE = (
    "clients at sockets 3 and 4, kill -HUP, clients at 3 and 4 again: the same line for each, then end of file; after "
    "kill -TERM: exit status 0"
)


@check(read="accept(2), poll(2)", scene=SERVED, follows=[step_16.lives], expects=TWO_TWICE)
def serves(o: Observation, p: Process) -> Finding:
    """the program greets each client at each socket, and closes the connection."""
    if all_served(o) and stopped_well(o):
        return None
    return Wrong(
        expected=TWO_TWICE,
        observed=f"{told_clients(o)}; {after(o)}",
        because=why_it_serves_not_all(o),
    )


def why_it_serves_not_all(o: Observation) -> str:
    common = why_not_served(o)
    if common:
        return common
    if all_served(o) and is_left(o):
        return step_16.why_it_is_still_running(o)
    if all_served(o):
        return step_16.LEFT_BEHIND
    if is_refused(o):
        return (
            "Nobody can connect any more. Most likely your program calls shutdown() for the socket that listens, and "
            "that ends it for the manager too. Close only what accept() returned."
        )
    at_first, at_second, at_first_later, _ = served(o)
    if at_first.text and not at_second.text and o.after.left:
        return (
            "The first socket is served, the second is not, and your program is still running after SIGTERM. Most "
            "likely it waits in accept() at one socket. Wait in poll() for all sockets and for signals."
        )
    if at_first.text and not at_second.text:
        return (
            "The first socket is served, and the second is not. Most likely poll() does not watch it, or your program "
            "calls accept() only for the first one. Do both for all sockets: LISTEN_FDS descriptors, from 3 on."
        )
    if not at_first.text:
        return (
            "A client at the first socket gets nothing, but another client is served. Most likely your program does "
            "not watch all sockets. Pass them all to poll(), LISTEN_FDS descriptors from 3 on."
        )
    if not at_first_later.text:
        return (
            "Clients are served at first, but not after kill -HUP. Most likely your program closes a socket that "
            "listens, or no longer waits for clients. Close only what accept() returned."
        )
    if any(each.text.count("\n") > 1 for each in served(o)):
        return f"Your program sends a client more than one line. {ONE_LINE}"
    return (
        "The clients do not all get the same line and then end of file. Send the same greeting to each client, whole, "
        "and then close the connection."
    )


CONNECTED_ALL_THE_SAME = (
    "a client at socket 3 is served; after kill -TERM clients at 3 and 4 are connected, and get nothing yet"
)


@check(
    read="shutdown(2), close(2), sd_listen_fds(3)",
    scene=STOPPED,
    follows=[serves, step_16.stops],
    expects=CONNECTED_ALL_THE_SAME,
)
def leaves_sockets(o: Observation, p: Process) -> Finding:
    """when the program has stopped, new clients wait for its next start."""
    first, *later = served(o)
    if first.text and all(each.how == "open" for each in later):  # the launcher still has the sockets, as a manager has
        return None
    return Wrong(
        expected=CONNECTED_ALL_THE_SAME,
        observed=f"{told_clients(o)}; {after(o)}",
        because=why_nobody_waits(o),
    )


def why_nobody_waits(o: Observation) -> str:
    if any(each.how == GONE for each in served(o)):
        return (
            "The socket's path is gone, so no client finds the socket. Most likely your program calls unlink(). The "
            "manager has made the path, and needs it for the next start. Leave it there."
        )
    if is_refused(o):
        return (
            "Nobody can connect any more. Most likely your program calls shutdown() for the sockets. That ends them "
            "for the manager too, which keeps them for the next start. Call close() instead, or only exit."
        )
    if any(each.text for each in served(o)[1:]):
        return (
            "A client was served after SIGTERM, so a process of your program still has the socket. Let every process "
            "of your program exit on SIGTERM."
        )
    return (
        "The clients after SIGTERM could not wait in the queue of the socket. The sockets belong to the manager, which "
        "keeps them for the next start. Close them, or only exit, and change nothing else."
    )


ONE_OF_VERSION_6 = "only one socket is passed, at [::1]: a client gets the greeting, then end of file"


@check(read="ipv6(7)", scene=VERSION_6, follows=[serves], expects=ONE_OF_VERSION_6)
def version_6(o: Observation, p: Process) -> Finding:
    """the program serves a socket of IPv6 too."""
    if all_served(o):
        return None
    wrong = Wrong(
        expected=ONE_OF_VERSION_6,
        observed=told_clients(o),
        because=(
            "Most likely your program expects an address of another family, or always two sockets. Pass NULL as the "
            "address to accept(), and take as many sockets as LISTEN_FDS says."
        ),
    )
    return wrong.instead(why_not_served(o))


SERVED_AT_ONCE = (
    f"{CROWD} clients connect to socket 4, and then one at each socket is served at once; 256 descriptors must be "
    "enough"
)


@check(
    says=f"{CROWD} silent clients do not make other clients wait",
    read="accept(2), send(2), getrlimit(2)",
    scene=CROWDED,
    follows=[serves],
    expects=SERVED_AT_ONCE,
)
def holds_nobody_up(o: Observation, p: Process) -> Finding:
    """The silent clients neither send nor read, and other clients are served without a delay."""
    crowd = o.came(Crowded)
    assert crowd is not None  # it is what is done in this scene
    if crowd.count == CROWD and all_served(o):
        return None
    return Wrong(
        expected=SERVED_AT_ONCE,
        observed=f"{crowd.count} silent clients connected; {told_clients(o)}; {after(o)}",
        because=why_they_are_held_up(o, crowd.count),
    )


HELD_UP = (
    "Other clients wait for a silent one. Most likely your program waits until that client sends, reads or closes, or "
    "keeps each connection open until no descriptor is left. Send the greeting without waiting (MSG_DONTWAIT), and "
    "close the oldest connection when many are open."
)


TOO_SLOW = (
    "Not all silent clients could connect, because the queue of the socket was full. Most likely your program accepts "
    "them too slowly. Greet each client, and wait for nothing."
)


def why_they_are_held_up(o: Observation, connected: int) -> str:
    at_crowd, elsewhere = served(o)
    if o.after.left and not at_crowd.text and not elsewhere.text:
        return HELD_UP
    common = why_not_served(o)
    if common:
        return common
    if not at_crowd.text and elsewhere.text:
        return (
            "At socket 4 clients wait, but socket 3 is served. Most likely your program uses epoll with EPOLLET, which "
            "reports many clients only once. Call accept() until it fails with EAGAIN (no client waits), or leave "
            "EPOLLET out."
        )
    return TOO_SLOW if connected < CROWD else HELD_UP


SERVED_THOUGH_NONBLOCK = (
    "two sockets are passed that are O_NONBLOCK: a client at each gets the greeting, then end of file"
)


@check(
    read="accept(2), fcntl(2), systemd.exec(5)",
    scene=Scene(listen=(Listen.NONBLOCK, Listen.NONBLOCK), then=(AT_FIRST, AT_SECOND)),
    follows=[serves],
    expects=SERVED_THOUGH_NONBLOCK,
)
def nonblocking(o: Observation) -> Finding:
    """sockets that are passed with O_NONBLOCK are served too."""
    if all_served(o) and served(o):
        return None
    if not o.processes:
        return Wrong(
            expected=SERVED_THOUGH_NONBLOCK,
            observed=fate(o),
            because="Your program gives up when a passed socket is O_NONBLOCK. accept() then fails with EAGAIN while "
            "no client waits, and that is no error. Wait in poll() first, or set the flags that you need with F_SETFL.",
        )
    wrong = Wrong(
        expected=SERVED_THOUGH_NONBLOCK,
        observed=f"{told_clients(o)}; {after(o)}",
        because="Your program does not serve sockets that are O_NONBLOCK. accept() fails there with EAGAIN while no "
        "client waits. Wait in poll(), and take EAGAIN for no error.",
    )
    return wrong.instead(why_not_served(o))


ONE_CHILD = "a client comes, and the accept() of a child takes 0.3 s: no other child calls accept() meanwhile"


@check(
    read="accept(2), poll(2), fork(2)",
    scene=Scene(fault=Fault.HOLD_ACCEPT, then=(AT_FIRST,)),
    follows=[serves],
    expects=ONE_CHILD,
)
def one_child_a_client(o: Observation, p: Process) -> Finding:
    """one client makes the program start one child at most."""
    if o.held.accepting <= 1 and all_served(o):
        return None
    if o.held.accepting <= 1:
        wrong = Wrong(
            expected=ONE_CHILD,
            observed=f"{told_clients(o)}; {after(o)}",
            because="The client is not served when accept() takes 0.3 s. Wait for it without a time limit.",
        )
        return wrong.instead(why_not_served(o))
    return Wrong(
        expected=ONE_CHILD,
        observed=f"{o.held.accepting} children were in accept() at once",
        because="A child of your program calls accept(). Until it has done so, poll() in the parent still says that a "
        "client waits, and the parent starts one child after another. Call accept() first, and fork() after it.",
    )


SERVED_AFTER_RESETS = (
    "20 clients connect to each socket and are gone before the program can look; then a client at each socket is served"
)


@check(read="send(2), signal(7)", scene=VANISHED, follows=[serves], expects=SERVED_AFTER_RESETS)
def outlives_clients(o: Observation, p: Process) -> Finding:
    """clients that are gone before the greeting do no harm."""
    if all_served(o) and o.after.left == (p.pid,):
        return None
    wrong = Wrong(
        expected=SERVED_AFTER_RESETS,
        observed=f"{told_clients(o)}; {after(o)}",
        because=why_gone_clients_do_harm(o),
    )
    hangs = is_left(o) and not any(each.text for each in served(o))
    return wrong if hangs else wrong.instead(why_not_served(o))


def why_gone_clients_do_harm(o: Observation) -> str:
    if all_served(o):
        return (
            "All clients are served, but your program leaves another process behind. Most likely it is a child that "
            "served a client. Let it exit when its client has the greeting."
        )
    return (
        "After clients that are gone, your program does not serve the next ones. Most likely it stops when accept() or "
        "send() fails once, or it uses EPOLLET and accepts one client for each event. Call accept() until it fails "
        "with EAGAIN (no client waits)."
    )


HEARD_OUT = "a client at each socket sends a line before the program looks: the greeting, then end of file"
RESET = os.strerror(errno.ECONNRESET)


@check(
    read="shutdown(2), unix(7), tcp(7)",
    scene=Scene(then=(Talk("0"), Talk("1"))),
    follows=[serves],
    expects=HEARD_OUT,
)
def hears_clients_out(o: Observation, p: Process) -> Finding:
    """a client that sends something first gets end of file, and no reset."""
    if all_served(o):
        return None
    wrong = Wrong(
        expected=HEARD_OUT,
        observed=f"{told_clients(o)}; {after(o)}",
        because="The client has sent a line, and is not served. Do not read from a client before you greet it.",
    )
    if any(each.how == RESET for each in served(o)):
        return wrong.instead(CLOSED_TOO_EARLY)
    return wrong.instead(why_not_served(o))


CLOSED_TOO_EARLY = (
    "Your program calls close() while bytes of the client are still unread, and the kernel answers with a reset. Over "
    "TCP the client may even lose the greeting. Call shutdown(fd, SHUT_WR), and have poll() watch the client. Read "
    "when it reports the client, and close the descriptor at end of file."
)

RESTS_MEANWHILE = (
    "a client comes while the program may open no further descriptor (EMFILE): the program waits before it tries "
    "again; later it may, and it serves the next client"
)


@check(
    read="accept(2), poll(2), getrlimit(2)",
    scene=Scene(then=(ComeInVain("0"), AT_SECOND)),
    follows=[serves],
    expects=RESTS_MEANWHILE,
)
def waits_for_descriptors(o: Observation, p: Process) -> Finding:
    """out of descriptors the program waits, and does not spin."""
    came = o.came(CameInVain)
    assert came is not None  # it is what is done in this scene
    if came.unlike:
        return Unseen("the program calls poll() with more entries than it may open descriptors then, see poll(2)")
    if came.rested and o.after.left == (p.pid,) and all_served(o):
        return None
    return Wrong(
        expected=RESTS_MEANWHILE,
        observed=f"{'it waited' if came.rested else 'it never waited'}; {told_clients(o)}; {after(o)}",
        because=why_it_does_not_wait(o, came),
    )


def why_it_does_not_wait(o: Observation, came: CameInVain) -> str:
    if killed(o):
        return step_16.why_a_signal_ended_it(killed(o))
    if o.after.status is not None:
        return (
            f"The process {ended(o.after.status)} when accept() failed with EMFILE, because no descriptor was left. "
            "There is one again when a connection is closed. Close the client that has been here longest, or log the "
            "error, wait, and go on."
        )
    if not came.rested:
        return (
            "accept() fails with EMFILE, because no descriptor is left, and the client stays in the queue. So poll() "
            "returns at once, and your program uses all of a processor. Close the oldest client, or wait a second."
        )
    return (
        "Your program does not serve the next client after accept() has failed with EMFILE. Call accept() again when "
        "some time has passed."
    )


def refused_well(o: Observation) -> bool:
    """Whether the program printed what is wrong, and exited with a status other than 0."""
    exited = o.job.status is not None and os.WIFEXITED(o.job.status) and os.WEXITSTATUS(o.job.status) != 0
    return exited and not o.processes and bool(o.printed.strip())


def unless_refused(o: Observation, if_it_runs: str) -> Wrong | None:
    """What is wrong where the program must print an error and exit; `if_it_runs` is the cause if it keeps running."""
    if refused_well(o) and not any(READY in message.text for message in o.notices):
        return None
    told = f"; {manager_got(o.notices)}" if o.notices else ""
    return Wrong(
        expected=f"a line that says what is wrong, an exit status other than 0, and no {READY}",
        observed=fate(o) + told,
        because=why_it_is_not_refused(o, if_it_runs),
    )


def why_it_is_not_refused(o: Observation, if_it_runs: str) -> str:
    if o.processes:
        return if_it_runs
    if refused_well(o):
        return (
            f"Your program sends {READY}, and then exits with an error. Look at all that was passed first, and send "
            f"{READY} only if nothing is wrong."
        )
    if crash(o):
        return why_it_crashed(o)
    if not o.printed.strip() and o.messages:
        return (
            "Your program tells the reason only to the log. In the foreground the log is standard error, as in step "
            "16. Print the reason there."
        )
    if not o.printed.strip():
        return "Your program exits without a message. Print what is wrong on standard error before you exit."
    if o.job.status == 0:
        return (
            "Your program says what is wrong, but exits with status 0, so the manager sees no failure. Call "
            "exit(EXIT_FAILURE)."
        )
    return "Your program does not exit with an error. Print what is wrong, then call exit(EXIT_FAILURE)."


def why_it_crashed(o: Observation) -> str:
    if crash(o) not in (signal.SIGSEGV, signal.SIGBUS):
        return CRASHES.get(crash(o), f"{signal_name(crash(o))} killed your program. Print what is wrong, and exit.")
    if o.scene.listen == ():
        return (
            f"{signal_name(crash(o))} killed your program. Most likely it uses what getenv() returned, and that is "
            "NULL because the variable is not set. Test for NULL, print what is missing, and exit."
        )
    return (
        f"{signal_name(crash(o))} killed your program. Most likely it uses a value before it has tested it. Test all "
        "that was passed first, print what is wrong, and exit."
    )


@check(read="sd_listen_fds(3)", scene=Scene(listen=()))
def nothing_passed(o: Observation) -> Finding:
    """when no socket is passed, the program prints why and exits."""
    return unless_refused(
        o,
        "Your program keeps running although no socket was passed, so no client can ever come. LISTEN_PID and "
        "LISTEN_FDS are not set here. Test what getenv() returns, print what is missing, and exit.",
    )


@check(read="sd_listen_fds(3)", scene=Scene(environment=("LISTEN_PID=1",)))
def not_meant(o: Observation) -> Finding:
    """when LISTEN_PID is another process, the program prints why and exits."""
    return unless_refused(
        o,
        "Your program keeps running although LISTEN_PID names another process. Then the sockets are not for it, and "
        "descriptor 3 may be any file. Compare the value with getpid(), and exit if they differ.",
    )


@check(read="sd_listen_fds(3), getenv(3)", scene=Scene(environment=("LISTEN_PID",)))
def not_meant_for_anybody(o: Observation) -> Finding:
    """when LISTEN_FDS is set and LISTEN_PID is not, the program prints why and exits."""
    if crash(o) in (signal.SIGSEGV, signal.SIGBUS):
        cause = (
            f"{signal_name(crash(o))} killed your program. Most likely it uses what getenv() returned for LISTEN_PID, "
            "and that is NULL because the variable is not set. Test for NULL, print what is missing, and exit."
        )
        finding = unless_refused(o, "")
        return finding.instead(cause) if finding else None
    return unless_refused(
        o,
        "Your program keeps running although LISTEN_PID is not set, so the sockets may be for another process. Compare "
        "the value with getpid(), and exit if there is none.",
    )


@check(read="sd_listen_fds(3)", scene=Scene(environment=("LISTEN_FDS=0",)))
def no_number_zero(o: Observation) -> Finding:
    """when LISTEN_FDS is 0, the program prints why and exits."""
    return unless_refused(
        o,
        "Your program keeps running although LISTEN_FDS is 0. Then no socket was passed, and no client can ever come. "
        "Accept only a number from 1 on.",
    )


@check(read="sd_listen_fds(3)", scene=Scene(environment=("LISTEN_FDS=-1",)))
def no_number_negative(o: Observation) -> Finding:
    """when LISTEN_FDS is -1, the program prints why and exits."""
    return unless_refused(
        o,
        "Your program accepts -1 as a number of sockets. Most likely it does not test what strtol() or atoi() "
        "returned. Accept only a number from 1 on.",
    )


@check(read="sd_listen_fds(3)", scene=Scene(environment=("LISTEN_FDS=1000000000",)))
def no_number_huge(o: Observation) -> Finding:
    """when LISTEN_FDS is 1000000000, the program prints why and exits."""
    return unless_refused(
        o,
        "Your program keeps running although so many descriptors cannot be open. Compare LISTEN_FDS with a limit "
        "before you use it in a loop or add 3 to it. Print the number, and exit.",
    )


@check(read="sd_listen_fds(3)", scene=NO_NUMBER)
def no_number_trailing(o: Observation) -> Finding:
    """when LISTEN_FDS is 2x, the program prints why and exits."""
    return unless_refused(
        o,
        "Your program takes 2x for a number. Most likely it calls atoi(), which ignores all that follows the digits. "
        "Call strtol() instead, and test that its second argument points to the end of the text.",
    )


@check(read="sd_listen_fds(3)", scene=NO_SOCKET)
def no_socket(o: Observation) -> Finding:
    """when a passed descriptor is no socket, the program prints why and exits."""
    return unless_refused(
        o,
        "Your program keeps running although descriptor 4 is a regular file. accept() always fails there. Test each "
        "descriptor with getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, ...), print the number, and exit.",
    )


@check(read="sd_listen_fds(3)", scene=Scene(listen=(Listen.CONNECTED,)))
def not_listening(o: Observation) -> Finding:
    """when a passed socket does not listen, the program prints why and exits."""
    return unless_refused(
        o,
        "Your program keeps running although socket 3 is already connected, so no other client can connect to it. "
        "getsockopt() with SO_ACCEPTCONN gives 1 only for a socket that listens. Test that value.",
    )


@check(read="sd_listen_fds(3)", bonus=True, scene=Scene(environment=("LISTEN_FDS=3",)))
def fewer_passed(o: Observation) -> Finding:
    """when LISTEN_FDS is 3 but two are passed, the program prints why and exits."""
    return unless_refused(
        o,
        "Your program keeps running although descriptor 5 is not open. The next file that it opens would get this "
        "number, and be taken for a socket. Test what getsockopt() or fcntl() returns, and exit if it is -1.",
    )


def unless_named(o: Observation, name: str, because: str) -> Wrong | None:
    """What is wrong where the message of a program that refuses to start must have this name in it."""
    not_a_level = rf"(?<![\w<]){name}(?!\w)"  # as in <4>
    if refused_well(o) and re.search(not_a_level, o.printed):
        return None
    return Wrong(expected=f"a message on standard error with {name} in it", observed=fate(o), because=because)


@check(read="sd_listen_fds(3), strerror(3)", bonus=True, scene=NO_SOCKET)
def names_descriptor(o: Observation) -> Finding:
    """the message names the descriptor that is no socket."""
    return unless_named(
        o,
        "4",
        "Your message does not name the descriptor. Two were passed, and only one is wrong, so the reader cannot know "
        "which one to change. Print its number.",
    )


@check(read="sd_listen_fds(3), strerror(3)", bonus=True, scene=NO_NUMBER)
def names_number(o: Observation) -> Finding:
    """the message shows the value of LISTEN_FDS that is no number."""
    return unless_named(
        o,
        "2x",
        "Your message does not show the value of LISTEN_FDS. The value helps the reader to find out where it comes "
        "from. Print it as it is.",
    )


SECOND_IS_SERVED = (
    "accept() is made to fail once (ECONNABORTED, connection aborted): the program keeps running and serves the second "
    "client"
)


@check(read="accept(2)", bonus=True, scene=ACCEPT_FAILS, expects=SECOND_IS_SERVED)
def accept_fails(o: Observation, p: Process) -> Finding:
    """the program keeps running and serving when accept() fails once."""
    if not o.held.accept_failed:
        return Unseen("the lab saw no call of accept() that it could make fail")
    second = served(o)[-1]
    if o.after.left == (p.pid,) and second.text and second.how == "closed":
        return None
    return Wrong(
        expected=SECOND_IS_SERVED,
        observed=f"{told_clients(o)}; {after(o)}",
        because=why_the_second_is_not_served(o, p),
    )


def why_the_second_is_not_served(o: Observation, p: Process) -> str:
    if p.pid not in o.after.left:
        return (
            "Your program does not keep running when accept() fails. ECONNABORTED (connection aborted) means only that "
            "one client is gone, and other errors pass too. Log the error, and wait for the next client."
        )
    return (
        "Your program keeps running, but does not serve the next client. After an error of accept(), wait for clients "
        "again as before."
    )


LAST_AND_FIRST = f"{MANY} sockets are passed: clients at the last one and at the first one are served"


@check(
    says=f"the program serves at {MANY} sockets",
    read="poll(2), sd_listen_fds(3)",
    bonus=True,
    scene=AT_MANY,
    expects=LAST_AND_FIRST,
)
def many_sockets(o: Observation, p: Process) -> Finding:
    """Clients are served at as many sockets as the lab can pass."""
    if all_served(o):
        return None
    wrong = Wrong(
        expected=LAST_AND_FIRST,
        observed=told_clients(o),
        because="Most likely an array of your program has room for two sockets only, or poll() watches only some of "
        "them. Take as many as LISTEN_FDS says, because a unit file may name any number.",
    )
    return wrong.instead(why_not_served(o))


CHECKS = [
    close_on_exec,
    forgets_sockets,
    serves,
    leaves_sockets,
    version_6,
    holds_nobody_up,
    outlives_clients,
    hears_clients_out,
    waits_for_descriptors,
    nonblocking,
    one_child_a_client,
    nothing_passed,
    not_meant,
    not_meant_for_anybody,
    no_number_zero,
    no_number_negative,
    no_number_huge,
    no_number_trailing,
    no_socket,
    not_listening,
    fewer_passed,
    names_descriptor,
    names_number,
    accept_fails,
    many_sockets,
]
