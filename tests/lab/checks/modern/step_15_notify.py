"""Step 15: in the foreground again, and the service manager is told."""

from __future__ import annotations

import errno
import os
import re
import signal
from dataclasses import dataclass
from typing import Iterable, Sequence

from lab.checks.check import Finding, Unseen, Wrong, check
from lab.checks.common import (
    CRASHES,
    crash,
    ended,
    fate,
    is_left,
    killed,
    printed,
    says_why,
    signal_name,
    stopped_well,
    whole_number,
)
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Done, Message, Observation, Process
from lab.faults import Fault
from lab.scene import AwaitPings, Manager, Scene, Series, Signal, Stdio, Usual

USUAL = Usual(notify=Manager.PATH)

READY, RELOADING, STOPPING, PING = "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1"


# What it tells, what it prints, and what became of it


def assignments(message: Message) -> list[str]:
    """The lines of a notice: sd_notify(3)."""
    return message.text.split("\n")


def lines_from(p: Process, notices: Iterable[Message]) -> list[str]:
    """The lines of those notices that came from the process itself."""
    return [line for message in notices if message.sender == p.pid for line in assignments(message)]


def told_at(o: Observation, p: Process, number: signal.Signals) -> list[str]:
    """The lines that it told the first time that it was sent this signal."""
    done = next(each for each in o.done if each.deed == Signal(number))
    return lines_from(p, done.said.notices)


def quoted(notices: Sequence[Message]) -> str:
    """What was told, in a few words; a newline as in C."""
    texts = ["\\n".join(assignments(message))[:60] for message in notices]
    return ", ".join(f'"{text}"' for text in texts[:4]) + (", ..." if len(texts) > 4 else "") or "nothing"


def in_c(text: str) -> str:
    """A text with its newlines and null bytes as C has them."""
    return text.replace("\n", "\\n").replace("\0", "\\0")


def after(o: Observation) -> str:
    """What became of the process that was to be told something."""
    if o.process is None:
        return fate(o)
    if o.after.status is not None:
        return f"it {ended(o.after.status)}"
    return "it lives on" if is_left(o) else "it is gone"


def printed_after(o: Observation) -> str:
    """What it printed last, for the end of a sentence; nothing where fate() tells it."""
    lines = [line for done in o.done for line in done.said.printed.splitlines()] or o.printed.splitlines()
    return f'; it printed "{lines[-1][:120]}"' if lines and o.process is not None else ""


def no_environ(o: Observation) -> str:
    """Why nothing can be said of its environment, "" if something can."""
    return "" if o.process is None or o.process.environment is not None else "its `environ` was not found"


def variables(o: Observation, *starts: str) -> dict[str, str]:
    """What its environment has whose names start with one of these."""
    environment = o.survivor.environment or {}
    return {name: value for name, value in environment.items() if name.startswith(starts)}


# Causes that several checks have


def came_from_another(o: Observation, p: Process, word: str) -> bool:
    """Whether `word` came, and not from the process that it is about."""
    return any(word in assignments(message) and message.sender != p.pid for message in o.notices)


FROM_ANOTHER = (
    "another process than this one has said so: a child, say. What does not come from the main process is not counted "
    "(NotifyAccess=main): else anybody could say that the service is ready"
)


def came_as_no_line(o: Observation, word: str) -> bool:
    """Whether `word` was told, or a part of it, but not as a line of its own."""
    name = word.partition("=")[0]
    is_there = any(name in message.text for message in o.notices)
    return is_there and not any(word in assignments(message) for message in o.notices)


def is_a_line(word: str) -> str:
    """What to say where came_as_no_line()."""
    return (
        f"the word is {word}, whole, and a line of its own: between two of them there is a newline. And how much is "
        "sent tells strlen(), not sizeof, which of a pointer is 8"
    )


def why_a_signal_ended_it(number: int) -> str:
    """The same for every check of this step in which a signal killed the process."""
    if number in CRASHES and number != signal.SIGHUP:
        return CRASHES[number]
    return (
        f"{signal_name(number)} ended it, as it does every process that does nothing about it: the signal has to be "
        "blocked and waited for, or to have a handler, as in step 14"
    )


