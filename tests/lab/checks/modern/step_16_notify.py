"""Step 16: the program stays in the foreground again, and tells the service manager how it is."""

from __future__ import annotations

import errno
import os
import re
import signal
from dataclasses import dataclass
from typing import Iterable, Sequence

from lab.checks.beyond.step_14_stop import INTERRUPTION_IS_NO_ERROR, SLEPT_THROUGH
from lab.checks.check import Finding, Unseen, Wrong, check
from lab.checks.common import (
    CRASHES,
    FAULTS,
    crash,
    ended,
    fate,
    is_left,
    killed,
    no_environ,
    printed,
    says_success,
    says_why,
    signal_name,
    stopped_well,
    umask_taken_for_failure,
    whole_number,
)
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Done, Message, Observation, Process, Raised
from lab.faults import Fault
from lab.scene import AwaitPings, AwaitSecond, Manager, RaiseBeforeWait, Scene, Series, Signal, Stdio, Usual

USUAL = Usual(notify=Manager.PATH)

READY, RELOADING, STOPPING, PING = "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1"


# What a program sends to the manager, what it prints, and what became of it


def assignments(message: Message) -> list[str]:
    """The lines of a message to the manager: sd_notify(3)."""
    return message.text.split("\n")


def lines_from(p: Process, notices: Iterable[Message]) -> list[str]:
    """The lines of those messages that came from the process itself."""
    return [line for message in notices if message.sender == p.pid for line in assignments(message)]


def told_at(o: Observation, p: Process, number: signal.Signals) -> list[str]:
    """The lines that the process sent after it got this signal for the first time."""
    done = next(each for each in o.done if each.deed == Signal(number))
    return lines_from(p, done.said.notices)


def quoted(notices: Sequence[Message]) -> str:
    """What the manager got, in a few words; a newline is written as in C."""
    texts = ["\\n".join(assignments(message))[:60] for message in notices]
    return ", ".join(f'"{text}"' for text in texts[:4]) + (", ..." if len(texts) > 4 else "") or "nothing"


def manager_got(notices: Sequence[Message]) -> str:
    """The same as a sentence, for what was observed."""
    return f"the manager got {quoted(notices)}"


def in_c(text: str) -> str:
    """A text with its newlines and null bytes as C writes them."""
    return text.replace("\n", "\\n").replace("\0", "\\0")


def after(o: Observation) -> str:
    """How the process ended, or that it is still running, after the lab had done something to it."""
    if o.process is None:
        return fate(o)
    if o.after.status is not None:
        return f"the process {ended(o.after.status)}"
    return "the process is still running" if is_left(o) else "the process is gone"


def printed_after(o: Observation) -> str:
    """The last line that the program printed, for the end of a sentence; "" where fate() tells it."""
    lines = [line for done in o.done for line in done.said.printed.splitlines()] or o.printed.splitlines()
    return f'; your program printed "{lines[-1][:120]}"' if lines and o.process is not None else ""


def variables(o: Observation, *starts: str) -> dict[str, str]:
    """The variables in the environment of the process whose names start with one of these."""
    environment = o.survivor.environment or {}
    return {name: value for name, value in environment.items() if name.startswith(starts)}


# Causes that several checks have


def came_from_another(o: Observation, p: Process, word: str) -> bool:
    """Whether `word` came from another process than the one that it is about."""
    return any(word in assignments(message) and message.sender != p.pid for message in o.notices)


FROM_ANOTHER = (
    "Another process sent this, most likely a child of your program. The service manager counts only messages from the "
    "first process (NotifyAccess=main), because otherwise any process could report for the service. Send it there."
)


SHORTEST = 4  # characters of a line that is taken for the beginning of a word: sizeof of a pointer is 4 or 8


def came_as_no_line(o: Observation, word: str) -> bool:
    """Whether `word` or a part of it came, but never as a line of its own."""
    name = word.partition("=")[0]
    is_there = any(name in message.text for message in o.notices) or bool(cut_off(o, word))
    return is_there and not any(word in assignments(message) for message in o.notices)


def cut_off(o: Observation, word: str) -> str:
    """A line that is only the beginning of `word`, "" if none came."""
    lines = (line for message in o.notices for line in assignments(message))
    return next((line for line in lines if len(line) >= SHORTEST and line != word and word.startswith(line)), "")


def is_a_line(o: Observation, word: str) -> str:
    """The cause where came_as_no_line()."""
    part = cut_off(o, word)
    if len(part) in (4, 8):
        return (
            f"The manager got only the first {len(part)} bytes of {word}. Most likely your program passes sizeof of a "
            "pointer as the length, or leaves out the value. Pass strlen() of the whole text."
        )
    if part:
        return f'The manager got only "{part}". Send the name and its value in one line, {word}.'
    return (
        f"{word} came, or a part of it, but not as a line of its own. Send exactly this text, and put a newline (\\n) "
        "between two lines of a message."
    )


SENT = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)  # the signals that the lab sends in these checks


def why_a_signal_ended_it(number: int) -> str:
    """The cause for every check of this step in which a signal killed the process."""
    if number in CRASHES and number != signal.SIGHUP:
        return CRASHES[number]
    if number not in SENT:
        return (
            f"{signal_name(number)} killed your program, and the lab did not send it. Look for kill() and raise() in "
            "your program, and send signals only to processes that you know."
        )
    return (
        f"{signal_name(number)} killed your program. Most likely it neither blocks nor handles the signal. Block it "
        "and wait for it with sigwaitinfo(), or install a handler, as in step 14."
    )


WAITS_IN_ACCEPT = (
    "Your program waits in accept() for the next client, who may never come, and does nothing else meanwhile. Wait in "
    "poll() for clients and signals together, and call accept() only when poll() reports a client."
)
SIGTERM_IS_IGNORED = (
    "Your program ignores SIGTERM, so it is still running. Block the signal and wait for it with sigwaitinfo(), or "
    "install a handler, as in step 14."
)
SIGTERM_IS_LOST = (
    "Your program is still running after SIGTERM. Most likely SIGTERM is missing in the set that it waits for or in "
    "the switch, or nothing tests the flag that the handler sets. Exit with status 0 when the signal comes."
)
LEFT_BEHIND = (
    "Your program has exited, but it leaves another process behind. Most likely that is a child. Let the child exit, "
    "and wait for it with waitpid() before you exit."
)


