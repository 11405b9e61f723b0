"""`make test` and `make lint`: for those who work on the lab itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Sequence

import pytest

from lab.answers import find_step
from lab.dev.bounds import alarms
from lab.dev.changed import PROOF, Selection, changed_files, imports_of_tests, select
from lab.toolbox import BUILD, ROOT, LabError, printable

TESTS = ROOT / "tests"


def test(rest: list[str], step: str | None = None, changed: bool = False) -> int:
    """Run the lab's own tests, with `rest` as options for pytest; returns the exit status.

    All of them, or those in the files that `rest` names, or those of a step, or
    those of what git says has changed. Side by side, where pytest-xdist is there.
    Raises LabError.
    """
    if not PROOF.exists():
        raise LabError("there are no tests of the lab itself here: learners were given a copy without them")
    selected: list[str] = []
    if step or changed:
        selection = Selection(steps={find_step(step)}) if step else select(changed_files(), imports_of_tests())
        for path in selection.untold:
            print(f"{printable(path)} has changed, and no test is known to tell of it alone.")
        if not selection.steps and not selection.files:
            print("No test was run. To run all: make test")
            return 0
        selected = selection.options()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    words = ["-c", str(TESTS / "pyproject.toml"), "--rootdir", str(TESTS), "-p", "no:cacheprovider", "-ra"]
    if find_spec("xdist"):
        # Three for each processor, since most tests wait; an -n in `rest` comes later, and counts.
        words += ["-p", "xdist.plugin", "-n", str(3 * (os.cpu_count() or 1))]
    named = any(Path(word.partition("::")[0]).exists() for word in rest)
    status = int(pytest.main([*words, *selected, *rest, *([] if named else [str(PROOF)])]))
    return status if status < 2 else 2


# ---- the linters ---------------------------------------------------------------


@dataclass(frozen=True)
class Tool:
    """A linter, and how it is called on this project."""

    name: str
    words: Sequence[str]  # the files come behind them
    files: Sequence[str]  # as paths from the top of the project
    behind: Sequence[str] = ()
    is_needed: bool = False  # without it nothing is known of its files: status 2


HOSTILE = "tests/gallery/hostile/"  # wrong on purpose: only how these look is checked

ALL_C = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/**/*.[ch]") if "build" not in path.parts)
SOUND_C = [name for name in ALL_C if not name.startswith(HOSTILE)]
SETTINGS = "tests/pyproject.toml"

C_FLAGS = ("--", "-std=c11", "-Wall", "-Wextra", "-Itests/lab/sandbox/launcher")
C_TOOLS = (
    Tool("clang-format", ("--dry-run", "--Werror"), ALL_C, is_needed=True),
    Tool("clang-tidy", ("--quiet",), SOUND_C, C_FLAGS, is_needed=True),
    Tool(
        "cppcheck",
        (
            "--std=c11",
            "--enable=warning,performance,portability",
            "--inline-suppr",
            "--force",  # with -D it would look at one configuration alone
            "-Dnoreturn=__attribute__((noreturn))",  # it does not read stdnoreturn.h
            "--error-exitcode=1",
            "-q",
        ),
        SOUND_C,
        is_needed=True,
    ),
)

# Ruff does what flake8 and isort do. Where it cannot be had, as on Debian, these two do.
RUFF = Tool("ruff", ("check", "--config", SETTINGS), ("tests",))
INSTEAD_OF_RUFF = (
    Tool("flake8", ("--max-line-length=120", "--max-complexity=12", "--extend-ignore=E203,W503"), ("tests",)),
    Tool("isort", ("--check-only", "--quiet", "--settings-path", "tests"), ("tests",)),
)
MYPY = Tool("mypy", ("--config-file", SETTINGS, "--cache-dir", str(BUILD / "mypy")), ())


def lint() -> int:
    """Run what is installed of the linters; returns the exit status: 2 if a tool for C is missing.

    Prints alarms for what has become long. They are no failures.
    """
    python_tools = (RUFF,) if shutil.which("ruff") else INSTEAD_OF_RUFF
    status = max(_lint(tool) for tool in (*C_TOOLS, *python_tools, MYPY))
    for alarm in alarms(sorted((TESTS / "lab").rglob("*.py"))):
        print(f"{'long':<13} {alarm}")
    return status


def _lint(tool: Tool) -> int:
    if shutil.which(tool.name) is None:
        print(f"{tool.name:<13} not checked: it is not installed")
        return 2 if tool.is_needed else 0
    words = [tool.name, *tool.words, *tool.files, *tool.behind]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"{tool.name:<13} {'ok' if done.returncode == 0 else 'complains:'}", flush=True)
    if done.returncode != 0:
        print(done.stdout + done.stderr)
        return 1
    return 0
