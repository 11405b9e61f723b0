"""Step 07: it reports through the system's log."""

import os

from lab.checks.model import FORM, LOG_TO_JUDGE, LOG_TO_PASS, Check, fails_cleanly, fate, says_why
from lab.checks.step_05_close_fds import inherited
from lab.checks.step_06_dev_null import (
    STANDARD,
    is_null,
    others,
    standard_holds,
    why_it_is_not_the_null_device,
    with_access,
)
from lab.scene import Scene

DAEMON = 3  # the facility LOG_DAEMON, RFC 3164 section 4.1.1

FACILITIES = ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp")


def parsed(o):
    """(facility, tag, sender) of every message, facility None where there is no form."""
    result = []
    for message in o.messages:
        match = FORM.match(message.text)
        facility = int(match["priority"]) >> 3 if match else None
        result.append((facility, match["tag"] if match else "", message.sender))
    return result


def own(o):
    """Of what parsed() gives: the messages that the daemon itself sent."""
    return [message for message in parsed(o) if message[2] == o.process.pid]


def facilities(o):
    """The facilities of these, of those that name one."""
    return [facility for facility, _, _ in own(o) if facility is not None]


def facility_name(number):
    if number < len(FACILITIES):
        return f"{FACILITIES[number]} ({number})"
    return f"local{number - 16} ({number})" if 16 <= number < 24 else str(number)


def is_good(o, message):
    return message == (DAEMON, o.name, o.process.pid)


def sender_of(message, o):
    """Who sent it. The PID of one that has ended could be looked up or not, as it happened: it is not told."""
    living = any(process.pid == message.sender for process in o.processes)
    return f"process {message.sender}" if living else "a process that has ended"


def quoted(o):
    if not o.messages:
        return "no message"
    lines = [f'"{m.text[:120]}" from {sender_of(m, o)}' for m in o.messages[:3]]
    more = f", and {len(o.messages) - 3} more" if len(o.messages) > 3 else ""
    return ", ".join(lines) + more


def sockets(o):
    """The numbers above 2 at which a socket is open."""
    return {n for n, d in others(o.process).items() if d.kind == "socket"}


def extra(o):
    """What is open beside 0, 1, 2 and, where -p names one, the PID file: Descriptors by number."""
    return {n: d for n, d in others(o.process).items() if o.pid_file is None or d.identity != o.pid_file.identity}


def null_and_log(o):
    return standard_holds(o) and set(extra(o)) <= o.log_peers and len(extra(o)) <= 1


def null_device_and(key, says, expected, replaces, holds=null_and_log):
    """The check that a step makes of the descriptors, where more than the null device may be open."""
    return Check(
        key=key,
        says=says,
        read="null(4), syslog(3)",
        replaces=replaces,
        relaxes=True,
        needs_log=LOG_TO_PASS,
        holds=holds,
        expected=lambda o: f"0 to read, 1 and 2 to write, all three the null device, and {expected}",
        observed=with_access,
        causes=(
            (
                lambda o: set(extra(o)) <= o.log_peers and len(extra(o)) > 1,
                "more than one socket to the log is open: one is enough, and syslog() opens its own",
            ),
            (
                lambda o: any(n in o.log_peers for n in STANDARD if n in o.process.open_files),
                "the socket to the log took one of the numbers 0, 1, 2: the first message was sent, or LOG_NDELAY "
                "given, while they were closed. Both belong after the opening of /dev/null",
            ),
            (
                lambda o: standard_holds(o) and not inherited(o) and sockets(o) - o.log_peers,
                "a socket is open that is not connected to /dev/log. That is a Unix datagram socket: connect() one of "
                "this kind to it, or close yours once the message is sent",
            ),
            (True, lambda o: why_it_is_not_the_null_device(o, o.process)),
        ),
    )


