"""What is asked for: how a program is started, and what is done to it once it is at rest.

Data only. A step says how its program is usually launched, a check names the
scene that it wants to look at, and whatever launches programs reads it.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Union

from lab.faults import Fault

PID_FILE = "daemon.pid"  # what -p names, in the working directory
CONFIG = "daemon.conf"  # what -c names
SOCKET = "service.sock"  # what -l names, if it is a path
PORT = "PORT"  # in arguments and deeds it stands for a port that is free
SOMEBODY = "SOMEBODY"  # in arguments it stands for a user who is neither root nor whoever runs the lab
PWD = "$PWD"  # at the beginning of an argument, as a shell has it: the path of the working directory
TTY = "$TTY"  # in the place of an argument: the path of the terminal that it is started on
USER = "guest"  # whom -u names; in /etc/passwd where a job is launched as root
USERS = {
    "passwd": b"root:x:0:0::/:/bin/sh\nguest:x:70:80::/:/bin/sh\n",
    "group": b"root:x:0:\nguest:x:80:\nmail:x:81:guest\nnews:x:82:guest\n",
}
FIFO = 0o010644  # the mode of a file of a launch that is a FIFO: inode(7)
HOSTS_FILE = Path("/etc/hosts")
HOSTS = b"127.0.0.1 localhost\n::1 localhost\n"  # that file in a sandbox, for a job that is told a host


# The words of the options of a Scene. They are those of the wire, too: sandbox/protocol.py gives them to the launcher,
# and the first one of each is what it assumes if it is told nothing.


class Stdio(Enum):
    """What descriptors 0, 1 and 2 are at the start."""

    TERMINAL = "terminal"
    CLOSED = "closed"
    PIPE = "pipe"  # standard output is one, and the rest is the terminal
    UNREAD = "unread"  # standard output and standard error are one whose reader has gone


class Device(Enum):
    """What can be missing in /dev."""

    NULL = "null"
    LOG = "log"


# Never blocked at the start: so the mask of the start can be told from one that a program has filled itself. By
# default this signal does nothing, and no launch of the lab's sends it.
UNBLOCKED = signal.SIGWINCH


class Signals(Enum):
    """What is done with signals at the start."""

    USUAL = "usual"
    HELD = "held"  # every signal is ignored, and all but UNBLOCKED are blocked too
    PENDING = "pending"  # all but UNBLOCKED are blocked, none is ignored, and SIGHUP is pending


class Parent(Enum):
    """Who is the parent of the program at its start, and who adopts what it leaves."""

    SHELL = "shell"  # its child is adopted by init
    INIT = "init"  # both are init: as at boot, or as the first program of a container
    SUBREAPER = "subreaper"  # a shell, below a process that adopts orphans instead of init: prctl(2)


class Manager(Enum):
    """The kind of service manager that NOTIFY_SOCKET names: sd_notify(3)."""

    NONE = "none"
    PATH = "path"
    ABSTRACT = "abstract"
    FULL = "full"  # nobody reads what is sent there
    MISSING = "missing"  # there is nothing at its path


class Listen(Enum):
    """What a service manager passes: sd_listen_fds(3). The last two are none that listen."""

    UNIX = "unix"
    TCP4 = "tcp4"
    TCP6 = "tcp6"
    NONBLOCK = "nonblock"  # as UNIX, with O_NONBLOCK set: NonBlocking= in systemd.exec(5)
    FILE = "file"
    CONNECTED = "connected"

    @property
    def is_tcp(self) -> bool:
        """Whether it takes a network."""
        return self in (Listen.TCP4, Listen.TCP6)


# What may be done to a process that has come to rest: a Deed. What str() makes of one is what reports say, so a learner
# reads it. How each is done is what the table in watch/deeds.py says.


@dataclass(frozen=True)
class Signal:
    """It is sent a signal: kill(2)."""

    number: signal.Signals

    def __str__(self) -> str:
        return self.number.name


@dataclass(frozen=True)
class AwaitSecond:
    """Nothing is done until a second of CLOCK_MONOTONIC begins, so that the microseconds are few after it."""

    def __str__(self) -> str:
        return "second"


@dataclass(frozen=True)
class RaiseBeforeWait:
    """It is sent a signal at the moment before the call in which it waits."""

    number: signal.Signals

    def __str__(self) -> str:
        return f"before-wait {self.number.name}"


@dataclass(frozen=True)
class Series:
    """It is sent one signal `count` times, each when the one before is taken."""

    number: signal.Signals
    count: int

    def __str__(self) -> str:
        return f"series {self.number.name} {self.count}"


@dataclass(frozen=True)
class Storm:
    """It is sent one signal `count` times in a row; once it is at rest, that one and `last` at once.

    The first half comes as quickly as it can, and so some of it as one; of the
    second each waits until the one before is taken. At once: it is stopped
    while they come, and finds both when it goes on.
    """

    number: signal.Signals
    count: int
    last: signal.Signals

    def __str__(self) -> str:
        return f"storm {self.number.name} {self.count} {self.last.name}"


@dataclass(frozen=True)
class FillLog:
    """It is sent a signal again and again while nobody reads the log, until it waits for that."""

    number: signal.Signals

    def __str__(self) -> str:
        return f"full-log {self.number.name}"


@dataclass(frozen=True)
class OfClients:
    """What clients do; `where` is the number of a socket that was passed, a path, or tcp4:PORT, tcp6:PORT."""

    where: str


@dataclass(frozen=True)
class Connect(OfClients):
    """A client comes, and reads until the other side closes."""

    def __str__(self) -> str:
        return f"connect {self.where}"


@dataclass(frozen=True)
class Talk(OfClients):
    """A client comes while it is stopped, and sends a line before it goes on; it reads until the other side closes."""

    def __str__(self) -> str:
        return f"talk {self.where}"


@dataclass(frozen=True)
class ComeInVain(OfClients):
    """A client comes while it may open no further descriptor, and after a while it may; the client reads as others."""

    def __str__(self) -> str:
        return f"in-vain {self.where}"


@dataclass(frozen=True)
class Queue(OfClients):
    """`count` clients come while it is stopped, and then a signal does; they read until the other side closes."""

    count: int
    number: signal.Signals

    def __str__(self) -> str:
        return f"queue {self.where} {self.count} {self.number.name}"


@dataclass(frozen=True)
class Crowd(OfClients):
    """`count` clients come, who neither speak nor read, and stay."""

    count: int

    def __str__(self) -> str:
        return f"crowd {self.where} {self.count}"


@dataclass(frozen=True)
class Vanish(OfClients):
    """`count` clients come and have gone before they are looked at: it is stopped meanwhile."""

    count: int

    def __str__(self) -> str:
        return f"vanish {self.where} {self.count}"


@dataclass(frozen=True)
class StartAgain:
    """The program is started `count` times more, at once."""

    count: int

    def __str__(self) -> str:
        return f"again {self.count}"


@dataclass(frozen=True)
class Replace:
    """The file `other` takes the place of the one that an option names; there is none there if there is no `other`."""

    other: str


@dataclass(frozen=True)
class ReplaceConfig(Replace):
    """That of -c."""

    def __str__(self) -> str:
        return f"config {self.other}"


@dataclass(frozen=True)
class ReplacePidFile(Replace):
    """That of -p, as if it were another instance's."""

    def __str__(self) -> str:
        return f"pid-file {self.other}"


