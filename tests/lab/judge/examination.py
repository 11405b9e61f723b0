"""Holds an observation against the expectations: a Result for every check.

Examination is what an answer's checks have in common: it is built once, launched
once for all that only look, and once more for every bonus check. Workshop is
what a whole run has in common.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.answers import Answer, find_step
from lab.checks import completed, expectations
from lab.checks.check import LOG_TO_PASS, UNCHECKED, WRONG_STATE, Check, Unseen
from lab.checks.common import crash, crash_cause, fate, life_verdict
from lab.hindered import Hindered
from lab.judge.compiling import Builder
from lab.judge.tape import Reel
from lab.sandbox.server import Launchpad
from lab.scene import Scene
from lab.toolbox import LabError
from lab.turns import Turns, finish
from lab.watch.observe import observe

# A program that waits and does nothing else: if the lab cannot look at it either, the machine is at fault.
CONTROL = b"#!/bin/sh\nread line\n"

AT_ONCE = 24  # launches of one answer that are under way

PASSED, FAILED, FOLLOWS, SKIPPED = "passed", "failed", "follows", "skipped"


@dataclass(frozen=True)
class Result:
    """What came of a check. `status` is one of the four above."""

    check: Check
    status: str
    verdict: str = ""  # of a failed check: which kind of wrong
    expected: str = ""
    observed: str = ""
    because: str = ""

    @property
    def failed(self):
        """Whether the check does not hold, for whatever reason."""
        return self.status in (FAILED, FOLLOWS)


class Workshop:
    """Examines answers; they are being compiled from the moment on that it is made.

    Raises LabError where this cannot be done here.
    """

    def __init__(self, answers, sandbox=True):
        self.pad = Launchpad(sandbox, {answer.path.parent for answer in answers})
        self.builder = Builder(self.pad, answers)
        self.examinations = {answer: Examination(answer, self.pad, self.builder) for answer in answers}

    def close(self):
        """End what still runs."""
        self.builder.close()
        for examination in self.examinations.values():
            examination.close()


class Examination:
    """One answer, from file to results."""

    def __init__(self, answer: Answer, pad: Launchpad, builder: Builder, reel: Reel | None = None):
        self.answer = answer
        self.pad = pad
        self.builder = builder
        self.reel = reel
        self.side_by_side = True  # what else will be asked for is launched as well, as soon as one is asked for
        self.checks = expectations(answer.step)
        self._turns = Turns()  # (scene, turn): what becomes its Observation
        self._observations = {}  # (scene, turn): Observation
        self._results = {}

    @property
    def build(self):
        """What the compiler made of it: a facts.Build. From a tape it comes without the program."""
        if self.reel and self.reel.build:
            return self.reel.build
        build = self.builder.build(self.answer)
        if self.reel:
            self.reel.keep_build(build)
        return build

    def result(self, check):
        """The Result of one of `checks`; builds and launches when it has to."""
        if check.key not in self._results:
            self._results[check.key] = self._judge(check)
        return self._results[check.key]

    def results(self, stars=True):
        """The results in the order of `checks`, with or without those of bonus checks."""
        return [self.result(check) for check in self.checks if stars or not check.star]

    @property
    def failed(self):
        """The keys of the checks that do not hold, bonus checks left out."""
        return {result.check.key for result in self.results(stars=False) if result.failed}

    @property
    def skipped(self):
        """The keys of the checks that cannot be checked here, bonus checks left out."""
        return {result.check.key for result in self.results(stars=False) if result.status == SKIPPED}

    def bonus(self, *statuses):
        """The keys of the bonus checks that came out as one of `statuses`."""
        return {result.check.key for result in self.results() if result.check.star and result.status in statuses}

    def observation(self, scene, turn=0):
        """The Observation of a launch in this scene; launches once for all who ask.

        Where a scene is launched more than once, `turn` says which launch is meant.
        Raises Hindered where the answer keeps the lab from looking at it.
        """
        if (scene, turn) not in self._observations:
            self._observations[scene, turn] = self._observe(scene, turn)
        found = self._observations[scene, turn]
        if isinstance(found, Hindered):
            raise found
        return found

    def _observe(self, scene, turn):
        """An Observation, or the Hindered that keeps from one: twice, and not by the machine's fault."""
        name, completed_scene = self.answer.step.name, completed(self.answer.step, scene)
        if self.reel and (kept := self.reel.find(name, completed_scene, turn)):
            return kept
        seen = self._launch_and_look(scene, turn)
        if self.reel and not isinstance(seen, Hindered):
            self.reel.keep(name, completed_scene, turn, seen)
        return seen

    def _launch_and_look(self, scene, turn):
        """The same, by a launch."""
        self.builder.advance()
        if (scene, turn) not in self._turns:
            self._start_all(scene, turn)
        try:
            return self._turns.finish((scene, turn))
        except Hindered:
            self._turns.begin((scene, turn), self._launch(scene))
        try:
            return self._turns.finish((scene, turn))
        except Hindered as hindered:
            hindered.scene = scene
            hindered.by_machine = self._is_machine_at_fault(scene)
            if hindered.by_machine and not hindered.in_one_check:
                raise LabError(str(hindered)) from hindered
            return hindered

    def _is_machine_at_fault(self, scene):
        """Whether the lab cannot look at a program of its own either, in the same scene."""
        try:
            finish(observe(self.pad, self.answer.step.name, CONTROL, completed(self.answer.step, scene)))
        except Hindered:
            return True
        return False

    def _launch(self, scene):
        """Work (see turns) that launches the answer in a scene, and returns an Observation."""
        step = self.answer.step
        to_the_end = scene == Scene() or scene.root and any(c.scene == scene and c.on_process for c in self.checks)
        return observe(self.pad, step.name, self.builder.build(self.answer).program, completed(step, scene), to_the_end)

    def _start_all(self, scene, turn):
        """Launches in scenes of their own are looked at side by side: one comes to rest while others are looked at."""
        wanted = {(scene, turn): None}
        for check in self._like(scene) if self.side_by_side else ():
            wanted.update({(check.scene, number): None for number in range(check.times)})
        for each in wanted:
            if len(self._turns) >= AT_ONCE and each != (scene, turn):
                break  # what they send waits to be taken in, and there is a limit on that: unix(7), ETOOMANYREFS
            if each not in self._turns and each not in self._observations and not self._is_kept(*each):
                self._turns.begin(each, self._launch(each[0]))

    def _is_kept(self, scene, turn):
        """Whether that launch is on the tape."""
        step = self.answer.step
        return self.reel is not None and self.reel.find(step.name, completed(step, scene), turn) is not None

    def _like(self, scene):
        """The checks with scenes of their own that are looked at together: bonus checks apart from the others."""
        stars = {check.star for check in self.checks if check.scene == scene != Scene()}
        return [c for c in self.checks if c.scene != Scene() and c.star in stars and not self._why_not_here(c)]

    def forget(self):
        """Launch and judge anew when asked next; what was compiled stays."""
        self.close()
        self._observations.clear()
        self._results.clear()

    def close(self):
        """End what was launched and not asked for; keep what was seen, if there is a tape."""
        self._turns.drop()
        if self.reel:
            self.reel.write()

    def _end_unseen(self, scene):
        """End the launches in a scene that nobody needs to look at: one was wrong before them."""
        self._turns.drop(lambda key: key[0] == scene)

    def _judge(self, check):
        """A Result, also where the answer keeps the lab from looking at it."""
        try:
            return self._judge_seen(check)
        except Hindered as hindered:
            return self._blame(check, hindered)

    def _blame(self, check, hindered):
        """The first check on a launch that was hindered says so; the others follow from it."""
        if hindered.by_machine:
            return Result(check, SKIPPED, UNCHECKED, because=str(hindered))
        if check.key == "compiles":
            return Result(check, PASSED)
        first = next(c for c in self.checks if c.scene == hindered.scene and c.key != "compiles")
        if check != first:
            return Result(check, FOLLOWS)
        expected = "the lab can look at your program until it ends it"
        return Result(check, FAILED, WRONG_STATE, expected, hindered.observed, hindered.because)

    def _judge_seen(self, check):
        """What it follows from, what cannot be checked here, and only then the check itself."""
        if self.build.unchecked:
            return Result(check, SKIPPED, UNCHECKED, because=self.build.unchecked)
        if check.looks_at == "build":
            return _result(check, check.judge(self.build))
        if not self.build.compiles:
            return Result(check, FOLLOWS)
        if check.star and any(self.result(other).failed for other in self.checks if not other.star):
            return Result(check, FOLLOWS)
        skipped = Result(check, SKIPPED, UNCHECKED, because=self._why_not_here(check))
        if skipped.because and check.needs_log != LOG_TO_PASS:
            return skipped
        o = self.observation(check.scene)
        if check.on_process and (o.process is None or o.shell_lost):
            return Result(check, FOLLOWS) if self._is_bound_to_fail(check) else _lost(check, o)
        turns = (self.observation(check.scene, turn) for turn in range(check.times))
        # The first that is wrong, if there is one, or that cannot be looked at.
        finding = next((found for each in turns if (found := check.judge(each)) is not None), None)
        self._end_unseen(check.scene)
        result = _result(check, finding)
        if result.status == SKIPPED:
            return result
        if result.failed and any(self.result(other).failed for other in self.checks if other.key in check.follows):
            return Result(check, FOLLOWS)
        return skipped if skipped.because and not result.failed else result

    def _is_bound_to_fail(self, check):
        """Whether it is told already that there is no process: of the usual launch, or by a check in the same scene."""
        main = self.observation(Scene())
        if check.star or check.scene == Scene() or main.process is None or main.shell_lost:
            return not check.star
        same = [other for other in self.checks if other.scene == check.scene and not (other.on_process or other.star)]
        return any(self.result(other).failed for other in same)

    def _why_not_here(self, check):
        sandbox_needed = check.needs_log or check.scene.without
        if "tcp6" in str((check.scene.listen, check.scene.then)) and not self._has_ipv6():
            return "there is no IPv6 here"
        if check.scene.root:
            return self.pad.why_no_root()
        if sandbox_needed and not self.pad.is_sandboxed():
            return f"it needs a /dev of its own, and there is no sandbox: {self.pad.why_not}"
        return ""

    def _has_ipv6(self):
        """Whether the kernel has it; and, where the network is everybody's, whether ::1 is an address there."""
        try:
            addresses = Path("/proc/net/if_inet6").read_text(encoding="ascii")
        except OSError:
            return False
        return self.pad.is_sandboxed() or f"{1:032x}" in addresses