SIGTERM_IS_LOST = (
    "it lives on: SIGTERM is blocked or caught, and nothing comes of it. Is it in the set that is waited for, and is "
    "there a case for it? Who only sets a flag has to look at it, too"
)


# It is the launched process that serves


@check(read="fork(2)", replaces=[step_00.lives], adds_nothing=True)
def lives(o: Observation) -> Finding:
    """the launched process lives on, and no other."""
    finding = step_00.lives.judge(o)
    if not isinstance(finding, Wrong):
        return finding
    return finding.instead(why_it_is_not_alone(o))


def why_it_is_not_alone(o: Observation) -> str | None:
    if o.processes and o.job.pid not in [process.pid for process in o.processes]:
        return (
            "it goes into the background: that is what steps 02 to 13 taught, and a service manager does it all before "
            "it starts the program. From here on the process that was launched is the service"
        )
    if len(o.processes) > 1:
        return (
            "it makes another process. The one that was launched is the service: it is the one whose signals and words "
            "count, and no parent that waits for it is needed. The manager is that already"
        )
    return None  # step 00 has the causes of the rest


# READY=1

ABSTRACT = Scene(notify=Manager.ABSTRACT)
TOLD_BY = frozenset((int(signal.SIGHUP), int(signal.SIGTERM)))


@check(read="sd_notify(3), unix(7)", follows=[lives])
def ready(o: Observation, p: Process) -> Finding:
    """tells the service manager that it is ready."""
    if READY in lines_from(p, o.notices):
        return None
    return Wrong(
        expected=f"{READY}, in a datagram to the socket that NOTIFY_SOCKET names (a path), from PID {p.pid}",
        observed=quoted(o.notices),
        because=why_it_is_not_ready(o, p),
    )


def why_it_is_not_ready(o: Observation, p: Process) -> str:
    if came_from_another(o, p, READY):
        return FROM_ANOTHER
    if came_as_no_line(o, READY):
        return is_a_line(READY)
    if o.notices:
        return "it is told something, and not that it is ready: who waits for it waits on"
    return (
        "nothing came. Is there a datagram socket (SOCK_DGRAM), and does sendto() or connect() get the name that "
        "NOTIFY_SOCKET holds (read before it is taken out of the environment), and return no error? Print what errno "
        "says"
    )


@check(read="sd_notify(3), unsetenv(3)", follows=[lives])
def forgets_variable(o: Observation, p: Process) -> Finding:
    """NOTIFY_SOCKET is not in its environment any more."""
    why_unseen = no_environ(o)
    if why_unseen:
        return Unseen(why_unseen)
    environment = p.environment or {}
    if "NOTIFY_SOCKET" not in environment:
        return None
    return Wrong(
        expected="no NOTIFY_SOCKET",
        observed=f"NOTIFY_SOCKET={environment['NOTIFY_SOCKET']}",
        because=(
            "whatever it starts from now on would have it too, and might say that it is ready, or stops, in the "
            "service's place: unsetenv() takes it out, name and all, once it was read"
        ),
    )


@check(read="unix(7)", scene=ABSTRACT, follows=[ready])
def abstract_name(o: Observation) -> Finding:
    """the same where NOTIFY_SOCKET is an abstract name."""
    if o.process is not None and READY in lines_from(o.process, o.notices):
        return None
    return Wrong(
        expected=f"{READY}; NOTIFY_SOCKET begins with @, which stands for a null byte",
        observed=f"told: {quoted(o.notices)}{printed_after(o)}" if o.process else fate(o),
        because=why_it_is_not_ready_there(o),
    )


def why_it_is_not_ready_there(o: Observation) -> str:
    if o.process is None:
        return (
            "it does not run where the name is no path. A name that begins with @ is one in no file system, and a "
            "manager may have such a socket; only the first byte is different"
        )
    if came_from_another(o, o.process, READY):
        return FROM_ANOTHER
    return (
        "an abstract name is all the bytes that the size of the address takes in: that size is "
        "offsetof(struct sockaddr_un, sun_path) and the length of the name, and not the whole structure's, whose other "
        "bytes would belong to the name. And the first byte is a null byte, no @"
    )


