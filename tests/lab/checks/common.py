"""Words and tests that the checks of several steps share: roles of processes, how they ended, their messages."""

from __future__ import annotations

import errno
import os
import re
import signal
from typing import Mapping, NamedTuple

from lab.checks.check import CRASHED, EXITED, WRONG_STATE, Check, Finding, Wrong, check
from lab.facts import Descriptor, Observation, StartedAgain
from lab.faults import Fault
from lab.scene import Scene, Stdio

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


def no_environ(o: Observation) -> str:
    """Why nothing can be said of the daemon's environment, "" if something can: environ(7)."""
    if o.process is None or o.process.environment is not None:
        return ""
    return "the lab did not find `environ` in the memory of the process"


def signal_name(number: int) -> str:
    """SIGSEGV for 11; a number that has no name as it is."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def ended(status: int) -> str:
    """How a process ended, from its wait status: "exited with status 1"."""
    if os.WIFSIGNALED(status):
        return f"was killed by {signal_name(os.WTERMSIG(status))}"
    return f"exited with status {os.waitstatus_to_exitcode(status)}"


def names(descriptors: Mapping[int, Descriptor]) -> str:
    """Descriptors in a few words, "none" for none."""
    return ", ".join(str(d) for d in descriptors.values()) or "none"


def role(o: Observation, pid: int) -> str:
    """Who a PID is, as far as the lab knows."""
    return {
        0: "no process",
        o.world.adopter: "init" if o.world.adopter == 1 else "the subreaper, which is init's stand-in",
        o.shell.pid: "the shell",
        o.job.pid: "the first process",
    }.get(pid, f"process {pid}")


def printed(o: Observation) -> str:
    """The text that a program printed, for the end of a sentence; "" if it printed nothing."""
    if o.scene.stdio is Stdio.PIPE and o.piped.text.strip():
        output = f"; on standard output your program printed {_shown(o.piped.text)}"
        return f"{output}, on standard error {_shown(o.errors)}" if o.errors.strip() else output
    return f"; your program printed {_shown(o.printed)}" if o.printed.strip() else ""


def _shown(text: str) -> str:
    """What was printed, in one line and quotation marks: not too much of it."""
    line = " ".join(text.split())
    return f'"{line[:200]}{"..." if len(line) > 200 else ""}"'


def _with_pid(o: Observation, pid: int) -> str:
    """The name of a process, at the beginning of a sentence."""
    return f"the first process (PID {pid})" if pid == o.job.pid else f"process {pid}"


def fate(o: Observation) -> str:
    """How each process ended, and which ones stay, in words."""
    parts = []
    if o.job.lost_shell:
        parts.append("the shell that started your program was killed or stopped")
    if o.job.status is not None:
        parts.append(f"{_with_pid(o, o.job.pid)} {ended(o.job.status)}")
    for pid, status in sorted(o.reaped.items())[:3]:
        parts.append(f"process {pid} {ended(status)}")
    if len(o.reaped) > 3:
        parts.append(f"{len(o.reaped) - 3} more exited or were killed")
    alive = [_with_pid(o, process.pid) for process in o.processes]
    if not alive:
        parts.append("no process stays")
    elif len(alive) > 5:
        parts.append(f"{len(alive)} processes stay")
    else:
        parts.append(f"{' and '.join(alive)} {'stays' if len(alive) == 1 else 'stay'}")
    if not o.processes and o.messages:
        parts.append(f'in the log: "{o.messages[-1].text[:120]}"')
    return "; ".join(parts) + printed(o)


SHELL_LOST = (
    "Your program sent a signal to the shell that started it. kill() with 0, -1 or getppid() reaches other "
    "processes too. Use a PID that you know."
)


def crash(o: Observation) -> int:
    """The signal that killed one of the processes, 0 if none did."""
    statuses = [s for s in (o.job.status, *o.reaped.values()) if s is not None]
    return next((os.WTERMSIG(s) for s in statuses if os.WIFSIGNALED(s)), 0)


CRASHES: dict[int, str] = {
    signal.SIGSEGV: "Your program read or wrote memory that it may not use. Look for a bad pointer, a write to a "
    "string constant, or endless recursion.",
    signal.SIGBUS: "Your program used memory that has nothing behind it. Most likely it mapped a file and read beyond "
    "the end. Compare the size of the file with what you map.",
    signal.SIGABRT: "SIGABRT killed your program. Most likely an assert() failed, or your program calls abort() "
    "itself, after a call that failed. Some calls always fail, for example signal() for SIGKILL: go on after those. "
    "After any other, print the reason and exit instead. A damaged heap ends in abort(), too.",
    signal.SIGFPE: "Your program divided by zero, or an integer operation overflowed. Test the divisor before each "
    "division.",
    signal.SIGILL: "Your program ran into bytes that are no instruction. Look for a bad function pointer, or for a "
    "function that ends without return.",
    signal.SIGHUP: "SIGHUP killed your program. Most likely its terminal hung up when the parent exited, because "
    "the parent held the other end of forkpty(). Use fork() and setsid() instead, because a daemon needs no terminal.",
    signal.SIGALRM: "SIGALRM killed your program. Most likely alarm() or setitimer() asked for it. Remove that call, "
    "or handle the signal.",
    signal.SIGPIPE: "SIGPIPE killed your program, because it wrote to a pipe or socket that nobody reads. Ignore "
    "SIGPIPE, and look at what write() returns.",
}


def crash_cause(o: Observation) -> str:
    """Why a signal ended a process, as far as the signal tells."""
    number = crash(o)
    return CRASHES.get(
        number,
        f"{signal_name(number)} killed your program. Your program or another process sent it. Look for kill() and "
        "raise(), and send signals only to processes that you know.",
    )


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
    """The end of those that were started besides; of none where nothing was started again."""
    return o.came(StartedAgain) or StartedAgain((), "")


def is_left(o: Observation) -> bool:
    """Whether the process is still running after the deeds of its scene."""
    return o.process is not None and o.process.pid in o.after.left


def stopped_well(o: Observation) -> bool:
    """Whether all of it has ended after what was done to it, and the process itself with status 0."""
    return o.process is not None and not o.after.left and o.after.status == 0


# What a process gets that goes wrong by itself: it was not sent by somebody who wants it to end.
FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS)


def fails_cleanly(o: Observation) -> bool:
    """Whether a start that could not work left nothing behind, and failed, and no process of it crashed."""
    statuses = [status for status in (o.job.status, *o.reaped.values()) if status is not None]
    crashed = any(os.WIFSIGNALED(status) and os.WTERMSIG(status) in FAULTS for status in statuses)
    return not o.processes and not crashed and any(os.WIFEXITED(status) and status != 0 for status in statuses)


def said(o: Observation) -> str:
    """All that it printed and logged, without its name and the words of syslog(), which say nothing of a reason."""
    logged = (re.sub(r"^\[\d+\]", "", FORM.sub("", message.text, 1)) for message in o.messages)
    return "\n".join([o.printed, *logged]).replace(o.name, "")


def holds(text: str, *words: str) -> bool:
    """Whether a text holds one of these words, in capitals or not."""
    return any(word.lower() in text.lower() for word in words)


def says_why(o: Observation, *words: str) -> bool:
    """Whether what it printed or logged holds one of these words."""
    return holds(said(o), *words)


def says_on_error(o: Observation, *words: str) -> bool:
    """Whether what it printed on standard error holds one of these words: for a scene with Stdio.PIPE."""
    return holds(o.errors.replace(o.name, ""), *words)


# strerror(0) of glibc and of musl.
SUCCESS = ("Success", "No error information")


def says_success(o: Observation) -> bool:
    """Whether it gives the success of a call as the reason why it gives up."""
    return any(word in said(o) for word in SUCCESS)


def umask_taken_for_failure(o: Observation) -> bool:
    """Whether it gave up because of umask(), which cannot fail."""
    return not o.processes and says_why(o, "umask") and any(map(os.WEXITSTATUS, exits(o)))


def exits(o: Observation) -> list[int]:
    """The wait statuses of its processes that have exited by themselves."""
    return [s for s in (o.job.status, *o.reaped.values()) if s is not None and os.WIFEXITED(s)]


UMASK_TAKEN_FOR_FAILURE = (
    "Your program takes the old mask for an error. umask() cannot fail. It returns the mask that was set before, "
    "here the one of the shell. Call umask(0) without a test."
)


# ---- a call that is made to fail --------------------------------------------------


class Failure(NamedTuple):
    """A call that a scene makes to fail, and what a cause has to know of it."""

    call: str  # without brackets
    reason: str  # what strerror() says
    half: str  # a sentence: what becomes of a program that goes on
    words: tuple[str, ...] = ()  # that may stand in a message in place of the call and the reason
    failed: str = "-1"  # what the call returns then

    def is_named(self, text: str) -> bool:
        """Whether a text names the call or the reason."""
        return holds(text, self.call, self.reason, *self.words)


# What a message says that tells of a failure, whatever its reason.
TELLING = ("fail", "error", "cannot", "can't", "could not", "couldn't", "unable")


def reports(o: Observation, failure: Failure) -> bool:
    """Whether it ends with an error, and says why on standard error: for a scene with Stdio.PIPE."""
    return fails_cleanly(o) and failure.is_named(o.errors.replace(o.name, ""))


def why_failure_is_not_reported(o: Observation, failure: Failure) -> str:
    """The cause where reports() says no."""
    return why_it_does_not_give_up(o, failure) or why_no_reason_is_heard(o, failure)


def why_it_does_not_give_up(o: Observation, failure: Failure) -> str:
    """Why it does not end with an error by itself, though a call failed; "" where it does."""
    call = failure.call
    if o.processes and (says_why(o, failure.reason, *failure.words) or says_why(o, *TELLING)):
        return (
            f"Your program notices that {call}() failed, but it keeps running. {failure.half} "
            "Exit with a status other than 0 after the message."
        )
    if o.processes:
        return (
            f"Most likely your program ignores what {call}() returned, or does not compare it with {failure.failed}. "
            f"{failure.half} Print the reason and exit."
        )
    if fails_cleanly(o):
        return ""
    if crash(o) == signal.SIGABRT:
        return (
            f"SIGABRT killed your program when {call}() failed. Most likely an assert() failed and called abort(). "
            "Test the result with if, print the reason and exit."
        )
    if crash(o) in (signal.SIGSEGV, signal.SIGBUS):
        return (
            f"{signal_name(crash(o))} killed your program when {call}() failed. Most likely it used a result that is "
            "not valid, such as NULL. Test the result, print the reason and exit."
        )
    if crash(o):
        return (
            f"{signal_name(crash(o))} killed your program when {call}() failed. It must end by itself. "
            "Print the reason and exit with a status other than 0."
        )
    return (
        "Your program exits with status 0 although the call failed. Exit with another status, so that the caller "
        "notices."
    )


def why_no_reason_is_heard(o: Observation, failure: Failure) -> str:
    """Why the reason is not on standard error, though it ends with an error."""
    call = failure.call
    if failure.is_named(o.piped.text.replace(o.name, "")):
        return (
            "Your program prints the reason on standard output. A message about an error belongs on standard error. "
            "Use perror(), or fprintf(stderr, ...)."
        )
    if failure.is_named(said(o)):
        return (
            "Your program tells the reason only to the log. The user who starts it reads standard error. "
            "Print the reason there too."
        )
    if not o.printed.strip():
        return "Your program exits without a message. Print the reason with perror() before you exit."
    return (
        f'The message of your program names neither the call nor the reason. Use perror("{call}"), '
        "which prints both on standard error."
    )


def bonus_for_failure(call: str, error: str, half: str, *words: str) -> Check:
    """The bonus check of an answer that says so when `call` fails, and ends.

    `error` is the errno that the call is made to give, by name; `half` is a
    sentence on what becomes of an answer that goes on; `words` may stand in what
    it says, too, in place of the call's name and the reason.
    """
    failure = Failure(call, os.strerror(getattr(errno, error)), half, words)

    @check(
        name=f"{call}_fails",
        says=f"when {call}() fails, it prints why and exits",
        read=f"{call}(2), stderr(3)",
        bonus=True,
        scene=Scene(fault=Fault.called(f"{call}-{error}"), stdio=Stdio.PIPE),
    )
    def call_fails(o: Observation) -> Finding:
        if reports(o, failure):
            return None
        return Wrong(
            expected="the reason on standard error, an exit status other than 0, no process that stays",
            observed=f"{call}() was made to fail ({error}, {failure.reason}); {fate(o)}",
            because=why_failure_is_not_reported(o, failure),
        )

    return call_fails
