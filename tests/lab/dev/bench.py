"""`make bench`: how long things take, beside a floor that was measured in the same run.

Prints what it finds, and judges nothing: a machine is slower on one day than on
another. What it compares was run in turns, and medians are given.
"""

from __future__ import annotations

import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from lab.answers import Answer, find_step
from lab.checks import expectations, since
from lab.course import STEPS, before, step_called
from lab.dev.bench_load import bench_load, end_with_parent
from lab.dev.bench_service import bench_service
from lab.judge.compiling import FLAGS, Builder
from lab.judge.examination import Examination
from lab.sandbox.server import Launchpad
from lab.toolbox import ROOT, SOLUTIONS, LabError, compiler
from lab.watch import loop
from lab.watch.rest import Settler

ROUNDS = 9
LAUNCHES = 200
VERDICTS = 1000
WORKERS = 2
BUSY_LOOPS = 8
EIGHT = "cd {folder} && ls *.c | xargs -P 2 -I @ {cc} -o @.out @"  # what the compilers alone take of `all eight`
RECIPE = [step for step in STEPS if step.part == "recipe"]  # what the figures are about
SETSID = step_called("setsid")  # the step whose answers are checked alone


def bench():
    """Print all figures; returns the exit status, 1 if a verdict was false."""
    with tempfile.TemporaryDirectory() as folder:
        compare_checks(Path(folder))
    time_launches()
    with tempfile.TemporaryDirectory() as folder:
        bench_service(Path(folder), report)
    return hammer()


def bench_beside(options):
    """Judge the solutions beside a load, as the command's `options` have it; returns the exit status."""
    if options.load < 0 or options.times < 1:
        raise LabError("--load takes a number of loops, 0 or more, and --times a number of times, 1 or more")
    return bench_load(options.load, options.times, options.resume, find_step(options.step) if options.step else None)


def report(what, text):
    """One figure, in one line."""
    print(f"{what:<68}{text}", flush=True)


# ---- a check, beside the least that it could take ----------------------------


def compare_checks(folder):
    """Time `check` on one answer and on all, beside one compilation and an empty pytest run."""
    right, wrong, all_right = (folder / name for name in ("right", "wrong", "all"))
    for path in (right, wrong):
        path.mkdir()
        shutil.copy(SOLUTIONS / SETSID.file, path)
    all_right.mkdir()
    for step in RECIPE:
        shutil.copy(SOLUTIONS / step.file, all_right)
    source = (wrong / SETSID.file).read_text(encoding="utf-8")
    (wrong / SETSID.file).write_text(source.replace("    start_session();\n", ""), encoding="utf-8")
    (folder / "test_empty.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")

    cc = [*compiler(), *FLAGS]
    compile_once = [*cc, "-o", str(folder / "program"), str(right / SETSID.file)]
    empty_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "test_empty.py")]
    check = [str(ROOT / "tests" / "run"), "check", "--answers"]
    commands = {
        "floor": [compile_once, empty_run],
        "check, one right answer": [[*check, str(right), "--step", SETSID.word]],
        "check, one wrong answer": [[*check, str(wrong), "--step", SETSID.word]],
        "check, all eight": [[*check, str(all_right)]],
        "eight compilations alone": [["sh", "-c", EIGHT.format(folder=shlex.quote(str(all_right)), cc=shlex.join(cc))]],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(ROUNDS):
        for path in folder.glob("*/*.c"):  # just edited: what was compiled is of no use
            path.write_text(path.read_text(encoding="utf-8") + f"/* edit {turn} */\n", encoding="utf-8")
        for name, words in commands.items():
            times[name].append(_time(words))
    floor = statistics.median(times["floor"])
    report("floor: one compilation, then pytest on an empty test", f"{floor:.3f} s")
    for name in list(commands)[1:]:
        ratio = statistics.median(t / f for t, f in zip(times[name], times["floor"]))
        report(name, f"{statistics.median(times[name]):.3f} s, {ratio:.2f} times the floor")


def _time(commands):
    start = time.perf_counter()
    for words in commands:
        subprocess.run(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False
        )
    return time.perf_counter() - start


# ---- one launch --------------------------------------------------------------


def time_launches():
    """Time launching, settling and ending, with a sandbox and without."""
    for sandbox in (True, False):
        pad = Launchpad(sandbox)
        if pad.is_sandboxed() != sandbox:
            report("launch, settle, end, in the sandbox", f"not measured: no sandbox, {pad.why_not}")
            continue
        program = _build(pad, SOLUTIONS / SETSID.file)
        times = []
        for _ in range(LAUNCHES):
            start = time.perf_counter()
            with pad.wait_for_start(pad.job(SETSID.name, program)) as launch:
                loop.run(Settler(launch, lambda pid: None).settle())
            times.append((time.perf_counter() - start) * 1000)
        times.sort()
        text = f"median {statistics.median(times):.1f} ms, 95 of 100 within {times[LAUNCHES * 95 // 100]:.1f} ms"
        report(f"launch, settle, end, {'in the sandbox' if sandbox else 'without one'}", text)


def _build(pad, path):
    answer = Answer(SETSID, path)
    return Builder(pad, [answer]).build(answer).program


# ---- verdicts under load -----------------------------------------------------


def hammer():
    """Judge right and wrong answers, some at a time, under load; returns 1 if a verdict was false."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BUSY_LOOPS)]
    start = time.perf_counter()
    try:
        with ProcessPoolExecutor(WORKERS, initializer=end_with_parent) as pool:
            wrong = [line for lines in pool.map(judge_many, [VERDICTS // WORKERS] * WORKERS) for line in lines]
    finally:
        for busy in loops:
            busy.kill()
            busy.wait()
    text = f"{len(wrong)} false, in {time.perf_counter() - start:.0f} s"
    report(f"{VERDICTS} launches, {WORKERS} at a time, beside {BUSY_LOOPS} busy loops", text)
    for line in wrong[:20]:
        print("   ", line)
    return 1 if wrong else 0


def judge_many(count):
    """Judge `count` launches, half of them of a program that misses one step; the false verdicts, in words."""
    pad = Launchpad()
    answers = [Answer(step, SOLUTIONS / step.file) for step in RECIPE]
    builder = Builder(pad, answers)
    wrong = []
    for turn in range(count):
        step = RECIPE[1 + turn // 2 % (len(RECIPE) - 1)]
        program = (before(step) or step) if turn % 2 else step
        examination = Examination(Answer(step, SOLUTIONS / program.file), pad, builder)
        checks = [check for check in expectations(step) if not check.star]
        expected = {check.key for check in checks if since(check, step).number > program.number} - examination.skipped
        if examination.failed != expected:
            wrong.append(f"{program.name} as {step.name}: fails {sorted(examination.failed)}, not {sorted(expected)}")
    return wrong
