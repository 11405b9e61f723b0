"""Step 15: in the foreground again, and the service manager is told."""

import errno
import os
import re
import signal
import time

from lab.checks import still
from lab.checks.model import CRASHES, Check, crash, ended, fate, printed, says_why, signal_name
from lab.scene import LOOK_BEFORE, Scene

NOTIFY = "path"

READY, RELOADING, STOPPING, PING = "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1"
LEVEL = re.compile(r"<[0-7]>.")  # sd-daemon(3)
WITHIN = re.compile(r"\S<[0-7]>")  # a level that begins no line, and is no word of one

TOLD_BY = {signal.SIGHUP, signal.SIGTERM}
RELOADED = Scene(then=("SIGHUP", "SIGHUP"))
STOPPED = Scene(then=("SIGTERM",))
ABSTRACT = Scene(notify="abstract")
ALONE = Scene(notify="", then=("SIGHUP", "SIGTERM"))
MISSING = Scene(notify="missing", then=("SIGTERM",))
FULL = Scene(notify="full", then=("SIGHUP", "SIGTERM"))
PIPED = Scene(stdio="pipe")
RELOADS = 300  # more than there are descriptors
LONG = Scene(then=(f"series SIGHUP {RELOADS}", "SIGTERM"))
NO_NAME = Scene(notify="", environment=(f"NOTIFY_SOCKET=/{'x' * 5000}",), then=("SIGTERM",))
INTERRUPTED = Scene(then=("SIGINT",))

PERIOD = 0.2  # seconds between two signs of life, at the most, that are asked for
OFTEN = 0.75 * PERIOD  # half of it is meant; this much a busy machine may spoil
PINGS, IN_A_ROW = 7, 4  # how many are waited for, and over how many of them OFTEN is to hold once
TOO_OFTEN = PERIOD / 50  # ten times as often would do no harm; who does not wait is much quicker
ASKED = (f"WATCHDOG_USEC={PERIOD * 1e6:.0f}",)
WATCHED = Scene(environment=ASKED, then=(f"pings {PINGS}",))
NOT_WATCHED = Scene(environment=(*ASKED, "WATCHDOG_PID=1"), then=(f"pings {PINGS}",))


def assignments(message):
    """The lines of a notice: sd_notify(3)."""
    return message.text.split("\n")


def states(o, notices=None):
    """The lines of all notices that came from the process itself."""
    notices = o.notices if notices is None else notices
    return [line for message in notices if message.sender == o.process.pid for line in assignments(message)]


def told_at(o, deed):
    """What was told after each deed of this name: a list of lines each."""
    return [states(o, done.notices) for done in o.done if done.deed == deed]


def whole_lines(text):
    """Whether each line of a text ends: none is left open, and none goes on where the next one begins."""
    return text.endswith("\n") and not WITHIN.search(text)


def in_c(text):
    """A text with its newlines and null bytes as C has them."""
    return text.replace("\n", "\\n").replace("\0", "\\0")


def quoted(notices):
    """What was told, in a few words; a newline as in C."""
    texts = ["\\n".join(assignments(message))[:60] for message in notices]
    return ", ".join(f'"{text}"' for text in texts[:4]) + (", ..." if len(texts) > 4 else "") or "nothing"


def ping_period(o, notices, in_a_row=IN_A_ROW):
    """Seconds between signs of life, where so many in a row came soonest; None if there were not so many."""
    pings = [message for message in notices if message.sender == o.process.pid and PING in assignments(message)]
    spans = [last.when - first.when for first, last in zip(pings, pings[in_a_row - 1 :])]
    return min(spans) / (in_a_row - 1) if spans else None


def pings_late(o):
    """Whether they come too seldom, if at all."""
    period = ping_period(o, o.done[0].notices)
    return period is None or period > OFTEN


def pings_without_end(o):
    """Whether they come much more often than anybody could want: from the first one on."""
    period = ping_period(o, o.notices, PINGS)
    return period is not None and period < TOO_OFTEN


