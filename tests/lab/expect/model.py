"""What a check is made of, and the words that checks have in common."""

import errno
import os
import re
import signal
from dataclasses import dataclass, field

from lab.scene import Scene

WRONG_STATE = "wrong state"
DOES_NOT_COMPILE = "does not compile"
NO_SOURCE = "no source file"
CRASHED = "crashed"
EXITED = "exited too soon"
NEVER_SETTLED = "never settled"
UNCHECKED = "cannot be checked here"

# A message to the log: <priority>, a time stamp if there is one (syslog(3) writes
# one; RFC 5424 has another form, with a host before the tag), then the tag. A
# colon ends the tag, but one before the PID is part of it, as journald has it.
FORM = re.compile(
    r"<(?P<priority>\d{1,3})>"
    r"(?:1 \S+ \S+ |[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:[^\s:\[]+ (?=\S+:))?)? *"
    r"(?P<tag>[^\s\[:]*(?::(?=[\[:]))?)"
)

LOG_TO_JUDGE = "without the log there is nothing to look at"
LOG_TO_PASS = "without the log only some of what is wrong can be seen"


@dataclass(eq=False)
class Check:
    """One sentence about an answer, and what to say if it is not true.

    The functions get an observe.Observation. `causes` is a table of (test,
    text): the first test that is true gives the cause of what was observed. The
    test may be True itself, and the text a function.
    """

    key: str  # its name in pytest's ids: letters and underscores
    says: str  # the sentence
    read: str  # man page and section
    holds: object
    expected: object
    observed: object
    causes: tuple
    verdict: object = lambda o: WRONG_STATE
    replaces: tuple = ()  # keys of checks of earlier steps that no longer hold
    relaxes: bool = False  # what replaces another adds nothing: it counts as old as that
    follows: tuple = ()  # keys: where one of them fails, this is bound to fail
    on_process: bool = True  # looks at the process: there has to be one
    star: bool = False  # a bonus check
    scene: Scene = field(default_factory=Scene)  # what is not the usual one is a launch of its own
    times: int = 1  # so many launches, and it has to hold in each
    unseen: object = lambda o: ""  # why it could not be checked here, as far as the launch itself shows
    needs_log: str = ""  # LOG_TO_JUDGE, LOG_TO_PASS: what takes a /dev/log that is the lab's
    since: object = None  # the step that added it: set by expect.added()

    def cause(self, o):
        """The cause of what was observed, in words."""
        for test, text in self.causes:
            if test is True or test(o):
                return text(o) if callable(text) else text
        return ""


def signal_name(number):
    """SIGSEGV for 11; a number that has no name as it is."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def ended(status):
    """How a process ended, from its wait status: "ended with status 1"."""
    if os.WIFSIGNALED(status):
        return f"was killed by {signal_name(os.WTERMSIG(status))}"
    return f"ended with status {os.waitstatus_to_exitcode(status)}"


def names(descriptors):
    """Descriptors in a few words, "none" for none."""
    return ", ".join(str(d) for d in descriptors.values()) or "none"


def role(o, pid):
    """Who a PID is, as far as the lab knows."""
    return {
        0: "nobody",
        o.adopter: "init" if o.sandboxed else "the subreaper, which is init's stand-in",
        o.shell.pid: "the shell",
        o.job: "the launched process",
    }.get(pid, f"process {pid}")


def printed(o):
    """What the answer printed, for the end of a sentence; nothing if it did not."""
    text = " ".join(o.printed.split())
    if not text:
        return ""
    return f'; it printed "{text[:200]}{"..." if len(text) > 200 else ""}"'


def fate(o):
    """What became of the processes, in words."""
    parts = []
    if o.shell_lost:
        parts.append("the shell that launched it was ended or stopped")
    if o.job_status is not None:
        parts.append(f"the launched process (PID {o.job}) {ended(o.job_status)}")
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


# A row for the causes of checks on the processes' lives.
SHELL_LOST = (
    lambda o: o.shell_lost,
    "the answer sent a signal to the shell that launched it: kill() with 0, -1 or getppid() reaches more than "
    "the process itself",
)


def crash(o):
    """The signal that ended one of the answer's processes, 0 if none did."""
    statuses = [s for s in (o.job_status, *o.reaped.values()) if s is not None]
    return next((os.WTERMSIG(s) for s in statuses if os.WIFSIGNALED(s)), 0)


CRASHES = {
    signal.SIGSEGV: "it used memory that is not its own, or that it may only read: a bad pointer, a string constant "
    "written to, or a stack that grew too far",
    signal.SIGBUS: "it used memory that has nothing behind it, such as what is mapped beyond the end of a file",
    signal.SIGABRT: "it called abort(), as a failed assert() and a damaged heap do",
    signal.SIGFPE: "it divided by zero, or an integer operation overflowed",
    signal.SIGILL: "it ran into something that is no instruction",
    signal.SIGHUP: "its terminal was hung up, or SIGHUP was sent to it. The terminal that forkpty() gives a child is "
    "hung up once the parent, which holds its other side, has ended: a daemon needs none, setsid() is enough",
}


def crash_cause(o):
    """Why a signal ended a process, as far as the signal tells."""
    number = crash(o)
    return CRASHES.get(number, f"{signal_name(number)} was sent to it, by itself or by another process")


def life_verdict(o):
    """The verdict where the processes did not live as they should."""
    if o.shell_lost:
        return WRONG_STATE
    if crash(o) and not o.processes:
        return CRASHED
    if not o.processes:
        return EXITED
    return WRONG_STATE


def fails_cleanly(o):
    """Whether a start that could not work left nothing behind, and failed."""
    statuses = [o.job_status, *o.reaped.values()]
    return not o.processes and any(s is not None and os.WIFEXITED(s) and s != 0 for s in statuses)


def said(o):
    """What it printed and logged, but for its name and what syslog() puts in front: these say nothing of a reason."""
    logged = (re.sub(r"^\[\d+\]", "", FORM.sub("", message.text, 1)) for message in o.messages)
    return "\n".join([o.printed, *logged]).replace(o.name, "")


def says_why(o, *words):
    """Whether what it printed or logged holds one of these words."""
    text = said(o).lower()
    return any(word.lower() in text for word in words)


def star_for_failure(call, error, half, *words):
    """The bonus check of an answer that says so when `call` fails, and ends.

    `error` is the errno that the call is made to give, by name; `half` says
    what becomes of an answer that does not look; `words` may stand in what it
    says, too, in place of the call's name and the reason.
    """
    reason = os.strerror(getattr(errno, error))
    return Check(
        key=f"{call}_fails",
        says=f"says so when {call}() fails, and ends",
        read=f"{call}(2)",
        star=True,
        on_process=False,
        scene=Scene(fault=f"{call}-{error}"),
        holds=lambda o: fails_cleanly(o) and says_why(o, call, reason, *words),
        expected=lambda o: "the reason on standard error, a status other than 0, nothing that lives on",
        observed=lambda o: f"{call}() was made to fail ({error}); {fate(o)}",
        causes=(
            (lambda o: o.processes, f"what {call}() returns is not looked at: {half}"),
            (lambda o: not fails_cleanly(o), "it ends as if all were well: whoever started it cannot tell"),
            (lambda o: not printed(o), "it does not say why it ends: perror() knows"),
            (True, "what it prints names neither the call nor the reason: perror() knows both"),
        ),
    )
