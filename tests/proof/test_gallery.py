"""Wrong answers are caught with the right words, right ones pass however they are written."""

import pytest

from gallery import REPORTS, careless_answers, right_answers, tables, unwrapped, with_names, wrong_answers
from lab.checks import added
from lab.course import STEPS
from lab.judge.examination import FAILED, SKIPPED
from lab.report import describe


def identify(row):
    return f"{row.step.name}-{row.slug}"


@pytest.mark.parametrize("row", wrong_answers(), ids=identify)
def test_wrong_answer(row, examine_known):
    """Fails exactly the checks that its row names, and says why; the report is the one that was reviewed."""
    examination = examine_known(row.source(), row.step.number)
    assert examination.failed - set(row.at_times.split()) == set(row.fails.split()) - examination.skipped
    if examination.skipped:
        pytest.skip(f"judged in part: {examination.pad.why_no_root()}")
    first = next(result for result in examination.results() if result.because)
    assert row.says in first.because
    report = with_names(describe(examination)) + "\n"
    assert row.report.exists(), "no report is kept: tests/run gallery writes it, then read it as a learner would"
    assert unwrapped(report) == unwrapped(row.report.read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", right_answers(), ids=identify)
def test_right_answer(row, examine_known):
    """Passes; without a sandbox, and in other environments, is what `make matrix` looks at."""
    examination = examine_known(row.source(), row.step.number)
    assert examination.failed == set()
    if examination.skipped:
        pytest.skip(f"judged in part: {examination.pad.why_no_root()}")


@pytest.mark.parametrize("row", careless_answers(), ids=identify)
def test_careless_answer(row, examine_known):
    """Passes, and misses exactly the bonus checks that its row names."""
    examination = examine_known(row.source(), row.step.number)
    assert examination.failed == set()
    assert examination.bonus(FAILED) == set(row.misses.split()) - examination.bonus(SKIPPED)
    if examination.skipped:
        pytest.skip(f"judged in part: {examination.pad.why_no_root()}")


def test_every_bonus_check_is_seen_failing():
    """By a careless answer to the step that adds it."""
    for step in STEPS:
        seen = {key for row in tables(step)[2] for key in row.misses.split()}
        assert seen == {check.key for check in added(step) if check.star}, step.name


def test_the_gallery_is_large_enough():
    """Ten wrong answers and six right ones for every step; and no report without an answer."""
    for step in STEPS:
        wrong, right, _ = tables(step)
        assert step.number == 0 or len(wrong) >= 10, f"{step.name}: {len(wrong)} wrong answers"
        assert len(right) >= 6, f"{step.name}: {len(right)} right answers"
    assert set(REPORTS.glob("*/*")) == {row.report for row in wrong_answers()}
