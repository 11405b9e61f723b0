"""The results as data: every report is what tests/REPORT.md says, field by field."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess

import pytest
from conftest import PATIENCE, run_lab

from lab import __version__, deliver
from lab.answers import Answer
from lab.checks import expectations
from lab.course import START, STEPS, step_called
from lab.judge.verdict import FAILED, FOLLOWS, PASSED, SKIPPED, Judged, Result
from lab.report.as_json import CheckRun, record
from lab.toolbox import ROOT, SKELETONS, SOLUTIONS, LabError

DONE, WRONG, BROKEN = 0, 1, 2  # exit statuses
UMASK, FORK, SETSID, CHDIR, CLOSE, SYSLOG = (
    step_called(word) for word in ("umask", "fork", "setsid", "chdir", "close_fds", "syslog")
)

# ---- the page ------------------------------------------------------------------------

PAGE = (ROOT / "tests" / "REPORT.md").read_text(encoding="utf-8")
SIMPLE = {"string": str, "integer": int, "number": (int, float), "boolean": bool}


def tables():
    """{what a section describes, such as "check": {field: its type, in words}}."""
    found = {}
    for title, body in re.findall(r"^## (?:The|A) (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL):
        found[title] = dict(re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", body, re.MULTILINE))
    return found


TABLES = tables()


def wrong_with(value, kind, where):
    """What is wrong with a value that should be of a kind that the page names, as lines."""
    if kind.endswith(" or null"):
        return [] if value is None else wrong_with(value, kind.removesuffix(" or null"), where)
    if kind.startswith("array of "):
        if not isinstance(value, list):
            return [f"{where} is no array"]
        return [line for each in value for line in wrong_with(each, kind.removeprefix("array of "), where)]
    if kind in SIMPLE:
        is_right = isinstance(value, SIMPLE[kind]) and isinstance(value, bool) == (kind == "boolean")
        return [] if is_right else [f"{where} is {value!r}, which is no {kind}"]
    fields = TABLES[kind]
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    lines = [f"{where}.{name} is not on the page" for name in value.keys() - fields.keys()]
    lines += [f"{where}.{name} is missing" for name in fields.keys() - value.keys()]
    for name in fields.keys() & value.keys():
        lines += wrong_with(value[name], fields[name], f"{kind}.{name}")
    return lines


def held_against_the_page(report):
    assert wrong_with(report, "file", "file") == []
    for step in report["steps"]:
        assert f"`{step['state']}`" in PAGE
        for check in step["checks"]:
            assert f"`{check['status']}`" in PAGE and (check["verdict"] is None or f"`{check['verdict']}`" in PAGE)
            assert check["status"] != "failed" or check["verdict"] and check["because"] and check["observed"]


def test_the_page_describes_all_there_is():
    assert list(TABLES) == ["file", "step", "check", "launch", "process"]
    assert [len(fields) for fields in TABLES.values()] == [11, 7, 14, 21, 4], "count a field that is new here"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": "1"}, "file.schema is '1', which is no integer"),
        ({"sandbox": 1}, "file.sandbox is 1, which is no boolean"),
        ({"steps": [{}]}, "step.title is missing"),
        ({"steps": [3]}, "step is no object"),
        ({"notes": "x"}, "file.notes is no array"),
        ({"new": 1}, "file.new is not on the page"),
    ],
)
def test_what_is_not_as_on_the_page_is_seen(change, says):
    lines = wrong_with({**record(a_run()), **change}, "file", "file")
    assert any(says in line.replace("file.steps", "step") for line in lines)


# ---- reports ---------------------------------------------------------------------------


def a_run(*judged, **more):
    usual = {"folder": "steps", "step": None, "not_begun": (), "seconds": {}, "sandbox": True, "notes": (),
             "summary": "", "status": 0, "commit": ""}  # fmt: skip
    return CheckRun(judged=judged, **{**usual, **more})


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
@pytest.mark.parametrize("status", [PASSED, FAILED, FOLLOWS, SKIPPED])
def test_every_check_of_every_step(step, status):
    """However it comes out, with the scene that it is launched in."""
    words = {"verdict": "wrong state", "expected": "a", "observed": "b", "because": "c"} if status == FAILED else {}
    results = tuple(Result(check, status, **words) for check in expectations(step))
    report = record(a_run(Judged(Answer(step, SKELETONS / step.file), results, "abc")))
    held_against_the_page(report)
    (found,) = [each for each in report["steps"] if each["checks"]]
    assert [check["key"] for check in found["checks"]] == [check.key for check in expectations(step)]
    assert json.loads(json.dumps(report)) == report


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an answer of each kind."""
    path = tmp_path_factory.mktemp("alice")
    for step in (UMASK, FORK, SETSID, SYSLOG):
        shutil.copy(SOLUTIONS / step.file, path)
    source = (path / FORK.file).read_text(encoding="utf-8")
    (path / FORK.file).write_text(source.replace("    clear_umask();\n", ""), encoding="utf-8")
    (path / SETSID.file).write_text("int main(void) { return }", encoding="utf-8")
    (path / CHDIR.file).symlink_to(SOLUTIONS / CHDIR.file)
    shutil.copy(SKELETONS / CLOSE.file, path)
    return path


