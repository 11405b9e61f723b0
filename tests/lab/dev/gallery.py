"""Reads and writes the gallery: known answers to each step, as Markdown that a teacher can read.

`tests/gallery/NN_name.md` begins with two whole reports: on the step's solution, and
on the file that learners start from. It has up to three parts: wrong answers, right
ones written otherwise, and careless ones, which pass and miss bonus checks. An answer
is a heading, a list, and a block: a diff of the step's solution, or a whole program
where that is shorter. Below a wrong one stands what a learner is told.

    ### before the fork

    - fails: `leads_session` `no_terminal`

    ```diff
    -    start_session();
    ```

    > **the daemon leads its own session (SID = PGID = PID)**
    >
    > because: The daemon is still in the shell's session. ...

The list may have these items. Names of checks stand between backticks.

    fails       exactly the checks that do not hold
    at times    those that may hold or not, as it comes
    misses      exactly the bonus checks that a careless answer does not get
    diff of     the step whose solution it is made of, if it is another one
    needs       glibc: it relies on it; the log: it is what it says only where somebody listens there; init: likewise,
                where orphans are adopted by PID 1, as in a sandbox; time namespaces: it is wrong only where two
                clocks differ that are alike elsewhere

A diff has no line numbers. A hunk is found by its text, which has to stand once
in the solution. Hunks are divided by @@. What stands in a first hunk without
any line of the solution goes to the top of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Iterator, Sequence

from lab.checks.check import DOES_NOT_COMPILE, NO_SOURCE, WRONG_STATE, Check
from lab.course import STEPS, Step
from lab.judge.verdict import FAILED, Result
from lab.toolbox import ROOT, SKELETONS, SOLUTIONS, LabError, printable

FOLDER = ROOT / "tests" / "gallery"

WRONG, RIGHT, CARELESS = "Wrong", "Right", "Careless"
PARTS = (WRONG, RIGHT, CARELESS)

GLIBC, LOG, INIT, TIME = "glibc", "the log", "init", "time namespaces"
NEEDS = (GLIBC, LOG, INIT, TIME)

# The items that the list of an answer may have: {part: {item: field of Row}}.
ANY_ANSWER = {"diff of": "base", "needs": "needs"}
ITEMS = {
    WRONG: {"fails": "fails", "at times": "at_times", **ANY_ANSWER},
    RIGHT: ANY_ANSWER,
    CARELESS: {"misses": "misses", **ANY_ANSWER},
}


@dataclass
class Row:
    """A known answer to a step."""

    step: Step
    part: str  # one of PARTS
    name: str  # what it does, in a few words
    block: list[str]  # the lines of the diff or of the program
    is_program: bool = False
    fails: tuple[str, ...] = ()
    at_times: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    base: Step | None = None  # the step whose solution the diff is of, if it is another one
    told: list[str] = field(default_factory=list)  # paragraphs

    def __str__(self) -> str:
        return f"{self.step.name}-{self.slug}"

    @property
    def slug(self) -> str:
        """Its name as a test's: letters, digits and underscores."""
        return re.sub(r"\W+", "_", self.name.lower()).strip("_")

    def is_asked(self, check: Check) -> bool:
        """Whether a test of a wrong answer asks a check: of two ways of launching, the one that is wrong is enough.

        The way stands before the key, and `tests/run gallery` and `make matrix` ask the checks of both.
        """
        ways = {key.partition("/")[0] for key in (*self.fails, *self.at_times)}
        return check.usual is None or not check.usual.name or check.usual.name in ways

    def source(self) -> str:
        """The C source. Raises LabError where the diff does not fit the solution."""
        source = "\n".join(self.block) + "\n"
        if not self.is_program:
            try:
                source = patched(solution(self.base or self.step), self.block)
            except ValueError as error:
                raise LabError(f"tests/gallery/{self.step.name}.md, {self.name}: {error}") from error
        return "#define _GNU_SOURCE\n" + re.sub(r"#define _GNU_SOURCE.*\n", "", source)


def has_time_namespaces() -> bool:
    """Whether the kernel has them: time_namespaces(7)."""
    return Path("/proc/self/ns/time").exists()


def solution(step: Step) -> str:
    """The source of a step's solution."""
    return (SOLUTIONS / step.file).read_text(encoding="utf-8")


def skeleton(step: Step) -> str:
    """The source that learners start from."""
    return (SKELETONS / step.file).read_text(encoding="utf-8")


# What stands above a report that is kept as a whole, and the function that gives the source that it is on.
REPORTS = {"The solution:": solution, "The file that learners start from:": skeleton}


@cache
def rows(step: Step) -> tuple[Row, ...]:
    """All known answers to a step, in the order of its file. Raises LabError for what is no gallery."""
    path = FOLDER / f"{step.name}.md"
    if not path.exists():
        return ()
    return tuple(read(step, path.read_text(encoding="utf-8")))


def all_rows(part: str) -> list[Row]:
    """All known answers of one of PARTS, to all steps."""
    return [row for step in STEPS for row in rows(step) if row.part == part]