def waits_in_accept(o: Observation) -> bool:
    """Whether a process was waiting for a client in accept() at the end."""
    return any(doing.call in ("accept", "accept4") for doing in o.doing)


def why_it_is_still_running(o: Observation) -> str:
    """The cause where SIGTERM came, and the process is still running."""
    if waits_in_accept(o):
        return WAITS_IN_ACCEPT
    if signal.SIGTERM in o.survivor.ignored:
        return SIGTERM_IS_IGNORED
    return SIGTERM_IS_LOST


# The first process is the service


@check(read="fork(2)", replaces=[step_00.lives], adds_nothing=True)
def lives(o: Observation) -> Finding:
    """the first process keeps running, and no other process."""
    finding = step_00.lives.judge(o)
    if not isinstance(finding, Wrong):
        return finding
    return finding.instead(why_it_is_not_alone(o))


def why_it_is_not_alone(o: Observation) -> str | None:
    if o.processes and o.job.pid not in [process.pid for process in o.processes]:
        return (
            "The first process is gone, but another process of your program stays. Most likely your program goes into "
            "the background, as in steps 02 to 13. Leave fork() and daemon() out, because the service manager does "
            "that work here."
        )
    if len(o.processes) > 1:
        return (
            "Your program makes another process. Here the first process is the service, because the manager sends "
            "signals to it and counts only its messages. Let it do the work itself, without fork()."
        )
    if has_exited(o) and o.job.status == 0:
        return (
            "Your program has exited. A service keeps running until it gets SIGTERM. Let it wait for signals in a "
            "loop, for example with sigwaitinfo()."
        )
    if has_exited(o) and o.printed.strip():
        return (
            "Your program exits with an error. If it printed a reason, remove that cause first. Then let your program "
            "keep running until it gets SIGTERM."
        )
    return None  # step 00 has the causes of the rest


def has_exited(o: Observation) -> bool:
    """Whether all processes have exited by themselves, and step 00 knows no better cause."""
    is_special = o.job.lost_shell or o.job.exec_errno or umask_taken_for_failure(o) or says_success(o)
    return not o.processes and o.job.status is not None and not crash(o) and not is_special


# READY=1

ABSTRACT = Scene(notify=Manager.ABSTRACT)
TOLD_BY = frozenset((int(signal.SIGHUP), int(signal.SIGTERM)))


@check(read="sd_notify(3), unix(7)", follows=[lives])
def ready(o: Observation, p: Process) -> Finding:
    """the program sends READY=1 to the service manager."""
    if READY in lines_from(p, o.notices):
        return None
    return Wrong(
        expected=f"the line {READY} from PID {p.pid}, sent to the socket that NOTIFY_SOCKET names (a path)",
        observed=manager_got(o.notices),
        because=why_it_is_not_ready(o, p),
    )


def why_it_is_not_ready(o: Observation, p: Process) -> str:
    if came_from_another(o, p, READY):
        return FROM_ANOTHER
    if came_as_no_line(o, READY):
        return is_a_line(o, READY)
    if o.notices:
        return (
            f"Your program sends something, but not {READY}. The manager waits for {READY} before it counts the "
            "service as started. Send it as soon as the service can be used."
        )
    if complaints(o):
        return (
            "Nothing came, and your program printed a warning. Most likely socket(), connect() or sendto() failed. Use "
            "a datagram socket (SOCK_DGRAM), send to the name in NOTIFY_SOCKET, and print strerror(errno) when a call "
            "fails."
        )
    return (
        f"Nothing came. Most likely your program never sends {READY}, or removes NOTIFY_SOCKET before it reads it, or "
        "does not notice that a call failed. Read the name first, send a datagram there, and test each call."
    )


@check(read="sd_notify(3), unsetenv(3)", follows=[lives])
def forgets_variable(o: Observation, p: Process) -> Finding:
    """the program removes NOTIFY_SOCKET from its environment."""
    why_unseen = no_environ(o)
    if why_unseen:
        return Unseen(why_unseen)
    environment = p.environment or {}
    if "NOTIFY_SOCKET" not in environment:
        return None
    return Wrong(
        expected="no NOTIFY_SOCKET in the environment",
        observed=f"NOTIFY_SOCKET={environment['NOTIFY_SOCKET']}",
        because=why_the_variable_is_there(environment["NOTIFY_SOCKET"]),
    )


def why_the_variable_is_there(value: str) -> str:
    if not value:
        return (
            "Your program makes the variable empty, but it is still there, and every program that it starts inherits "
            'it. Call unsetenv("NOTIFY_SOCKET"), which removes the name too.'
        )
    return (
        "NOTIFY_SOCKET is still in the environment. Every program that your program starts inherits it, and could send "
        f'{READY} or {STOPPING} too. Call unsetenv("NOTIFY_SOCKET") after you have read it.'
    )


@check(read="unix(7)", scene=ABSTRACT, follows=[ready])
def abstract_name(o: Observation) -> Finding:
    """the program sends READY=1 to an abstract name too."""
    if o.process is not None and READY in lines_from(o.process, o.notices):
        return None
    return Wrong(
        expected=f"{READY}, where NOTIFY_SOCKET begins with @, which stands for a null byte",
        observed=f"{manager_got(o.notices)}{printed_after(o)}" if o.process else fate(o),
        because=why_it_is_not_ready_there(o),
    )


