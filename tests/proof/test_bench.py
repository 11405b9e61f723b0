"""What judges the lab elsewhere, or beside a load, is not fooled itself, and leaves nothing behind."""

import json
import os
import signal
import subprocess

import psutil
import pytest
from conftest import PATIENCE, run_lab, take_signals, wait_for

from lab.course import step_called
from lab.dev import bench_load, distributions
from lab.sandbox.server import Launchpad
from lab.toolbox import ROOT, SOLUTIONS, LabError

SETSID = step_called("setsid")
WORDS = ["bench", "--load", "2", "--step", SETSID.word]


@pytest.fixture
def build(tmp_path):
    """An environment in which what is kept is kept in a folder of its own."""
    return os.environ | {"DAEMON_LAB_BUILD": str(tmp_path / "build")}


def kept(tmp_path):
    """What the bench has kept there, in lines."""
    (path,) = tmp_path.glob("build/bench-load/*.jsonl")
    return path.read_text(encoding="utf-8").splitlines()


def loops_of(process):
    """The endless loops that a process has started."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if child.cmdline() == bench_load.LOOP:
                found.append(child)
        except psutil.NoSuchProcess:
            pass
    return found


# ---- beside a load --------------------------------------------------------------


def test_a_solution_is_judged_and_a_run_is_resumed(build, tmp_path):
    """What is kept is not judged again, even after a line that was cut off."""
    done = run_lab(*WORDS, "--times", "1", env=build)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("1 times judged, 0 false\n")
    (first,) = kept(tmp_path)
    (path,) = tmp_path.glob("build/bench-load/*.jsonl")
    path.write_text(first + f'\n{{"step": "{SETSID.name[:6]}', encoding="utf-8")
    done = run_lab(*WORDS, "--times", "2", "--resume", env=build)
    assert done.returncode == 0 and done.stdout.endswith("2 times judged, 0 false\n")
    assert kept(tmp_path)[0] == first and [json.loads(line)["turn"] for line in kept(tmp_path)] == [0, 1]


def take_ctrl_c():
    """And what these tests start ends when they do, however that comes."""
    take_signals()
    bench_load.end_with_parent()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_the_load_ends_with_the_bench(name, build):
    """However it ends: nobody would find the loops, and they would run for ever."""
    words = ["tests/run", *WORDS, "--times", "1000"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=ROOT, env=build, preexec_fn=take_ctrl_c, **pipes) as run:
        loops = wait_for(lambda: len(found := loops_of(run)) == 2 and found)
        run.send_signal(signal.Signals[name])
        gone, alive = psutil.wait_procs(loops, timeout=PATIENCE)
        for loop in alive:
            loop.kill()
        said = run.communicate(timeout=PATIENCE)[1]
    assert (len(gone), alive) == (2, [])
    assert name == "SIGKILL" or (run.returncode, said.count(b"\n")) == (130, 1), said


@pytest.fixture
def here():
    return bench_load.Here.found_out()


def judge(here, source, folder):
    """What is wrong with an answer to the step setsid with this source: [kind, ...]."""
    (folder / SETSID.file).write_text(source, encoding="utf-8")
    return [kind for kind, _ in bench_load.judge_once(here, SETSID, 0, folder).wrong]


def test_what_is_wrong_is_counted_by_its_kind(here, edited, tmp_path, monkeypatch):
    right = (SOLUTIONS / SETSID.file).read_text(encoding="utf-8")
    assert judge(here, right, tmp_path) == []
    assert set(judge(here, edited("setsid", ("    start_session();\n", "")), tmp_path)) == {bench_load.FAIL}
    monkeypatch.setattr("lab.watch.rest.LIMIT", 0.5)
    busy = "    for (;;) { if (fork() == 0) _exit(0); wait(0); }"
    never = "#include <sys/wait.h>\n" + edited("setsid", ("    for (;;)\n        pause();", busy))
    assert bench_load.TIME_OUT in judge(here, never, tmp_path)


@pytest.mark.parametrize(
    "told, kind",
    [
        ("an answer could not be launched here: fork: Resource temporarily unavailable", bench_load.NOT_LAUNCHED),
        ("a launch did not start within 10 s: is the machine overloaded?", bench_load.TIME_OUT),
    ],
)
def test_what_cannot_be_launched_is_counted(told, kind, here, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise LabError(told)

    monkeypatch.setattr(Launchpad, "job", refuse)
    right = (SOLUTIONS / SETSID.file).read_text(encoding="utf-8")
    assert judge(here, right, tmp_path) == [kind]


def test_a_sandbox_that_is_lost_is_counted(here, tmp_path, monkeypatch):
    """Under way the lab would go on without one, and check less."""
    if not here.sandboxed:
        pytest.skip("no sandbox can be had here")
    monkeypatch.setattr(Launchpad, "is_sandboxed", lambda pad: False)
    right = (SOLUTIONS / SETSID.file).read_text(encoding="utf-8")
    assert judge(here, right, tmp_path) == [bench_load.NOT_LAUNCHED]


@pytest.mark.parametrize("words", [("--load", "-1"), ("--load", "1", "--times", "0"), ("--load", "1", "--step", "99")])
def test_wrong_numbers_are_told_in_one_line(words):
    done = run_lab("bench", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: ") and done.stderr.count("\n") == 1


# ---- on other releases ------------------------------------------------------------


class Fake:
    """In place of an Inside: the lab prints `lines`, and ends with `status`."""

    def __init__(self, user, status, *lines):
        self.environment = distributions.Environment(distributions.RELEASES[0], user, "")
        self.ended = distributions.Ended(status, list(lines), 1.0)

    def run(self, words, limit):
        return self.ended


OLD = "lab: pytest 6.0.2 is too old"
MISSING = "lab: missing: gcc, python3-pytest"
VERDICTS = [
    (distributions._judge_tests, Fake("root", 0, "3 passed"), True),
    (distributions._judge_tests, Fake("root", 1, "1 failed"), False),
    (distributions._judge_tests, Fake("root", None, "..."), False),
    (distributions._judge_chroot, Fake("root", 0, "17 of 17"), True),
    (distributions._judge_chroot, Fake("root", 2, "  ?? a check", "8 of 17"), True),
    (distributions._judge_chroot, Fake("root", 2, "lab: it broke"), False),
    (distributions._judge_chroot, Fake("root", 1, "  ?? a check", "  NO  another"), False),
    (distributions._judge_bare, Fake("nobody", 2, MISSING), True),
    (distributions._judge_bare, Fake("nobody", 2, MISSING, "lab: and more"), False),
    (distributions._judge_bare, Fake("nobody", 2, "lab: missing: python3-pytest"), False),
    (distributions._judge_bare, Fake("nobody", 1, MISSING), False),
    (distributions._judge_bare, Fake("root", 2, "lab: installing python3-pytest", MISSING), True),
    (distributions._judge_bare, Fake("root", 2, "Traceback", MISSING), False),
    (distributions._judge_too_old, Fake("root", 0, "17 of 17"), True),
    (distributions._judge_too_old, Fake("root", 2, OLD), True),
    (distributions._judge_too_old, Fake("root", 2, f"{OLD}. Installing pytest with pip", OLD), True),
    (distributions._judge_too_old, Fake("root", 2, OLD, OLD), False),
    (distributions._judge_too_old, Fake("root", 2, "ERROR: ", OLD), False),
    (distributions._judge_too_old, Fake("root", 1, OLD), False),
    (distributions._judge_too_old, Fake("root", None, OLD), False),
]


@pytest.mark.parametrize("judge, inside, is_right", VERDICTS)
def test_what_comes_of_the_lab_elsewhere_is_judged(judge, inside, is_right):
    said, wrong = judge(inside, False)
    assert said and (wrong == []) == is_right


def test_an_environment_that_is_not_there_is_told_in_one_line():
    done = run_lab("distributions", "--only", "Plan 9")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: there is no environment 'Plan 9'") and done.stderr.count("\n") == 1
