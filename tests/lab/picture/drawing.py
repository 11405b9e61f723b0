"""What is drawn of an Observation. It is plain data: text.py and svg.py say how it looks.

What the step has changed is marked. That is found by comparing it with an
Observation of the program before. Without a sandbox PIDs are others there: then
each counts by its place among all that are known of a launch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Iterable

from lab.checks.common import ended
from lab.facts import Descriptor, Observation, Process
from lab.messages import described
from lab.scene import Stdio

FIRST_PASSED = 3  # sd_listen_fds(3)
HIGH = 1000  # descriptors from here on were opened by the lab, at a number by chance
MAX_DRAWN = 12  # processes; a program that has made more is told of in a line


@dataclass(frozen=True)
class Member:
    """A process in its group."""

    pid: int
    name: str
    leads_session: bool
    leads_group: bool
    is_new: bool = False


@dataclass(frozen=True)
class Group:
    """A process group."""

    pgid: int
    is_foreground: bool  # of the terminal that its session has
    members: tuple[Member, ...]
    is_new: bool = False


@dataclass(frozen=True)
class Session:
    """A session, and the terminal that it has."""

    sid: int
    terminal: str  # "" for none
    has_leader: bool  # whether the process that started it still lives
    groups: tuple[Group, ...]
    is_new: bool = False


@dataclass(frozen=True)
class Branch:
    """A process, and those whose parent it is."""

    pid: int
    name: str
    children: tuple[Branch, ...] = ()
    is_new: bool = False


@dataclass(frozen=True)
class Opening:
    """What one or more descriptors lead to: those of one opening share its position and its flags, open(2)."""

    numbers: tuple[str, ...]
    target: str
    is_new: bool = False


@dataclass(frozen=True)
class Table:
    """The descriptors of a process."""

    pid: int
    name: str
    openings: tuple[Opening, ...]


@dataclass(frozen=True)
class Told:
    """What a process has told, and to whom."""

    pid: int | None  # None where that is not known
    to: str
    text: str
    is_new: bool = False


@dataclass(frozen=True)
class Drawing:
    """All that is drawn."""

    sessions: tuple[Session, ...]
    tree: tuple[Branch, ...]
    tables: tuple[Table, ...]
    told: tuple[Told, ...]
    notes: tuple[str, ...] = field(default=())  # sentences on what cannot be drawn

    @property
    def has_marks(self) -> bool:
        """Whether something in it is marked as new."""
        groups = [group for session in self.sessions for group in session.groups]
        marks = [each.is_new for each in self.sessions]
        marks += [each.is_new for each in groups]
        marks += [member.is_new for group in groups for member in group.members]
        marks += [opening.is_new for table in self.tables for opening in table.openings]
        marks += [each.is_new for each in self.told]
        return any(marks)


def drawing_of(o: Observation, before: Observation | None = None) -> Drawing:
    """What is drawn of `o`; what is new there since `before`, the same scene with another program, is marked."""
    drawn, known = _Parts(o), _Parts(before) if before else None
    return Drawing(
        sessions=tuple(_sessions(drawn, known)),
        tree=tuple(_tree(drawn, known)),
        tables=tuple(_tables(drawn, known)),
        told=tuple(_told(drawn, known)),
        notes=tuple(_notes(o)),
    )


class _Parts:
    """What counts of an Observation, and the place of each PID in it."""

    def __init__(self, o: Observation):
        self.o = o
        self.shell = [o.shell] if o.shell.sid else []  # else the answer has ended it
        self.own = list(o.processes[:MAX_DRAWN])
        known = {o.world.adopter, o.shell.pid, o.job.pid}
        for each in self.own:
            known |= {each.pid, each.ppid, each.pgid, each.sid}
        self._places = {pid: place for place, pid in enumerate(sorted(known - {0}))}

    @property
    def all(self) -> list[Process]:
        """The shell, and the processes of the program."""
        return [*self.shell, *self.own]

    def place(self, pid: int | None) -> int | None:
        """What stands for a PID in a comparison: in a sandbox they are the same in each launch."""
        if pid is None or self.o.world.sandboxed:
            return pid
        return self._places.get(pid, pid)

    def name(self, process: Process) -> str:
        """What a process is called in a picture."""
        if process.pid == self.o.shell.pid:
            return "shell"
        return self.o.name if process.program == self.o.world.program else "another program"


# ---- sessions and groups ---------------------------------------------------------------


def _sessions(parts: _Parts, before: _Parts | None) -> Iterable[Session]:
    known = _memberships(before) if before else None
    for sid in sorted({process.sid for process in parts.all}):
        inside = [process for process in parts.all if process.sid == sid]
        terminal = next((process.terminal for process in inside if process.terminal), 0)
        foreground = parts.o.foreground if terminal == parts.o.shell.terminal else 0
        groups = tuple(
            Group(
                pgid,
                is_foreground=pgid == foreground,
                members=tuple(_member(parts, each, known) for each in inside if each.pgid == pgid),
                is_new=_is_new(known, ("group", parts.place(sid), parts.place(pgid))),
            )
            for pgid in sorted({process.pgid for process in inside})
        )
        has_leader = any(process.pid == sid for process in inside)
        yield Session(sid, terminal_name(terminal), has_leader, groups, _is_new(known, ("session", parts.place(sid))))


def _member(parts: _Parts, process: Process, known: set[object] | None) -> Member:
    return Member(
        process.pid,
        parts.name(process),
        leads_session=process.pid == process.sid,
        leads_group=process.pid == process.pgid,
        is_new=_is_new(known, _as_member(parts, process)),
    )


def _as_member(parts: _Parts, process: Process) -> object:
    return ("member", parts.place(process.sid), parts.place(process.pgid), parts.place(process.pid))


def _memberships(parts: _Parts) -> set[object]:
    found: set[object] = set()
    for process in parts.all:
        sid, pgid = parts.place(process.sid), parts.place(process.pgid)
        found |= {("session", sid), ("group", sid, pgid), _as_member(parts, process)}
    return found


def _is_new(known: set[object] | None, what: object) -> bool:
    return known is not None and what not in known


def terminal_name(device: int) -> str:
    """As ps writes it: pts/0 for the major numbers 136 to 143, "" for none."""
    if device == 0:
        return ""
    major, minor = device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00
    return f"pts/{(major - 136) * 256 + minor}" if 136 <= major <= 143 else f"{major}:{minor}"


# ---- parents -------------------------------------------------------------------------------


def _tree(parts: _Parts, before: _Parts | None) -> Iterable[Branch]:
    known = {(before.place(each.ppid), before.place(each.pid)) for each in before.all} if before else None
    by_parent: dict[int, list[Process]] = {}
    for process in parts.all:
        by_parent.setdefault(process.ppid, []).append(process)

    def below(pid: int) -> tuple[Branch, ...]:
        return tuple(
            Branch(
                each.pid,
                parts.name(each),
                below(each.pid),
                _is_new(known, (parts.place(pid), parts.place(each.pid))),  # type: ignore[arg-type]
            )
            for each in by_parent.get(pid, [])
        )

    alive = {process.pid for process in parts.all}
    for pid in sorted(set(by_parent) - alive):
        yield Branch(pid, "init" if pid == 1 else "the subreaper" if pid == parts.o.world.adopter else "", below(pid))


# ---- descriptors ----------------------------------------------------------------------------


def _tables(parts: _Parts, before: _Parts | None) -> Iterable[Table]:
    """That of the process that is judged."""
    process = parts.o.process
    if process is None:
        return
    known = None
    if before is not None:
        known = set(_openings(before.o, before.o.process)) if before.o.process else set()
    openings = tuple(
        Opening(numbers, target, known is not None and (numbers, target) not in known)
        for numbers, target in _openings(parts.o, process)
    )
    yield Table(process.pid, parts.name(process), openings)


def _openings(o: Observation, process: Process) -> list[tuple[tuple[str, ...], str]]:
    """[(numbers, what they lead to)], those of one opening together."""
    found: dict[int, tuple[list[str], str]] = {}
    for number, descriptor in sorted(process.descriptors.items()):
        key = descriptor.shared_with if descriptor.shared_with != -1 else number
        numbers, _ = found.setdefault(key, ([], _target(o, process, descriptor)))
        # The number beyond the limit is another one each time: only its size tells.
        numbers.append(str(number) if number < HIGH else f"{number // 1000}xxx")
    return [(tuple(numbers), target) for numbers, target in found.values()]


def _target(o: Observation, process: Process, descriptor: Descriptor) -> str:
    if process is o.process and descriptor.number in o.sockets.log_peers:
        return "a socket to /dev/log"
    if process is o.process and descriptor.number in o.sockets.listeners:
        return "a socket that listens"
    if process.pid == o.job.pid and descriptor.number - FIRST_PASSED in range(len(o.scene.listen or ())):
        return "a socket that was passed"
    if descriptor.kind == "terminal":
        return f"the terminal {terminal_name(descriptor.device)}"
    if descriptor.kind.startswith("anon_inode:"):
        return descriptor.kind.removeprefix("anon_inode:").strip("[]")
    return str(descriptor).partition(" ")[2]


# ---- what was told ---------------------------------------------------------------------------


def _told(parts: _Parts, before: _Parts | None) -> Iterable[Told]:
    known = None
    if before is not None:
        known = {(before.place(pid), to) for pid, to, _ in _all_told(before.o)}
    for pid, to, text in _all_told(parts.o):
        yield Told(pid, to, text, known is not None and (parts.place(pid), to) not in known)


def _all_told(o: Observation) -> Iterable[tuple[int | None, str, str]]:
    for message in o.messages:
        yield message.sender, "the log", described(message.text)
    for message in o.notices:
        yield message.sender, "the service manager", message.text
    if o.printed:
        yield None, "its output" if o.scene.stdio != Stdio.TERMINAL else "the terminal", o.printed


# ---- what cannot be drawn --------------------------------------------------------------------


def _notes(o: Observation) -> Iterable[str]:
    if o.job.exec_errno:
        yield f"The program could not be run: {os.strerror(o.job.exec_errno)}."
    elif o.job.status is not None:
        yield f"PID {o.job.pid}, the first process, {ended(o.job.status)}."
    if o.job.lost_shell:
        yield "The program has ended or stopped the shell that started it."
    if not o.processes and not o.job.exec_errno:
        yield "No process of the program is left."
    if len(o.processes) > MAX_DRAWN:
        yield f"{len(o.processes) - MAX_DRAWN} more processes of the program are not drawn."
    for pid in o.zombies[:MAX_DRAWN]:
        yield f"PID {pid} has ended, and its parent has not waited for it (a zombie)."
    if not o.rest.settled:
        yield f"The program does not come to rest: {o.rest.why_not}."
