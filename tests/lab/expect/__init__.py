"""What has to be true after each step: the one list of expectations.

Every step has a module here, called after it: `step_03_setsid.py` holds CHECKS,
what step 03 adds. From there on they hold for every later step too, until the
module of a later step says that a check of its own replaces them.
"""

from dataclasses import replace
from functools import cache
from importlib import import_module

from lab.scene import Scene
from lab.steps import STEPS, lineage


@cache
def added(step):
    """The checks that `step` adds, in the order in which they are reported."""
    checks = import_module(f"{__name__}.step_{step.name}").CHECKS
    for check in checks:
        check.since = check.since or step
    return checks


def more(check, *, causes=(), follows=(), **other):
    """A check with more causes, which come first, and more that it follows from; `other` is what else is different."""
    return replace(check, causes=(*causes, *check.causes), follows=(*follows, *check.follows), **other)


def still(number, key, **other):
    """The check `key` of step `number` once more, for a later step, see more(). It keeps its age."""
    check = next(each for each in expectations(STEPS[number]) if each.key == key)
    return more(check, replaces=(), **other)


@cache
def in_force(step, name, otherwise):
    """What `name` stands for in the step's module, or else in the latest one before it that has it.

    ARGUMENTS is what the program is launched with, ROOT_ARGUMENTS what besides where it is root; NOTIFY and LISTEN
    are what a service manager has for it, see launched.Scene.
    """
    modules = [import_module(f"{__name__}.step_{each.name}") for each in lineage(step)]
    return next((getattr(module, name) for module in reversed(modules) if hasattr(module, name)), otherwise)


def arguments(step, root=False):
    """What the step's program is launched with."""
    return in_force(step, "ARGUMENTS", ()) + (in_force(step, "ROOT_ARGUMENTS", ()) if root else ())


def completed(step, scene):
    """The scene, with what it leaves open (None) as the step has it."""
    usual = {
        "arguments": arguments(step, scene.root),
        "notify": in_force(step, "NOTIFY", ""),
        "listen": in_force(step, "LISTEN", ()),
    }
    return replace(scene, **{name: value for name, value in usual.items() if getattr(scene, name) is None})


@cache
def expectations(step):
    """All checks that an answer to `step` has to pass, then the step's own bonus."""
    checks = {}
    for earlier in lineage(step):
        for check in added(earlier):
            if check.star and earlier != step:
                continue
            for key in check.replaces:
                # A check that takes another's place keeps its age, if it says so.
                old = checks.pop(key)
                if check.relaxes:
                    check.since = old.since
            checks[check.key] = check

    # Whether there is a process to look at comes before what it looks like, and
    # the usual launch before those with scenes of their own.
    def order(check):
        return check.star, check.scene != Scene(), check.on_process, check.since.number

    return tuple(sorted(checks.values(), key=order))
