"""The list of steps is read strictly, and says what there is."""

import re

import pytest

from lab.answers import Answer, find_step, fingerprint, ways_to_name_a_step
from lab.course import LIST, STEPS, before, lineage, origin, read, step_called, write
from lab.toolbox import ROOT, SKELETONS, SOLUTIONS, LabError

CHECKS = LIST.parent
GALLERY = ROOT / "tests" / "gallery"
NAME = re.compile(r"(?:step_)?(\d\d_\w+)")


def steps_in(folder, suffix):
    """The names of steps that the entries of a folder with this suffix are called after, "" for folders."""
    found = (NAME.fullmatch(path.stem) for path in folder.iterdir() if path.suffix == suffix)
    return {match[1] for match in found if match}


# ---- the list and the files ----------------------------------------------------------


@pytest.mark.parametrize("folder, suffix", [(SKELETONS, ".c"), (SKELETONS, ".md"), (SOLUTIONS, ".c"), (GALLERY, ".md")])
def test_each_step_of_the_list_has_its_file_and_no_other_has(folder, suffix):
    if not folder.exists():
        pytest.skip(f"there is no {folder.name}/ here")
    assert steps_in(folder, suffix) == {step.name for step in STEPS}


def test_each_step_has_its_checks_in_the_folder_of_its_part():
    for part in {path.parent.name for path in CHECKS.glob("*/__init__.py")}:
        found = steps_in(CHECKS / part, ".py") | steps_in(CHECKS / part, "")
        assert found == {step.name for step in STEPS if step.part == part}, part
    assert all((CHECKS / step.part / "__init__.py").exists() for step in STEPS)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_title_is_that_of_the_head_comments(step):
    paths = [path for path in (SKELETONS / f"{step.name}.c", SOLUTIONS / f"{step.name}.c") if path.parent.exists()]
    for path in paths:
        assert path.read_text(encoding="utf-8").startswith(f"/*\n * {step.name}: {step.title}\n"), path


@pytest.mark.parametrize("step", STEPS[1:], ids=lambda step: step.name)
def test_what_learners_start_from_is_known(step):
    """Else `make check` would take a file that nobody has edited for one that was begun."""
    source = (SKELETONS / step.file).read_bytes()
    skeleton = origin(step).skeleton
    assert bool(skeleton) == (origin(step).given is not None)
    assert skeleton in ("", fingerprint(source)), f"write this fingerprint into {LIST.relative_to(ROOT)}"
    assert Answer(step, SKELETONS / step.file).is_untouched(), "its code is not that of the solution before"


def test_a_step_is_called_by_its_word():
    assert len({step.word for step in STEPS}) == len(STEPS), "two steps have one word"
    assert all(step_called(step.word) == step_called(step.name) == step for step in STEPS)
    for name in ("", "set", str(STEPS[-1].number), "no_such_step"):
        with pytest.raises(LabError, match="names no step"):
            step_called(name)


def test_all_ways_to_name_a_step_that_are_told_name_it():
    ways = re.split(", | or ", ways_to_name_a_step())
    assert len(set(ways)) == 4 and {find_step(way) for way in ways} == {STEPS[1]}


# ---- how it is read --------------------------------------------------------------------

ANY = """# a comment
one
    00_a    the first
        starts from nothing
    01_b    the second

two
    02_c    another: with a colon
        starts from 00_a
    07_d    the last
    08_e    on its own
        starts from nothing
    09_f    of two
        with functions of 07_d
        learners start from code 0123456789abcdef
    10_g    of two others
        starts from 01_b
        with functions of 02_c
"""


HAS_COLUMNS = """\
one
    00_a                    the first
        starts from nothing
    01_b                    the second

two
    02_c                    another: with a colon
        starts from 00_a
    07_d                    the last
    08_e                    on its own
        starts from nothing
    09_f                    of two
        with functions of 07_d
        learners start from code 0123456789abcdef
    10_g                    of two others
        starts from 01_b
        with functions of 02_c
"""


def test_what_a_step_builds_on():
    steps = read(ANY)
    assert [(step.name, step.title, step.part) for step in steps] == [
        ("00_a", "the first", "one"),
        ("01_b", "the second", "one"),
        ("02_c", "another: with a colon", "two"),
        ("07_d", "the last", "two"),
        ("08_e", "on its own", "two"),
        ("09_f", "of two", "two"),
        ("10_g", "of two others", "two"),
    ]
    assert [each.before and each.before.word for each in steps.values()] == [None, "a", "a", "c", None, "e", "b"]
    assert [each.given and each.given.word for each in steps.values()] == [None, None, None, None, None, "d", "c"]
    assert [each.skeleton for each in steps.values()] == ["", "", "", "", "", "0123456789abcdef", ""]
    assert [step.number for step in steps] == [0, 1, 2, 7, 8, 9, 10]