# Lines on standard error

PIPED = Scene(stdio=Stdio.PIPE)
LEVEL = re.compile(r"<[0-7]>.")  # sd-daemon(3)
WITHIN = re.compile(r"\S<[0-7]>")  # a level that begins no line, and is no word of one

LINES_WITH_LEVELS = (
    "a line at least, and each begins as in <6>started: <0> to <7>, as syslog() has them, and ends with a newline"
)


def whole_lines(text: str) -> bool:
    """Whether each line of a text ends: none is left open, and none goes on where the next one begins."""
    return text.endswith("\n") and not WITHIN.search(text)


@check(read="sd-daemon(3), syslog(3)", scene=PIPED, follows=[lives], expects=LINES_WITH_LEVELS)
def levels(o: Observation, p: Process) -> Finding:
    """logs to standard error, each line with its level."""
    if not o.piped.text and whole_lines(o.printed) and all(map(LEVEL.match, o.printed.splitlines())):
        return None
    return Wrong(
        expected=LINES_WITH_LEVELS,
        observed=where_it_printed(o),
        because=why_its_lines_are_wrong(o),
    )


def where_it_printed(o: Observation) -> str:
    """What it printed, and where; standard output comes first."""
    where, text = ("output", o.piped.text) if o.piped.text else ("error", o.printed)
    return f'on standard {where}: "{in_c(text)[:120]}"' if text.strip() else "nothing"


def why_its_lines_are_wrong(o: Observation) -> str:
    if o.piped.text:
        return (
            "it prints to standard output. That is for results: what somebody may want to read by a program is not to "
            "be mixed with what is told of it"
        )
    if o.messages and not o.printed.strip():
        return "it logs with syslog(). Here standard error is enough: the manager reads it, and knows who wrote it"
    if not o.printed.strip():
        return (
            "it logs nothing: whoever looks after it wants to see that it has started. Or it does so by printf(), "
            "which keeps it in a buffer where standard output is no terminal, here a pipe: a service that is killed "
            "takes it along"
        )
    if not whole_lines(o.printed):
        return (
            "something is printed without a newline at its end, and so is no line yet: whoever reads it waits for the "
            "rest, and what is printed next stands in the same line, its level in the middle of it"
        )
    return (
        "a line without the number in front counts as one of the usual level, and who looks for errors alone does not "
        "find it. Every line needs one"
    )


# SIGTERM

STOPPED = Scene(then=(Signal(signal.SIGTERM),))

TELLS_AND_STOPS = f"kill -TERM: {STOPPING}, and status 0"


@check(read="sd_notify(3), sigwaitinfo(2)", scene=STOPPED, follows=[lives], expects=TELLS_AND_STOPS)
def stops(o: Observation, p: Process) -> Finding:
    """SIGTERM: it tells that it stops, and ends with status 0."""
    if stopped_well(o) and STOPPING in told_at(o, p, signal.SIGTERM):
        return None
    return Wrong(
        expected=TELLS_AND_STOPS,
        observed=f"{after(o)}; told: {quoted(o.done[0].said.notices)}",
        because=why_it_does_not_stop(o, p),
    )


def why_it_does_not_stop(o: Observation, p: Process) -> str:
    if killed(o) == signal.SIGTERM and STOPPING in told_at(o, p, signal.SIGTERM):
        return (
            "it takes the signal, and ends by it all the same: who was told to stop, and does, calls "
            "exit(EXIT_SUCCESS), and neither raises the signal again nor kills itself"
        )
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if is_left(o):
        return SIGTERM_IS_LOST
    if o.after.status != 0:
        return "it was told to stop, and did: that is no failure, and has status 0. A manager would take it for one"
    if came_from_another(o, p, STOPPING):
        return FROM_ANOTHER
    if came_as_no_line(o, STOPPING):
        return is_a_line(STOPPING)
    return "it ends, and has not said so: who looks at it meanwhile takes it for a service that runs"


# SIGHUP

RELOADED = Scene(then=(Signal(signal.SIGHUP), Signal(signal.SIGHUP)))
RELOADS = 300  # more than there are descriptors
LONG = Scene(then=(Series(signal.SIGHUP, RELOADS), Signal(signal.SIGTERM)))

