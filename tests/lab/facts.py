"""What was seen: frozen data, with nothing in it that needs a process any more.

Whatever touches a process makes these, and whatever judges and tells reads
them. So this is where the lab is cut in two: what is above needs no process,
and what is below knows of no check.

PIDs are as the launched program itself sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, NamedTuple, Tuple, TypeVar, Union

from lab.scene import Deed, Scene

Identity = Tuple[int, int]  # (device, inode): a name can be forged, this cannot

# Why a program did not come to rest, where more than one place has to know.
CHANGED = "it changed again after it had come to rest"
MAKES_PROCESSES = "it keeps making processes"
OUT_OF_MEMORY = "it took more memory than it may have, and the kernel killed a process of it"
FULL_DISK = "it has filled its file system"
TOO_MANY_FILES = "it has made as many files as its file system can hold"

# Descriptors that a program makes only to wait with: none is ever inherited in
# a launch of the lab's.
WAITING_KINDS = ("anon_inode:[eventpoll]", "anon_inode:[signalfd]", "anon_inode:[timerfd]")


@dataclass(frozen=True)
class Build:
    """What the compiler made of an answer, or why it did not get it."""

    program: bytes  # empty if it does not compile
    messages: str  # the compiler's: errors, or warnings
    withheld: tuple[str, ...] = ()  # a line for each header that the compiler did not get
    refused: tuple[str, ...] = ()  # (what is wrong with the file, because) where it is no answer at all
    unchecked: str = ""  # why nothing can be said of it here: the machine is at fault

    @property
    def compiles(self) -> bool:
        """Whether there is a program to launch."""
        return bool(self.program)


@dataclass(frozen=True)
class Rest:
    """How the waiting ended."""

    settled: bool
    why_not: str = ""  # what still went on when the time was up
    note: str = ""  # what is not seen of it, though it is at rest
    is_plain: bool = False  # all wait in calls that are known, and have no timeout
    since: float = 0.0  # when that was known, in seconds of time.monotonic()


class Credentials(NamedTuple):
    """Who a process is and what it may do: credentials(7), capabilities(7)."""

    uids: tuple[int, ...]  # real, effective, saved, filesystem
    gids: tuple[int, ...]
    groups: frozenset[int]  # supplementary
    capabilities: dict[str, int]  # "Inh", "Prm", "Eff", "Amb": a set of bits; the bounding set is none that it has


class Descriptor(NamedTuple):
    """An open descriptor, seen from outside."""

    number: int
    kind: str  # "null", "terminal", "device", "file", "folder", "pipe", "socket", or anon_inode's
    target: str  # the text of the link in /proc/PID/fd
    access: str  # "r", "w" or "rw"; "" where neither is possible, as with O_PATH: open(2)
    inherited: bool  # not close-on-exec: a program started with exec gets it too
    identity: Identity  # of what is open
    device: int  # the device number, of a device
    locked: bool = False  # its process has locked it: flock(2), fcntl(2)
    shared_with: int = -1  # the lowest number that shares its opening, which may be its own; -1: not known

    def __str__(self) -> str:
        """In a few words, as a learner would name it."""
        name = {
            "null": "the null device",
            "terminal": "a terminal",
            "device": self.target,
            "file": f"the file {self.target}",
            "folder": f"the directory {self.target}",
            "pipe": "a pipe",
            "socket": "a socket",
        }.get(self.kind, self.target)
        return f"{self.number} {name}"


@dataclass(frozen=True)
class Message:
    """A datagram that arrived at /dev/log, or at the service manager's socket, and the PID of who sent it.

    `sender` is the kernel's word (SO_PASSCRED, unix(7)), None if that process
    was gone before it could be looked up; `when` is when it was sent, in seconds
    of time.monotonic(), of a message to the log when it was read here.
    """

    text: str
    sender: int | None
    when: float


@dataclass(frozen=True)
class Process:
    """A process, as the kernel showed it."""

    pid: int
    ppid: int
    pgid: int
    sid: int
    terminal: int  # device number of the controlling terminal, 0 for none
    state: str
    umask: int
    cwd: Identity
    cwd_text: str
    program: Identity  # of the executable
    descriptors: Mapping[int, Descriptor]
    blocked: frozenset[int] = frozenset()  # numbers of signals that no thread lets through: signal(7)
    ignored: frozenset[int] = frozenset()
    caught: frozenset[int] = frozenset()  # with a handler
    awaited: frozenset[int] = frozenset()  # blocked, but for the time that a thread waits for them: sigwaitinfo(2)
    thread_count: int = 1
    environment: Mapping[str, str] | None = None  # what it has there now; None where that cannot be found out
    credentials: Credentials | None = None  # in a scene as root those that it sees itself
    of_threads: tuple[Credentials, ...] = ()  # the same of its other threads, where they differ: each once
    directories_of_threads: tuple[str, ...] = ()  # working directories of its other threads, where they differ

    @property
    def open_files(self) -> dict[int, Descriptor]:
        """The descriptors that count: all but those that only serve to wait."""
        return {n: d for n, d in self.descriptors.items() if d.kind not in WAITING_KINDS}


class Doing(NamedTuple):
    """What a process was at when all had been done to it, and looked at."""

    pid: int
    state: str  # the letter of proc(5): S where it waits, R where it is busy or ready to be, T where it is stopped
    call: str  # the system call that it is in, by its name; "" for none, or where that is not known
    system: float = 0.0  # which part of its processor time it has spent in system calls, 0 to 1: of one that is busy


@dataclass(frozen=True)
class PidFile:
    """The file that -p names, at one moment."""

    text: str
    mode: int
    identity: Identity
    locked: bool  # by anybody, with flock() or fcntl()
    owner: int = 0  # the user ID, in a scene as root as those have it who are in the sandbox


@dataclass(frozen=True)
class Said:
    """What it told, and to whom."""

    messages: tuple[Message, ...]  # to the log, in the order of their arrival
    notices: tuple[Message, ...]  # to the service manager, likewise
    printed: str  # to the terminal, or to the pipe in its place
    errors: str = ""  # that part of it which came through no such pipe: with Stdio.PIPE what went to standard error


@dataclass(frozen=True)
class Served:
    """What a client got: of several the one that was served worst. Comes of Connect, Talk and Queue."""

    text: str  # all that it could read
    how: str  # "closed" by the other side, "open" still when nothing came any more, or the reason why it failed


@dataclass(frozen=True)
class CameInVain:
    """What a process did while it could not accept a client, and what the client got later. Comes of ComeInVain."""

    served: Served
    rested: bool  # it waited for something at least at times, and did not only call again and again
    unlike: bool = False  # with so few descriptors poll() would fail, which it never does else


@dataclass(frozen=True)
class Crowded:
    """So many clients got through. Comes of Crowd."""

    count: int


@dataclass(frozen=True)
class StartedAgain:
    """What became of those that were started besides. Comes of StartAgain."""

    statuses: tuple[int | None, ...]  # as from waitpid(); None for one that has not ended
    printed: str  # to standard output or standard error
    errors: str = ""  # that part of it which went to standard error


@dataclass(frozen=True)
class Raised:
    """Whether the signal could be sent at that moment: 0 or -errno. Comes of RaiseBeforeWait."""

    result: int


@dataclass(frozen=True)
class LogFilled:
    """Whether it came to wait for the log. Comes of FillLog."""

    was_full: bool


@dataclass(frozen=True)
class Opened:
    """The descriptor of the terminal, or -errno. Comes of OpenTerminal."""

    result: int


@dataclass(frozen=True)
class Regained:
    """What setuid(0) and setgid(0) returned: 0 or -errno. Comes of AskForRoot."""

    user: int
    group: int


Came = Union[Served, CameInVain, Crowded, StartedAgain, Raised, LogFilled, Opened, Regained]
_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class Done:
    """One deed of Scene.then."""

    deed: Deed
    came: Came | None  # of some nothing comes but what is said, and what is seen afterwards
    said: Said  # from its beginning until all was at rest again
    begun: float  # seconds on CLOCK_MONOTONIC: just before it was done
    over: float  # the same, when it had come to rest again


@dataclass(frozen=True)
class World:
    """Where the program was launched."""

    sandboxed: bool
    adopter: int  # PID of what adopts orphans: init, or the subreaper
    program: Identity  # of the answer's executable
    shell: Process  # what the job was launched with, it still has
    root: Identity  # of the root directory
    localhost: frozenset[str] = frozenset()  # of "tcp4", "tcp6": what that name stands for, if the program got it


@dataclass(frozen=True)
class Job:
    """The process that the shell launched, and what the shell knows of it."""

    pid: int
    status: int | None  # as from waitpid(); None while it lives
    exec_errno: int  # why the program could not be run; 0 if it could
    found: str | None  # what was in the PID file when the job returned
    lost_shell: bool  # the answer has ended or stopped the shell
    found_parent: int = 0  # the parent, at that moment, of the process whose PID that was; 0 if there was none


@dataclass(frozen=True)
class Piped:
    """Scene "pipe": what its reader got."""

    text: str
    is_closed: bool  # it has got end of file


@dataclass(frozen=True)
class Sockets:
    """Descriptors of the process's own sockets, by what they lead to."""

    log_peers: frozenset[int] = frozenset()  # connected to /dev/log
    listeners: frozenset[int] = frozenset()  # clients can connect there
    pairs: frozenset[int] = frozenset()  # to the process itself: socketpair(2)


