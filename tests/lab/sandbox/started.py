"""What is known of a launch from its start on."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from typing import Mapping, Tuple

from lab.facts import Identity
from lab.sandbox import protocol
from lab.sandbox.protocol import Event


@dataclass(frozen=True)
class Started:
    """What the launcher tells of a launch while it starts it. PIDs are as the job sees them, but for init's.

    It is complete once `job` is known. What can be known before is: a launch may
    be refused, or may have to be ended, at any moment.
    """

    sandboxed: bool
    init: int = 0  # as pytest sees it
    pidfd: int = -1  # init's
    groups: Tuple[str, ...] = ()  # the directories of its control groups
    proc_fd: int = -1  # of a /proc of the sandbox, for the lab alone
    lab: str = ""  # the job's working directory, as a path for pytest
    program: Identity | Tuple[()] = ()  # of what was launched
    calls: Mapping[int, Tuple[str, int]] = field(default_factory=dict)  # number: (kind, argument), see waits.c
    subreaper: int = 0  # between init and the shell, where the scene has one
    shell: int = 0
    job: int = 0
    at: float = 0.0  # when the job was about to run its program, in seconds of time.monotonic()

    def after(self, event: Event) -> Started:
        """What is known once this event has come. One that tells of something else changes nothing."""
        if isinstance(event, protocol.Init):
            return replace(self, init=event.pid, pidfd=event.descriptor)
        if isinstance(event, protocol.Group):
            return replace(self, groups=(*self.groups, event.path))
        if isinstance(event, protocol.Proc):
            return replace(self, proc_fd=event.descriptor)
        if isinstance(event, protocol.Lab):
            lab = f"/proc/{self.init}/root{event.path}" if self.sandboxed else event.path
            return replace(self, lab=lab, proc_fd=self._open_proc())
        if isinstance(event, protocol.Program):
            return replace(self, program=(event.device, event.inode))
        if isinstance(event, protocol.Calls):
            return replace(self, calls=event.by_number())
        if isinstance(event, protocol.Adopter):
            return replace(self, subreaper=event.pid)
        if isinstance(event, protocol.Shell):
            return replace(self, shell=event.pid)
        if isinstance(event, protocol.Job):
            return replace(self, job=event.pid, at=time.monotonic())
        return self

    def _open_proc(self) -> int:
        """A descriptor of the /proc whose PIDs are the job's own; -1 without a sandbox, or if init has ended."""
        if not self.sandboxed or self.proc_fd != -1:
            return self.proc_fd
        try:  # an older kernel: the one that the job sees
            return os.open(f"/proc/{self.init}/root/proc", os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, ProcessLookupError):
            return -1

    @property
    def proc(self) -> str:
        """The /proc whose PIDs are the job's own, as a path for the process that asks; there may be nothing at it."""
        if not self.sandboxed:
            return "/proc"
        return f"/proc/{os.getpid()}/fd/{self.proc_fd}" if self.proc_fd != -1 else f"/proc/{self.init}/root/proc"

    @property
    def level(self) -> int:
        """How many PID namespaces below pytest's the job's own is."""
        return 1 if self.sandboxed else 0

    @property
    def adopter(self) -> int:
        """The PID of whatever adopts orphans here."""
        if self.subreaper:
            return self.subreaper
        return 1 if self.sandboxed else self.init
