"""`tests/run pack student`: a copy of the lab to hand out, with some of its steps and without the solutions.

The copy's list of steps names those steps alone, so nothing else there has to
know of it.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from lab.answers import Answer
from lab.course import LIST, START, STEPS, Step, before, lineage, write
from lab.toolbox import BUILD, ROOT, SKELETONS, LabError, printable

FOLDER = BUILD / "student"
TOP = ("Makefile", "README.md", "LICENSE", ".clang-format", ".clang-tidy", ".gitignore")
NOT_HANDED_OUT = ("proof", "gallery", "__pycache__", ".*")  # of what is in tests/


def student(text: str, to: str | None) -> int:
    """Make a copy with the steps of a range such as "1-8" in the folder `to`, or in FOLDER; returns the exit status.

    Raises LabError for what is no such range, and where the folder is there already.
    """
    steps = chosen(text)
    folder = Path(to) if to is not None else FOLDER
    if os.path.lexists(folder):
        raise LabError(f"{folder} is there already. Remove it, or name another folder: --to DIR")
    if ROOT / "tests" in folder.resolve().parents:
        raise LabError(f"{folder} lies in a folder that is copied. Name another one: --to DIR")
    for step in steps:
        if step != START and not Answer(step, SKELETONS / step.file).is_untouched():
            edited = f"steps/{step.file}"
            raise LabError(f"{edited} is not what learners start from. To get that back: git checkout {edited}")
    try:
        _copy(steps, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    print(printable(f"{folder} has {steps[1].name} to {steps[-1].name}, and no solutions. To try it: make -C {folder}"))
    return 0


def chosen(text: str) -> list[Step]:
    """The steps of a range such as "1-8", and the one that all start from. Raises LabError."""
    match = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", text)
    first, last = (int(number) for number in match.groups()) if match else (0, 0)
    inside = {step.number for step in STEPS} >= {first, last} and first <= last
    steps = [step for step in STEPS if first <= step.number <= last and step != START]
    if not (match and inside and steps):
        every = f"{STEPS[1].number}-{STEPS[-1].number}"
        raise LabError(f"--steps takes the first and the last step, as in {every}, which is all of them: not {text!r}")
    for step in steps:
        missing = [each for each in _stands_on(step) if each not in (START, *steps)]
        if missing:
            from_start = f"{STEPS[1].number}-{last}"
            raise LabError(f"{step.name} needs {missing[-1].name}, which is not in {text}. Try --steps {from_start}")
    return [START, *steps]


def _stands_on(step: Step) -> tuple[Step, ...]:
    """The steps without which a step cannot be checked."""
    if before(step) is None:  # it starts from nothing, because it puts all those before it together
        return STEPS[: STEPS.index(step)]
    return lineage(step)


def _copy(steps: list[Step], folder: Path) -> None:
    """Make the copy."""
    tests = ROOT / "tests"
    shutil.copytree(tests, folder / "tests", symlinks=True, ignore=shutil.ignore_patterns(*NOT_HANDED_OUT))
    (folder / LIST.relative_to(ROOT)).write_text(write({step: before(step) for step in steps}), encoding="utf-8")
    (folder / "steps").mkdir()
    for name in (*TOP, *(f"steps/{step.file}" for step in steps), *(step.handout for step in steps)):
        shutil.copy(ROOT / name, folder / name)
