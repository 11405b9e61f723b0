"""Looks at a sandbox from inside its user namespace.

There the IDs are those that the job has, and the owner of a user namespace may
see all that is in it: from outside an ordinary user may not look at processes
of other users, not even of those that the namespace was granted:
user_namespaces(7).

The look is made by a child of pytest's, because a process cannot leave a user
namespace that it has entered. That child ends with its parent, and nothing in it
can climb back into the code that forked it.
"""

import asyncio
import ctypes
import os
import pickle
import select
import signal

from lab.toolbox import LabError

_CLONE_NEWUSER = 0x10000000  # sched.h
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

POLL = 0.002  # seconds between two looks whether there is an answer


async def from_inside(init, look, descriptors):
    """What `look()` returns in the user namespace of the process `init` (an outer PID).

    It is called in a process of its own, which keeps only `descriptors` and
    standard input, output and error open. Raises what `look` raises, and
    LabError if the namespace cannot be entered.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    try:
        child = os.fork()
        if child == 0:
            _report_from_inside(init, look, writer, {*descriptors, writer}, parent)
    finally:
        if os.getpid() != parent:  # whatever happened: the child must never run on as a second checker
            os._exit(1)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as answer:
            while not select.select([answer], [], [], 0)[0]:
                await asyncio.sleep(POLL)
            data = answer.read()
    except BaseException:  # broken off, also by Ctrl-C
        os.kill(child, signal.SIGKILL)  # nobody wants to know any more
        raise
    finally:
        os.waitpid(child, 0)
    if not data:
        raise LabError("a look from inside the sandbox did not finish, because something killed it: try again")
    result, error = pickle.loads(data)
    if error is not None:
        raise error
    return result


def _report_from_inside(init, look, writer, kept, parent):
    """The child's whole life: write (result, None) or (None, the exception), pickled, to `writer`."""
    _end_with(parent)
    _close_all_but(kept)
    try:
        _enter(init)
        _end_with(parent)  # once more: new credentials can undo it, prctl(2)
        outcome = look(), None
    except BaseException as error:
        outcome = None, error
    with os.fdopen(writer, "wb") as out:
        out.write(pickle.dumps(outcome))


def _end_with(parent):
    """Have the kernel kill this process when its parent ends; end now if that has happened already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == -1 or os.getppid() != parent:
        os._exit(1)


def _close_all_but(kept):
    """Close what belongs to other launches: an open end here would keep them alive when pytest ends."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                pass  # it was the descriptor of this list itself


def _enter(init):
    fd = os.open(f"/proc/{init}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(fd, _CLONE_NEWUSER) == -1:
            raise LabError(f"the sandbox cannot be entered: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(fd)
