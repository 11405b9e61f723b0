"""Hostile answers get a verdict in time, and leave nothing behind: no process, no file, no harm."""

import hashlib
import os
import re
import select
import subprocess
import time

import psutil
import pytest
from hostile import hostile_answers

from lab.judge.examination import examiner
from lab.kernel import procfs
from lab.report.text import describe
from lab.sandbox.program import SOURCES
from lab.sandbox.server import Launchpad
from lab.toolbox import ROOT

MAX_TIME = 15  # seconds, where the machine is idle
MAX_TIME_OF_BUSY = 150  # seconds beside others, who take most of the processors
MAX_REPORT = 100_000  # bytes
OWNER_OF_NOTHING = int(re.search(r"OWNER_OF_NOTHING = (\d+)", (SOURCES / "identity.h").read_text())[1])


def fingerprint():
    """Of every file of the project, what is built left out."""
    digest = hashlib.sha256()
    for folder in ("steps", "solutions", "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()


@pytest.fixture
def launches(monkeypatch):
    """(launch, descriptor of its init from pidfd_open(2)) of every launch of a test."""
    seen = []
    wait_for_start = Launchpad.wait_for_start

    def note(pad, launch):
        wait_for_start(pad, launch)
        seen.append((launch, os.pidfd_open(launch.init)))
        return launch

    monkeypatch.setattr(Launchpad, "wait_for_start", note)
    yield seen
    for _, pidfd in seen:
        os.close(pidfd)


def left_of(launch, pidfd):
    """What is left of a launch that was ended, in words; "" for nothing.

    When a sandbox's init has ended, all that was in its namespace has:
    pid_namespaces(7). Without a sandbox, root's answers have a user of their own.
    """
    if not select.select([pidfd], [], [], 0)[0]:
        return "its init lives on"
    if launch.sandboxed:
        return ""
    uids = {p.pid: p.info["uids"] for p in psutil.process_iter(["uids"])}  # of those that end meanwhile: None
    owned = [pid for pid, found in uids.items() if found and found.real == OWNER_OF_NOTHING + launch.init]
    return f"processes {owned} live on" if owned else "its directory" * os.path.exists(launch.lab)


def judge(row, examine, launches):
    """Hold one hostile answer against its row."""
    before = fingerprint()
    bystander = subprocess.Popen(["sleep", "1000"])
    started = time.monotonic()
    try:
        examination = examine(row.source, "fork")
        report = describe(examination.judged())
        assert procfs.read_stat(f"/proc/{bystander.pid}").state not in "ZXTt", "the bystander was harmed"
    finally:
        bystander.kill()
        bystander.wait()
    is_busy = os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
    assert time.monotonic() - started < (MAX_TIME_OF_BUSY if is_busy else MAX_TIME)
    assert len(report) < MAX_REPORT and all(c.isprintable() or c == "\n" for c in report)
    verdicts = [result for result in examination.results() if result.verdict]
    assert (verdicts[0].verdict, verdicts[0].check.star) == (row.expects, False), report
    assert any(row.told in result.because + result.observed for result in verdicts), report
    assert launches or not examination.build.compiles
    assert [left for left in (left_of(*launch) for launch in launches) if left] == []
    assert fingerprint() == before


HOSTILE = hostile_answers()


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.name)
def test_hostile_answer(row, examine_in_sandbox, launches):
    judge(row, examine_in_sandbox, launches)


@pytest.mark.parametrize("row", [row for row in HOSTILE if not row.needs_sandbox], ids=lambda row: row.name)
def test_hostile_answer_without_a_sandbox(row, tmp_path, launches):
    """Root's answers are contained all the same; an ordinary user is told that theirs are not."""
    if os.geteuid() != 0 and row.runs:
        pytest.skip("an ordinary user's answers are not contained without a sandbox: check says so")
    with examiner(Launchpad(sandbox=False), tmp_path) as examine:
        judge(row, examine, launches)