OTHER_UNITS = {"seconds": 1, "milliseconds": 1e3, "nanoseconds": 1e9}

TELLS_OF_RELOADS = (
    f"kill -HUP, and once more: each time {RELOADING} and MONOTONIC_USEC=NOW in one datagram, then {READY}"
)


@dataclass(frozen=True)
class Reload:
    """What was told after one SIGHUP."""

    done: Done
    lines: tuple[str, ...]  # that came from the process itself
    times: tuple[str, ...]  # what stands behind MONOTONIC_USEC, where RELOADING=1 is in the same datagram

    @property
    def is_told(self) -> bool:
        """Whether it was told that the reload begins."""
        return RELOADING in self.lines

    @property
    def is_over(self) -> bool:
        """Whether it was told that it has come to its end: after that it begins, which has to be told."""
        return READY in self.lines[self.lines.index(RELOADING) :]

    @property
    def is_of_now(self) -> bool:
        """Whether the first of `times`, of which there has to be one, is that of the reload."""
        microseconds = whole_number(self.times[0])
        if microseconds is None:
            return False
        seconds = microseconds / 1e6
        return self.done.begun <= seconds + 1e-6 and seconds <= self.done.over

    @property
    def is_right(self) -> bool:
        """Whether all of it was told."""
        return self.is_told and self.is_over and bool(self.times) and self.is_of_now


def reload_of(p: Process, done: Done) -> Reload:
    """What was told after one deed, which is a SIGHUP."""
    together = [message for message in done.said.notices if RELOADING in assignments(message)]
    lines = [line for message in together for line in assignments(message)]
    times = [line.partition("=")[2] for line in lines if line.startswith("MONOTONIC_USEC=")]
    return Reload(done, tuple(lines_from(p, done.said.notices)), tuple(times))


@check(read="sd_notify(3), clock_gettime(2)", scene=RELOADED, follows=[ready], expects=TELLS_OF_RELOADS)
def reloads(o: Observation, p: Process) -> Finding:
    """SIGHUP: it tells that it reloads, since when, and that it is ready again."""
    first, second = (reload_of(p, done) for done in o.done)
    if o.after.left == (p.pid,) and first.is_right and second.is_right:
        return None
    return Wrong(
        expected=TELLS_OF_RELOADS,
        observed=f"{after(o)}; told: {'; then '.join(quoted(done.said.notices) for done in o.done)}",
        because=why_it_does_not_reload(o, p, first, second),
    )


def why_it_does_not_reload(o: Observation, p: Process, first: Reload, second: Reload) -> str:
    if o.after.status is not None and not killed(o):
        return "it ends at SIGHUP, which is to tell it that there is something to be read again"
    if first.is_right and not second.done.said.notices:
        return (
            "the first SIGHUP was taken, and the second was not: a handler may hold for one time only (SA_RESETHAND), "
            "or what waits is not in a loop"
        )
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if came_from_another(o, p, RELOADING):
        return FROM_ANOTHER
    if came_as_no_line(o, RELOADING):
        return is_a_line(RELOADING)
    if not first.is_right:
        return why_the_reload_is_wrong(o, first)
    if not second.is_right:
        return why_the_reload_is_wrong(o, second)
    return "what it said is right, but one process is to live on, the same as before"


def why_the_reload_is_wrong(o: Observation, wrong: Reload) -> str:
    if not wrong.is_told:
        return f"it was not told {RELOADING}: SIGHUP is not acted on, or not told of"
    if not wrong.is_over:
        return (
            f"the reload does not come to an end: {READY}, after {RELOADING}, says that it did. Until then whoever "
            "asked for it waits. (A program that starts itself anew finds no NOTIFY_SOCKET any more)"
        )
    if not wrong.times:
        return (
            f"MONOTONIC_USEC belongs into the same datagram as {RELOADING}, a line below it. By the time the manager "
            "knows that this is the answer to its own signal, and none that came late"
        )
    return why_the_time_is_wrong(wrong.times[0], wrong.done, o.when)


