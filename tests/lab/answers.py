"""Which files are to be checked: a step, a folder, and what can be wrong with them.

A folder of answers may come from anybody: git, tar and zip keep symbolic links.
So no file in it is opened by its name alone. First it is looked at, by a
descriptor that can read nothing (O_PATH, open(2)); only a regular file is then
opened for reading, through that descriptor: what was looked at is what is read.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Sequence

from lab.course import STEPS, Step, before, origin
from lab.toolbox import SOLUTIONS, LabError

MAX_SOURCE = 1 << 20  # bytes; a longer one is no answer to anything here
MAX_HEADERS = 31  # that the compiler gets
MAX_ODD_NAMES = 10  # files with an odd name that are mentioned


class Refused(Exception):
    """A file that the lab does not read, because of what it is.

    `what` is the end of a sentence that begins with the file's name, `cure`
    says what to hand in instead, `because` is the reason.
    """

    def __init__(self, what: str, cure: str, because: str):
        super().__init__(what)
        self.what, self.cure, self.because = what, cure, because


_ONLY_REGULAR = "The lab reads only regular files. Save your program in a file of this name."
_KINDS = (
    # (a test of st_mode, what it is, what to hand in, the reason)
    (
        stat.S_ISLNK,
        "a symbolic link",
        "hand in the file itself",
        "The lab does not follow links, because a link can lead to somebody else's file. Copy your program into a "
        "file of this name.",
    ),
    (stat.S_ISFIFO, "a FIFO", "hand in a regular file", _ONLY_REGULAR),
    (stat.S_ISCHR, "a character device", "hand in a regular file", _ONLY_REGULAR),
    (stat.S_ISBLK, "a block device", "hand in a regular file", _ONLY_REGULAR),
    (stat.S_ISSOCK, "a socket", "hand in a regular file", _ONLY_REGULAR),
    (stat.S_ISDIR, "a folder", "hand in a regular file", _ONLY_REGULAR),
)


def open_folder(path: Path | str) -> int:
    """A descriptor of the folder at `path`, for os functions with dir_fd; it can list nothing. Raises OSError."""
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def read_regular(folder: int, name: str, limit: int = MAX_SOURCE) -> bytes:
    """The bytes of the regular file `name` in the folder that the descriptor `folder` stands for.

    Nothing else is opened: to open a FIFO can wait for ever, to open a device
    can do anything. Raises Refused for what is no regular file, and for one of
    more than `limit` bytes; OSError where it cannot be read.
    """
    looked_at = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        status = os.fstat(looked_at)
        for is_one, what, cure, because in _KINDS:
            if is_one(status.st_mode):
                raise Refused(f"is {what}", cure, because)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("is no regular file", "hand in a regular file", _ONLY_REGULAR)
        if status.st_size > limit:
            raise _too_long(status.st_size, limit)
        # Not blocking: a file with a lease on it is not waited for, fcntl(2).
        fd = os.open(f"/proc/self/fd/{looked_at}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:  # it grew meanwhile
            raise _too_long(os.fstat(looked_at).st_size, limit)
        return data
    finally:
        os.close(looked_at)


def _too_long(size: int, limit: int) -> Refused:
    size_text = f"{size / (1 << 20):.1f} MiB" if size > 1.1 * limit else f"{size} bytes long"
    return Refused(
        f"is {size_text}; the limit is {limit >> 20} MiB",
        "",
        "No source file of this course is that long. Most likely it is another file, for example a compiled program.",
    )


@dataclass(frozen=True)
class HandedIn:
    """What was handed in for a step, as it was read once.

    Either `sources` has the answer, or one of `refused` and `unreadable` says
    why there is none.
    """

    sources: dict[str, bytes] = field(default_factory=dict)  # what the compiler gets, by name: the answer comes first
    withheld: tuple[str, ...] = ()  # a line for each header that the compiler does not get
    refused: tuple[str, ...] = ()  # (what is wrong with the file, because): it is no answer
    unreadable: str = ""  # why the lab cannot read it here: no answer is at fault


@dataclass(frozen=True)
class Answer:
    """A learner's file for a step."""

    step: Step
    path: Path

    def read(self) -> HandedIn:
        """Read the answer and the headers beside it: a HandedIn."""
        name = self.path.name
        try:
            folder = open_folder(self.path.parent)
        except OSError as error:
            return HandedIn(unreadable=f"{self.path.parent} cannot be opened: {_reason(error)}")
        try:
            data = read_regular(folder, name)
            if not data.strip():
                because = "Most likely it was not saved, or a copy broke off. Hand in the file with your program in it."
                return HandedIn(refused=(f"{name} is empty", because))
            headers, withheld = _read_headers(folder)
            return HandedIn({name: data, **headers}, withheld)
        except Refused as refused:
            return HandedIn(refused=(_sentence(name, refused), refused.because))
        except OSError as error:
            return HandedIn(unreadable=f"{name} cannot be read: {_reason(error)}")
        finally:
            os.close(folder)

    def is_untouched(self) -> bool:
        """Whether nothing was begun: its code is what learners start from.

        That is the code of the solution before, or what the list of steps has a
        fingerprint of. Without a solution and without a fingerprint, its TODO is there.
        """
        source = self.read().sources.get(self.path.name)
        if source is None:
            return False
        if origin(self.step).skeleton:
            return fingerprint(source) == origin(self.step).skeleton
        earlier = before(self.step)
        solution = SOLUTIONS / earlier.file if earlier else None
        if solution is None or not solution.exists():  # learners may have been given none
            return b"TODO: " in source
        return code(source) == code(solution.read_bytes())


