"""`make try`: what the kernel says of a learner's own program, beside the program before the step and the solution.

It judges nothing. With KEEP=1 it then opens a shell where the program runs.
"""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Mapping, Sequence

from lab.answers import Answer, find_answers
from lab.checks.check import DOES_NOT_COMPILE
from lab.course import STEPS, Step, before
from lab.inner_shell import open_shell
from lab.judge.examination import Workshop
from lab.picture.drawing import drawing_of
from lab.picture.layout import BOXES, PLAIN, Strokes
from lab.picture.svg import as_svg
from lab.picture.text import as_text
from lab.report.terminal import NARROWEST, WIDEST
from lab.scene import Scene
from lab.toolbox import SOLUTIONS, LabError, printable
from lab.tour import COLUMNS, NothingToSee, row_of

BEFORE, YOURS, ASKED_FOR = "before", "yours", "asked for"
LABEL = max(map(len, COLUMNS)) + 3  # columns for the name of a line
GAP = 2  # columns between two programs


def try_out(folder: Path | str, step: str | None, sandbox: bool, keep: bool, svg: str | None) -> int:
    """Start the program of that step in the folder, print what is seen of it, and return the exit status.

    Raises LabError where it cannot be started here.
    """
    if not step:
        raise LabError(f"say which step: make try STEP={STEPS[1].number}")
    (answer,) = find_answers(folder, step)
    shown = {
        BEFORE: _solution(before(answer.step)),
        YOURS: answer,
        ASKED_FOR: _solution(answer.step),
    }
    workshop = Workshop([each for each in dict.fromkeys(shown.values()) if each], sandbox)
    try:
        return _show(workshop, answer, shown, keep, svg)
    finally:
        workshop.close()


def _solution(step: Step | None) -> Answer | None:
    """The solution of a step, None where there is none, as in a copy for learners."""
    path = SOLUTIONS / step.file if step else None
    return Answer(step, path) if step and path and path.exists() else None


def _show(
    workshop: Workshop, answer: Answer, shown: Mapping[str, Answer | None], keep: bool, svg: str | None
) -> int:
    examination = workshop.examinations[answer]
    if not examination.build.compiles:
        print(examination.build.messages, end="")
        raise LabError(f"{printable(answer.path.name)} {DOES_NOT_COMPILE}")
    pad = workshop.pad
    scene = Scene(root=not pad.why_no_root())
    found = {label: workshop.examinations[each] for label, each in shown.items() if each}
    rows = {}
    for label, each in found.items():
        try:
            rows[label] = row_of(each, scene)
        except NothingToSee:
            pass  # the picture tells what became of it
    width = text_width()
    print("\n".join(textwrap.wrap(f"{answer.step.name}: {answer.step.title}", width)), end="\n\n")
    if YOURS in rows:
        print(_beside(rows, width))
    earlier = found[BEFORE].observation(scene) if BEFORE in found else None
    drawing = drawing_of(examination.observation(scene), earlier)
    print(as_text(drawing, strokes_for(os.environ), width), end="")
    if not pad.is_sandboxed():
        print(f"\nThis is without a sandbox ({pad.why_not}), so messages to the log are not shown.")
    if svg:
        _write(Path(svg), as_svg(drawing, f"{answer.step.name}: {answer.step.title}"))
    if keep:
        return open_shell(pad, answer.step.name, examination.build.program, scene)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LabError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from error
    print()
    print(printable(f"The picture is in {path}."))


def text_width() -> int:
    """How many columns there are to write in: those of the terminal, or as many as a report has."""
    try:
        columns = os.get_terminal_size(1).columns if os.isatty(1) else 0
    except OSError:
        columns = 0
    return min(max(columns, NARROWEST), WIDEST) if columns else WIDEST


def strokes_for(environment: Mapping[str, str]) -> Strokes:
    """Boxes where the locale has characters for them, as setlocale(3) finds it; else + - and |."""
    values = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next((value for value in values if value), "C")
    return BOXES if "utf8" in locale.lower().replace("-", "") else PLAIN


# ---- three programs beside each other ----------------------------------------------------


def _beside(rows: Mapping[str, Mapping[str, object]], width: int) -> str:
    """A line for each thing that the tour shows, and a column for each program."""
    labels = list(rows)
    room = (width - LABEL) // len(labels) - GAP
    lines = [_line("", [[label] for label in labels], room)]
    for name in COLUMNS[1:]:
        cells = [str(rows[label][name]) for label in labels]
        if not any(cells):
            continue  # the user, where it is always the same
        if BEFORE in rows and labels.index(YOURS) and _differs(rows[BEFORE], rows[YOURS], name):
            cells[labels.index(YOURS)] = f"[{rows[YOURS][name]}]"
        is_other = ASKED_FOR in rows and _differs(rows[YOURS], rows[ASKED_FOR], name)
        wrapped = [textwrap.wrap(cell, room, break_long_words=True) or [""] for cell in cells]
        lines.append(_line(f"{'* ' if is_other else '  '}{name}", wrapped, room))
    legend = []
    if BEFORE in rows:
        legend.append("[ ] is what your program does otherwise than the program before this step.")
    if any(line.startswith("* ") for line in lines):
        legend.append("* is where your program differs from what is asked for.")
    if ASKED_FOR not in rows:
        legend.append("There are no solutions here, so what is asked for is not shown: make check tells.")
    wrapped_legend = [part for each in legend for part in textwrap.wrap(each, width)]
    return "\n".join([*lines, "", *wrapped_legend, ""])


def _differs(one: Mapping[str, object], other: Mapping[str, object], name: str) -> bool:
    """Whether two rows differ there: PIDs count by whose they are."""
    return _compared(one, name) != _compared(other, name)


def _compared(row: Mapping[str, object], name: str) -> object:
    compared = row["compared"]
    assert isinstance(compared, dict)
    return compared.get(name, row[name])


def _line(label: str, cells: Sequence[Sequence[str]], room: int) -> str:
    """A line, or more where a cell has several."""
    height = max(map(len, cells))
    found = []
    for number in range(height):
        parts = [cell[number] if number < len(cell) else "" for cell in cells]
        text = "".join(part.ljust(room + GAP) for part in parts)
        found.append(f"{label if number == 0 else '':<{LABEL}}{text}".rstrip())
    return "\n".join(found)
