"""What is read of a launch: terminal, pipes, log, the service manager's socket. Bytes come in, records go out."""

from __future__ import annotations

import array
import os
import socket
import struct
import time
from typing import Callable, Iterable

from lab.facts import Message
from lab.sandbox.protocol import Source

KEPT_OUTPUT = 64 * 1024  # bytes of what a job prints that are kept
KEPT_MESSAGES = 1000  # messages to the log that are kept
FILLING = b"<31>the lab fills the log"  # a message of the lab's own, which is not kept

_SO_TIMESTAMP, _SCM_CREDENTIALS = 29, 2  # asm-generic/socket.h, unix(7)
_ANCILLARY = socket.CMSG_SPACE(12) + socket.CMSG_SPACE(16)  # struct ucred, struct timeval


class Streams:
    """The descriptors that are read, by their Source, and what has come from each."""

    def __init__(self, inner: Callable[[int], int | None]) -> None:
        """`inner` gives the PID that the job knows a process by, from the one that pytest does."""
        self.files: dict[Source, int] = {}
        self.printed = bytearray()  # to the terminal or the output
        self.piped = bytearray()  # that part of it that came through the pipe of Stdio.PIPE
        self.errors = bytearray()  # that part of it which came neither through that pipe nor through another for output
        self.flooded = False  # more than KEPT_OUTPUT was printed
        self.pipe_closed = False  # Stdio.PIPE: its reader has got end of file
        self.messages: list[Message] = []  # what arrived at /dev/log
        self.notices: list[Message] = []  # what the service manager was told
        self._inner = inner

    def add(self, source: Source, fd: int) -> None:
        """Read what comes from a descriptor, from here on."""
        self.files[source] = fd
        os.set_blocking(fd, False)

    def take(self, source: Source) -> None:
        """Take in what has come from one of them; at the end of it, it is closed."""
        if source is Source.LOG:
            self._take_message(source, self.messages)
        elif source is Source.NOTICES:
            self._take_message(source, self.notices)
        else:
            self._take_printed(source)

    def drop(self, source: Source) -> None:
        """Close one of them."""
        os.close(self.files.pop(source))

    def close(self) -> None:
        """Close all."""
        for source in list(self.files):
            self.drop(source)

    def forget_mark(self, mark: bytes) -> None:
        """Leave out of what was printed what the lab has written there itself."""
        self.printed = bytearray(self.printed.replace(mark, b""))
        self.errors = bytearray(self.errors.replace(mark, b""))

    def _take_printed(self, source: Source) -> None:
        try:
            data = os.read(self.files[source], 65536)
        except BlockingIOError:
            return
        except OSError:  # EIO: every descriptor of the terminal's other side is closed
            data = b""
        if not data:
            self.drop(source)
            self.pipe_closed |= source is Source.STDOUT
        room = KEPT_OUTPUT - len(self.printed)
        self.flooded |= len(data) > room
        kept = data[: max(room, 0)]
        self.printed += kept
        if source is Source.STDOUT:
            self.piped += kept
        elif source is not Source.AGAIN:
            self.errors += kept

    def _take_message(self, source: Source, messages: list[Message]) -> None:
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        with socket.socket(fileno=os.dup(self.files[source])) as receiver:
            try:
                data, ancillary, _, _ = receiver.recvmsg(8192, _ANCILLARY, flags)
            except BlockingIOError:
                return
        sender, when = self._sent(ancillary)
        if len(messages) < KEPT_MESSAGES and data != FILLING:
            text = data.rstrip(b"\0\n").decode("utf-8", "backslashreplace")
            messages.append(Message(text, sender, when))

    def _sent(self, ancillary: Iterable[tuple[int, int, bytes]]) -> tuple[int | None, float]:
        """Who has sent a message, and when, as the kernel says it. A descriptor that came with it is closed."""
        sender, when = None, time.monotonic()
        for _, kind, packed in ancillary:
            if kind == socket.SCM_RIGHTS:
                for passed in array.array("i", packed[: len(packed) // 4 * 4]):
                    os.close(passed)  # nobody has asked for it
            elif kind == _SCM_CREDENTIALS:
                sender = self._inner(array.array("i", packed[:4])[0])
            elif kind == _SO_TIMESTAMP:
                seconds, microseconds = struct.unpack("ll", packed)
                when -= time.time() - (seconds + microseconds / 1e6)
        return sender, when
