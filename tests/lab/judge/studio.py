"""Has an answer launched, in all the scenes that are wanted, and says what was seen of each launch."""

from __future__ import annotations

import asyncio
from typing import Iterable

from lab.answers import Answer
from lab.checks import usual
from lab.checks.check import Check
from lab.facts import Observation
from lab.hindered import Hindered
from lab.judge.compiling import Builder
from lab.judge.plan import USUAL, Run
from lab.judge.tape import Reel, Take
from lab.judge.verdict import Seen
from lab.sandbox.server import Launchpad
from lab.scene import Scene
from lab.toolbox import LabError
from lab.watch import loop
from lab.watch.observe import observe

# A program that waits and does nothing else: if the lab cannot look at it either, the machine is at fault.
CONTROL = b"#!/bin/sh\nread line\n"

# Launches of one answer that are under way. What they send waits to be taken in, and there is a limit on that:
# unix(7), ETOOMANYREFS.
AT_ONCE = 24

COMPILING_POLL = 0.01  # seconds between two looks at what is compiled meanwhile


class Studio:
    """Launches one answer. What is on its reel of a tape is not launched again, and what is not is put there."""

    def __init__(self, answer: Answer, pad: Launchpad, builder: Builder, reel: Reel | None = None):
        self.answer = answer
        self.pad = pad
        self.builder = builder
        self.reel = reel
        self._is_over = False  # what ends now was broken off

    def see(self, runs: Iterable[Run], checks: Iterable[Check]) -> dict[Run, Seen]:
        """What is seen of these launches, which are made side by side. `checks` are all of the answer's.

        Raises LabError where the machine is at fault.
        """
        seen: dict[Run, Seen] = {}
        missing = []
        all_checks = tuple(checks)
        for run in runs:
            kept = self.reel.find(self._take(run, all_checks)) if self.reel else None
            if kept is None:
                missing.append(run)
            else:
                seen[run] = kept
        if missing:
            program = self.builder.build(self.answer).program
            seen.update(loop.run(self._see(program, missing, all_checks)))
        return seen

    def _take(self, run: Run, checks: tuple[Check, ...]) -> Take:
        """What the launch is called on a tape."""
        return self.answer.step.name, self._completed(run), run.turn, _is_watched_to_the_end(run, checks)

    async def _see(self, program: bytes, runs: list[Run], checks: tuple[Check, ...]) -> dict[Run, Seen]:
        self._is_over = False
        places = asyncio.Semaphore(AT_ONCE)

        async def see(run: Run) -> Seen:
            async with places:
                return await self._see_one(program, run, _is_watched_to_the_end(run, checks))

        others = asyncio.ensure_future(self._compile_others())
        tasks = [asyncio.ensure_future(see(run)) for run in runs]
        try:
            found = dict(zip(runs, await asyncio.gather(*tasks)))
        finally:
            self._is_over = True
            for task in (others, *tasks):
                task.cancel()
            await asyncio.gather(others, *tasks, return_exceptions=True)
        for run, seen in found.items():
            if self.reel and isinstance(seen, Observation):
                self.reel.keep(self._take(run, checks), seen)
        return found

    async def _compile_others(self) -> None:
        """What else is to be compiled goes on meanwhile."""
        while True:
            self.builder.advance()
            await asyncio.sleep(COMPILING_POLL)

    async def _see_one(self, program: bytes, run: Run, to_the_end: bool) -> Seen:
        """An Observation, or the Hindered that keeps from one: twice, and not by the machine's fault."""
        try:
            return await self._observe(program, run, to_the_end)
        except Hindered:
            if self._is_over:
                raise
        # Once may be chance.
        try:
            return await self._observe(program, run, to_the_end)
        except Hindered as hindered:
            if self._is_over:
                raise
            hindered.scene = run.scene
            hindered.by_machine = await self._is_machine_at_fault(run)
            if hindered.by_machine and not hindered.in_one_check:
                raise LabError(str(hindered)) from hindered
            return hindered

    async def _observe(self, program: bytes, run: Run, to_the_end: bool) -> Observation:
        return await observe(self.pad, self.answer.step.name, program, self._completed(run), to_the_end)

    def _completed(self, run: Run) -> Scene:
        """The launch's scene, with what it leaves open as the step has it."""
        return usual(self.answer.step).completed(run.scene)

    async def _is_machine_at_fault(self, run: Run) -> bool:
        """Whether the lab cannot look at a program of its own either, in the same scene."""
        try:
            await self._observe(CONTROL, run, False)
        except Hindered:
            return True
        return False


def _is_watched_to_the_end(run: Run, checks: tuple[Check, ...]) -> bool:
    """Whether a timer that wakes the program later matters: it does where a check looks at the process itself."""
    if run.scene == USUAL.scene:
        return True
    return run.scene.root and any(check.scene == run.scene and check.on_process for check in checks)
