"""The list of steps: one for every program in `solutions/`, in their order."""

import re
from dataclasses import dataclass

from lab.toolbox import SOLUTIONS


@dataclass(frozen=True)
class Step:
    """A step of the course; `title` is what the solution's first comment calls it."""

    name: str  # as its files are called: 03_setsid
    title: str

    @property
    def number(self):
        """Its number as the course counts: 3 for 03_setsid."""
        return int(self.name[:2])

    @property
    def handout(self):
        """Its handout, as a path from the top of the project."""
        return f"steps/{self.name}.md"


def _read_steps():
    steps = []
    for path in sorted(SOLUTIONS.glob("[0-9][0-9]_*.c")):
        with path.open(encoding="utf-8") as file:
            head = re.match(rf"/\*\n \* {path.stem}: (.+)\n", file.read(400))
        steps.append(Step(path.stem, head[1] if head else path.stem))
    return tuple(steps)


STEPS = _read_steps()

# Each step builds on the one before it. These start anew: from another one, or from nothing (None).
_STARTS_FROM = {15: 0, 17: None}


def before(step):
    """The step that `step` builds on, None if there is none."""
    number = _STARTS_FROM.get(step.number, step.number - 1)
    return None if number in (None, -1) else STEPS[number]


def lineage(step):
    """The steps that `step` builds on, from the first one, and itself."""
    earlier = before(step)
    return (*lineage(earlier), step) if earlier else (step,)
