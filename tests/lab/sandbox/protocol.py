"""What the lab and the launcher say to each other: the one table of it.

    Request   how something is launched; words of the form key=value
    Order     what the launcher is told to do while a launch goes on; one line
    Event     what it tells of a launch; one line, and perhaps a descriptor

Each is sent as one message over a socket of the type SOCK_SEQPACKET, as text, so
that strace(1) shows it. What the launcher has to know of this table stands in
launcher/protocol.h, which `tests/run protocol` writes.

Neither side passes over what it does not know: the launcher tells of it, and
here it is a NotUnderstood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, ClassVar, Iterator

from lab.faults import Fault
from lab.scene import Scene
from lab.toolbox import LabError


class NotUnderstood(LabError):
    """The lab and the launcher do not understand each other. No answer is at fault, and no machine."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the lab and its launcher do not understand each other: {what}. "
            "If you have changed the lab, run tests/run protocol; if not, please report this"
        )


# ---- the request -----------------------------------------------------------------


class Kind(Enum):
    """What a program is launched as: see launcher/job.c."""

    JOB = "job"
    SHELL = "shell"
    TOOL = "tool"


@dataclass(frozen=True)
class File:
    """A file to lay into the working directory. Its bytes are passed as a descriptor."""

    mode: int
    name: str

    def __str__(self) -> str:
        return f"{self.mode:o}:{self.name}"


# Fields of a Scene that the launcher is not told. `then` is what the lab does later, and `tells` what it waits for. The
# others become files, the program's own words, and IDs.
NOT_TOLD = ("then", "files", "root", "arguments", "tells")


@dataclass(frozen=True)
class Request:
    """How something is launched. The name of a field is its key; its type says how the launcher reads it.

    What the Scene has is told first, by the names of its fields. A field that is
    None, False, empty or the first of its Enum need not be told.
    """

    scene: Scene = Scene()
    kind: Kind = Kind.JOB  # a tool's output goes to the last of the descriptors
    sandbox: bool = False  # in namespaces; otherwise init is a child subreaper
    network: bool = False  # with a loopback interface
    nested: bool = False  # it may make namespaces of its own
    tmp: str = ""  # the folder for temporary files
    shown: tuple[str, ...] = ()  # directories to be seen, beside those that always are
    hidden: tuple[str, ...] = ()  # directories to be empty
    first_uid: int = 0  # what root of the sandbox is outside, and as what user
    first_gid: int = 0
    id_count: int = 0  # so many IDs from these on; 0: nobody is root there
    processes: int = 64  # at most, where they can be counted
    group: tuple[str, ...] = ()  # directories in which control groups are made
    limit: tuple[str, ...] = ()  # of the group with this number: "NUMBER:FILE:VALUE"
    watched: str = ""  # the file that is looked into when the job returns
    high: int = 3999  # the number of a descriptor beyond the soft limit
    file: tuple[File, ...] = ()  # the first is the program; each takes a descriptor

    def options(self) -> Iterator[tuple[str, Any]]:
        """All that the launcher may be told, as (key, value)."""
        for each in fields(Scene):
            if each.name not in NOT_TOLD:
                yield each.name, getattr(self.scene, each.name)
        for each in fields(self):
            if each.name != "scene":
                yield each.name, getattr(self, each.name)

    def words(self) -> list[str]:
        """The request as it is sent. Raises NotUnderstood where a word cannot be sent."""
        words = []
        for key, value in self.options():
            for each in value if isinstance(value, tuple) else (value,):
                text = _word(each)
                if text:
                    words.append(f"{key}={text}")
        return words

    def message(self, argv: list[str]) -> str:
        """The whole text, with the words of the program: each ends with a null byte."""
        words = [*self.words(), "--", *argv]
        for word in words:
            if "\0" in word:
                raise NotUnderstood(f"a request holds a null byte, in {word!r}")
        return "".join(word + "\0" for word in words)


def _word(value: Any) -> str:
    """A value as it is sent; "" for what need not be told."""
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, Fault):
        return value.word
    if isinstance(value, Enum):
        return str(value.value)
    return str(value)


