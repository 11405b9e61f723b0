"""Step 16: it serves on sockets that were there before it."""

import errno
import os
import re
from dataclasses import replace
from itertools import groupby

from lab.checks.model import Check, ended, fate
from lab.checks.step_15_notify import READY, after, in_c, no_environ, stopped_well
from lab.scene import ACCEPT_ONCE, Scene

LISTEN = ("unix", "tcp4")
FIRST = 3  # SD_LISTEN_FDS_START
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

GONE, REFUSED = os.strerror(errno.ENOENT), os.strerror(errno.ECONNREFUSED)  # what a client may be told

CROWD = 1000
SERVED = Scene(then=("connect 0", "connect 1", "SIGHUP", "connect 0", "connect 1", "SIGTERM"))
STOPPED = Scene(then=("connect 0", "SIGTERM", "connect 0", "connect 1"))
VERSION_6 = Scene(listen=("tcp6",), then=("connect 0",))
CROWDED = Scene(then=(f"crowd 1 {CROWD}", "connect 1", "connect 0"))
MANY = 8  # the most that the launcher passes
AT_MANY = Scene(listen=("unix",) * MANY, then=(f"connect {MANY - 1}", "connect 0"))
ACCEPT_FAILS = Scene(fault=ACCEPT_ONCE, then=("connect 0", "connect 0"))
VANISHED = Scene(then=("vanish 0 20", "vanish 1 20", "connect 0", "connect 1"))

# What is no number of sockets, or not that of those that were passed.
NO_NUMBERS = {
    "zero": ("0", "no socket was passed, and nobody will ever connect"),
    "negative": ("-1", "a number of sockets is 1 or more: what strtol() and atoi() return has to be looked at"),
    "huge": (
        "1000000000",
        "that many cannot be open: the number has to have a limit, before a loop runs up to it or 3 is added to it",
    ),
    "trailing": ("2x", "atoi() takes what it likes, and does not tell: strtol() says where the number ends"),
}


ENDS = {"closed": "end of file", "open": "no end of file"}


def served(o):
    """What each client got."""
    return [done.served for done in o.done if done.served]


def all_served(o):
    """Whether every client got the same line, and then end of file."""
    texts = {each.text for each in served(o)}
    return len(texts) == 1 and texts.pop().endswith("\n") and all(each.how == "closed" for each in served(o))


def in_words(got):
    """What a client got."""
    if got.how not in ("closed", "open") and not got.text:
        return got.how
    text = in_c(got.text)
    what = f'"{text[:60]}{"..." * (len(text) > 60)}"' if text else "nothing"
    return f"{what}, then {ENDS.get(got.how, got.how)}"


def told_clients(o):
    """What the clients got, in the order in which they came; those in a row that got the same stand together."""
    came = groupby((done for done in o.done if done.served), lambda done: in_words(done.served))
    return "; ".join(f"{', '.join(done.deed for done in row)}: {got}" for got, row in came) or after(o)


def refused_well(o):
    """Whether it said what is wrong, and ended with a status other than 0."""
    exited = o.job_status is not None and os.WIFEXITED(o.job_status) and os.WEXITSTATUS(o.job_status) != 0
    return exited and not o.processes and bool(o.printed.strip())


def refuses(key, says, scene, cause):
    """The check that something is no reason to start, but for a clear error."""
    return Check(
        key=key,
        says=says,
        read="sd_listen_fds(3)",
        on_process=False,
        scene=scene,
        holds=lambda o: refused_well(o) and not any(READY in message.text for message in o.notices),
        expected=lambda o: "a line that says what is wrong, a status other than 0; nobody is told that it is ready",
        observed=lambda o: fate(o) + ("; it was told that it is ready" if o.notices else ""),
        causes=(
            (lambda o: o.processes, cause),
            (
                lambda o: refused_well(o),
                "it ends, and has said before that it is ready: first look at all that is passed, then say so",
            ),
            (
                lambda o: not o.printed.strip() and o.messages,
                "it says so to the log alone. In the foreground that is standard error, as in step 15: the service "
                "manager keeps what comes there",
            ),
            (lambda o: not o.printed.strip(), "it ends, and does not say why: whoever started it has nothing to go by"),
            (
                lambda o: o.job_status == 0,
                "it says what is wrong, and ends with status 0, as if all were well: exit(EXIT_FAILURE)",
            ),
            (True, "it does not get so far as to say what is wrong"),
        ),
    )


