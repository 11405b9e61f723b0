"""Checks answers: one test for every check of every step.

    make check [STEP=NN] [ANSWERS=DIR]      for learners
    pytest tests/test_answers.py [--step NN] [--answers DIR] [-k leads_session] [--junitxml FILE]
"""

import pytest

from lab.judge.verdict import FOLLOWS, SKIPPED
from lab.report.text import explain


def test_answer(answer, check, result):
    """The check holds for the answer."""
    if result.status == SKIPPED:
        pytest.skip(f"cannot be checked here: {result.because}")
    if result.failed:
        text = "follows from another" if result.status == FOLLOWS else "\n".join(explain(answer, result))
        fail = pytest.xfail if check.star else pytest.fail
        fail(f"{check.says}\n{text}", **({} if check.star else {"pytrace": False}))
