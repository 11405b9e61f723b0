"""The page of the kinds of faults: each kind has one answer of the gallery, or one reason, for each step."""

import re

import pytest

from lab.course import STEPS, step_called
from lab.dev.gallery import CARELESS, FOLDER, WRONG, rows

PAGE = FOLDER / "KINDS.md"
SETSID = step_called("setsid").name

NEVER, OPEN = "never", "open"
WORDS = (WRONG, CARELESS, NEVER, OPEN)

LINE = re.compile(r"- (\d\d(?:(?:, | to )\d\d)*):(?: (\w+):)?(.*)")


def kinds_in(text):
    """The kinds of a page, each with what its list says: {heading: [(numbers of the steps, word, rest)]}."""
    kinds = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        # A line that begins with two blanks goes on with the line above it.
        lines = body.replace("\n  ", " ").splitlines()
        assert heading not in kinds, f"{heading!r} stands there twice"
        kinds[heading] = [line_read(line) for line in lines if line.startswith("- ")]
    return kinds


def line_read(line):
    """The steps that a line of a list speaks of, the word that it begins with, and what follows."""
    found = LINE.fullmatch(line)
    assert found, f"neither steps nor what is to be said of them: {line!r}"
    return numbers_in(found[1]), found[2] or "", found[3].strip()


def numbers_in(steps):
    """The numbers of "00", of "00, 02" and of "00 to 10"."""
    numbers = []
    for part in steps.split(", "):
        first, *last = (int(number) for number in part.split(" to "))
        numbers += range(first, (last or [first])[-1] + 1)
    return numbers


def complaints(text):
    """What is wrong with a page, in words, one for each cell of a kind and a step that is not as it should be."""
    found = []
    for kind, lines in kinds_in(text).items():
        for step in STEPS:
            cells = [(word, rest) for numbers, word, rest in lines if step.number in numbers]
            wrong = complaint(step, cells)
            if wrong:
                found.append(f"{step.number:02} of {kind!r}: {wrong}")
        for numbers, _, _ in lines:
            beyond = [number for number in numbers if number not in {step.number for step in STEPS}]
            if beyond:
                found.append(f"{kind!r}: {beyond} are no steps of this page")
    return found


def complaint(step, cells):
    """What is wrong with what stands there for a kind and this step, None if nothing is."""
    if len(cells) != 1:
        return f"{len(cells)} lines, and not one"
    word, rest = cells[0]
    if word not in WORDS:
        return f"a line begins with one of {', '.join(WORDS)}"
    if not rest:
        return "nothing stands there"
    if word == OPEN:
        return f"open: {rest}"
    if word in (WRONG, CARELESS) and rest not in {row.name for row in rows(step) if row.part == word}:
        return f"{step.name}.md has no answer {rest!r} under {word}"
    return None


def test_each_kind_has_an_answer_or_a_reason_for_each_step():
    text = PAGE.read_text(encoding="utf-8")
    assert kinds_in(text), "the page has no kind"
    found = complaints(text)
    assert not found, "\n".join(found)


# ---- how it is read ------------------------------------------------------------------

REASONS = "## A kind\n\nWhat it does.\n\n- 00 to 02, 04 to 19: never: no call of it\n  can fail.\n"


def test_a_page_without_a_fault_gives_no_complaint():
    assert complaints(REASONS + "- 03: Wrong: before the fork\n") == []
    assert complaints(REASONS + "- 03: Careless: setsid() is not looked at\n") == []
    assert complaints(REASONS + "- 03: never: why\n") == []


@pytest.mark.parametrize(
    "line, says",
    [
        ("", "0 lines, and not one"),
        ("- 03: never: why\n- 03: never: why\n", "2 lines, and not one"),
        ("- 02, 03: never: why\n", "02 of 'A kind': 2 lines, and not one"),
        ("- 03:\n", "a line begins with one of"),
        ("- 03: Never: why\n", "a line begins with one of"),
        ("- 03: Right: slow on the way\n", "a line begins with one of"),
        ("- 03: never:\n", "nothing stands there"),
        ("- 03: Wrong:\n", "nothing stands there"),
        ("- 03: open: an answer\n", "open: an answer"),
        ("- 03: Wrong: no such answer\n", f"{SETSID}.md has no answer 'no such answer' under Wrong"),
        ("- 03: Careless: before the fork\n", "has no answer 'before the fork' under Careless"),
        ("- 03: Wrong: slow on the way\n", "has no answer 'slow on the way' under Wrong"),
        ("- 03, 20: never: why\n", "'A kind': [20] are no steps of this page"),
    ],
)
def test_a_cell_that_is_not_as_it_should_be_is_told(line, says):
    (first, *_) = complaints(REASONS + line)
    assert says in first


@pytest.mark.parametrize("line", ["- 3: never: why", "- none: never: why", "- 03 never: why"])
def test_a_line_that_is_not_understood_is_refused(line):
    with pytest.raises(AssertionError, match="neither steps nor what is to be said of them"):
        kinds_in(f"## A kind\n\n{line}\n")


def test_a_kind_stands_there_once():
    with pytest.raises(AssertionError, match="stands there twice"):
        kinds_in(REASONS + REASONS)
