"""A launch in words: how the program was started, what was seen of it, what it waits in, and what it said itself."""

from __future__ import annotations

import os
import re
from typing import Iterable

from lab.checks.check import NEVER_SETTLED, Check
from lab.checks.common import FORM, fate, role, signal_name
from lab.facts import Doing, Observation, Process
from lab.faults import Fault
from lab.judge.verdict import Result
from lab.scene import UNBLOCKED, Manager, Parent, Scene, Signals, Stdio, Usual

# Of the time of a busy process. One that makes the cheapest call there is, getppid(), all the time spends half of it
# there; one that makes none spends less than a hundredth (Linux 6.18 on x86-64).
MUCH_OF_IT = 0.2
MAX_QUOTE = 200  # characters of what a program said
QUOTED_ELSEWHERE = 60  # so many of them stand in an observation, or the report has not quoted it yet

# The functions of the C library that learners call, by the system calls in which they wait: the pages of section 2.
CALLED_BY = {
    "wait4": "waitpid()",
    "clock_nanosleep": "sleep()",
    "nanosleep": "sleep()",
    "rt_sigtimedwait": "sigwaitinfo()",
    "rt_sigsuspend": "sigsuspend()",
    "pselect6": "pselect()",
    "ppoll": "poll() or pause()",
    "epoll_pwait": "epoll_wait()",
    "openat": "open()",
    "accept4": "accept()",
    "sendto": "send() or syslog()",
    "recvfrom": "recv()",
    "futex": "a lock, or a thread that is waited for",
}

PARENT = {
    Parent.INIT: "by init",
    Parent.SUBREAPER: "below a process that adopts orphans instead of init",
}

SIGNALS = {
    Signals.HELD: f"with all signals ignored, and all but {UNBLOCKED.name} blocked",
    Signals.PENDING: f"with all signals but {UNBLOCKED.name} blocked, and SIGHUP pending",
}

STDIO = {
    Stdio.TERMINAL: "on a terminal",
    Stdio.CLOSED: "with 0, 1 and 2 closed",
    Stdio.PIPE: "with a pipe as standard output",
    Stdio.UNREAD: "with standard output and standard error on a pipe that nobody reads",
}


# ---- how it was started --------------------------------------------------------------


def launch_in_words(scene: Scene) -> str:
    """How a program is started in a completed scene, and what is done to it, as a sentence."""
    parts = _state_in_words(scene)
    parts += [f"without /dev/{device.value}" for device in scene.without]
    parts += [f"with {shortened(variable, 40)} in its environment" for variable in scene.environment]
    if scene.notify is not None and scene.notify is not Manager.NONE:
        parts.append(f"with NOTIFY_SOCKET ({scene.notify.value})")
    if scene.listen:
        parts.append(f"with sockets from descriptor 3 on ({', '.join(kind.value for kind in scene.listen)})")
    if scene.taken:
        parts.append(f"where somebody else listens at {', '.join(scene.taken)}")
    if scene.files:
        parts.append(f"beside {', '.join(file[0] for file in scene.files)}")
    if scene.fault:
        parts.append(f"where {fault_in_words(scene.fault)}")
    if scene.tells:
        parts.append("waiting for the first process to exit")
    text = f"Started {', '.join(parts)}"
    return f"{text}; then {', '.join(map(str, scene.then))}." if scene.then else f"{text}."


def _state_in_words(scene: Scene) -> list[str]:
    """What the kernel has of the program at its start, and its arguments."""
    parts = [STDIO[scene.stdio]]
    if scene.arguments:
        parts.append(f"with {' '.join(scene.arguments)}")
    if scene.root:
        parts.append("as root")
    if scene.leads:
        parts.append("as the leader of a session")
    if scene.parent in PARENT:
        parts.append(PARENT[scene.parent])
    if scene.more_open:
        parts.append(f"with {scene.more_open} more descriptors open")
    if scene.long_pids:
        parts.append("where PIDs have many digits")
    if scene.signals in SIGNALS:
        parts.append(SIGNALS[scene.signals])
    return parts


