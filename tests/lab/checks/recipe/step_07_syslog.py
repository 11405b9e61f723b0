"""Step 07: it reports through the system's log."""

from __future__ import annotations

import os
from typing import Callable, Sequence

from lab.checks.check import LOG_TO_JUDGE, LOG_TO_PASS, Check, Finding, Wrong, check
from lab.checks.common import fails_cleanly, fate, parsed, says_why
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
            expected=f"0 to read, 1 and 2 to write, all three the null device, and {expected}",
            observed=with_access(o),
            because=why_not_just_null_device_and_log(o, p),
        )

    return null_device_and_more


def why_not_just_null_device_and_log(o: Observation, p: Process) -> str:
    if set(extra(o)) <= o.sockets.log_peers and len(extra(o)) > 1:
        return "more than one socket to the log is open: one is enough, and syslog() opens its own"
    if any(n in o.sockets.log_peers for n in STANDARD if n in p.open_files):
        return (
            "the socket to the log took one of the numbers 0, 1, 2: the first message was sent, or LOG_NDELAY "
            "given, while they were closed. Both belong after the opening of /dev/null"
        )
    if standard_holds(o) and not inherited(o) and sockets(p) - o.sockets.log_peers:
        return (
            "a socket is open that is not connected to /dev/log. That is a Unix datagram socket: connect() one of "
            "this kind to it, or close yours once the message is sent"
        )
    return why_it_is_not_the_null_device(o, p)


null_device_and_log = null_device_and(
    "null_device_and_log",
    "0, 1 and 2 are the null device; beside them at most a socket to the log",
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


@check(read="syslog(3)", needs_log=LOG_TO_JUDGE)
def reports_to_log(o: Observation, p: Process) -> Finding:
    """a message of facility daemon, tagged with its name, has reached the log."""
    if (DAEMON, o.name, p.pid) in parsed(o):
        return None
    return Wrong(
        expected=f'facility daemon ({DAEMON}), tag "{o.name}", sent by process {p.pid}',
        observed=quoted(o),
        because=why_nothing_was_reported(o, p),
    )


def why_nothing_was_reported(o: Observation, p: Process) -> str:
    own = [message for message in parsed(o) if message.sender == p.pid]
    facilities = [message.facility for message in own if message.facility is not None]
    if not o.messages:
        return (
            "nothing reached /dev/log: syslog() was not called in the process that lives on, or not before it "
            "waits; or setlogmask() holds the message back; or the socket that it was written to had been "
            "closed with the other descriptors"
        )
    if not own and p.sid not in (p.pid, o.shell.sid):
        return (
            "another process sent it: what forked this one, before the last fork, or a child or a program that was "
            "started to send it. The daemon itself has to, and the last child is the daemon"
        )
    if not own:
        return (
            "another process sent it: the launched one, before the fork or in the part that is the parent's, or "
            "a child or a program that was started to send it. The daemon itself has to"
        )
    if not facilities:
        return "it does not start with a priority: <30>, say, which is 8 * facility + level. syslog() writes it"
    if DAEMON not in facilities:
        usual = ", which is what syslog() takes if nobody says otherwise" if facilities[0] == 1 else ""
        return (
            f"its facility is {facility_name(facilities[0])}{usual}: LOG_DAEMON belongs into openlog(), as the third "
            "argument, or into the priority"
        )
    if all(message.tag != o.name for message in own):
        return (
            f'its tag is "{own[0].tag}": that is what stands before the PID, or else before the first '
            "colon or blank. syslog() writes the first argument of openlog() there; it keeps the pointer and no "
            "copy, so the text has to stay as it is"
        )
    return "facility and tag are right, but never both in one message"


SAME_DAEMON = "the same daemon; the message is lost"


@check(read="syslog(3)", bonus=True, scene=Scene(without=(Device.LOG,)), expects=SAME_DAEMON)
def nobody_listens(o: Observation, p: Process) -> Finding:
    """lives on where nobody listens at /dev/log."""
    if null_and_log(o) and o.job.status == 0:
        return None
    return Wrong(
        expected=SAME_DAEMON,
        observed=f"{fate(o)}; open: {with_access(o)}",
        because="it depends on the log: a logger that is restarted would take it down",
    )


@check(read="syslog(3)", bonus=True, needs_log=LOG_TO_JUDGE, scene=Scene(fault=Fault.CHDIR_FAILS))
def logs_failures(o: Observation) -> Finding:
    """tells the log as well when a call fails."""
    if fails_cleanly(o) and any("denied" in message.text for message in o.messages):
        return None
    return Wrong(
        expected="the reason in the log, a status other than 0, nothing that lives on",
        observed=f"chdir() was made to fail (EACCES); {fate(o)}; in the log: {quoted(o)}",
        because=why_the_log_has_no_reason(o),
    )


def why_the_log_has_no_reason(o: Observation) -> str:
    if o.processes:
        return "what chdir() returns is not looked at"
    if not fails_cleanly(o):
        return "it ends as if all were well: whoever started it cannot tell"
    return "nobody reads standard error of a daemon: what die() prints has to go to the log too, with the reason"


def came_out_right(o: Observation) -> bool:
    """Whether 0, 1 and 2 are the null device all the same: dup2() puts it there whatever is open. Nothing to report."""
    return o.process is not None and all(is_null(o.process, n) for n in STANDARD)


def gave_up(o: Observation) -> bool:
    """Whether it ended with status 1, and named a number that is none of 0, 1 and 2."""
    ended_with_1 = any(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1 for status in o.reaped.values())
    return not o.processes and ended_with_1 and says_why(o, *"3456789")


@check(read="syslog(3), dup(2)", bonus=True, needs_log=LOG_TO_JUDGE, scene=Scene(fault=Fault.CLOSE_IGNORED))
def names_wrong_numbers(o: Observation) -> Finding:
    """logs the numbers and ends with 1 if they are not 0, 1 and 2."""
    if came_out_right(o) or gave_up(o):
        return None
    return Wrong(
        expected="an error in the log that names the numbers, status 1, nothing that lives on",
        observed=f"closing was made to do nothing; {fate(o)}; {quoted(o)}",
        because=why_the_numbers_are_not_named(o),
    )


def why_the_numbers_are_not_named(o: Observation) -> str:
    if o.processes:
        return "the numbers that open() and dup() gave are not compared with 0, 1 and 2"
    if not o.messages:
        return "it ends without a word in the log"
    return "the message does not name the numbers, or the status is not 1"


CHECKS = [
    null_device_and_log,
    reports_to_log,
    nobody_listens,
    logs_failures,
    names_wrong_numbers,
]
