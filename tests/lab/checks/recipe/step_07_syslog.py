"""Step 07: it reports through the system's log."""

from __future__ import annotations

import errno
import os
import re
from itertools import count
from typing import Callable, NamedTuple, Sequence

from lab.checks.check import LOG_TO_JUDGE, LOG_TO_PASS, Check, Finding, Wrong, check
from lab.checks.common import (
    FORM,
    Failure,
    crash,
    crash_cause,
    fails_cleanly,
    fate,
    holds,
    life_verdict,
    parsed,
    why_it_does_not_give_up,
)
from lab.checks.recipe import step_06_dev_null as step_06
from lab.checks.recipe.step_05_close_fds import inherited
from lab.checks.recipe.step_06_dev_null import (
    STANDARD,
    is_null,
    others,
    standard_holds,
    why_it_is_not_the_null_device,
    with_access,
)
from lab.facts import Descriptor, Message, Observation, Process
from lab.faults import Fault
from lab.scene import Device, Scene


def extra(o: Observation) -> dict[int, Descriptor]:
    """What is open beside 0, 1, 2 and, where -p names one, the PID file."""
    return {n: d for n, d in others(o.survivor).items() if o.pid_file is None or d.identity != o.pid_file.identity}


def sockets(p: Process) -> set[int]:
    """The numbers above 2 at which a socket is open."""
    return {n for n, d in others(p).items() if d.kind == "socket"}


def null_and_log(o: Observation) -> bool:
    """Whether 0, 1 and 2 are the null device, and beside them at most a socket to the log is open, and the PID file."""
    return standard_holds(o) and set(extra(o)) <= o.sockets.log_peers and len(extra(o)) <= 1


def null_device_and(
    name: str,
    says: str,
    expected: str,
    replaces: Sequence[Check],
    holds: Callable[[Observation], bool] = null_and_log,
) -> Check:
    """The check that a step makes of the descriptors, where more than the null device may be open."""

    @check(name=name, says=says, read="null(4), syslog(3)", replaces=replaces, adds_nothing=True, needs_log=LOG_TO_PASS)
    def null_device_and_more(o: Observation, p: Process) -> Finding:
        if holds(o):
            return None
        return Wrong(
            expected=f"0 to read, 1 and 2 to write, all on /dev/null, and {expected}",
            observed=with_access(o),
            because=why_not_just_null_device_and_log(o, p),
        )

    return null_device_and_more


def why_not_just_null_device_and_log(o: Observation, p: Process) -> str:
    if set(extra(o)) <= o.sockets.log_peers and len(extra(o)) > 1:
        return (
            "More than one socket to the log is open. Most likely your program opened one itself, and syslog() opened "
            "another. One is enough, so close yours."
        )
    taken = [n for n in STANDARD if n in p.open_files and n in o.sockets.log_peers]
    if taken and all(is_null(p, n) for n in STANDARD if n not in taken) and not others(p):
        return (
            f"Descriptor {taken[0]} was free when your program opened the log, so the socket got that number. Most "
            "likely your program closed it again, for example with fclose(stdin). Keep 0, 1 and 2 open."
        )
    if taken:
        return (
            f"The socket to the log took descriptor {taken[0]}, because that number was free when your program opened "
            "the log. Open /dev/null first. Send a message, or use LOG_NDELAY, after that."
        )
    if standard_holds(o) and not inherited(o) and sockets(p) - o.sockets.log_peers:
        return (
            "A socket is open that is not connected to /dev/log. Send your message with syslog(), which makes the "
            "right socket itself, and close yours."
        )
    if standard_holds(o) and not inherited(o) and any(each.kind == "file" for each in extra(o).values()):
        return (
            "Your program opened a file and left it open. If your message goes into that file, send it with syslog() "
            "instead. If the file is for something else, close it when you no longer need it."
        )
    return why_it_is_not_the_null_device(o, p)


null_device_and_log = null_device_and(
    "null_device_and_log",
    "0, 1 and 2 lead to /dev/null, beside at most a log socket",
    "at most one socket to /dev/log",
    replaces=[step_06.null_device],
)