def why_it_is_not_ready_there(o: Observation) -> str:
    if o.process is None:
        return (
            "Your program does not keep running where NOTIFY_SOCKET begins with @. That is an abstract name, which is "
            "in no file system. Accept it, and put a null byte in the place of the @."
        )
    if came_from_another(o, o.process, READY):
        return FROM_ANOTHER
    if says_why(o, os.strerror(errno.ECONNREFUSED)):
        return (
            "Your program got \"Connection refused\", so no socket has this abstract name. Most likely the size is "
            "that of the whole structure, and its null bytes count too. Pass offsetof(struct sockaddr_un, sun_path) "
            "plus the length of the name."
        )
    if says_why(o, os.strerror(errno.ENOENT)):
        return (
            "Your program got \"No such file or directory\", so the kernel looked for a path. Most likely the @ is "
            "still there, or has been dropped. Copy the whole name, then set sun_path[0] to '\\0'."
        )
    return (
        "Most likely your program accepts only a path, or sends to another name. Set sun_path[0] to '\\0' instead of "
        "@. Pass offsetof(struct sockaddr_un, sun_path) plus the length of the name as the size."
    )


# Lines on standard error

PIPED = Scene(stdio=Stdio.PIPE)
LEVEL = re.compile(r"<[0-7]>.")  # sd-daemon(3)
WITHIN = re.compile(r"\S<[0-7]>")  # a level right behind other text: there a newline is missing

LINES_WITH_LEVELS = (
    "at least one line, and each begins with a level from <0> to <7>, as in <6>started, and ends with a newline; "
    "nothing anywhere else"
)


def whole_lines(text: str) -> bool:
    """Whether each line of a text ends with a newline, and no level stands right behind other text."""
    return text.endswith("\n") and not WITHIN.search(text)


@check(read="sd-daemon(3), syslog(3)", scene=PIPED, follows=[lives], expects=LINES_WITH_LEVELS)
def levels(o: Observation, p: Process) -> Finding:
    """the program logs to standard error, each line with its level."""
    is_well_printed = whole_lines(o.printed) and all(map(LEVEL.match, o.printed.splitlines()))
    if is_well_printed and not o.piped.text and not o.messages:
        return None
    return Wrong(
        expected=LINES_WITH_LEVELS,
        observed=where_it_printed(o) + logged_too(o),
        because=why_its_lines_are_wrong(o),
    )


def where_it_printed(o: Observation) -> str:
    """What the program printed, and where; standard output comes first."""
    where, text = ("output", o.piped.text) if o.piped.text else ("error", o.printed)
    if not text.strip():
        return "your program printed nothing"
    return f'on standard {where} your program printed "{in_c(text)[:120]}"'


def logged_too(o: Observation) -> str:
    """The first message of the program in the log of the system, for the end of a sentence."""
    return f'; in the log of the system: "{o.messages[0].text[:120]}"' if o.messages else ""


def why_its_lines_are_wrong(o: Observation) -> str:
    if o.piped.text:
        return (
            "Your program prints on standard output. That is for results, which another program may read. Print its "
            "log on standard error, with fprintf(stderr, ...) or dprintf(2, ...)."
        )
    if o.messages and not o.printed.strip():
        return (
            "Your program logs with syslog(). The service manager collects what comes on standard error, and knows "
            "which service wrote it. Print each line there, with its level in front."
        )
    if not o.printed.strip() and 2 in step_00.lost(o, o.survivor):
        return (
            "Your program closes or replaces standard error, so its log is lost. The service manager has set up 0, 1 "
            "and 2. Leave them as they are, and print on 2."
        )
    if not o.printed.strip():
        return (
            "Most likely your program logs nothing when it starts, or uses printf(). Standard output is a pipe here, "
            "so the text of printf() stays in a buffer. Print a line such as <6>ready on standard error."
        )
    if o.messages:
        return (
            "Your program logs in two places, on standard error and with syslog(). The service manager passes on to "
            "the log what comes on standard error, so each message would be there twice. Leave syslog() out."
        )
    if not whole_lines(o.printed):
        return (
            "Most likely a message of your program does not end with a newline. The next message then becomes a part "
            "of the same line, and its level stands in the middle. End each message with \\n."
        )
    return (
        "A line of your program does not begin with a level, or has no text after it. Without a level an error looks "
        "like any other message. Begin every line with <0> to <7>, the numbers that syslog() uses."
    )


# SIGTERM

STOPPED = Scene(then=(Signal(signal.SIGTERM),))

TELLS_AND_STOPS = f"after kill -TERM: {STOPPING}, and exit status 0"


@check(read="sd_notify(3), sigwaitinfo(2)", scene=STOPPED, follows=[lives], expects=TELLS_AND_STOPS)
def stops(o: Observation, p: Process) -> Finding:
    """on SIGTERM the program sends STOPPING=1 and exits with status 0."""
    if stopped_well(o) and STOPPING in told_at(o, p, signal.SIGTERM):
        return None
    return Wrong(
        expected=TELLS_AND_STOPS,
        observed=f"{after(o)}; {manager_got(o.done[0].said.notices)}",
        because=why_it_does_not_stop(o, p),
    )


def why_it_does_not_stop(o: Observation, p: Process) -> str:
    if killed(o) == signal.SIGTERM and STOPPING in told_at(o, p, signal.SIGTERM):
        return (
            f"Your program sends {STOPPING}, but then SIGTERM kills it. Most likely it raises the signal again at the "
            "end. Call exit(EXIT_SUCCESS) instead."
        )
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if is_left(o):
        return why_it_is_still_running(o)
    if o.after.status != 0:
        return (
            "Your program does not exit with status 0 after SIGTERM. The manager asked for this stop, but takes any "
            "other status for a failure. Call exit(EXIT_SUCCESS)."
        )
    if o.after.left:
        return LEFT_BEHIND
    if came_from_another(o, p, STOPPING):
        return FROM_ANOTHER
    if came_as_no_line(o, STOPPING):
        return is_a_line(o, STOPPING)
    return (
        f"The manager did not get {STOPPING}. Either your program does not send it when SIGTERM comes, or it looks up "
        "NOTIFY_SOCKET again after unsetenv(), so only the first message is sent. Keep a copy of the name, and send "
        f"{STOPPING} before you exit."
    )


# SIGHUP

# At the beginning of a second the microseconds are few, so leading zeros that are missing are seen.
RELOADED = Scene(then=(AwaitSecond(), Signal(signal.SIGHUP), Signal(signal.SIGHUP)))
RELOADS = 300  # more than there are descriptors
LONG = Scene(then=(Series(signal.SIGHUP, RELOADS), Signal(signal.SIGTERM)))

