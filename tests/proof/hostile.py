"""Answers that mean harm, or do it by accident: programs in tests/gallery/hostile, each with a head comment.

    /*
     * kills its group
     *
     * expects: crashed
     * told: SIGKILL
     * needs: a sandbox
     */

`expects` is the kind of verdict that the first failing check gives, `told` a
phrase of what the learner reads. Some can only be caught in a sandbox. They are
answers to the step fork. {solutions} and {tests} stand for those folders.
"""

import re
from dataclasses import dataclass

from lab.checks.check import DOES_NOT_COMPILE, NO_SOURCE
from lab.toolbox import ROOT, SOLUTIONS

FOLDER = ROOT / "tests" / "gallery" / "hostile"
PLACES = {b"{solutions}": str(SOLUTIONS).encode(), b"{tests}": str(ROOT / "tests").encode()}


@dataclass(frozen=True)
class Hostile:
    """A hostile answer."""

    name: str  # as its file is called
    source: bytes
    expects: str
    told: str
    needs_sandbox: bool = False

    @property
    def runs(self):
        """Whether there is a program that runs, and may do harm."""
        return self.expects not in (DOES_NOT_COMPILE, NO_SOURCE)


def hostile_answers():
    """All of them. Those that no editor could show are made here."""
    found = [
        Hostile("an_empty_file", b"\n", NO_SOURCE, "is empty"),
        Hostile("not_text_at_all", bytes(range(256)) * 40, DOES_NOT_COMPILE, "first error"),
    ]
    for path in sorted(FOLDER.glob("*.c")):
        text = path.read_bytes()
        head = dict(re.findall(r"^ \* (expects|told|needs): (.+)$", text.decode("utf-8").partition("*/")[0], re.M))
        for name, place in PLACES.items():
            text = text.replace(name, place)
        source = b"#define _GNU_SOURCE\n" + text
        found.append(Hostile(path.stem, source, head["expects"], head.get("told", ""), "needs" in head))
    return found
