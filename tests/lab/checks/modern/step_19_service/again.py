"""Checks of earlier steps, made again of the service: see asked_again()."""

from __future__ import annotations

from typing import Callable, Optional, Sequence

from lab.checks import added, expectations
from lab.checks.check import Check, Finding, Look, Wrong
from lab.course import Step, lineage
from lab.facts import Build, Observation, Process
from lab.scene import Scene, Usual

BetterCause = Callable[[Observation], Optional[str]]


def required(step: Step) -> dict[str, Check]:
    """The checks that an answer to `step` must pass, by their keys."""
    return {check.key: check for check in expectations(step) if not check.star}


def bonus(step: Step) -> dict[str, Check]:
    """The bonus checks of all steps up to `step`, by their keys, but for those that a later one of them requires."""
    found = {check.key: check for each in lineage(step) for check in added(each) if check.star}
    return {key: check for key, check in found.items() if key not in required(step)}


def asked_again(
    earlier: Check,
    *,
    usual: Usual,
    since: Step,
    scene: Scene,
    says: str = "",
    follows: Sequence[str] = (),
    better: BetterCause | None = None,
    look: Look | None = None,
) -> Check:
    """The check of an earlier step in a scene of this one; it counts as old as it was, which is `since`.

    `follows` names checks of the same way of starting, which is `usual`. If the
    check fails, `better` may know a better cause. Where the service must do
    something else, `look` looks at the launch instead.
    """

    def look_again(seen: Observation | Build, *_: Process) -> Finding:
        finding = earlier.judge(seen)  # it finds the process itself, if that is what it looks at
        if better and isinstance(finding, Wrong) and isinstance(seen, Observation):
            return finding.instead(better(seen))
        return finding

    return Check(
        name=earlier.name,
        says=says or earlier.says,
        look=look or look_again,
        looks_at="launch" if look else earlier.looks_at,
        read=earlier.read,
        scene=scene,
        usual=usual,
        times=earlier.times,
        star=earlier.star,
        follows=tuple(usual.key(name) for name in follows),
        needs_log=earlier.needs_log,
        since=since,
        expects=earlier.expects or earlier.says,
    )
