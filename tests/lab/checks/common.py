"""What several steps' checks have in common: who is who, what became of the processes, what they said."""

from __future__ import annotations

import errno
import os
import re
import signal
from typing import Mapping, NamedTuple

from lab.checks.check import CRASHED, EXITED, WRONG_STATE, Check, Finding, Wrong, check
from lab.facts import Descriptor, Observation, StartedAgain
from lab.faults import Fault
from lab.scene import Scene

# A message to the log: <priority>, a time stamp if there is one (syslog(3) writes
# one; RFC 5424 has another form, with a host before the tag), then the tag. A
# colon ends the tag, but one before the PID is part of it, as journald has it.
FORM = re.compile(
    r"<(?P<priority>\d{1,3})>"
    r"(?:1 \S+ \S+ |[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:[^\s:\[]+ (?=\S+:))?)? *"
    r"(?P<tag>[^\s\[:]*(?::(?=[\[:]))?)"
)


class Parsed(NamedTuple):
    """What is to be known of a message to the log."""

    facility: int | None  # None where there is no form
    tag: str
    sender: int | None


def parsed(o: Observation) -> list[Parsed]:
    """All messages to the log, taken apart."""
    result = []
    for message in o.messages:
        match = FORM.match(message.text)
        if match:
            result.append(Parsed(int(match["priority"]) >> 3, match["tag"], message.sender))
        else:
            result.append(Parsed(None, "", message.sender))
    return result


def whole_number(text: str) -> int | None:
    """The number that a text is, written in the digits 0 to 9; None for any other text.

    Unicode has more digits, and int() takes some of them. No number of more
    than 64 bits is one that a program can mean.
    """
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else None


def signal_name(number: int) -> str:
    """SIGSEGV for 11; a number that has no name as it is."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def ended(status: int) -> str:
    """How a process ended, from its wait status: "ended with status 1"."""
    if os.WIFSIGNALED(status):
        return f"was killed by {signal_name(os.WTERMSIG(status))}"
    return f"ended with status {os.waitstatus_to_exitcode(status)}"


def names(descriptors: Mapping[int, Descriptor]) -> str:
    """Descriptors in a few words, "none" for none."""
    return ", ".join(str(d) for d in descriptors.values()) or "none"


def role(o: Observation, pid: int) -> str:
    """Who a PID is, as far as the lab knows."""
    return {
        0: "nobody",
        o.world.adopter: "init" if o.world.adopter == 1 else "the subreaper, which is init's stand-in",
        o.shell.pid: "the shell",
        o.job.pid: "the launched process",
    }.get(pid, f"process {pid}")


def printed(o: Observation) -> str:
    """What the answer printed, for the end of a sentence; nothing if it did not."""
    text = " ".join(o.printed.split())
    if not text:
        return ""
    return f'; it printed "{text[:200]}{"..." if len(text) > 200 else ""}"'


def fate(o: Observation) -> str:
    """What became of the processes, in words."""
    parts = []
    if o.job.lost_shell:
        parts.append("the shell that launched it was ended or stopped")
    if o.job.status is not None:
        parts.append(f"the launched process (PID {o.job.pid}) {ended(o.job.status)}")
    for pid, status in sorted(o.reaped.items())[:3]:
        parts.append(f"process {pid} {ended(status)}")
    if len(o.reaped) > 3:
        parts.append(f"and {len(o.reaped) - 3} more ended")
    alive = [str(process.pid) for process in o.processes]
    if not alive:
        parts.append("nothing lives on")
    elif len(alive) > 5:
        parts.append(f"{len(alive)} processes live on")
    else:
        parts.append(f"{' and '.join(alive)} live{'s' if len(alive) == 1 else ''} on")
    if not o.processes and o.messages:
        parts.append(f'in the log: "{o.messages[-1].text[:120]}"')
    return "; ".join(parts) + printed(o)


SHELL_LOST = (
    "the answer sent a signal to the shell that launched it: kill() with 0, -1 or getppid() reaches more than "
    "the process itself"
)


def crash(o: Observation) -> int:
    """The signal that ended one of the answer's processes, 0 if none did."""
    statuses = [s for s in (o.job.status, *o.reaped.values()) if s is not None]
    return next((os.WTERMSIG(s) for s in statuses if os.WIFSIGNALED(s)), 0)


