"""Wrong answers are caught with the right words, right ones pass however they are written."""

from dataclasses import replace

import pytest

from lab.checks import added, expectations
from lab.course import START, STEPS
from lab.dev.gallery import (
    CARELESS,
    FOLDER,
    REPORTS,
    RIGHT,
    TIME,
    WRONG,
    Row,
    all_rows,
    diff,
    has_time_namespaces,
    patched,
    read,
    reports_in,
    rows,
    told,
    with_names,
    write,
)
from lab.dev.keep import Found, brought_up_to_date, changes, marks
from lab.judge.verdict import FAILED, SKIPPED
from lab.report.text import describe
from lab.toolbox import LabError


@pytest.mark.parametrize("row", all_rows(WRONG), ids=str)
def test_wrong_answer(row, examine_known):
    """Fails exactly the checks that its row names, and the learner is told what stands below it."""
    if TIME in row.needs and not has_time_namespaces():
        pytest.skip("this kernel has no time namespaces")
    examination = examine_known(row.source(), row.step)
    examination.ask_only(row.is_asked)
    assert examination.failed - set(row.at_times) == set(row.fails) - examination.skipped
    if examination.skipped:
        pytest.skip(f"judged in part: {examination.pad.why_no_root()}")
    if not examination.failed.isdisjoint(row.at_times):
        return  # what depends on such a check was not asked this time, so less is told
    is_told = told(examination.results(), row.at_times)
    assert is_told == row.told, "tests/run gallery shows the difference, --update writes it"


@pytest.mark.parametrize("row", all_rows(RIGHT), ids=str)
def test_right_answer(row, examine_known):
    """Passes; without a sandbox, and in other environments, is what `make matrix` looks at."""
    examination = examine_known(row.source(), row.step)
    assert examination.failed == set(), "\n".join(told(examination.results()))
    if examination.skipped:
        pytest.skip(f"judged in part: {examination.pad.why_no_root()}")


@pytest.mark.parametrize("row", all_rows(CARELESS), ids=str)
def test_careless_answer(row, examine_known):
    """Passes, and misses exactly the bonus checks that its row names."""
    examination = examine_known(row.source(), row.step)
    assert examination.failed == set()
    missed = "write the bonus checks that it misses into its item `misses`"
    assert examination.bonus(FAILED) == set(row.misses) - examination.bonus(SKIPPED), missed
    if examination.skipped:
        pytest.skip(f"judged in part: {examination.pad.why_no_root()}")


@pytest.mark.parametrize("title", REPORTS, ids=lambda title: REPORTS[title].__name__)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_report(step, title, examine_known):
    """The whole of it is the one that was reviewed: what is folded, what is told of the first NO, no words too many."""
    judged = examine_known(REPORTS[title](step), step).judged()
    if any(result.status == SKIPPED for result in judged.results):
        pytest.skip("judged in part: some checks cannot be made here")
    kept = reports_in((FOLDER / f"{step.name}.md").read_text(encoding="utf-8"))
    assert with_names(describe(judged)).splitlines() == kept[title], "tests/run gallery --update fails writes it"


def test_every_bonus_check_is_seen_failing():
    """By a careless answer to the step that adds it."""
    for step in STEPS:
        seen = {key for row in rows(step) if row.part == CARELESS for key in row.misses}
        assert seen == {check.key for check in added(step) if check.star}, step.name


def test_the_gallery_is_large_enough():
    """Ten wrong answers and six right ones for every step."""
    for step in STEPS:
        wrong = [row for row in rows(step) if row.part == WRONG]
        right = [row for row in rows(step) if row.part == RIGHT]
        assert step == START or len(wrong) >= 10, f"{step.name}: {len(wrong)} wrong answers"
        assert len(right) >= 6, f"{step.name}: {len(right)} right answers"
        assert all(row.fails and row.told for row in wrong)
        assert len({row.slug for row in rows(step)}) == len(rows(step)), "two answers have one name"


# ---- how it is written -------------------------------------------------------------

SOLUTION = "one\n\nsame\ntwo\n    same\nthree\n"


@pytest.mark.parametrize(
    "changed",
    [
        "one\n\nsame\n    same\nthree\n",
        "one\n\nsame\ntwo\n    same\nthree\nfour\n",
        "zero\none\n\nsame\ntwo\n\n    same\nthree\n",
        "\nsame\nTWO\n    same\n",
        "",
    ],
)
def test_a_diff_gives_back_what_it_was_made_of(changed):
    assert patched(SOLUTION, diff(SOLUTION, changed)) == (changed or "\n")


def test_a_hunk_has_to_stand_there_once():
    with pytest.raises(ValueError, match="stands 2 times"):
        patched("a\nb\na\n", ["-a"])
    with pytest.raises(ValueError, match="stands 0 times"):
        patched("a\nb\na\n", ["-c"])


