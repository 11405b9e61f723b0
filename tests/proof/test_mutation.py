"""Whatever is taken out of a solution, a check sees it: or it is listed as what nobody can see, with the reason."""

import pytest

from lab.dev.mutants import LIST, NOBODY, mutants, read, write
from lab.judge.verdict import SKIPPED

MUTANTS = mutants()
VISIBLE = [(mutant, seen.by) for mutant, seen in zip(MUTANTS, read()) if seen.by != NOBODY]


@pytest.mark.parametrize(("mutant", "by"), VISIBLE, ids=[str(mutant) for mutant, _ in VISIBLE])
def test_mutant_is_caught(mutant, by, examine_known):
    """By the check that the list names, which may be a bonus check: nothing else is launched."""
    examination = examine_known(mutant.source, mutant.step)
    examination.side_by_side = False
    result = next(examination.result(check) for check in examination.checks if check.key == by)
    if result.status == SKIPPED:
        pytest.skip(f"judged in part: {examination.pad.why_no_root()}")
    assert result.failed, f"{by} does not see it: {mutant.line} {mutant.what}. tests/run mutants looks for who does"


def test_the_list_holds_all_mutants():
    listed = [(seen.step, seen.what, seen.line) for seen in read()]
    assert listed == [(m.step.name, m.what, m.line) for m in MUTANTS], "tests/run mutants writes the list anew"
    assert write(read()) == LIST.read_text(encoding="utf-8")


def test_few_mutants_are_invisible_and_each_has_its_reason():
    invisible = [seen for seen in read() if seen.by == NOBODY]
    assert all(seen.why for seen in invisible)
    assert len(invisible) < len(VISIBLE) / 4
