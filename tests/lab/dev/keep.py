"""`tests/run gallery` and `tests/run mutants`: hold what is kept against what the lab says now, or keep that.

What changed in verdicts is told apart from what changed in words: a verdict that
changed is an error, until somebody has looked at it. What was seen of an answer
is taken from the tape where it can be.
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from lab.checks import expectations, since
from lab.checks.check import Check
from lab.course import STEPS, Step
from lab.dev.bench_load import end_with_parent
from lab.dev.gallery import FOLDER, REPORTS, Row, reports_in, rows, told, with_names, write
from lab.dev.mutants import LIST, NOBODY, Mutant, Seen
from lab.dev.mutants import mutants as all_mutants
from lab.dev.mutants import read as read_mutants
from lab.dev.mutants import write as write_mutants
from lab.judge.examination import Examination, examiner
from lab.judge.tape import Tape
from lab.judge.verdict import FAILED, SKIPPED
from lab.report.text import describe
from lab.sandbox.server import Launchpad
from lab.scene import Scene
from lab.toolbox import LabError

WORKERS = 3 * (os.cpu_count() or 1)  # answers at a time: most of them wait

# What may be kept: "words" is what a learner is told, "fails" also which checks do not hold.
KEEP = ("words", "fails")


@dataclass(frozen=True)
class Found:
    """What came of an answer."""

    fails: tuple[str, ...]  # in the order of the report
    misses: tuple[str, ...]  # of bonus checks
    unseen: frozenset[str]  # the bonus checks that could not be seen this time
    told: list[str]
    problem: str = ""  # why it could not be judged


def gallery(keep: str | None, only: Step | None = None) -> int:
    """Judge all known answers, or `only` those to a step.

    Prints what is not as the gallery says, or writes it there (one of KEEP).

    Returns the exit status: 1 if a verdict differs, or words do that are not kept.
    Raises LabError where not everything can be judged.
    """
    _look_at_machine()
    steps = [only] if only else STEPS
    with ProcessPoolExecutor(WORKERS, initializer=end_with_parent) as pool:
        found = {step: list(pool.map(judge, rows(step))) for step in steps}
        whole = [(step, title) for step in steps for title in REPORTS]
        reports = dict(zip(whole, pool.map(report_on, *zip(*whole))))
    pairs = [pair for step in steps for pair in zip(rows(step), found[step])]
    problems = [f"{row}: {each.problem}" for row, each in pairs if each.problem]
    verdicts = [line for row, each in pairs for line in changes(row, each)]
    is_stale = False
    for step in steps:
        path = FOLDER / f"{step.name}.md"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        kept = reports_in(before)
        for title in REPORTS:
            report = reports[step, title]
            if marks(kept.get(title, [])) == marks(report) or keep == "fails":
                kept[title] = report
            else:
                was, now_is = " ".join(marks(kept.get(title, []))), " ".join(marks(report))
                verdicts.append(f"{step.name}. {title} {now_is}, not {was}")
        now = [brought_up_to_date(row, each, keep) for row, each in zip(rows(step), found[step])]
        after = write(step, now, kept)
        if after != before and keep:
            path.write_text(after, encoding="utf-8")
            print(f"written: tests/gallery/{path.name}")
        elif after != before:
            is_stale = True
            print("".join(_diff(before, after, path.name)), end="")
    _print_list("verdicts that changed:", verdicts)
    _print_list("could not be judged:", problems)
    return 1 if problems or is_stale or (verdicts and keep != "fails") else 0


def _look_at_machine() -> None:
    """Raises LabError where some checks cannot be made: what nobody looks at must not be kept."""
    pad = Launchpad()
    reason = pad.why_no_root() if pad.is_sandboxed() else pad.why_not
    if reason:
        raise LabError(f"known answers can be held against the gallery only where all checks can be made: {reason}")


def _print_list(title: str, lines: list[str]) -> None:
    if lines:
        print(title, *(f"    {line}" for line in lines), sep="\n")


def marks(report: list[str]) -> list[str]:
    """The marks at the beginning of a report's lines, such as ok, NO and +2: its verdicts."""
    return [mark[1] for line in report if (mark := re.match(r"  (\S\S+) +", line))]


def changes(row: Row, found: Found) -> list[str]:
    """How the verdict differs from what the row says, in lines."""
    if found.problem:
        return []
    expected, seen = set(row.fails), set(found.fails) - set(row.at_times)
    lines = [f"{row}: fails {key} now" for key in sorted(seen - expected)]
    lines += [f"{row}: does not fail {key} any more" for key in sorted(expected - seen)]
    if row.misses and set(row.misses) != set(_missed(row, found)):
        lines.append(f"{row}: misses {' '.join(_missed(row, found))}, not {' '.join(row.misses)}")
    return lines


