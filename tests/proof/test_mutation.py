"""Whatever is taken out of a solution, a check sees it: or it is on a short list, with the reason."""

import pytest

from gallery.mutants import INVISIBLE, mutants
from lab.checks import since
from lab.judge.examination import SKIPPED
from lab.scene import Scene

MUTANTS = mutants()
VISIBLE = [mutant for mutant in MUTANTS if not mutant.why_invisible]


@pytest.mark.parametrize("mutant", VISIBLE, ids=str)
def test_mutant_is_caught(mutant, examine_known):
    """By a check or by a bonus check; those of the usual launch are asked first, then those of its own step."""
    examination = examine_known(mutant.source, mutant.step.number)

    def order(check):
        return check.star, check.scene != Scene(), -since(check, mutant.step).number

    checks = sorted(examination.checks, key=order)
    seen = any(examination.result(check).failed for check in checks)
    if not seen and any(result.status == SKIPPED for result in examination.results()):
        pytest.skip(f"judged in part: {examination.pad.why_no_root()}")
    assert seen, f"nobody sees it: {mutant.line} {mutant.what}"


def test_the_list_of_the_invisible_is_short_and_right():
    """Every entry is about a mutant that there is."""
    used = {(m.step.number, m.line, m.what) for m in MUTANTS if m.why_invisible}
    assert used == set(INVISIBLE)
    assert len(INVISIBLE) < len(VISIBLE) / 4
