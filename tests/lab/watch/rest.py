"""Waits until what was launched has come to rest.

At rest is: every process waits in a system call that waits for long, and for a
moment nothing of them has changed. The state S in ps does not tell: a sleep of
300 ms on the way looks the same. So the call itself is looked at
(/proc/PID/syscall) and the timeout that it was given.

What is less clear (a short sleep, a busy loop, a call that is not known) gets
more time: at rest is then what changes nothing for longer than an answer may
take on its way between two calls.
"""

import asyncio
import math
import os
import struct
import time
from dataclasses import dataclass

from lab.facts import Rest
from lab.kernel import procfs
from lab.sandbox.launch import Launch

LIMIT = 8.0  # seconds until an answer is judged as it stands, as Patience counts them
MOST_LIMITS = 8  # so many times as long by the clock, whatever Patience says
STEP = 0.02  # seconds between two looks that count: more of them went to other programs
LOOKS = 3  # without a change, where all wait for long: two prove it, see settle()
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
SLOW_POLL = 0.003  # the same, of one that takes its time


class Patience:
    """Counts the time for which an answer was waited for, as far as the machine gave it, and the lab, any.

    On a busy machine both get a small share of the processors. Time that passed
    between two looks beyond STEP does not count, since the lab could not look; and
    no time in which a process of the answer was ready to run, and did not. Else an
    answer would be blamed for what others do.
    """

    def __init__(self, limit):
        self.left = limit
        self.end = time.monotonic() + limit * MOST_LIMITS
        self.last = time.monotonic()
        self.delays = {}  # of each process: seconds that it has been ready and has waited for a processor

    def is_over(self, looks):
        """Whether the time is up; to be asked once for each round of `looks`."""
        now = time.monotonic()
        waited = max((look.delay - self.delays.get(look.identity, look.delay) for look in looks), default=0.0)
        self.delays = {look.identity: look.delay for look in looks}
        step = now - self.last
        self.left -= max(0.0, min(step, STEP) - min(waited, step))
        self.last = now
        return self.left <= 0 or now > self.end


async def settle(launch: Launch, watch, limit=None):
    """Wait until `launch` is at rest, at most `limit` seconds (LIMIT); returns a Rest.

    `watch(pid)` describes the state of a process that counts, in any form that
    can be compared: what changes there is a change.
    """
    started = now = time.monotonic()
    patience = Patience(LIMIT if limit is None else limit)
    quick = slow = None  # what has to stay as it is, and since when it does
    slow_since = needed = 0.0
    before, seen = {}, 0
    looks = []
    while not patience.is_over(looks):
        launch.pump()
        await asyncio.sleep(min(max(POLL, (now - started) / 50), SLOW_POLL))
        now = time.monotonic()  # before this look: it counts from after one to before another
        pids = launch.pids()
        looks = [look for pid in pids if (look := _look(launch, pid)) is not None]
        if not looks and _is_told(launch, looks):
            if not pids or launch.shell_is_lost():
                return Rest(True)
            continue
        if len(pids) > MANY or len(launch.reaped) > MANY_ORPHANS:
            return Rest(False, "it keeps making processes")
        if launch.flooded:
            return Rest(False, "it prints without end")
        if not looks or not _is_told(launch, looks) or launch.holds_a_call():
            continue

        # All wait for long, and are where they were: the usual end. It needs no
        # time: who has not run between its two looks has waited from the first to
        # the second. When the first round ended, and before the next began, so did
        # all of them at once, and whoever waits for another that waits will not
        # wake. One who is woken counts as running from then on, however long it
        # lacks a processor. Zombies are part of the picture: a new one means that
        # something goes on. So are the shell, which may be about to tell something or
        # to end, and init, which may be about to wait for an orphan. One look more is
        # for what the kernel does a moment later.
        shell, init = _look(launch, launch.shell), _look(launch, launch.adopter)
        others = [look for look in (shell, init) if look is not None]
        if all(look.waits for look in looks) and all(look.waits or look.state in "Tt" for look in others):
            picture = pids, [look.picture for look in (*looks, *others)]
            if picture != quick:
                quick, seen = picture, 0
            seen += 1
            if seen >= LOOKS:
                return Rest(True, note=_note(looks), is_plain=all(look.wakes_after == math.inf for look in looks))
            continue

        # Something may go on: then the state has to stay as it is for longer,
        # and longer than any sleep that is under way.
        quick = None
        if sum(_memory(launch, look.pid) for look in looks) > MUCH:
            return Rest(False, "it fills the memory")
        few = FEW + FEW_EACH * len(launch.again)
        are_few = len(looks) <= few  # of many it is not asked what they do: they may hold thousands of descriptors
        state = pids, [(look.identity, watch(look.pid) if are_few else None) for look in looks]
        if state != slow:
            slow, slow_since, needed = state, now, LONG_QUIET
            before = {look.identity: look for look in looks}
        if not are_few and now - slow_since >= LONG_QUIET:
            return Rest(False, f"more than {few} processes run at once")
        needed = max(needed, *(look.timeout + WAKE_TIME for look in looks))
        work_quiet = LONG_QUIET if launch.has_spun else WORK_QUIET
        if now - slow_since >= needed and all(
            look.is_placed(before[look.identity], now - slow_since >= work_quiet) for look in looks
        ):
            launch.has_spun = any(look.state == "R" for look in looks)
            return Rest(True, note=BUSY_NOTE if launch.has_spun else "")
    return Rest(
        False, "it does not come to a call that waits" if len(launch.reaped) < FEW else "it keeps making processes"
    )