def names_it(key, says, scene, name, cause):
    """The bonus check that it names what is wrong, where it refuses to start."""
    return Check(
        key=key,
        says=says,
        read="sd_listen_fds(3), strerror(3)",
        star=True,
        on_process=False,
        scene=scene,
        # Not the level of a line, as in <4>.
        holds=lambda o: refused_well(o) and re.search(rf"(?<![\w<]){name}(?!\w)", o.printed) is not None,
        expected=lambda o: f"{name} in a line on standard error",
        observed=fate,
        causes=((True, cause),),
    )


NOT_SERVED = (
    (
        lambda o: o.left == () and o.status_after not in (None, 0),
        lambda o: f"it {ended(o.status_after)} on the way: if a client has gone, SIGPIPE ends whoever writes to it "
        "(MSG_NOSIGNAL), and an error of one client's is no reason to end",
    ),
    (
        lambda o: any(each.how == "open" and each.text.count("\n") > 1 for each in served(o)),
        "what it sends goes on: a greeting is one line, and after it comes close()",
    ),
    (
        lambda o: any(each.how == "open" and each.text for each in served(o)),
        "the connection stays open: close() it, and who reads gets end of file. If a child, or the program itself, "
        "has another descriptor of it, it is not closed yet",
    ),
    (
        lambda o: any(each.how == "open" for each in served(o)) and not any(each.text for each in served(o)),
        "who connects gets nothing: accept() is not called there (are the descriptors from 3 on, LISTEN_FDS of them, "
        "waited for?), or it waits for a word of the client, which says nothing",
    ),
    (
        lambda o: any("\0" in each.text for each in served(o)),
        "a null byte is sent along. It ends a text in C, and is no part of what is said: sizeof counts it, strlen() "
        "does not",
    ),
    (
        lambda o: any(each.text and not each.text.endswith("\n") for each in served(o)),
        "what they get is no line: the greeting ends with a newline",
    ),
)

