"""Reads /proc where psutil does not look, or looks and is wrong.

Every function takes the path of a process's (or a thread's) folder in /proc. A
process that is gone raises ProcessLookupError, whichever way the kernel says
so: it never reads as "no descriptors" or "no terminal". A file that is not as
proc(5) has it raises ValueError.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import NamedTuple

import psutil

from lab.facts import Credentials, Descriptor

NULL_DEVICE = os.makedev(1, 3)
CHUNK = 65536  # bytes; `status` is longer for a process in many thousand groups


@contextmanager
def process_may_end(folder):
    """One exception for all ways in which /proc says that a process is gone, or going.

    A process on its way out has no memory any more: its files in /proc are then
    root's, and nobody else may read them.
    """
    try:
        yield
    except FileNotFoundError as gone:
        raise ProcessLookupError(*gone.args) from gone
    except PermissionError as denied:
        if _has_memory(folder):
            raise
        raise ProcessLookupError(*denied.args) from denied


def _has_memory(folder):
    try:
        with open(folder + "/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[0] not in b"ZX" and fields[20] != b"0"
    except (FileNotFoundError, ProcessLookupError):
        return False


def read(path, folder=None):
    """All bytes of the file at `path`, which is in a process's `folder`, or deeper if that is given.

    One read() gets all of a file that describes one thing, as far as there is room:
    of a list, as `children` is one, it may get a part.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = part = os.read(fd, CHUNK)
            while len(part) == CHUNK:
                part = os.read(fd, CHUNK)
                data += part
            return data
        finally:
            os.close(fd)
    except (FileNotFoundError, PermissionError) as error:
        with process_may_end(folder or os.path.dirname(path)):
            raise error


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that the lab looks at."""

    state: str
    ppid: int
    pgid: int
    sid: int
    terminal: int  # the device number, 0 for no controlling terminal
    foreground: int  # the process group in the foreground of that terminal, -1 for none
    reaped: int  # minor page faults of children that it has waited for: more with every child
    system_time: int  # clock ticks that it has spent in system calls
    thread_count: int
    start: int  # clock ticks since the system booted


def read_stat(folder):
    """What `stat` says, as a Stat.

    The name may hold spaces, parentheses and newlines, and need not be UTF-8:
    so what counts starts behind the last parenthesis.
    """
    text = read(folder + "/stat")
    fields = text[text.rindex(b")") + 2 :].split()
    if len(fields) < 20:
        raise ValueError(f"{folder}/stat has no more than {text!r}")
    return Stat(
        state=fields[0].decode("ascii"),
        ppid=int(fields[1]),
        pgid=int(fields[2]),
        sid=int(fields[3]),
        terminal=int(fields[4]),
        foreground=int(fields[5]),
        reaped=int(fields[8]),
        system_time=int(fields[12]),
        thread_count=int(fields[17]),
        start=int(fields[19]),
    )


_LIBC_SIGNALS = 0b111 << 31  # 32 and 33, and 34 of musl's: libc keeps them for itself, signal(7)


class Status(dict):
    """The lines of /proc/PID/status, values as text.

    A process on its way out has fewer of them: what is missed there means that
    it is gone.
    """

    def __missing__(self, key):
        raise ProcessLookupError(f"no {key}: the process has ended")

    @property
    def umask(self):
        """The umask."""
        return int(self["Umask"], 8)

    def signals(self, which):
        """The numbers of the signals in one of the sets "SigBlk", "SigIgn", "SigCgt"."""
        bits = int(self[which], 16) & ~_LIBC_SIGNALS
        return frozenset(number for number in range(1, 65) if bits >> (number - 1) & 1)

    @property
    def credentials(self):
        """The Credentials, IDs as the user namespace of whoever has read this has them."""
        return Credentials(
            uids=tuple(map(int, self["Uid"].split())),
            gids=tuple(map(int, self["Gid"].split())),
            groups=frozenset(map(int, self["Groups"].split())),
            capabilities={which: int(self[f"Cap{which}"], 16) for which in ("Inh", "Prm", "Eff", "Amb")},
        )

    def pid_at(self, level):
        """Its PID in the PID namespace `level` levels below the one of whoever reads this: pid_namespaces(7).

        Not the innermost one: a process may have made a namespace of its own, in
        which it has any PID that it likes. Raises ProcessLookupError where it is
        not in a namespace as deep as that.
        """
        pids = self["NSpid"].split()
        if level >= len(pids):
            raise ProcessLookupError(f"it is in no PID namespace {level} levels below")
        return int(pids[level])


def read_status(folder):
    """What `status` says, as a Status."""
    lines = read(folder + "/status").decode("utf-8", "replace").splitlines()
    return Status((key, value.strip()) for key, _, value in (line.partition(":") for line in lines))


_ACCESS = {os.O_RDONLY: "r", os.O_WRONLY: "w", os.O_RDWR: "rw"}


def read_descriptor(folder, number):
    """The Descriptor with this number; ProcessLookupError if it is not open."""
    link = f"{folder}/fd/{number}"
    with process_may_end(folder):
        target = os.readlink(link)
        status = os.stat(link)
    details = dict(
        line.split(":", 1)
        for line in read(f"{folder}/fdinfo/{number}", folder).decode("ascii", "replace").splitlines()
        if ":" in line
    )
    flags = int(details.get("flags", ""), 8)
    return Descriptor(
        number=number,
        kind=_kind(status, target),
        target=target.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
        access="" if flags & os.O_PATH else _ACCESS.get(flags & os.O_ACCMODE, ""),
        inherited=not flags & os.O_CLOEXEC,
        identity=(status.st_dev, status.st_ino),
        device=status.st_rdev,
        locked="lock" in details,
    )


def _kind(status, target):
    mode = status.st_mode
    if stat.S_ISCHR(mode):
        if status.st_rdev == NULL_DEVICE:
            return "null"
        # 136 to 143 are pseudo-terminals, 4 consoles and serial lines, 5 /dev/tty
        return "terminal" if os.major(status.st_rdev) in (4, 5, *range(136, 144)) else "device"
    for test, kind in (
        (stat.S_ISREG, "file"),
        (stat.S_ISDIR, "folder"),
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISBLK, "device"),
    ):
        if test(mode):
            return "file" if target.startswith("anon_inode:") else kind
    return target  # such as anon_inode:[eventpoll], which has no file type


def read_descriptors(folder):
    """All open descriptors, by number.

    One that is closed while this reads is left out; a process that ends is not
    mistaken for one with nothing open.
    """
    with process_may_end(folder):
        numbers = sorted(int(name) for name in os.listdir(folder + "/fd"))
    found = {}
    for number in numbers:
        try:
            found[number] = read_descriptor(folder, number)
        except ProcessLookupError:
            read_stat(folder)  # raises if it is the process that is gone
    return found


def threads(folder):
    """The threads of a process that live: their folders, each with its Stat; {} if there are none.

    The first thread may have ended (it then shows as a zombie) while others run
    on: such a process lives. Where there is one only, its ID is the PID.
    """
    own = read_stat(folder)
    if own.thread_count == 1 and own.state not in "ZX":
        return {f"{folder}/task/{os.path.basename(folder)}": own}
    living = {}
    with process_may_end(folder):
        names = os.listdir(folder + "/task")
    for name in sorted(names, key=int):
        thread = f"{folder}/task/{name}"
        try:
            if (own := read_stat(thread)).state not in "ZX":
                living[thread] = own
        except ProcessLookupError:
            pass
    return living


def living_thread(folder):
    """The ID of a thread of a process that has not ended: its first one, whose ID is the PID, may have."""
    living = threads(folder)
    return int(os.path.basename(next(iter(living), folder)))


def descendants(pid):
    """The PIDs of all descendants of a process, zombies included; [] if it is gone.

    /proc/PID/task/TID/children is much quicker than psutil's walk through all
    processes of the machine, but not every kernel has it (CONFIG_PROC_CHILDREN),
    and it may leave one out while others end: look again before relying on it.
    """
    if not _HAS_CHILDREN:
        return _walk(pid)
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as children:
                found += map(int, children.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return [*found, *(far for near in found for far in descendants(near))]


_HAS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def _walk(pid):
    try:
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