def why_the_time_is_wrong(text: str, done: Done, when: float) -> str:
    number = whole_number(text)
    if number is None:
        return "that is no whole number: microseconds, by which two times can be compared"
    if abs(number / 1e6 - when) < 24 * 3600:
        return (
            "that is the time of day, CLOCK_REALTIME, which may be set. The manager compares it with its own "
            "CLOCK_MONOTONIC, which counts from the start of the machine"
        )
    for name, unit in OTHER_UNITS.items():
        if int(done.begun * unit) <= number <= done.over * unit:
            return f"that is the time in {name}. The manager takes it for microseconds, and so for another time"
    if number / 1e6 < done.begun:
        return (
            "that is a time before SIGHUP came: it answers nothing that the manager has asked for. Ask the clock anew "
            "at each reload"
        )
    return (
        "that is not the time at which the reload began: microseconds of CLOCK_MONOTONIC, which counts from the start "
        "of the machine. No other clock will do"
    )


TELLS_OF_STOP_AT_LAST = f"SIGHUP {RELOADS} times, and then SIGTERM: {STOPPING}, and status 0"


@check(
    says=f"after {RELOADS} reloads it still tells that it stops",
    read="close(2), getrlimit(2)",
    scene=LONG,
    follows=[stops, reloads],
    expects=TELLS_OF_STOP_AT_LAST,
)
def tells_on(o: Observation, p: Process) -> Finding:
    if stopped_well(o) and STOPPING in told_at(o, p, signal.SIGTERM):
        return None
    return Wrong(
        expected=TELLS_OF_STOP_AT_LAST,
        observed=f"{after(o)}; told: {quoted(o.done[1].said.notices)}{printed_after(o)}",
        because=why_it_falls_silent(o),
    )


def why_it_falls_silent(o: Observation) -> str:
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if is_left(o):
        return SIGTERM_IS_LOST
    return (
        "at first it tells, and then it cannot any more. A socket that is made for a word, and not closed again, takes "
        "a descriptor each time, and there are 256: close() it, or keep one for all"
    )


# The signals are held before it is ready

HELD_BEFORE = Scene(fault=Fault.LOOK_BEFORE)


def names_of(signals: Iterable[int]) -> str:
    """Signals by their names."""
    return " and ".join(signal.Signals(number).name for number in sorted(signals))


def held_at_ready(o: Observation) -> frozenset[int] | None:
    """The signals that were held when it told that it is ready, none if it never did; None if that was not seen."""
    for message, held in zip(o.notices, o.held.told_with):
        if READY in assignments(message):
            return held
    return frozenset()


FIRST_HELD = f"{names_of(TOLD_BY)} blocked, or with a handler, before {READY} is sent"


@check(
    read="sigprocmask(2), sigaction(2)",
    scene=HELD_BEFORE,
    follows=[ready, stops, reloads],
    expects=FIRST_HELD,
)
def holds_signals_first(o: Observation, p: Process) -> Finding:
    """when it tells that, SIGHUP and SIGTERM would not end it any more."""
    held = held_at_ready(o)
    if held is None:
        return Unseen("the call by which it was told was not seen")
    if TOLD_BY <= held:
        return None
    return Wrong(
        expected=FIRST_HELD,
        observed=f"when it was sent, not so: {names_of(TOLD_BY - held)}",
        because=(
            "who has heard that it is ready may tell it something at once, and a signal would still do what it does by "
            "default. First all that takes signals, then the notice"
        ),
    )


# Where nobody can be told

ALONE = Scene(notify=Manager.NONE, then=(Signal(signal.SIGHUP), Signal(signal.SIGTERM)))
MISSING = Scene(notify=Manager.MISSING, then=(Signal(signal.SIGTERM),))
FULL = Scene(notify=Manager.FULL, then=(Signal(signal.SIGHUP), Signal(signal.SIGTERM)))


