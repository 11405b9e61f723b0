"""Each demonstration shows the damage and the cure, and says so only where it was seen."""

import re
import shutil
import signal
import subprocess

import pytest
from conftest import run_lab, take_signals, wait_for
from test_seeing import Terminal, none_is_left

from lab.course import START, STEPS, before, step_called
from lab.demo import show
from lab.demo.acts import Told
from lab.demo.show import DEMOS, conclusion
from lab.toolbox import ROOT, SKELETONS, SOLUTIONS, LabError

RACE = "This time no damage was done, with either program. It is a race: try it again."
SETSID = step_called("setsid")


def shown(step, *words, **options):
    """What `make demo` prints of a step; skipped where it cannot be shown here."""
    done = run_lab("demo", "--step", step.number, *words, **options)
    for reason in ("a demonstration takes a sandbox", "this demonstration is about root"):
        if reason in done.stderr:
            pytest.skip(f"judged in part: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def last_words(text):
    """The last paragraph."""
    return " ".join(text.rstrip().rpartition("\n\n")[2].split())


def test_every_step_has_one():
    assert set(DEMOS) == {step.word for step in STEPS}


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_the_damage_comes_first_and_the_cure_second(step):
    text = shown(step)
    assert text.startswith(f"{step.name}: {step.title}\n")
    earlier = before(step)
    if earlier is None:
        assert "Ctrl-C ended the program. The closed window ended the program." in " ".join(text.split())
        return
    places = [text.index(f"With {each.name}, the program") for each in (earlier, step)]
    assert places == sorted(places)
    allowed = [f"{step.name} has mended it."] + [RACE] * DEMOS[step.word].is_race
    assert last_words(text) in allowed


@pytest.mark.parametrize("step", STEPS[1:], ids=str)
def test_without_the_cure_the_last_sentence_is_another(step):
    """The skeleton does what the program before does, so nothing is mended."""
    text = shown(step, "--answers", SKELETONS)
    assert last_words(text) in [f"{step.name} has not mended it."] + [RACE] * DEMOS[step.word].is_race


def test_without_the_cure_the_start_is_told_otherwise(tmp_path):
    """An answer that survives Ctrl-C and the closed window is not told to have ended."""
    (tmp_path / START.file).write_text(
        "#include <signal.h>\n#include <unistd.h>\n"
        "int main(void) { signal(SIGINT, SIG_IGN); signal(SIGHUP, SIG_IGN); for (;;) pause(); }\n"
    )
    text = " ".join(shown(START, "--answers", tmp_path).split())
    assert "Ctrl-C did not end the program. The closed window did not end the program." in text


@pytest.mark.parametrize(
    "first, second, is_race, words",
    [
        (True, False, False, f"{SETSID.name} has mended it."),
        (True, True, False, f"{SETSID.name} has not mended it."),
        (False, True, False, f"With {SETSID.name} it is worse than before."),
        (False, False, False, "No damage was done, with either program."),
        (False, False, True, RACE),
    ],
)
def test_the_last_sentence_says_what_was_seen(first, second, is_race, words):
    assert conclusion(SETSID, Told(first, ""), Told(second, ""), is_race) == words


def test_a_demonstration_on_a_narrow_terminal():
    terminal = Terminal("demo", "--step", step_called("chdir").word, columns=60, LC_ALL="C")
    printed, status = terminal.end()
    if "takes a sandbox" in printed:
        pytest.skip(f"judged in part: {printed.strip()}")
    assert status == 0 and printed.isascii()
    assert max(map(len, printed.splitlines())) <= 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_nothing_is_left_where_it_is_interrupted(number):
    """It is interrupted while the first program waits for two seconds."""
    with none_is_left(step_called("umask").name):
        words = ["tests/run", "demo", "--step", "fork"]
        process = subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=take_signals,
        )  # fmt: skip
        line = wait_for(process.stdout.readline)
        while line and not line.startswith("With "):
            line = process.stdout.readline()
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode != 0 and "Traceback" not in errors


@pytest.mark.parametrize(
    "words, says",
    [
        ((), f"say which step: make demo STEP={STEPS[1].number}"),
        (("--step", "99"), "there is no step '99'"),
        (("--step", SETSID.word, "--answers", "/nowhere"), f"/nowhere/{SETSID.file} cannot be read"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(words, says):
    done = run_lab("demo", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr and "Traceback" not in done.stdout


def test_a_program_that_does_not_compile(tmp_path):
    shutil.copy(SOLUTIONS / SETSID.file, tmp_path)
    source = tmp_path / SETSID.file
    source.write_text(source.read_text().replace("setsid()", "set_sid()"))
    done = run_lab("demo", "--step", SETSID.word, "--answers", tmp_path)
    says = rf"does not compile: make check STEP={SETSID.number} tells why$"
    assert done.returncode == 2 and re.search(says, done.stderr.strip())


def test_a_missing_tool_is_named(monkeypatch):
    monkeypatch.setitem(show.ENVIRONMENT, "PATH", "/nowhere")
    with pytest.raises(LabError, match="this demonstration needs bash. Debian, Ubuntu: apt install bash"):
        show.demo("3", None)