CHECKS = [
    null_device_and(
        "null_device_and_log",
        "0, 1 and 2 are the null device; beside them at most a socket to the log",
        "at most one socket to /dev/log",
        replaces=("null_device",),
    ),
    Check(
        key="reports_to_log",
        says="a message of facility daemon, tagged with its name, has reached the log",
        read="syslog(3)",
        needs_log=LOG_TO_JUDGE,
        holds=lambda o: any(is_good(o, message) for message in parsed(o)),
        expected=lambda o: f'facility daemon ({DAEMON}), tag "{o.name}", sent by process {o.process.pid}',
        observed=quoted,
        causes=(
            (
                lambda o: not o.messages,
                "nothing reached /dev/log: syslog() was not called in the process that lives on, or not before it "
                "waits; or setlogmask() holds the message back; or the socket that it was written to had been "
                "closed with the other descriptors",
            ),
            (
                lambda o: not own(o) and o.process.sid not in (o.process.pid, o.shell.sid),
                "another process sent it: what forked this one, before the last fork, or a child or a program that was "
                "started to send it. The daemon itself has to, and the last child is the daemon",
            ),
            (
                lambda o: not own(o),
                "another process sent it: the launched one, before the fork or in the part that is the parent's, or "
                "a child or a program that was started to send it. The daemon itself has to",
            ),
            (
                lambda o: not facilities(o),
                "it does not start with a priority: <30>, say, which is 8 * facility + level. syslog() writes it",
            ),
            (
                lambda o: DAEMON not in facilities(o),
                lambda o: f"its facility is {facility_name(facilities(o)[0])}"
                + (", which is what syslog() takes if nobody says otherwise" if facilities(o)[0] == 1 else "")
                + ": LOG_DAEMON belongs into openlog(), as the third argument, or into the priority",
            ),
            (
                lambda o: all(found != o.name for _, found, _ in own(o)),
                lambda o: f'its tag is "{own(o)[0][1]}": that is what stands before the PID, or else before the first '
                "colon or blank. syslog() writes the first argument of openlog() there; it keeps the pointer and no "
                "copy, so the text has to stay as it is",
            ),
            (True, "facility and tag are right, but never both in one message"),
        ),
    ),
    Check(
        key="nobody_listens",
        says="lives on where nobody listens at /dev/log",
        read="syslog(3)",
        star=True,
        scene=Scene(without=("log",)),
        holds=lambda o: null_and_log(o) and o.job_status == 0,
        expected=lambda o: "the same daemon; the message is lost",
        observed=lambda o: f"{fate(o)}; open: {with_access(o)}",
        causes=((True, "it depends on the log: a logger that is restarted would take it down"),),
    ),
    Check(
        key="logs_failures",
        says="tells the log as well when a call fails",
        read="syslog(3)",
        star=True,
        needs_log=LOG_TO_JUDGE,
        on_process=False,
        scene=Scene(fault="chdir-EACCES"),
        holds=lambda o: fails_cleanly(o) and any("denied" in m.text for m in o.messages),
        expected=lambda o: "the reason in the log, a status other than 0, nothing that lives on",
        observed=lambda o: f"chdir() was made to fail (EACCES); {fate(o)}; in the log: {quoted(o)}",
        causes=(
            (lambda o: o.processes, "what chdir() returns is not looked at"),
            (lambda o: not fails_cleanly(o), "it ends as if all were well: whoever started it cannot tell"),
            (
                True,
                "nobody reads standard error of a daemon: what die() prints has to go to the log too, with the reason",
            ),
        ),
    ),
    Check(
        key="names_wrong_numbers",
        says="logs the numbers and ends with 1 if they are not 0, 1 and 2",
        read="syslog(3), dup(2)",
        star=True,
        needs_log=LOG_TO_JUDGE,
        on_process=False,
        scene=Scene(fault="close-ignored"),
        holds=lambda o: came_out_right(o) or gave_up(o),
        expected=lambda o: "an error in the log that names the numbers, status 1, nothing that lives on",
        observed=lambda o: f"closing was made to do nothing; {fate(o)}; {quoted(o)}",
        causes=(
            (lambda o: o.processes, "the numbers that open() and dup() gave are not compared with 0, 1 and 2"),
            (lambda o: not o.messages, "it ends without a word in the log"),
            (True, "the message does not name the numbers, or the status is not 1"),
        ),
    ),
]


def came_out_right(o):
    """dup2() puts the null device at 0, 1 and 2 whatever is open there: nothing to report then."""
    return o.process is not None and all(is_null(o.process, n) for n in STANDARD)


def gave_up(o):
    statuses = [s for s in o.reaped.values() if os.WIFEXITED(s)]
    return not o.processes and any(os.waitstatus_to_exitcode(s) == 1 for s in statuses) and says_why(o, *"3456789")