@dataclass(frozen=True)
class ReplaceSocket(Replace):
    """That of -l, likewise."""

    def __str__(self) -> str:
        return f"socket {self.other}"


@dataclass(frozen=True)
class Stop(OfClients):
    """`count` clients come while it is stopped, and stay; then SIGTERM does, and it has `limit` seconds to exit."""

    count: int
    limit: float

    def __str__(self) -> str:
        return f"stop {self.where} {self.count}, {self.limit:g} s"


@dataclass(frozen=True)
class FullLog:
    """Signals are sent while the log is full: the second one when it waits for room in the log, because of the first.

    Then the log is read.
    """

    first: signal.Signals
    second: signal.Signals

    def __str__(self) -> str:
        return f"no-room-in-log {self.first.name} {self.second.name}"


@dataclass(frozen=True)
class AwaitPings:
    """Nothing is done until `count` more signs of life have come, or one takes more than `limit` seconds."""

    count: int
    limit: float = 1.0

    def __str__(self) -> str:
        return f"pings {self.count}"


@dataclass(frozen=True)
class OpenTerminal:
    """It is made to open a terminal, without O_NOCTTY."""

    def __str__(self) -> str:
        return "terminal"


@dataclass(frozen=True)
class AskForRoot:
    """It is made to ask for root's IDs."""

    def __str__(self) -> str:
        return "root"


