"""Checks as rows of functions: what is not written as a function yet, see check.py."""

import errno
import os
from dataclasses import dataclass, field

from lab.checks import common
from lab.checks.check import (  # noqa: F401
    CRASHED,
    DOES_NOT_COMPILE,
    EXITED,
    LOG_TO_JUDGE,
    LOG_TO_PASS,
    NEVER_SETTLED,
    NO_SOURCE,
    UNCHECKED,
    WRONG_STATE,
    Unseen,
    Wrong,
)
from lab.checks.common import (  # noqa: F401
    CRASHES,
    FORM,
    crash,
    crash_cause,
    ended,
    fails_cleanly,
    fate,
    life_verdict,
    names,
    printed,
    role,
    said,
    says_why,
    signal_name,
)
from lab.scene import Scene

SHELL_LOST = (lambda o: o.shell_lost, common.SHELL_LOST)


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

    since: object = None  # the step that it counts as old as, if that is not the one that adds it

    def expects_of_the_lost(self, o):
        """What is expected, where no process lives on."""
        return self.expected(o)

    @property
    def looks_at(self):
        """As a Check of check.py has it."""
        return "build" if self.key == "compiles" else "process" if self.on_process else "launch"

    def judge(self, o):
        """What is wrong, as a check of check.py says it."""
        if why := self.unseen(o):
            return Unseen(why)
        if self.holds(o):
            return None
        return Wrong(self.expected(o), self.observed(o), self.cause(o), self.verdict(o))

    def cause(self, o):
        """The cause of what was observed, in words."""
        for test, text in self.causes:
            if test is True or test(o):
                return text(o) if callable(text) else text
        return ""


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
