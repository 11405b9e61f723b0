"""`make test` and `make lint`: for those who work on the lab itself."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lab.judge.examination import examiner
from lab.report import describe
from lab.sandbox.server import Launchpad
from lab.toolbox import ROOT

TESTS = ROOT / "tests"


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
    named = any(Path(word.partition("::")[0]).exists() for word in rest)
    status = int(pytest.main([*words, *rest, *([] if named else [str(TESTS / "proof")])]))
    return status if status < 2 else 2


def keep_reports():
    """Write anew what learners are told of the gallery's wrong answers; returns the exit status."""
    from gallery import REPORTS, unwrapped, with_names, wrong_answers

    kept = set()
    with TemporaryDirectory() as folder, examiner(Launchpad(), Path(folder)) as examine:
        for row in wrong_answers():
            report = with_names(describe(examine(row.source(), row.step.number))) + "\n"
            row.report.parent.mkdir(parents=True, exist_ok=True)
            kept_before = row.report.read_text(encoding="utf-8") if row.report.exists() else ""
            if unwrapped(kept_before) != unwrapped(report):
                row.report.write_text(report, encoding="utf-8")
                print(f"written: {row.report.relative_to(ROOT)}")
            kept.add(row.report)
    for path in set(REPORTS.glob("*/*")) - kept:
        path.unlink()
        print(f"removed: {path.relative_to(ROOT)}")
    return 0


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


def lint():
    """Run what is installed of the linters; returns the exit status: 2 if a tool for C is missing."""
    status = 0
    for tool, before, after in C_TOOLS:
        status = max(status, _lint(tool, [*before, *C_FILES, *after], missing=2))
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