def test_the_list_is_as_it_would_be_written():
    assert write(read(ANY)).partition("\n\n")[2] == HAS_COLUMNS
    text = LIST.read_text(encoding="utf-8")
    assert write(read(text)) == text


def test_a_lineage_goes_back_to_where_it_started():
    for step in STEPS:
        way = lineage(step)
        assert way[-1] == step and before(way[0]) is None
        assert all(before(later) == earlier for earlier, later in zip(way, way[1:]))


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "names no step"),
        ("# nothing but a comment\n", "names no step"),
        ("    00_a    a title\n", "line 1: 00_a is in no part of the course"),
        ("one\n    00_a\n", "line 2: neither a part, nor a step"),
        ("one\n\t00_a    a title\n", "line 2: it holds characters that cannot be printed"),
        ("one\n    00_a    a \udcff title\n", "line 2: it holds characters that cannot be printed"),
        ("one\n  00_a    a title\n", "line 2: neither a part, nor a step"),
        ("one\n    0_a    a title\n", "line 2: neither a part, nor a step"),
        ("one, two\n", "line 1: neither a part, nor a step"),
        ("one\n        starts from nothing\n", "line 2: there is no step above it"),
        ("one\n    00_a    a title\n        starts from 01_b\n", "line 3: there is no step 01_b above it"),
        ("one\n    00_a    a title\n        starts from 00_a\n", "line 3: there is no step 00_a above it"),
        ("one\n    00_a    a title\n        with functions of 01_b\n", "line 3: there is no step 01_b above it"),
        ("one\n    00_a    a title\n        begins anew\n", "line 3: neither a part, nor a step"),
        ("one\n    00_a    a title\n    00_b    another\n", "line 3: 00_b cannot come after 00_a"),
        ("one\n    03_a    a title\ntwo\n    02_b    another\n", "line 4: 02_b cannot come after 03_a"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text, says):
    with pytest.raises(LabError) as caught:
        read(text)
    assert str(caught.value).startswith("tests/lab/checks/course.txt") and says in str(caught.value)


# ---- who knows a step by its number ------------------------------------------------------

# A number stands for a step behind the word "step", where STEPS is indexed beyond its ends, and in front of a step's
# word. So the numbers of attacks are none: they stand in front of other words, which a test below sees to. Where code
# hands a step on, step_called() refuses a number.
NUMBERS = (
    re.compile(r"\bsteps?\b[\s:\"',(]*=?[\s\"',(]*(\d+)(?!\w|\.\d)", re.IGNORECASE),
    re.compile(r"\bSTEPS\[(?:\d*:)?(\d+)"),
    re.compile(rf"(\d+)_(?:{'|'.join(step.word for step in STEPS)})(?![a-z])"),
    re.compile(r"\bstep\)?\.number\b *(?:[<>!=]=?|in) *(\d+)"),
    re.compile(r"\bfind_step\([\"']?(\d+)"),
)
ENDS = ("STEPS[0", "STEPS[1")


def numbers_of_steps(text):
    """What of a text, a line of code, names a step by its number."""
    found = [match for pattern in NUMBERS for match in pattern.finditer(text)]
    numbers = {step.number for step in STEPS}
    return [match[0] for match in found if int(match[1]) in numbers and match[0] not in ENDS]


@pytest.mark.parametrize("folder", ["tests/lab", "tests/proof"])
def test_a_steps_number_stands_only_in_its_files(folder):
    """All else calls it by its word: so a step can be put in between, or be moved."""
    paths = [path for path in (ROOT / folder).rglob("*.*") if path.suffix in (".py", ".c", ".h")]
    found = []
    for path in paths:
        if CHECKS not in path.parents:
            lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            found += [f"{path.name}:{number}: {each}" for number, line in lines for each in numbers_of_steps(line)]
    assert paths and found == []


def test_attacks_are_not_called_like_steps():
    assert [path.name for path in GALLERY.glob("attacks/*") if numbers_of_steps(path.name)] == []


def test_a_number_of_a_step_is_found_and_no_other():
    last = STEPS[-1]
    n, name = last.number, last.name
    for line in (
        f"examine({name!r})",
        f'"--step", "{n}"',
        f"make STEP={n}",
        f"as step {n} does",
        f"from step_{name} import x",
        f"Attack(1, step={n})",
        f"STEPS[{n}]",
        f"STEPS[:{n}]",
        f"if row.step.number >= {n}",
        f"find_step('{n}')",
    ):
        assert len(numbers_of_steps(line)) == 1, line
    for line in (f"Attack({n}, 'name', '{n}_forged_sender.c')", "--step 99", "STEPS[1:]", "STEPS[0]", f"{n} of {n}"):
        assert numbers_of_steps(line) == [], line
