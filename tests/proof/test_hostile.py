"""Hostile answers get a verdict in time, and leave nothing behind: no process, no file, no harm."""

import hashlib
import os
import select
import subprocess
import time

import pytest

from gallery.hostile import HOSTILE
from lab import procfs
from lab.launched import Launch
from lab.report import describe
from lab.toolbox import ROOT, SOLUTIONS

MAX_TIME = 15  # seconds
MAX_REPORT = 100_000  # bytes


def fingerprint():
    """Of every file of the project, what is built left out."""
    digest = hashlib.sha256()
    for folder in ("steps", "solutions", "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()


@pytest.fixture
def inits(monkeypatch):
    """A descriptor of every sandbox's init that a test starts, from pidfd_open(2).

    When init has ended, all that was in its namespace has: pid_namespaces(7).
    """
    opened = []
    open_proc = Launch.open_proc

    def note(launch):
        opened.append(os.pidfd_open(launch.init))
        open_proc(launch)

    monkeypatch.setattr(Launch, "open_proc", note)
    yield opened
    for pidfd in opened:
        os.close(pidfd)


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.slug)
def test_hostile_answer(row, examine_in_sandbox, inits):
    source = row.source()
    if isinstance(source, str):
        source = source.replace("{solutions}", str(SOLUTIONS))
    before = fingerprint()
    bystander = subprocess.Popen(["sleep", "1000"])
    started = time.monotonic()
    try:
        examination = examine_in_sandbox(source, 2)
        report = describe(examination)
        assert procfs.read_stat(f"/proc/{bystander.pid}").state == "S", "the bystander was harmed"
    finally:
        bystander.kill()
        bystander.wait()
    assert time.monotonic() - started < MAX_TIME
    assert len(report) < MAX_REPORT and all(c.isprintable() or c == "\n" for c in report)
    verdicts = [result for result in examination.results() if result.verdict]
    assert (verdicts[0].verdict, verdicts[0].check.star) == (row.verdict, False), report
    assert any(row.says in result.because + result.observed for result in verdicts), report
    assert sorted(select.select(inits, [], [], 0)[0]) == sorted(inits), "something lives on"
    assert inits or not examination.build.compiles
    assert fingerprint() == before