def awaited_signals(launch, thread):
    """The numbers of the signals that a thread waits for in sigwaitinfo() or the like, none if it does not.

    Meanwhile /proc does not show them as blocked: kernel/signal.c, do_sigtimedwait().
    """
    call = _call(thread)
    if not call or launch.calls.get(int(call[0])) != ("s", 2):
        return frozenset()
    words = _read_memory(thread, int(call[1], 16), "Q")
    return frozenset(number for number in range(1, 65) if words and words[0] >> (number - 1) & 1)


def waits_to_write(launch, pid):
    """Whether a process waits in a call that is none of those that wait for something to come: a full log, say."""
    try:
        if procfs.read_stat(f"{launch.proc}/{pid}").state != "S":
            return False
        call = _call(f"{launch.proc}/{pid}")
    except ProcessLookupError:
        return False
    return bool(call) and int(call[0]) not in launch.calls


def _note(looks):
    """What is to be said of a long sleep that ends some time."""
    seconds = min(look.wakes_after for look in looks)
    if seconds > MONTH:
        return ""
    return f"it is in a call that ends by itself after {seconds:.0f} s: what it does then is not looked at"


def _is_told(launch, looks):
    """Whether the shell has said how the job ended, if it did; a shell that is lost says nothing more."""
    return launch.job_status is not None or any(look.pid == launch.job for look in looks) or launch.shell_is_lost()


@dataclass(frozen=True)
class _Look:
    """One process at one moment."""

    pid: int
    start: int
    picture: tuple  # changes whenever the process has run
    state: str
    cpu: float  # seconds of processor time so far
    system: float  # those of them that it spent in system calls
    delay: float  # seconds in which it was ready to run, and waited for a processor
    turns: int  # how often it has been given one
    timeout: float  # seconds that the calls it waits in may take: LONG_SLEEP or more is as good as for ever
    waits: bool  # every thread waits, and for long
    wakes_after: float  # seconds, of the shortest of its timeouts

    @property
    def identity(self):
        return self.pid, self.start

    def is_placed(self, before, is_long):
        """At rest, if since `before` nothing has changed: asleep or stopped, or busy with itself.

        A process that is ready to run and has not run is short of a processor,
        and may still be on its way. One that spends its time in system calls
        may be at work (a loop that closes a million descriptors, say), unless
        it `is_long` that nothing has changed.
        """
        if self.state in "STtD":  # D: a parent that has called vfork(), say
            return True
        busy, system = self.cpu - before.cpu, self.system - before.system
        if is_long and self.turns - before.turns >= MANY_TURNS:
            return True  # sched_yield() in a loop, say: it gives up the processor as soon as it has it
        return busy >= BUSY and (system < busy / 2 or is_long)


