"""Compiles answers, several at a time, each in a sandbox of its own.

What comes in is an answer's text; what goes out is a Build: the program's bytes,
or why there is none. No file is written outside the sandbox.
"""

import os
import time
from collections import deque
from dataclasses import dataclass

from lab.launch import Launchpad
from lab.toolbox import compiler

# Warnings are there to be read; they fail no answer.
FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-pipe"]

TIME = 15  # seconds for one compilation


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
    """Compiles a list of answers ahead of the time when they are asked for."""

    def __init__(self, pad: Launchpad, answers, at_once=None):
        self.pad = pad
        self.compiler = compiler()
        self.waiting = deque(answers)
        self.running = {}  # answer: (launch, deadline)
        self.done = {}
        self.at_once = at_once or 2 * (os.cpu_count() or 1)
        self.advance()

    def advance(self):
        """Start as many as may run at once, take in what is ready."""
        for answer, (launch, deadline) in list(self.running.items()):
            launch.pump()
            if launch.shell in launch.reaped or time.monotonic() > deadline:
                self.done[answer] = self._finish(answer, launch)
                del self.running[answer]
        while self.waiting and len(self.running) < self.at_once:
            answer = self.waiting.popleft()
            self.running[answer] = self._start(answer), time.monotonic() + TIME

    def build(self, answer):
        """The Build of `answer`; waits for it at most TIME seconds."""
        if answer in self.waiting:  # asked for before its turn
            self.waiting.remove(answer)
            self.waiting.appendleft(answer)
        while answer not in self.done:
            if answer not in self.running and answer not in self.waiting:
                self.waiting.appendleft(answer)
            if answer in self.running:
                self.running[answer][0].pump(0.005)
            self.advance()
        return self.done[answer]

    def close(self):
        """End what still runs."""
        self.waiting.clear()
        for launch, _ in self.running.values():
            launch.end()
        self.running.clear()

    def _start(self, answer):
        source = answer.path.name
        files = [(data, 0o644, name) for name, data in answer.sources().items()]
        argv = [*self.compiler, *FLAGS, "-o", answer.step.name, source]
        return self.pad.tool(files, argv)

    def _finish(self, answer, launch):
        with launch:
            launch.drain()
            messages = launch.printed.decode("utf-8", "replace").rstrip()
            status = launch.reaped.get(launch.shell)
            if status is None:
                return Build(b"", f"{messages}\nthe compiler did not finish within {TIME} s".lstrip())
            if os.waitstatus_to_exitcode(status) != 0:
                return Build(b"", messages or f"the compiler ended with status {status}")
            with open(f"{launch.lab}/{answer.step.name}", "rb") as file:
                return Build(file.read(), messages)
