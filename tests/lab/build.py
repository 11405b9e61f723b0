"""Compiles answers, several at a time, each in a sandbox of its own.

What comes in is an answer's text; what goes out is a Build: the program's bytes,
or why there is none. No file is written outside the sandbox.
"""

import os
import time
from collections import deque
from dataclasses import dataclass

from lab.launch import Launchpad
from lab.toolbox import LabError, compiler

# Warnings are there to be read; they fail no answer.
FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow"]

TIME = 10  # seconds for one compilation; of processor time it gets less, see launcher/scene.c
PROGRAM = "a.out"  # what the compiler writes, in its own sandbox


@dataclass(frozen=True)
class Build:
    """What the compiler made of an answer."""

    program: bytes  # empty if it does not compile
    messages: str  # the compiler's: errors, or warnings

    @property
    def compiles(self):
        """Whether there is a program to launch."""
        return bool(self.program)


class Builder:
    """Compiles answers ahead of the time when they are asked for.

    What several answers share, their source, is compiled once.
    """

    def __init__(self, pad: Launchpad, answers, at_once=None):
        self.pad = pad
        self.compiler = compiler()
        self.at_once = at_once or os.cpu_count() or 1
        self.waiting = deque(dict.fromkeys(answer.path for answer in answers))
        self.sources = {answer.path: answer.sources for answer in answers}
        self.running = {}  # path: (launch, deadline)
        self.done = {}  # path: Build
        self.advance()

    def advance(self):
        """Take in what is ready, start as many as may run at once."""
        for path, (launch, deadline) in list(self.running.items()):
            launch.pump()
            if launch.shell in launch.reaped or time.monotonic() > deadline:
                self.done[path] = _finish(launch)
                del self.running[path]
        while self.waiting and len(self.running) < self.at_once:
            path = self.waiting.popleft()
            self.running[path] = self._start(path), time.monotonic() + TIME

    def build(self, answer):
        """The Build of one of the answers; waits for it at most TIME seconds."""
        path = answer.path
        if path in self.waiting:  # asked for before its turn
            self.waiting.remove(path)
            self.waiting.appendleft(path)
        while path not in self.done:
            if path in self.running:
                self.running[path][0].pump(0.005)
            self.advance()
        return self.done[path]

    def close(self):
        """End what still runs."""
        self.waiting.clear()
        while self.running:
            _, (launch, _) = self.running.popitem()
            launch.end()

    def _start(self, path):
        files = [(data, 0o644, name) for name, data in self.sources[path]().items()]
        return self.pad.tool(files, [*self.compiler, *FLAGS, "-o", PROGRAM, path.name])


def _finish(launch):
    with launch:
        launch.drain()
        messages = launch.printed.decode("utf-8", "replace").rstrip()
        status = launch.reaped.get(launch.shell)
        if launch.exec_errno:
            raise LabError(
                f"the compiler cannot be run here: {os.strerror(launch.exec_errno)}. "
                "In the sandbox it has to be in /usr or /opt: make CC=gcc, or SANDBOX=no"
            )
        if status is None:
            return Build(b"", f"{messages}\nthe compiler did not finish within {TIME} s".lstrip())
        if (code := os.waitstatus_to_exitcode(status)) != 0:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            return Build(b"", messages or f"the compiler {how}, and printed nothing")
        with open(f"{launch.lab}/{PROGRAM}", "rb") as file:
            return Build(file.read(), messages)
