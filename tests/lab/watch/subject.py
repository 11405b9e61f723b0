"""What something is done to: a process that has come to rest, and its launch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Callable

from lab.facts import Process, Rest
from lab.kernel import procfs
from lab.sandbox.launch import Launch
from lab.watch.clients import Clients
from lab.watch.rest import Settler


def _nothing() -> object:
    return None


@dataclass(frozen=True)
class Subject:
    """A process to which something is done, and what it takes to wait for what comes of it."""

    launch: Launch
    process: Process
    settler: Settler
    clients: Clients

    @property
    def folder(self) -> str:
        """Its folder in /proc."""
        return f"{self.launch.proc}/{self.process.pid}"

    def is_alive(self) -> bool:
        """Whether it has not exited yet."""
        try:
            return procfs.read_stat(self.folder).state not in "ZX"
        except ProcessLookupError:
            return False

    def thread(self) -> int:
        """The ID of a thread of it that lives. Raises ProcessLookupError."""
        return procfs.living_thread(self.folder)

    def send(self, *numbers: int, meanwhile: Callable[[], object] = _nothing) -> None:
        """Send it signals; `meanwhile` is called after each. One that has ended already gets none."""
        try:
            outer = self.launch.outer(self.process.pid)
            for number in numbers:
                os.kill(outer, number)
                meanwhile()
        except ProcessLookupError:
            pass

    async def rest(self) -> Rest:
        """Wait until all is at rest."""
        return await self.settler.settle()
