"""Which launches an answer needs: pure functions of its checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Iterable, Sequence

from lab.checks.check import LOG_TO_PASS, Check
from lab.scene import Scene


@dataclass(frozen=True)
class Run:
    """One launch of an answer in a scene; `turn` tells those in the same scene apart."""

    scene: Scene = field(default_factory=Scene)
    turn: int = 0


USUAL = Run()

# Why a check cannot be made on this machine; "" if it can.
WhyNot = Callable[[Check], str]


def wanted(checks: Iterable[Check], why_not: WhyNot) -> list[Run]:
    """The launches that these checks look at, each once, the usual one first."""
    runs = {USUAL: None}
    for check in checks:
        if is_launched(check, why_not):
            runs.update({Run(check.scene, turn): None for turn in range(check.times)})
    return list(runs)


def is_launched(check: Check, why_not: WhyNot) -> bool:
    """Whether an answer is launched for a check. It is, if the check can be made here, or at least a part of it."""
    return check.looks_at != "build" and (not why_not(check) or check.needs_log == LOG_TO_PASS)


def depends_on(check: Check, checks: Sequence[Check]) -> list[Check]:
    """The check, and those whose results its own depends on.

    A bonus check is made only if nothing that is required is wrong. Another one
    may follow from those that it names, and from those that look at the same launch.
    """
    found = [check]
    for each in found:
        if each.star:
            others = [other for other in checks if not other.star]
        else:
            others = [other for other in checks if other.key in each.follows or _tells_of_process(other, each)]
        found += [other for other in others if other not in found]
    return found


def _tells_of_process(other: Check, check: Check) -> bool:
    """Whether `other` says, of the launch that `check` looks at, that no process has lived on."""
    return check.on_process and other.scene == check.scene and not other.on_process and not other.star