def fault_in_words(fault: Fault) -> str:
    """What is made to go wrong."""
    call, _, how = fault.word.rpartition("-")
    if call == "telling":
        return "it is held whenever it tells something"
    if call == "child":
        return "its child is held until the parent has ended or waits for it"
    ways = {
        "killed": f"it is killed in {call}()",
        "held": f"it is held for a while in {call}()",
        "slow": f"it is held for a second in {call}()",
        "outlived": f"it is killed in {call}(), and the lab keeps its pipes open",
        "ignored": f"{call}() does nothing",
        "second": f"the second {call}() fails",
        "once": f"the first {call}() fails",
    }
    return ways.get(how, f"{call}() fails with {how}")


# ---- what was seen -------------------------------------------------------------------


def seen_in_words(o: Observation) -> list[str]:
    """What was seen of a launch, as lines: who lives, what the daemon looks like, what came of what was done to it."""
    lines = [fate(o)]
    if o.process and not o.job.lost_shell:
        lines += process_in_words(o, o.process)
    if o.messages:
        lines.append(f"in the log: {quoted(o.messages[-1].text)}{_and_others(len(o.messages) - 1)}")
    if o.notices:
        lines.append(f"to the service manager: {quoted(o.notices[-1].text)}{_and_others(len(o.notices) - 1)}")
    if o.after.status is not None:
        how = f"was killed by {signal_name(os.WTERMSIG(o.after.status))}"
        if os.WIFEXITED(o.after.status):
            how = f"exited with status {os.WEXITSTATUS(o.after.status)}"
        lines.append(f"after that PID {o.survivor.pid} {how}")
    return lines


def _and_others(number: int) -> str:
    return f", and {number} more" if number else ""


def process_in_words(o: Observation, p: Process) -> list[str]:
    """What ps would show of a process, and more."""
    lines = [
        f"PID {p.pid}: PPID {p.ppid} ({role(o, p.ppid)}), PGID {p.pgid}, SID {p.sid}, "
        f"{'a' if p.terminal else 'no'} controlling terminal, umask {p.umask:04o}, directory {p.cwd_text}",
        f"open: {open_in_words(p)}",
    ]
    for what, numbers in (("ignored", p.ignored), ("blocked", p.blocked), ("handled", p.caught | p.awaited)):
        if numbers:
            lines.append(f"signals {what}: {signals_in_words(numbers)}")
    if p.credentials and o.scene.root:
        lines.append(f"UID {p.credentials.uids[1]}, GID {p.credentials.gids[1]}")
    return lines


def open_in_words(p: Process) -> str:
    """Its descriptors, those of a kind together: "0, 1, 2 a terminal"; "none" for none."""
    kinds: dict[str, list[int]] = {}
    for number, descriptor in p.open_files.items():
        kinds.setdefault(str(descriptor).partition(" ")[2], []).append(number)
    return "; ".join(f"{', '.join(map(str, numbers))} {kind}" for kind, numbers in kinds.items()) or "none"


def signals_in_words(numbers: Iterable[int]) -> str:
    """Their names, or how many there are."""
    known = sorted(numbers)
    return ", ".join(map(signal_name, known)) if len(known) <= 8 else f"{len(known)} of 62"


# ---- what it waits in ----------------------------------------------------------------


def doing_in_words(result: Result) -> str:
    """What the processes of a launch are at, where that may be why a check fails; else "".

    It may where something does not come to rest or is busy. It may, too, where a
    check asks what has become of the processes, and one lives that should have
    ended: what the shell has started, unless it is a service in the foreground,
    or what was told to end.
    """
    o = result.seen
    if not isinstance(o, Observation) or not o.doing:
        return ""
    is_busy = any(doing.state == "R" for doing in o.doing)
    may_hang = not result.check.on_process and (_job_lives(o) or _was_told_to_end(o))
    if result.verdict != NEVER_SETTLED and not is_busy and not may_hang:
        return ""
    return "; ".join(_doing(doing) for doing in o.doing)