@check(read="sd_notify(3)", scene=ALONE, follows=[stops, reloads])
def alone(o: Observation) -> Finding:
    """without NOTIFY_SOCKET it just runs, and stops as well."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="it runs, also after kill -HUP, and after kill -TERM ends with status 0",
        observed=f"{after(o)}{printed_after(o)}",
        because=why_it_cannot_be_alone(o),
    )


def why_it_cannot_be_alone(o: Observation) -> str:
    if o.process is None and crash(o):
        return (
            "it runs into a crash without a service manager: getenv() returns NULL then, which is no text that "
            "strlen() or strcpy() could look at. Whoever tries it out by hand has none"
        )
    if o.process is None:
        return (
            "it does not run without a service manager: that getenv() returns NULL then is no error. Whoever tries it "
            "out by hand has none"
        )
    if killed(o):
        return (
            "it runs, and where there is something to be told it is ended by a signal: each word has to look whether "
            "there is somebody to be told, and not the first one alone"
        )
    if is_left(o):
        return SIGTERM_IS_LOST
    return "it stops in another way than with one"


@check(read="sd_notify(3), sendto(2)", scene=MISSING, follows=[stops])
def nobody_there(o: Observation) -> Finding:
    """it runs on where nobody is at the socket."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="it runs, and after kill -TERM ends with status 0",
        observed=f"{after(o)}{printed_after(o)}",
        because=why_nobody_matters(o),
    )


def why_nobody_matters(o: Observation) -> str:
    if o.process is None:
        return (
            "it ends because the manager cannot be told: to serve is worth more than to be told of. A line in the log "
            "is enough"
        )
    if o.after.left:
        return (
            "it tries again and again, or waits until somebody is there, and takes no signal meanwhile: to serve is "
            "worth more than to be told of. Say it once, and go on"
        )
    return "it stops in another way than where somebody is told: that sendto() fails is no reason for that"