Deed = Union[
    Signal,
    AwaitSecond,
    RaiseBeforeWait,
    Series,
    Storm,
    FillLog,
    Connect,
    Talk,
    ComeInVain,
    Queue,
    Crowd,
    Vanish,
    StartAgain,
    ReplaceConfig,
    ReplacePidFile,
    ReplaceSocket,
    Stop,
    FullLog,
    AwaitPings,
    OpenTerminal,
    AskForRoot,
]


@dataclass(frozen=True)
class Scene:
    """How a program is started; the defaults are those of every answer.

    The launcher is told a field as it is, by its name, unless it is on the list
    NOT_TOLD of sandbox/protocol.py: there the lab tells something else instead.
    """

    stdio: Stdio = Stdio.TERMINAL
    fault: Fault | None = None
    without: tuple[Device, ...] = ()
    leads: bool = False  # it leads a session on a terminal of its own, as under sshd
    environment: tuple[str, ...] = ()  # of NAME=VALUE, beside toolbox.ENVIRONMENT, or NAME for none of it
    signals: Signals = Signals.USUAL
    parent: Parent = Parent.SHELL
    more_open: int = 0  # so many more descriptors are open at its start: its caller had many, and closed none
    long_pids: bool = False  # in a sandbox: PIDs with as many digits as the machine has, or one less
    then: tuple[Deed, ...] = ()  # what is done once it is at rest
    files: tuple[Any, ...] = ()  # (name, bytes) in its working directory, and the mode if it is not 0644, such as FIFO
    root: bool = False  # as root of the sandbox, with USERS to become, in a directory of root's; from the step on
    # that gives up root's rights, the arguments tell it to become one
    arguments: tuple[str, ...] | None = None  # None, here and below: as is usual
    notify: Manager | None = None  # who would be told
    listen: tuple[Listen, ...] | None = None  # what a service manager passes, from descriptor 3 on
    taken: tuple[str, ...] = ()  # where somebody else listens already, who accepts nobody: `where` as in OfClients. The
    # queue of one at a path is full
    tells: bool | None = None  # the first process tells how the start went: it comes to rest when that one has exited

    @property
    def has_manager(self) -> bool:
        """Whether a service manager starts the program, in a scene that leaves nothing open."""
        return self.notify not in (None, Manager.NONE) or bool(self.listen)

    @property
    def shows_environment(self) -> bool:
        """Whether the lab looks at which variables the program has in the end."""
        return self.has_manager or bool(self.environment)

    @property
    def networks(self) -> frozenset[Listen]:
        """The kinds of TCP that sockets which are passed, and clients, need."""
        wheres = [deed.where for deed in self.then if isinstance(deed, OfClients)] + list(self.taken)
        named = [where.partition(":")[0] for where in wheres]
        return frozenset(
            kind for kind in Listen if kind.is_tcp and (kind in (self.listen or ()) or kind.value in named)
        )

    @property
    def starts_again(self) -> bool:
        """Whether the program is started more than once."""
        return any(isinstance(deed, StartAgain) for deed in self.then)


@dataclass(frozen=True)
class Usual:
    """How the program of a step is launched where a scene leaves it open."""

    arguments: tuple[str, ...] = ()
    as_root: tuple[str, ...] = ()  # arguments besides, where it is root
    notify: Manager = Manager.NONE  # this and the next two as in a Scene
    listen: tuple[Listen, ...] = ()
    tells: bool = False
    name: str = ""  # of one of the two ways in which a step's program is launched

    def key(self, word: str) -> str:
        """What a check that is called so is called among all of the step's, if this is how it is launched."""
        return f"{self.name}/{word}" if self.name else word

    def completed(self, scene: Scene) -> Scene:
        """The scene, with what it leaves open (None) as is usual."""
        arguments = self.arguments + (self.as_root if scene.root else ())
        return replace(
            scene,
            arguments=arguments if scene.arguments is None else scene.arguments,
            notify=self.notify if scene.notify is None else scene.notify,
            listen=self.listen if scene.listen is None else scene.listen,
            tells=self.tells if scene.tells is None else scene.tells,
        )
