"""Clients of a program that serves: they connect, and read what they get."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Iterable

from lab.facts import Served
from lab.sandbox.launch import Launch
from lab.watch.look import text_of
from lab.watch.rest import POLL, Settler

CLIENT_TIME = 0.1  # seconds for a client to get something, and once more when all is at rest
SERVED_TIME = 60.0  # seconds for all that a client gets
MAX_SERVED = 16 * 1024 * 1024  # bytes of that: more is no greeting
PART = 64 * 1024  # bytes that are read at once, and as many are kept of each end of a long text


class Clients:
    """All clients of one launch."""

    def __init__(self, launch: Launch, settler: Settler):
        self.launch = launch
        self.settler = settler
        self._kept_waiting = False  # one was not served in time: the next ones are given less of it

    async def connect(self, where: str) -> Served:
        """A client comes, and reads until the other side closes; `where` as in scene.OfClients."""
        try:
            client = self.launch.connect(where)
        except OSError as error:
            return Served("", error.strerror or "")
        return await self.read_all(client)

    async def worst_of(self, clients: Iterable[socket.socket]) -> Served:
        """What the client that is served worst gets, of some that have connected."""
        served = [await self.read_all(client) for client in clients]
        return next((each for each in served if each.how != "closed" or not each.text), served[0])

    async def read_all(self, client: socket.socket, patience: float = CLIENT_TIME) -> Served:
        """What a client gets, until the other side closes or nothing comes for `patience` seconds; closes it."""
        text, deadline = bytearray(), time.monotonic() + SERVED_TIME
        with client:
            client.setblocking(False)
            try:
                while len(text) < MAX_SERVED and time.monotonic() < deadline:
                    data = await self._next_part(client, patience)
                    if not data:
                        return Served(text_of(_shortened(text)), "closed")
                    text += data
            except BlockingIOError:
                self._kept_waiting = True
            except OSError as error:
                return Served(text_of(_shortened(text)), error.strerror or "")
        return Served(text_of(_shortened(text)), "open")

    async def _next_part(self, client: socket.socket, patience: float) -> bytes:
        """What comes next, b"" for the end. Raises BlockingIOError where nothing comes although all is at rest."""
        if not self._kept_waiting:
            try:
                return await self._part_in_time(client, patience)
            except BlockingIOError:
                await self.settler.settle()
        return await self._part_in_time(client, patience)

    async def _part_in_time(self, client: socket.socket, patience: float) -> bytes:
        """What comes within `patience` seconds. Raises BlockingIOError where nothing does."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                return client.recv(PART)
            except BlockingIOError:
                self.launch.pump()
                await asyncio.sleep(POLL)
        return client.recv(PART)


def _shortened(text: bytearray) -> bytearray:
    """The text without its middle, where it is very long."""
    return text if len(text) <= 2 * PART else text[:PART] + text[-PART:]
