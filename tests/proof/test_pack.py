"""What is handed out to students works where they unpack it, and gives no solution away."""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from arena import Arena
from conftest import PATIENCE, run_lab, take_signals
from test_floors import FLOORS

from lab.course import LIST, START, STEPS, read, step_called
from lab.dev.gallery import CARELESS, PARTS
from lab.dev.gallery import read as read_page
from lab.dev.keep import Found, brought_up_to_date
from lab.dev.pack import TOP
from lab.toolbox import ROOT, SKELETONS, SOLUTIONS, printable

PASSED, WRONG, BROKEN = 0, 1, 2
FIRST, SETSID, LAST = (step_called(word) for word in ("umask", "setsid", "sighup"))
SECOND = STEPS[STEPS.index(FIRST) + 1]
HANDED_OUT = STEPS[: STEPS.index(LAST) + 1]
RANGE = f"{FIRST.number}-{LAST.number}"
TO_DO = len(HANDED_OUT) - 1


def packed(folder, lab, steps=RANGE, **options):
    """Pack these steps of a lab into a folder; returns the CompletedProcess."""
    return run_lab("pack", "student", "--steps", steps, "--to", folder, cwd=lab, **options)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The lab as it is now, changes that are not committed included, and without git."""
    return duplicate(ROOT, tmp_path_factory.mktemp("plain") / "lab")


def duplicate(lab, folder):
    """All that a lab needs, once more."""
    ignored = shutil.ignore_patterns("build", ".git", ".venv", "__pycache__", "gallery", "proof")
    return shutil.copytree(lab, folder, ignore=ignored)


@pytest.fixture(scope="module")
def copy(plain, tmp_path_factory):
    """A copy with the first steps, in which nobody has done anything but what these tests do."""
    folder = tmp_path_factory.mktemp("packs") / "a copy"
    done = packed(folder, plain)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (PASSED, "", 1)
    return folder


def as_a_new_user(folder, *words):
    """Run a command there, with nothing of these tests in the environment."""
    ours = ("DAEMON_LAB_", "PYTEST_", "PYTHON", "MAKE", "MFLAGS", "STEP", "ANSWERS", "SANDBOX")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return subprocess.run(
        words, cwd=folder, env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip


def make(folder, *words):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return as_a_new_user(folder, "make", "-s", *words)


def in_one_line(done):
    """Whether it could not be done, and one line says why; make has a line of its own to say so."""
    told = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
    return (done.returncode, done.stdout, len(told)) == (BROKEN, "", 1) and told[0].startswith("lab: ")


# ---- what is in it ---------------------------------------------------------------------


def test_a_copy_holds_what_learners_need_and_no_more(copy):
    files = {name for step in HANDED_OUT for name in (step.file, f"{step.name}.md")}
    # These tests may have made build/ meanwhile.
    assert {path.name for path in copy.iterdir()} - {"build"} == {"steps", "tests", *TOP}
    assert {path.name for path in (copy / "steps").iterdir()} == files
    everything = {path.name for path in (ROOT / "tests").iterdir() if not path.name.startswith((".", "__"))}
    assert {path.name for path in (copy / "tests").iterdir()} == everything - {"proof", "gallery"}
    assert set(read((copy / LIST.relative_to(ROOT)).read_text(encoding="utf-8"))) == set(HANDED_OUT)


def test_a_copy_holds_no_solution(copy):
    """But for the program that all start from."""
    secrets = {path.read_bytes() for path in SOLUTIONS.iterdir() if path.name != START.file}
    files = [path for path in copy.rglob("*") if path.is_file() and "build" not in path.parts]
    assert files and not [path for path in files if path.read_bytes() in secrets]


def test_all_files_at_the_top_are_handed_out():
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no clone, or git is not installed")
    done = as_a_new_user(ROOT, "git", "-c", "safe.directory=*", "ls-files")
    assert {name for name in done.stdout.splitlines() if "/" not in name} == set(TOP)


# ---- what is written there ---------------------------------------------------------------


def test_the_floors_are_told_in_their_order(copy):
    """In the README and in the package itself: from the ground up, those of one floor in one line."""
    floors = [set(rooms) for rooms in FLOORS if "__main__" not in rooms and "start" not in rooms]
    table = (copy / "README.md").read_text(encoding="utf-8").partition("| floor |")[2].partition("\n\n")[0]
    assert [rooms_in(row[1]) for row in re.finditer(r"^\| (`.*?) \|", table, re.MULTILINE)] == floors
    house = (copy / "tests" / "lab" / "__init__.py").read_text(encoding="utf-8")
    assert [rooms_in(row[1]) for row in re.finditer(r"^    (\S.*?)  ", house, re.MULTILINE)] == floors


def rooms_in(text):
    """The folders and modules that a line names, as FLOORS has them."""
    return {name.rstrip("/").replace("/", ".") for name in re.findall(r"[\w/]+", text)}


def test_the_readme_names_what_make_can_do(copy):
    targets = re.search(r"^\.PHONY: (.*)", (copy / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    named = re.findall(r"`make ([a-z]+)", (copy / "README.md").read_text(encoding="utf-8"))
    assert set(named) == set(targets) - {"help", "clean"}


def test_the_readme_says_what_a_row_of_the_gallery_needs(copy):
    """What is not below the heading of a part, or has no block, is refused; the rest is filled in, but for `misses`."""
    readme = " ".join((copy / "README.md").read_text(encoding="utf-8").partition("## How to add a step")[2].split())
    parts = ", ".join(f"`## {part}`" for part in PARTS[:-1])
    assert f"{parts} or `## {PARTS[-1]}`" in readme and "`misses`" in readme
    for part in PARTS:
        (row,) = read_page(START, f"## {part}\n\n### a name\n\n```diff\n-x\n```\n")
        seen = Found(("a",), ("b",), frozenset(), ["words"])
        filled = brought_up_to_date(row, seen, "fails")
        assert (filled.fails, filled.misses, filled.told) == (("a",), (), ["words"])
    (row,) = read_page(START, f"## {CARELESS}\n\n### a name\n\n- misses: `c`\n\n```c\nx\n```\n")
    assert brought_up_to_date(row, seen, "fails").misses == ("b",)


# ---- how it works -------------------------------------------------------------------------


def test_a_fresh_copy_can_be_checked(copy):
    done = as_a_new_user(copy, "tests/run", "check")
    assert (done.returncode, done.stderr) == (WRONG, ""), done.stdout
    assert f"\n{SECOND.name} to {LAST.name}: not begun\n" in done.stdout
    assert done.stdout.endswith(f"0 of {TO_DO} steps done. Next: {FIRST.name}\n")
    assert STEPS[-1].name not in done.stdout


def test_make_works_there(copy):
    done = make(copy, "check", f"STEP={SETSID.number}")
    assert done.returncode == BROKEN and f"\n{SETSID.name} is not done yet: " in done.stdout, done.stderr
    done = make(copy, "build")
    assert (done.returncode, done.stderr) == (PASSED, "")
    assert done.stdout == f"{len(HANDED_OUT)} of {len(HANDED_OUT)} programs compiled into build/.\n"
    assert in_one_line(done := make(copy, "check", f"STEP={STEPS[-1].number}")) and STEPS[-1].name not in done.stderr
    assert in_one_line(make(copy, "test"))


def test_a_tour_needs_answers_there(copy):
    done = make(copy, "tour")
    assert in_one_line(done) and "there are no solutions here" in done.stderr
    done = make(copy, "tour", "ANSWERS=steps")
    assert (done.returncode, done.stderr) == (PASSED, "")
    rows = [line.split()[0] for line in done.stdout.splitlines() if line[:3].strip().isdigit()]
    assert rows == [step.name for step in HANDED_OUT]


@pytest.mark.parametrize("command", ["handouts", "gallery", "mutants", "matrix", "verdicts", "bench", "distributions"])
def test_what_needs_solutions_says_so_there(command, copy):
    done = as_a_new_user(copy, "tests/run", command)
    assert in_one_line(done) and f"there are no solutions here, and tests/run {command} needs them" in done.stderr


def test_all_is_done_when_all_steps_of_the_copy_are(copy, tmp_path):
    """And not where one of them is missing."""
    folder = shutil.copytree(copy, tmp_path / "copy")
    for step in HANDED_OUT:
        shutil.copy(SOLUTIONS / step.file, folder / "steps")
    done = as_a_new_user(folder, "tests/run", "check")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (PASSED, f"{TO_DO} of {TO_DO} steps done. That is all.")
    (folder / "steps" / SETSID.file).unlink()
    done = as_a_new_user(folder, "tests/run", "check")
    assert done.stdout.endswith(f"steps that are in this folder are done. Not handed in: {SETSID.name}.\n")


def test_what_was_begun_is_looked_at(copy, tmp_path):
    """Though there is no solution to compare it with, and the step before is not done."""
    folder = shutil.copytree(copy, tmp_path / "copy")
    shutil.copy(SOLUTIONS / SETSID.file, folder / "steps")
    done = as_a_new_user(folder, "tests/run", "check")
    assert f"\n{SETSID.name}: " in done.stdout and "SID = PGID = PID" in done.stdout
    assert re.search(rf"^{SECOND.name}, .* to {LAST.name}: not begun$", done.stdout, re.MULTILINE)


def test_steps_that_start_anew_can_be_handed_out_alone(plain, tmp_path):
    steps = [step_called("notify"), step_called("socket_activation")]
    assert packed(tmp_path / "copy", plain, f"{steps[0].number}-{steps[1].number}").returncode == PASSED
    folder = tmp_path / "answers"
    folder.mkdir()
    for step in steps:
        shutil.copy(SOLUTIONS / step.file, folder)
    done = as_a_new_user(tmp_path / "copy", "tests/run", "check", "--answers", str(folder))
    assert "2 of 2 steps done. That is all.\n" in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="whoever runs these tests is an ordinary user already")
def test_an_ordinary_user_can_work_with_it(copy):
    with Arena() as arena:
        arena.become_nobody()
        arena.lab = shutil.copytree(copy, arena.path / "copy", ignore=shutil.ignore_patterns("build"))
        for path in (arena.lab, *arena.lab.rglob("*")):
            os.chown(path, 65534, 65534)
        done = arena.run([*arena.identity, "sh", "tests/run", "check", "--step", SETSID.word])
        assert (done.returncode, done.stderr) == (WRONG, "")
        assert f"\n{SETSID.name} is not done yet: " in done.stdout
        arena.await_nothing_left()


# ---- what is refused ------------------------------------------------------------------------

WRONG_RANGES = {
    "backwards": f"{LAST.number}-{FIRST.number}",
    "no number": "x",
    "one number": f"{FIRST.number}",
    "too far": f"{FIRST.number}-99",
    "nothing to do": f"{START.number}-{START.number}",
    "an option": "-1",
    "without what it builds on": f"{LAST.number}-{STEPS[-1].number}",
    "without what it puts together": f"{STEPS[-1].number}-{STEPS[-1].number}",
}


@pytest.mark.parametrize("why", WRONG_RANGES)
def test_a_wrong_range_is_told_in_one_line(why, plain, tmp_path):
    done = packed(tmp_path / "copy", plain, WRONG_RANGES[why])
    assert in_one_line(done), done.stderr
    assert not (tmp_path / "copy").exists()


def test_a_folder_that_is_there_is_left_alone(plain, tmp_path):
    """A link to nowhere too."""
    folder = tmp_path / "build" / "student"
    environment = os.environ | {"DAEMON_LAB_BUILD": str(tmp_path / "build")}
    words = ("pack", "student", "--steps", RANGE)
    assert run_lab(*words, cwd=plain, env=environment).returncode == PASSED and (folder / "Makefile").exists()
    (folder / "steps" / SETSID.file).write_text("my work")
    done = run_lab(*words, cwd=plain, env=environment)
    assert in_one_line(done) and f"{folder} is there already" in done.stderr
    assert (folder / "steps" / SETSID.file).read_text() == "my work"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert in_one_line(packed(tmp_path / "link", plain))
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_in_what_is_copied_is_refused(plain):
    assert in_one_line(packed(plain / "tests" / "copy", plain))
    assert not (plain / "tests" / "copy").exists()


def test_a_teachers_own_answer_is_not_handed_out(plain, tmp_path):
    lab = duplicate(plain, tmp_path / "lab")
    shutil.copy(SOLUTIONS / SETSID.file, lab / "steps")
    done = packed(tmp_path / "copy", lab)
    assert in_one_line(done) and f"steps/{SETSID.file} is not what learners start from" in done.stderr
    assert not (tmp_path / "copy").exists()
    shutil.copy(SKELETONS / SETSID.file, lab / "steps")
    assert packed(tmp_path / "copy", lab).returncode == PASSED


def git(lab, *words):
    mine = ("-c", "user.name=me", "-c", "user.email=me@localhost", "-c", "commit.gpgsign=false")
    done = as_a_new_user(lab, "git", *mine, *words)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def committed(plain, tmp_path_factory):
    """The lab as it is now, with all of it committed."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    lab = duplicate(plain, tmp_path_factory.mktemp("committed") / "lab")
    git(lab, "init", "-q")
    git(lab, "add", "-A")
    git(lab, "commit", "-q", "-m", "all")
    return lab