def _reason(error: OSError) -> str:
    """Why a file cannot be read, in words: "permission denied"."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def _sentence(name: str, refused: Refused) -> str:
    return f"{name} {refused.what}" + (f": {refused.cure}" if refused.cure else "")


def _read_headers(folder: int) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """({name: bytes} of the headers in a folder, lines on those that the compiler does not get)."""
    try:
        names = sorted(name for name in _list(folder) if name.endswith(".h"))
    except OSError as error:
        return {}, (f"the folder cannot be listed ({_reason(error)}), so the compiler did not get any header of it",)
    found: dict[str, bytes] = {}
    withheld: list[str] = []
    for name in names:
        if len(found) == MAX_HEADERS:
            many = f"{name} is one header too many, so the compiler did not get it"
            withheld.append(f"{many}: the limit is {MAX_HEADERS}")
            continue
        try:
            found[name] = read_regular(folder, name)
        except Refused as refused:
            cure = f": {refused.cure}" if refused.cure else ""
            withheld.append(f"{name} {refused.what}, so the compiler did not get it{cure}")
        except FileNotFoundError:
            pass  # it was removed a moment ago
        except OSError as error:
            withheld.append(f"{name} cannot be read ({_reason(error)}), so the compiler did not get it")
    return found, tuple(withheld)


def _list(folder: int) -> list[str]:
    """The names in the folder that the descriptor `folder` stands for. Raises OSError."""
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


_TOKENS = re.compile(
    rb"""/\*.*?\*/ | //[^\n]* | (?P<text>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
       | (?P<word>\w+) | (?P<sign>[^\s\w])""",
    re.DOTALL | re.VERBOSE,
)


def code(source: bytes) -> list[bytes]:
    """The tokens of a C source, without comments and white space."""
    return [match.group() for match in _TOKENS.finditer(source) if match.lastgroup]


def fingerprint(source: bytes) -> str:
    """16 hexadecimal digits that tell this code from any other: comments and white space do not count."""
    return hashlib.sha256(b"\0".join(code(source))).hexdigest()[:16]


def find_step(text: str) -> Step:
    """The step called `text`: by its number, its word or both, or by its file as in "steps/NN_name.c".

    Raises LabError.
    """
    file = re.fullmatch(r"(?:\./)?(?:steps/)?(\w+)\.(?:c|md)", text)
    name = file[1] if file else text
    for step in STEPS:
        if name == step.name or (name.isascii() and name.isdigit() and int(name) == step.number):
            return step
        if text == step.word:  # no file is called so: see odd_names()
            return step
    names = ", ".join(step.name for step in STEPS)
    raise LabError(f"there is no step {text!r}. STEP takes one, as {ways_to_name_a_step()}, of {names}")


def ways_to_name_a_step() -> str:
    """How a step may be called, in words, with the first one as the example."""
    step = STEPS[1]
    return f"{step.number}, {step.number:02}, {step.word} or {step.name}"


def find_answers(folder: Path | str, step_text: str | None = None) -> list[Answer]:
    """The answers in `folder`, in the order of the steps: all entries that have an answer's name.

    With `step_text` just that one, which has to be there; else all that are.
    What is wrong with one of them is that one's result, see Answer.read().
    Raises LabError.
    """
    folder = Path(folder)
    wanted: Sequence[Step] = [find_step(step_text)] if step_text else STEPS
    try:
        fd = open_folder(folder)
    except FileNotFoundError:
        raise LabError(f"there is no folder {folder}: ANSWERS has to name one that holds your .c files") from None
    except NotADirectoryError:
        raise LabError(f"{folder} is not a folder: ANSWERS has to name one that holds your .c files") from None
    except OSError as error:
        raise LabError(f"{folder} cannot be opened: {_reason(error)}") from None
    try:
        found = [Answer(step, folder / step.file) for step in wanted if _is_there(fd, step.file)]
    except OSError as error:
        raise LabError(f"the files in {folder} cannot be looked at: {_reason(error)}") from None
    finally:
        os.close(fd)
    if step_text and not found:
        raise LabError(f"there is no file {wanted[0].name}.c in {folder}")
    if not found:
        odd = " ".join(odd_names(folder)[:1])
        none = f"{folder} holds no answer: none of {STEPS[0].name}.c to {STEPS[-1].name}.c is in it"
        raise LabError(f"{none}. {odd}" if odd else none)
    return found


def _is_there(folder: int, name: str) -> bool:
    """Whether there is an entry of that name, of whatever kind. Raises OSError."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        return True
    except FileNotFoundError:
        return False


