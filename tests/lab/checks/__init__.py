"""The one list of expectations: each check says what must be true after its step.

course.txt is the list of all steps. Every step has a module in one of the
folders here, called after it: `recipe/step_03_setsid.py` holds CHECKS, what step
03 adds. From there on they hold for every later step too, until the module of a
later step says that a check of its own replaces them. Where it is launched in
another way than before, the module says USUAL too. Where there are two ways, as
the name in USUAL tells, the module makes the checks of the steps before anew, for
each way. A folder is a part of the course, and its checks know those of the parts
before.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Sequence

from lab.checks.check import Check
from lab.course import Step, before, lineage
from lab.scene import Scene, Usual


@cache
def added(step: Step) -> Sequence[Check]:
    """The checks that `step` adds, in the order in which they are reported."""
    checks: Sequence[Check] = _module(step).CHECKS
    return checks


@cache
def _module(step: Step) -> ModuleType:
    """The step's module, in the folder of its part of the course."""
    return import_module(f"{__name__}.{step.part}.step_{step.name}")


def since(check: Check, step: Step) -> Step:
    """The step that a check of an answer to `step` counts as old as: the one that added it, unless it says another."""
    return _ages(step)[check]


@cache
def _ages(step: Step) -> dict[Check, Step]:
    """{check: the step that it counts as old as} of all checks that `step` and those before it add."""
    earlier = before(step)
    ages = dict(_ages(earlier)) if earlier else {}
    in_force = _in_force(earlier) if earlier else {}
    for check in added(step):
        replaced = [in_force[key] for key in check.replaces]
        ages[check] = check.since or (ages[replaced[-1]] if check.adds_nothing else step)
    return ages


@cache
def usual(step: Step) -> Usual:
    """How the step's program is launched: the USUAL of its module, or else of the latest one before it that has one."""
    modules = [_module(each) for each in lineage(step)]
    return next((module.USUAL for module in reversed(modules) if hasattr(module, "USUAL")), Usual())


def _in_force(step: Step) -> dict[str, Check]:
    """{key: check} of what holds after `step`, bonus checks of earlier steps left out."""
    checks: dict[str, Check] = {}
    makes_all_anew = bool(usual(step).name)
    for earlier in (step,) if makes_all_anew else lineage(step):
        for check in added(earlier):
            if check.star and earlier != step:
                continue
            for key in check.replaces:
                if key != check.key:  # else it takes the place of the other one
                    del checks[key]
            checks[check.key] = check
    return checks


@cache
def expectations(step: Step) -> tuple[Check, ...]:
    """All checks that an answer to `step` has to pass, then the step's own bonus."""

    # Whether there is a process to look at comes before what it looks like, and
    # the usual launch before those with scenes of their own.
    def order(check: Check) -> tuple[bool, bool, bool, int]:
        return check.star, check.scene != Scene(), check.on_process, since(check, step).number

    return tuple(sorted(_in_force(step).values(), key=order))