# ---- reading -------------------------------------------------------------------


def read(step: Step, text: str) -> list[Row]:
    """The rows that a gallery's text holds. Raises LabError for a line that is not understood: none may get lost."""
    found: list[Row] = []
    part = ""
    lines = iter(enumerate(text.removesuffix("\n").split("\n"), 1))
    try:
        for number, line in lines:
            if line.startswith("## ") and line[3:] in PARTS:
                part = line[3:]
            elif line.startswith("### ") and part:
                found.append(Row(step, part, line[4:], []))
            elif line == "```text" and not part:
                _read_block(lines)  # a report: see reports_in()
            elif found and _take_line(found[-1], line, lines):
                pass
            elif line not in ("", ">", f"# {step.name}: known answers", *REPORTS):
                raise ValueError(f"this is not understood here: {line!r}")
    except ValueError as error:
        raise LabError(f"tests/gallery/{step.name}.md, line {number}: {error}") from error
    for row in found:
        if not row.block:
            raise LabError(f"tests/gallery/{step.name}.md: {row.name} has no block")
    return found


def _take_line(row: Row, line: str, lines: Iterator[tuple[int, str]]) -> bool:
    """Take in a line of a row, and the block that begins there; returns whether it is one. Raises ValueError."""
    if line in ("```diff", "```c") and not row.block:
        row.is_program = line == "```c"
        row.block = _read_block(lines)
    elif line.startswith("- ") and not row.block:
        _take_item(row, line)
    elif line.startswith("> ") and row.block:
        row.told.append(line[2:])
    else:
        return False
    return True


def _read_block(lines: Iterator[tuple[int, str]]) -> list[str]:
    """The lines up to the end of a block. Raises ValueError where it has none."""
    block: list[str] = []
    for _, line in lines:
        if line == "```":
            return block
        block.append(line)
    raise ValueError("the block that begins here has no end")


def _take_item(row: Row, line: str) -> None:
    """Take in an item of a row's list. Raises ValueError."""
    name, _, rest = line[2:].partition(": ")
    field_name = ITEMS.get(row.part, {}).get(name)
    if field_name is None:
        raise ValueError(f"{row.part} answers have no item {name!r}")
    if getattr(row, field_name):
        raise ValueError(f"a second item {name!r}")
    if name == "needs":
        if not set(rest.split(", ")) <= set(NEEDS):
            raise ValueError(f"an answer may need {', '.join(NEEDS)}, and not {rest!r}")
        row.needs = tuple(rest.split(", "))
        return
    if not re.fullmatch(r"`[\w/]+`( `[\w/]+`)*", rest):
        raise ValueError(f"names stand between backticks, with a blank between two of them, and not as in {rest!r}")
    words = tuple(word.strip("`") for word in rest.split())
    if name == "diff of":
        row.base = next((step for step in STEPS if words == (step.name,)), None)
        if row.base is None:
            raise ValueError(f"there is no step {rest}")
    else:
        setattr(row, field_name, words)


# ---- diffs ------------------------------------------------------------------------


def patched(text: str, block: list[str]) -> str:
    """`text` with the hunks of a diff. Raises ValueError where one does not stand there once."""
    lines = text.splitlines()
    top: list[str] = []
    edits = []  # (where it begins, how many lines go, what comes in their place)
    for hunk in _hunks(block):
        old = [line[1:] for line in hunk if line[0] in " -"]
        if not old:
            top += [line[1:] for line in hunk]
            continue
        edits += _edits(lines, hunk, _only_place(lines, old))
    for begin, count, new in sorted(edits, reverse=True):
        lines[begin : begin + count] = new
    return "\n".join([*top, *lines]) + "\n"


