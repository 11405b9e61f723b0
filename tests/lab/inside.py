"""Looks at a sandbox from inside its user namespace.

There the IDs are those that the job has, and whoever made the namespace may see
all in it: from outside an ordinary user may not look at processes of other
users, not even of those that the namespace was granted: user_namespaces(7).
"""

import ctypes
import os
import pickle
import select
import signal

from lab.toolbox import LabError

_CLONE_NEWUSER = 0x10000000  # sched.h


POLL = 0.002  # seconds between two looks whether there is an answer


def from_inside(init, look):
    """Work (see turns): what `look()` returns in the user namespace of the process `init` (an outer PID).

    It is called in a process of its own. Raises what `look` raises, and LabError
    if the namespace cannot be entered.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "wb") as out:
            out.write(pickle.dumps(_enter_and(look, init)))
        os._exit(0)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as answer:
            while not select.select([answer], [], [], 0)[0]:
                yield POLL
            data = answer.read()
    except GeneratorExit:
        os.kill(child, signal.SIGKILL)  # nobody wants to know any more
        raise
    finally:
        os.waitpid(child, 0)
    if not data:
        raise LabError("a look from inside the sandbox came to no end: something killed it")
    result, error = pickle.loads(data)
    if error is not None:
        raise error
    return result


def _enter_and(look, init):
    """(what came of it, None) or (None, the exception): nothing may leave the child in any other way."""
    try:
        _enter(init)
        return look(), None
    except BaseException as error:
        return None, error


def _enter(init):
    fd = os.open(f"/proc/{init}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(fd, _CLONE_NEWUSER) == -1:
            raise LabError(f"the sandbox cannot be entered: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(fd)