@check(read="sendto(2), unix(7)", scene=FULL, follows=[stops, reloads, nobody_there])
def never_waits(o: Observation) -> Finding:
    """it does not wait where the socket is full."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="nobody reads what the manager is told: it comes to rest, and after kill -TERM ends with status 0",
        observed=f"{after(o)}{printed_after(o)}",
        because=why_it_waits(o),
    )


def why_it_waits(o: Observation) -> str:
    if o.process is None:
        return "it ends because the manager cannot be told: to serve is worth more than to be told of"
    if o.after.status is None:
        return (
            "it hangs in the call that sends: without MSG_DONTWAIT that waits until there is room. Or it tries until "
            "there is. A manager that is stuck would hold up all services"
        )
    return "it stops in another way than where somebody reads: that sendto() fails is no reason for that"


# WATCHDOG=1

PERIOD = 0.2  # seconds between two signs of life, at the most, that are asked for
OFTEN = 0.75 * PERIOD  # half of it is meant; this much a busy machine may spoil
PINGS, IN_A_ROW = 7, 4  # how many are waited for, and over how many of them OFTEN is to hold once
TOO_OFTEN = PERIOD / 50  # ten times as often would do no harm; who does not wait is much quicker
ASKED = (f"WATCHDOG_USEC={PERIOD * 1e6:.0f}",)
WATCHED = Scene(environment=ASKED, then=(AwaitPings(PINGS),))
NOT_WATCHED = Scene(environment=(*ASKED, "WATCHDOG_PID=1"), then=(AwaitPings(PINGS),))

TWICE_AS_OFTEN = f"{ASKED[0]}: {PING} twice as often, every {PERIOD / 2} s"


def ping_period(p: Process, notices: Iterable[Message], in_a_row: int) -> float | None:
    """Seconds between signs of life, where so many in a row came soonest; None if there were not so many."""
    pings = [message for message in notices if message.sender == p.pid and PING in assignments(message)]
    spans = [last.when - first.when for first, last in zip(pings, pings[in_a_row - 1 :])]
    return min(spans) / (in_a_row - 1) if spans else None


def pings_late(o: Observation, p: Process) -> bool:
    """Whether they come too seldom, if at all."""
    period = ping_period(p, o.done[0].said.notices, IN_A_ROW)
    return period is None or period > OFTEN


def pings_without_end(o: Observation, p: Process) -> bool:
    """Whether they come much more often than anybody could want: from the first one on."""
    period = ping_period(p, o.notices, PINGS)
    return period is not None and period < TOO_OFTEN


@check(read="sd_watchdog_enabled(3)", scene=WATCHED, follows=[ready], expects=TWICE_AS_OFTEN)
def watchdog(o: Observation, p: Process) -> Finding:
    """gives signs of life where WATCHDOG_USEC asks for them."""
    tells_of_reload = RELOADING in lines_from(p, o.notices)
    if not pings_late(o, p) and not pings_without_end(o, p) and not tells_of_reload:
        return None
    return Wrong(
        expected=TWICE_AS_OFTEN,
        observed=how_often(o, p) + (f", and {RELOADING}" if tells_of_reload else ""),
        because=why_the_signs_are_wrong(o, p),
    )


def how_often(o: Observation, p: Process) -> str:
    """How often signs of life came, in words."""
    if pings_without_end(o, p):
        return f"{PINGS} of them within {TOO_OFTEN * (PINGS - 1) * 1e3:.0f} ms"
    period = ping_period(p, o.done[0].said.notices, IN_A_ROW)
    return f"{lines_from(p, o.notices).count(PING)} in all" if period is None else f"one every {period:.1f} s"


def why_the_signs_are_wrong(o: Observation, p: Process) -> str:
    if came_from_another(o, p, PING):
        return FROM_ANOTHER
    if pings_without_end(o, p):
        return (
            "they come one after another, without a pause: it is busy, and keeps the manager busy. A descriptor of a "
            "timer (timerfd_create(2)) that has expired stays readable until it is read. Or what is to wait in the "
            "loop returns at once; or the time, in microseconds, is taken for one in a smaller unit"
        )
    lines = lines_from(p, o.notices)
    if RELOADING in lines:
        return (
            "it tells of a reload that nobody asked for, too: does one case of a switch run on into the next one, "
            "without a break?"
        )
    if lines.count(PING) == 0:
        return (
            "none came: a manager that asked takes it for dead, and ends it. WATCHDOG_USEC is in microseconds; in "
            "another unit they come much too late, and alarm(), which has whole seconds, is too coarse"
        )
    if lines.count(PING) == 1:
        return (
            "one sign of life says nothing of what comes later: they have to go on. A timer has an interval "
            "(it_interval), alarm() has to be set anew each time"
        )
    return (
        "that is not often enough. A sign that is sent when the time is over comes too late: half of it is a good "
        "period. A manager takes a service that is late for dead, and ends it"
    )


# Bonus

NONE_FOR_ANOTHER = f"{' '.join(NOT_WATCHED.environment)}: no {PING}"


@check(read="sd_watchdog_enabled(3)", bonus=True, scene=NOT_WATCHED, expects=NONE_FOR_ANOTHER)
def not_watched(o: Observation, p: Process) -> Finding:
    """gives none where WATCHDOG_PID is another process's."""
    if PING not in lines_from(p, o.notices):
        return None
    return Wrong(
        expected=NONE_FOR_ANOTHER,
        observed=quoted(o.done[0].said.notices),
        because="another process was asked: it inherited the variables from a parent that was meant",
    )


NEITHER_OF_THE_TWO = "neither of the two, whoever was meant"


@check(read="sd_watchdog_enabled(3), unsetenv(3)", bonus=True, scene=NOT_WATCHED, expects=NEITHER_OF_THE_TWO)
def forgets_watchdog(o: Observation, p: Process) -> Finding:
    """WATCHDOG_USEC and WATCHDOG_PID are not in its environment any more."""
    why_unseen = no_environ(o)
    if why_unseen:
        return Unseen(why_unseen)
    found = variables(o, "WATCHDOG_")
    if not found:
        return None
    return Wrong(
        expected=NEITHER_OF_THE_TWO,
        observed=", ".join(f"{name}={value}" for name, value in found.items()),
        because="they are as little for what it starts as NOTIFY_SOCKET is",
    )


NO_NAME = Scene(notify=Manager.NONE, environment=(f"NOTIFY_SOCKET=/{'x' * 5000}",), then=(Signal(signal.SIGTERM),))


