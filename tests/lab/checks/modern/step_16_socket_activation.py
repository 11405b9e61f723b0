"""Step 16: it serves on sockets that were there before it."""

from __future__ import annotations

import errno
import os
import re
import signal
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from lab.checks.check import Finding, Unseen, Wrong, check
from lab.checks.common import ended, fate, stopped_well
from lab.checks.modern import step_15_notify as step_15
from lab.checks.modern.step_15_notify import READY, after, in_c, no_environ
from lab.facts import Crowded, Descriptor, Observation, Process, Served
from lab.faults import Fault
from lab.scene import Connect, Crowd, Listen, Scene, Signal, Vanish

USUAL = replace(step_15.USUAL, listen=(Listen.UNIX, Listen.TCP4))
FIRST = 3  # SD_LISTEN_FDS_START
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

GONE, REFUSED = os.strerror(errno.ENOENT), os.strerror(errno.ECONNREFUSED)  # what a client may be told

CROWD = 1000
AT_FIRST, AT_SECOND = Connect("0"), Connect("1")  # of the sockets that are passed
SERVED = Scene(then=(AT_FIRST, AT_SECOND, Signal(signal.SIGHUP), AT_FIRST, AT_SECOND, Signal(signal.SIGTERM)))
STOPPED = Scene(then=(AT_FIRST, Signal(signal.SIGTERM), AT_FIRST, AT_SECOND))
VERSION_6 = Scene(listen=(Listen.TCP6,), then=(AT_FIRST,))
CROWDED = Scene(then=(Crowd("1", CROWD), AT_SECOND, AT_FIRST))
MANY = 8  # the most that the launcher passes
AT_MANY = Scene(listen=(Listen.UNIX,) * MANY, then=(Connect(f"{MANY - 1}"), AT_FIRST))
ACCEPT_FAILS = Scene(fault=Fault.ACCEPT_ONCE, then=(AT_FIRST, AT_FIRST))
VANISHED = Scene(then=(Vanish("0", 20), Vanish("1", 20), AT_FIRST, AT_SECOND))
NO_SOCKET = Scene(listen=(Listen.UNIX, Listen.FILE))
NO_NUMBER = Scene(environment=("LISTEN_FDS=2x",))

ENDS = {"closed": "end of file", "open": "no end of file"}


def served(o: Observation) -> list[Served]:
    """What each client got."""
    return [done.came for done in o.done if isinstance(done.came, Served)]


def all_served(o: Observation) -> bool:
    """Whether every client got the same line, and then end of file."""
    texts = {each.text for each in served(o)}
    return len(texts) == 1 and texts.pop().endswith("\n") and all(each.how == "closed" for each in served(o))


def is_refused(o: Observation) -> bool:
    """Whether a client was told that nobody listens there."""
    return any(each.how == REFUSED for each in served(o))


def in_words(got: Served) -> str:
    """What a client got."""
    if got.how not in ENDS and not got.text:
        return got.how
    text = in_c(got.text)
    what = "nothing"
    if len(text) > 60:
        what = f'"{text[:60]}..."'
    elif text:
        what = f'"{text}"'
    return f"{what}, then {ENDS.get(got.how, got.how)}"


def told_clients(o: Observation) -> str:
    """What the clients got, in the order in which they came; those in a row that got the same stand together."""
    came = [(in_words(done.came), str(done.deed)) for done in o.done if isinstance(done.came, Served)]
    if not came:
        return after(o)
    parts = []
    for got, row in groupby(came, key=itemgetter(0)):
        deeds = ", ".join(deed for _, deed in row)
        parts.append(f"{deeds}: {got}")
    return "; ".join(parts)


