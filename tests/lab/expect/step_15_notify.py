"""Step 15: in the foreground again, and the service manager is told."""

import os
import re
import signal

from lab.expect import still
from lab.expect.model import Check, Scene, ended, fate, says_why

NOTIFY = "path"

READY, RELOADING, STOPPING, PING = "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1"
LEVEL = re.compile(r"<[0-7]>.")  # sd-daemon(3)

RELOADED = Scene(then=("SIGHUP", "SIGHUP"))
STOPPED = Scene(then=("SIGTERM",))
ABSTRACT = Scene(notify="abstract")
ALONE = Scene(notify="", then=("SIGTERM",))
MISSING = Scene(notify="missing", then=("SIGTERM",))
FULL = Scene(notify="full", then=("SIGHUP", "SIGTERM"))
PIPED = Scene(stdio="pipe")
NONSENSE = Scene(notify="", environment=("NOTIFY_SOCKET=nonsense",), then=("SIGTERM",))
INTERRUPTED = Scene(then=("SIGINT",))

PINGS, PERIOD = 6, 0.2  # signs of life, and seconds between two at the most
ASKED = (f"WATCHDOG_USEC={PERIOD * 1e6:.0f}",)
WATCHED = Scene(environment=ASKED, then=(f"pings {PINGS}",))
NOT_WATCHED = Scene(environment=(*ASKED, "WATCHDOG_PID=1"), then=(f"pings {PINGS}",))


def assignments(message):
    """The lines of a notice: sd_notify(3)."""
    return message.text.split("\n")


def states(o, notices=None):
    """The lines of all notices that came from the process itself, or from one that had ended before it was looked up."""
    notices = o.notices if notices is None else notices
    return [line for message in notices if message.sender in (o.process.pid, None) for line in assignments(message)]


def told_at(o, deed):
    """The notices after each deed of this name."""
    return [states(o, done.notices) for done in o.done if done.deed == deed]


def quoted(notices):
    """What was told, in a few words."""
    texts = [" ".join(assignments(message))[:60] for message in notices]
    return ", ".join(f'"{text}"' for text in texts[:4]) + (", ..." if len(texts) > 4 else "") or "nothing"


def stopped_well(o):
    """Whether it ended, all of it, with status 0."""
    return o.process is not None and o.status_after == 0 and not o.left


def after(o):
    """What became of the process that was to be told something."""
    if o.process is None:
        return fate(o)
    if o.status_after is not None:
        return f"it {ended(o.status_after)}"
    return "it lives on" if o.process.pid in o.left else "it is gone"


def printed_after(o):
    """What it printed last, for the end of a sentence."""
    lines = [line for done in o.done for line in done.printed.splitlines()] or o.printed.splitlines()
    return f'; it printed "{lines[-1][:120]}"' if lines else ""


def reload_wrong(o):
    """What is wrong with what was told of one of the reloads, "" if nothing is."""
    for done in o.done:
        lines = states(o, done.notices)
        if RELOADING not in lines:
            return "not told"
        if READY not in lines[lines.index(RELOADING) :]:
            return "not over"
        together = [m for m in done.notices if {RELOADING} < set(assignments(m))]
        times = [line.partition("=")[2] for m in together for line in assignments(m) if line.startswith("MONOTONIC_USEC=")]
        if not times:
            return "no time"
        if not times[0].isdigit() or not done.begun <= int(times[0]) / 1e6 + 1e-6 or int(times[0]) / 1e6 > done.over:
            return "another time"
    return ""


# Rows for the causes of what comes of signals.
KILLED_BY = (
    lambda o: o.status_after is not None and os.WIFSIGNALED(o.status_after),
    lambda o: f"{signal.Signals(os.WTERMSIG(o.status_after)).name} ended it: the signal has to be blocked and waited "
    "for, or to have a handler, as in step 14",
)
SOMEBODY_ELSE = (
    lambda o: any(message.sender not in (o.process.pid, None) for message in o.notices) and not states(o),
    "another process than this one has said so: a child, say. What does not come from the main process is not "
    "counted (NotifyAccess=main): else anybody could say that the service is ready",
)
NOT_BY_THIS_NAME = (
    "nothing came. Is there a datagram socket (SOCK_DGRAM), and does sendto() or connect() get the name that "
    "NOTIFY_SOCKET holds, and return no error? Print what errno says"
)

