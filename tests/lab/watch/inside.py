"""Looks at a sandbox from inside its user namespace.

There the IDs are those that the job has, and the owner of a user namespace may
see all that is in it: from outside an ordinary user may not look at processes
of other users, not even of those that the namespace was granted:
user_namespaces(7).

The look is made by a child of pytest's, because a process cannot leave a user
namespace that it has entered. Nothing in that child can climb back into the code
that forked it, and it cannot outlive its parent: the kernel kills it then. Twice
it may be on its own for a moment: after fork(2), and after setns(2), since new
credentials can undo what prctl(2) was told. Each time it asks for its end anew,
and then looks whether its parent is still there.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import pickle
import signal
from typing import Any, Callable, Iterable

from lab.toolbox import LabError

_CLONE_NEWUSER = 0x10000000  # sched.h
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

CHUNK = 65536  # bytes


async def from_inside(init: int, look: Callable[[], Any], descriptors: Iterable[int]) -> Any:
    """What `look()` returns in the user namespace of the process `init` (an outer PID).

    It is called in a process of its own, which keeps only `descriptors` and
    standard input, output and error open. Raises what `look` raises, and
    LabError if the namespace cannot be entered.
    """
    reader, child = _fork(init, look, descriptors)
    try:
        data = await _read_to_end(reader)
    except BaseException:  # broken off, also by Ctrl-C
        os.kill(child, signal.SIGKILL)  # nobody wants to know any more
        raise
    finally:
        os.close(reader)
        os.waitpid(child, 0)
    if not data:
        raise LabError("a look from inside the sandbox did not finish, because something killed it: try again")
    result, error = pickle.loads(data)
    if error is not None:
        raise error
    return result


def _fork(init: int, look: Callable[[], Any], descriptors: Iterable[int]) -> tuple[int, int]:
    """(where its report can be read, without waiting, the child's PID)."""
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    parent = os.getpid()
    try:
        child = os.fork()
        if child == 0:
            os.set_blocking(writer, True)
            _report_from_inside(init, look, writer, {*descriptors, writer}, parent)
    finally:
        if os.getpid() != parent:  # whatever happened: the child must never run on as a second checker
            os._exit(1)
    os.close(writer)
    return reader, child


async def _read_to_end(reader: int) -> bytes:
    """All that comes until the other end is closed; meanwhile other launches are looked at."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[None] = loop.create_future()
    parts: list[bytes] = []

    def take_in() -> None:
        try:
            parts.append(os.read(reader, CHUNK))
        except BlockingIOError:
            return
        if not parts[-1]:
            loop.remove_reader(reader)
            came.set_result(None)

    loop.add_reader(reader, take_in)
    try:
        await came
    finally:
        loop.remove_reader(reader)
    return b"".join(parts)


def _report_from_inside(init: int, look: Callable[[], Any], writer: int, kept: Iterable[int], parent: int) -> None:
    """The child's whole life: write (result, None) or (None, the exception), pickled, to `writer`."""
    gc.disable()  # else what its parent has dropped would be ended here as well: its launcher, by its PID
    _end_with(parent)
    _close_all_but(kept)
    outcome: tuple[Any, BaseException | None]
    try:
        _enter(init)
        _end_with(parent)  # once more: new credentials can undo it, prctl(2)
        outcome = look(), None
    except BaseException as error:
        outcome = None, error
    with os.fdopen(writer, "wb") as out:
        out.write(pickle.dumps(outcome))


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; end now if that has happened already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == -1 or os.getppid() != parent:
        os._exit(1)


def _close_all_but(kept: Iterable[int]) -> None:
    """Close what belongs to other launches: an open end here would keep them alive when pytest ends."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                pass  # it was the descriptor of this list itself


def _enter(init: int) -> None:
    fd = os.open(f"/proc/{init}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(fd, _CLONE_NEWUSER) == -1:
            raise LabError(f"the sandbox cannot be entered: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(fd)