CRASHES: dict[int, str] = {
    signal.SIGSEGV: "it used memory that is not its own, or that it may only read: a bad pointer, a string constant "
    "written to, or a stack that grew too far",
    signal.SIGBUS: "it used memory that has nothing behind it, such as what is mapped beyond the end of a file",
    signal.SIGABRT: "it called abort(), as a failed assert() and a damaged heap do",
    signal.SIGFPE: "it divided by zero, or an integer operation overflowed",
    signal.SIGILL: "it ran into something that is no instruction",
    signal.SIGHUP: "its terminal was hung up, or SIGHUP was sent to it. The terminal that forkpty() gives a child is "
    "hung up once the parent, which holds its other side, has ended: a daemon needs none, setsid() is enough",
}


def crash_cause(o: Observation) -> str:
    """Why a signal ended a process, as far as the signal tells."""
    number = crash(o)
    return CRASHES.get(number, f"{signal_name(number)} was sent to it, by itself or by another process")


def life_verdict(o: Observation) -> str:
    """The verdict where the processes did not live as they should."""
    if o.job.lost_shell:
        return WRONG_STATE
    if crash(o) and not o.processes:
        return CRASHED
    if not o.processes:
        return EXITED
    return WRONG_STATE


def killed(o: Observation) -> int:
    """The signal that ended the process after it had come to rest, 0 if none did."""
    if o.after.status is None or not os.WIFSIGNALED(o.after.status):
        return 0
    return os.WTERMSIG(o.after.status)


def started_again(o: Observation) -> StartedAgain:
    """What became of those that were started besides; of none where nothing was started again."""
    return o.came(StartedAgain) or StartedAgain((), "")


def is_left(o: Observation) -> bool:
    """Whether the process lives on after what was done to it."""
    return o.process is not None and o.process.pid in o.after.left


def stopped_well(o: Observation) -> bool:
    """Whether all of it has ended after what was done to it, and the process itself with status 0."""
    return o.process is not None and not o.after.left and o.after.status == 0


def fails_cleanly(o: Observation) -> bool:
    """Whether a start that could not work left nothing behind, and failed."""
    statuses = [o.job.status, *o.reaped.values()]
    return not o.processes and any(s is not None and os.WIFEXITED(s) and s != 0 for s in statuses)


def said(o: Observation) -> str:
    """What it printed and logged, but for its name and what syslog() puts in front: these say nothing of a reason."""
    logged = (re.sub(r"^\[\d+\]", "", FORM.sub("", message.text, 1)) for message in o.messages)
    return "\n".join([o.printed, *logged]).replace(o.name, "")


def says_why(o: Observation, *words: str) -> bool:
    """Whether what it printed or logged holds one of these words."""
    text = said(o).lower()
    return any(word.lower() in text for word in words)


def bonus_for_failure(call: str, error: str, half: str, *words: str) -> Check:
    """The bonus check of an answer that says so when `call` fails, and ends.

    `error` is the errno that the call is made to give, by name; `half` says
    what becomes of an answer that does not look; `words` may stand in what it
    says, too, in place of the call's name and the reason.
    """
    reason = os.strerror(getattr(errno, error))

    @check(
        name=f"{call}_fails",
        says=f"says so when {call}() fails, and ends",
        read=f"{call}(2)",
        bonus=True,
        scene=Scene(fault=Fault.called(f"{call}-{error}")),
    )
    def call_fails(o: Observation) -> Finding:
        if fails_cleanly(o) and says_why(o, call, reason, *words):
            return None
        return Wrong(
            expected="the reason on standard error, a status other than 0, nothing that lives on",
            observed=f"{call}() was made to fail ({error}); {fate(o)}",
            because=why_not(o),
        )

    def why_not(o: Observation) -> str:
        if o.processes:
            return f"what {call}() returns is not looked at: {half}"
        if not fails_cleanly(o):
            return "it ends as if all were well: whoever started it cannot tell"
        if not printed(o):
            return "it does not say why it ends: perror() knows"
        return "what it prints names neither the call nor the reason: perror() knows both"

    return call_fails
