"""The system calls that the launcher interferes with, to see what a program does then: one row each.

Data only. A scene names one row. The launcher gets the rows as a part of
launcher/protocol.h, so `tests/run protocol` has to be run after a change here.
"""

from __future__ import annotations

import errno
from enum import Enum
from typing import Union


class Instead(Enum):
    """What happens instead of a call, where it is not an errno that the call fails with."""

    NOTHING = "FAULT_NOTHING"  # the call does nothing, and says that it worked
    KILLED = "FAULT_KILLED"  # it ends the process
    HELD = "FAULT_HELD"  # it waits until the lab has had a look, and lets it go on, fail or kill: see watch/held.py


class Fault(Enum):
    """A row: its name on the wire and in reports, what happens instead of the calls, and the calls.

    A call with a colon, such as rt_sigaction:SIGHUP, is one with that first argument.
    """

    FORK_FAILS = ("fork-EAGAIN", errno.EAGAIN, "clone clone3 fork vfork")
    PIPE_FAILS = ("pipe-EMFILE", errno.EMFILE, "pipe pipe2 socketpair")
    SETSID_FAILS = ("setsid-EPERM", errno.EPERM, "setsid")
    SETGROUPS_FAILS = ("setgroups-EPERM", errno.EPERM, "setgroups")
    SETGID_FAILS = ("setgid-EPERM", errno.EPERM, "setgid setresgid setregid")
    SETUID_FAILS = ("setuid-EAGAIN", errno.EAGAIN, "setuid setresuid setreuid")
    CHDIR_FAILS = ("chdir-EACCES", errno.EACCES, "chdir fchdir")
    NO_CLOSE_RANGE = ("close_range-ENOSYS", errno.ENOSYS, "close_range")
    CLOSE_RANGE_FAILS = ("close_range-EPERM", errno.EPERM, "close_range")
    DISK_FULL = ("write-ENOSPC", errno.ENOSPC, "write writev pwrite64")
    SETSID_KILLS = ("setsid-killed", Instead.KILLED, "setsid")
    CHDIR_KILLS = ("chdir-killed", Instead.KILLED, "chdir fchdir")
    # The first calls with which a child can get away from its parent's hang-up: few, for each takes the lab time.
    HOLD_CHILD = ("child-held", Instead.HELD, "setsid rt_sigaction:SIGHUP rt_sigprocmask:SIG_BLOCK")
    HOLD_CHDIR = ("chdir-held", Instead.HELD, "chdir fchdir")
    SLOW_CHDIR = ("chdir-slow", Instead.HELD, "chdir fchdir")
    CHDIR_OUTLIVED = ("chdir-outlived", Instead.HELD, "chdir fchdir")
    CHDIR_ORPHANED = ("chdir-orphaned", Instead.HELD, "chdir fchdir")
    SECOND_FORK_FAILS = ("fork-second", Instead.HELD, "clone clone3 fork vfork")
    HOLD_ACCEPT = ("accept-held", Instead.HELD, "accept accept4")
    ACCEPT_ONCE = ("accept-once", Instead.HELD, "accept accept4")
    # All calls with which a program can get a signal in another way than before.
    HOLD_SIGNALS = (
        "signals-held",
        Instead.HELD,
        "rt_sigaction:SIGTERM rt_sigprocmask:SIG_BLOCK rt_sigprocmask:SIG_SETMASK signalfd signalfd4",
    )
    LOCK_IN_VAIN = ("lock-in-vain", Instead.HELD, "flock fcntl")
    LOOK_AT_REMOVAL = ("removal-held", Instead.HELD, "unlink unlinkat rename renameat renameat2")
    # All calls with which a program can tell somebody something.
    LOOK_BEFORE = ("telling-held", Instead.HELD, "sendto sendmsg sendmmsg write writev socketcall")
    CLOSE_IGNORED = ("close-ignored", Instead.NOTHING, "close close_range")

    def __init__(self, word: str, instead: Union[int, Instead], calls: str) -> None:
        self.word = word
        self.instead = instead
        self.calls = tuple(calls.split())

    @property
    def is_held(self) -> bool:
        """Whether the launch stands still at such a call until the lab lets it go."""
        return self.instead is Instead.HELD

    @classmethod
    def called(cls, word: str) -> Fault:
        """The row with this name. Raises ValueError where there is none."""
        for fault in cls:
            if fault.word == word:
                return fault
        raise ValueError(f"there is no fault called {word}: see {__file__}")
