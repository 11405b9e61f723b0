"""Hostile answers get a verdict in time, and leave nothing behind: no process, no file, no harm."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

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
def namespaces(monkeypatch):
    """The PID namespaces of all launches of a test: /proc/PID/ns/pid, namespaces(7)."""
    seen = set()
    open_proc = Launch.open_proc

    def note(launch):
        seen.add(os.stat(f"/proc/{launch.init}/ns/pid").st_ino)
        open_proc(launch)

    monkeypatch.setattr(Launch, "open_proc", note)
    return seen


def living_in(namespaces):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.stat(folder / "ns" / "pid").st_ino in namespaces:
                found.append(folder.name)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return found


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.slug)
def test_hostile_answer(row, examine_in_sandbox, namespaces):
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
    assert living_in(namespaces) == []
    assert fingerprint() == before
