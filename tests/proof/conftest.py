"""What the lab's own tests share: examining a C source as an answer."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401

from lab.answers import Answer
from lab.course import STEPS, step_called
from lab.judge.compiling import Builder
from lab.judge.examination import examiner
from lab.judge.tape import Tape
from lab.sandbox.server import Launchpad
from lab.toolbox import SKELETONS, SOLUTIONS

# Seconds for what takes a fraction of one, or a few: beside thirty busy loops it may take fifty times as long. Only a
# test that fails waits until they are over.
PATIENCE = 300

BLOCK = 20  # tests that are done by one worker, as a rule

# A table is as wide as the terminal, and shorter in a narrow one. Where a test says nothing of it, there is none. Newer
# versions of pytest-xdist tell their workers how wide theirs is.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


MANY = ("test_gallery.py", "test_mutation.py")  # of their tests one in ONE_IN will do, where that is set


def one_in(number, items):
    """The tests without most of those of MANY: one in `number` stays. Then those that have gone."""
    kept, gone, seen = [], [], 0
    for item in items:
        is_one_of_many = item.path.name in MANY and hasattr(item, "callspec")
        seen += is_one_of_many
        (gone if is_one_of_many and seen % number else kept).append(item)
    return kept, gone


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Spread each file's tests evenly over the run, in blocks, and in their order.

    pytest-xdist hands out the tests in their order, and gives each worker a long row of them to begin with. A file of
    slow tests would be one worker's alone, and the others would have nothing left to do while that one goes on. A
    block stays together, because what a file sets up once is set up by each worker that gets a test of it.
    """
    items[:], gone = one_in(int(os.environ.get("ONE_IN", "1")), items)
    if gone:
        config.hook.pytest_deselected(items=gone)
    of_file = {}
    for item in items:
        of_file.setdefault(item.path, []).append(item)
    placed = []
    for number, tests in enumerate(of_file.values()):
        blocks = [tests[start : start + BLOCK] for start in range(0, len(tests), BLOCK)]
        late = number / len(of_file)  # else all files of one block would come at once
        placed += [((count + late) / len(blocks), block) for count, block in enumerate(blocks)]
    placed.sort(key=lambda each: each[0])
    items[:] = [item for _, block in placed for item in block]


def pytest_terminal_summary(terminalreporter):
    """The triangle: its rows come from one test each."""
    reports = (report for each in terminalreporter.stats.values() for report in each)
    rows = {row for report in reports for name, row in getattr(report, "user_properties", ()) if name == "triangle"}
    if rows:
        head = " " * 19 + "  ".join(f"{step.number:02}   " for step in STEPS).rstrip()
        lines = ["checks that each program fails, of those that each step asks for:", head, *sorted(rows)]
        terminalreporter.write_line("\n" + "\n".join(lines))


@pytest.fixture(scope="session", params=["sandbox", "fallback"])
def pad(request):
    """A Launchpad of either kind; without namespaces here, the first is skipped."""
    launchpad = Launchpad(sandbox=request.param == "sandbox")
    if request.param == "sandbox" and not launchpad.is_sandboxed():
        pytest.skip(f"no sandbox can be had here: {launchpad.why_not}")
    return launchpad


@pytest.fixture(scope="session")
def sandbox_pad():
    """A Launchpad with a sandbox, for what needs one."""
    launchpad = Launchpad()
    if not launchpad.is_sandboxed():
        pytest.skip(f"no sandbox can be had here: {launchpad.why_not}")
    return launchpad


@pytest.fixture(scope="session")
def programs():
    """All programs of the course as answers to their own step; each is compiled when a test asks for it."""
    launchpad = Launchpad()
    answers = [Answer(step, folder / step.file) for folder in (SOLUTIONS, SKELETONS) for step in STEPS]
    builder = Builder(launchpad, answers, ahead=False)  # tests run side by side, and none asks for all
    yield builder
    builder.close()


@pytest.fixture(scope="session")
def tape(sandbox_pad):
    """What was seen of known answers in earlier runs, a tape.Tape; None with TAPE=no."""
    return None if os.environ.get("TAPE") == "no" else Tape.of(sandbox_pad)


@pytest.fixture
def examine_known(request, sandbox_pad, tape, tmp_path):
    """The same as examine_in_sandbox, for the gallery: what is on the tape is not launched again.

    Of an answer whose test fails nothing is kept. So a look that went wrong once does not go wrong for ever, and
    what is wrong with the lab is seen in a launch the next time.
    """
    failed_before = request.session.testsfailed
    examinations = []
    with examiner(sandbox_pad, tmp_path, tape) as start:

        def examine(source, step):
            examinations.append(start(source, step))
            return examinations[-1]

        yield examine
        if request.session.testsfailed > failed_before:
            for examination in examinations:
                examination.drop()


@pytest.fixture
def examine(pad, tmp_path):
    """A function: C source text and a step or its word in, an Examination out."""
    with examiner(pad, tmp_path) as start:
        yield start


@pytest.fixture
def examine_in_sandbox(sandbox_pad, tmp_path):
    """The same, in the sandbox only."""
    with examiner(sandbox_pad, tmp_path) as start:
        yield start


@pytest.fixture(scope="session")
def edited():
    """A function: the source of a step's solution, with texts replaced that have to be there."""

    def edit(step, *changes):
        source = (SOLUTIONS / step_called(step).file).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in source, f"{old!r} is not in the solution of {step}"
            source = source.replace(old, new)
        return source

    return edit


def wait_for(condition, limit=PATIENCE):
    """What `condition` gives once it is true; fails after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
    return found


def processes_called(name):
    """The PIDs of all processes of that name, as in /proc/PID/comm."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_bytes() == name.encode() + b"\n":
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def take_signals():
    """For what is about to be executed: nohup, and a shell that runs these tests in the background, ignore some."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def run_lab(*words, cwd=SOLUTIONS.parent, **options):
    """Run tests/run in `cwd`; returns the CompletedProcess, its output as text."""
    usual = {"capture_output": True, "text": True, "timeout": PATIENCE, "stdin": subprocess.DEVNULL, "check": False}
    return subprocess.run(["tests/run", *map(str, words)], cwd=cwd, **usual | options)