OTHER_UNITS = {"seconds": 1, "milliseconds": 1e3, "nanoseconds": 1e9}

TELLS_OF_RELOADS = (
    f"after kill -HUP, twice: each time {RELOADING} and MONOTONIC_USEC=NOW in one datagram, then {READY}"
)


@dataclass(frozen=True)
class Reload:
    """What the manager got after one SIGHUP."""

    done: Done
    lines: tuple[str, ...]  # that came from the process itself
    times: tuple[str, ...]  # the values of MONOTONIC_USEC that are in one datagram with RELOADING=1

    @property
    def is_told(self) -> bool:
        """Whether the manager got the message that the reload begins."""
        return RELOADING in self.lines

    @property
    def is_over(self) -> bool:
        """Whether READY=1 came after RELOADING=1, which must be there."""
        return READY in self.lines[self.lines.index(RELOADING) :]

    @property
    def is_of_now(self) -> bool:
        """Whether the first of `times` is the time of the reload; there must be one."""
        microseconds = whole_number(self.times[0])
        if microseconds is None:
            return False
        seconds = microseconds / 1e6
        return self.done.begun <= seconds + 1e-6 and seconds <= self.done.over

    @property
    def is_right(self) -> bool:
        """Whether all that is asked for came."""
        return self.is_told and self.is_over and bool(self.times) and self.is_of_now


def reload_of(p: Process, done: Done) -> Reload:
    """What the manager got after one deed, which is a SIGHUP."""
    together = [message for message in done.said.notices if RELOADING in assignments(message)]
    lines = [line for message in together for line in assignments(message)]
    times = [line.partition("=")[2] for line in lines if line.startswith("MONOTONIC_USEC=")]
    return Reload(done, tuple(lines_from(p, done.said.notices)), tuple(times))


@check(read="sd_notify(3), clock_gettime(2)", scene=RELOADED, follows=[ready], expects=TELLS_OF_RELOADS)
def reloads(o: Observation, p: Process) -> Finding:
    """on SIGHUP the program sends RELOADING=1 with the time, then READY=1."""
    first, second = (reload_of(p, done) for done in o.done if done.deed == Signal(signal.SIGHUP))
    if o.after.left == (p.pid,) and first.is_right and second.is_right:
        return None
    return Wrong(
        expected=TELLS_OF_RELOADS,
        observed=f"{manager_got(first.done.said.notices)}, after the second SIGHUP "
        f"{quoted(second.done.said.notices)}; "
        f"{after(o)}",
        because=why_it_does_not_reload(o, p, first, second),
    )


def why_it_does_not_reload(o: Observation, p: Process, first: Reload, second: Reload) -> str:
    if o.after.status is not None and not killed(o):
        return (
            "Your program exits on SIGHUP. The signal only asks it to read its configuration again. Reload, and then "
            "wait for the next signal."
        )
    if first.is_right and not second.done.said.notices and killed(o) in (0, signal.SIGHUP):
        return why_the_second_is_not_taken(o)
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if came_from_another(o, p, RELOADING):
        return FROM_ANOTHER
    if came_as_no_line(o, RELOADING):
        return is_a_line(o, RELOADING)
    if first.is_told and not first.is_over and not second.done.said.notices:
        return (
            f"Your program sends {RELOADING}, and nothing after that. Most likely it starts itself again with exec(), "
            "and NOTIFY_SOCKET is gone then, or it waits for something. Reload in the same process, then send "
            f"{READY}."
        )
    if asks_another_clock(first, second):
        return (
            "Your program asks the clock at each reload, but not CLOCK_MONOTONIC. Other clocks, for example "
            "CLOCK_MONOTONIC_RAW and CLOCK_BOOTTIME, count another time. Call clock_gettime(CLOCK_MONOTONIC, ...)."
        )
    if not first.is_right:
        return why_the_reload_is_wrong(o, first)
    if not second.is_right:
        return why_the_reload_is_wrong(o, second)
    return (
        "The messages are right, but afterwards the first process is gone, or not alone. Reload in that process, and "
        "leave no other process behind."
    )


def asks_another_clock(first: Reload, second: Reload) -> bool:
    """Whether both times are wrong, and as far apart as the two reloads were, but for zeros that are left out."""
    if not all(each.is_told and each.times and not each.is_of_now for each in (first, second)):
        return False
    times = [whole_number(each.times[0]) for each in (first, second)]
    if times[0] is None or times[1] is None:
        return False
    if has_too_few_digits(times[0], first.done):
        return False
    apart = (times[1] - times[0]) / 1e6
    return second.done.begun - first.done.over <= apart <= second.done.over - first.done.begun


def why_the_second_is_not_taken(o: Observation) -> str:
    if killed(o):
        return (
            "Your program handles the first SIGHUP, but the second one kills it. Most likely the handler works only "
            "once (SA_RESETHAND). Leave that flag out, or block the signal and wait for it in a loop."
        )
    return (
        "Your program handles the first SIGHUP, but not the second. Wait for signals in a loop, and reload each time "
        "that SIGHUP comes."
    )


def why_the_reload_is_wrong(o: Observation, wrong: Reload) -> str:
    if not wrong.is_told and waits_in_accept(o):
        return WAITS_IN_ACCEPT
    if not wrong.is_told and signal.SIGHUP in o.survivor.ignored:
        return (
            "Your program ignores SIGHUP. A daemon may do that, but for a service the signal asks for a reload. Block "
            "it and wait for it with sigwaitinfo(), or install a handler."
        )
    if not wrong.is_told:
        return (
            f"Your program does not send {RELOADING} after SIGHUP. Most likely it reloads without a message, or does "
            f"nothing on SIGHUP. Send {RELOADING} and the time first, reload, then send {READY}."
        )
    if not wrong.is_over and READY in wrong.lines:
        return (
            f"Your program sends {READY} before {RELOADING}, so for the manager the reload never ends. Send "
            f"{RELOADING} first, reload, then send {READY}."
        )
    if not wrong.is_over:
        return (
            f"Your program does not send {READY} after {RELOADING}, so for the manager the reload never ends. Send it "
            "when the reload is over."
        )
    if not wrong.times and any(line.startswith("MONOTONIC_USEC=") for line in wrong.lines):
        return (
            f"MONOTONIC_USEC comes in another datagram than {RELOADING}. Send both as two lines of one message, with a "
            "newline (\\n) between them."
        )
    if not wrong.times:
        return (
            f"Your program sends {RELOADING} without the time. From the time the manager knows that this reload "
            "answers its own SIGHUP. Add MONOTONIC_USEC=N as a second line of the same message."
        )
    return why_the_time_is_wrong(wrong.times[0], wrong.done, o.when)


