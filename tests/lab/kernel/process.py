"""A process as psutil has it, with what psutil lacks.

psutil gives the times, the memory, the children. What makes a daemon it does not
know: session, process group, umask, signals, and descriptors of every kind.

Three of psutil's own methods are not used here, because they mislead:

terminal()    looks the device number up in a map of /dev, which it makes once in a
              run. A terminal that was made later, as for each launch here, is not
              in it, and the process seems to have none. Use terminal_device().
open_files()  lists regular files alone: no device, pipe, socket or directory. And
              what it lists are names, which a program can choose. Use descriptors().
ppid()        asks first, from psutil 6 on, whether the PID still belongs to the same
              process. It asks the caller's own /proc. There another process may have
              that PID, and then psutil says that this one has ended. So ppid() is
              defined anew here.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cached_property
from typing import Iterator

import psutil

from lab.facts import Credentials, Descriptor
from lab.kernel import procfs


@contextmanager
def looking_at(proc: str) -> Iterator[None]:
    """psutil looks at the /proc that is mounted at `proc`, for as long as the context lasts."""
    before, psutil.PROCFS_PATH = psutil.PROCFS_PATH, proc
    try:
        yield
    finally:
        psutil.PROCFS_PATH = before


class Process(psutil.Process):
    """A process that lives, in the /proc that is mounted at `proc`; PIDs are as that one has them.

    What is read of its status is of one moment. All raise psutil.NoSuchProcess
    where it has ended, and where it is a zombie. Source of the fields: proc(5).
    """

    def __init__(self, pid: int, proc: str = "/proc"):
        with looking_at(proc):
            super().__init__(pid)  # psutil keeps the path
        with self._may_end():
            self.living = procfs.threads(f"{proc}/{pid}")  # {folder: Stat} of each thread
            if not self.living:
                raise ProcessLookupError(pid)
        self.folder = next(iter(self.living))  # the first thread may have ended while others run on

    @contextmanager
    def _may_end(self) -> Iterator[None]:
        """One exception for all ways in which it may have gone."""
        try:
            yield
        except ProcessLookupError as gone:
            raise psutil.NoSuchProcess(self.pid) from gone

    @property
    def _stat(self) -> procfs.Stat:
        return self.living[self.folder]

    @cached_property
    def _status(self) -> procfs.Status:
        with self._may_end():
            return procfs.read_status(self.folder)

    def ppid(self) -> int:
        """Its parent: getppid(2). 0 for one outside its PID namespace."""
        return self._stat.ppid

    def session(self) -> int:
        """Its session: the PID of the process that called setsid(2)."""
        return self._stat.sid

    def group(self) -> int:
        """Its process group: setpgid(2)."""
        return self._stat.pgid

    def terminal_device(self) -> int:
        """The device number of its controlling terminal, 0 for none: tty(4)."""
        return self._stat.terminal

    def state(self) -> str:
        """Its state, a letter."""
        return self._stat.state

    def umask(self) -> int:
        """Its umask: umask(2)."""
        with self._may_end():
            return self._status.umask

    def signals(self, which: str) -> frozenset[int]:
        """The numbers of the signals in one of the sets "SigBlk", "SigIgn", "SigCgt" of its first thread: signal(7)."""
        with self._may_end():
            return self._status.signals(which)

    def credentials(self) -> Credentials:
        """Who it is and what it may do, IDs as the user namespace of whoever reads this has them: credentials(7)."""
        with self._may_end():
            return self._status.credentials

    def credentials_of_threads(self) -> tuple[Credentials, ...]:
        """Those of its other threads that are not the first one's, each once: to the kernel each has its own."""
        found = []
        for thread in self._other_threads():
            try:
                own = procfs.read_status(thread).credentials
            except ProcessLookupError:
                continue  # it has ended, and the others run on
            if own != self.credentials() and own not in found:
                found.append(own)
        return tuple(found)

    def directories_of_threads(self) -> tuple[str, ...]:
        """The names of those working directories of its other threads that are not the first one's: unshare(2)."""
        found = []
        for thread in self._other_threads():
            try:
                with procfs.process_may_end(thread):
                    is_same = os.path.samefile(f"{thread}/cwd", f"{self.folder}/cwd")
                    name = os.readlink(f"{thread}/cwd")
            except ProcessLookupError:
                continue  # it has ended, and the others run on
            if not is_same:
                found.append(_printable(name))
        return tuple(found)

    def _other_threads(self) -> list[str]:
        """The folders of all its threads but the first one."""
        return [thread for thread in self.living if thread != self.folder]

    def descriptors(self) -> dict[int, Descriptor]:
        """All that it has open, by number."""
        with self._may_end():
            return procfs.read_descriptors(self.folder)

    def directory(self) -> tuple[tuple[int, int], str]:
        """(device, inode) of its working directory, and what the kernel calls it. Only a name can be forged."""
        return self._identity("cwd"), self._link("cwd")

    def program(self) -> tuple[int, int]:
        """(device, inode) of the file that it runs."""
        return self._identity("exe")

    def _identity(self, name: str) -> tuple[int, int]:
        with self._may_end(), procfs.process_may_end(self.folder):
            status = os.stat(f"{self.folder}/{name}")
        return status.st_dev, status.st_ino

    def _link(self, name: str) -> str:
        with self._may_end(), procfs.process_may_end(self.folder):
            return _printable(os.readlink(f"{self.folder}/{name}"))


def _printable(name: str) -> str:
    """A file name as text, with bytes that are no UTF-8 spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
