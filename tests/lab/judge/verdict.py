"""What comes of an answer's checks: a function of its build, and of what was seen of its launches."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Mapping, Sequence, Union

from lab.answers import Answer
from lab.checks.check import LOG_TO_PASS, UNCHECKED, WRONG_STATE, Check, Finding, Noted, Unseen, Wrong
from lab.checks.common import crash, crash_cause, fate, life_verdict
from lab.facts import Build, Observation
from lab.hindered import Hindered
from lab.judge.plan import USUAL, Run, WhyNot

PASSED, FAILED, FOLLOWS, SKIPPED = "passed", "failed", "follows", "skipped"

Seen = Union[Observation, Hindered]


@dataclass(frozen=True)
class Result:
    """What came of a check. `status` is one of the four above."""

    check: Check
    status: str
    verdict: str = ""  # of a failed check: which kind of wrong
    expected: str = ""
    observed: str = ""
    because: str = ""
    note: str = ""  # of one that passes: what is to be said all the same
    seen: Seen | None = field(default=None, compare=False, repr=False)  # the launch that it was judged by, if it was

    @property
    def failed(self) -> bool:
        """Whether the check does not hold, for whatever reason."""
        return self.status in (FAILED, FOLLOWS)


@dataclass(frozen=True)
class Judged:
    """An answer, and all that came of it: what a report is made of."""

    answer: Answer
    results: tuple[Result, ...]  # in the order of the report
    digest: str = ""  # the SHA-256 of its source, in hexadecimal; "" where it was not compiled

    @property
    def required(self) -> list[Result]:
        """The results of the checks that are needed to pass."""
        return [result for result in self.results if not result.check.star]

    @property
    def bonus(self) -> list[Result]:
        """The results of the others."""
        return [result for result in self.results if result.check.star]

    @property
    def first_failed(self) -> Result | None:
        """The first result that is wrong by itself, and the one to be explained; None if none is."""
        return next((result for result in self.results if result.status == FAILED), None)

    @property
    def is_done(self) -> bool:
        """Whether all that is needed to pass holds."""
        return all(result.status == PASSED for result in self.required)

    @property
    def is_wrong(self) -> bool:
        """Whether something that is needed to pass does not hold."""
        return any(result.failed for result in self.required)

    @property
    def unchecked(self) -> str:
        """Why nothing of it could be checked here, because it could not even be compiled; "" if it could."""
        return next((r.because for r in self.results if r.check.looks_at == "build" and r.status == SKIPPED), "")


class Verdict:
    """The results of an answer's checks.

    `checks` are all of them, in the order of the report; `seen` has to hold the
    launches that are planned for those that are asked for, see plan.py;
    `why_not` tells which cannot be made on this machine.
    """

    def __init__(self, checks: Sequence[Check], build: Build, seen: Mapping[Run, Seen], why_not: WhyNot):
        self.checks = checks
        self.build = build
        self.seen = seen
        self.why_not = why_not
        self._known: dict[Check, Result] = {}

    def of(self, check: Check) -> Result:
        """The Result of a check."""
        if check not in self._known:
            self._known[check] = self._judge(check)
        return self._known[check]

    def knows(self, check: Check) -> bool:
        """Whether the result of a check is known already."""
        return check in self._known

    def is_wrong(self) -> bool:
        """Whether anything that is required does not hold."""
        return any(self.of(check).failed for check in self.checks if not check.star)

    def _judge(self, check: Check) -> Result:
        """What cannot be checked here, what it follows from, and only then the check itself."""
        if self.build.unchecked:
            return Result(check, SKIPPED, UNCHECKED, because=self.build.unchecked)
        if check.looks_at == "build":
            return _result(check, check.judge(self.build))
        if not self.build.compiles or (check.star and self.is_wrong()):
            return Result(check, FOLLOWS)
        skipped = Result(check, SKIPPED, UNCHECKED, because=self.why_not(check))
        if skipped.because and check.needs_log != LOG_TO_PASS:
            return skipped
        result = self._judge_launches(check)
        return skipped if skipped.because and result.status == PASSED else result

    def _judge_launches(self, check: Check) -> Result:
        """What the check says of the launches that it looks at: of the first in which something is wrong."""
        result = Result(check, PASSED)
        for turn in range(check.times):
            seen = self.seen[Run(check.scene, turn)]
            if isinstance(seen, Hindered):
                return replace(self._blame(check, seen), seen=seen)
            if check.on_process and _nobody(seen):
                result = Result(check, FOLLOWS) if self._is_told_already(check) else _lost(check, seen)
                return replace(result, seen=seen)
            result = replace(_result(check, check.judge(seen)), seen=seen)
            if result.status != PASSED:
                break
        if result.failed and any(self.of(other).failed for other in self.checks if other.key in check.follows):
            return Result(check, FOLLOWS, seen=result.seen)
        return result

    def _blame(self, check: Check, hindered: Hindered) -> Result:
        """The first check on a launch that was hindered says so; the others follow from it."""
        if hindered.by_machine:
            return Result(check, SKIPPED, UNCHECKED, because=str(hindered))
        first = next(each for each in self.checks if each.scene == hindered.scene and each.looks_at != "build")
        if check != first:
            return Result(check, FOLLOWS)
        expected = "the lab can look at your program until it ends it"
        return Result(check, FAILED, WRONG_STATE, expected, hindered.observed, hindered.because)

    def _is_told_already(self, check: Check) -> bool:
        """Whether another check tells that there is no process: one of the usual launch, or one of the same scene."""
        if check.star:
            return False
        usual = self.seen[USUAL]
        if check.scene == USUAL.scene or isinstance(usual, Hindered) or _nobody(usual):
            return True
        same = [each for each in self.checks if each.scene == check.scene and not (each.on_process or each.star)]
        return any(self.of(other).failed for other in same)


def finds_wrong(check: Check, seen: Seen) -> bool:
    """Whether a check finds something wrong in what was seen of one launch, whatever other checks find."""
    if isinstance(seen, Hindered):
        return not seen.by_machine
    if check.on_process and _nobody(seen):
        return True
    return isinstance(check.judge(seen), Wrong)


def _nobody(o: Observation) -> bool:
    """Whether there is no process to look at."""
    return o.process is None or o.job.lost_shell


def _result(check: Check, finding: Finding) -> Result:
    if finding is None:
        return Result(check, PASSED)
    if isinstance(finding, Noted):
        return Result(check, PASSED, note=finding.what)
    if isinstance(finding, Unseen):
        return Result(check, SKIPPED, UNCHECKED, because=finding.why)
    return Result(check, FAILED, finding.verdict, finding.expected, finding.observed, finding.because)


WHY_LOST = (
    "Your program exits, but it must keep running here too. Most likely it takes what is different at this start for "
    "an error. Look at the first call that fails."
)


def _lost(check: Check, o: Observation) -> Result:
    """A check looks for a process where there is none."""
    because = crash_cause(o) if crash(o) else WHY_LOST
    return Result(check, FAILED, life_verdict(o), check.expects, fate(o), because)
