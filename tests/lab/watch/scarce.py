"""Takes away the room for further descriptors, and looks what a process does meanwhile: accept(2), EMFILE.

The process keeps all that it has open. Its soft limit becomes the lowest number
that is free, so every call that would open something fails: getrlimit(2).
"""

from __future__ import annotations

import asyncio
import resource
import time
from contextlib import contextmanager
from itertools import count
from typing import Iterator

from lab.kernel import calls, procfs
from lab.kernel.waiting import call_of, timeout
from lab.watch.rest import POLL
from lab.watch.subject import Subject

BUSY = 0.1  # seconds of processor time: one that waits uses far less for a few tries
ENOUGH_LOOKS = 3  # that find it waiting
MOST_TIME = 10.0  # seconds for all of this, on a machine that gives it no processor
COUNTED = ("poll", "ppoll")  # calls whose second argument may not be above that limit


@contextmanager
def no_room(subject: Subject) -> Iterator[int]:
    """While this lasts, a process may open nothing; it gets the limit. Raises ProcessLookupError."""
    outer = subject.launch.outer(subject.process.pid)
    used = procfs.read_descriptors(subject.folder)
    lowest = next(number for number in count() if number not in used)
    soft, hard = resource.prlimit(outer, resource.RLIMIT_NOFILE)
    resource.prlimit(outer, resource.RLIMIT_NOFILE, (min(lowest, soft), hard))
    try:
        yield lowest
    finally:
        try:
            resource.prlimit(outer, resource.RLIMIT_NOFILE, (soft, hard))
        except ProcessLookupError:
            pass  # it has ended meanwhile


async def rests_at_times(subject: Subject, ran: float) -> bool:
    """Whether a process waits for something once it has found no room, and does not only call again and again.

    `ran` is for how many seconds it had run before. It has found no room when it has run since. It waits if that
    is seen at a few looks; it does not if it has used much processor time by then, or is never seen waiting. On a
    busy machine both may take a while. One that has ended does not run either.
    """
    deadline = time.monotonic() + MOST_TIME
    waits, used = 0, 0.0
    while time.monotonic() < deadline and waits < ENOUGH_LOOKS:
        subject.launch.pump()
        used = processor_time(subject) - ran
        if not subject.is_alive():
            return True
        if used > BUSY:
            return False
        waits += used > 0 and _waits(subject)
        await asyncio.sleep(POLL)
    return waits > 0 or used <= 0


def processor_time(subject: Subject) -> float:
    """For how many seconds the threads of a process have run, those that live; 0 if it is gone. Source: proc(5)."""
    try:
        threads = procfs.threads(subject.folder)
        return sum(int(procfs.read(thread + "/schedstat").split()[0]) for thread in threads) / 1e9
    except ProcessLookupError:
        return 0.0


def _waits(subject: Subject) -> bool:
    """Whether every thread is in a call that may take some time."""
    try:
        threads = procfs.threads(subject.folder)
    except ProcessLookupError:
        return False
    return all(timeout(thread, call_of(thread), subject.launch.calls) > 0 for thread in threads)


def is_above(subject: Subject, limit: int) -> bool:
    """Whether the process waits in poll() for more entries than `limit`: then poll() would fail with EINVAL."""
    call = call_of(subject.folder)
    return bool(call) and calls.name_of(int(call[0])) in COUNTED and int(call[2], 16) > limit