CHECKS = [
    Check(
        key="close_on_exec",
        says="the sockets are closed in what it starts",
        read="sd_listen_fds(3), fcntl(2)",
        follows=("lives",),
        holds=lambda o: not inherited_sockets(o),
        expected=lambda o: f"{FIRST} to {FIRST + len(LISTEN) - 1} are close-on-exec (FD_CLOEXEC)",
        observed=lambda o: f"not so: {', '.join(map(str, inherited_sockets(o)))}",
        causes=(
            (
                True,
                "they came through execve(2), and so without that flag. A program that this one starts would hold them "
                "open, and accept what is not meant for it",
            ),
        ),
    ),
    Check(
        key="forgets_sockets",
        says="the variables that tell of them are not in its environment any more",
        read="sd_listen_fds(3), unsetenv(3)",
        follows=("lives",),
        unseen=no_environ,
        holds=lambda o: not set(VARIABLES) & set(o.process.environment),
        expected=lambda o: f"none of {', '.join(VARIABLES)}",
        observed=lambda o: ", ".join(name for name in VARIABLES if name in o.process.environment),
        causes=((True, "they told this process of its descriptors; in any other they tell of what is not there"),),
    ),
    Check(
        key="serves",
        says="greets whoever connects, at every socket, and closes the connection",
        read="accept(2), poll(2)",
        scene=SERVED,
        follows=("lives",),
        holds=lambda o: all_served(o) and stopped_well(o),
        expected=lambda o: "two clients, kill -HUP, two more: the same line for each, then end of file; kill -TERM: "
        "status 0",
        observed=lambda o: f"{told_clients(o)}; {after(o)}",
        causes=(
            *NOT_SERVED,
            (
                lambda o: all_served(o),
                "now that it waits for clients it does not stop as before: accept() goes on after a signal, and who is "
                "in it does not look at a flag. poll() can wait for both",
            ),
            (
                lambda o: any(each.how == REFUSED for each in served(o)),
                "nobody can connect any more, though the manager has the sockets open: shutdown(2) acts on the socket "
                "itself, whoever has it open. A connection is closed with close(), and what accept() returned is that; "
                "the socket that listens stays as it is",
            ),
            (
                lambda o: served(o)[0].text and not served(o)[1].text and o.left,
                "the first socket is served and the second is not: who waits in accept() at one does not look at the "
                "other. poll() waits for all of them",
            ),
            (
                lambda o: served(o)[0].text and not served(o)[1].text,
                "the first socket is served and the second is not: is it among those that poll() is to wait for? There "
                "are LISTEN_FDS of them, from 3 on. (Who waits in accept() at one does not look at the other, either)",
            ),
            (
                lambda o: not served(o)[0].text,
                "one socket is served and another is not: poll() waits for all of them, from 3 on",
            ),
            (
                lambda o: served(o)[0].text and not served(o)[2].text,
                "nobody is served any more after the first client, or after a reload: are the sockets still open?",
            ),
            (True, "what they get is no line, or not the same for all"),
        ),
    ),
    Check(
        key="leaves_sockets",
        says="when it has stopped, who connects waits for the next start",
        read="shutdown(2), close(2), sd_listen_fds(3)",
        scene=STOPPED,
        follows=("serves", "stops"),
        # The launcher has them open, as a manager has.
        holds=lambda o: served(o)[0].text and all(each.how == "open" for each in served(o)[1:]),
        expected=lambda o: "a client is served; kill -TERM, and then one at each socket: it is connected, and nothing "
        "comes yet",
        observed=lambda o: f"{told_clients(o)}; {after(o)}",
        causes=(
            (
                lambda o: any(each.how == GONE for each in served(o)),
                "the path is gone: nobody finds the socket any more, and the next start is passed the same socket. The "
                "manager has made the path, and takes it away itself: unlink() is not for the service",
            ),
            (
                lambda o: any(each.how == REFUSED for each in served(o)),
                "nobody can connect any more: shutdown(2) acts on the socket itself, whoever has it open, and so on "
                "the manager's, which it keeps for the next start. close() is enough, and the end does that as well",
            ),
            (True, "the sockets are the manager's, for the next start: close() them, or just end"),
        ),
    ),
    Check(
        key="version_6",
        says="the same with IPv6",
        read="ipv6(7)",
        scene=VERSION_6,
        follows=("serves",),
        holds=lambda o: all_served(o),
        expected=lambda o: "one socket, at [::1]: the greeting, and then end of file",
        observed=told_clients,
        causes=(
            *NOT_SERVED,
            (
                True,
                "it does not matter to who serves which family a socket is of: the address that accept() would fill in "
                "can be NULL. Or it takes one socket for two",
            ),
        ),
    ),
    Check(
        key="holds_nobody_up",
        says=f"{CROWD} clients that say nothing, and do not read, hold nobody up",
        read="accept(2), send(2), getrlimit(2)",
        scene=CROWDED,
        follows=("serves",),
        holds=lambda o: o.crowd == CROWD and all_served(o),
        expected=lambda o: f"{CROWD} connected, and then a client at each socket is served at once (256 descriptors at "
        "the most)",
        observed=lambda o: f"{o.crowd} connected; {told_clients(o)}; {after(o)}",
        causes=(
            *NOT_SERVED,
            (
                lambda o: not served(o)[0].text and served(o)[1].text,
                "at one socket clients wait, at the other they are served: so it waits for none of them (unless each "
                "socket has a thread). One event may tell of many clients, and epoll with EPOLLET tells of them once: "
                "accept() until there is none (EAGAIN), or the others wait until somebody else comes. Without EPOLLET, "
                "as with poll(), it is told again",
            ),
            (
                True,
                "it waits for one client while others wait for it: for a word from it, for its end, or for room. "
                "Greet, close, and go on; or wait for all of them at once. And who keeps every connection open has no "
                "descriptor left after 256",
            ),
        ),
    ),
    Check(
        key="outlives_clients",
        says="clients that have gone again before they are greeted do no harm",
        read="send(2), signal(7)",
        scene=VANISHED,
        follows=("serves",),
        holds=lambda o: all_served(o) and o.left == (o.process.pid,),
        expected=lambda o: "20 connections at each socket, reset while it is stopped; then a client at each is served",
        observed=lambda o: f"{told_clients(o)}; {after(o)}",
        causes=(
            *NOT_SERVED,
            (True, "it stumbles over who has gone: an error of accept(), or of one connection, is not the end of all"),
        ),
    ),
    refuses(
        "nothing_passed",
        "where no socket is passed it says so, and ends",
        Scene(listen=()),
        "it runs, and waits for clients that have no way to come: without LISTEN_PID and LISTEN_FDS nothing was passed",
    ),
    refuses(
        "not_meant",
        "where LISTEN_PID is another process's it says so, and ends",
        Scene(environment=("LISTEN_PID=1",)),
        "the sockets were meant for another process, whose variables this one has inherited: what is at 3 may be "
        "anything. LISTEN_PID has to be getpid()",
    ),
    *(
        refuses(
            f"no_number_{kind}",
            f"where LISTEN_FDS is {value} it says so, and ends",
            Scene(environment=(f"LISTEN_FDS={value}",)),
            cause,
        )
        for kind, (value, cause) in NO_NUMBERS.items()
    ),
    refuses(
        "no_socket",
        "where one of them is no socket it says so, and ends",
        Scene(listen=("unix", "file")),
        "4 is a regular file: accept() fails there for ever, and poll() says each time that there is something to do. "
        "getsockopt(SO_ACCEPTCONN), or fstat(), tells before",
    ),
    refuses(
        "not_listening",
        "where one of them does not listen it says so, and ends",
        Scene(listen=("connected",)),
        "3 is a socket, and one that is connected already (what inetd passes): nobody can connect to it. "
        "getsockopt(SO_ACCEPTCONN) tells",
    ),
    replace(
        refuses(
            "fewer_passed",
            "where LISTEN_FDS is 3 and two are passed it says so, and ends",
            Scene(environment=("LISTEN_FDS=3",)),
            "5 is not open: what getsockopt() returns has to be looked at, too. The first file that it opens itself "
            "would get that number, and be taken for a socket that clients connect to",
        ),
        star=True,
    ),
    names_it(
        "names_descriptor",
        "where one of them is no socket it says which",
        Scene(listen=("unix", "file")),
        "4",
        "two were passed, and one of them is wrong: whoever has to mend that has to try both",
    ),
    names_it(
        "names_number",
        "where LISTEN_FDS is 2x it says that that is what it got",
        Scene(environment=("LISTEN_FDS=2x",)),
        "2x",
        "that something is wrong with LISTEN_FDS is half of it: what it holds shows how it came about",
    ),
    Check(
        key="accept_fails",
        says="an error of accept() is not the end of all",
        read="accept(2)",
        star=True,
        scene=ACCEPT_FAILS,
        unseen=lambda o: "" if o.accept_failed else "a call of accept() that could be made to fail was not seen",
        holds=lambda o: o.left == (o.process.pid,) and served(o)[-1].text and served(o)[-1].how == "closed",
        expected=lambda o: "accept() is made to fail once (ECONNABORTED): it lives on, and the second client is served",
        observed=lambda o: f"{told_clients(o)}; {after(o)}",
        causes=(
            (
                lambda o: o.process.pid not in o.left,
                "who was about to connect has gone (ECONNABORTED), or there is no descriptor left for a moment "
                "(EMFILE): that is one client's trouble, and it ends for all. Log it, and go on",
            ),
            (True, "it lives on, and serves nobody any more: the next client is to be waited for as ever"),
        ),
    ),
    Check(
        key="many_sockets",
        says=f"serves at {MANY} sockets",
        read="poll(2), sd_listen_fds(3)",
        star=True,
        scene=AT_MANY,
        holds=lambda o: all_served(o),
        expected=lambda o: f"{MANY} are passed: the last one is served, and the first one",
        observed=told_clients,
        causes=(
            *NOT_SERVED,
            (True, "how many are passed, the unit file says: an array for two is too short, or only some are watched"),
        ),
    ),
]


def inherited_sockets(o):
    """The sockets that were passed and are not close-on-exec."""
    passed = (o.process.descriptors.get(FIRST + number) for number in range(len(LISTEN)))
    return [descriptor for descriptor in passed if descriptor and descriptor.inherited]
