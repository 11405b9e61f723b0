"""What has to be true after each step: the one list of expectations.

Every step has a module here, called after it: `step_03_setsid.py` holds CHECKS,
what step 03 adds. From there on they hold for every later step too, until the
module of a later step says that a check of its own replaces them.
"""

from dataclasses import replace
from functools import cache
from importlib import import_module

from lab.checks.check import Check, Wrong
from lab.course import STEPS, before, lineage
from lab.scene import Scene


@cache
def added(step):
    """The checks that `step` adds, in the order in which they are reported."""
    return import_module(f"{__name__}.step_{step.name}").CHECKS


def since(check, step):
    """The step that a check of an answer to `step` counts as old as: the one that added it, unless it says another."""
    return _ages(step)[check]


@cache
def _ages(step):
    """{check: the step that it counts as old as} of all checks that `step` and those before it add."""
    earlier = before(step)
    ages = dict(_ages(earlier)) if earlier else {}
    in_force = _in_force(earlier) if earlier else {}
    for check in added(step):
        replaced = [in_force[key] for key in check.replaces]
        ages[check] = check.since or (ages[replaced[-1]] if check.relaxes else step)
    return ages


def check_of(number, key):
    """The check `key` that step `number` adds, by its key: for modules whose checks are not functions yet."""
    return next(check for check in added(STEPS[number]) if check.key == key)


def more(check, *, causes=(), follows=(), **other):
    """A check with more causes, which come first, and more that it follows from; `other` is what else is different."""
    follows = (*follows, *check.follows)
    if isinstance(check, Check):
        return replace(check, look=_with_causes(check.look, causes), follows=follows, **other)
    return replace(check, causes=(*causes, *check.causes), follows=follows, **other)


def _with_causes(look, causes):
    """The function of a check, with causes in rows that come before its own: for modules that have rows yet."""

    def looks(*seen):
        finding = look(*seen)
        if not isinstance(finding, Wrong):
            return finding
        found = next((text for test, text in causes if test is True or test(seen[0])), None)
        return finding.instead(found(seen[0]) if callable(found) else found)

    return looks


def still(number, key, **other):
    """The check `key` of step `number` once more, for a later step, see more(). It keeps its age."""
    check = next(each for each in expectations(STEPS[number]) if each.key == key)
    return more(check, replaces=(), since=since(check, STEPS[number]), **other)


@cache
def setting(step, name, otherwise):
    """What `name` stands for in the step's module, or else in the latest one before it that has it.

    ARGUMENTS is what the program is launched with, ROOT_ARGUMENTS what besides where it is root; NOTIFY and LISTEN
    are what a service manager has for it, see scene.Scene.
    """
    modules = [import_module(f"{__name__}.step_{each.name}") for each in lineage(step)]
    return next((getattr(module, name) for module in reversed(modules) if hasattr(module, name)), otherwise)


def arguments(step, root=False):
    """What the step's program is launched with."""
    return setting(step, "ARGUMENTS", ()) + (setting(step, "ROOT_ARGUMENTS", ()) if root else ())


def completed(step, scene):
    """The scene, with what it leaves open (None) as the step has it."""
    usual = {
        "arguments": arguments(step, scene.root),
        "notify": setting(step, "NOTIFY", ""),
        "listen": setting(step, "LISTEN", ()),
    }
    return replace(scene, **{name: value for name, value in usual.items() if getattr(scene, name) is None})


def _in_force(step):
    """{key: check} of what holds after `step`, bonus checks of earlier steps left out."""
    checks = {}
    for earlier in lineage(step):
        for check in added(earlier):
            if check.star and earlier != step:
                continue
            for key in check.replaces:
                del checks[key]
            checks[check.key] = check
    return checks


@cache
def expectations(step):
    """All checks that an answer to `step` has to pass, then the step's own bonus."""

    # Whether there is a process to look at comes before what it looks like, and
    # the usual launch before those with scenes of their own.
    def order(check):
        return check.star, check.scene != Scene(), check.on_process, since(check, step).number

    return tuple(sorted(_in_force(step).values(), key=order))
