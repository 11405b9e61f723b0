"""`make stop`: ends what was started by hand from this clone's build/ and still runs.

Whose program a process runs is what /proc/PID/exe says, and no name: a name can
be anybody's. A program that was compiled anew since has " (deleted)" there.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from lab.toolbox import BUILD, printable

PATIENCE = 3.0  # seconds to exit after SIGTERM
TURN = 0.01  # seconds between two looks
_DELETED = " (deleted)"


class Running(NamedTuple):
    """A process that runs a program of this clone's."""

    process: psutil.Process
    program: str  # its path, from build/ on
    age: float  # seconds


def stop() -> int:
    """End each, and print what became of it; returns 1 if one lives on, else 0."""
    mine, others = find(BUILD)
    if not mine and not others:
        print("Nothing that was started from build/ is running.")
    for each in mine:
        _send(each.process, psutil.Process.terminate)
    stubborn = _alive_after(PATIENCE, [each.process for each in mine])
    for process in stubborn:
        _send(process, psutil.Process.kill)
    left = _alive_after(PATIENCE, stubborn)
    for each in mine:
        how = "ended"
        if each.process in left:
            how = f"does not end; its state is {_state(each.process)}"
        elif each.process in stubborn:
            how = f"ended by SIGKILL, because it had not exited {PATIENCE:g} seconds after SIGTERM"
        print(printable(f"{_described(each)}: {how}"))
    for each in others:
        owner = _owner(each.process)
        print(printable(f"{_described(each)}: it belongs to {owner}. To end it: sudo kill {each.process.pid}"))
    return 1 if left or others else 0


PROGRAMS = ("steps", "solutions")  # where `make build` puts them; what else is in build/ is the lab's own


def find(build: Path) -> tuple[list[Running], list[Running]]:
    """What runs a program that was compiled into the folder `build`: what may be signalled, and what may not."""
    folders = [build.resolve() / name for name in PROGRAMS]
    mine: list[Running] = []
    others: list[Running] = []
    for process in psutil.process_iter():
        try:
            path = os.readlink(f"/proc/{process.pid}/exe").removesuffix(_DELETED)
        except PermissionError:
            path = _named(process)
        except OSError:
            continue  # it has ended, or is part of the kernel
        if not any(Path(path).is_relative_to(folder) for folder in folders):
            continue
        try:
            age = max(0.0, time.time() - process.create_time())
        except psutil.Error:
            continue  # it has ended
        running = Running(process, str(Path(path).relative_to(build.resolve().parent)), age)
        (mine if _may_signal(process) else others).append(running)
    return mine, others


def _named(process: psutil.Process) -> str:
    """The program of a process that may not be looked into, as the caller named it: only a whole path tells."""
    try:
        words: list[str] = process.cmdline()
        return words[0] if words and os.path.isabs(words[0]) else ""
    except psutil.Error:
        return ""


def _may_signal(process: psutil.Process) -> bool:
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True  # it has ended: so much the better
    except PermissionError:
        return False
    return True


def _send(process: psutil.Process, signal_of: object) -> None:
    """psutil looks first whether the PID is still that process's."""
    try:
        signal_of(process)  # type: ignore[operator]
    except psutil.NoSuchProcess:
        pass


def _alive_after(seconds: float, processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended when so many seconds are over; it comes back as soon as all have."""
    deadline = time.monotonic() + seconds
    while (alive := [each for each in processes if not _has_ended(each)]) and time.monotonic() < deadline:
        time.sleep(TURN)
    return alive


def _has_ended(process: psutil.Process) -> bool:
    """A zombie has: its parent has only not asked yet how."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _state(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.Error:
        return "unknown"


def _owner(process: psutil.Process) -> str:
    try:
        return str(process.username())
    except psutil.Error:
        return "another user"


def _described(running: Running) -> str:
    return f"{running.program}, PID {running.process.pid}, {in_words(running.age)} old"


def in_words(seconds: float) -> str:
    """A time in words, in its largest unit: "5 minutes"."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    count = int(seconds)
    return f"{count} second{'' if count == 1 else 's'}"