def why_not_served(o: Observation) -> str | None:
    """What has gone wrong with the clients, whatever they came for; None if it is none of this."""
    waiting = [each for each in served(o) if each.how == "open"]
    if o.after.status and not o.after.left:
        return (
            f"it {ended(o.after.status)} on the way: if a client has gone, SIGPIPE ends whoever writes to it "
            "(MSG_NOSIGNAL), and an error of one client's is no reason to end"
        )
    if any(each.text.count("\n") > 1 for each in waiting):
        return "what it sends goes on: a greeting is one line, and after it comes close()"
    if any(each.text for each in waiting):
        return (
            "the connection stays open: close() it, and who reads gets end of file. If a child, or the program itself, "
            "has another descriptor of it, it is not closed yet"
        )
    if waiting and not any(each.text for each in served(o)):
        return (
            "who connects gets nothing: accept() is not called there (are the descriptors from 3 on, LISTEN_FDS of "
            "them, waited for?), or it waits for a word of the client, which says nothing"
        )
    if any("\0" in each.text for each in served(o)):
        return (
            "a null byte is sent along. It ends a text in C, and is no part of what is said: sizeof counts it, "
            "strlen() does not"
        )
    if any(each.text and not each.text.endswith("\n") for each in served(o)):
        return "what they get is no line: the greeting ends with a newline"
    return None


def inherited_sockets(p: Process) -> list[Descriptor]:
    """The sockets that were passed and are not close-on-exec."""
    passed = [p.descriptors.get(FIRST + number) for number in range(len(USUAL.listen))]
    return [descriptor for descriptor in passed if descriptor and descriptor.inherited]


CLOSE_ON_EXEC = f"{FIRST} to {FIRST + len(USUAL.listen) - 1} are close-on-exec (FD_CLOEXEC)"


@check(read="sd_listen_fds(3), fcntl(2)", follows=[step_15.lives], expects=CLOSE_ON_EXEC)
def close_on_exec(o: Observation, p: Process) -> Finding:
    """the sockets are closed in what it starts."""
    inherited = inherited_sockets(p)
    if not inherited:
        return None
    return Wrong(
        expected=CLOSE_ON_EXEC,
        observed=f"not so: {', '.join(map(str, inherited))}",
        because=(
            "they came through execve(2), and so without that flag. A program that this one starts would hold them "
            "open, and accept what is not meant for it"
        ),
    )


NO_VARIABLE = f"none of {', '.join(VARIABLES)}"


@check(read="sd_listen_fds(3), unsetenv(3)", follows=[step_15.lives], expects=NO_VARIABLE)
def forgets_sockets(o: Observation, p: Process) -> Finding:
    """the variables that tell of them are not in its environment any more."""
    why_unseen = no_environ(o)
    if why_unseen:
        return Unseen(why_unseen)
    environment = p.environment or {}
    still_there = [name for name in VARIABLES if name in environment]
    if not still_there:
        return None
    return Wrong(
        expected=NO_VARIABLE,
        observed=", ".join(still_there),
        because="they told this process of its descriptors; in any other they tell of what is not there",
    )


TWO_TWICE = "two clients, kill -HUP, two more: the same line for each, then end of file; kill -TERM: status 0"


@check(read="accept(2), poll(2)", scene=SERVED, follows=[step_15.lives], expects=TWO_TWICE)
def serves(o: Observation, p: Process) -> Finding:
    """greets whoever connects, at every socket, and closes the connection."""
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
    if all_served(o):
        return (
            "now that it waits for clients it does not stop as before: accept() goes on after a signal, and who is in "
            "it does not look at a flag. poll() can wait for both"
        )
    if is_refused(o):
        return (
            "nobody can connect any more, though the manager has the sockets open: shutdown(2) acts on the socket "
            "itself, whoever has it open. A connection is closed with close(), and what accept() returned is that; the "
            "socket that listens stays as it is"
        )
    at_first, at_second, at_first_later, _ = served(o)
    if at_first.text and not at_second.text and o.after.left:
        return (
            "the first socket is served and the second is not: who waits in accept() at one does not look at the "
            "other. poll() waits for all of them"
        )
    if at_first.text and not at_second.text:
        return (
            "the first socket is served and the second is not: is it among those that poll() is to wait for? There are "
            "LISTEN_FDS of them, from 3 on. (Who waits in accept() at one does not look at the other, either)"
        )
    if not at_first.text:
        return "one socket is served and another is not: poll() waits for all of them, from 3 on"
    if not at_first_later.text:
        return "nobody is served any more after the first client, or after a reload: are the sockets still open?"
    return "what they get is no line, or not the same for all"