# ---- events ----------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """What the launcher tells. The fields follow its word, a blank before each; the last one takes the rest.

    Where a descriptor comes with it, that is the field `descriptor`.
    """

    word: ClassVar[str]


@dataclass(frozen=True)
class Refused(Event):
    """No sandbox can be had here; nothing was started."""

    word = "refused"
    why: str


@dataclass(frozen=True)
class Broken(Event):
    """The launcher could not do something that it has to do, and has ended the launch."""

    word = "broken"
    why: str


@dataclass(frozen=True)
class Misunderstood(Event):
    """The launcher was told something that it does not know, and has ended the launch."""

    word = "misunderstood"
    what: str


@dataclass(frozen=True)
class Init(Event):
    """init's PID as the lab sees it, with a pidfd."""

    word = "init"
    pid: int
    descriptor: int


@dataclass(frozen=True)
class Group(Event):
    """A control group of the launch."""

    word = "group"
    path: str


@dataclass(frozen=True)
class Proc(Event):
    """A /proc of the sandbox, for the lab alone."""

    word = "proc"
    descriptor: int


@dataclass(frozen=True)
class Lab(Event):
    """The working directory of the job, as the job sees it."""

    word = "lab"
    path: str


@dataclass(frozen=True)
class Program(Event):
    """The first of the files, as fstat(2) tells it."""

    word = "program"
    device: int
    inode: int


class Source(Enum):
    """What is read from a descriptor: see streams.py."""

    TERMINAL = "terminal"  # the master of the job's terminal
    STDOUT = "stdout"  # the job's standard output, or its own terminal
    AGAIN = "again"  # what those print that are started again, to standard output
    AGAIN_ERRORS = "again-errors"  # the same, to standard error
    OUTPUT = "output"  # what a tool prints: the lab has made that pipe itself
    LOG = "log"  # /dev/log
    NOTICES = "notices"  # the service manager's socket
    LISTENER = "listener"  # tells of calls that are held


@dataclass(frozen=True)
class Stream(Event):
    """Where something of the launch can be read."""

    word = "stream"
    source: Source
    descriptor: int


@dataclass(frozen=True)
class Calls(Event):
    """The system calls that wait, as NAME=NUMBER:KIND:ARGUMENT each: see launcher/waits.c."""

    word = "calls"
    text: str

    def by_number(self) -> dict[int, tuple[str, int]]:
        """{number of a call: (KIND, ARGUMENT)}. Raises NotUnderstood."""
        found = {}
        for call in self.text.split():
            match = re.fullmatch(r"\w+=(\d+):(.):(\d)", call)
            if match is None:
                raise NotUnderstood(f"it told of a call that waits, {call!r}")
            found[int(match[1])] = (match[2], int(match[3]))
        return found


@dataclass(frozen=True)
class Adopter(Event):
    """The PID of what adopts orphans instead of init, as the sandbox sees it."""

    word = "adopter"
    pid: int


@dataclass(frozen=True)
class Shell(Event):
    """The PID of the stand-in for the shell, as the sandbox sees it."""

    word = "shell"
    pid: int


@dataclass(frozen=True)
class Job(Event):
    """The same of the job: it is about to run its program."""

    word = "job"
    pid: int


@dataclass(frozen=True)
class Exec(Event):
    """Why it could not run its program, as an errno."""

    word = "exec"
    error: int


@dataclass(frozen=True)
class Ended(Event):
    """What the shell's waitpid() said of the job."""

    word = "ended"
    pid: int
    status: int


@dataclass(frozen=True)
class Found(Event):
    """What was then in the file that is watched, and the parent of the process whose PID that is; 0 for none."""

    word = "found"
    parent: int
    text: str


@dataclass(frozen=True)
class Reaped(Event):
    """What init's waitpid() said of an orphan."""

    word = "reaped"
    pid: int
    status: int


@dataclass(frozen=True)
class Opened(Event):
    """A descriptor, or -errno."""

    word = "opened"
    result: int


@dataclass(frozen=True)
class Timers(Event):
    """0 or -errno; then in how many nanoseconds each timer goes off, 0 for never."""

    word = "timers"
    result: int
    nanoseconds: tuple[int, ...]


@dataclass(frozen=True)
class Regained(Event):
    """0 for each that it got, or -errno."""

    word = "regained"
    user: int
    group: int


@dataclass(frozen=True)
class Again(Event):
    """The PID of a process that runs the program once more, as the sandbox sees it."""

    word = "again"
    pid: int


@dataclass(frozen=True)
class Raised(Event):
    """0 or -errno."""

    word = "raised"
    result: int


@dataclass(frozen=True)
class Replaced(Event):
    """The name of the file that is another one now."""

    word = "replaced"
    name: str


@dataclass(frozen=True)
class Client(Event):
    """A connection to the job."""

    word = "client"
    descriptor: int