DAEMON = 3  # the facility LOG_DAEMON, RFC 3164 section 4.1.1

FACILITIES = ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp")


def facility_name(number: int) -> str:
    """A facility as a learner would name it: "user (1)"."""
    if number < len(FACILITIES):
        return f"{FACILITIES[number]} ({number})"
    if 16 <= number < 24:
        return f"local{number - 16} ({number})"
    return str(number)


def sender_of(message: Message, o: Observation) -> str:
    """Who sent it. The PID of one that has ended could be looked up or not, as it happened: it is not told."""
    if any(process.pid == message.sender for process in o.processes):
        return f"process {message.sender}"
    return "a process that has ended"


def quoted(o: Observation) -> str:
    """The first messages to the log, in words."""
    if not o.messages:
        return "no message"
    words = [f'"{message.text[:120]}" from {sender_of(message, o)}' for message in o.messages[:3]]
    if len(o.messages) > 3:
        words.append(f"and {len(o.messages) - 3} more")
    return ", ".join(words)


class Entry(NamedTuple):
    """A message to the log, and all that stands in front of its text."""

    facility: int
    level: int
    tag: str
    named: int | None  # the PID that it names behind the tag
    sender: int | None
    text: str


def entries(o: Observation) -> list[Entry]:
    """All messages to the log that begin with a priority."""
    result = []
    for message in o.messages:
        match = FORM.match(message.text)
        if match:
            priority = int(match["priority"])
            behind = RFC_5424_PID if RFC_5424.match(message.text) else PID_IN_BRACKETS
            pid = behind.match(message.text, match.end())
            named = int(pid[1]) if pid else None
            _, _, text = message.text.partition((pid or match)[0])
            result.append(Entry(priority >> 3, priority & 7, match["tag"], named, message.sender, text))
    return result


PID_IN_BRACKETS = re.compile(r"\[(\d{1,10})\]")
RFC_5424 = re.compile(r"<\d{1,3}>1 ")
RFC_5424_PID = re.compile(r" (\d{1,10})(?= )")
EMERGENCY, WARNING = 0, 4  # levels: syslog(3)


def forged(o: Observation) -> Entry | None:
    """A message that names the PID of another process than its sender's, if there is one."""
    named = [each for each in entries(o) if each.named is not None and each.sender is not None]
    return next((each for each in named if each.named != each.sender), None)


def is_emergency(o: Observation) -> bool:
    """Whether a message has the level of a system that is unusable."""
    return any(each.level == EMERGENCY for each in entries(o))


@check(read="syslog(3)", needs_log=LOG_TO_JUDGE)
def reports_to_log(o: Observation, p: Process) -> Finding:
    """the daemon logs a message with facility daemon and its name."""
    if (DAEMON, o.name, p.pid) in parsed(o) and not is_emergency(o) and not forged(o):
        return None
    return Wrong(
        expected=f'facility daemon ({DAEMON}), a level other than 0, tag "{o.name}", sent by process {p.pid}',
        observed=quoted(o),
        because=why_nothing_was_reported(o, p),
    )


