"""`tests/run test --changed`: which of the lab's own tests tell of what was changed.

What belongs to one step (its program, its handout, its checks, its known answers)
is told by the tests of that step. A module of the harness is told by the test
files that import it, and a test file by itself. That takes seconds, and proves
less than all tests do: run those before you commit.
"""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable

from lab.course import STEPS, Step
from lab.toolbox import ROOT, LabError

PROOF = ROOT / "tests" / "proof"
FLOORS = "tests/proof/test_floors.py"  # told of any module, in less than a second

OF_A_STEP = re.compile(
    r"(?:steps|solutions|tests/gallery)/(?P<name>\d\d_\w+)\.(?:c|md)"
    r"|tests/lab/checks/\w+/step_(?P<module>\d\d_\w+?)(?:/.*|\.py)"
)
MODULE = re.compile(r"tests/(?P<path>lab/.*)\.py")
TEST_FILE = re.compile(r"tests/proof/test_\w+\.py")


@dataclass
class Selection:
    """Tests to be run."""

    steps: set[Step] = field(default_factory=set)  # all tests that name one of these
    files: set[str] = field(default_factory=set)  # all tests in these, as paths from the top
    untold: list[str] = field(default_factory=list)  # changed files that no test is known to tell of

    def options(self) -> list[str]:
        """What makes pytest run these tests alone: options of the plugin in selected.py."""
        words = ["-p", "lab.dev.selected"]
        words += [f"--of-step={name}" for name in sorted(step.name for step in self.steps)]
        words += [f"--of-file={path}" for path in sorted(self.files)]
        return words


def changed_files() -> list[str]:
    """The files that git has changes of, or does not know yet, as paths from the top. Raises LabError."""
    words = ["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=all", "-z"]
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except FileNotFoundError:
        missing = "--changed asks git what has changed, and git is not installed (Debian: apt install git)"
        raise LabError(missing) from None
    if done.returncode != 0:
        raise LabError("--changed asks git what has changed, and this folder is none of git's: leave it out")
    entries = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    # An entry is two letters, a blank and a path. Where a file was renamed, its old path follows by itself.
    return [entry[3:] for entry in entries if re.match(r"[ MADRCUT?!]{2} ", entry)]


def select(changed: Iterable[str], imports: dict[str, set[str]]) -> Selection:
    """The tests that tell of these files; `imports` has the modules that each test file imports."""
    found = Selection()
    steps = {step.name: step for step in STEPS}
    for path in changed:
        of_step = OF_A_STEP.fullmatch(path)
        module = MODULE.fullmatch(path)
        step = steps.get(of_step["name"] or of_step["module"]) if of_step else None
        if step:
            found.steps.add(step)
        elif TEST_FILE.fullmatch(path):
            found.files.add(path)
        elif module:
            found.files.add(FLOORS)
            found.files |= _importing(module["path"].replace("/", "."), imports)
        else:
            found.untold.append(path)
    return found


def _importing(module: str, imports: dict[str, set[str]]) -> set[str]:
    """The test files that import a module, or something from it."""
    return {path for path, names in imports.items() if module in names}


def imports_of_tests() -> dict[str, set[str]]:
    """{test file: the names of the modules, and of what is in them, that it imports}."""
    return {str(path.relative_to(ROOT)): _imports(path) for path in sorted(PROOF.glob("test_*.py"))}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names
