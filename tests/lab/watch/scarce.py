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

SCARCE_TIME = 0.5  # seconds for which there is no room
MOST_LOOKS = 100  # in that time, so that the process gets its turn on a busy machine
SHARE = 10  # one look in so many has to find it waiting
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


async def rests_at_times(subject: Subject) -> bool:
    """Whether a process waits for something at some moments of SCARCE_TIME; one that has ended does not run either."""
    deadline = time.monotonic() + SCARCE_TIME
    looks = waits = 0
    while time.monotonic() < deadline:
        subject.launch.pump()
        if not subject.is_alive():
            return True
        looks += 1
        waits += _waits(subject)
        await asyncio.sleep(max(POLL, SCARCE_TIME / MOST_LOOKS))
    return waits * SHARE >= looks


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
