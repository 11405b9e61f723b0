"""Whatever is taken out of a solution, a check sees it: or it is listed as what nobody can see, with the reason."""

import pytest

from lab.dev.mutants import LIST, NOBODY, mutants, read, write
from lab.judge.verdict import SKIPPED

MUTANTS = mutants()
VISIBLE = [(mutant, seen.by) for mutant, seen in zip(MUTANTS, read()) if seen.by != NOBODY]


@pytest.mark.parametrize(("mutant", "by"), VISIBLE, ids=[str(mutant) for mutant, _ in VISIBLE])
def test_mutant_is_caught(mutant, by, examine_known):
    """The check that the list names looks at its own launches, and then mostly nothing else is launched.

    Where two processes of a mutant race each other, another check may see it than
    the last time: then all are asked. A bonus check counts too.
    """
    examination = examine_known(mutant.source, mutant.step)
    asked = sorted(examination.checks, key=lambda check: check.key != by)
    assert asked[0].key == by, f"{mutant.step} has no check {by}: tests/run mutants looks for who sees it"
    if examination.is_seen_by(asked[0]):
        return
    results = [examination.result(check) for check in asked]
    if results[0].status == SKIPPED:
        pytest.skip(f"judged in part: {examination.pad.why_no_root()}")
    assert any(result.failed for result in results), f"no check sees it: {mutant.line} {mutant.what}"


def test_the_list_holds_all_mutants():
    listed = [(seen.step, seen.what, seen.line) for seen in read()]
    assert listed == [(m.step.name, m.what, m.line) for m in MUTANTS], "tests/run mutants writes the list anew"
    assert write(read()) == LIST.read_text(encoding="utf-8")


def test_few_mutants_are_invisible_and_each_has_its_reason():
    """A textbook looks at what each call returns, and the lab makes only some of them fail."""
    invisible = [seen for seen in read() if seen.by == NOBODY]
    assert all(seen.why for seen in invisible)
    assert len(invisible) < len(VISIBLE) / 3
