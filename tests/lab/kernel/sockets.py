"""What a socket of another process is connected to, and for how long it waits.

/proc does not tell a socket's other end. So the socket itself is fetched and
asked, with pidfd_getfd(2). Before Linux 5.6, or where the first thread of the
process has ended, that cannot be done.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from typing import Iterable

_SYS_PIDFD_GETFD = 438  # the same on every architecture
_CANNOT_FETCH = (errno.ENOSYS, errno.EPERM, errno.EBADF, errno.ESRCH)
_TIMEVAL = struct.Struct("ll")

# What a socket may lead to, where that is no name.
UNCONNECTED = "an unconnected datagram socket"
CLIENTS = "whoever connects"
ITSELF = "the process itself"
UNKNOWN = "what cannot be told"


def peers(process: int, numbers: Iterable[int]) -> dict[int, str | bytes | None] | None:
    """What the sockets with these numbers lead to, of a process; None where it cannot be asked at all.

    Of a datagram socket it is the name of the other end; else one of the above, or
    None for anything else.
    """
    try:
        pidfd = os.pidfd_open(process)
    except OSError:
        return None
    try:
        return {number: _peer(pidfd, number, process) for number in numbers}
    finally:
        os.close(pidfd)


def receive_timeouts(process: int, numbers: Iterable[int]) -> list[float]:
    """The seconds of SO_RCVTIMEO (socket(7)) of each of these sockets that has one, as far as they can be asked."""
    try:
        pidfd = os.pidfd_open(process)
    except OSError:
        return []
    try:
        return [seconds for number in numbers if (seconds := _receive_timeout(pidfd, number))]
    finally:
        os.close(pidfd)


def _peer(pidfd: int, number: int, process: int) -> str | bytes | None:
    try:
        fetched = _fetch(pidfd, number)
    except OSError as error:
        return UNKNOWN if error.errno in _CANNOT_FETCH else None
    with fetched:
        if fetched.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return CLIENTS
        if fetched.family != socket.AF_UNIX:
            return None
        try:
            name: str | bytes = fetched.getpeername()
        except OSError:
            return UNCONNECTED if fetched.type == socket.SOCK_DGRAM else None
        if name:
            return name if fetched.type == socket.SOCK_DGRAM else None
        # Both ends of a pair have the same maker: unix(7), SO_PEERCRED.
        maker, _, _ = struct.unpack("3i", fetched.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return ITSELF if maker == process else None


def _receive_timeout(pidfd: int, number: int) -> float:
    try:
        with _fetch(pidfd, number) as fetched:
            data = fetched.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.size)
    except OSError:
        return 0.0  # of some families of sockets Python knows nothing
    seconds, microseconds = _TIMEVAL.unpack(data)
    return float(seconds + microseconds / 1e6)


def _fetch(pidfd: int, number: int) -> socket.socket:
    """A descriptor of one's own of that socket. Raises OSError."""
    fd = ctypes.CDLL(None, use_errno=True).syscall(_SYS_PIDFD_GETFD, pidfd, number, 0)
    if fd == -1:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    try:
        return socket.socket(fileno=fd)
    except OSError:
        os.close(fd)  # it is no socket any more
        raise