@dataclass(frozen=True)
class NoClient(Event):
    """Why there is none, as an errno."""

    word = "no-client"
    error: int


@dataclass(frozen=True)
class Connected(Event):
    """So many clients got through."""

    word = "connected"
    count: int


EVENTS = {kind.word: kind for kind in Event.__subclasses__()}


def read_event(line: str, descriptor: int | None = None) -> Event:
    """The Event that a message tells of. Raises NotUnderstood where it is none of the table.

    `descriptor` is the one that came with it. It stays the caller's to close
    where this raises.
    """
    word, _, rest = line.partition(" ")
    kind = EVENTS.get(word)
    if kind is None:
        raise NotUnderstood(f"it told an unknown event, {line!r}")
    types = {each.name: str(each.type) for each in fields(kind)}
    if ("descriptor" in types) != (descriptor is not None):
        raise NotUnderstood(f"it told {line!r} {'without' if descriptor is None else 'with'} a descriptor")
    names = [name for name in types if name != "descriptor"]
    texts = rest.split(" ", len(names) - 1) if names else []
    if len(texts) < len(names) and types[names[-1]].startswith("tuple"):
        texts.append("")  # a list may be empty
    try:
        if len(texts) != len(names) or (rest and not names):
            raise ValueError(f"it takes {len(names)} words")
        values = {name: _READERS[types[name]](text) for name, text in zip(names, texts)}
    except ValueError as error:
        raise NotUnderstood(f"it told a malformed event, {line!r}") from error
    if descriptor is not None:
        values["descriptor"] = descriptor
    return kind(**values)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


_READERS: dict[str, Any] = {"int": int, "str": str, "Source": Source, "tuple[int, ...]": _numbers}


# ---- orders ----------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """What the launcher is told to do. The fields follow its word; one of the `answers` tells what came of it.

    In C an order is a function order_WORD(), with the fields as its arguments.
    """

    word: ClassVar[str]
    answers: ClassVar[tuple[type[Event], ...]]

    def line(self) -> str:
        """The order as it is sent. Raises NotUnderstood where a word of it cannot be sent."""
        words = [self.word]
        for each in fields(self):
            value = getattr(self, each.name)
            words += map(_order_word, value if isinstance(value, tuple) else (value,))
        return " ".join(words)


def _order_word(value: int | str) -> str:
    text = str(int(value) if isinstance(value, int) else value)
    if not text or any(character in text for character in " \0"):
        raise NotUnderstood(f"no word of an order can be {text!r}")
    return text


@dataclass(frozen=True)
class OpenTerminal(Order):
    """Make a process open a terminal that is nobody's, without O_NOCTTY: open(2)."""

    word = "terminal"
    answers = (Opened,)
    pid: int


@dataclass(frozen=True)
class AskTimers(Order):
    """Ask a process for its timers: that of setitimer(2), and those of timer_create(2) with these IDs."""

    word = "timers"
    answers = (Timers,)
    pid: int
    ids: tuple[int, ...]


@dataclass(frozen=True)
class AskForRoot(Order):
    """Make a process call setuid(0) and setgid(0)."""

    word = "root"
    answers = (Regained,)
    pid: int


@dataclass(frozen=True)
class StartAgain(Order):
    """Start the program so many times more, all at once; each one answers."""

    word = "again"
    answers = (Again,)
    count: int


@dataclass(frozen=True)
class RaiseBeforeWait(Order):
    """Send a process a signal just before the call in which it waits."""

    word = "raise"
    answers = (Raised,)
    signal: int
    pid: int


@dataclass(frozen=True)
class Replace(Order):
    """Put one file of the working directory in the place of another; without it, there is none there then."""

    word = "replace"
    answers = (Replaced,)
    name: str
    other: str


@dataclass(frozen=True)
class Connect(Order):
    """Be a client of the job's, and pass the connection. WHERE is "0" for the first socket that was passed to the
    job, or PATH, tcp4:PORT or tcp6:PORT."""

    word = "connect"
    answers = (Client, NoClient)
    where: str


@dataclass(frozen=True)
class Crowd(Order):
    """Be so many clients that stay, and neither speak nor read."""

    word = "crowd"
    answers = (Connected,)
    where: str
    count: int


@dataclass(frozen=True)
class Vanish(Order):
    """Be so many clients that have gone at once."""

    word = "vanish"
    answers = (Connected,)
    where: str
    count: int


ORDERS = {kind.word: kind for kind in Order.__subclasses__()}