CONNECTED_ALL_THE_SAME = (
    "a client is served; kill -TERM, and then one at each socket: it is connected, and nothing comes yet"
)


@check(
    read="shutdown(2), close(2), sd_listen_fds(3)",
    scene=STOPPED,
    follows=[serves, step_15.stops],
    expects=CONNECTED_ALL_THE_SAME,
)
def leaves_sockets(o: Observation, p: Process) -> Finding:
    """when it has stopped, who connects waits for the next start."""
    first, *later = served(o)
    if first.text and all(each.how == "open" for each in later):  # the launcher has them open, as a manager has
        return None
    return Wrong(
        expected=CONNECTED_ALL_THE_SAME,
        observed=f"{told_clients(o)}; {after(o)}",
        because=why_nobody_waits(o),
    )


def why_nobody_waits(o: Observation) -> str:
    if any(each.how == GONE for each in served(o)):
        return (
            "the path is gone: nobody finds the socket any more, and the next start is passed the same socket. The "
            "manager has made the path, and takes it away itself: unlink() is not for the service"
        )
    if is_refused(o):
        return (
            "nobody can connect any more: shutdown(2) acts on the socket itself, whoever has it open, and so on the "
            "manager's, which it keeps for the next start. close() is enough, and the end does that as well"
        )
    return "the sockets are the manager's, for the next start: close() them, or just end"


ONE_OF_VERSION_6 = "one socket, at [::1]: the greeting, and then end of file"


@check(read="ipv6(7)", scene=VERSION_6, follows=[serves], expects=ONE_OF_VERSION_6)
def version_6(o: Observation, p: Process) -> Finding:
    """the same with IPv6."""
    if all_served(o):
        return None
    wrong = Wrong(
        expected=ONE_OF_VERSION_6,
        observed=told_clients(o),
        because=(
            "it does not matter to who serves which family a socket is of: the address that accept() would fill in "
            "can be NULL. Or it takes one socket for two"
        ),
    )
    return wrong.instead(why_not_served(o))


SERVED_AT_ONCE = f"{CROWD} connected, and then a client at each socket is served at once (256 descriptors at the most)"


@check(
    says=f"{CROWD} clients that say nothing, and do not read, hold nobody up",
    read="accept(2), send(2), getrlimit(2)",
    scene=CROWDED,
    follows=[serves],
    expects=SERVED_AT_ONCE,
)
def holds_nobody_up(o: Observation, p: Process) -> Finding:
    """So many clients are served in a time that has a limit."""
    crowd = o.came(Crowded)
    assert crowd is not None  # it is what is done in this scene
    if crowd.count == CROWD and all_served(o):
        return None
    return Wrong(
        expected=SERVED_AT_ONCE,
        observed=f"{crowd.count} connected; {told_clients(o)}; {after(o)}",
        because=why_they_are_held_up(o),
    )


def why_they_are_held_up(o: Observation) -> str:
    common = why_not_served(o)
    if common:
        return common
    at_crowd, elsewhere = served(o)
    if not at_crowd.text and elsewhere.text:
        return (
            "at one socket clients wait, at the other they are served: so it waits for none of them (unless each "
            "socket has a thread). One event may tell of many clients, and epoll with EPOLLET tells of them once: "
            "accept() until there is none (EAGAIN), or the others wait until somebody else comes. Without EPOLLET, "
            "as with poll(), it is told again"
        )
    return (
        "it waits for one client while others wait for it: for a word from it, for its end, or for room. Greet, close, "
        "and go on; or wait for all of them at once. And who keeps every connection open has no descriptor left after "
        "256"
    )