def add_comment(path):
    path.write_text(path.read_text() + "/* the answer: umask(0); */\n")


CHANGES = {
    "a comment in a step": (f"steps/{FIRST.file}", add_comment),
    "the program that all start from": (f"steps/{START.file}", add_comment),
    "a handout": (FIRST.handout, add_comment),
    "a file at the top": ("Makefile", add_comment),
    "a file of the lab": ("tests/lab/smallest.c", add_comment),
    "a solution among the tests": ("tests/lab/mine.c", lambda path: shutil.copy(SOLUTIONS / FIRST.file, path)),
    "a link to a solution": ("tests/lab/mine.c", lambda path: path.symlink_to(SOLUTIONS / FIRST.file)),
    "a name that is no text": ("tests/lab/a\nb", Path.touch),
    "a file that is gone": ("LICENSE", Path.unlink),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_not_committed_is_not_handed_out(what, committed, tmp_path):
    lab = shutil.copytree(committed, tmp_path / "lab")
    name, change = CHANGES[what]
    change(lab / name)
    done = packed(tmp_path / "copy", lab)
    assert in_one_line(done) and "only what is committed" in done.stderr, done.stderr
    assert done.stderr.endswith(f": {printable(name)}\n")
    assert not (tmp_path / "copy").exists()


def test_of_many_changes_some_are_named(committed, tmp_path):
    lab = shutil.copytree(committed, tmp_path / "lab")
    for number in range(5):
        (lab / "tests" / f"{number}.c").touch()
    done = packed(tmp_path / "copy", lab)
    assert in_one_line(done) and done.stderr.endswith(": tests/0.c, tests/1.c, tests/2.c and 2 more\n")


def test_what_git_ignores_is_not_handed_out_either(committed, tmp_path):
    """But it does not keep the rest from that, and neither do files in other places."""
    lab = shutil.copytree(committed, tmp_path / "lab")
    (lab / ".git" / "info" / "exclude").write_text("*.mine\n")
    shutil.copy(SOLUTIONS / FIRST.file, lab / "tests" / "lab" / "answer.mine")
    (lab / "notes").touch()
    done = packed(tmp_path / "copy", lab)
    assert (done.returncode, done.stderr) == (PASSED, "")
    assert (tmp_path / "copy" / "tests" / "lab" / "smallest.c").exists()
    assert not list((tmp_path / "copy").rglob("*.mine")) and not (tmp_path / "copy" / "notes").exists()


def test_an_answer_that_is_committed_is_not_handed_out(committed, tmp_path):
    lab = shutil.copytree(committed, tmp_path / "lab")
    shutil.copy(SOLUTIONS / SETSID.file, lab / "steps")
    git(lab, "commit", "-q", "-a", "-m", "mine")
    done = packed(tmp_path / "copy", lab)
    assert in_one_line(done) and f"steps/{SETSID.file} is not what learners start from" in done.stderr


LINKS = {
    "a file": ("tests/lab/smallest.c", f"solutions/{FIRST.file}"),
    "a folder": ("tests/lab/judge", "solutions"),
    "one more": ("tests/lab/mine", "solutions"),
    "a step": (f"steps/{FIRST.file}", f"solutions/{FIRST.file}"),
    "the steps": ("steps", "solutions"),
    "at the top": ("LICENSE", f"solutions/{FIRST.file}"),
}


@pytest.mark.parametrize("what", LINKS)
@pytest.mark.parametrize("kept", ["plain", "committed"])
def test_no_link_is_followed(what, kept, tmp_path, request):
    """Committed or not."""
    lab = shutil.copytree(request.getfixturevalue(kept), tmp_path / "lab")
    name, to = LINKS[what]
    if (lab / name).exists():
        (lab / name).rename(lab / "moved away")
    (lab / name).symlink_to(lab / to)
    if kept == "committed":
        git(lab, "add", "-A")
        git(lab, "commit", "-q", "-m", "a link")
    done = packed(tmp_path / "copy", lab)
    assert in_one_line(done) and f"lab: {name} is a symbolic link." in done.stderr, done.stderr
    assert not (tmp_path / "copy").exists()


# ---- what comes between ----------------------------------------------------------------------

# Packs in a Python of its own, in which something happens when the file with this number is copied.
PACK = """
import os, shutil, signal, sys
from pathlib import Path
from lab.dev import pack

def copy(source, *rest, number=iter(range(1000)), copy=shutil.copy, **options):
    if next(number) == 9:
        {happens}
    return copy(source, *rest, **options)

folder = Path(sys.argv[1])
shutil.copy = copy
try:
    pack.student("{steps}", str(folder))
except pack.LabError as error:
    sys.exit("lab: " + str(error))
"""


def packed_where(happens, lab, folder):
    """Pack into a folder where that happens meanwhile; returns the CompletedProcess."""
    script = PACK.format(happens=happens, steps=RANGE)
    environment = os.environ | {"PYTHONPATH": str(lab / "tests")}
    return subprocess.run(
        [sys.executable, "-c", script, folder], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=PATIENCE, check=False, preexec_fn=take_signals,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_one_that_is_ended_leaves_nothing(name, plain, tmp_path):
    """A second signal, while it tidies up, changes nothing."""
    kill = f"os.kill(os.getpid(), signal.{name})"
    again = f"rmtree = shutil.rmtree; shutil.rmtree = lambda *words, **options: ({kill}, rmtree(*words, **options))"
    done = packed_where(f"{again}; {kill}", plain, tmp_path / "copy")
    assert done.returncode not in (PASSED, BROKEN) and done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_one_that_fails_leaves_nothing(plain, tmp_path):
    done = packed_where("raise OSError(28, 'No space left on device')", plain, tmp_path / "copy")
    assert "No space left on device" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_does_not_end_it(plain, tmp_path):
    ignored = "signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    script = PACK.format(happens="os.kill(os.getpid(), signal.SIGHUP)", steps=RANGE)
    script = script.replace("folder = ", f"{ignored}folder = ")
    environment = os.environ | {"PYTHONPATH": str(plain / "tests")}
    subprocess.run([sys.executable, "-c", script, tmp_path / "copy"], env=environment, timeout=PATIENCE, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_nobody_sees_half_a_copy(plain, tmp_path):
    done = packed_where("print(folder.exists())", plain, tmp_path / "copy")
    assert done.returncode == PASSED and done.stdout.startswith("False\n"), done.stderr


def test_who_comes_second_is_refused_in_one_line(plain, tmp_path):
    """And does no harm to the folder that has appeared meanwhile."""
    done = packed_where("folder.mkdir(); (folder / 'mine').touch()", plain, tmp_path / "copy")
    assert done.stderr == f"lab: {tmp_path / 'copy'} is there already. Remove it, or name another folder: --to DIR\n"
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*")] == [Path("copy"), Path("copy/mine")]


def test_of_some_at_once_one_makes_the_copy(plain, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        every = list(pool.map(lambda _: packed(tmp_path / "copy", plain), range(3)))
    assert sorted(done.returncode for done in every) == [PASSED, BROKEN, BROKEN]
    assert all(in_one_line(done) for done in every if done.returncode), [done.stderr for done in every]
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"steps", "tests", *TOP}