def why_nothing_was_reported(o: Observation, p: Process) -> str:
    own = [message for message in parsed(o) if message.sender == p.pid]
    facilities = [message.facility for message in own if message.facility is not None]
    if not o.messages:
        return (
            "No message reached /dev/log. Most likely the daemon does not call syslog() before it waits. Or "
            "setlogmask() holds the message back, or the socket to the log was closed."
        )
    if not own and p.sid not in (p.pid, o.shell.sid):
        return (
            "Another process sent the message, and not the daemon. Most likely it was sent before the last fork(), or "
            "by a child. Log in the daemon itself, after the last fork()."
        )
    if not own:
        return (
            "Another process sent the message, and not the daemon. Most likely the first process sent it, or a child "
            "did. Log in the daemon itself, after fork()."
        )
    if is_emergency(o):
        return (
            "A message of your program has level 0 (LOG_EMERG), and loggers show that on every terminal. Most likely "
            "one syslog() call names LOG_EMERG, or only a facility such as LOG_DAEMON, which sets no level. Use "
            "LOG_INFO there."
        )
    lie = forged(o)
    if lie is not None:
        return (
            f"A log message names PID {lie.named}, but process {lie.sender} sent it. Most likely your program wrote "
            "the PID into the message before fork(), or it is a fixed number. Leave it out, or call syslog() after "
            "openlog() with LOG_PID, which puts the right PID there."
        )
    if not facilities:
        return (
            "The message does not begin with a priority such as <30>, which is 8 * facility + level. Call syslog(), "
            "which writes it."
        )
    if DAEMON not in facilities:
        usual = " That is the default." if facilities[0] == 1 else ""
        return (
            f"The facility of your message is {facility_name(facilities[0])}.{usual} Give LOG_DAEMON to openlog() as "
            "the third argument, or add it to the priority."
        )
    if all(message.tag != o.name for message in own) and own[0].tag.endswith(":"):
        return (
            f'The tag of your message is "{own[0].tag}". Most likely the name that you give to openlog() ends with a '
            "colon, and syslog() adds one by itself. Give the name without it."
        )
    if all(message.tag != o.name for message in own) and "/" in own[0].tag:
        return (
            f'The tag of your message is "{own[0].tag}", which is a path. Give openlog() only the part after the last '
            "slash, for example program_invocation_short_name."
        )
    if all(message.tag != o.name for message in own):
        return (
            f'The tag of your message is "{own[0].tag}", not the name of your program. Pass the name to openlog(), and '
            "do not change that text later, because openlog() keeps only a pointer to it. If you write to /dev/log "
            "yourself, put the name and a colon before the text."
        )
    return (
        "Facility and tag are right, but never in the same message. Call openlog() with both before the first message."
    )


SAME_DAEMON = "the same daemon, and the message is lost"


@check(read="syslog(3)", bonus=True, scene=Scene(without=(Device.LOG,)))
def nobody_listens(o: Observation) -> Finding:
    """it keeps running when nobody listens at /dev/log."""
    if o.process is not None and null_and_log(o) and o.job.status == 0:
        return None
    is_open = f"; open: {with_access(o)}" if o.process else ""
    return Wrong(
        expected=SAME_DAEMON,
        observed=f"{fate(o)}{is_open}",
        because=why_it_needs_a_listener(o),
        verdict=life_verdict(o),
    )


def why_it_needs_a_listener(o: Observation) -> str:
    if o.process is None and crash(o):
        return crash_cause(o)
    if o.process is not None and o.job.status == 0:
        return why_not_just_null_device_and_log(o, o.process)
    return (
        "Your program gives up when nobody listens at /dev/log, so a restart of the logger would stop it. Keep "
        "running: syslog() reports no error, and the message is lost."
    )


CHDIR_FAILURE = Failure("chdir", os.strerror(errno.EACCES), "The daemon is still in the directory of its start.")


def reasons_in_log(o: Observation) -> list[Entry]:
    """The messages to the log that tell why chdir() failed."""
    return [each for each in entries(o) if holds(each.text, CHDIR_FAILURE.reason, "EACCES")]


def is_an_error(entry: Entry) -> bool:
    """Whether its level is that of an error or a warning."""
    return EMERGENCY < entry.level <= WARNING


@check(read="syslog(3)", bonus=True, needs_log=LOG_TO_JUDGE, scene=Scene(fault=Fault.CHDIR_FAILS))
def logs_failures(o: Observation) -> Finding:
    """when chdir() fails, it logs why and exits."""
    if fails_cleanly(o) and any(map(is_an_error, reasons_in_log(o))):
        return None
    return Wrong(
        expected="the reason in the log as an error, an exit status other than 0",
        observed=f"chdir() was made to fail (EACCES); {fate(o)}; in the log: {quoted(o)}",
        because=why_the_log_has_no_reason(o),
    )