# ---- names that nearly are those of answers --------------------------------

# What file managers and editors put behind a name: NN_name (1).c, NN_name - Copy.c, NN_name.c.txt.
_NEARLY_C = re.compile(r"(?P<stem>.*?)(?: ?\(\d+\)| - copy| copy)*\.(?:c|cc|cpp|c\.txt|c\.c)(?: ?\(\d+\))?", re.I)
_NUMBER_AND_WORD = re.compile(r"(?:step)?[\W_]*(?P<number>\d{0,2})(?P<word>.*)", re.I | re.DOTALL)
_CLOSE = 0.8  # of difflib: "sysolg" is close to "syslog", "session" is not close to "setsid"


def odd_names(folder: Path) -> list[str]:
    """A line for each file in `folder` that was not checked, but that may be meant as an answer."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    lines = []
    for name in names:
        step = _step_meant(name)
        if step is not None:
            right = step.file
            if right in names:
                lines.append(f"{name} was not checked, because {right} is there as well.")
            else:
                lines.append(f"{name} was not checked. Is it {right}?")
    below = Path(folder, "steps")
    if "steps" in names and any(_is_regular(below / step.file) for step in STEPS):
        lines.append(f"The answers in {below} were not checked. To check them, name that folder in ANSWERS.")
    if len(lines) > MAX_ODD_NAMES:
        lines[MAX_ODD_NAMES:] = [f"{len(lines) - MAX_ODD_NAMES} more files were not checked."]
    return lines


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _step_meant(name: str) -> Step | None:
    """The step whose answer a file of this name may be; None for an answer's own name, and for any other name."""
    if any(name == step.file for step in STEPS):
        return None
    match = _NEARLY_C.fullmatch(name)
    if match is None:
        return None
    parts = _NUMBER_AND_WORD.fullmatch(match["stem"])
    assert parts is not None  # it matches any text
    number, word = parts.group("number", "word")
    words = {_letters(step.word): step for step in STEPS}
    close = difflib.get_close_matches(_letters(word), words, n=1, cutoff=_CLOSE)
    if close:
        return words[close[0]]
    if number and not _letters(word):
        return next((step for step in STEPS if step.number == int(number)), None)
    return None


def _letters(text: str) -> str:
    """The letters and digits of a name, in lower case."""
    return re.sub(r"[\W_]", "", text).lower()