def why_the_time_is_wrong(text: str, done: Done, when: float) -> str:
    number = whole_number(text)
    if number is None:
        return (
            "The value of MONOTONIC_USEC is not a whole number. Send the microseconds in the digits 0 to 9 only, "
            "without a sign, a point or a unit."
        )
    if abs(number / 1e6 - when) < 24 * 3600:
        return (
            "Your program sends the time of day (CLOCK_REALTIME), which somebody may set. The manager compares the "
            "value with CLOCK_MONOTONIC. Use that clock in clock_gettime()."
        )
    for name, unit in OTHER_UNITS.items():
        if int(done.begun * unit) <= number <= done.over * unit:
            return (
                f"Your program sends the time in {name}, but the manager expects microseconds. Send "
                "tv_sec * 1000000 + tv_nsec / 1000."
            )
    if has_too_few_digits(number, done):
        return (
            "The number has too few digits. Most likely your program prints the seconds and then the microseconds, "
            "which need leading zeros up to six digits. Print them with %06ld, or compute one number."
        )
    if number / 1e6 < done.begun:
        return (
            "Your program sends a time before this SIGHUP. Most likely it asks the clock only once, at its start. Call "
            "clock_gettime() in each reload."
        )
    return (
        "The value is not the time at which the reload began. Most likely it comes from another clock, or is computed "
        "wrongly. Use CLOCK_MONOTONIC, and send tv_sec * 1000000 + tv_nsec / 1000."
    )


def has_too_few_digits(number: int, done: Done) -> bool:
    """Whether this is the time in seconds with microseconds behind it whose leading zeros are missing."""
    begins_with_seconds = str(number).startswith(str(int(done.over)))
    return begins_with_seconds and len(str(number)) < len(str(int(done.over * 1e6)))


TELLS_OF_STOP_AT_LAST = f"after SIGHUP {RELOADS} times, then SIGTERM: {STOPPING}, and exit status 0"


@check(
    says=f"after {RELOADS} reloads the program still sends {STOPPING}",
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
        observed=f"{after(o)}; {manager_got(o.done[1].said.notices)}{printed_after(o)}",
        because=why_it_falls_silent(o),
    )


def why_it_falls_silent(o: Observation) -> str:
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if is_left(o):
        return why_it_is_still_running(o)
    if o.after.left:
        return LEFT_BEHIND
    return (
        "Most likely your program opens a socket for each message and never closes it. The lab allows 256 descriptors, "
        "so later messages cannot be sent. Call close() each time, or keep one socket."
    )


# Nobody reads standard error

UNHEARD = Scene(stdio=Stdio.UNREAD, then=(Signal(signal.SIGHUP), Signal(signal.SIGTERM)))
STAYS_THOUGH_UNHEARD = (
    f"the reader of standard error has gone: {READY}; after SIGHUP the process is still running; after SIGTERM exit "
    "status 0"
)


@check(read="signal(7), pipe(7), write(2)", scene=UNHEARD, follows=[stops, reloads], expects=STAYS_THOUGH_UNHEARD)
def unheard(o: Observation) -> Finding:
    """the program stays alive when nobody reads its log."""
    if o.process is not None and READY in lines_from(o.process, o.notices) and stopped_well(o):
        return None
    return Wrong(
        expected=STAYS_THOUGH_UNHEARD,
        observed=f"{manager_got(o.notices)}; {after(o)}",
        because=why_its_log_ends_it(o),
    )


def why_its_log_ends_it(o: Observation) -> str:
    if signal.SIGPIPE in (killed(o), crash(o)):
        return (
            "SIGPIPE killed your program. The kernel sends it to a process that writes to a pipe which nobody reads "
            "any more. To serve is more important than to log, so ignore SIGPIPE before you write the first line."
        )
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    return (
        "Most likely your program exits when it cannot write to standard error (EPIPE, Broken pipe). To serve is more "
        "important than to log. Ignore that the write failed, and go on."
    )


# The program blocks or handles the signals before it is ready

HELD_BEFORE = Scene(fault=Fault.LOOK_BEFORE)


def names_of(signals: Iterable[int]) -> str:
    """Signals by their names."""
    return " and ".join(signal.Signals(number).name for number in sorted(signals))


def held_at_ready(o: Observation) -> frozenset[int] | None:
    """The signals that were blocked or handled at READY=1, none if it never came; None if the lab did not see that."""
    for message, held in zip(o.notices, o.held.told_with):
        if READY in assignments(message):
            return held
    return frozenset()


FIRST_HELD = f"{names_of(TOLD_BY)} are blocked or have a handler when {READY} is sent"


@check(
    read="sigprocmask(2), sigaction(2)",
    scene=HELD_BEFORE,
    follows=[ready, stops, reloads],
    expects=FIRST_HELD,
)
def holds_signals_first(o: Observation, p: Process) -> Finding:
    """the program blocks or handles SIGHUP and SIGTERM before it sends READY=1."""
    held = held_at_ready(o)
    if held is None:
        return Unseen(f"the lab did not see the call that sent {READY}")
    if TOLD_BY <= held:
        return None
    return Wrong(
        expected=FIRST_HELD,
        observed=f"neither blocked nor with a handler: {names_of(TOLD_BY - held)}",
        because=(
            f"Your program sends {READY} too early. The manager may send a signal at once, and the signal would kill "
            f"your program or get lost. Block or handle all signals first, then send {READY}."
        ),
    )