@check(read="sd_notify(3)", bonus=True, scene=NO_NAME)
def no_name(o: Observation) -> Finding:
    """says so where NOTIFY_SOCKET names no socket, and runs on."""
    if stopped_well(o) and says_why(o, "NOTIFY_SOCKET", "xxxx"):
        return None
    return Wrong(
        expected=(
            "5001 characters are too long for a name: a line about NOTIFY_SOCKET; it runs, and after kill -TERM ends "
            "with status 0"
        ),
        observed=after(o) + printed_after(o)[:200],
        because=why_the_name_is_wrong(o),
    )


def why_the_name_is_wrong(o: Observation) -> str:
    if stopped_well(o):
        return (
            "nobody learns that it was this name: that the manager will wait for ever has a reason, and a name that is "
            "cut off is another one"
        )
    if crash(o) or killed(o):
        return (
            "sun_path has room for 108 characters, and what is copied beyond it lands in what stands behind: look at "
            "the length before memcpy() or strcpy()"
        )
    return "it does not run then: to serve is worth more than to be told of"


NOBODY = os.strerror(errno.ENOENT)
LINE_WITH_REASON = f'a line with the reason, "{NOBODY}"'


@check(read="sendto(2), strerror(3)", bonus=True, scene=MISSING, expects=LINE_WITH_REASON)
def says_why_not(o: Observation, p: Process) -> Finding:
    """says why where nobody is at the socket."""
    if says_why(o, NOBODY):
        return None
    return Wrong(
        expected=LINE_WITH_REASON,
        observed=printed(o).removeprefix("; ") or "it printed nothing",
        because="whoever finds out that the manager waits in vain has nothing to go by: errno knows why",
    )


NO_COMPLAINT = "no line of level <4>, a warning, or worse"


def complaints(o: Observation) -> list[str]:
    """The lines of what it printed that are warnings or worse."""
    lines = (o.printed + "".join(done.said.printed for done in o.done)).splitlines()
    return [line for line in lines if re.match("<[0-4]>", line)]


@check(read="sd_notify(3), sd-daemon(3)", bonus=True, scene=ALONE, expects=NO_COMPLAINT)
def alone_in_peace(o: Observation, p: Process) -> Finding:
    """without NOTIFY_SOCKET it does not complain."""
    found = complaints(o)
    if not found:
        return None
    return Wrong(
        expected=NO_COMPLAINT,
        observed=f'it printed "{found[0][:120]}"',
        because="nothing is wrong: there is nobody to be told, and so nothing to be done",
    )


A_LINE_EACH = "after kill -HUP and after kill -TERM a line each"


@check(read="sd-daemon(3)", bonus=True, scene=ALONE, expects=A_LINE_EACH)
def logs_both(o: Observation, p: Process) -> Finding:
    """logs that it reloads, and that it stops."""
    if all(any(map(LEVEL.match, done.said.printed.splitlines())) for done in o.done):
        return None
    return Wrong(
        expected=A_LINE_EACH,
        observed="; ".join(f'{done.deed}: "{done.said.printed.strip()[:60]}"' for done in o.done),
        because="whoever looks into the log later does not learn when it was, or whether it was at all",
    )


INTERRUPTED = Scene(then=(Signal(signal.SIGINT),))
AS_FOR_SIGTERM = f"kill -INT: {STOPPING}, and status 0"


@check(read="signal(7)", bonus=True, scene=INTERRUPTED, expects=AS_FOR_SIGTERM)
def interrupted(o: Observation, p: Process) -> Finding:
    """Ctrl-C stops it as SIGTERM does."""
    if stopped_well(o) and STOPPING in told_at(o, p, signal.SIGINT):
        return None
    return Wrong(
        expected=AS_FOR_SIGTERM,
        observed=f"{after(o)}; told: {quoted(o.done[0].said.notices)}",
        because="that is what a terminal sends when it is tried out by hand: it has to stop in good order then",
    )


CHECKS = [
    lives,
    ready,
    holds_signals_first,
    forgets_variable,
    abstract_name,
    levels,
    stops,
    reloads,
    tells_on,
    alone,
    nobody_there,
    never_waits,
    watchdog,
    not_watched,
    forgets_watchdog,
    no_name,
    says_why_not,
    alone_in_peace,
    logs_both,
    interrupted,
]