def _job_lives(o: Observation) -> bool:
    """Whether the process that the shell has started lives, and is no service in the foreground."""
    is_service = bool(o.scene.listen) or o.scene.notify not in (None, Manager.NONE)
    return not is_service and any(doing.pid == o.job.pid for doing in o.doing)


def _was_told_to_end(o: Observation) -> bool:
    return any(name in str(deed) for deed in o.scene.then for name in ("SIGTERM", "SIGINT"))


def _doing(doing: Doing) -> str:
    if doing.state in "Tt":
        return f"PID {doing.pid} is stopped"
    if doing.state == "R":
        if doing.call:
            return f"PID {doing.pid} is busy in {doing.call}()"
        how = "makes system calls all the time" if doing.system >= MUCH_OF_IT else "is busy in code of its own"
        return f"PID {doing.pid} {how}"
    if not doing.call:
        return f"PID {doing.pid} waits"
    usual = CALLED_BY.get(doing.call)
    return f"PID {doing.pid} waits in {doing.call}()" + (f", as in {usual}" if usual else "")


# ---- what it said --------------------------------------------------------------------


def own_message(result: Result) -> str:
    """What the program said when it gave up; "" if it did not, or said nothing.

    It gave up if one of its processes has ended with a status other than 0. The
    last line that it printed counts, one with a reason before any other; or else
    the last error in the log.
    """
    o = result.seen
    if not isinstance(o, Observation) or not _gave_up(o):
        return ""
    printed = [" ".join(line.split()) for line in o.printed.splitlines() if line.strip()]
    logged = [text for message in o.messages if (text := _logged_error(message.text))]
    if printed and printed[0].lower().startswith("usage"):
        return ""  # how it is called is no reason
    reasons = [line for line in printed if _CALL.search(line)] or printed or logged
    return reasons[-1] if reasons else ""


# What stands before a reason, as perror(3) has it: "setsid: Operation not permitted", "setsid() failed: ...".
_CALL = re.compile(r"(\w+)(?:\(\))?(?: failed)?: ")


def says_the_reason(result: Result) -> str:
    """A sentence on what the program said itself, where the cause that is told does not know of it; "" elsewhere."""
    said = own_message(result)
    if not said or not _is_usual(result.check):
        return ""
    if said in result.because or any(f"{call}(" in result.because for call in _CALL.findall(said)):
        return ""
    if shortened(said, QUOTED_ELSEWHERE).rstrip(".") in " ".join(result.observed.split()):
        return "Most likely the reason is what your program said itself, as quoted above."
    return f"Most likely your program itself tells the reason. It said: {quoted(said)}."


def _is_usual(check: Check) -> bool:
    """Whether a check looks at a usual launch, in which nothing should fail. In many others something has to."""
    usual = (check.usual or Usual()).completed(Scene())
    return check.scene in (Scene(), Scene(root=True), usual)


def _gave_up(o: Observation) -> bool:
    statuses = [status for status in (o.job.status, *o.reaped.values()) if status is not None]
    return any(os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0 for status in statuses)


LOG_ERR = 3  # syslog(3)


def _logged_error(text: str) -> str:
    """What a message to the log says, without what syslog() puts in front; "" if it is no error."""
    match = FORM.match(text)
    if not match or int(match["priority"]) & 7 > LOG_ERR:
        return ""
    return re.sub(r"^(\[\d+\])?:?", "", text[match.end() :]).strip()


def quoted(text: str) -> str:
    """What a program said, in quotation marks: not too much of it."""
    return f'"{shortened(" ".join(text.split()), MAX_QUOTE)}"'


def shortened(text: str, most: int) -> str:
    """At most so many characters of a text."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