# There is no manager, or it cannot be reached

ALONE = Scene(notify=Manager.NONE, then=(Signal(signal.SIGHUP), Signal(signal.SIGTERM)))
MISSING = Scene(notify=Manager.MISSING, then=(Signal(signal.SIGTERM),))
FULL = Scene(notify=Manager.FULL, then=(Signal(signal.SIGHUP), Signal(signal.SIGTERM)))


@check(read="sd_notify(3)", scene=ALONE, follows=[stops, reloads])
def alone(o: Observation) -> Finding:
    """without NOTIFY_SOCKET the program runs and stops as usual."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="the program keeps running, also after kill -HUP; after kill -TERM it exits with status 0",
        observed=f"{after(o)}{printed_after(o)}",
        because=why_it_cannot_be_alone(o),
    )


def why_it_cannot_be_alone(o: Observation) -> str:
    if o.process is None and crash(o):
        return (
            "Your program crashes where NOTIFY_SOCKET is not set. Most likely it uses what getenv() returned without a "
            "test. That is NULL for a missing variable. Test for NULL, and send nothing then."
        )
    if o.process is None:
        return (
            "Your program exits where NOTIFY_SOCKET is not set. That is no error, because somebody may start it by "
            "hand, without a manager. Send nothing then, and keep running."
        )
    if killed(o) in FAULTS:
        return (
            "Your program starts, but crashes when it has something to send. Most likely only the first message is "
            "sent after a test whether there is a manager. Test that before each message."
        )
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if is_left(o):
        return why_it_is_still_running(o)
    if o.after.left:
        return LEFT_BEHIND
    return (
        "Without a manager your program does not exit with status 0 after SIGTERM. Send nothing when NOTIFY_SOCKET is "
        "not set, and do everything else in the same way."
    )


KEEPS_SERVING = (
    "Your program does not keep running where it cannot reach the manager. It matters more that the service works than "
    "that the manager hears of it. Print a warning, and go on."
)


def why_it_stops_otherwise(o: Observation) -> str:
    """The cause where the manager cannot be reached, and the program stops in another way than with status 0."""
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if o.after.left:
        return LEFT_BEHIND
    return (
        "Where it cannot reach the manager, your program does not exit with status 0 after SIGTERM. A message that "
        "cannot be sent is no reason for another status. Print a warning, and exit with status 0."
    )


@check(read="sd_notify(3), sendto(2)", scene=MISSING, follows=[stops])
def nobody_there(o: Observation) -> Finding:
    """the program keeps running when no manager is at the socket."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="the program keeps running, and after kill -TERM exits with status 0",
        observed=f"{after(o)}{printed_after(o)}",
        because=why_nobody_matters(o),
    )


def why_nobody_matters(o: Observation) -> str:
    if o.process is None:
        return KEEPS_SERVING
    if is_left(o):
        return (
            "Your program is still running after SIGTERM. Most likely it tries again and again to reach the manager, "
            "and does not look for signals meanwhile. Try once, print a warning, and go on."
        )
    return why_it_stops_otherwise(o)


