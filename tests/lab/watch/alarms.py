"""What will wake a program that has come to rest, though its call has no timeout: timers, most of all.

A program may be right for a moment only: a timer that it has set undoes what it
did. So timers that go off soon are waited for, as short sleeps are.
"""

from __future__ import annotations

import re
import termios
from typing import Iterable

from lab.facts import Process
from lab.kernel import procfs
from lab.kernel.sockets import receive_timeouts
from lab.sandbox.launch import Launch
from lab.scene import Scene

STAND_INS = ("anon_inode:[io_uring]", "anon_inode:[eventpoll]", "anon_inode:[eventfd]")
MAX_TIMERS = 16  # of timer_create(2), that are asked


def next_alarm(launch: Launch, processes: Iterable[Process]) -> float | None:
    """In how many seconds the first of `processes` may be woken; None if none is known to be.

    0.0 where that cannot be told: of a process with threads, for example, or
    with timers that cannot be asked. What has no trace in /proc is asked for with
    ptrace(2), which may end a call that waits with EINTR: this is the last thing
    to do with a launch.
    """
    found = _of_terminal(launch)
    for process in processes:
        folder = f"{launch.proc}/{process.pid}"
        try:
            found += _of_timer_descriptors(folder, process)
            found += _of_sockets(launch, process)
            found += _of_timers(launch, folder)
            if _hides_what_it_waits_for(folder, process, launch.scene):
                found.append(0.0)
        except ProcessLookupError:
            pass  # it has ended meanwhile
    return min(found, default=None)


def _hides_what_it_waits_for(folder: str, process: Process, scene: Scene) -> bool:
    """Whether more may wake a process than what is looked at.

    Each thread can have descriptors of its own, and change the time for which
    another one waits. A filter of its own (seccomp(2)) can answer instead of the
    kernel. And some descriptors stand for others, which may be closed.
    """
    has_stand_in = any(descriptor.kind in STAND_INS for descriptor in process.descriptors.values())
    has_filter = procfs.read_status(folder)["Seccomp"] != "0" and not scene.fault
    return process.thread_count > 1 or has_stand_in or has_filter


def _of_timers(launch: Launch, folder: str) -> list[float]:
    """When the timers go off that take ptrace(2) to ask; 0.0 where there are too many, or they cannot be asked."""
    ids = _timer_ids(folder)
    if len(ids) > MAX_TIMERS:
        return [0.0]
    seconds = launch.ask_for_timers(procfs.living_thread(folder), ids)
    return [0.0] if seconds is None else list(seconds)


def _timer_ids(folder: str) -> list[str]:
    """The IDs of what timer_create(2) made; none where the kernel does not tell (CONFIG_CHECKPOINT_RESTORE)."""
    try:
        text = procfs.read(folder + "/timers").decode("ascii", "replace")
    except OSError:
        return []
    return re.findall(r"^ID: (\d+)$", text, re.MULTILINE)


def _of_timer_descriptors(folder: str, process: Process) -> list[float]:
    """When the timers of timerfd_create(2) go off: proc(5), /proc/PID/fdinfo."""
    found = []
    for descriptor in process.descriptors.values():
        if descriptor.kind == "anon_inode:[timerfd]":
            text = procfs.read(f"{folder}/fdinfo/{descriptor.number}", folder).decode("ascii", "replace")
            left = re.search(r"^it_value: \((\d+), (\d+)\)$", text, re.MULTILINE)
            seconds = int(left[1]) + int(left[2]) / 1e9 if left else 0.0
            found += [seconds] if seconds else []
    return found


def _of_sockets(launch: Launch, process: Process) -> list[float]:
    """For how long a read or an accept() waits at a socket at most: SO_RCVTIMEO, socket(7)."""
    numbers = [d.number for d in process.descriptors.values() if d.kind == "socket"]
    return receive_timeouts(launch.outer(process.pid), numbers) if numbers else []


def _of_terminal(launch: Launch) -> list[float]:
    """For how long a read from the terminal waits at most: VTIME, termios(3)."""
    master = launch.terminal()
    if master is None:
        return []
    try:
        settings = termios.tcgetattr(master)
    except termios.error:
        return []
    characters = settings[6]
    least, tenths = (_number(characters[index]) for index in (termios.VMIN, termios.VTIME))
    is_line_by_line = settings[3] & termios.ICANON
    return [tenths / 10] if tenths and not least and not is_line_by_line else []


def _number(character: int | bytes) -> int:
    """tcgetattr() gives these two as numbers where the terminal is read by characters, and as bytes else."""
    return character if isinstance(character, int) else character[0]