def told_pings(o):
    """How often they came, in words."""
    if pings_without_end(o):
        return f"{PINGS} of them within {TOO_OFTEN * (PINGS - 1) * 1e3:.0f} ms"
    period = ping_period(o, o.done[0].notices)
    return f"{states(o).count(PING)} in all" if period is None else f"one every {period:.1f} s"


def held_at_ready(o):
    """The signals that were held when it told that it is ready, none if it never did; None if that was not seen."""
    told = zip(o.notices, o.told_with)
    return next((held for message, held in told if READY in assignments(message)), frozenset())


def names_of(signals):
    """Signals by their names."""
    return " and ".join(signal.Signals(number).name for number in sorted(signals))


def no_environ(o):
    """Why nothing can be said of its environment, "" if something can."""
    return "" if o.process is None or o.process.environment is not None else "its `environ` was not found"


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


def killed(o):
    """The signal that ended the process after it had come to rest, 0 if none did."""
    return os.WTERMSIG(o.status_after) if o.status_after is not None and os.WIFSIGNALED(o.status_after) else 0


def printed_after(o):
    """What it printed last, for the end of a sentence."""
    lines = [line for done in o.done for line in done.printed.splitlines()] or o.printed.splitlines()
    return f'; it printed "{lines[-1][:120]}"' if lines and o.process is not None else ""  # fate() tells it, too


def reload_wrong(o):
    """(what is wrong with what was told of one of the reloads, its Done); ("", None) if nothing is."""
    for done in o.done:
        lines = states(o, done.notices)
        if RELOADING not in lines:
            return "not told", done
        if READY not in lines[lines.index(RELOADING) :]:
            return "not over", done
        times = reload_times(done)
        if not times:
            return "no time", done
        if not times[0].isdigit() or not done.begun <= int(times[0]) / 1e6 + 1e-6 or int(times[0]) / 1e6 > done.over:
            return "another time", done
    return "", None


def reload_times(done):
    """What stands behind MONOTONIC_USEC in the notices of a reload."""
    together = [message for message in done.notices if RELOADING in assignments(message)]
    return [line.partition("=")[2] for m in together for line in assignments(m) if line.startswith("MONOTONIC_USEC=")]


OTHER_UNITS = {"seconds": 1, "milliseconds": 1e3, "nanoseconds": 1e9}


def another_time(o):
    """What time it is that was told in place of the one at which the reload began."""
    done = reload_wrong(o)[1]
    text = reload_times(done)[0]
    if not text.isdigit():
        return "that is no whole number: microseconds, by which two times can be compared"
    if abs(int(text) / 1e6 - time.time()) < 24 * 3600:
        return (
            "that is the time of day, CLOCK_REALTIME, which may be set. The manager compares it with its own "
            "CLOCK_MONOTONIC, which counts from the start of the machine"
        )
    for name, unit in OTHER_UNITS.items():
        if int(done.begun * unit) <= int(text) <= done.over * unit:
            return f"that is the time in {name}. The manager takes it for microseconds, and so for another time"
    if int(text) / 1e6 < done.begun:
        return (
            "that is a time before SIGHUP came: it answers nothing that the manager has asked for. Ask the clock anew "
            "at each reload"
        )
    return (
        "that is not the time at which the reload began: microseconds of CLOCK_MONOTONIC, which counts from the start "
        "of the machine. No other clock will do"
    )


def only_word(word):
    """A row for the causes where `word` was told, but not as a line of its own."""
    name = word.partition("=")[0]
    return (
        lambda o: any(name in m.text for m in o.notices) and not any(word in assignments(m) for m in o.notices),
        f"the word is {word}, whole, and a line of its own: between two of them there is a newline. And how much is "
        "sent tells strlen(), not sizeof, which of a pointer is 8",
    )


def told_by_another(word):
    """A row for the causes where `word` came, and not from the process that it is about."""
    return (
        lambda o: any(word in assignments(message) and message.sender != o.process.pid for message in o.notices),
        "another process than this one has said so: a child, say. What does not come from the main process is not "
        "counted (NotifyAccess=main): else anybody could say that the service is ready",
    )