def why_the_log_has_no_reason(o: Observation) -> str:
    if o.processes and reasons_in_log(o):
        return (
            "Your program logs that chdir() failed, but it keeps running in the directory where you started it. Exit "
            "with a status other than 0 after the message."
        )
    if not fails_cleanly(o):
        return why_it_does_not_give_up(o, CHDIR_FAILURE)
    if reasons_in_log(o):
        return (
            f"Your program logs the reason at level {reasons_in_log(o)[0].level}. That level is not for errors. Use "
            "LOG_ERR, so that the message is kept and found."
        )
    if o.messages:
        return (
            "Your log message does not name the reason. Add it with %m, or with strerror(errno) as an argument for %s. "
            "Save errno before another call changes it."
        )
    if o.printed.strip():
        return (
            "Your message went only to standard error, and nobody reads that of a daemon. Call syslog() in die() too, "
            "with the reason."
        )
    return "Your program exits without a message in the log. Call syslog() before you exit, with the reason (%m)."


def came_out_right(o: Observation) -> bool:
    """Whether 0, 1 and 2 are still the null device: dup2() puts it there, with anything open. Nothing to report."""
    return o.process is not None and all(is_null(o.process, n) for n in STANDARD)


FAR = 8  # what is opened first where nothing can be closed gets no number that is further from the lowest free one


def names_the_numbers(o: Observation, text: str) -> bool:
    """Whether a text names the numbers that open() and dup() gave, where nothing could be closed before.

    None is below the lowest that was free at the start. There are three of
    them; a program that looks at each at once names the first alone.
    """
    taken = set(o.shell.descriptors)
    lowest = next(n for n in count() if n not in taken)
    words = re.findall(r"(?<![\d.])(?:0|[1-9]\d*)(?![\d.]*\d)", text.replace(o.name, ""))
    found = {int(word) for word in words if len(word) < 5} - {o.job.pid, *o.reaped}
    beyond = {n for n in found if n >= lowest}
    return len(beyond) >= len(STANDARD) or any(n < lowest + FAR for n in beyond)


def with_the_numbers(o: Observation) -> list[Entry]:
    """The messages to the log that name them."""
    return [each for each in entries(o) if names_the_numbers(o, each.text)]


def ended_with_1(o: Observation) -> bool:
    """Whether a process has exited with status 1, and none stays."""
    statuses = [s for s in (o.job.status, *o.reaped.values()) if s is not None]
    return fails_cleanly(o) and any(os.WIFEXITED(s) and os.WEXITSTATUS(s) == 1 for s in statuses)


@check(read="syslog(3), dup(2)", bonus=True, needs_log=LOG_TO_JUDGE, scene=Scene(fault=Fault.CLOSE_IGNORED))
def names_wrong_numbers(o: Observation) -> Finding:
    """if the numbers are not 0, 1 and 2, it logs them and exits."""
    if came_out_right(o) or (ended_with_1(o) and any(map(is_an_error, with_the_numbers(o)))):
        return None
    return Wrong(
        expected="the numbers in the log as an error, exit status 1, no process that stays",
        observed=f"close() was made to do nothing; {fate(o)}; in the log: {quoted(o)}",
        because=why_the_numbers_are_not_named(o),
    )


def why_the_numbers_are_not_named(o: Observation) -> str:
    if o.processes and with_the_numbers(o):
        return (
            "Your program logs the wrong numbers, but it keeps running with them. Exit with status 1 after the message."
        )
    if o.processes:
        return (
            "Your program keeps running with the wrong numbers. Compare what open() and dup() return with 0, 1 and 2. "
            "Log the numbers and exit with status 1 if they differ."
        )
    if crash(o):
        return crash_cause(o)
    if not o.messages:
        return "Your program exits without a message in the log. Log the three numbers with syslog() before you exit."
    if ended_with_1(o) and with_the_numbers(o):
        return (
            f"Your program logs the numbers at level {with_the_numbers(o)[0].level}. That level is not for errors. Use "
            "LOG_ERR, so that the message is kept and found."
        )
    return "Your log message does not contain the three numbers, or the exit status is not 1. Both are needed."


CHECKS = [
    null_device_and_log,
    reports_to_log,
    nobody_listens,
    logs_failures,
    names_wrong_numbers,
]