def _look(launch, pid):
    """A _Look at a process, None if it is gone or a zombie."""
    folder = f"{launch.proc}/{pid}"
    try:
        threads = procfs.threads(folder)
        pictures, timeouts, state, cpu, system, delay, turns = [], [], "S", 0.0, 0.0, 0.0, 0
        for thread, own in threads.items():
            run = procfs.read(thread + "/schedstat").split()
            call = _call(thread)
            pictures.append((thread, own.state, run[2], call))
            timeouts.append(_timeout(launch, thread, call) if own.state == "S" else 0.0)
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


def _memory(launch, pid):
    """The bytes that are in memory of a process."""
    try:
        return int(procfs.read(f"{launch.proc}/{pid}/statm").split()[1]) * PAGE
    except (ProcessLookupError, IndexError):
        return 0


def _call(thread):
    """The words of /proc/PID/syscall; none if it runs, is on its way out, or is not ours to read."""
    try:
        words = procfs.read(thread + "/syscall").split()
    except OSError:
        return ()
    return tuple(words) if len(words) > 2 else ()


def _timeout(launch, thread, call):
    """The seconds that a call may wait, infinity for no limit, 0 where that is not known."""
    kind, argument = launch.calls.get(int(call[0]), ("?", 0)) if call else ("?", 0)
    if kind == "-":
        return math.inf
    if kind == "?":
        return 0.0
    value = int(call[1 + argument], 16)
    if kind == "m":
        milliseconds = struct.unpack("i", struct.pack("I", value & 0xFFFFFFFF))[0]
        return milliseconds / 1000 if milliseconds >= 0 else math.inf
    if value == 0:
        return math.inf
    words = _read_memory(thread, value, "ll")  # struct timespec, struct timeval
    if not words:
        return 0.0
    seconds = words[0] + words[1] / (1e6 if kind == "u" else 1e9)
    clock = _clock_of(kind, int(call[1], 16), int(call[2], 16))
    if clock is None:
        return seconds
    try:
        return max(0.0, seconds - time.clock_gettime(clock))
    except OSError:
        return 0.0  # a clock that is not everybody's: of a process, or of a device


_TIMER_ABSTIME = 1  # time.h
# linux/futex.h: what is waited for up to a moment and not for a time; and which clock that is meant by.
_FUTEX_COMMAND, _FUTEX_WAIT, _FUTEX_CLOCK_REALTIME, _FUTEX_LOCK_PI = 127, 0, 256, 6


def _clock_of(kind, first, second):
    """The clock of which a call waits for a moment, None where it waits for some time; its first two arguments."""
    if kind == "c" and second & _TIMER_ABSTIME:
        return struct.unpack("i", struct.pack("I", first & 0xFFFFFFFF))[0]
    if kind == "f" and second & _FUTEX_COMMAND != _FUTEX_WAIT:
        is_real = second & _FUTEX_CLOCK_REALTIME or second & _FUTEX_COMMAND == _FUTEX_LOCK_PI
        return time.CLOCK_REALTIME if is_real else time.CLOCK_MONOTONIC
    return None


def _read_memory(thread, address, form):
    """What stands at an address, as struct.unpack() gives it; () if it cannot be read."""
    try:
        with open(thread + "/mem", "rb", buffering=0) as memory:
            return struct.unpack(form, os.pread(memory.fileno(), struct.calcsize(form), address))
    except (OSError, struct.error, OverflowError):
        return ()