def brought_up_to_date(row: Row, found: Found, keep: str | None) -> Row:
    """The row with what its author is told now. One whose verdict has changed stays as it is, unless that is kept."""
    if found.problem:
        return row
    if not changes(row, found) and set(row.at_times).isdisjoint(found.fails):
        return replace(row, told=found.told)
    if not changes(row, found):
        return row  # what depends on a check that fails at times was not asked
    if keep != "fails":
        return row
    fails = tuple(key for key in found.fails if key not in row.at_times)
    misses = _missed(row, found) if row.misses else ()
    return replace(row, told=found.told, fails=fails, misses=misses)


def _missed(row: Row, found: Found) -> tuple[str, ...]:
    """The bonus checks that the answer misses. One that could not be seen this time counts as the row has it."""
    return (*found.misses, *(key for key in row.misses if key in found.unseen))


def _diff(before: str, after: str, name: str) -> list[str]:
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return list(difflib.unified_diff(*lines, f"kept: {name}", f"now: {name}", n=1))


def mutants() -> int:
    """Write the list of mutants anew: what is known to see each is asked first. Returns the exit status.

    A mutant that no check sees is listed as seen by nobody. It is 1 if one of those has no reason yet.
    Raises LabError where not everything can be judged.
    """
    _look_at_machine()
    known: dict[tuple[str, str, str], list[Seen | None]] = {}
    for seen in read_mutants():
        known.setdefault((seen.step, seen.what, seen.line), []).append(seen)
    jobs = []
    for mutant in all_mutants():
        before = known.get((mutant.step.name, mutant.what, mutant.line)) or [None]
        jobs.append((mutant, before[0] if len(before) == 1 else before.pop(0)))
    with ProcessPoolExecutor(WORKERS, initializer=end_with_parent) as pool:
        entries = list(pool.map(look_for_check, *zip(*jobs)))
    text = write_mutants(entries)
    if text != LIST.read_text(encoding="utf-8"):
        LIST.write_text(text, encoding="utf-8")
        print("written: tests/gallery/mutants.txt")
    unseen = [entry for entry in entries if entry.by == NOBODY and not entry.why]
    for entry in unseen:
        print(f"nobody sees it, and no reason is given: {entry.step}, {entry.what}: {entry.line}")
    return 1 if unseen else 0


# ---- in a process of its own -------------------------------------------------------


@cache
def _workshop() -> tuple[Launchpad, Tape | None]:
    """One for each process."""
    pad = Launchpad()
    return pad, None if os.environ.get("TAPE") == "no" else Tape.of(pad)


def report_on(step: Step, title: str) -> list[str]:
    """The lines of one of the REPORTS that a step's page begins with, with names in place of PIDs."""
    pad, tape = _workshop()
    with tempfile.TemporaryDirectory() as folder, examiner(pad, Path(folder), tape) as examine:
        return with_names(describe(examine(REPORTS[title](step), step).judged())).splitlines()


def judge(row: Row) -> Found:
    """Judge one answer."""
    pad, tape = _workshop()
    with tempfile.TemporaryDirectory() as folder, examiner(pad, Path(folder), tape) as examine:
        examination: Examination = examine(row.source(), row.step)
        if examination.skipped:
            why = pad.why_no_root() or pad.why_not
            return Found((), (), frozenset(), [], f"some checks cannot be made here: {why}")
        keys = [check.key for check in expectations(row.step)]
        failed, missed = examination.failed, examination.bonus(FAILED)
        fails = tuple(key for key in keys if key in failed)
        misses = tuple(key for key in keys if key in missed)
        unseen = frozenset(examination.bonus(SKIPPED))
        now = Found(fails, misses, unseen, told(examination.results(), row.at_times) if fails else [])
        if changes(row, now):
            examination.drop()
        return now


def look_for_check(mutant: Mutant, before: Seen | None) -> Seen:
    """The entry of a mutant, with the first check that sees it: the one of the entry `before`, if it still does.

    What is known to be seen by nobody is not looked at again: it would take every launch that there is.
    """
    if before and before.why:
        return before
    pad, tape = _workshop()
    by = before.by if before else NOBODY
    with tempfile.TemporaryDirectory() as folder, examiner(pad, Path(folder), tape) as examine:
        examination: Examination = examine(mutant.source, mutant.step)
        examination.side_by_side = False

        # First those that cost no launch of their own, then those that the step itself has added.
        def order(check: Check) -> tuple[bool, bool, bool, int]:
            return check.key != by, check.star, check.scene != Scene(), -since(check, mutant.step).number

        checks = sorted(examination.checks, key=order)
        seen = next((check.key for check in checks if examination.result(check).failed), NOBODY)
    return Seen(mutant.step.name, mutant.what, mutant.line, seen)
