"""`make test` and `make lint`: for those who work on the lab itself."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from lab.toolbox import ROOT, LabError

TESTS = ROOT / "tests"
PROOF = TESTS / "proof"


def test(rest):
    """Run the lab's own tests, with `rest` as options for pytest; returns the exit status.

    All of them, or those in the files that `rest` names. Side by side, where
    pytest-xdist is there.
    """
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    words = ["-c", str(TESTS / "pytest.ini"), "--rootdir", str(TESTS), "-p", "no:cacheprovider", "-ra"]
    if find_spec("xdist"):
        # Three for each processor, since most tests wait; an -n in `rest` comes later, and counts.
        words += ["-p", "xdist.plugin", "-n", str(3 * (os.cpu_count() or 1))]
    if not PROOF.exists():
        raise LabError("there are no tests of the lab itself here: learners were given a copy without them")
    named = any(Path(word.partition("::")[0]).exists() for word in rest)
    status = int(pytest.main([*words, *rest, *([] if named else [str(PROOF)])]))
    return status if status < 2 else 2


# Each tool, what it is for, and how it is called on these files.
C_FILES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/**/*.[ch]") if "build" not in path.parts)
C_FLAGS = ["--", "-std=c11", "-Wall", "-Wextra"]
CPPCHECK = ["--std=c11", "--enable=warning,performance,portability", "--inline-suppr", "--error-exitcode=1", "-q"]
C_TOOLS = (
    ("clang-format", ["--dry-run", "--Werror"], []),
    ("clang-tidy", ["--quiet"], C_FLAGS),
    ("cppcheck", CPPCHECK, []),
)
PYTHON_TOOLS = (
    ("ruff", ["check"]),
    ("flake8", ["--max-line-length=120", "--extend-ignore=E203,W503"]),
    ("pyflakes", []),
)


HOSTILE = "tests/gallery/hostile/"  # wrong on purpose: only how these look is checked


def lint():
    """Run what is installed of the linters; returns the exit status: 2 if a tool for C is missing."""
    status = 0
    for tool, before, after in C_TOOLS:
        files = [name for name in C_FILES if tool == "clang-format" or not name.startswith(HOSTILE)]
        status = max(status, _lint(tool, [*before, *files, *after], missing=2))
    python = next((row for row in PYTHON_TOOLS if shutil.which(row[0])), PYTHON_TOOLS[0])
    return max(status, _lint(python[0], [*python[1], "tests"], missing=0))


def _lint(tool, words, missing):
    if shutil.which(tool) is None:
        print(f"{tool:<13} not checked: it is not installed")
        return missing
    done = subprocess.run([tool, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"{tool:<13} {'ok' if done.returncode == 0 else 'complains:'}")
    if done.returncode != 0:
        print(done.stdout + done.stderr)
        return 1
    return 0
