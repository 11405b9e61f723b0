"""What those call who work on the lab: the tests of what changed, and a step that is begun."""

import re
import shutil
import subprocess

import pytest
from conftest import PATIENCE, run_lab

from lab.course import STEPS, step_called
from lab.dev import bounds, changed
from lab.dev.changed import FLOORS, imports_of_tests, select
from lab.sandbox.program import launcher
from lab.toolbox import ROOT

UMASK, SETSID, SERVICE = map(step_called, ("umask", "setsid", "service"))
IMPORTS = {"tests/proof/test_a.py": {"lab.report", "lab.report.describe"}, "tests/proof/test_b.py": {"lab.kernel"}}


# ---- the tests of what was changed -------------------------------------------------------


@pytest.mark.parametrize(
    "path, steps, files",
    [
        (f"solutions/{SETSID.file}", {SETSID}, set()),
        (SETSID.handout, {SETSID}, set()),
        (f"tests/gallery/{SETSID.name}.md", {SETSID}, set()),
        (f"tests/lab/checks/{SETSID.part}/step_{SETSID.name}.py", {SETSID}, set()),
        (f"tests/lab/checks/{SERVICE.part}/step_{SERVICE.name}/daemon.py", {SERVICE}, set()),
        ("tests/proof/test_a.py", set(), {"tests/proof/test_a.py"}),
        ("tests/lab/report.py", set(), {"tests/proof/test_a.py", FLOORS}),
        ("tests/lab/kernel/new.py", set(), {FLOORS}),
    ],
)
def test_each_file_has_its_tests(path, steps, files):
    found = select([path], IMPORTS)
    assert (found.steps, found.files, found.untold) == (steps, files, [])


def test_a_file_that_no_test_is_known_to_tell_of_is_named():
    assert select(["Makefile", "steps/99_no_step.c"], IMPORTS).untold == ["Makefile", "steps/99_no_step.c"]


def test_what_test_files_import_is_seen():
    imports = imports_of_tests()
    assert {"lab.dev.changed", "lab.dev.changed.select", "pytest"} <= imports["tests/proof/test_develop.py"]


def test_the_gallery_of_one_step_is_held_against_what_the_lab_says(sandbox_pad):
    """In seconds, for those who write an answer into it."""
    if sandbox_pad.why_no_root():
        pytest.skip(f"judged in part: {sandbox_pad.why_no_root()}")
    done = run_lab("gallery", "--step", UMASK.word)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_git_says_is_read(tmp_path, monkeypatch):
    """Names with odd characters too, and of a file that got another name the one that it has now."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for name in ("kept", "old", "edited"):
        (tmp_path / name).write_text(f"{name} has a text of its own\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["mv", "old", "re named"]):
        subprocess.run([*git, *words], check=True, timeout=PATIENCE)
    (tmp_path / "edited").write_text("changed\n")
    (tmp_path / "new\nline").touch()
    monkeypatch.setattr(changed, "ROOT", tmp_path)
    assert sorted(changed.changed_files()) == ["edited", "new\nline", "re named"]


def test_the_tests_of_a_step_are_run_and_no_others():
    done = run_lab("test", "--step", SETSID.word, "--collect-only", "-q", "-n", "0")
    found = [line for line in done.stdout.splitlines() if "::" in line]
    assert done.returncode == 0 and len(found) > 20, done.stdout + done.stderr
    assert all(re.search(rf"\[.*\b{SETSID.name}\b", line) for line in found)


def test_the_selection_reaches_the_workers_of_xdist():
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    done = run_lab("test", "--step", SETSID.word, "-q", "-n", "2", "-k", "test_a_title or test_functions_are_short")
    assert done.returncode == 0 and re.search(r"^2 passed\b", done.stdout, re.MULTILINE), done.stdout


# ---- what has become long ------------------------------------------------------------------


def test_what_is_long_is_told(tmp_path, monkeypatch):
    """A module, a function, and lines; and nothing of what is just as long as it may be."""
    monkeypatch.setattr(bounds, "ROOT", tmp_path)
    body = "    pass\n"
    path = tmp_path / "module.py"
    path.write_text("def short():\n" + body * (bounds.FUNCTION - 1) + "#" * bounds.LINE + "\n", encoding="utf-8")
    assert list(bounds.alarms([path])) == []
    path.write_text("def long():\n" + body * bounds.FUNCTION + "#" * (bounds.LINE + 1) + "\n" * 260, encoding="utf-8")
    assert list(bounds.alarms([path])) == [
        "module.py has 301 lines",
        "module.py:1: long() has 41 lines",
        "1 lines in 1 files are wider than 100 columns",
    ]


# ---- a step that is begun ------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path):
    """A copy of the whole lab, with a launcher."""
    ignored = shutil.ignore_patterns("build", ".git", ".venv", "__pycache__")
    lab = shutil.copytree(ROOT, tmp_path / "lab", ignore=ignored)
    (lab / "build").mkdir()
    shutil.copy(launcher(), lab / "build")
    return lab


NUMBER = STEPS[-1].number + 1
NEW = f"{NUMBER}_example"


def test_a_step_is_begun(copy):
    """Its program is the one before, its one check fails, and the tests tell what is to be done, and no more."""
    done = run_lab("new", NEW, "--after", SETSID.name, "--title", "an example", cwd=copy)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.count("\n") == 7
    assert f"    {NEW:<23} an example\n        starts from {SETSID.name}\n" in (
        copy / "tests" / "lab" / "checks" / "course.txt"
    ).read_text(encoding="utf-8")
    done = run_lab("check", "--answers", "solutions", "--step", NEW, cwd=copy)
    assert done.returncode == 1 and "TODO: a short statement" in done.stdout, done.stdout + done.stderr
    done = run_lab("check", "--step", NEW, cwd=copy)
    assert done.returncode == 1
    tests = ["tests/proof/test_course.py", "tests/proof/test_floors.py", "tests/proof/test_programs.py"]
    quick = "test_floors or test_course or (test_programs and (todo or short or layout or lesson))"
    done = run_lab("test", *tests, "-k", quick, "-q", "-n", "0", cwd=copy)
    assert done.returncode == 1 and re.findall(r"^FAILED \S+::(\w+)\[(\w+)\]", done.stdout, re.MULTILINE) == [
        ("test_skeleton_is_the_solution_before_and_a_todo", NEW)
    ], done.stdout
    done = run_lab("test", "--step", NEW, "-q", "-n", "0", "-k", "passes_everything", cwd=copy)
    assert done.returncode == 1 and "to_do" in done.stdout


@pytest.mark.parametrize(
    "name, after, says",
    [
        ("Example", SETSID.name, "two digits and a word in lower case"),
        (SETSID.name, "fork", f"there is a step {SETSID.name} already"),
        (f"{NUMBER}_{SETSID.word}", "fork", f"there is a step {SETSID.name} already"),
        (NEW, "no_such_step", "there is no step"),
    ],
)
def test_a_step_that_cannot_be_begun_is_refused_in_one_line(name, after, says):
    done = run_lab("new", name, "--after", after)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1
    assert not list((ROOT / "solutions").glob("*example*"))
