"""`tests/run new NN_name --after MM_name`: begins a step of the course.

It makes all files that a step has, each with what is still to be done in it, and
puts the step into the list of steps. What is left to do is a TODO in one of them,
and `tests/run test --step NN` fails until it is done.
"""

from __future__ import annotations

import re
from pathlib import Path

from lab.answers import find_step
from lab.course import LIST, STEPS, Origin, Step, origin, write
from lab.toolbox import ROOT, SKELETONS, SOLUTIONS, LabError

CHECKS = LIST.parent
GALLERY = ROOT / "tests" / "gallery"

HEAD = """\
/*
 * {step.name}: {step.title}
 *
 * TODO: in a few sentences, the one idea that this step adds, and why.
 *
 * See it:   build/solutions/{step.name}
 * End it:   kill $(pgrep -x {comm})
 * Read:     {step.handout}
 */
"""

TO_DO = """\
    /*
     * TODO: tell the learner what to do, not how.
     */
"""

MODULE = '''\
"""Step {step.number:02}: {step.title}."""

from __future__ import annotations

from lab.checks.check import Finding, Wrong, check
from lab.facts import Observation, Process


@check(read="intro(2)")
def to_do(o: Observation, p: Process) -> Finding:
    """TODO: a short statement that is true once the step is done."""
    return Wrong(
        expected="TODO: the state that the process should be in",
        observed="TODO: the state that it is in",
        because="TODO: what the program did or did not do. Then what to change.",
    )


CHECKS = [to_do]
'''

HANDOUT = """\
# {step.name}: {step.title}

## The problem

TODO: a few commands that show it, and two sentences on what surprises.

<!-- run -->
```console
$ build/solutions/{earlier.name}; sleep 0.3
```

## The call

TODO: the idea, and the calls that it takes.

## What changes

<!-- tour {earlier.name} {step.name} -->
```text
```

## Your task

TODO: what has to be true in the end.

## Check it

`make check STEP={step.number:02}`

## Usual mistakes

| mistake | what it looks like |
|---|---|
| TODO | |

## Read on

TODO: at most six pages, each with half a sentence on what is there.
"""

GALLERY_PAGE = """\
# {step.name}: known answers

## Wrong

## Right

## Careless
"""


def begin(name: str, after: str, title: str) -> int:
    """Make the files of a step `name` that builds on the step called `after`; returns the exit status.

    Raises LabError for a name that cannot be a step's, and where a file is there already.
    """
    earlier = find_step(after)
    step, above = _placed(name, title, earlier)
    files = _files(step, earlier)
    for path in files:
        if path.exists():
            raise LabError(f"{path.relative_to(ROOT)} is there already. Remove it first, or choose another name")
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        print(f"made     {path.relative_to(ROOT)}")
    LIST.write_text(write(_with(step, earlier, above)), encoding="utf-8")
    print(f"changed  {LIST.relative_to(ROOT)}")
    print(f"Search these files for TODO. To see what is left to do: tests/run test --step {step.number}")
    return 0


def _placed(name: str, title: str, earlier: Step) -> tuple[Step, Step]:
    """The new step, and the one that it stands below in the list. Raises LabError."""
    if not re.fullmatch(r"\d\d_[a-z]\w*", name):
        raise LabError(f"a step is called NN_name, with two digits and a word in lower case: not {name!r}")
    number = int(name[:2])
    for step in STEPS:
        if step.number == number or step.word == name[3:]:
            raise LabError(f"there is a step {step.name} already: a number and a word can be used once")
    if number < earlier.number:
        raise LabError(f"{name} cannot build on {earlier.name}, which comes later")
    above = [step for step in STEPS if step.number < number][-1]
    return Step(name, title, above.part), above


def _with(step: Step, earlier: Step, above: Step) -> dict[Step, Origin]:
    """All steps with where each comes from, the new one below the step `above`."""
    steps: dict[Step, Origin] = {}
    for each in STEPS:
        steps[each] = origin(each)
        if each == above:
            steps[step] = Origin(earlier)
    return steps


def _files(step: Step, earlier: Step) -> dict[Path, str]:
    """All files of the step, with their texts."""
    words = {"step": step, "earlier": earlier, "comm": step.name[:15]}  # comm: proc_pid_comm(5) has 15 characters
    head = HEAD.format(**words)
    code = _without_head((SOLUTIONS / earlier.file).read_text(encoding="utf-8"))
    return {
        SOLUTIONS / step.file: head + code,
        SKELETONS / step.file: head + _with_to_do(code),
        ROOT / step.handout: HANDOUT.format(**words),
        CHECKS / step.part / f"step_{step.name}.py": MODULE.format(**words),
        GALLERY / f"{step.name}.md": GALLERY_PAGE.format(**words),
    }


def _without_head(source: str) -> str:
    """A solution without its head comment."""
    _, _, code = source.partition("*/\n")
    return code


def _with_to_do(code: str) -> str:
    """The code of a solution, with a TODO at the beginning of main()."""
    top, _, body = code.rpartition("\nint main(")
    parameters, _, statements = body.partition("\n{\n")
    return f"{top}\nint main({parameters}\n{{\n{TO_DO}{statements}"
