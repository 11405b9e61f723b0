"""A look from inside a sandbox is made by a child: what it finds comes back, and it never outlives its parent."""

import asyncio
import gc
import os
import select
import signal
import subprocess
import sys
import time
import weakref

import psutil
import pytest

from lab.hindered import init_ended
from lab.toolbox import ROOT, LabError
from lab.watch import loop
from lab.watch.inside import CHUNK, from_inside

PATIENCE = 30  # seconds, for a machine that is busy


@pytest.fixture
def init(sandbox_pad):
    """The PID of a sandbox's init."""
    with sandbox_pad.wait_for_start(sandbox_pad.job("waits", b"#!/bin/sh\nread line\n")) as launch:
        yield launch.init


def look_from_inside(init, look):
    return loop.run(from_inside(init, look, ()))


def test_what_was_found_comes_back(init):
    """However much it is."""
    large = b"x" * (3 * CHUNK)
    assert look_from_inside(init, lambda: (os.readlink("/proc/self/ns/user"), large)) == (
        os.readlink(f"/proc/{init}/ns/user"),
        large,
    )


def test_what_was_raised_comes_back(init):
    def fail():
        raise init_ended()

    with pytest.raises(LabError, match="something killed it"):
        look_from_inside(init, fail)


def test_a_child_that_was_killed_is_told(init):
    with pytest.raises(LabError, match="did not finish"):
        look_from_inside(init, lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_a_look_ends_nothing_that_belongs_to_its_parent(init, tmp_path):
    """A launcher that the parent has dropped is ended by the parent, and not also by a child that has its copy."""

    class Dropped:
        pass

    def collect_often():
        gc.set_threshold(1)
        return [[] for _ in range(1000)]

    before = gc.get_threshold()
    gc.set_threshold(1_000_000)  # so that it is still there when the child begins
    try:
        dropped = Dropped()
        dropped.itself = dropped
        end = weakref.finalize(dropped, (tmp_path / "ended").touch)
        del dropped
        look_from_inside(init, collect_often)
        assert not (tmp_path / "ended").exists()
    finally:
        gc.set_threshold(*before)
    assert end.detach(), "it was collected before the look, so nothing was tried"


def test_others_go_on_meanwhile(init):
    """The child waits for what only another coroutine does."""
    reader, writer = os.pipe()

    def has_come():
        return bool(select.select([reader], [], [], PATIENCE)[0])

    async def look_and_go_on():
        look = asyncio.ensure_future(from_inside(init, has_come, (reader,)))
        await asyncio.sleep(0.0)
        os.write(writer, b"x")
        return await look

    try:
        assert loop.run(look_and_go_on())
    finally:
        os.close(reader)
        os.close(writer)


def test_a_look_that_is_broken_off_leaves_no_child(init):
    """Nor is it waited for."""
    start, before = time.monotonic(), {child.pid for child in psutil.Process().children()}

    async def break_off():
        look = asyncio.ensure_future(from_inside(init, lambda: time.sleep(2 * PATIENCE), ()))
        await asyncio.sleep(0.0)
        (child,) = [child for child in psutil.Process().children() if child.pid not in before]
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)
        return child

    assert not loop.run(break_off()).is_running()
    assert time.monotonic() < start + PATIENCE


# A checker that looks from inside; the child stops at a moment, and goes on when its standard input is closed.
CHECKER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from lab.watch import inside, loop

def stop(moment):
    if moment == sys.argv[3]:
        print(os.getpid(), flush=True)
        sys.stdin.read()

def end_with(parent, moments=["forked", "entered"]):
    stop(moments.pop(0))
    usual(parent)

def look():
    stop("looking")
    print("looked", flush=True)

usual, inside._end_with = inside._end_with, end_with
loop.run(inside.from_inside(int(sys.argv[2]), look, ()))
"""


@pytest.mark.parametrize("moment", ["forked", "entered", "looking"])
def test_the_child_of_a_checker_that_was_killed_looks_no_more(moment, init):
    """Whenever that was: twice nobody would kill the child, and then it ends by itself."""
    words = [sys.executable, "-c", CHECKER, str(ROOT / "tests"), str(init), moment]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as checker:
        child = os.pidfd_open(int(checker.stdout.readline()))
        try:
            checker.kill()
            checker.wait()
            if moment != "looking":
                checker.stdin.close()  # now it goes on
            assert select.select([child], [], [], PATIENCE)[0], "the child lives on"
            assert checker.stdout.read() == "", "it has looked"
        finally:
            try:
                signal.pidfd_send_signal(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.close(child)


def test_a_task_that_ctrl_c_breaks_off_is_not_told_of_once_more(caplog):
    """The front end says in one line that it was stopped; asyncio would add a traceback."""

    async def stopped():
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    async def beside_others():
        await asyncio.gather(stopped(), asyncio.sleep(PATIENCE))

    with pytest.raises(KeyboardInterrupt):
        loop.run(beside_others())
    gc.collect()
    assert caplog.records == []
