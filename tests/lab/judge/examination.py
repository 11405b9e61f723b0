"""One answer, from file to results: has it compiled and launched, and holds what was seen against the checks.

Examination puts together what the other modules of this folder do: `compiling`,
`plan` says which launches are needed, `studio` makes them, and `verdict` says
what comes of the checks. Workshop is what a whole run has in common.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, Sequence

from lab.answers import Answer
from lab.checks import expectations
from lab.checks.check import Check
from lab.course import Step, step_called
from lab.facts import Build, Observation
from lab.hindered import Hindered
from lab.judge.compiling import Builder
from lab.judge.plan import Run, depends_on, wanted
from lab.judge.studio import Studio
from lab.judge.tape import Reel, Tape
from lab.judge.verdict import SKIPPED, Judged, Result, Seen, Verdict, finds_wrong
from lab.sandbox.server import Launchpad
from lab.scene import Listen, Scene


class Workshop:
    """Examines answers; they are being compiled from the moment on that it is made.

    Raises LabError where this cannot be done here.
    """

    def __init__(self, answers: Sequence[Answer], sandbox: bool = True):
        self.pad = Launchpad(sandbox, {answer.path.parent for answer in answers})
        self.builder = Builder(self.pad, answers)
        self.examinations = {answer: Examination(answer, self.pad, self.builder) for answer in answers}

    def close(self) -> None:
        """End what still runs."""
        self.builder.close()


class Examination:
    """One answer. What is asked for is compiled, launched and judged then, and only once."""

    def __init__(self, answer: Answer, pad: Launchpad, builder: Builder, reel: Reel | None = None):
        self.answer = answer
        self.pad = pad
        self.builder = builder
        self.reel = reel
        self.checks = expectations(answer.step)
        self.side_by_side = True  # what else will be asked for is launched as well, as soon as one is asked for
        self._studio = Studio(answer, pad, builder, reel)
        self._seen: dict[Run, Seen] = {}
        self._seen_for: set[bool] = set()  # all has been launched for required checks (False), for bonus checks (True)
        self._verdict: Verdict | None = None

    @property
    def build(self) -> Build:
        """What the compiler made of it. From a tape it comes without the program."""
        if self.reel and self.reel.build:
            return self.reel.build
        build = self.builder.build(self.answer)
        if self.reel:
            self.reel.keep_build(build)
        return build

    def result(self, check: Check) -> Result:
        """The Result of one of `checks`; compiles and launches when it has to. Raises LabError."""
        if self._verdict is None:
            self._verdict = Verdict(self.checks, self.build, self._seen, self.why_not)
        if self.build.compiles and not self._verdict.knows(check):
            self._see_what_is_needed(check)
        return self._verdict.of(check)

    def is_seen_by(self, check: Check) -> bool:
        """Whether a check finds something wrong in its own launches, and nothing else is launched.

        The check may depend on others, and then they are what a learner is told of.
        But if it finds something wrong, the answer is wrong in any case. Raises LabError.
        """
        if check.looks_at == "build" or not self.build.compiles or self.why_not(check):
            return self.result(check).failed
        runs = [Run(check.scene, turn) for turn in range(check.times)]
        self._see(runs)
        return any(finds_wrong(check, self._seen[run]) for run in runs)

    def ask_only(self, is_asked: Callable[[Check], bool]) -> None:
        """Leave out the other checks, and their launches. It is for an answer that nothing has been asked of yet."""
        self.checks = tuple(filter(is_asked, self.checks))

    def results(self, stars: bool = True) -> list[Result]:
        """The results in the order of `checks`, with or without those of bonus checks."""
        return [self.result(check) for check in self.checks if stars or not check.star]

    def judged(self) -> Judged:
        """The answer with all its results."""
        return Judged(self.answer, tuple(self.results()), self.builder.digests.get(self.answer.path, ""))

    @property
    def failed(self) -> set[str]:
        """The keys of the checks that do not hold, bonus checks left out."""
        return {result.check.key for result in self.results(stars=False) if result.failed}

    @property
    def skipped(self) -> set[str]:
        """The keys of the checks that cannot be checked here, bonus checks left out."""
        return {result.check.key for result in self.results(stars=False) if result.status == SKIPPED}

    def bonus(self, *statuses: str) -> set[str]:
        """The keys of the bonus checks that came out as one of `statuses`."""
        return {result.check.key for result in self.results() if result.check.star and result.status in statuses}

    def observation(self, scene: Scene) -> Observation:
        """What is seen of a launch in this scene. Raises Hindered where the answer keeps the lab from looking at it."""
        run = Run(scene)
        self._see([run])
        found = self._seen[run]
        if isinstance(found, Hindered):
            raise found
        return found

    def forget(self) -> None:
        """Launch and judge anew when asked next; what was compiled stays."""
        self._seen.clear()
        self._seen_for.clear()
        self._verdict = None

    def drop(self) -> None:
        """Keep nothing of the answer on the tape, if there is one."""
        if self.reel:
            self.reel.drop()

    def close(self) -> None:
        """Keep what was seen, if there is a tape."""
        if self.reel:
            self.reel.write()

    def _see_what_is_needed(self, check: Check) -> None:
        """Launch the answer for a check: for all that are required together, and for all bonus checks together."""
        if not self.side_by_side:
            self._see(wanted(depends_on(check, self.checks), self.why_not))
            return
        self._see_all(stars=False)
        if check.star and self._verdict is not None and not self._verdict.is_wrong():
            self._see_all(stars=True)

    def _see_all(self, stars: bool) -> None:
        """Launch the answer for all that is required, or for all bonus checks, the first time that it is asked for."""
        if stars not in self._seen_for:
            self._see(wanted([each for each in self.checks if each.star is stars], self.why_not))
            self._seen_for.add(stars)

    def _see(self, runs: Sequence[Run]) -> None:
        missing = [run for run in runs if run not in self._seen]
        if missing:
            self._seen.update(self._studio.see(missing, self.checks))

    def why_not(self, check: Check) -> str:
        """Why a check cannot be made on this machine; "" if it can."""
        if Listen.TCP6 in check.scene.networks and not self._has_ipv6():
            return "there is no IPv6 here"
        if check.scene.root:
            return self.pad.why_no_root()
        if (check.needs_log or check.scene.without) and not self.pad.is_sandboxed():
            return f"it needs a /dev of its own, and there is no sandbox: {self.pad.why_not}"
        return ""

    def _has_ipv6(self) -> bool:
        """Whether the kernel has it; and, where the network is everybody's, whether ::1 is an address there."""
        try:
            addresses = Path("/proc/net/if_inet6").read_text(encoding="ascii")
        except OSError:
            return False
        return self.pad.is_sandboxed() or f"{1:032x}" in addresses


@contextmanager
def examiner(
    pad: Launchpad, folder: Path, tape: Tape | None = None
) -> Iterator[Callable[[str | bytes, Step | str], Examination]]:
    """A function for as long as the context lasts: C source and a step or its name in, an Examination out.

    The source is written to a file in `folder`. With a tape only what is not on
    it is compiled and launched.
    """
    builders: list[Builder] = []
    examinations: list[Examination] = []

    def examine(source: str | bytes, step: Step | str) -> Examination:
        answer = Answer(step_called(step), folder / f"answer{len(builders)}.c")
        answer.path.write_bytes(source if isinstance(source, bytes) else source.encode("utf-8"))
        reel = tape.reel(answer.read()) if tape else None
        builders.append(Builder(pad, [answer], ahead=not (reel and reel.build)))
        examinations.append(Examination(answer, pad, builders[-1], reel))
        return examinations[-1]

    try:
        yield examine
    finally:
        for builder in builders:
            builder.close()
        for examination in examinations:
            examination.close()