# Rows for the causes of what comes of signals.
KILLED_BY = (
    killed,
    lambda o: CRASHES[killed(o)]
    if killed(o) in CRASHES and killed(o) != signal.SIGHUP
    else f"{signal_name(killed(o))} ended it, as it does every process that does nothing about it: the signal "
    "has to be blocked and waited for, or to have a handler, as in step 14",
)
LIVES_ON = (
    lambda o: o.process is not None and o.process.pid in o.left,
    "it lives on: SIGTERM is blocked or caught, and nothing comes of it. Is it in the set that is waited for, and is "
    "there a case for it? Who only sets a flag has to look at it, too",
)
NOT_BY_THIS_NAME = (
    "nothing came. Is there a datagram socket (SOCK_DGRAM), and does sendto() or connect() get the name that "
    "NOTIFY_SOCKET holds (read before it is taken out of the environment), and return no error? Print what errno says"
)


def variables(o, *starts):
    """What its environment has whose names start with one of these."""
    return {name: value for name, value in o.process.environment.items() if name.startswith(starts)}


def complaints(o):
    """The lines of what it printed that are warnings or worse."""
    lines = (o.printed + "".join(done.printed for done in o.done)).splitlines()
    return [line for line in lines if re.match("<[0-4]>", line)]


CHECKS = [
    still(
        0,
        "lives",
        causes=(
            (
                lambda o: o.processes and o.job not in [process.pid for process in o.processes],
                "it goes into the background: that is what steps 02 to 13 taught, and a service manager does it all "
                "before it starts the program. From here on the process that was launched is the service",
            ),
            (
                lambda o: len(o.processes) > 1,
                "it makes another process. The one that was launched is the service: it is the one whose signals and "
                "words count, and no parent that waits for it is needed. The manager is that already",
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
            told_by_another(READY),
            only_word(READY),
            (lambda o: o.notices, "it is told something, and not that it is ready: who waits for it waits on"),
            (True, NOT_BY_THIS_NAME),
        ),
    ),
    Check(
        key="holds_signals_first",
        says="when it tells that, SIGHUP and SIGTERM would not end it any more",
        read="sigprocmask(2), sigaction(2)",
        scene=Scene(fault=LOOK_BEFORE),
        follows=("ready", "stops", "reloads"),
        unseen=lambda o: "the call by which it was told was not seen" * (held_at_ready(o) is None),
        holds=lambda o: TOLD_BY <= held_at_ready(o),
        expected=lambda o: f"{names_of(TOLD_BY)} blocked, or with a handler, before {READY} is sent",
        observed=lambda o: f"when it was sent, not so: {names_of(TOLD_BY - held_at_ready(o))}",
        causes=(
            (
                True,
                "who has heard that it is ready may tell it something at once, and a signal would still do what it "
                "does by default. First all that takes signals, then the notice",
            ),
        ),
    ),
    Check(
        key="forgets_variable",
        says="NOTIFY_SOCKET is not in its environment any more",
        read="sd_notify(3), unsetenv(3)",
        follows=("lives",),
        unseen=no_environ,
        holds=lambda o: "NOTIFY_SOCKET" not in o.process.environment,
        expected=lambda o: "no NOTIFY_SOCKET",
        observed=lambda o: f"NOTIFY_SOCKET={o.process.environment['NOTIFY_SOCKET']}",
        causes=(
            (
                True,
                "whatever it starts from now on would have it too, and might say that it is ready, or stops, in the "
                "service's place: unsetenv() takes it out, name and all, once it was read",
            ),
        ),
    ),
    Check(
        key="abstract_name",
        says="the same where NOTIFY_SOCKET is an abstract name",
        read="unix(7)",
        on_process=False,
        scene=ABSTRACT,
        follows=("ready",),
        holds=lambda o: o.process is not None and READY in states(o),
        expected=lambda o: f"{READY}; NOTIFY_SOCKET begins with @, which stands for a null byte",
        observed=lambda o: (f"told: {quoted(o.notices)}" + printed_after(o)) if o.process else fate(o),
        causes=(
            (
                lambda o: o.process is None,
                "it does not run where the name is no path. A name that begins with @ is one in no file system, and a "
                "manager may have such a socket; only the first byte is different",
            ),
            told_by_another(READY),
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
        holds=lambda o: not o.piped and whole_lines(o.printed) and all(map(LEVEL.match, o.printed.splitlines())),
        expected=lambda o: "a line at least, and each begins as in <6>started: <0> to <7>, as syslog() has them, and "
        "ends with a newline",
        observed=lambda o: f'on standard {"output" if o.piped else "error"}: "{in_c(o.piped or o.printed)[:120]}"'
        if (o.piped or o.printed).strip()
        else "nothing",
        causes=(
            (
                lambda o: o.piped,
                "it prints to standard output. That is for results: what somebody may want to read by a program is not "
                "to be mixed with what is told of it",
            ),
            (
                lambda o: o.messages and not o.printed.strip(),
                "it logs with syslog(). Here standard error is enough: the manager reads it, and knows who wrote it",
            ),
            (
                lambda o: o.printed.strip() and not whole_lines(o.printed),
                "something is printed without a newline at its end, and so is no line yet: whoever reads it waits for "
                "the rest, and what is printed next stands in the same line, its level in the middle of it",
            ),
            (
                lambda o: o.printed.strip(),
                "a line without the number in front counts as one of the usual level, and who looks for errors alone "
                "does not find it. Every line needs one",
            ),
            (
                True,
                "it logs nothing: whoever looks after it wants to see that it has started. Or it does so by printf(), "
                "which keeps it in a buffer where standard output is no terminal, here a pipe: a service that is "
                "killed takes it along",
            ),
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
            (
                lambda o: killed(o) == signal.SIGTERM and STOPPING in told_at(o, "SIGTERM")[0],
                "it takes the signal, and ends by it all the same: who was told to stop, and does, calls "
                "exit(EXIT_SUCCESS), and neither raises the signal again nor kills itself",
            ),
            KILLED_BY,
            LIVES_ON,
            (
                lambda o: o.status_after != 0,
                "it was told to stop, and did: that is no failure, and has status 0. A manager would take it for one",
            ),
            told_by_another(STOPPING),
            only_word(STOPPING),
            (True, "it ends, and has not said so: who looks at it meanwhile takes it for a service that runs"),
        ),
    ),
    Check(
        key="reloads",
        says="SIGHUP: it tells that it reloads, since when, and that it is ready again",
        read="sd_notify(3), clock_gettime(2)",
        scene=RELOADED,
        follows=("ready",),
        holds=lambda o: o.left == (o.process.pid,) and not reload_wrong(o)[0],
        expected=lambda o: f"kill -HUP, and once more: each time {RELOADING} and MONOTONIC_USEC=NOW in one datagram, "
        f"then {READY}",
        observed=lambda o: f"{after(o)}; told: {'; then '.join(quoted(done.notices) for done in o.done)}",
        causes=(
            (
                lambda o: o.status_after is not None and not killed(o),
                "it ends at SIGHUP, which is to tell it that there is something to be read again",
            ),
            (
                lambda o: reload_wrong(o)[1] is o.done[1] and not o.done[1].notices,
                "the first SIGHUP was taken, and the second was not: a handler may hold for one time only "
                "(SA_RESETHAND), or what waits is not in a loop",
            ),
            KILLED_BY,
            told_by_another(RELOADING),
            only_word(RELOADING),
            (
                lambda o: reload_wrong(o)[0] == "not told",
                f"it was not told {RELOADING}: SIGHUP is not acted on, or not told of",
            ),
            (
                lambda o: reload_wrong(o)[0] == "not over",
                f"the reload does not come to an end: {READY}, after {RELOADING}, says that it did. Until then whoever "
                "asked for it waits. (A program that starts itself anew finds no NOTIFY_SOCKET any more)",
            ),
            (
                lambda o: reload_wrong(o)[0] == "no time",
                f"MONOTONIC_USEC belongs into the same datagram as {RELOADING}, a line below it. By the time the "
                "manager knows that this is the answer to its own signal, and none that came late",
            ),
            (lambda o: reload_wrong(o)[0] == "another time", another_time),
            (True, "what it said is right, but one process is to live on, the same as before"),
        ),
    ),
    Check(
        key="tells_on",
        says=f"after {RELOADS} reloads it still tells that it stops",
        read="close(2), getrlimit(2)",
        scene=LONG,
        follows=("stops", "reloads"),
        holds=lambda o: stopped_well(o) and STOPPING in told_at(o, "SIGTERM")[0],
        expected=lambda o: f"SIGHUP {RELOADS} times, and then SIGTERM: {STOPPING}, and status 0",
        observed=lambda o: f"{after(o)}; told: {quoted(o.done[1].notices)}{printed_after(o)}",
        causes=(
            KILLED_BY,
            LIVES_ON,
            (
                True,
                "at first it tells, and then it cannot any more. A socket that is made for a word, and not closed "
                "again, takes a descriptor each time, and there are 256: close() it, or keep one for all",
            ),
        ),
    ),
    Check(
        key="alone",
        says="without NOTIFY_SOCKET it just runs, and stops as well",
        read="sd_notify(3)",
        on_process=False,
        scene=ALONE,
        follows=("stops", "reloads"),
        holds=lambda o: stopped_well(o),
        expected=lambda o: "it runs, also after kill -HUP, and after kill -TERM ends with status 0",
        observed=lambda o: after(o) + printed_after(o),
        causes=(
            (
                lambda o: o.process is None and crash(o),
                "it runs into a crash without a service manager: getenv() returns NULL then, which is no text that "
                "strlen() or strcpy() could look at. Whoever tries it out by hand has none",
            ),
            (
                lambda o: o.process is None,
                "it does not run without a service manager: that getenv() returns NULL then is no error. Whoever tries "
                "it out by hand has none",
            ),
            (
                killed,
                "it runs, and where there is something to be told it is ended by a signal: each word has to look "
                "whether there is somebody to be told, and not the first one alone",
            ),
            LIVES_ON,
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
            (
                lambda o: o.left,
                "it tries again and again, or waits until somebody is there, and takes no signal meanwhile: to serve "
                "is worth more than to be told of. Say it once, and go on",
            ),
            (True, "it stops in another way than where somebody is told: that sendto() fails is no reason for that"),
        ),
    ),
    Check(
        key="never_waits",
        says="it does not wait where the socket is full",
        read="sendto(2), unix(7)",
        on_process=False,
        scene=FULL,
        follows=("stops", "reloads", "nobody_there"),
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
                "it hangs in the call that sends: without MSG_DONTWAIT that waits until there is room. Or it tries "
                "until there is. A manager that is stuck would hold up all services",
            ),
            (True, "it stops in another way than where somebody reads: that sendto() fails is no reason for that"),
        ),
    ),
    Check(
        key="watchdog",
        says="gives signs of life where WATCHDOG_USEC asks for them",
        read="sd_watchdog_enabled(3)",
        scene=WATCHED,
        follows=("ready",),
        holds=lambda o: not pings_late(o) and not pings_without_end(o) and RELOADING not in states(o),
        expected=lambda o: f"{ASKED[0]}: {PING} twice as often, every {PERIOD / 2} s",
        observed=lambda o: told_pings(o) + (f", and {RELOADING}" if RELOADING in states(o) else ""),
        causes=(
            told_by_another(PING),
            (
                pings_without_end,
                "they come one after another, without a pause: it is busy, and keeps the manager busy. A descriptor of "
                "a timer (timerfd_create(2)) that has expired stays readable until it is read. Or what is to wait in "
                "the loop returns at once; or the time, in microseconds, is taken for one in a smaller unit",
            ),
            (
                lambda o: RELOADING in states(o),
                "it tells of a reload that nobody asked for, too: does one case of a switch run on into the next one, "
                "without a break?",
            ),
            (
                lambda o: not states(o).count(PING),
                "none came: a manager that asked takes it for dead, and ends it. WATCHDOG_USEC is in microseconds; in "
                "another unit they come much too late, and alarm(), which has whole seconds, is too coarse",
            ),
            (
                lambda o: states(o).count(PING) == 1,
                "one sign of life says nothing of what comes later: they have to go on. A timer has an interval "
                "(it_interval), alarm() has to be set anew each time",
            ),
            (
                True,
                "that is not often enough. A sign that is sent when the time is over comes too late: half of it is a "
                "good period. A manager takes a service that is late for dead, and ends it",
            ),
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
        key="forgets_watchdog",
        says="WATCHDOG_USEC and WATCHDOG_PID are not in its environment any more",
        read="sd_watchdog_enabled(3), unsetenv(3)",
        star=True,
        scene=NOT_WATCHED,
        unseen=no_environ,
        holds=lambda o: not variables(o, "WATCHDOG_"),
        expected=lambda o: "neither of the two, whoever was meant",
        observed=lambda o: ", ".join(f"{name}={value}" for name, value in variables(o, "WATCHDOG_").items()),
        causes=((True, "they are as little for what it starts as NOTIFY_SOCKET is"),),
    ),
    Check(
        key="no_name",
        says="says so where NOTIFY_SOCKET names no socket, and runs on",
        read="sd_notify(3)",
        star=True,
        on_process=False,
        scene=NO_NAME,
        holds=lambda o: stopped_well(o) and says_why(o, "NOTIFY_SOCKET", "xxxx"),
        expected=lambda o: "5001 characters are too long for a name: a line about NOTIFY_SOCKET; it runs, and after "
        "kill -TERM ends with status 0",
        observed=lambda o: after(o) + printed_after(o)[:200],
        causes=(
            (
                lambda o: stopped_well(o),
                "nobody learns that it was this name: that the manager will wait for ever has a reason, and a name "
                "that is cut off is another one",
            ),
            (
                lambda o: crash(o) or killed(o),
                "sun_path has room for 108 characters, and what is copied beyond it lands in what stands behind: look "
                "at the length before memcpy() or strcpy()",
            ),
            (True, "it does not run then: to serve is worth more than to be told of"),
        ),
    ),
    Check(
        key="says_why_not",
        says="says why where nobody is at the socket",
        read="sendto(2), strerror(3)",
        star=True,
        scene=MISSING,
        holds=lambda o: says_why(o, os.strerror(errno.ENOENT)),
        expected=lambda o: f'a line with the reason, "{os.strerror(errno.ENOENT)}"',
        observed=lambda o: (printed(o).removeprefix("; ") or "it printed nothing"),
        causes=((True, "whoever finds out that the manager waits in vain has nothing to go by: errno knows why"),),
    ),
    Check(
        key="alone_in_peace",
        says="without NOTIFY_SOCKET it does not complain",
        read="sd_notify(3), sd-daemon(3)",
        star=True,
        scene=ALONE,
        holds=lambda o: not complaints(o),
        expected=lambda o: "no line of level <4>, a warning, or worse",
        observed=lambda o: f'it printed "{complaints(o)[0][:120]}"',
        causes=((True, "nothing is wrong: there is nobody to be told, and so nothing to be done"),),
    ),
    Check(
        key="logs_both",
        says="logs that it reloads, and that it stops",
        read="sd-daemon(3)",
        star=True,
        scene=ALONE,
        holds=lambda o: all(any(map(LEVEL.match, done.printed.splitlines())) for done in o.done),
        expected=lambda o: "after kill -HUP and after kill -TERM a line each",
        observed=lambda o: "; ".join(f'{done.deed}: "{done.printed.strip()[:60]}"' for done in o.done),
        causes=((True, "whoever looks into the log later does not learn when it was, or whether it was at all"),),
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
        causes=(
            (True, "that is what a terminal sends when it is tried out by hand: it has to stop in good order then"),
        ),
    ),
]