def test_answers_of_every_kind(folder, tmp_path):
    file = tmp_path / "report.json"
    done = run_lab("check", "--answers", folder, "--no-sandbox", "--json", file)
    report = json.loads(file.read_text(encoding="utf-8"))
    held_against_the_page(report)
    states = {step["step"]: step["state"] for step in report["steps"]}
    assert states == {step.name: "missing" for step in STEPS if step != START} | {
        UMASK.name: "done",
        FORK.name: "wrong",
        SETSID.name: "wrong",
        CHDIR.name: "refused",
        CLOSE.name: "not_begun",
        SYSLOG.name: "unchecked",
    }
    assert (report["student"], report["sandbox"], report["status"]) == (folder.name, False, done.returncode == WRONG)
    assert (report["done"], report["assigned"]) == (1, len(STEPS) - 1)
    assert report["version"] == __version__
    assert done.stdout.splitlines()[0] == report["notes"][0] and done.stdout.endswith(f"\n{report['summary']}\n")
    steps = {step["step"]: step for step in report["steps"]}
    digest = hashlib.sha256((folder / FORK.file).read_bytes()).hexdigest()
    assert steps[FORK.name]["sha256"] == digest and steps[CHDIR.name]["sha256"] is None
    (umask,) = [check for check in steps[FORK.name]["checks"] if check["status"] == "failed"]
    assert (umask["key"], umask["from"], umask["verdict"]) == ("umask_is_zero", UMASK.name[:2], "wrong state")
    assert umask["launch"]["stdio"] == "terminal" and umask["processes"][0]["call"] in ("pause", "ppoll")
    (compiles,) = [check for check in steps[SETSID.name]["checks"] if check["status"] == "failed"]
    assert compiles["observed"].startswith(f"{folder}/{SETSID.file}:") and compiles["launch"] is None


def test_a_single_step_on_standard_output():
    """Nothing else goes there."""
    done = run_lab("check", "--answers", "solutions", "--step", "chdir", "--json", "-")
    assert (done.returncode, done.stderr) == (DONE, "")
    report = json.loads(done.stdout)
    held_against_the_page(report)
    assert [step["step"] for step in report["steps"]] == [CHDIR.name]
    (bonus,) = [check for check in report["steps"][0]["checks"] if check["bonus"]]
    assert bonus["launch"]["fault"] == "chdir-EACCES" and "chdir() fails with EACCES" in bonus["launch"]["in_words"]


# ---- the file --------------------------------------------------------------------------


def test_the_file_is_in_place_as_a_whole(tmp_path):
    """What was there before is replaced, a link stays one, and nothing is left beside it."""
    file, link = tmp_path / "report.json", tmp_path / "link"
    file.write_text("an older one")
    link.symlink_to("report.json")
    deliver.look_at_place(str(link))
    deliver.deliver("new\n", str(link))
    assert (file.read_text(), link.is_symlink()) == ("new\n", True)
    assert sorted(os.listdir(tmp_path)) == ["link", "report.json"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("file", ["/nowhere/at/all", "/dev/null", "/", "tests"])
def test_where_it_cannot_be_written_that_is_told_before_anything_is_checked(file):
    done = run_lab("check", "--step", "setsid", "--json", file)
    assert (done.returncode, done.stdout) == (BROKEN, "")
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"lab: cannot write {file}: ")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_disk_that_is_full_is_told_of_and_leaves_the_older_file(tmp_path, monkeypatch):
    file = tmp_path / "report.json"
    file.write_text("an older one")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(LabError, match="cannot write .*: No space left on device"):
        deliver.deliver("new\n", str(file))
    assert (file.read_text(), os.listdir(tmp_path)) == ("an older one", ["report.json"])


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_takes_it_too(tmp_path):
    file = tmp_path / "a b$(x).json"
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    words = ["make", "-s", "check", "STEP=umask", "ANSWERS=solutions", f"JSON={file}"]
    done = subprocess.run(words, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == DONE, done.stderr
    assert json.loads(file.read_text())["steps"][0]["state"] == "done"