CHECKS = [
    still(
        0,
        "lives",
        causes=(
            (
                lambda o: o.processes and o.process.pid != o.job,
                "it goes into the background: that is what steps 02 to 13 taught, and a service manager does it all "
                "before it starts the program. From here on the process that was launched is the service",
            ),
        ),
    ),
    Check(
        key="ready",
        says="tells the service manager that it is ready",
        read="sd_notify(3), unix(7)",
        follows=("lives",),
        holds=lambda o: READY in states(o),
        expected=lambda o: f"{READY}, in a datagram to the socket that NOTIFY_SOCKET names (a path), from PID "
        f"{o.process.pid}",
        observed=lambda o: quoted(o.notices),
        causes=(
            SOMEBODY_ELSE,
            (lambda o: any("READY" in m.text for m in o.notices), f"the word is {READY}, as a line of its own"),
            (lambda o: o.notices, "it is told something, and not that it is ready: who waits for it waits on"),
            (True, NOT_BY_THIS_NAME),
        ),
    ),
    Check(
        key="forgets_variable",
        says="NOTIFY_SOCKET is not in its environment any more",
        read="sd_notify(3), unsetenv(3)",
        follows=("lives",),
        unseen=lambda o: "" if o.process is None or o.process.environment is not None else "its `environ` was not found",
        holds=lambda o: "NOTIFY_SOCKET" not in o.process.environment,
        expected=lambda o: "no NOTIFY_SOCKET",
        observed=lambda o: f"NOTIFY_SOCKET={o.process.environment['NOTIFY_SOCKET']}",
        causes=(
            (
                True,
                "whatever it starts from now on would have it too, and might say that it is ready, or stops, in the "
                "service's place: unsetenv(), once it was read",
            ),
        ),
    ),
    Check(
        key="abstract_name",
        says="the same where NOTIFY_SOCKET is an abstract name",
        read="unix(7)",
        scene=ABSTRACT,
        follows=("ready",),
        holds=lambda o: READY in states(o),
        expected=lambda o: f"{READY}; NOTIFY_SOCKET begins with @, which stands for a null byte",
        observed=lambda o: quoted(o.notices) + printed_after(o),
        causes=(
            (
                True,
                "an abstract name is all the bytes that the size of the address takes in: that size is "
                "offsetof(struct sockaddr_un, sun_path) and the length of the name, and not the whole structure's, "
                "whose other bytes would belong to the name. And the first byte is a null byte, no @",
            ),
        ),
    ),
    Check(
        key="levels",
        says="logs to standard error, each line with its level",
        read="sd-daemon(3), syslog(3)",
        scene=PIPED,
        follows=("lives",),
        holds=lambda o: o.printed.strip() and not o.piped and all(map(LEVEL.match, o.printed.splitlines())),
        expected=lambda o: "a line at least, and each begins as in <6>started: <0> to <7>, as syslog() has them",
        observed=lambda o: f'on standard {"output" if o.piped else "error"}: "{(o.piped or o.printed).strip()[:120]}"'
        if (o.piped or o.printed).strip()
        else "nothing",
        causes=(
            (
                lambda o: o.piped,
                "it prints to standard output. That is for results, and stays in a buffer where it is no terminal: "
                "a service that is killed takes it along",
            ),
            (lambda o: o.messages and not o.printed.strip(), "it logs with syslog(): here the manager reads along"),
            (
                lambda o: o.printed.strip(),
                "without the number in front each line counts as one of the same level, and nobody can look for the "
                "errors alone",
            ),
            (True, "it logs nothing: whoever looks after it wants to see that it has started"),
        ),
    ),
    Check(
        key="stops",
        says="SIGTERM: it tells that it stops, and ends with status 0",
        read="sd_notify(3), sigwaitinfo(2)",
        scene=STOPPED,
        follows=("lives",),
        holds=lambda o: stopped_well(o) and STOPPING in told_at(o, "SIGTERM")[0],
        expected=lambda o: f"kill -TERM: {STOPPING}, and status 0",
        observed=lambda o: f"{after(o)}; told: {quoted(o.done[0].notices)}",
        causes=(
            KILLED_BY,
            (lambda o: o.status_after is None, "it lives on: is the signal taken where it is waited for?"),
            (
                lambda o: o.status_after != 0,
                "it was told to stop, and did: that is no failure, and has status 0. A manager would take it for one",
            ),
            (True, "it ends, and has not said so: who looks at it meanwhile takes it for a service that runs"),
        ),
    ),
    Check(
        key="reloads",
        says="SIGHUP: it tells that it reloads, since when, and that it is ready again",
        read="sd_notify(3), clock_gettime(2)",
        scene=RELOADED,
        follows=("ready",),
        holds=lambda o: o.left == (o.process.pid,) and not reload_wrong(o),
        expected=lambda o: f"kill -HUP, and once more: each time {RELOADING} and MONOTONIC_USEC=NOW in one datagram, then "
        f"{READY}",
        observed=lambda o: f"{after(o)}; told: {'; then '.join(quoted(done.notices) for done in o.done)}",
        causes=(
            KILLED_BY,
            (
                lambda o: reload_wrong(o) == "not told" and any(RELOADING in lines for lines in told_at(o, "SIGHUP")),
                "the first SIGHUP was taken, and the second was not: a handler may hold for one time only, or what "
                "waits is not in a loop",
            ),
            (lambda o: reload_wrong(o) == "not told", f"it was not told {RELOADING}: SIGHUP is not acted on, or not told of"),
            (
                lambda o: reload_wrong(o) == "not over",
                f"the reload does not come to an end: {READY} says that it did. Until then whoever asked for it waits",
            ),
            (
                lambda o: reload_wrong(o) == "no time",
                f"MONOTONIC_USEC belongs into the same datagram as {RELOADING}, a line below it. By the time the manager "
                "knows that this is the answer to its own signal, and none that came late",
            ),
            (
                True,
                "that is not the time at which the reload began: microseconds of CLOCK_MONOTONIC, which counts from the "
                "start of the machine, at that moment. No other clock will do",
            ),
        ),
    ),
    Check(
        key="alone",
        says="without NOTIFY_SOCKET it just runs, and stops as well",
        read="sd_notify(3)",
        on_process=False,
        scene=ALONE,
        follows=("stops",),
        holds=lambda o: stopped_well(o),
        expected=lambda o: "it runs, and after kill -TERM ends with status 0",
        observed=lambda o: after(o) + printed_after(o),
        causes=(
            (
                lambda o: o.process is None,
                "it does not run without a service manager: getenv() returns NULL then, which is no error, and no text "
                "either. Whoever tries it out by hand has none",
            ),
            (True, "it stops in another way than with one"),
        ),
    ),
    Check(
        key="nobody_there",
        says="it runs on where nobody is at the socket",
        read="sd_notify(3), sendto(2)",
        on_process=False,
        scene=MISSING,
        follows=("stops",),
        holds=lambda o: stopped_well(o),
        expected=lambda o: "it runs, and after kill -TERM ends with status 0",
        observed=lambda o: after(o) + printed_after(o),
        causes=(
            (
                lambda o: o.process is None,
                "it ends because the manager cannot be told: to serve is worth more than to be told of. A line in the "
                "log is enough",
            ),
            (True, "it stops in another way than where somebody is told"),
        ),
    ),
    Check(
        key="never_waits",
        says="it does not wait where the socket is full",
        read="sendto(2), unix(7)",
        on_process=False,
        scene=FULL,
        follows=("stops", "reloads"),
        holds=lambda o: stopped_well(o),
        expected=lambda o: "nobody reads what the manager is told: it comes to rest, and after kill -TERM ends with "
        "status 0",
        observed=lambda o: after(o) + printed_after(o),
        causes=(
            (
                lambda o: o.process is None,
                "it ends because the manager cannot be told: to serve is worth more than to be told of",
            ),
            (
                lambda o: o.status_after is None,
                "it hangs in the call that sends: without MSG_DONTWAIT that waits until there is room. A manager that "
                "is stuck would hold up all services",
            ),
            (True, "it stops in another way than where somebody reads"),
        ),
    ),
    Check(
        key="watchdog",
        says="gives signs of life where WATCHDOG_USEC asks for them",
        read="sd_watchdog_enabled(3)",
        scene=WATCHED,
        follows=("ready",),
        holds=lambda o: states(o, o.done[0].notices).count(PING) >= PINGS,
        expected=lambda o: f"{ASKED[0]}: {PING} at least every {PERIOD} s, better twice as often",
        observed=lambda o: f"{states(o, o.done[0].notices).count(PING)} of them in a second",
        causes=(
            (
                lambda o: states(o, o.done[0].notices).count(PING),
                "that is not often enough: WATCHDOG_USEC is in microseconds, and half of it is a good period. A manager "
                "takes a service that is late for dead, and ends it",
            ),
            (True, "a manager that asked takes it for dead, and ends it"),
        ),
    ),
    Check(
        key="not_watched",
        says="gives none where WATCHDOG_PID is another process's",
        read="sd_watchdog_enabled(3)",
        star=True,
        scene=NOT_WATCHED,
        holds=lambda o: PING not in states(o),
        expected=lambda o: f"{' '.join(NOT_WATCHED.environment)}: no {PING}",
        observed=lambda o: quoted(o.done[0].notices),
        causes=((True, "another process was asked: it inherited the variables from a parent that was meant"),),
    ),
    Check(
        key="no_name",
        says="says so where NOTIFY_SOCKET names no socket, and runs on",
        read="sd_notify(3)",
        star=True,
        on_process=False,
        scene=NONSENSE,
        holds=lambda o: stopped_well(o) and says_why(o, "NOTIFY_SOCKET", "nonsense", "not told"),
        expected=lambda o: "a line that names NOTIFY_SOCKET; it runs, and after kill -TERM ends with status 0",
        observed=lambda o: after(o) + printed_after(o),
        causes=(
            (lambda o: stopped_well(o), "nobody learns of it: that the manager will wait for ever has a reason"),
            (True, "it does not run then: to serve is worth more than to be told of"),
        ),
    ),
    Check(
        key="interrupted",
        says="Ctrl-C stops it as SIGTERM does",
        read="signal(7)",
        star=True,
        scene=INTERRUPTED,
        holds=lambda o: stopped_well(o) and STOPPING in told_at(o, "SIGINT")[0],
        expected=lambda o: f"kill -INT: {STOPPING}, and status 0",
        observed=lambda o: f"{after(o)}; told: {quoted(o.done[0].notices)}",
        causes=((True, "SIGINT is what a terminal sends when it is tried out by hand: it has to stop in good order then"),),
    ),
]
