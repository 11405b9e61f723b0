"""The control socket of a launch: events come in, and orders go out.

End of file on it means that the other side has gone: the launcher ends all that
it started when the lab closes it.
"""

from __future__ import annotations

import array
import os
import socket
from typing import Sequence

from lab.sandbox import protocol
from lab.sandbox.protocol import Event, NotUnderstood, Order
from lab.toolbox import LabError

MAX_EVENT = 8192  # bytes: launcher/wire.c tells no longer one


class Gone(Exception):
    """The other side has closed the socket, or ended."""


class Mailbox:
    """Reads events from a socket, and sends orders over it.

    Of the events, those that answer the last order are kept apart: see `answers`.
    """

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.answers: list[Event] = []  # what has come of the last order
        self._awaited: tuple[type[Event], ...] = ()

    def fileno(self) -> int:
        """The socket's descriptor; -1 if it is closed."""
        return self.control.fileno()

    def send(self, order: Order) -> None:
        """Tell the launcher what to do. Raises Gone, and NotUnderstood for what cannot be sent."""
        self.answers, self._awaited = [], order.answers
        try:
            self.control.send(order.line().encode())
        except OSError as error:
            raise Gone from error

    def receive(self) -> Event | None:
        """The next event that is no answer; None where nothing has come, or where it was one.

        Raises Gone, NotUnderstood for what is no event, and LabError where the lab can
        take no more descriptors.
        """
        try:
            data, ancillary, flags, _ = self.control.recvmsg(
                MAX_EVENT, socket.CMSG_SPACE(4), socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return None
        except ConnectionResetError as error:
            raise Gone from error
        if not data:
            raise Gone
        if flags & socket.MSG_CTRUNC:
            raise LabError("the lab can open no more files. Allow more (ulimit -n 4096), and try again")
        event = _read_event(data, [fd for _, _, packed in ancillary for fd in array.array("i", packed)])
        if not isinstance(event, ANSWERS):
            return event
        if isinstance(event, self._awaited):
            self.answers.append(event)
        elif isinstance(event, protocol.Client):  # nobody waits for it any more: the order took too long
            os.close(event.descriptor)
        return None

    def close(self) -> None:
        """Close the socket: this ends the launch, unless it has ended."""
        self.control.close()


# The events that tell what came of an order.
ANSWERS = tuple({kind for order in protocol.ORDERS.values() for kind in order.answers})


def _read_event(data: bytes, descriptors: Sequence[int]) -> Event:
    try:
        return protocol.read_event(os.fsdecode(data), descriptors[0] if descriptors else None)
    except NotUnderstood:
        for fd in descriptors:
            os.close(fd)
        raise
