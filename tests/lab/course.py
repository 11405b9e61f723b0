"""The list of steps, in their order: it is read from checks/course.txt, where a person can read it too."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Iterable

from lab.toolbox import ROOT, LabError

LIST = ROOT / "tests" / "lab" / "checks" / "course.txt"
HEAD = """\
# The course: its parts, and the steps of each with their titles. A part is a folder here.
# A step builds on the one above it. Where it starts anew, the line below it says from which one, or from nothing.
# Where learners are given the functions of one more step, the lines below say so, and which code they start from:
# the first digits of the SHA-256 of its tokens, as answers.fingerprint() has them.
"""


@dataclass(frozen=True)
class Step:
    """A step of the course."""

    name: str  # as its files are called: NN_word
    title: str  # as the head comment of its C files has it
    part: str  # of the course: the folder in checks/ that holds its module

    @property
    def number(self) -> int:
        """Its number as the course counts: the NN of its name."""
        return int(self.name[:2])

    @property
    def word(self) -> str:
        """Its name without the number."""
        return self.name[3:]

    @property
    def file(self) -> str:
        """What an answer to it is called."""
        return f"{self.name}.c"

    @property
    def handout(self) -> str:
        """Its handout, as a path from the top of the project."""
        return f"steps/{self.name}.md"


@dataclass(frozen=True)
class Origin:
    """Where the program of a step comes from."""

    before: Step | None = None  # the step that it builds on, if there is one
    given: Step | None = None  # one whose functions it has, too: learners get them, and need not write them again
    skeleton: str = ""  # then: the fingerprint of what learners get, see answers.fingerprint()


_PART = re.compile(r"[a-z]\w*")
_STEP = re.compile(r" {4}(?P<name>\d\d_[a-z]\w*) +(?P<title>\S.*)")
_START = re.compile(r" {8}starts from (?P<name>\w+)")
_GIVEN = re.compile(r" {8}with functions of (?P<name>\w+)")
_SKELETON = re.compile(r" {8}learners start from code (?P<digits>[0-9a-f]{16})")


def read(text: str) -> dict[Step, Origin]:
    """The steps that a list names, and where each comes from. Raises LabError."""
    steps: dict[Step, Origin] = {}
    part, latest = "", None
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        if not line.isprintable():
            raise _wrong(number, "it holds characters that cannot be printed")
        if _PART.fullmatch(line):
            part = line
        elif match := _STEP.fullmatch(line):
            step = Step(match["name"], match["title"], part)
            _look_at(step, latest, number)
            steps[step] = Origin(latest)
            latest = step
        elif match := _START.fullmatch(line) or _GIVEN.fullmatch(line):
            if latest is None:
                raise _wrong(number, "there is no step above it")
            above = _start(match["name"], [step for step in steps if step != latest], number)
            is_given = match.re is _GIVEN
            steps[latest] = replace(steps[latest], given=above) if is_given else Origin(above)
        elif match := _SKELETON.fullmatch(line):
            if latest is None:
                raise _wrong(number, "there is no step above it")
            steps[latest] = replace(steps[latest], skeleton=match["digits"])
        else:
            raise _wrong(number, "neither a part, nor a step with its title, nor what a step starts from")
    if not steps:
        raise LabError(f"{LIST.relative_to(ROOT)} names no step")
    return steps


def write(steps: dict[Step, Origin]) -> str:
    """The text of a list of these steps: what read() reads."""
    lines = [HEAD.rstrip()]
    part, latest = "", None
    for step, origin in steps.items():
        earlier = origin.before
        if step.part != part:
            lines += ["", step.part]
        lines.append(f"    {step.name:<23} {step.title}")
        if earlier is None or earlier != latest:
            lines.append(f"        starts from {earlier.name if earlier else 'nothing'}")
        if origin.given:
            lines.append(f"        with functions of {origin.given.name}")
        if origin.skeleton:
            lines.append(f"        learners start from code {origin.skeleton}")
        part, latest = step.part, step
    return "\n".join(lines) + "\n"


def _look_at(step: Step, latest: Step | None, number: int) -> None:
    """Raise LabError for a step that cannot come after `latest`, or that is in no part of the course."""
    if not step.part:
        raise _wrong(number, f"{step.name} is in no part of the course")
    if latest and step.number <= latest.number:
        raise _wrong(number, f"{step.name} cannot come after {latest.name}: each number has to be higher than the last")


def _start(name: str, earlier: Iterable[Step], number: int) -> Step | None:
    """The step among `earlier` that is called `name`, None for nothing. Raises LabError."""
    if name == "nothing":
        return None
    for step in earlier:
        if step.name == name:
            return step
    raise _wrong(number, f"there is no step {name} above it")


def _wrong(number: int, reason: str) -> LabError:
    return LabError(f"{LIST.relative_to(ROOT)}, line {number}: {reason}")


_ORIGINS = read(LIST.read_text(encoding="utf-8", errors="surrogateescape"))
STEPS = tuple(_ORIGINS)
START = STEPS[0]  # the program that learners start from: nothing is asked for there


def before(step: Step) -> Step | None:
    """The step that `step` builds on, None if there is none."""
    return _ORIGINS[step].before


def origin(step: Step) -> Origin:
    """Where the program of `step` comes from."""
    return _ORIGINS[step]


def lineage(step: Step) -> tuple[Step, ...]:
    """The steps that `step` builds on, from the first one, and itself."""
    earlier = before(step)
    return (*lineage(earlier), step) if earlier else (step,)


def step_called(name: str | Step) -> Step:
    """The step of that name, with its number or without: so code names a step by its word. A step is itself.

    Raises LabError.
    """
    for step in STEPS:
        if name in (step, step.name, step.word):
            return step
    raise LabError(f"{LIST.relative_to(ROOT)} names no step {name}")
