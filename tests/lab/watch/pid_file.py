"""Reads the file that -p names, whatever the program has made of it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from stat import S_IMODE, S_ISREG
from typing import Callable, Iterator

from lab.facts import PidFile
from lab.hindered import has_lease
from lab.sandbox.launch import Launch
from lab.scene import PID_FILE

AT_ONCE_FLAGS = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC  # a file with a lease on it is not waited for, fcntl(2)
MAX_TEXT = 1000  # bytes of it that are read


def read_pid_file(launch: Launch) -> PidFile | None:
    """What there is now, None if there is no such regular file; locked is what cannot be locked once more.

    Raises Hindered.
    """
    try:
        found = os.open(f"{launch.lab}/{PID_FILE}", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        status = os.fstat(found)
        if not S_ISREG(status.st_mode):
            return None
        with _opened_whatever_its_mode(f"/proc/self/fd/{found}", S_IMODE(status.st_mode)) as fd:
            locked = not (_lockable(fcntl.flock, fd) and _lockable(fcntl.lockf, fd))
            text = os.pread(fd, MAX_TEXT, 0).decode("utf-8", "backslashreplace")
        return PidFile(text, S_IMODE(status.st_mode), (status.st_dev, status.st_ino), locked, status.st_uid)
    except BlockingIOError as blocked:  # AT_ONCE_FLAGS: it does not wait
        raise has_lease(PID_FILE) from blocked
    finally:
        os.close(found)


@contextmanager
def _opened_whatever_its_mode(path: str, mode: int) -> Iterator[int]:
    """A descriptor to read and to write; where the mode is against that it is changed for a moment.

    `path` is a link of /proc to what is open already: what a name leads to may
    change under way, and be a file of the caller's.
    """
    try:
        fd = os.open(path, AT_ONCE_FLAGS)
    except PermissionError:
        os.chmod(path, mode | 0o600)
        try:
            fd = os.open(path, AT_ONCE_FLAGS)
        finally:
            os.chmod(path, mode)
    try:
        yield fd
    finally:
        os.close(fd)


def _lockable(lock: Callable[[int, int], object], fd: int) -> bool:
    try:
        lock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock(fd, fcntl.LOCK_UN)
        return True
    except BlockingIOError:
        return False
