"""Which files are to be checked: a step, a folder, and what can be wrong with them."""

import re
from dataclasses import dataclass
from pathlib import Path

from lab.steps import STEPS, Step, before
from lab.toolbox import SOLUTIONS, LabError

MAX_SOURCE = 1 << 20  # bytes; a longer one is no answer to anything here


@dataclass(frozen=True)
class Answer:
    """A learner's file for a step."""

    step: Step
    path: Path

    def sources(self):
        """What the compiler gets to see, as {name: bytes}: it, and headers beside it."""
        found = {}
        for path in (self.path, *sorted(self.path.parent.glob("*.h"))):
            if path.is_file() and path.stat().st_size <= MAX_SOURCE and len(found) < 32:
                found[path.name] = path.read_bytes()
        return found

    def is_untouched(self):
        """Whether nothing was begun: its code is that of the solution before, or, without one, its TODO is there."""
        earlier = before(self.step)
        try:
            if earlier is None:
                return b"TODO: " in self.path.read_bytes()
            solution = (SOLUTIONS / f"{earlier.name}.c").read_bytes()
            return code(self.path.read_bytes()) == code(solution)
        except OSError:
            return False


_TOKENS = re.compile(
    rb"""/\*.*?\*/ | //[^\n]* | (?P<text>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
       | (?P<word>\w+) | (?P<sign>[^\s\w])""",
    re.DOTALL | re.VERBOSE,
)


def code(source):
    """The tokens of a C source, without comments and white space."""
    return [match.group() for match in _TOKENS.finditer(source) if match.lastgroup]


def find_step(text):
    """The step called `text`: "3", "03", "03_setsid", or its file as in "steps/03_setsid.c". Raises LabError."""
    file = re.fullmatch(r"(?:\./)?(?:steps/)?(\w+)\.(?:c|md)", text)
    if file:
        text = file[1]
    for step in STEPS:
        if text == step.name or (text.isascii() and text.isdigit() and int(text) == step.number):
            return step
    names = ", ".join(step.name for step in STEPS)
    raise LabError(f"there is no step {text!r}. STEP takes one, as 3, 03 or 03_setsid, of {names}")


def find_answers(folder, step_text=None):
    """The answers in `folder`, in the order of the steps.

    With `step_text` just that one, which has to be there; else all that are.
    Raises LabError.
    """
    folder = Path(folder)
    if not folder.exists():
        raise LabError(f"there is no folder {folder}: ANSWERS has to name one that holds your .c files")
    if not folder.is_dir():
        raise LabError(f"{folder} is not a folder: ANSWERS has to name one that holds your .c files")
    wanted = [find_step(step_text)] if step_text else STEPS
    found = [Answer(step, folder / f"{step.name}.c") for step in wanted]
    try:
        if step_text and not found[0].path.exists():
            raise LabError(f"there is no file {found[0].path.name} in {folder}")
        found = [answer for answer in found if answer.path.exists()]
        if not found:
            raise LabError(f"{folder} holds no answer: none of {STEPS[0].name}.c to {STEPS[-1].name}.c is in it")
        for answer in found:
            if not answer.path.is_file():
                raise LabError(f"{answer.path} is not a file: move it away, nothing was checked")
            with answer.path.open("rb"):
                pass
    except PermissionError as error:
        raise LabError(f"{error.filename} cannot be read: permission denied") from error
    return found
