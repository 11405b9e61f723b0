"""Pictures are drawn of what was seen, look as they are kept, and never break: of odd states, too.

The kept ones are in pictures/. `PICTURES=write tests/run test tests/proof/test_picture.py` writes them anew.
"""

import os
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from lab.answers import Answer
from lab.course import STEPS, before, step_called
from lab.facts import Message, Rest
from lab.judge.examination import Workshop
from lab.picture.drawing import drawing_of
from lab.picture.layout import BOXES, COLUMNS, PLAIN, cut
from lab.picture.svg import as_svg
from lab.picture.text import as_text
from lab.scene import Scene
from lab.toolbox import SOLUTIONS

KEPT = Path(__file__).parent / "pictures"


@pytest.fixture(scope="module")
def seen(sandbox_pad):
    """A function: the Observation of a step's solution, in the usual scene."""
    reason = sandbox_pad.why_no_root()
    if reason:
        pytest.skip(f"judged in part: {reason}")
    answers = {step: Answer(step, SOLUTIONS / step.file) for step in STEPS}
    workshop = Workshop(list(answers.values()))
    yield lambda step: workshop.examinations[answers[step]].observation(Scene(root=True))
    workshop.close()


def compare(name, text):
    """Fail where a picture is not the kept one, or write it down where that is asked for."""
    path = KEPT / f"{name}.txt"
    if os.environ.get("PICTURES") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "PICTURES=write writes it anew"


def all_forms(drawing):
    """The picture as text in all forms; none is too wide."""
    for columns in (60, COLUMNS, 200):
        for strokes in (BOXES, PLAIN):
            text = as_text(drawing, strokes, columns)
            assert max(map(len, text.splitlines())) <= min(columns, COLUMNS)
            assert strokes is BOXES or text.isascii()
    return as_text(drawing)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_solution_is_drawn_as_ever(step, seen):
    """What the step has changed is marked."""
    earlier = before(step)
    drawing = drawing_of(seen(step), seen(earlier) if earlier else None)
    compare(step.name, all_forms(drawing))
    image = ElementTree.fromstring(as_svg(drawing, step.title))
    words = image.find("{http://www.w3.org/2000/svg}desc").text
    assert words == as_text(drawing, PLAIN)


def process(o, **changes):
    return replace(o.process, **changes)


def with_processes(o, *processes):
    return replace(o, processes=processes)


# What may be seen of a program that is wrong, or means harm: {name: a function of what is seen of second_fork}.
ODD = {
    "nothing_is_left": lambda o: replace(o, processes=(), job=replace(o.job, status=0x0100)),
    "cannot_be_run": lambda o: replace(o, processes=(), job=replace(o.job, status=None, exec_errno=8)),
    "first_process_was_killed": lambda o: replace(o, job=replace(o.job, status=11)),
    "shell_is_lost": lambda o: replace(
        o, job=replace(o.job, lost_shell=True), world=replace(o.world, shell=replace(o.shell, pgid=0, sid=0, ppid=0))
    ),
    "zombies": lambda o: replace(o, zombies=(7, 8)),
    "many_processes": lambda o: with_processes(o, *(process(o, pid=pid, ppid=1) for pid in range(5, 40))),
    "a_tree": lambda o: with_processes(
        o, *(process(o, pid=pid, ppid=parent) for pid, parent in ((5, 1), (6, 5), (7, 6), (8, 5), (9, 1)))
    ),
    "several_sessions": lambda o: with_processes(
        o, process(o, pid=5, pgid=5, sid=5), process(o, pid=6, pgid=6, sid=6), process(o, pid=7, pgid=3, sid=2)
    ),
    "another_program": lambda o: with_processes(o, process(o, program=(1, 1))),
    "a_terminal_of_its_own": lambda o: with_processes(o, process(o, terminal=34817)),
    "nobody_knows_what_is_shared": lambda o: with_processes(
        o, process(o, descriptors={n: d._replace(shared_with=-1) for n, d in o.process.descriptors.items()})
    ),
    "a_name_without_end": lambda o: replace(o, name="n" * 200),
    "does_not_rest": lambda o: replace(o, rest=Rest(False, "it keeps making processes")),
    "odd_messages": lambda o: replace(
        o,
        said=replace(
            o.said,
            messages=(
                Message("no priority \x1b[31m", 5, 0.0),
                Message("<999>" + "x" * 300, None, 0.0),
                Message("<30>Dec  1 10:00:00 a: b", 5, 0.0),
            ),
            printed="\x1b[2Jtwo\nlines\n",
        ),
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_state_is_drawn(name, seen):
    o = seen(step_called("second_fork"))
    text = all_forms(drawing_of(ODD[name](o), o))
    compare(name, text)
    assert text.replace("\n", "").isprintable()


def test_every_kept_picture_is_drawn():
    assert {path.stem for path in KEPT.iterdir()} == {step.name for step in STEPS} | set(ODD)


def test_a_picture_needs_no_process(seen):
    """The same facts give the same picture, also where PIDs are others, as without a sandbox."""
    o = seen(step_called("setsid"))
    assert drawing_of(o) == drawing_of(o)
    assert not drawing_of(o, o).has_marks


def test_a_long_line_is_cut():
    assert cut("abcdefgh", 8) == "abcdefgh" and cut("abcdefghi", 8) == "abcde..."
