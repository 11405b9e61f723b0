"""Where the launcher can make control groups, which limit an answer as a whole: cgroups(7).

setrlimit(2) limits each process alone, and some memory is no process's at all:
files in memory, what is in sockets. A control group counts all of it.

A group is made below the one that pytest is in, or below one above that, in the
unified hierarchy (version 2) or in those of the single controllers (version 1).
An ordinary user can do so only where that part of the tree was delegated to
them, as systemd does it for each user's own manager.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

MEMORY = 640 << 20  # bytes for all of an answer together: more than one process alone may have
CONTROLLERS = ("memory", "pids")
PREFIX = "daemon-lab-"  # of the names of groups: launcher/cgroup.c


@dataclass(frozen=True)
class Group:
    """A directory in which groups can be made, and what limits memory and processes in them, by file name."""

    parent: str
    memory_file: str = ""  # "" where this hierarchy does not count it
    processes_file: str = ""
    swap_file: str = ""  # of version 1 the sum of memory and swap, of version 2 swap alone


def find_groups(proc="/proc/self"):
    """The Groups that limit a launch: one of version 2, or one for each controller of version 1; () for none."""
    own = _own_groups(f"{proc}/cgroup")
    mounts = _mounts(f"{proc}/mountinfo")
    unified = _find_unified(own, mounts)
    if unified is not None:
        return (unified,)
    return tuple(filter(None, (_find_single(name, own, mounts) for name in CONTROLLERS)))


def remove_stale(groups):
    """Remove the groups of launchers that were killed before they could do it: those that nobody has locked."""
    for group in groups:
        for path in Path(group.parent).glob(f"{PREFIX}*"):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                continue  # somebody else was quicker, or it is not ours to look at
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.rmdir()
            except OSError:
                pass  # it is used
            finally:
                os.close(fd)


def own_directories(proc="/proc/self"):
    """The directories of the groups of this process in which it can make others, one for each hierarchy."""
    own, found = _own_groups(f"{proc}/cgroup"), []
    for kind, options, root, directory in _mounts(f"{proc}/mountinfo"):
        names = [""] if kind == "cgroup2" else [each for each in CONTROLLERS if each in options]
        for name in names[:1]:
            if name not in own:
                continue
            found += [path for path in _directories(own[name], root, directory) if _can_be_used(path)][:1]
    return found


def was_out_of_memory(path):
    """Whether the kernel has killed a process of the group at `path` because its memory was used up."""
    for name in ("memory.events", "memory.oom_control"):
        try:
            lines = Path(path, name).read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        counts = dict(line.rsplit(" ", 1) for line in lines)
        return int(counts.get("oom_kill", 0)) > 0
    return False


def _own_groups(path):
    """The process's own groups, as {controller: path}; "" is that of version 2. A line is ID:CONTROLLERS:PATH."""
    found = {}
    for line in _lines(path):
        _, names, place = line.split(":", 2)
        for name in names.split(","):
            found[name] = place
    return found


def _mounts(path):
    """Where hierarchies are mounted, as (type, options, root, directory): proc(5), /proc/PID/mountinfo."""
    found = []
    for line in _lines(path):
        front, _, back = line.partition(" - ")
        kind, _, options = back.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, directory = front.split(" ")[3:5]
            found.append((kind, options.split(","), root, directory))
    return found


def _lines(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _directories(place, root, directory):
    """The directory of a group whose path is `place`, then those above it, up to where the hierarchy is mounted."""
    inside = Path("/", os.path.relpath(place, root)) if (place + "/").startswith(root.rstrip("/") + "/") else Path("/")
    for path in (inside, *inside.parents):
        yield Path(directory, str(path).lstrip("/"))


def _find_unified(own, mounts):
    """A Group of version 2: the controllers have to be enabled for what is below it already."""
    for kind, _, root, directory in mounts:
        if kind != "cgroup2" or "" not in own:
            continue
        for path in _directories(own[""], root, directory):
            enabled = " ".join(_lines(path / "cgroup.subtree_control")).split()
            if set(CONTROLLERS) <= set(enabled) and _can_be_used(path):
                return Group(str(path), "memory.max", "pids.max", "memory.swap.max")
    return None


def _find_single(name, own, mounts):
    """A Group of version 1, for one controller."""
    for kind, options, root, directory in mounts:
        if kind != "cgroup" or name not in options or name not in own:
            continue
        for path in _directories(own[name], root, directory):
            if _can_be_used(path):
                if name == "memory":
                    swap = "memory.memsw.limit_in_bytes" if (path / "memory.memsw.limit_in_bytes").exists() else ""
                    return Group(str(path), memory_file="memory.limit_in_bytes", swap_file=swap)
                return Group(str(path), processes_file="pids.max")
    return None


def _can_be_used(path):
    """Whether a group can be made in a directory, and processes be moved into it: looked at, and tried."""
    if not os.access(path, os.W_OK) or not os.access(path / "cgroup.procs", os.W_OK):
        return False
    trial = path / f"{PREFIX}{os.getpid()}-trial"
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError:
        return False
    return True
