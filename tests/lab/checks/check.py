"""What a check is: a function that looks at what was seen, and says what is wrong, if anything is.

    @check(read="umask(2)")
    def umask_is_zero(o: Observation, p: Process) -> Finding:
        '''The umask is 0000.'''
        if p.umask == 0:
            return None
        return Wrong(expected="0000", observed=f"{p.umask:04o}", because="umask(0) was not called.")

The function's name is the check's key; where a step is launched in two ways, it
has the way's name in front: daemon/serves. The first line of its docstring is the
sentence in the report. The names of its parameters say what it looks at:

    build   what the compiler made of the source (facts.Build)
    o       a launch that has come to rest (facts.Observation)
    o, p    the same, and the daemon: it is asked only if there is one

A cause is chosen by a function of plain `if ... return`, from the special to the
general, which is called why_...() and stands below the check that it belongs to.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Sequence, Union

from lab.course import Step
from lab.facts import Build, Observation
from lab.scene import Scene, Usual
from lab.toolbox import LabError

# Which kind of wrong an answer is.
WRONG_STATE = "wrong state"
DOES_NOT_COMPILE = "does not compile"
NO_SOURCE = "no source file"
CRASHED = "crashed"
EXITED = "exited too soon"
NEVER_SETTLED = "never settled"
UNCHECKED = "cannot be checked here"

# What a check has to have a log of the lab's for.
LOG_TO_JUDGE = "without the log there is nothing to look at"
LOG_TO_PASS = "without the log only some of what is wrong can be seen"


@dataclass(frozen=True)
class Wrong:
    """What a learner is told of a check that does not hold."""

    expected: str
    observed: str
    because: str
    verdict: str = WRONG_STATE  # one of the above

    def instead(self, cause: str | None) -> Wrong:
        """The same, with a better cause, where there is one."""
        return replace(self, because=cause) if cause else self


@dataclass(frozen=True)
class Unseen:
    """Whether the check holds cannot be told from this launch."""

    why: str


@dataclass(frozen=True)
class Noted:
    """It holds, but the report says something about it."""

    what: str


Finding = Union[Wrong, Unseen, Noted, None]  # None: it holds
Look = Callable[..., Finding]


@dataclass(frozen=True, eq=False)
class Check:
    """A function of a step's module, with how an answer is launched for it and what it has to do with other checks."""

    name: str  # what the function is called
    says: str  # the sentence
    look: Look
    looks_at: str  # "build", "launch" or "process": see above
    read: str  # man page and section
    scene: Scene = field(default_factory=Scene)  # what is not the usual one is a launch of its own
    usual: Usual | None = None  # the way in which it is launched, where its step has two
    times: int = 1  # so many launches, and it has to hold in each
    star: bool = False  # a bonus check
    replaces: tuple[str, ...] = ()  # keys of checks of earlier steps that no longer hold
    adds_nothing: bool = False  # to what it replaces: it counts as old as that
    follows: tuple[str, ...] = ()  # keys: where one of them fails, this one is bound to fail
    needs_log: str = ""  # LOG_TO_JUDGE or LOG_TO_PASS
    expects: str = ""  # what is expected, to be told where the process that it looks at has not lived on
    since: Step | None = None  # the step that it counts as old as, if that is not the one that adds it

    @property
    def key(self) -> str:
        """Its name among all checks of an answer, and in pytest's IDs."""
        return self.usual.key(self.name) if self.usual else self.name

    @property
    def on_process(self) -> bool:
        """Whether it looks at the daemon, so that there must be one."""
        return self.looks_at == "process"

    def judge(self, seen: Observation | Build) -> Finding:
        """What is wrong with what was seen. With `on_process` there must be a process."""
        if isinstance(seen, Observation) and self.on_process:
            return self.look(seen, seen.process)
        return self.look(seen)


def _sentence(look: Look) -> str:
    """The first line of a function's docstring."""
    return (inspect.getdoc(look) or "").partition("\n")[0].rstrip(".")


_LOOKS_AT = {("build",): "build", ("o",): "launch", ("o", "p"): "process"}


def check(
    *, replaces: Sequence[Check] = (), follows: Sequence[Check] = (), bonus: bool = False, **more: Any
) -> Callable[[Look], Check]:
    """Make a check of a function. `replaces` and `follows` name other checks, `more` are fields of Check.

    A function that is made by another one has `name` and `says` among `more`.
    """

    def wrap(look: Look) -> Check:
        named: dict[str, Any] = {"name": look.__name__, "says": _sentence(look)}
        parameters = tuple(inspect.signature(look).parameters)
        if parameters not in _LOOKS_AT:
            wrong = f"{look.__module__}, {look.__name__}({', '.join(parameters)})"
            raise LabError(f"{wrong}: the parameters of a check are (build), (o) or (o, p)")
        return Check(
            look=look,
            looks_at=_LOOKS_AT[parameters],
            star=bonus,
            replaces=tuple(each.key for each in replaces),
            follows=tuple(each.key for each in follows),
            **{**named, **more},
        )

    return wrap
