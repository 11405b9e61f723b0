"""Compiles answers, several at a time, each in a sandbox of its own.

What comes in is an answer's text; what goes out is a Build: the program's bytes,
or why there is none. No file is written outside the sandbox.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections import deque
from pathlib import Path
from typing import Iterable

import psutil

from lab.answers import Answer, Refused, open_folder, read_regular
from lab.facts import Build
from lab.kernel import procfs
from lab.sandbox.launch import Launch
from lab.sandbox.server import Launchpad
from lab.toolbox import LabError, compiler

# Warnings are there to be read; they fail no answer.
FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow"]

TIME = 10  # seconds for one compilation; of processor time it gets less, see launcher/resources.c
MOST_TIME = 60  # seconds for one that is still at work then, because the machine is busy
WAITING_TIME = 1.0  # seconds in which none of its processes was seen at work: then it waits for something
PROGRAM = "a.out"  # what the compiler writes, in its own sandbox
MAX_PROGRAM = 64 << 20  # bytes: the launcher lets no file become larger


class Builder:
    """Compiles answers ahead of the time when they are asked for.

    What several answers share, their source, is compiled once. Not `ahead`, each
    is compiled only when it is asked for.
    """

    def __init__(
        self,
        pad: Launchpad,
        answers: Iterable[Answer],
        at_once: int | None = None,
        ahead: bool = True,
    ):
        self.pad = pad
        self.compiler = compiler()
        self.at_once = at_once or os.cpu_count() or 1
        self.ahead = ahead
        self.answers = {answer.path: answer for answer in answers}
        self.waiting = deque(self.answers)
        self.running: dict[Path, _Compilation] = {}
        self.done: dict[Path, Build] = {}
        self.digests: dict[Path, str] = {}  # the SHA-256 of the source that the compiler was given, in hexadecimal
        self.failed: dict[Path, LabError] = {}  # what kept an answer from being compiled: told when it is asked for
        self.advance()

    def advance(self) -> None:
        """Take in what is ready, start as many as may run at once. Raises LabError."""
        for path, compilation in list(self.running.items()):
            compilation.launch.pump()
            if compilation.has_ended() or compilation.is_out_of_time():
                del self.running[path]
                try:
                    self.done[path] = compilation.finish()
                except LabError as error:
                    self.failed[path] = error
        while self.ahead and self.waiting and len(self.running) < self.at_once:
            self._start(self.waiting.popleft())

    def build(self, answer: Answer) -> Build:
        """The Build of one of the answers; waits for it. Raises LabError."""
        path = answer.path
        if path in self.waiting:  # asked for before its turn
            self.waiting.remove(path)
            if self.ahead:
                self.waiting.appendleft(path)
            else:
                self._start(path)
        while path not in self.done:
            if path in self.failed:
                raise self.failed[path]
            if path in self.running:
                self.running[path].launch.pump(0.005)
            self.advance()
        return self.done[path]

    def close(self) -> None:
        """End what still runs."""
        self.waiting.clear()
        while self.running:
            _, compilation = self.running.popitem()
            compilation.launch.end()

    def _start(self, path: Path) -> None:
        """Begin to compile an answer, or say at once why that cannot be done."""
        handed_in = self.answers[path].read()
        if handed_in.refused or handed_in.unreadable:
            self.done[path] = Build(b"", "", refused=handed_in.refused, unchecked=handed_in.unreadable)
            return
        self.digests[path] = hashlib.sha256(handed_in.sources[path.name]).hexdigest()
        files = [(data, 0o644, name) for name, data in handed_in.sources.items()]
        launch = self.pad.tool(files, [*self.compiler, *FLAGS, "-o", PROGRAM, path.name])
        self.running[path] = _Compilation(launch, self.pad, handed_in.withheld)


class _Compilation:
    """One that is under way."""

    def __init__(self, launch: Launch, pad: Launchpad, withheld: tuple[str, ...]):
        self.launch = launch
        self.pad = pad
        self.withheld = withheld
        self.begun = time.monotonic()
        self.waits_since: float | None = None  # when it was first seen to wait, of the looks in a row that saw it wait
        self.is_slow = False  # it was still at work when MOST_TIME was over

    def has_ended(self) -> bool:
        """Whether the compiler has."""
        return self.launch.shell in self.launch.reaped

    def is_out_of_time(self) -> bool:
        """Whether it has had all the time that it gets. Raises LabError where the launcher is stopped.

        After TIME seconds a compilation that only waits for something has come
        to no end. One that is at work, or is ready to run and gets no
        processor, is slow because the machine is busy: it has MOST_TIME
        seconds. Its processor time is limited by the launcher.
        """
        now = time.monotonic()
        if now < self.begun + TIME - WAITING_TIME:
            return False
        if self._is_at_work():
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = now
        if now < self.begun + TIME:
            return False
        self._look_at_launcher()
        self.is_slow = now > self.begun + MOST_TIME
        return self.is_slow or (self.waits_since is not None and now - self.waits_since >= WAITING_TIME)

    def _is_at_work(self) -> bool:
        """Whether one of its processes runs, is ready to, or waits for a disk; the launcher is one of them at first."""
        if not self.launch.shell:
            return True
        return any(_state(pid) in "RD" for pid in procfs.descendants(self.launch.init))

    def _look_at_launcher(self) -> None:
        """Raises LabError if somebody has stopped the launcher: then nothing can end, and no answer did it.

        It is let go on, so that it can end too.
        """
        servers = [child.pid for child in psutil.Process().children() if _runs(child.pid, self.pad.program)]
        stopped = [pid for pid in (*servers, self.launch.init) if pid and _state(pid) in "Tt"]
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        if stopped:
            raise LabError(
                f"the launcher (process {stopped[0]}) was stopped while it compiled, for example by SIGSTOP: "
                "run the check again"
            )

    def finish(self) -> Build:
        """End it; returns the Build. Raises LabError where the compiler is at fault."""
        with self.launch as launch:
            launch.drain()
            messages = launch.printed.decode("utf-8", "replace").rstrip()
            status = launch.reaped.get(launch.shell)
            if launch.exec_errno:
                raise LabError(
                    f"the compiler cannot be run here: {os.strerror(launch.exec_errno)}. "
                    "In the sandbox it must be in /usr or /opt: make CC=gcc, or SANDBOX=no"
                )
            if status is None and self.is_slow:
                why = f"the compiler was still at work after {MOST_TIME} s, because this machine is busy"
                return Build(b"", messages, unchecked=f"{why}. Try again later")
            if status is None:
                return self._failed(f"{messages}\nthe compiler did not finish within {TIME} s".lstrip())
            if (code := os.waitstatus_to_exitcode(status)) != 0:
                how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
                return self._failed(messages or f"the compiler {how}, and printed nothing")
            return Build(_read_program(launch), messages)

    def _failed(self, messages: str) -> Build:
        return Build(b"", messages, self.withheld)


def _read_program(launch: Launch) -> bytes:
    """The bytes of the program that the compiler has written. Raises LabError if there is none."""
    try:
        folder = open_folder(launch.lab)
        try:
            return read_regular(folder, PROGRAM, MAX_PROGRAM)
        finally:
            os.close(folder)
    except (OSError, Refused) as error:
        raise LabError(
            f"the compiler ended with status 0, and wrote no program ({error}). Name another one: make CC=gcc"
        ) from error


def _state(pid: int) -> str:
    """The state of a process as /proc has it, a letter; "X" if it is gone."""
    try:
        return procfs.read_stat(f"/proc/{pid}").state
    except ProcessLookupError:
        return "X"


def _runs(pid: int, program: Path) -> bool:
    """Whether a process runs this program."""
    try:
        return os.readlink(f"/proc/{pid}/exe") == str(program)
    except OSError:
        return False
