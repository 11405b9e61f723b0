"""`make matrix`: the verdicts on all known answers, wherever the lab may be called.

A cell is an environment: a command that is put before the lab's own. In each
the whole gallery is judged, wrong answers and right ones, and every verdict has
to be the one that its row names. A cell that cannot run here says why.

That takes some hours. With --one-in N a cell judges each Nth answer, and the next
cell the next ones, so that N cells together have judged them all.

A few cells run another command than that, with a table of its own: the solutions
beside a load, and the lab's tests on other releases of Debian.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.answers import find_step
from lab.checks import expectations
from lab.dev.bench_load import end_with_parent
from lab.dev.distributions import ENVIRONMENTS
from lab.dev.gallery import CARELESS, GLIBC, INIT, LOG, RIGHT, TIME, WRONG, all_rows, has_time_namespaces
from lab.judge.examination import examiner
from lab.judge.verdict import FAILED, SKIPPED
from lab.sandbox.server import Launchpad
from lab.toolbox import BUILD, ROOT, LabError, compiler

WORKERS = 3 * (os.cpu_count() or 1)  # answers at a time: most of them wait
CELL_TIME = 3600  # seconds
BUSY_LOOPS = 8
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"
BLOCKED = (
    "import os, signal, sys; "
    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGPIPE, signal.SIGTERM]); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class Cell:
    """An environment. In `command`, a line for sh, {lab} is the call of the lab, {out} where it may report.

    The lab is called with `words`. What they print is a table, unless they are
    "verdicts": then each line but the last tells what is wrong.
    """

    name: str
    command: str = "{lab} >{out}"
    words: tuple = ("verdicts",)
    needs: str = ""  # a program that has to be there
    root: bool = False  # only root can make it
    busy: bool = False  # beside BUSY_LOOPS busy loops


CELLS = [
    Cell("as it is"),
    Cell("fallback", "{lab} --no-sandbox >{out}"),
    Cell("ordinary user", f"{NOBODY} {{lab}} >{{out}}", needs="setpriv", root=True),
    Cell("ordinary user, fallback", f"{NOBODY} {{lab}} --no-sandbox >{{out}}", needs="setpriv", root=True),
    Cell("on a terminal", "exec 3>{out}; script -qec {quoted}' --output 3' /dev/null </dev/null", needs="script"),
    Cell("without a terminal", "setsid -w {lab} >{out} </dev/null", needs="setsid"),
    Cell("0, 1 and 2 closed", "exec 3>{out}; {lab} --output 3 <&- >&- 2>&-"),
    Cell("under nohup", "nohup {lab} >{out} </dev/null", needs="nohup"),
    Cell("umask 077", "umask 077; {lab} >{out}"),
    Cell("umask 000", "umask 000; {lab} >{out}"),
    Cell("soft limit of 64 open files", "ulimit -Sn 64; {lab} >{out}"),
    Cell("soft limit at the hard limit", "ulimit -Sn $(ulimit -Hn); {lab} >{out}"),
    Cell("empty environment", "env -i PATH=/usr/bin:/bin {lab} >{out}"),
    Cell("SIGCHLD, SIGPIPE, SIGTERM ignored", "trap '' CHLD PIPE TERM; {lab} >{out}"),
    Cell("SIGCHLD, SIGPIPE, SIGTERM blocked", f"{{python}} -c {shlex.quote(BLOCKED)} {{lab}} >{{out}}"),
    Cell("as PID 1 of a PID namespace", "unshare -Urpf --mount-proc {lab} >{out}", needs="unshare"),
    Cell("beside busy loops", busy=True),
    Cell("gcc", "CC=gcc {lab} >{out}", needs="gcc"),
    Cell("clang", "CC=clang {lab} >{out}", needs="clang"),
    Cell("musl", "CC=musl-gcc {lab} >{out}", needs="musl-gcc"),
    Cell("beside 30 loops", words=("bench", "--load", "30", "--times", "2")),
    Cell("fuzz", words=("fuzz", "--seconds", "300")),
    *(
        Cell(each.name, words=("distributions", "--only", each.name), needs="mmdebstrap", root=True)
        for each in ENVIRONMENTS
    ),
]


def matrix(only, until=None, one_in=1):
    """Run all cells, or those whose name holds `only`; returns 1 if a verdict differs, else 0.

    With `until`, only on what belongs to that step and to those before it. A
    cell judges one in `one_in` of the answers.
    """
    if one_in < 1:
        raise LabError("--one-in takes a number of answers, 1 or more")
    status = 0
    for number, cell in enumerate(CELLS):
        if only and only not in cell.name:
            continue
        why_not = _why_not(cell)
        words = [*(["--until", until] if until else []), "--share", f"{number % one_in}/{one_in}"]
        verdict, lines = (f"cannot run here: {why_not}", []) if why_not else _run(cell, words)
        print(f"{cell.name:<44}{verdict}", flush=True)
        for line in lines:
            print(f"    {line}")
        status |= verdict.startswith("WRONG")
    return status


def _why_not(cell):
    if cell.needs and shutil.which(cell.needs) is None:
        return f"{cell.needs} is not installed"
    if cell.root and os.geteuid() != 0:
        return "only root can become another user"
    if cell.root and subprocess.run([*NOBODY.split(), "test", "-r", __file__], check=False).returncode != 0:
        return f"other users may not read {ROOT}"
    return ""


def _run(cell, options):
    """(the verdict in words, what is wrong in lines); the command "verdicts" gets the `options`."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        out = Path(folder, "out")
        out.touch()
        out.chmod(0o666)
        is_table = cell.words != ("verdicts",)
        build = BUILD if is_table else f"{folder}/build"
        call = ["env", f"DAEMON_LAB_BUILD={build}", sys.executable, f"{ROOT}/tests/lab", *cell.words]
        lab = shlex.join([*call, *([] if is_table else options)])
        words = {"lab": lab, "quoted": shlex.quote(lab), "out": shlex.quote(str(out)), "python": sys.executable}
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cell.busy * BUSY_LOOPS)]
        start = time.monotonic()
        try:
            done = subprocess.run(
                ["sh", "-c", cell.command.format(**words)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=CELL_TIME,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "WRONG", [f"not through within {CELL_TIME} s"]
        finally:
            for loop in loops:
                loop.kill()
                loop.wait()
        lines = out.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[-1].endswith("false"):
        return "WRONG", [*lines, *done.stderr.splitlines()[-3:], "it did not come to its end"]
    if is_table:
        verdict = "ok" if done.returncode == 0 else "WRONG"
        return f"{verdict}  {lines[-1]}, in {time.monotonic() - start:.0f} s", lines[:-1]
    return f"{'ok' if len(lines) == 1 else 'WRONG'}  {lines[-1]}, in {time.monotonic() - start:.0f} s", lines[:-1]


# ---- what runs in a cell -------------------------------------------------------


def verdicts(sandbox, output, right=False, until=None, repeat=1, workers=None, share="0/1"):
    """Judge the gallery, or its right answers alone, `repeat` times, `workers` answers at a time (WORKERS).

    With `until`, only what belongs to that step and to those before it. A
    `share` of K/N is each Nth of them, from number K on. Prints what is wrong,
    and a closing line, to the descriptor `output`, and how far it is to standard
    error; returns 1 if something is wrong. Raises LabError for a `share` that is
    none.
    """
    sandboxed = Launchpad(sandbox).is_sandboxed()  # not one that the workers would share
    rows, left_out = _rows(right, find_step(until).number if until else None, sandboxed, _read_share(share))
    wrong = []
    processes = ProcessPoolExecutor(workers or WORKERS, initializer=end_with_parent)
    with processes as pool, os.fdopen(output, "w", closefd=False) as file:
        jobs = [pool.submit(_judge_row, sandbox, row, repeat) for row in rows]
        for count, job in enumerate(as_completed(jobs), 1):
            wrong += job.result()
            file.writelines(line + "\n" for line in job.result())
            file.flush()
            print(f"{count} of {len(rows)} rows, {len(wrong)} false", file=sys.stderr)
        note = f"{len(left_out)} rows left out, which need glibc, or a logger; " if left_out else ""
        pad = _pad(sandbox)
        if pad.is_sandboxed() and pad.why_no_root() and any(_is_root_needed(row.step) for row in rows):
            note += f"what is done as root was not checked: {pad.why_no_root()}; "
        file.write(f"{note}{len(rows) * repeat} verdicts, {len(wrong)} false\n")
    return 1 if wrong else 0


def _is_root_needed(step):
    """Whether an answer to the step is launched as root for one of its checks."""
    return any(check.scene.root for check in expectations(step))


def _read_share(text):
    """(K, N) of the text "K/N". Raises LabError where it is none."""
    first, _, step = text.partition("/")
    if not (first.isdecimal() and step.isdecimal() and int(first) < int(step)):
        raise LabError("--share takes K/N, with K from 0 to N - 1: from answer K on, each Nth")
    return int(first), int(step)


def _rows(right, until, sandboxed, share):
    """The rows to judge, and those that cannot be judged with this C library, or without a log of the lab's."""
    first, step = share
    rows = [*([] if right else [*all_rows(WRONG), *all_rows(CARELESS)]), *all_rows(RIGHT)][first::step]
    rows = [row for row in rows if until is None or row.step.number <= until]
    left_out = [row for row in rows if GLIBC in row.needs and not _has_glibc()]
    if not sandboxed:
        left_out += [row for row in rows if INIT in row.needs or (row.part == CARELESS and LOG in row.needs)]
    if not sandboxed or not has_time_namespaces():
        left_out += [row for row in rows if TIME in row.needs]
    return [row for row in rows if row not in left_out], left_out


@cache
def _has_glibc():
    """Whether the compiler's C library is glibc."""
    done = subprocess.run(
        [*compiler(), "-E", "-P", "-"], input="#include <features.h>\n__GLIBC__\n", stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return done.stdout.split()[-1:] != ["__GLIBC__"]


_pad = cache(Launchpad)  # one in each process


def _judge_row(sandbox, row, repeat):
    """What is wrong with the verdicts on a row, in lines."""
    with tempfile.TemporaryDirectory() as folder, examiner(_pad(sandbox), Path(folder)) as examine:
        try:
            return _judge(_pad(sandbox), row, examine(row.source(), row.step), repeat)
        except LabError as error:
            return [f"{row.step.name}, {row.name}: {error}"]


def _skipped_without_need(examination):
    """Whether something is not checked although there is a sandbox, and not for want of a root of its own."""
    results = examination.results(stars=False)
    return any(r.status == SKIPPED and r.because != examination.pad.why_no_root() for r in results)


def _judge(pad, row, examination, repeat):
    wrong = []
    for _ in range(repeat):
        examination.forget()
        found, skipped = examination.failed, examination.skipped
        if pad.is_sandboxed() and _skipped_without_need(examination):
            wrong.append(f"{row.step.name}, {row.name}: {sorted(skipped)} was not checked, in a sandbox")
        expected = set(row.fails) - skipped
        found -= set(row.at_times)
        if found != expected and not (skipped and LOG in row.needs and not found):
            wrong.append(f"{row.step.name}, {row.name}: fails {sorted(found)}, not {sorted(expected)}")
        if row.part == CARELESS:
            missed, expected = examination.bonus(FAILED), set(row.misses) - examination.bonus(SKIPPED)
            if missed != expected:
                wrong.append(f"{row.step.name}, {row.name}: misses {sorted(missed)}, not {sorted(expected)}")
    return wrong
