"""Looks at what processes are at: which system call each is in, or how much of its time goes into calls."""

from __future__ import annotations

import os

from lab.facts import Doing
from lab.kernel import calls, procfs
from lab.kernel.waiting import call_of
from lab.sandbox.launch import Launch

MOST_DOINGS = 5  # processes of which it is said what they do: more are too many to be told of
TICKS = os.sysconf("SC_CLK_TCK")


def doings(launch: Launch) -> tuple[Doing, ...]:
    """What the processes of a launch are at now: of the first few that live, the oldest first."""
    found = (_doing(launch, pid) for pid in sorted(launch.pids())[:MOST_DOINGS])
    return tuple(doing for doing in found if doing is not None)


def _doing(launch: Launch, pid: int) -> Doing | None:
    """What a process is at; None if it is gone. Of several threads one that is busy counts, or else the first."""
    try:
        threads = procfs.threads(f"{launch.proc}/{pid}")
    except ProcessLookupError:
        return None
    if not threads:
        return None
    busy = [thread for thread, own in threads.items() if own.state == "R"]
    thread = busy[0] if busy else next(iter(threads))
    call = call_of(thread)
    name = calls.name_of(int(call[0])) if call else ""
    system = _system_share(thread, threads[thread].system_time) if busy else 0.0
    return Doing(pid, threads[thread].state, name, system)


def _system_share(thread: str, system_time: int) -> float:
    """Which part of its processor time a thread has spent in system calls, 0 to 1; 0 if it is gone."""
    try:
        seconds = int(procfs.read(thread + "/schedstat").split()[0]) / 1e9
    except (ProcessLookupError, IndexError):
        return 0.0
    return round(min(1.0, system_time / TICKS / seconds), 2) if seconds else 0.0