SERVED_AFTER_RESETS = "20 connections at each socket, reset while it is stopped; then a client at each is served"


@check(read="send(2), signal(7)", scene=VANISHED, follows=[serves], expects=SERVED_AFTER_RESETS)
def outlives_clients(o: Observation, p: Process) -> Finding:
    """clients that have gone again before they are greeted do no harm."""
    if all_served(o) and o.after.left == (p.pid,):
        return None
    wrong = Wrong(
        expected=SERVED_AFTER_RESETS,
        observed=f"{told_clients(o)}; {after(o)}",
        because="it stumbles over who has gone: an error of accept(), or of one connection, is not the end of all",
    )
    return wrong.instead(why_not_served(o))


def refused_well(o: Observation) -> bool:
    """Whether it said what is wrong, and ended with a status other than 0."""
    exited = o.job.status is not None and os.WIFEXITED(o.job.status) and os.WEXITSTATUS(o.job.status) != 0
    return exited and not o.processes and bool(o.printed.strip())


def unless_refused(o: Observation, if_it_runs: str) -> Wrong | None:
    """What is wrong where something is no reason to start, but for a clear error; `if_it_runs` is the cause then."""
    if refused_well(o) and not any(READY in message.text for message in o.notices):
        return None
    told = "; it was told that it is ready" if o.notices else ""
    return Wrong(
        expected="a line that says what is wrong, a status other than 0; nobody is told that it is ready",
        observed=fate(o) + told,
        because=why_it_is_not_refused(o, if_it_runs),
    )


def why_it_is_not_refused(o: Observation, if_it_runs: str) -> str:
    if o.processes:
        return if_it_runs
    if refused_well(o):
        return "it ends, and has said before that it is ready: first look at all that is passed, then say so"
    if not o.printed.strip() and o.messages:
        return (
            "it says so to the log alone. In the foreground that is standard error, as in step 15: the service manager "
            "keeps what comes there"
        )
    if not o.printed.strip():
        return "it ends, and does not say why: whoever started it has nothing to go by"
    if o.job.status == 0:
        return "it says what is wrong, and ends with status 0, as if all were well: exit(EXIT_FAILURE)"
    return "it does not get so far as to say what is wrong"


@check(read="sd_listen_fds(3)", scene=Scene(listen=()))
def nothing_passed(o: Observation) -> Finding:
    """where no socket is passed it says so, and ends."""
    return unless_refused(
        o,
        "it runs, and waits for clients that have no way to come: without LISTEN_PID and LISTEN_FDS nothing was passed",
    )


@check(read="sd_listen_fds(3)", scene=Scene(environment=("LISTEN_PID=1",)))
def not_meant(o: Observation) -> Finding:
    """where LISTEN_PID is another process's it says so, and ends."""
    return unless_refused(
        o,
        "the sockets were meant for another process, whose variables this one has inherited: what is at 3 may be "
        "anything. LISTEN_PID has to be getpid()",
    )


@check(read="sd_listen_fds(3)", scene=Scene(environment=("LISTEN_FDS=0",)))
def no_number_zero(o: Observation) -> Finding:
    """where LISTEN_FDS is 0 it says so, and ends."""
    return unless_refused(o, "no socket was passed, and nobody will ever connect")


@check(read="sd_listen_fds(3)", scene=Scene(environment=("LISTEN_FDS=-1",)))
def no_number_negative(o: Observation) -> Finding:
    """where LISTEN_FDS is -1 it says so, and ends."""
    return unless_refused(o, "a number of sockets is 1 or more: what strtol() and atoi() return has to be looked at")


@check(read="sd_listen_fds(3)", scene=Scene(environment=("LISTEN_FDS=1000000000",)))
def no_number_huge(o: Observation) -> Finding:
    """where LISTEN_FDS is 1000000000 it says so, and ends."""
    return unless_refused(
        o,
        "that many cannot be open: the number has to have a limit, before a loop runs up to it or 3 is added to it",
    )