@check(read="sendto(2), unix(7)", scene=FULL, follows=[stops, reloads, nobody_there])
def never_waits(o: Observation) -> Finding:
    """the program does not wait when the manager's socket is full."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="nobody reads the manager's socket: the program keeps running, and after kill -TERM exits with "
        "status 0",
        observed=f"{after(o)}{printed_after(o)}",
        because=why_it_waits(o),
    )


def why_it_waits(o: Observation) -> str:
    if o.process is None:
        return KEEPS_SERVING
    if is_left(o):
        return (
            "Your program is still running after SIGTERM. Most likely it waits in the call that sends, until there is "
            "room, or tries again and again. Pass MSG_DONTWAIT, and give up the message when the call fails."
        )
    return why_it_stops_otherwise(o)


# WATCHDOG=1

PERIOD = 0.2  # seconds: WATCHDOG_USEC asks for a sign of life at least this often
OFTEN = 0.75 * PERIOD  # half of it is meant, and a busy machine may take some more time
PINGS, IN_A_ROW = 7, 4  # so many the lab waits for, and over so many of them OFTEN must hold once
TOO_OFTEN = PERIOD / 50  # ten times as often does no harm, and a program that does not wait is much quicker
ASKED = (f"WATCHDOG_USEC={PERIOD * 1e6:.0f}",)
WATCHED = Scene(environment=ASKED, then=(AwaitPings(PINGS),))
NOT_WATCHED = Scene(environment=(*ASKED, "WATCHDOG_PID=1"), then=(AwaitPings(PINGS),))

# Half of it is just below two seconds: a second or more, and the sum of two such fractions is a second or more, too.
LONG_PERIOD = 3.8
LONG_PINGS = 2
SELDOM = Scene(environment=(f"WATCHDOG_USEC={LONG_PERIOD * 1e6:.0f}",), then=(AwaitPings(LONG_PINGS, LONG_PERIOD),))

TWICE_AS_OFTEN = f"with {ASKED[0]}: {PING} every {PERIOD / 2} s, which is twice in each period"


def ping_period(p: Process, notices: Iterable[Message], in_a_row: int) -> float | None:
    """The shortest time, in seconds, between signs of life, over so many in a row; None if not so many came."""
    pings = [message for message in notices if message.sender == p.pid and PING in assignments(message)]
    spans = [last.when - first.when for first, last in zip(pings, pings[in_a_row - 1 :])]
    return min(spans) / (in_a_row - 1) if spans else None


def pings_late(o: Observation, p: Process) -> bool:
    """Whether the signs of life come too seldom, or not at all."""
    period = ping_period(p, o.done[0].said.notices, IN_A_ROW)
    return period is None or period > OFTEN


def pings_without_end(o: Observation, p: Process) -> bool:
    """Whether the signs of life come without a pause, from the first one on."""
    period = ping_period(p, o.notices, PINGS)
    return period is not None and period < TOO_OFTEN


@check(read="sd_watchdog_enabled(3)", scene=WATCHED, follows=[ready], expects=TWICE_AS_OFTEN)
def watchdog(o: Observation, p: Process) -> Finding:
    """the program sends WATCHDOG=1 as WATCHDOG_USEC asks for it."""
    tells_of_reload = RELOADING in lines_from(p, o.notices)
    if not pings_late(o, p) and not pings_without_end(o, p) and not tells_of_reload:
        return None
    return Wrong(
        expected=TWICE_AS_OFTEN,
        observed=how_often(o, p) + (f", and {RELOADING}" if tells_of_reload else ""),
        because=why_the_signs_are_wrong(o, p),
    )


def how_many(count: int) -> str:
    """How many signs of life came, in words."""
    if count == 0:
        return f"{PING} never came"
    return f"{PING} came {f'{count} times' if count > 1 else 'once'}"


def how_often(o: Observation, p: Process) -> str:
    """How often signs of life came, in words."""
    if pings_without_end(o, p):
        return f"{PING} came {PINGS} times within {TOO_OFTEN * (PINGS - 1) * 1e3:.0f} ms"
    period = ping_period(p, o.done[0].said.notices, IN_A_ROW)
    if period is None:
        count = lines_from(p, o.notices).count(PING)
        return how_many(count)
    return f"{PING} came every {period:.1f} s"


def why_the_signs_are_wrong(o: Observation, p: Process) -> str:
    if came_from_another(o, p, PING):
        return FROM_ANOTHER
    if came_as_no_line(o, PING):
        return is_a_line(o, PING)
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if pings_without_end(o, p):
        return (
            f"Your program sends {PING} without a pause. Most likely the call that waits returns at once, for example "
            "because your program does not read the timerfd after it has expired. Or it reads WATCHDOG_USEC in another "
            "unit than microseconds. Wait half of that time."
        )
    lines = lines_from(p, o.notices)
    if RELOADING in lines:
        return (
            f"Your program sends {RELOADING} too, although no SIGHUP came. Most likely a case of the switch has no "
            "break, so the next case runs as well. End each case with break."
        )
    if lines.count(PING) == 0 and waits_in_accept(o):
        return WAITS_IN_ACCEPT
    if lines.count(PING) == 0:
        return (
            f"No {PING} came, and a manager would think that your program is dead. Most likely it ignores "
            "WATCHDOG_USEC, reads it in another unit, uses alarm(), which counts whole seconds, or sends nothing when "
            "the timer expires. Perhaps the call that sets the timer fails, for example with a number of nanoseconds "
            f"that is 1000000000 or more. Start setitimer() with half of that time, and send {PING} at each SIGALRM."
        )
    if lines.count(PING) == 1:
        return (
            f"Your program sends {PING} only once, but the manager wants it again and again. Send it from a timer that "
            "repeats: set its it_interval."
        )
    return (
        f"{PING} comes too seldom. If it comes only at the end of the time, it may be late, and the manager kills the "
        "service. Wait half of WATCHDOG_USEC each time."
    )


SELDOM_BUT_OFTEN_ENOUGH = f"with {SELDOM.environment[0]}: {PING} every {LONG_PERIOD / 2} s"


@check(
    says=f"the program sends {PING} also when {LONG_PERIOD} s may pass between two",
    read="sd_watchdog_enabled(3), setitimer(2)",
    scene=SELDOM,
    follows=[watchdog],
    expects=SELDOM_BUT_OFTEN_ENOUGH,
)
def watchdog_seldom(o: Observation, p: Process) -> Finding:
    apart = ping_period(p, o.notices, LONG_PINGS)
    if apart is not None and TOO_OFTEN < apart < 0.75 * LONG_PERIOD:
        return None
    count = lines_from(p, o.notices).count(PING)
    often = how_many(count) if apart is None else f"{PING} came every {abs(apart):.2f} s"
    return Wrong(
        expected=SELDOM_BUT_OFTEN_ENOUGH,
        observed=f"{often}{printed_after(o)}",
        because=why_seldom_is_wrong(o, apart),
    )


def why_seldom_is_wrong(o: Observation, apart: float | None) -> str:
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if apart is not None and apart <= TOO_OFTEN:
        return (
            f"With a long period your program sends {PING} without a pause. Most likely tv_nsec or tv_usec is a second "
            "or more, so the call that waits fails at once (EINVAL). Put whole seconds into tv_sec."
        )
    if apart is not None:
        return f"{PING} comes later than WATCHDOG_USEC says. Wait half of that time, and no longer."
    return (
        f"With a long period {PING} does not come, or stops. Most likely tv_nsec is 1000000000 or more, or tv_usec is "
        "1000000 or more, so the call that sets the timer fails (EINVAL). This may also come of adding two of them. "
        "Carry whole seconds over into tv_sec."
    )


SURPRISED = Scene(then=(RaiseBeforeWait(signal.SIGTERM),))


@check(read="sigsuspend(2), select(2), sigwaitinfo(2)", scene=SURPRISED, follows=[stops])
def none_slept_through(o: Observation) -> Finding:
    """a SIGTERM that comes just before the program waits is not missed."""
    raised = o.came(Raised)
    if raised and raised.result < 0:
        return Unseen(f"The lab could not stop your program at that moment: {os.strerror(-raised.result)}")
    if stopped_well(o):
        return None
    return Wrong(
        expected="the lab stops the program just before the call in which it waits (with ptrace), and sends SIGTERM: "
        "exit status 0",
        observed=after(o),
        because=why_it_slept_on(o),
    )


def why_it_slept_on(o: Observation) -> str:
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    return SLEPT_THROUGH if is_left(o) else INTERRUPTION_IS_NO_ERROR


# Bonus

NONE_FOR_ANOTHER = f"with {' and '.join(NOT_WATCHED.environment)}: no {PING}"


@check(read="sd_watchdog_enabled(3)", bonus=True, scene=NOT_WATCHED, expects=NONE_FOR_ANOTHER)
def not_watched(o: Observation, p: Process) -> Finding:
    """the program sends no WATCHDOG=1 when WATCHDOG_PID is another process."""
    if PING not in lines_from(p, o.notices):
        return None
    return Wrong(
        expected=NONE_FOR_ANOTHER,
        observed=manager_got(o.done[0].said.notices),
        because="WATCHDOG_PID names another process, so your program has only inherited the variables. Compare the "
        f"value with getpid(), and send no {PING} if it differs.",
    )


NEITHER_OF_THE_TWO = "neither of the two variables, whatever WATCHDOG_PID says"


@check(read="sd_watchdog_enabled(3), unsetenv(3)", bonus=True, scene=NOT_WATCHED, expects=NEITHER_OF_THE_TWO)
def forgets_watchdog(o: Observation, p: Process) -> Finding:
    """the program removes WATCHDOG_USEC and WATCHDOG_PID from its environment."""
    why_unseen = no_environ(o)
    if why_unseen:
        return Unseen(why_unseen)
    found = variables(o, "WATCHDOG_")
    if not found:
        return None
    return Wrong(
        expected=NEITHER_OF_THE_TWO,
        observed=", ".join(f"{name}={value}" for name, value in found.items()),
        because="Your program leaves this in its environment, so every program that it starts inherits it. Call "
        "unsetenv() for both variables, as for NOTIFY_SOCKET.",
    )


NO_NAME = Scene(notify=Manager.NONE, environment=(f"NOTIFY_SOCKET=/{'x' * 5000}",), then=(Signal(signal.SIGTERM),))


@check(read="sd_notify(3)", bonus=True, scene=NO_NAME)
def no_name(o: Observation) -> Finding:
    """the program warns of an invalid NOTIFY_SOCKET, and keeps running."""
    if stopped_well(o) and says_why(o, "NOTIFY_SOCKET", "xxxx"):
        return None
    return Wrong(
        expected=(
            "a line about NOTIFY_SOCKET, because 5001 characters are too many for a name; the program keeps running, "
            "and after kill -TERM exits with status 0"
        ),
        observed=after(o) + printed_after(o)[:200],
        because=why_the_name_is_wrong(o),
    )


def why_the_name_is_wrong(o: Observation) -> str:
    if stopped_well(o):
        return (
            "Your program keeps running, but prints nothing about NOTIFY_SOCKET. So nobody learns why the manager "
            "waits in vain. Print a warning that has NOTIFY_SOCKET in it."
        )
    if crash(o) in FAULTS or killed(o) in FAULTS:
        return (
            "Most likely your program copies the name beyond the end of sun_path, which has 108 bytes. Compare the "
            "length with sizeof(sun_path) before you call memcpy() or strcpy()."
        )
    if o.process is None:
        return KEEPS_SERVING
    if is_left(o):
        return why_it_is_still_running(o)
    return why_it_stops_otherwise(o)


NOBODY = os.strerror(errno.ENOENT)
LINE_WITH_REASON = f'a line with the reason, "{NOBODY}"'


@check(read="sendto(2), strerror(3)", bonus=True, scene=MISSING, expects=LINE_WITH_REASON)
def says_why_not(o: Observation, p: Process) -> Finding:
    """when no manager is at the socket, the program prints why."""
    if says_why(o, NOBODY):
        return None
    return Wrong(
        expected=LINE_WITH_REASON,
        observed=printed(o).removeprefix("; ") or "your program printed nothing",
        because="Your program does not print why it cannot reach the manager. That leaves nobody a hint why the "
        "manager waits in vain. Print strerror(errno) right after the call that failed.",
    )


NO_COMPLAINT = "no line with a level from <0> to <4>, which are errors and warnings"


def complaints(o: Observation) -> list[str]:
    """The lines that the program printed with the level of a warning or an error."""
    lines = (o.printed + "".join(done.said.printed for done in o.done)).splitlines()
    return [line for line in lines if re.match("<[0-4]>", line)]


@check(read="sd_notify(3), sd-daemon(3)", bonus=True, scene=ALONE, expects=NO_COMPLAINT)
def alone_in_peace(o: Observation, p: Process) -> Finding:
    """without NOTIFY_SOCKET the program prints no warning."""
    found = complaints(o)
    if not found:
        return None
    return Wrong(
        expected=NO_COMPLAINT,
        observed=f'your program printed "{found[0][:120]}"',
        because="Most likely your program warns that there is no manager. That is no mistake, because somebody may "
        "start it by hand. Print nothing then, or use <6> or <7> as the level.",
    )


A_LINE_EACH = "a line with a level after kill -HUP, and another one after kill -TERM"


@check(read="sd-daemon(3)", bonus=True, scene=ALONE, expects=A_LINE_EACH)
def logs_both(o: Observation, p: Process) -> Finding:
    """the program logs that it reloads, and that it stops."""
    if all(any(map(LEVEL.match, done.said.printed.splitlines())) for done in o.done):
        return None
    return Wrong(
        expected=A_LINE_EACH,
        observed="your program printed "
        + ", ".join(f'after {done.deed} "{done.said.printed.strip()[:60]}"' for done in o.done),
        because="Your program does not log both events. From its log nobody can tell later when it reloaded, or "
        "whether it stopped by itself. Print a line with a level for each.",
    )


INTERRUPTED = Scene(then=(Signal(signal.SIGINT),))
AS_FOR_SIGTERM = f"after kill -INT: {STOPPING}, and exit status 0"


@check(read="signal(7)", bonus=True, scene=INTERRUPTED, expects=AS_FOR_SIGTERM)
def interrupted(o: Observation, p: Process) -> Finding:
    """Ctrl-C (SIGINT) has the same effect as SIGTERM."""
    if stopped_well(o) and STOPPING in told_at(o, p, signal.SIGINT):
        return None
    return Wrong(
        expected=AS_FOR_SIGTERM,
        observed=f"{after(o)}; {manager_got(o.done[0].said.notices)}",
        because="Your program does not treat SIGINT as it treats SIGTERM. You send SIGINT with Ctrl-C when you try it "
        "by hand. Block or handle SIGINT too, and stop in the same way.",
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
    unheard,
    watchdog,
    watchdog_seldom,
    none_slept_through,
    not_watched,
    forgets_watchdog,
    no_name,
    says_why_not,
    alone_in_peace,
    logs_both,
    interrupted,
]
