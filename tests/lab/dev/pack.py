"""`tests/run pack student`: a copy of the lab to hand out, with some of its steps and without the solutions.

The copy's list of steps names those steps alone, so nothing else there has to
know of it. What somebody has changed here may be a solution: where git keeps the
lab, only what is committed is handed out. No symbolic link is followed, because
it can lead to a solution.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Iterator

from lab.answers import Answer
from lab.course import LIST, START, STEPS, Step, lineage, origin, write
from lab.toolbox import BUILD, ROOT, SKELETONS, LabError, printable

FOLDER = BUILD / "student"
TOP = ("Makefile", "README.md", "LICENSE", ".clang-format", ".clang-tidy", ".editorconfig", ".gitignore")
NOT_HANDED_OUT = ("proof", "gallery", "__pycache__", ".*")  # of what is in tests/
MOST_NAMES = 3  # of changed files, in one line


def student(text: str, to: str | None) -> int:
    """Make a copy with the steps of a range such as "1-8" in the folder `to`, or in FOLDER; returns the exit status.

    Raises LabError for what is no such range, where the folder is there already, and for what must not be handed out.
    """
    steps = chosen(text)
    folder = Path(to) if to is not None else FOLDER
    _refuse_if_there(folder)
    if ROOT / "tests" in folder.resolve().parents:
        raise LabError(f"{folder} lies in a folder that is copied. Name another one: --to DIR")
    files = _files(steps)
    for step in steps:
        if step != START and not Answer(step, SKELETONS / step.file).is_untouched():
            edited = f"steps/{step.file}"
            raise LabError(f"{edited} is not what learners start from. To get that back: git checkout {edited}")
    _put_into_place(files, steps, folder)
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
    """The steps without which a step cannot be checked: all from which its program comes."""
    given = origin(step).given
    found = {*lineage(step), *(lineage(given) if given else ())}
    return tuple(each for each in STEPS if each in found)


def _files(steps: list[Step]) -> list[str]:
    """What is copied, as paths from the top of the project. Raises LabError for what must not be handed out."""
    committed = _committed()
    tests = (path.relative_to(ROOT) for path in _inside(ROOT / "tests")) if committed is None else map(Path, committed)
    files = [
        *TOP,
        *(f"steps/{step.file}" for step in steps),
        *(step.handout for step in steps),
        *(str(path) for path in tests if not any(map(_is_kept_back, path.parts[1:]))),
    ]
    for file in files:
        for path in (ROOT / file, *(ROOT / folder for folder in Path(file).parents)):
            if path != ROOT and path.is_symlink():
                raise LabError(f"{path.relative_to(ROOT)} is a symbolic link. Put what is handed out in its place")
        if not (ROOT / file).is_file():
            raise LabError(f"{file} is handed out, but there is no such file. To get it back: git checkout {file}")
    return files


def _is_kept_back(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in NOT_HANDED_OUT)


def _inside(folder: Path) -> Iterator[Path]:
    """All that is in a folder and in those below it, but for what is kept back; no link is followed."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and not _is_kept_back(path.name):
            yield from _inside(path)
        elif not _is_kept_back(path.name):
            yield path


def _committed() -> list[str] | None:
    """The files of tests/ that git keeps, None where it keeps none of the lab.

    Raises LabError for what was changed since: that may be a solution.
    """
    files = _git("ls-files", "-z", "--", "tests")
    if not files:  # it may lie in some other clone, which does not know of it
        return None
    how = ("--porcelain", "-z", "--no-renames", "--untracked-files=all")
    status = _git("status", *how, "--", "steps", "tests", *TOP)
    if status:
        names = [line[3:] for line in status]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        changed = ", ".join(names[:MOST_NAMES]) + more
        raise LabError(f"only what is committed is handed out. Commit it, undo it or move it away: {changed}")
    return files


def _git(*words: str) -> list[str]:
    """What git prints of the lab, ended by null bytes; nothing where there is no git or no clone. Raises LabError."""
    if shutil.which("git") is None:
        return []
    # A hook of another clone has that clone in its environment.
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {"LC_ALL": "C"}
    command = ["git", "--no-optional-locks", *words]
    done = subprocess.run(command, cwd=ROOT, env=clean, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    reason = os.fsdecode(done.stderr).partition("\n")[0]
    if done.returncode and "not a git repository" not in reason:
        raise LabError(f"git cannot tell what is committed here ({reason}). To see more: git status steps tests")
    return os.fsdecode(done.stdout).split("\0")[:-1]


def _refuse_if_there(folder: Path) -> None:
    if os.path.lexists(folder):
        raise LabError(f"{folder} is there already. Remove it, or name another folder: --to DIR")


def _put_into_place(files: list[str], steps: list[Step], folder: Path) -> None:
    """Make the copy beside its place first: nobody sees half of it, and two at once do not get in each other's way."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.parent / f".{folder.name[:100]}-{secrets.token_hex(8)}"
    with _ended_by_an_exception():
        try:
            _copy(files, steps, beside)
            beside.rename(folder)
        except OSError:
            _refuse_if_there(folder)  # since a moment ago
            raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _ended_by_an_exception() -> Iterator[None]:
    """Here, signals that end a program let it tidy up first. The second one does not disturb it in that."""

    def end(number: int, _: object) -> None:
        for each in before_us:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    # What is ignored, as by nohup, stays so.
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    before_us = {each: handler for each, handler in handlers.items() if handler != signal.SIG_IGN}
    try:
        for each in before_us:
            signal.signal(each, end)
        yield
    finally:
        for each, handler in before_us.items():
            signal.signal(each, handler)


def _copy(files: list[str], steps: list[Step], folder: Path) -> None:
    """Make the copy."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    text = write({step: origin(step) for step in steps})
    (folder / LIST.relative_to(ROOT)).write_text(text, encoding="utf-8")
