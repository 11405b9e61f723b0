"""Answers that are known: wrong ones, right ones written otherwise, hostile ones.

Every step has a file here, `NN_name.py`, with the tables WRONG and RIGHT, and
CARELESS where the step has bonus checks: what passes, and misses those. A row
is an edit of the step's solution, or a whole program where that is shorter:

    Wrong("setsid forgotten", [("    start_session();\\n", "")],
          fails="leads_session no_terminal", says="setsid() was not called")

An edit is a list of (old, new); old has to stand in the solution. `headers` are
names to be included first. What a learner is told of each wrong answer is kept,
whole, in `reports/NN_name/`: `tests/run gallery` writes it anew.
"""

import importlib.util
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lab.course import STEPS
from lab.toolbox import SOLUTIONS

FOLDER = Path(__file__).parent
REPORTS = FOLDER / "reports"


@dataclass(eq=False)
class Row:
    """A known answer to a step."""

    name: str  # what it does, in a few words
    edit: list = field(default_factory=list)  # of the solution: [(old, new), ...]
    headers: str = ""  # names to include, separated by spaces
    program: str = ""  # the whole source, in place of an edit
    needs_log: bool = False  # it is what its row says only where somebody listens at /dev/log
    glibc: bool = False  # it relies on glibc: musl has no such call, or one that does something else
    step: object = None  # set when its table is read

    @property
    def slug(self):
        """Its name as a file's: letters, digits and underscores."""
        return re.sub(r"\W+", "_", self.name.lower()).strip("_")

    def source(self):
        """The C source."""
        source = self.program or (SOLUTIONS / f"{self.step.name}.c").read_text(encoding="utf-8")
        for old, new in self.edit:
            if old not in source:
                raise ValueError(f"{self.step.name}, {self.name}: {old!r} is not in the solution")
            source = source.replace(old, new)
        head = "".join(f"#include <{name}>\n" for name in self.headers.split())
        gnu = "#define _GNU_SOURCE\n"
        return gnu + head + re.sub(r"#define _GNU_SOURCE.*\n", "", source)


@dataclass(eq=False)
class Wrong(Row):
    """An answer that a learner may write, and that has to be caught."""

    fails: str = ""  # the keys of exactly the checks that do not hold, separated by spaces
    at_times: str = ""  # and those that may hold or not, as it comes
    says: str = ""  # a phrase of the cause that the learner is told

    @property
    def report(self):
        """The file with what the learner is told."""
        return REPORTS / self.step.name / f"{self.slug}.txt"


@dataclass(eq=False)
class Right(Row):
    """An answer that gets to the same state by another way, and has to pass."""


@dataclass(eq=False)
class Careless(Row):
    """An answer that passes, and misses bonus checks."""

    misses: str = ""  # the keys of exactly those, separated by spaces


@cache
def tables(step):
    """The rows for a step: (wrong ones, right ones, careless ones)."""
    path = FOLDER / f"{step.name}.py"
    if not path.exists():
        return [], [], []
    spec = importlib.util.spec_from_file_location(f"gallery.step_{step.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.WRONG, module.RIGHT, getattr(module, "CARELESS", [])
    for table in found:
        for row in table:
            row.step = step
    return found


def wrong_answers():
    """All rows of wrong answers."""
    return [row for step in STEPS for row in tables(step)[0]]


def right_answers():
    """All rows of right answers written otherwise."""
    return [row for step in STEPS for row in tables(step)[1]]


def careless_answers():
    """All rows of answers that pass, and miss bonus checks."""
    return [row for step in STEPS for row in tables(step)[2]]


# What differs from launch to launch, and what stands for it in a kept report.
NAMES = (
    (r"MONOTONIC_USEC=\d+", "MONOTONIC_USEC=NOW"),
    (r"\b3\d\d\d\b", "HIGH"),  # the number of the descriptor beyond the limit
    (r"/tmp/#\d+", "/tmp/#INODE"),  # what tmpfile() makes
    (r"@daemon-lab/\d+-\d+", "@daemon-lab/NUMBERS"),
    (r"\b[A-Z][a-z]{2}\s+\d?\d\s+\d\d:\d\d:\d\d", "TIME"),
    (r"(?<=PID )1\b|(?<=process )1\b", "INIT"),
    (r"(?<=SID )2\b|(?<=PID )2\b|(?<=process )2\b|\b2(?= is the shell)", "SHELL"),
    (
        r"(?<=PGID )3\b|(?<=SID )3\b|(?<=PID )3\b|(?<=process )3\b|\b3(?= the group)|\b3(?= is the launched)",
        "LAUNCHED",
    ),
    (r"(?<=PGID )4\b|(?<=SID )4\b|(?<=PID )4\b|(?<=process )4\b", "CHILD"),
    (r"(?<=PGID )5\b|(?<=SID )5\b|(?<=PID )5\b|(?<=process )5\b", "NEXT"),
    (r"\b3(?= and \d+ live| live)", "LAUNCHED"),
    (r"\b4(?= live| and \w+ live| is a process)", "CHILD"),
    (r"\b5(?= live)", "NEXT"),
)


def with_names(report):
    """A report with names in place of PIDs and of what else is another one each time.

    The compiler's warnings are left out: every version has words of its own.
    """
    report = re.sub(r"^ {8}\| (?!it is in a call|it is busy).*\n", "", report, flags=re.MULTILINE)
    for pattern, name in NAMES:
        report = re.sub(pattern, name, report)
    return report


def unwrapped(report):
    """With every entry in one line: where it is broken depends on how many digits a number has."""
    return re.sub(r"\n {19}(?=\S)", " ", report)
