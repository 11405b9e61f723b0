"""Waits until what was launched has come to rest.

At rest is: every process waits in a system call that waits for long, and for a
moment nothing of them has changed. The state S in ps does not tell: a sleep of
300 ms on the way looks the same. So the call itself is looked at
(/proc/PID/syscall) and the timeout that it was given.

What is less clear (a short sleep, a busy loop, a call that is not known) gets
more time: at rest is then what changes nothing for longer than an answer may
take on its way between two calls.

A start may take as long as it needs, if somebody waits for it to be over. So where
the first process tells how the start went, that one has to have exited before
anything counts as rest, however long the others wait: for START_LIMIT seconds.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from dataclasses import dataclass, replace
from typing import Callable, Iterable

from lab.facts import MAKES_PROCESSES, Rest
from lab.kernel import procfs
from lab.kernel.waiting import call_of, timeout
from lab.sandbox.launch import Launch

LIMIT = 8.0  # seconds until an answer is judged as it stands, as Patience counts them
START_LIMIT = 15.0  # the same before that, for a start to be told how it went, where that is to be awaited
MOST_LIMITS = 8  # so many times as long by the clock, whatever Patience says
STEP = 0.02  # seconds between two looks that count: more of them went to other programs
LOOKS = 3  # without a change, where all wait for long: two prove it, see _quick()
LONG_QUIET = 0.8  # seconds without a change, where something may go on
WORK_QUIET = 3.0  # seconds without a change, where it makes system calls all the time: it may be at work
WAKE_TIME = 0.3  # seconds beyond the end of a short sleep, to see what comes of it
LONG_SLEEP = 3.0  # seconds: who sleeps as long as this has arrived
BUSY = 0.05  # seconds of processor time within LONG_QUIET that make a busy loop
MANY_TURNS = 25  # times that it was given a processor: who is on its way would have come further
MONTH = 30 * 24 * 3600.0  # seconds: who sleeps as long never wakes, for all that matters here
MANY = 1000  # processes: who has made so many does not come to rest
MUCH = 1 << 30  # bytes of memory: who has taken as much does not come to rest
MANY_ORPHANS = 200  # that have ended: fewer than the launcher tells of
FEW = 20  # processes that run, or orphans that have ended: more are none that come to rest
FEW_EACH = 3  # processes more for each time that the program was started again
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")
POLL = 0.0008  # seconds between two looks: nothing tells of a process that comes to rest
BUSY_NOTE = "it is busy all the time: is there a loop without an end? pause() waits, and costs nothing"
SLOW_POLL = 0.003  # the same, where something is awaited that takes its time
START_POLL = 0.25  # the same, of a start that takes long
SLOWEST_POLL = 0.015  # the same, of one that has not come to rest for long: below STEP, so that all of it counts


class Patience:
    """Counts the time for which an answer was waited for, as far as the machine gave it, and the lab, any.

    On a busy machine both get a small share of the processors. Time that passed
    between two looks beyond a `step` does not count, since the lab could not look; and
    no time in which a process of the answer was ready to run, and did not. Else an
    answer would be blamed for what others do.
    """

    def __init__(self, limit: float, step: float = STEP):
        self.left = limit
        self.step = step
        self.end = time.monotonic() + limit * MOST_LIMITS
        self.last = time.monotonic()
        self.delays: dict[
            tuple[int, int], float
        ] = {}  # of each process: seconds that it has been ready and has waited for a processor

    def is_over(self, looks: Iterable[_Look]) -> bool:
        """Whether the time is up; to be asked once for each round of `looks`."""
        now = time.monotonic()
        waited = max((look.delay - self.delays.get(look.identity, look.delay) for look in looks), default=0.0)
        self.delays = {look.identity: look.delay for look in looks}
        step = now - self.last
        self.left -= max(0.0, min(step, self.step) - min(waited, step))
        self.last = now
        return self.left <= 0 or now > self.end


@dataclass(frozen=True)
class _Look:
    """One process at one moment."""

    pid: int
    start: int
    picture: tuple[object, ...]  # changes whenever the process has run
    state: str
    cpu: float  # seconds of processor time so far
    system: float  # those of them that it spent in system calls
    delay: float  # seconds in which it was ready to run, and waited for a processor
    turns: int  # how often it has been given one
    timeout: float  # seconds that the calls it waits in may take: LONG_SLEEP or more is as good as for ever
    waits: bool  # every thread waits, and for long
    wakes_after: float  # seconds, of the shortest of its timeouts

    @property
    def identity(self) -> tuple[int, int]:
        return self.pid, self.start

    def is_placed(self, before: _Look, is_long: bool) -> bool:
        """At rest, if since `before` nothing has changed: asleep or stopped, or busy with itself.

        A process that is ready to run and has not run is short of a processor,
        and may still be on its way. One that spends its time in system calls
        may be at work (a loop that closes a million descriptors, say), unless
        it `is_long` that nothing has changed. So may one that waits in the kernel
        and cannot be woken (D): for its child, after vfork(), or for a disk or a
        lock that a busy machine is slow to give.
        """
        if self.state in "STt" or self.state == "D" and is_long:
            return True
        busy, system = self.cpu - before.cpu, self.system - before.system
        if is_long and self.turns - before.turns >= MANY_TURNS:
            return True  # sched_yield() in a loop, say: it gives up the processor as soon as it has it
        return busy >= BUSY and (system < busy / 2 or is_long)


@dataclass(frozen=True)
class _Moment:
    """All that runs, at one moment."""

    begun: float  # before anything was looked at, in seconds of time.monotonic()
    pids: list[int]
    looks: list[_Look]  # but for those that are gone or zombies


class Settler:
    """Waits until a launch is at rest, as often as that is asked of it.

    `watch(pid)` describes the state of a process that counts, in any form that
    can be compared: what changes there is a change.
    """

    def __init__(self, launch: Launch, watch: Callable[[int], object]):
        self.launch = launch
        self.watch = watch
        self.has_spun = False  # it was at rest, and busy all the time: what it does next takes no long work
        self._in_vain: set[int] = set()  # PIDs of those that were waited for, and have not exited

    async def settle(self) -> Rest:
        """Wait until it is at rest, at most LIMIT seconds; before that, where a start is to be awaited, START_LIMIT."""
        if self.launch.scene.tells:
            await self._await_starts()
        started = time.monotonic()
        patience = Patience(LIMIT)
        stillness = _Stillness()
        looks: list[_Look] = []
        while not patience.is_over(looks):
            now = await self._next_moment(min((time.monotonic() - started) / 50, SLOWEST_POLL))
            looks = now.looks
            rest = self._judge(now, stillness)
            if rest is not None:
                return replace(rest, since=time.monotonic())
        why_not = "it does not come to a call that waits" if len(self.launch.reaped) < FEW else MAKES_PROCESSES
        return Rest(False, why_not, since=time.monotonic())

    async def _next_moment(self, seconds: float) -> _Moment:
        """Look again after so many seconds, but not at once."""
        self.launch.pump()
        await asyncio.sleep(max(POLL, seconds))
        begun = time.monotonic()  # before this look: it counts from after one to before another
        pids = self.launch.pids()
        return _Moment(begun, pids, [look for pid in pids if (look := _look(self.launch, pid)) is not None])

    async def _await_starts(self) -> None:
        """Wait until all have exited that tell how a start went, those that were started again among them.

        What they do meanwhile does not matter. So the longer it takes, the less often they are looked at.
        """
        started = time.monotonic()
        patience = Patience(START_LIMIT, 2 * START_POLL)
        while True:
            now = await self._next_moment(min((time.monotonic() - started) / 20, START_POLL))
            starting = {look.pid for look in now.looks} & {self.launch.job, *self.launch.again} - self._in_vain
            if not starting or self._gave_up(now) is not None:
                return
            if patience.is_over(now.looks):
                self._in_vain |= starting
                return

    def _judge(self, now: _Moment, stillness: _Stillness) -> Rest | None:
        """A Rest if one look more has shown how the waiting ends."""
        is_told = _is_told(self.launch, now.looks)
        if not now.looks and is_told:
            return Rest(True) if not now.pids or self.launch.shell_is_lost() else None
        rest = self._gave_up(now)
        if rest is not None or not now.looks or not is_told or self.launch.holds_a_call():
            return rest
        shell, init = _look(self.launch, self.launch.shell), _look(self.launch, self.launch.adopter)
        others = [look for look in (shell, init) if look is not None]
        if all(look.waits for look in now.looks) and all(look.waits or look.state in "Tt" for look in others):
            return self._quick(now, others, stillness)
        return self._slow(now, others, stillness)

    def _gave_up(self, now: _Moment) -> Rest | None:
        """A Rest if it is known never to come to one."""
        if len(now.pids) > MANY or len(self.launch.reaped) > MANY_ORPHANS:
            return Rest(False, MAKES_PROCESSES)
        return Rest(False, "it prints without end") if self.launch.flooded else None

    def _quick(self, now: _Moment, others: list[_Look], stillness: _Stillness) -> Rest | None:
        """A Rest if all wait for long, and are where they were: the usual end.

        It needs no time: who has not run between its two looks has waited from the
        first to the second. When the first round ended, and before the next began, so
        did all of them at once, and whoever waits for another that waits will not
        wake. One who is woken counts as running from then on, however long it lacks a
        processor. Zombies are part of the picture: a new one means that something
        goes on. So are the `others`: the shell, which may be about to tell something or
        to end, and init, which may be about to wait for an orphan. One look more is
        for what the kernel does a moment later.
        """
        if stillness.times_seen((now.pids, [look.picture for look in (*now.looks, *others)])) < LOOKS:
            return None
        return Rest(True, note=_note(now.looks), is_plain=all(look.wakes_after == math.inf for look in now.looks))

    def _slow(self, now: _Moment, others: list[_Look], stillness: _Stillness) -> Rest | None:
        """A Rest if something may go on, and changes nothing for longer than any sleep that is under way.

        The `others` are the shell and init. On a busy machine they may still be about to
        start the program again, to tell how the job ended, or to wait for an orphan.
        """
        stillness.forget_picture()
        if sum(_memory(self.launch, look.pid) for look in now.looks) > MUCH:
            return Rest(False, "it fills the memory")
        few = FEW + FEW_EACH * len(self.launch.again)
        are_few = len(now.looks) <= few  # of many it is not asked what they do: they may hold thousands of descriptors
        state = [(look.identity, self.watch(look.pid) if are_few else None) for look in now.looks]
        looks = [*now.looks, *others]
        quiet = stillness.quiet_for((now.pids, state), now.begun, looks)
        if not are_few and quiet >= LONG_QUIET:
            return Rest(False, f"more than {few} processes run at once")
        is_long = quiet >= (LONG_QUIET if self.has_spun else WORK_QUIET)
        if quiet < stillness.needed or not all(
            look.identity in stillness.before and look.is_placed(stillness.before[look.identity], is_long)
            for look in looks
        ):
            return None
        self.has_spun = any(look.state == "R" for look in now.looks)
        return Rest(True, note=BUSY_NOTE if self.has_spun else "")


class _Stillness:
    """What has stayed as it is from look to look, and since when."""

    def __init__(self) -> None:
        self.before: dict[tuple[int, int], _Look] = {}  # the looks that were taken when the state was new
        self.needed = 0.0  # seconds for which the state has to stay
        self._picture: object = None
        self._seen = 0
        self._state: object = None
        self._since = 0.0

    def times_seen(self, picture: object) -> int:
        """How often this picture has been seen, one time after another."""
        if picture != self._picture:
            self._picture, self._seen = picture, 0
        self._seen += 1
        return self._seen

    def forget_picture(self) -> None:
        """It is none any more: somebody runs."""
        self._picture = None

    def quiet_for(self, state: object, begun: float, looks: list[_Look]) -> float:
        """The seconds for which the state has been this one, when these looks were `begun`."""
        if state != self._state:
            self._state, self._since, self.needed = state, begun, LONG_QUIET
            self.before = {look.identity: look for look in looks}
        self.needed = max(self.needed, *(look.timeout + WAKE_TIME for look in looks))
        return begun - self._since


class Unmoved:
    """Counts how often in a row a process was seen waiting for long, without having run in between.

    A process that is woken counts as running from that moment on. So one that does
    not move while a signal is pending will not take the signal.
    """

    def __init__(self, launch: Launch, pid: int):
        self.launch = launch
        self.pid = pid
        self._stillness = _Stillness()

    def look(self) -> int:
        """Look once more; returns how often it has been seen where it is now, 0 if it does not wait."""
        look = _look(self.launch, self.pid)
        if look is None or not look.waits:
            self.forget()
            return 0
        return self._stillness.times_seen(look.picture)

    def forget(self) -> None:
        """It has run since it was seen last."""
        self._stillness.forget_picture()


def _note(looks: list[_Look]) -> str:
    """What is to be said of a long sleep that ends some time."""
    seconds = min(look.wakes_after for look in looks)
    if seconds > MONTH:
        return ""
    return f"it is in a call that ends by itself after {seconds:.0f} s, and the lab does not wait for that"


def _is_told(launch: Launch, looks: list[_Look]) -> bool:
    """Whether the shell has said how the job ended, if it did; a shell that is lost says nothing more."""
    return launch.job_status is not None or any(look.pid == launch.job for look in looks) or launch.shell_is_lost()


def _look(launch: Launch, pid: int) -> _Look | None:
    """A _Look at a process, None if it is gone or a zombie."""
    folder = f"{launch.proc}/{pid}"
    try:
        threads = procfs.threads(folder)
        pictures, timeouts, state, cpu, system, delay, turns = [], [], "S", 0.0, 0.0, 0.0, 0
        for thread, own in threads.items():
            run = procfs.read(thread + "/schedstat").split()
            call = call_of(thread)
            pictures.append((thread, own.state, run[2], call))
            timeouts.append(timeout(thread, call, launch.calls) if own.state == "S" else 0.0)
            state = own.state if own.state != "S" else state
            cpu += int(run[0]) / 1e9
            delay += int(run[1]) / 1e9
            turns += int(run[2])
            system += own.system_time / TICKS
    except (ProcessLookupError, IndexError):
        return None
    if not threads:
        return None
    start = min(own.start for own in threads.values())
    shortest = min(timeouts)
    brief = max((t for t in timeouts if t < LONG_SLEEP), default=0.0)
    waits = shortest >= LONG_SLEEP
    return _Look(pid, start, tuple(pictures), state, cpu, system, delay, turns, brief, waits, shortest)


def _memory(launch: Launch, pid: int) -> int:
    """The bytes that are in memory of a process."""
    try:
        return int(procfs.read(f"{launch.proc}/{pid}/statm").split()[1]) * PAGE
    except (ProcessLookupError, IndexError):
        return 0