@check(read="sd_listen_fds(3)", scene=NO_NUMBER)
def no_number_trailing(o: Observation) -> Finding:
    """where LISTEN_FDS is 2x it says so, and ends."""
    return unless_refused(o, "atoi() takes what it likes, and does not tell: strtol() says where the number ends")


@check(read="sd_listen_fds(3)", scene=NO_SOCKET)
def no_socket(o: Observation) -> Finding:
    """where one of them is no socket it says so, and ends."""
    return unless_refused(
        o,
        "4 is a regular file: accept() fails there for ever, and poll() says each time that there is something to do. "
        "getsockopt(SO_ACCEPTCONN), or fstat(), tells before",
    )


@check(read="sd_listen_fds(3)", scene=Scene(listen=(Listen.CONNECTED,)))
def not_listening(o: Observation) -> Finding:
    """where one of them does not listen it says so, and ends."""
    return unless_refused(
        o,
        "3 is a socket, and one that is connected already (what inetd passes): nobody can connect to it. "
        "getsockopt(SO_ACCEPTCONN) tells",
    )


@check(read="sd_listen_fds(3)", bonus=True, scene=Scene(environment=("LISTEN_FDS=3",)))
def fewer_passed(o: Observation) -> Finding:
    """where LISTEN_FDS is 3 and two are passed it says so, and ends."""
    return unless_refused(
        o,
        "5 is not open: what getsockopt() returns has to be looked at, too. The first file that it opens itself "
        "would get that number, and be taken for a socket that clients connect to",
    )


def unless_named(o: Observation, name: str, because: str) -> Wrong | None:
    """What is wrong where it is to name what is wrong, as it refuses to start."""
    not_a_level = rf"(?<![\w<]){name}(?!\w)"  # as in <4>
    if refused_well(o) and re.search(not_a_level, o.printed):
        return None
    return Wrong(expected=f"{name} in a line on standard error", observed=fate(o), because=because)


@check(read="sd_listen_fds(3), strerror(3)", bonus=True, scene=NO_SOCKET)
def names_descriptor(o: Observation) -> Finding:
    """where one of them is no socket it says which."""
    return unless_named(o, "4", "two were passed, and one of them is wrong: whoever has to mend that has to try both")


@check(read="sd_listen_fds(3), strerror(3)", bonus=True, scene=NO_NUMBER)
def names_number(o: Observation) -> Finding:
    """where LISTEN_FDS is 2x it says that that is what it got."""
    return unless_named(
        o, "2x", "that something is wrong with LISTEN_FDS is half of it: what it holds shows how it came about"
    )


SECOND_IS_SERVED = "accept() is made to fail once (ECONNABORTED): it lives on, and the second client is served"


@check(read="accept(2)", bonus=True, scene=ACCEPT_FAILS, expects=SECOND_IS_SERVED)
def accept_fails(o: Observation, p: Process) -> Finding:
    """an error of accept() is not the end of all."""
    if not o.held.accept_failed:
        return Unseen("a call of accept() that could be made to fail was not seen")
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
            "who was about to connect has gone (ECONNABORTED), or there is no descriptor left for a moment (EMFILE): "
            "that is one client's trouble, and it ends for all. Log it, and go on"
        )
    return "it lives on, and serves nobody any more: the next client is to be waited for as ever"


LAST_AND_FIRST = f"{MANY} are passed: the last one is served, and the first one"


@check(
    says=f"serves at {MANY} sockets",
    read="poll(2), sd_listen_fds(3)",
    bonus=True,
    scene=AT_MANY,
    expects=LAST_AND_FIRST,
)
def many_sockets(o: Observation, p: Process) -> Finding:
    """It serves at as many sockets as the lab can pass."""
    if all_served(o):
        return None
    wrong = Wrong(
        expected=LAST_AND_FIRST,
        observed=told_clients(o),
        because="how many are passed, the unit file says: an array for two is too short, or only some are watched",
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
    nothing_passed,
    not_meant,
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
