"""Which call a thread waits in, and for how long.

The state S in ps says that a thread sleeps, and not how it came to that. The call
is in /proc/PID/syscall, with its arguments; a timeout that is passed as a pointer
is read from the memory of the process. Source: proc(5).

Every function takes the path of a process's (or a thread's) folder in /proc. Which
calls wait, and which of their arguments says for how long, differs from machine
to machine: the launcher knows it, and tells, as Calls.
"""

from __future__ import annotations

import math
import os
import struct
import time
from typing import Any, Mapping, Tuple

from lab.kernel import procfs

# {number of a system call: (kind, which argument)}, of calls that wait for something to come. What the kinds mean, and
# which calls there are, is in waits.c of the launcher.
Calls = Mapping[int, Tuple[str, int]]
Call = Tuple[str, ...]  # the words of /proc/PID/syscall: the number, then the arguments

FOR_EVER, UNKNOWN = "-", "?"  # kinds: it has no timeout; it is none of Calls
MILLISECONDS, MICROSECONDS, NANOSECONDS, CLOCK, FUTEX, SIGNALS = "m", "u", "n", "c", "f", "s"

_TIMER_ABSTIME = 1  # time.h
# linux/futex.h: what is waited for up to a moment and not for a time; and which clock that is meant by.
_FUTEX_COMMAND, _FUTEX_WAIT, _FUTEX_CLOCK_REALTIME, _FUTEX_LOCK_PI = 127, 0, 256, 6


def call_of(thread: str) -> Call:
    """The call that a thread is in; () if it runs, is on its way out, or is not ours to read."""
    try:
        words = procfs.read(thread + "/syscall").split()
    except OSError:
        return ()
    return tuple(words) if len(words) > 2 else ()


def timeout(thread: str, call: Call, calls: Calls) -> float:
    """The seconds that a call may wait, infinity for no limit, 0 where that is not known."""
    kind, argument = calls.get(int(call[0]), (UNKNOWN, 0)) if call else (UNKNOWN, 0)
    if kind == FOR_EVER:
        return math.inf
    if kind == UNKNOWN:
        return 0.0
    value = int(call[1 + argument], 16)
    if kind == MILLISECONDS:
        milliseconds = _as_int(value)
        return milliseconds / 1000 if milliseconds >= 0 else math.inf
    if value == 0:
        return math.inf
    words = _read_memory(thread, value, "ll")  # struct timespec, struct timeval
    if not words:
        return 0.0
    seconds: float = words[0] + words[1] / (1e6 if kind == MICROSECONDS else 1e9)
    clock = _clock_of(kind, int(call[1], 16), int(call[2], 16))
    if clock is None:
        return seconds
    try:
        return max(0.0, seconds - time.clock_gettime(clock))
    except OSError:
        return 0.0  # a clock that is not everybody's: of a process, or of a device


def waits_for_others(folder: str, calls: Calls) -> bool:
    """Whether a process waits for something that another one does, and not for some time to pass."""
    try:
        state = procfs.read_stat(folder).state
    except ProcessLookupError:
        return False
    call = call_of(folder)
    if not call or int(call[0]) < 0:  # it runs, or waits for memory
        return False
    if state == "D":  # for its child, after vfork()
        return True
    return state == "S" and (not _is_sleep(call, calls) or timeout(folder, call, calls) == math.inf)


def _is_sleep(call: Call, calls: Calls) -> bool:
    """Whether nothing but a signal or the time can end a call: a sleep, or a poll() or select() of no descriptor."""
    kind, argument = calls.get(int(call[0]), (UNKNOWN, 0))
    if kind == CLOCK or (kind, argument) == (NANOSECONDS, 0):
        return True
    if kind in (MILLISECONDS, NANOSECONDS) and argument == 2:  # poll(), ppoll()
        return _as_int(int(call[2], 16)) == 0
    if kind in (MICROSECONDS, NANOSECONDS) and argument == 4:  # select(), pselect()
        return _as_int(int(call[1], 16)) == 0
    return False


def waits_to_write(folder: str, calls: Calls) -> bool:
    """Whether a thread of a process waits in a call that does not wait for something to come: for a full log, say."""
    try:
        sleeping = [thread for thread, own in procfs.threads(folder).items() if own.state == "S"]
    except ProcessLookupError:
        return False
    return any(call and int(call[0]) not in calls for call in map(call_of, sleeping))


def awaited_signals(thread: str, calls: Calls) -> frozenset[int]:
    """The numbers of the signals that a thread waits for in sigwaitinfo() or the like, none if it does not.

    Meanwhile /proc does not show them as blocked: kernel/signal.c, do_sigtimedwait().
    """
    call = call_of(thread)
    if not call or calls.get(int(call[0])) != (SIGNALS, 2):
        return frozenset()
    words = _read_memory(thread, int(call[1], 16), "Q")
    return frozenset(number for number in range(1, 65) if words and words[0] >> (number - 1) & 1)


def _clock_of(kind: str, first: int, second: int) -> int | None:
    """The clock of which a call waits for a moment, None where it waits for some time; its first two arguments."""
    if kind == CLOCK and second & _TIMER_ABSTIME:
        return _as_int(first)
    if kind == FUTEX and second & _FUTEX_COMMAND != _FUTEX_WAIT:
        is_real = second & _FUTEX_CLOCK_REALTIME or second & _FUTEX_COMMAND == _FUTEX_LOCK_PI
        return time.CLOCK_REALTIME if is_real else time.CLOCK_MONOTONIC
    return None


def _as_int(register: int) -> int:
    """What a register holds, as C's int."""
    number: int = struct.unpack("i", struct.pack("I", register & 0xFFFFFFFF))[0]
    return number


def _read_memory(thread: str, address: int, form: str) -> tuple[Any, ...]:
    """What stands at an address, as struct.unpack() gives it; () if it cannot be read."""
    try:
        with open(thread + "/mem", "rb", buffering=0) as memory:
            return struct.unpack(form, os.pread(memory.fileno(), struct.calcsize(form), address))
    except (OSError, struct.error, OverflowError):
        return ()
