"""`tests/run bench --load N`: whether right answers pass on a machine that is busy with other things.

A load of 30 means 30 endless loops at nice 0, beside which each solution is
compiled, launched in all its scenes and judged, as `make check` does it, so many
times. A machine that is slow may make the lab slow. It must not make it wrong.

What was judged is kept in a file below build/, a line for each time. A run that
was interrupted goes on from there with --resume.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from lab.answers import Answer
from lab.checks.check import NEVER_SETTLED
from lab.course import STEPS
from lab.judge.examination import Workshop
from lab.judge.verdict import SKIPPED
from lab.sandbox.server import Launchpad
from lab.toolbox import BUILD, ROOT, SOLUTIONS, LabError

LOOP = ["sh", "-c", "while :; do :; done"]
PR_SET_PDEATHSIG = 1  # sys/prctl.h

FAIL, TIME_OUT, NOT_LAUNCHED, NOT_CHECKED = "FAIL", "time-out", "could not be launched", "could not be checked"
KINDS = (FAIL, TIME_OUT, NOT_LAUNCHED, NOT_CHECKED)

# What the lab says where a limit in seconds ran out.
RAN_OUT = re.compile(r"within [\d.]+ s\b")

# What cannot be checked on this machine at any load.
MACHINE = re.compile(r"there is no IPv6 here|localhost is not both 127\.0\.0\.1 and ::1 here.*")


@dataclass
class Turn:
    """One time that a solution was judged."""

    step: str
    turn: int
    seconds: float
    wrong: list = field(default_factory=list)  # of [one of KINDS, what was seen, in one line]


def bench_load(load, times, resume=False, only=None):
    """Judge each solution `times` times beside `load` loops, or that of the step `only` alone.

    Prints a line for each solution. Returns the exit status: 1 if a right answer
    did not pass at some time, else 0. Raises LabError where nothing can be judged.
    """
    steps = [only] if only else STEPS
    record = Record(load, resume)
    here = Here.found_out()
    wrong = judged = 0
    print(f"{'beside ' + str(load) + ' loops':<22}{'times':>6}{_columns(KINDS)}   slowest", flush=True)
    with sigterm_as_ctrl_c(), loops(load):
        for step in steps:
            for turn in range(times):
                if (step.name, turn) not in record.known:
                    record.add(judge_once(here, step, turn))
            rows = [record.known[step.name, turn] for turn in range(times)]
            counts = [sum(kind == each for row in rows for each, _ in row.wrong) for kind in KINDS]
            slowest = max((row.seconds for row in rows), default=0.0)
            print(f"{step.name:<22}{len(rows):>6}{_columns(counts)}{slowest:>8.1f} s", flush=True)
            for row in rows:
                for kind, text in row.wrong:
                    print(f"    time {row.turn + 1}, after {row.seconds:.1f} s: {kind}: {text}", flush=True)
            judged += len(rows)
            wrong += sum(bool(row.wrong) for row in rows)
    print(f"{judged} times judged, {wrong} false", flush=True)
    return 1 if wrong else 0


def _columns(values):
    return "".join(f"  {value:>{len(kind)}}" for kind, value in zip(KINDS, values))


# ---- the load ------------------------------------------------------------------


@contextmanager
def loops(count):
    """So many endless loops, for as long as the context lasts; they end with this process, however it ends.

    Each has a session of its own. The kernel shares the processors out among
    sessions first, where it does so at all: sched(7), autogroup.
    """
    started = []
    try:
        for _ in range(count):
            started.append(subprocess.Popen(LOOP, start_new_session=True, preexec_fn=end_with_parent))
        yield [loop.pid for loop in started]
    finally:
        for loop in started:
            loop.kill()
        for loop in started:
            loop.wait()


def end_with_parent():
    """For what is about to be executed: it is ended when the process that started it ends, however that comes."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def sigterm_as_ctrl_c():
    """SIGTERM ends the run as Ctrl-C does: what was started is ended, what was judged is kept.

    timeout(1) sends it twice. The second must not interrupt what is cleaned up after the first.
    """

    def stop(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# ---- one time --------------------------------------------------------------------


@dataclass(frozen=True)
class Here:
    """What can be had on this machine while nothing else runs."""

    sandboxed: bool
    why_no_root: str  # why nothing can be launched as root of a sandbox, "" if it can

    @classmethod
    def found_out(cls):
        """Try it. Raises LabError where nothing can be launched at all."""
        pad = Launchpad()
        return cls(pad.is_sandboxed(), pad.why_no_root())


def judge_once(here, step, turn, folder=SOLUTIONS):
    """Compile and judge the answer to a step in `folder`, in all its scenes, bonus checks too; a Turn."""
    start = time.perf_counter()
    wrong = []
    try:
        answer = Answer(step, folder / step.file)
        shop = Workshop([answer])
        try:
            results = shop.examinations[answer].results()
            wrong = [found for result in results if (found := _wrong(here, result))]
            if shop.pad.is_sandboxed() != here.sandboxed:
                wrong.append([NOT_LAUNCHED, f"there was a sandbox before, and now: {shop.pad.why_not}"])
        finally:
            shop.close()
    except (LabError, OSError) as error:
        wrong.append([TIME_OUT if RAN_OUT.search(str(error)) else NOT_LAUNCHED, _one_line(error)])
    return Turn(step.name, turn, time.perf_counter() - start, wrong)


def _wrong(here, result):
    """[one of KINDS, what was seen] of a Result that a right answer should not have; None if it should."""
    told = f"{result.check.key}: expected {result.expected}; observed {result.observed}; because {result.because}"
    if result.failed:
        ran_out = result.verdict == NEVER_SETTLED or RAN_OUT.search(result.observed)
        return [TIME_OUT if ran_out else FAIL, _one_line(told)]
    if result.status != SKIPPED or _is_machines_fault(here, result):
        return None
    return [NOT_CHECKED, _one_line(f"{result.check.key}: {result.because}")]


def _is_machines_fault(here, result):
    """Whether a check could not be made on this machine at any load."""
    no_root = result.check.scene.root and here.why_no_root
    return not here.sandboxed or no_root or MACHINE.fullmatch(result.because)


def _one_line(text):
    return " ".join(str(text).split())


# ---- what is kept ------------------------------------------------------------------


def digest():
    """A name for the lab as it is now: another one whenever a file changes that a verdict depends on."""
    sums = hashlib.sha256()
    for folder in ("tests/lab", "solutions"):
        for path in sorted((ROOT / folder).rglob("*.[chp]*")):
            if path.suffix in (".c", ".h", ".py"):
                sums.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return sums.hexdigest()[:12]


class Record:
    """What was judged already, of this lab beside this load: `known` is {(step's name, turn): Turn}."""

    def __init__(self, load, resume):
        self.path = BUILD / "bench-load" / f"{digest()}-{load}.jsonl"
        self.known: dict[tuple[str, int], Turn] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if resume and self.path.exists():
                self._read()
            self._write("w", self.known.values())
        except OSError as error:
            raise LabError(
                f"cannot write to {self.path.parent}: {error.strerror}. "
                "Work in a copy that is yours, or set DAEMON_LAB_BUILD to a folder that is"
            ) from error

    def _read(self):
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                judged = Turn(**json.loads(line))
            except (ValueError, TypeError):
                continue  # the run was ended while it wrote this line
            self.known[judged.step, judged.turn] = judged

    def _write(self, mode, rows):
        with self.path.open(mode, encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())

    def add(self, judged):
        """Keep what was judged."""
        self.known[judged.step, judged.turn] = judged
        self._write("a", [judged])