@dataclass(frozen=True)
class Held:
    """What came of calls that were held."""

    accept_failed: bool = False  # scene ACCEPT_ONCE: its first accept() was made to fail
    accepting: int = 0  # scene HOLD_ACCEPT: so many processes beside the first one called accept() at once
    told_with: tuple[frozenset[int] | None, ...] = ()  # scene LOOK_BEFORE: the signals held at each notice
    unprepared: bool = False  # scene HOLD_SIGNALS: it had returned, and SIGTERM still killed the daemon
    lock_was_vain: bool = False  # scene LOCK_IN_VAIN: the PID file was removed just before it was locked
    removed: PidFile | None = None  # scene LOOK_AT_REMOVAL: the PID file, when its name was about to be taken away


@dataclass(frozen=True)
class After:
    """What is seen at last. Where nothing was done to the process, only `files` tells something."""

    files: tuple[str, ...]  # the names of what is in the working directory of the launch
    status: int | None = None  # of `process`, as from waitpid(); None if it lives on
    left: tuple[int, ...] = ()  # PIDs that live on
    pid_file: PidFile | None = None
    terminal: int = 0  # device number of the controlling terminal of `process`, 0 for none


@dataclass(frozen=True)
class Observation:
    """Everything that a check may look at."""

    name: str  # of the answer, and so of its program
    scene: Scene
    rest: Rest
    when: float  # it had come to rest, in seconds since the Epoch
    world: World
    job: Job
    processes: tuple[Process, ...]  # the living ones, oldest first
    zombies: tuple[int, ...]  # PIDs of those that have ended, and whose parent has not waited for them
    reaped: Mapping[int, int]  # PID: status, of orphans that have ended
    said: Said  # all of it, also what came of Scene.then
    piped: Piped
    foreground: int  # the process group in the foreground of the shell's terminal, 0 for none: tcgetpgrp(3)
    pid_file: PidFile | None  # None where there is none
    socket_mode: int | None  # the permissions of the socket at the path of -l; None where there is none
    sockets: Sockets
    held: Held
    done: tuple[Done, ...]  # one for each of Scene.then, none where nobody was there to do it to
    after: After
    doing: tuple[Doing, ...]  # of the processes that live in the end, the oldest first; of many only some

    @property
    def process(self) -> Process | None:
        """The one to be judged: the only one that lives, or the youngest. None if none does."""
        return self.processes[-1] if self.processes else None

    @property
    def survivor(self) -> Process:
        """The same, for those who know that one lives."""
        assert self.process is not None
        return self.process

    @property
    def shell(self) -> Process:
        """The shell that launched it."""
        return self.world.shell

    @property
    def printed(self) -> str:
        """What it printed, to the terminal or to the pipe in its place."""
        return self.said.printed

    @property
    def errors(self) -> str:
        """What it printed to standard error, in a scene with Stdio.PIPE; in others it is all that it printed."""
        return self.said.errors

    @property
    def messages(self) -> tuple[Message, ...]:
        """What it told the log."""
        return self.said.messages

    @property
    def notices(self) -> tuple[Message, ...]:
        """What it told the service manager."""
        return self.said.notices

    def came(self, kind: type[_Kind]) -> _Kind | None:
        """What came of the last deed of which something of this kind came; None if there was none."""
        return next((done.came for done in reversed(self.done) if isinstance(done.came, kind)), None)