def _hunks(block: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in block:
        if line == "@@":
            found.append([])
        else:
            found[-1].append(line or " ")
    return found


def _places(lines: list[str], old: list[str]) -> list[int]:
    """Where these lines stand, one after another."""
    return [i for i in range(len(lines) - len(old) + 1) if lines[i : i + len(old)] == old]


def _only_place(lines: list[str], old: list[str]) -> int:
    places = _places(lines, old)
    if len(places) != 1:
        raise ValueError(f"{old[0].strip()!r} and what follows stands {len(places)} times in the solution")
    return places[0]


def _edits(lines: list[str], hunk: list[str], begin: int) -> list[tuple[int, int, list[str]]]:
    """What a hunk takes and gives, run by run."""
    edits = []
    at, gone, new = begin, 0, []
    for line in [*hunk, " "]:
        if line[0] == "-":
            gone += 1
        elif line[0] == "+":
            new.append(line[1:])
        else:
            if gone or new:
                edits.append((at, gone, new))
            at, gone, new = at + gone + 1, 0, []
    return edits


def diff(old: str, new: str) -> list[str]:
    """The block that makes `new` of `old`, with as much around a change as it takes to find it."""
    lines, changed = old.splitlines(), new.splitlines()
    block: list[str] = []
    for tag, a, b, c, d in SequenceMatcher(None, lines, changed, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        first, last = _grown(lines, a, b)
        hunk = [
            *(" " + line for line in lines[first:a]),
            *("-" + line for line in lines[a:b]),
            *("+" + line for line in changed[c:d]),
            *(" " + line for line in lines[b:last]),
        ]
        block += ["@@", *hunk] if block else hunk
    return [line.rstrip() if line.strip() == "" else line for line in block]


def _grown(lines: list[str], first: int, last: int) -> tuple[int, int]:
    """A range of lines, made longer at both ends in turn until it stands once in the text."""
    a, b = first, last
    while a == b or len(_places(lines, lines[a:b])) != 1:
        if b < len(lines) and (b - last <= first - a or a == 0):
            b += 1
        else:
            a -= 1
    return a, b


# ---- writing ----------------------------------------------------------------------


def write(step: Step, found: list[Row], reports: dict[str, list[str]]) -> str:
    """The text of a gallery with these rows, and the lines of the reports that it begins with."""
    lines = [f"# {step.name}: known answers"]
    for title, report in reports.items():
        lines += ["", title, "", "```text", *report, "```"]
    for part in PARTS:
        of_part = [row for row in found if row.part == part]
        if of_part:
            lines += ["", f"## {part}"]
        for row in of_part:
            lines += ["", *_written(row)]
    return "\n".join(lines) + "\n"


def reports_in(text: str) -> dict[str, list[str]]:
    """The lines of the reports that a gallery's text begins with, by what stands above them."""
    blocks = re.findall(r"^(The [^\n]*:)\n\n```text\n(.*?)^```$", text.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    return {title: report.splitlines() for title, report in blocks}


def _written(row: Row) -> list[str]:
    lines = [f"### {row.name}", ""]
    for name in ("fails", "at times", "misses"):
        keys = getattr(row, name.replace(" ", "_"))
        if keys:
            lines.append(f"- {name}: " + " ".join(f"`{key}`" for key in keys))
    if row.base:
        lines.append(f"- diff of: `{row.base.name}`")
    if row.needs:
        lines.append(f"- needs: {', '.join(row.needs)}")
    if lines[-1]:
        lines.append("")
    lines += ["```c" if row.is_program else "```diff", *row.block, "```"]
    for paragraph in row.told:
        lines += [">" if lines[-1].startswith(">") else "", f"> {paragraph}"]
    return lines


# ---- what a learner is told ---------------------------------------------------------

# What differs from launch to launch, and what stands for it.
NAMES = (
    (r"ppoll\(\), as in poll\(\) or pause\(\)", "pause()"),  # where there is no such system call, as on aarch64
    (r"MONOTONIC_USEC=\d+", "MONOTONIC_USEC=NOW"),
    (r"\b3\d\d\d\b", "HIGH"),  # the number of the descriptor beyond the limit
    (r"/tmp/#\d+", "/tmp/#INODE"),  # what tmpfile() makes
    (r"@daemon-lab/\d+-\d+", "@daemon-lab/NUMBERS"),
    (r"\b[A-Z][a-z]{2}\s+\d?\d\s+\d\d:\d\d:\d\d", "TIME"),
    (r"(?<=PID )1\b|(?<=process )1\b", "INIT"),
    (r"(?<=SID )2\b|(?<=PID )2\b|(?<=process )2\b|\b2(?= is the shell)", "SHELL"),
    (
        r"(?<=PGID )3\b|(?<=SID )3\b|(?<=PID )3\b|(?<=process )3\b",
        "FIRST",
    ),
    (r"(?<=PGID )4\b|(?<=SID )4\b|(?<=PID )4\b|(?<=process )4\b", "CHILD"),
    (r"(?<=PGID )5\b|(?<=SID )5\b|(?<=PID )5\b|(?<=process )5\b", "NEXT"),
    (r"\b3(?= and \d+ live| live)", "FIRST"),
    (r"\b4(?= live| and \w+ live| is a process)", "CHILD"),
    (r"\b5(?= live)", "NEXT"),
)


def told(results: list[Result], at_times: Sequence[str] = ()) -> list[str]:
    """What a learner is told of an answer with these results, in paragraphs: what is wrong first, and nothing else.

    A check that fails only at times, given by its key, is passed over: with it the text would be another one each time.
    """
    failed = (result for result in results if result.status == FAILED)
    first = next((result for result in failed if result.check.key not in at_times), None)
    if first is None:
        return []
    parts = [("verdict", first.verdict), ("expected", first.expected), ("observed", first.observed)]
    if first.verdict == WRONG_STATE:
        del parts[0]
    elif first.verdict in (DOES_NOT_COMPILE, NO_SOURCE):
        parts = parts[:1]  # every compiler has messages of its own
    parts.append(("because", first.because))
    paragraphs = [with_names(printable(f"{name}: {' / '.join(text.splitlines())}")) for name, text in parts]
    return [f"**{first.check.says}**", *paragraphs]


def with_names(text: str) -> str:
    """A text with names in place of PIDs, and of what else is another one each time."""
    for pattern, name in NAMES:
        text = re.sub(pattern, name, text)
    return text