def test_what_stands_nowhere_goes_to_the_top():
    assert patched("a\nb\n", ["+#include <x.h>", "@@", "-a", "+c"]) == "#include <x.h>\nc\nb\n"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_gallery_is_written_as_it_is_read(step):
    reports = {title: ["a report", "", title] for title in REPORTS}
    text = write(step, list(rows(step)), reports)
    assert read(step, text) == list(rows(step)) and reports_in(text) == reports


def test_a_key_may_name_the_way_of_launching():
    (row,) = read(STEPS[-1], "## Wrong\n\n### a\n\n- fails: `daemon/x` `foreground/y`\n\n```c\n;\n```\n")
    assert row.fails == ("daemon/x", "foreground/y")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_nothing_of_a_page_gets_lost(step):
    """What is read and written again is the page, to the last line; and the keys are those of checks that there are."""
    text = (FOLDER / f"{step.name}.md").read_text(encoding="utf-8")
    assert write(step, read(step, text), reports_in(text)) == text
    keys = {check.key for check in expectations(step)}
    assert {key for row in rows(step) for key in (*row.fails, *row.at_times, *row.misses)} <= keys


ROW_OF = "## {}\n\n### a\n\n{}\n\n```c\n;\n```\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ROW_OF.format("Wrong", "#### b"), "line 5: this is not understood here: '#### b'"),
        (ROW_OF.format("Wrong", "words"), "line 5: this is not understood here: 'words'"),
        (ROW_OF.format("Wrong", "* fails: `x`"), "this is not understood here"),
        (ROW_OF.format("Wrong", "- fails: x"), "names stand between backticks"),
        (ROW_OF.format("Wrong", "- fails: `x`\n- fails: `y`"), "line 6: a second item 'fails'"),
        (ROW_OF.format("Right", "- fails: `x`"), "Right answers have no item 'fails'"),
        (ROW_OF.format("Wrong", "- needs: glbc"), "may need glibc, the log, init, time namespaces"),
        (ROW_OF.format("Wrong", "- diff of: `99_x`"), "there is no step `99_x`"),
        (ROW_OF.format("Wrong", "```c\n;\n```"), "line 9: this is not understood here"),
        ("## Wrong\n\n### a\n\n```c\n;\n", "line 5: the block that begins here has no end"),
        ("## Wrongs\n", "line 1: this is not understood here"),
        ("### a\n", "line 1: this is not understood here"),
    ],
)
def test_a_line_that_is_not_understood_is_refused(text, says):
    """Else a row would get lost, or be another one, and no test would miss it."""
    with pytest.raises(LabError) as caught:
        read(START, text)
    assert says in str(caught.value)


def test_a_mark_that_has_changed_is_a_verdict():
    report = ["heading", "  ok   the first   2 checks", "  NO   the second", "", "       expected   x", "  +12  bonus"]
    assert marks(report) == ["ok", "NO", "+12"]


def test_what_is_no_gallery_is_told():
    with pytest.raises(LabError, match="Wrong answers have no item 'fail'"):
        read(START, "## Wrong\n\n### a\n\n- fail: `x`\n")
    with pytest.raises(LabError, match="has no block"):
        read(START, "## Wrong\n\n### a\n\n- fails: `x`\n")


# ---- how it is kept ------------------------------------------------------------------

ROW = Row(START, WRONG, "a name", ["-x"], fails=("a", "b"), at_times=("c",), told=["old words"])
CARELESS_ROW = Row(START, CARELESS, "a name", ["-x"], misses=("d",))


def found(*fails, misses=(), unseen=(), problem=""):
    """What came of an answer."""
    return Found(fails, misses, frozenset(unseen), ["new words"] if fails else [], problem)


def test_words_are_kept_and_verdicts_are_not():
    """A verdict that has changed is an error until somebody has looked at it."""
    assert changes(ROW, found("b", "a", "c")) == []
    assert brought_up_to_date(ROW, found("b", "a"), "words") == replace(ROW, told=["new words"])
    assert changes(ROW, found("a", "x")) == [
        f"{ROW}: fails x now",
        f"{ROW}: does not fail b any more",
    ]
    assert brought_up_to_date(ROW, found("a", "x"), "words") == ROW
    now = brought_up_to_date(ROW, found("a", "x", "c"), "fails")
    assert (now.fails, now.told) == (("a", "x"), ["new words"])


def test_a_bonus_check_that_could_not_be_seen_counts_as_missed():
    assert changes(CARELESS_ROW, found(misses=("d",))) == []
    assert changes(CARELESS_ROW, found(unseen=("d",))) == []
    assert changes(CARELESS_ROW, found()) == [f"{CARELESS_ROW}: misses , not d"]


def test_what_could_not_be_judged_is_no_change():
    assert changes(ROW, found(problem="no root")) == []
    assert brought_up_to_date(ROW, found(problem="no root"), "fails") == ROW