def _result(check, finding):
    if finding is None:
        return Result(check, PASSED)
    if isinstance(finding, Unseen):
        return Result(check, SKIPPED, UNCHECKED, because=finding.why)
    return Result(check, FAILED, finding.verdict, finding.expected, finding.observed, finding.because)


def _lost(check, o):
    """A check looks for a process where there is none."""
    because = crash_cause(o) if crash(o) else "it ended instead of living on"
    return Result(check, FAILED, life_verdict(o), check.expects, fate(o), because)


@contextmanager
def examiner(pad, folder, tape=None):
    """A function for as long as the context lasts: C source and a step's number in, an Examination out.

    The source is written to a file in `folder` (a Path). With a tape.Tape only
    what is not on it is compiled and launched.
    """
    builders, examinations = [], []

    def examine(source, step):
        answer = Answer(find_step(str(step)), folder / f"answer{len(builders)}.c")
        answer.path.write_bytes(source if isinstance(source, bytes) else source.encode("utf-8"))
        reel = tape.reel(answer.read().sources) if tape else None
        builders.append(Builder(pad, [answer], ahead=not (reel and reel.build)))
        examinations.append(Examination(answer, pad, builders[-1], reel))
        return examinations[-1]

    try:
        yield examine
    finally:
        for user in (*builders, *examinations):
            user.close()
