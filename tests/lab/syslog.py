"""`make log`: shows the messages that programs send to the log, where nobody else reads them.

syslog(3) sends datagrams to /dev/log. In a container there is often no such
socket, or nobody reads it, and then every message is lost without an error.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import struct
from pathlib import Path
from typing import Iterator

from lab.course import step_called
from lab.messages import described
from lab.toolbox import LabError

DEVICE = Path("/dev/log")
LONGEST = 64 * 1024  # bytes of a message
_CREDENTIALS = struct.Struct("iII")  # unix(7): struct ucred


def show(device: Path = DEVICE) -> int:
    """Read the messages, and print each, until somebody ends this; returns the exit status.

    Raises LabError where somebody else reads them, and where the socket cannot be made.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    with _bound(device) as log:
        ours = os.stat(device)
        print(f"Messages to {device} are shown here. Ctrl-C ends this.", flush=True)
        try:
            for text, pid in _messages(log):
                print(described(text, pid), flush=True)
        except (KeyboardInterrupt, BrokenPipeError):
            return 0
        finally:
            _remove(device, ours)
    return 0


def _bound(device: Path) -> socket.socket:
    """A socket that listens at that path, in place of one that nobody reads. Raises LabError."""
    if _is_read(device):
        raise LabError(
            f"somebody reads {device} already. To see the messages: journalctl -f, or tail -f /var/log/syslog"
        )
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        if device.exists():
            device.unlink()
        log.bind(str(device))
        device.chmod(0o666)
        log.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        return log
    except OSError as error:
        log.close()
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise LabError(f"{device}: {(error.strerror or str(error)).lower()}") from error
        raise LabError(
            f"nobody reads {device}, and you may not make it. To see what your program says: make try "
            f"STEP={step_called('syslog').number} KEEP=1"
        ) from error


def _remove(device: Path, ours: os.stat_result) -> None:
    """Take the socket away, if it is still the one that was made here."""
    try:
        if os.path.samestat(os.stat(device), ours):
            device.unlink()
    except OSError:
        pass  # it has gone already


def _is_read(device: Path) -> bool:
    """Whether a message that is sent there reaches somebody. Raises LabError for what is no socket."""
    try:
        if not stat.S_ISSOCK(os.stat(device).st_mode):
            raise LabError(f"{device} is no socket. Remove it, and try again")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            probe.connect(str(device))
        return True
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except OSError:
        return True  # it may not be looked at, so somebody has made it


def _messages(log: socket.socket) -> Iterator[tuple[str, int]]:
    """(text, PID of the sender) of each message, 0 for a sender that is not seen from here."""
    while True:
        data, ancillary, _, _ = log.recvmsg(LONGEST, socket.CMSG_SPACE(_CREDENTIALS.size))
        pid = next((_CREDENTIALS.unpack(each[2])[0] for each in ancillary if each[1] == socket.SCM_CREDENTIALS), 0)
        yield data.decode("utf-8", "backslashreplace").rstrip("\n\0"), pid
