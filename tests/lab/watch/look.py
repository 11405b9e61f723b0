"""Reads what the kernel says of a launch: its processes, their sockets, and what lies in its directory.

Nothing here waits, and nothing is done to a process. What goes out are facts.
"""

from __future__ import annotations

import os
import socket
import stat
from typing import Callable, Iterable, Iterator, Mapping

import psutil

from lab.facts import FULL_DISK, OUT_OF_MEMORY, TOO_MANY_FILES, Descriptor, Identity, Process, Sockets
from lab.kernel import procfs, sockets
from lab.kernel.environ import read_environment
from lab.kernel.openings import shared_openings
from lab.kernel.process import Process as LiveProcess
from lab.kernel.waiting import Calls, awaited_signals
from lab.sandbox.launch import Launch
from lab.scene import HOSTS_FILE, SOCKET, Device
from lab.watch.rest import FEW

MAX_PROCESSES = 100  # that are looked at; more are too many in any case
KEPT = ("ppid", "pgid", "sid", "terminal", "umask", "cwd", "program", "ignored")  # fields of Process

# Where a system's logger may have its socket: syslog(3), systemd-journald(8).
_LOG_NAMES = ("/dev/log", "/run/systemd/journal/dev-log")


# ---- processes -------------------------------------------------------------------


def read_process(
    launch: Launch,
    pid: int,
    counts: Callable[[Descriptor], bool] = lambda descriptor: True,
    with_descriptors: bool = True,
) -> Process | None:
    """A process, None if it is gone or a zombie; `counts` chooses descriptors, if they are read at all."""
    try:
        process = LiveProcess(pid, launch.proc)
        blocked, awaited = _signals(launch.calls, process.living)
        cwd, cwd_text = process.directory()
        descriptors = process.descriptors() if with_descriptors else {}
        shared = shared_openings(launch.outer(pid), descriptors) if descriptors else {}
        return Process(
            pid=pid,
            ppid=process.ppid(),
            pgid=process.group(),
            sid=process.session(),
            terminal=process.terminal_device(),
            state=process.state(),
            umask=process.umask(),
            cwd=cwd,
            cwd_text=cwd_text,
            program=process.program(),
            descriptors={
                number: each._replace(shared_with=shared.get(number, -1))
                for number, each in descriptors.items()
                if counts(each)
            },
            blocked=blocked,
            ignored=process.signals("SigIgn"),
            caught=process.signals("SigCgt"),
            awaited=awaited,
            thread_count=len(process.living),
            environment=read_environment(process.folder) if launch.scene.shows_environment else None,
            credentials=process.credentials(),
            of_threads=process.credentials_of_threads(),
            directories_of_threads=process.directories_of_threads(),
        )
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None


def read_processes(launch: Launch) -> dict[int, Process | None]:
    """All that the job has left, by PID; None for one that is gone or a zombie.

    Where there are more than a few, only the youngest one's descriptors are
    read: it is the one that is judged, and there may be thousands in each.
    """
    pids = sorted(launch.pids()[:MAX_PROCESSES])
    wanted = pids if len(pids) <= FEW else pids[-1:]
    return {pid: read_process(launch, pid, with_descriptors=pid in wanted) for pid in pids}


def read_shell(launch: Launch) -> Process:
    """The shell, with the descriptors that it hands on; one that tells nothing where the answer has ended it."""
    shell = read_process(launch, launch.shell, lambda descriptor: descriptor.inherited)
    return shell or Process(
        pid=launch.shell,
        ppid=0,
        pgid=0,
        sid=0,
        terminal=0,
        state="X",
        umask=0,
        cwd=(0, 0),
        cwd_text="",
        program=(0, 0),
        descriptors={},
    )


def foreground_group(launch: Launch) -> int:
    """The process group in the foreground of the shell's terminal, 0 for none, or where the shell has ended."""
    try:
        return max(procfs.read_stat(f"{launch.proc}/{launch.shell}").foreground, 0)
    except ProcessLookupError:
        return 0


def has_changed(launch: Launch, processes: Iterable[Process]) -> bool:
    """Whether one of them is not as it was when it was looked at, in what a program sets up and then keeps."""
    for process in processes:
        again = read_process(launch, process.pid, with_descriptors=False)
        if again is None or any(getattr(again, name) != getattr(process, name) for name in KEPT):
            return True
    return False


def state_of(launch: Launch, pid: int) -> object:
    """What a check may look at, in a form that is quick to get and to compare; None if the process is gone."""
    folder = f"{launch.proc}/{pid}"
    try:
        stat = procfs.read_stat(folder)
        with procfs.process_may_end(folder):
            links = [os.readlink(f"{folder}/{name}") for name in ("cwd", "exe")]
            opened = os.listdir(folder + "/fd")
        umask = procfs.read_status(folder).umask
        return stat._replace(state="", system_time=0, foreground=0), links, opened, umask
    except ProcessLookupError:
        return None


