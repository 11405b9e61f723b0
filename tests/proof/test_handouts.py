"""What the handouts show is what happens, and each has all its parts."""

import re
import shutil

import pytest

from lab.course import START, STEPS, step_called
from lab.handouts import BLOCK, Handouts, paths
from lab.sandbox.server import NoRoot
from lab.toolbox import ROOT, LabError

SECTIONS = [
    "The problem",
    "The call",
    "What changes",
    "Your task",
    "Check it",
    "Usual mistakes",
    "Read on",
]
# The order of the pages that are written anew, for a reader who begins with what can be seen.
SEEN_FIRST = [
    "See it",
    "The idea",
    "Your task",
    "Look for yourself",
    "When the lab says NO",
    "Think about it",
    "Further reading",
]
WRITTEN_ANEW = ("stop", "reload", "notify", "socket_activation", "server", "service")
MAX_COLUMNS = 100


@pytest.fixture(scope="module")
def handouts(sandbox_pad):
    for tool, package in (("ps", "procps"), ("script", "bsdutils")):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (Debian: apt install {package})")
    return Handouts()


def folded(text):
    """With runs of spaces folded: the width of a column of ps differs from version to version."""
    return re.sub(r"[ \t]+", " ", text)


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_what_is_shown_is_what_happens(path, handouts):
    """Every block is run again. If it came out otherwise: tests/run handouts, and read what changed."""
    text = path.read_text(encoding="utf-8")
    try:
        fresh = handouts.fresh(text)
    except NoRoot as reason:
        pytest.skip(str(reason))
    assert folded(fresh) == folded(text)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_all_parts_are_there(step):
    text = (ROOT / step.handout).read_text(encoding="utf-8")
    assert text.startswith(f"# {step.name}: {step.title}\n")
    sections = SEEN_FIRST if step.word in WRITTEN_ANEW else SECTIONS
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == sections
    assert f"make check STEP={step.number:02}" in text
    assert re.search(
        r"^<!-- run( as root)? -->$", text, re.MULTILINE
    ), "a problem that can be seen, with the command to see it"
    assert step == START or re.search(rf"^<!-- tour \w+ {step.name} -->$", text, re.MULTILINE)
    mistakes, after_them = sections[-3:-1] if step.word in WRITTEN_ANEW else sections[-2:]
    table = text[text.index(f"## {mistakes}") : text.index(f"## {after_them}")]
    assert len(re.findall(r"^\| ", table, re.MULTILINE)) > 5
    # What a run printed is as wide as it was, and a row of a table cannot be broken.
    prose = BLOCK.sub("", text).splitlines()
    wide = [line for line in prose if len(line) > MAX_COLUMNS and not line.startswith("|")]
    assert wide == [], f"these lines are wider than {MAX_COLUMNS} columns"


def test_every_directive_is_understood():
    for path in paths():
        text = path.read_text(encoding="utf-8")
        assert len(re.findall(r"^<!-- ", text, re.MULTILINE)) == len(BLOCK.findall(text)), path.name


def test_a_stale_picture_is_drawn_again(handouts):
    stale = f"<!-- picture {step_called('setsid').name} sessions -->\n```text\nit was otherwise\n```\n"
    try:
        fresh = handouts.fresh(stale)
    except NoRoot as reason:
        pytest.skip(str(reason))
    assert "it was otherwise" not in fresh
    assert "session 4, no terminal  NEW" in fresh and "open descriptors" not in fresh, "sessions alone were asked for"


def test_a_picture_has_only_the_parts_that_there_are(handouts):
    with pytest.raises(LabError, match="a picture has no part 'boxes'. It has sessions, parents"):
        handouts.fresh(f"<!-- picture {step_called('setsid').name} boxes -->\n```text\n```\n")
