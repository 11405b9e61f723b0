"""Every solution with one statement or one error check of its step taken out: a check has to see it.

A mutant is made from a line that the step adds: a statement becomes an empty
one, an initialisation loses its call, a condition is still evaluated but never
true, or is not evaluated at all. Lines that learners are given are left out
where they are given: the step that they come from has their mutants.

`tests/gallery/mutants.txt` lists them all, below the name of their step: the
check that sees it, what was done, and the line that it was done to.

    NN_name
        leads_session           removed         start_session();
        nobody                  removed         exit(EXIT_FAILURE);
            die() is noreturn: what happens after it is undefined, not observed

What nobody can see from outside has a reason below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from operator import attrgetter
from typing import Iterator

from lab.course import STEPS, Step, before, origin
from lab.toolbox import ROOT, SOLUTIONS, LabError

LIST = ROOT / "tests" / "gallery" / "mutants.txt"

REMOVED, NO_CALL, NEVER_TRUE, NOT_EVALUATED = KINDS = ("removed", "without its call", "never true", "not evaluated")

NOBODY = "nobody"


@dataclass(frozen=True)
class Mutant:
    """A solution with one thing taken out."""

    step: Step
    line: str  # the line that it was done to
    what: str  # one of KINDS
    number: int  # the line's number in the solution, from 1
    source: str

    def __str__(self) -> str:
        return f"{self.step.name}-{self.number}-{self.what.replace(' ', '_')}"


@dataclass(frozen=True)
class Seen:
    """An entry of the list."""

    step: str  # its name
    what: str  # one of KINDS
    line: str
    by: str  # the key of a check, or NOBODY
    why: str = ""  # nobody can see it


def mutants() -> list[Mutant]:
    """All of them."""
    return [mutant for step in STEPS[1:] for mutant in _mutants(before(step), step)]


def read() -> list[Seen]:
    """The entries of the list. Raises LabError for a line that is none."""
    found: list[Seen] = []
    step = ""
    for number, line in enumerate(LIST.read_text(encoding="utf-8").splitlines(), 1):
        entry = re.fullmatch(rf" {{4}}(\S+) +({'|'.join(KINDS)}) +(\S.*)", line)
        if not line or line.startswith("#"):
            continue
        if entry:
            found.append(Seen(step, entry[2], entry[3], entry[1]))
        elif line.startswith(" " * 8) and found and found[-1].by == NOBODY:
            last = found.pop()
            found.append(Seen(step, last.what, last.line, NOBODY, f"{last.why} {line.strip()}".strip()))
        elif re.fullmatch(r"\w+", line):
            step = line
        else:
            raise LabError(f"tests/gallery/mutants.txt, line {number}: neither a step, nor a mutant, nor a reason")
    return found


def write(entries: list[Seen]) -> str:
    """The text of the list."""
    lines = ["# What is taken out of the solutions, and the check that sees it. tests/run mutants writes this."]
    for step, of_step in groupby(entries, key=attrgetter("step")):
        listed = list(of_step)
        width = max(35, *(len(entry.by) for entry in listed))
        lines += ["", step]
        for entry in listed:
            lines.append(f"    {entry.by:<{width}} {entry.what:<17} {entry.line}")
            if entry.why:
                lines.append(f"        {entry.why}")
    return "\n".join(lines) + "\n"


def _mutants(before: Step | None, step: Step) -> Iterator[Mutant]:
    """Those of the lines that a step adds, but for the lines that learners are given: their own step has these."""
    old, new = (_lines(each) if each else [] for each in (before, step))
    third = origin(step).given
    given = set(_lines(third)) if third else set()
    start = new.index(" */") + 1
    for tag, _, _, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in ("insert", "replace"):
            for number in range(max(first, start), last):
                if new[number] in given:
                    continue
                for what, line in _changes(new, number):
                    source = "\n".join([*new[:number], line, *new[number + 1 :]]) + "\n"
                    text = re.sub(r"\s*/\*.*", "", new[number]).strip()
                    yield Mutant(step, text, what, number + 1, source)


def _lines(step: Step) -> list[str]:
    return (SOLUTIONS / step.file).read_text(encoding="utf-8").splitlines()


def _changes(lines: list[str], number: int) -> Iterator[tuple[str, str]]:
    """(what is done, the line that comes in its place) for one line of C."""
    line = re.sub(r"\s*/\*.*\*/\s*$", "", lines[number])
    text = line.strip()
    if text.startswith("if (") and text.endswith(")"):
        condition = text[3:]
        yield NEVER_TRUE, f"if ({condition} && 0)"
        if re.search(r"\w\(", condition):
            yield NOT_EVALUATED, "if (0)"
    elif match := re.match(r"((?:const )?\w+ \*?\w+) = .*\w\(.*;$", text):
        yield NO_CALL, f"{match[1]} = 0;"
    elif line.startswith(" ") and text.endswith(";") and not re.match(r"(const )?(struct )?\w+ \*?\w+;$", text):
        yield REMOVED, ";"