# ---- signals -----------------------------------------------------------------------


def held_signals(folder: str, calls: Calls) -> frozenset[int]:
    """The numbers of the signals that would neither end a process now nor be lost. Raises ProcessLookupError."""
    threads = procfs.threads(folder)
    if not threads:
        raise ProcessLookupError("it has ended")
    blocked, awaited = _signals(calls, threads)
    return blocked | awaited | procfs.read_status(folder).signals("SigCgt")


def _signals(calls: Calls, threads: Iterable[str]) -> tuple[frozenset[int], frozenset[int]]:
    """(blocked, awaited) of a process with these threads, see Process."""
    first, *others = threads
    masks = [procfs.read_status(first).signals("SigBlk")]
    masks += _of_each(others, lambda thread: procfs.read_status(thread).signals("SigBlk"))
    awaited = _of_each([first, *others], lambda thread: awaited_signals(thread, calls))
    return frozenset.intersection(*masks), frozenset().union(*awaited)


def _of_each(threads: Iterable[str], read: Callable[[str], frozenset[int]]) -> Iterator[frozenset[int]]:
    """What `read` gives for each of these threads, but for those that end meanwhile."""
    for thread in threads:
        try:
            yield read(thread)
        except ProcessLookupError:
            pass


# ---- sockets -----------------------------------------------------------------------


def own_sockets(launch: Launch, process: Process, shell: Process) -> Sockets:
    """What the sockets of `process` lead to that it has not inherited.

    Where that cannot be told, every one of them may be one to the log, and one that listens.
    """
    inherited = {descriptor.identity for descriptor in shell.descriptors.values()}
    own = [d.number for d in process.descriptors.values() if d.kind == "socket" and d.identity not in inherited]
    if not own:
        return Sockets()
    peers = sockets.peers(launch.outer(process.pid), own)
    if peers is None:
        return Sockets(log_peers=frozenset(own), listeners=frozenset(own))
    return Sockets(
        log_peers=_leading_to(peers, *_log_names(launch, process), sockets.UNKNOWN),
        listeners=_leading_to(peers, sockets.CLIENTS, sockets.UNKNOWN),
        pairs=_leading_to(peers, sockets.ITSELF),
    )


def _leading_to(peers: Mapping[int, object], *ends: str) -> frozenset[int]:
    return frozenset(number for number, peer in peers.items() if peer in ends)


def _log_names(launch: Launch, process: Process) -> tuple[str, ...]:
    """What a socket to the log leads to."""
    sent = any(message.sender == process.pid for message in launch.messages)
    if sent or not launch.sandboxed or Device.LOG in launch.scene.without:
        # It sends with sendto(); or there may be no log, and musl keeps what it could not connect.
        return *_LOG_NAMES, sockets.UNCONNECTED
    return _LOG_NAMES


# ---- where it was launched ---------------------------------------------------------


def identity(path: str) -> Identity:
    """What a path or a link of /proc leads to: text can be forged, this cannot."""
    with procfs.process_may_end(os.path.dirname(path)):
        status = os.stat(path)
    return status.st_dev, status.st_ino


def files_of(launch: Launch) -> tuple[str, ...]:
    """The names of what is in the job's working directory; none where that has been taken away."""
    try:
        return tuple(sorted(os.listdir(launch.lab)))
    except OSError:
        return ()


def mode_of_socket(launch: Launch) -> int | None:
    """The permissions of the socket at the path that -l names; None where there is none."""
    try:
        status = os.lstat(f"{launch.lab}/{SOCKET}")
    except OSError:
        return None
    return stat.S_IMODE(status.st_mode) if stat.S_ISSOCK(status.st_mode) else None


def localhost(launch: Launch) -> frozenset[str]:
    """The kinds of address that localhost stands for where the program runs, if it was told that name: hosts(5)."""
    if not any("localhost" in argument for argument in launch.scene.arguments or ()):
        return frozenset()
    if launch.sandboxed and HOSTS_FILE.exists():  # there are HOSTS in its place
        return frozenset({"tcp4", "tcp6"})
    kinds = {socket.AF_INET: "tcp4", socket.AF_INET6: "tcp6"}
    try:
        found = socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(kinds[family] for family, *_ in found if family in kinds)


def what_is_used_up(launch: Launch) -> str:
    """The reason why a program cannot be said to be at rest: it has taken all that there was of something; else ""."""
    if launch.was_out_of_memory():
        return OUT_OF_MEMORY
    room, files = launch.room_left()
    if room <= 0:
        return FULL_DISK
    return TOO_MANY_FILES if files <= 0 else ""


def text_of(printed: bytes) -> str:
    """What was printed, as text: a terminal ends lines with a carriage return besides."""
    return printed.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
