"""Which call a thread waits in, and for how long, is read from files of /proc: here from files that look like them."""

import ctypes
import math
import time

import pytest

from lab.kernel.waiting import awaited_signals, call_of, timeout, waits_for_others, waits_to_write

# As the launcher tells them: {number: (kind, argument)}.
CALLS = {1: ("-", 0), 2: ("m", 2), 3: ("n", 0), 4: ("u", 0), 5: ("c", 2), 6: ("f", 3), 7: ("s", 2)}
STACK = "0x7ffd0 0x7f00"  # the stack pointer and the program counter stand behind the arguments: proc(5)
TIMER_ABSTIME, FUTEX_WAIT, FUTEX_WAIT_BITSET = 1, 0, 9


class Pair(ctypes.Structure):
    """A struct timespec, or a struct timeval."""

    _fields_ = [("seconds", ctypes.c_long), ("rest", ctypes.c_long)]


@pytest.fixture
def thread(tmp_path):
    """A function: the text of `syscall` in, the folder of a thread out; its memory is that of the test."""

    def make(text, state="S"):
        (tmp_path / "syscall").write_text(text + "\n")
        (tmp_path / "stat").write_text(f"7 (a) {state} " + "0 " * 40)
        (tmp_path / "mem").symlink_to("/proc/self/mem")
        return str(tmp_path)

    return make


@pytest.fixture
def process(thread, tmp_path):
    """A function: the `syscall` of each thread in, the folder of a process out, with the files of its first thread."""

    def make(*texts, state="S"):
        for number, text in enumerate(texts):
            folder = tmp_path / "task" / str(7 + number)
            folder.mkdir(parents=True)
            (folder / "syscall").write_text(text + "\n")
            (folder / "stat").write_text(f"{folder.name} (a) {state} " + "0 " * 40)
        return thread(texts[0], state)

    return make


def in_call(number, *arguments):
    """What `syscall` says of a thread that is in this call."""
    words = [hex(argument & (1 << 64) - 1) for argument in (*arguments, *[0] * 6)[:6]]
    return f"{number} {' '.join(words)} {STACK}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("running", 0.0),
        (f"-1 {STACK}", 0.0),
        (in_call(99), 0.0),
        (in_call(1), math.inf),
        (in_call(2, 0, 0, -1), math.inf),
        (in_call(2, 0, 0, 0xFFFFFFFF), math.inf),
        (in_call(2, 0, 0, 1500), 1.5),
        (in_call(3, 0), math.inf),
        (in_call(3, 8), 0.0),
    ],
    ids=["it runs", "no call", "another call", "no timeout", "-1", "-1 as int", "1500 ms", "NULL", "a bad address"],
)
def test_the_timeout_of_a_call(text, seconds, thread):
    folder = thread(text)
    assert timeout(folder, call_of(folder), CALLS) == seconds


@pytest.mark.parametrize(
    ("number", "arguments", "rest", "seconds"),
    [(3, (), 500_000_000, 2.5), (4, (), 500_000, 2.5)],
    ids=["nanoseconds", "microseconds"],
)
def test_a_timeout_in_memory(number, arguments, rest, seconds, thread):
    pair = Pair(2, rest)
    folder = thread(in_call(number, ctypes.addressof(pair)))
    assert timeout(folder, call_of(folder), CALLS) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("number", "arguments", "is_moment"),
    [
        (5, (time.CLOCK_MONOTONIC, TIMER_ABSTIME), True),
        (5, (time.CLOCK_MONOTONIC, 0), False),
        (6, (0, FUTEX_WAIT_BITSET), True),
        (6, (0, FUTEX_WAIT), False),
    ],
)
def test_a_moment_is_no_duration(number, arguments, is_moment, thread):
    """Some calls wait up to a moment of a clock: clock_nanosleep(2), futex(2)."""
    moment = Pair(int(time.clock_gettime(time.CLOCK_MONOTONIC)) + 1000, 0)
    words = [*arguments, 0, 0][: CALLS[number][1]] + [ctypes.addressof(moment)]
    folder = thread(in_call(number, *words))
    assert timeout(folder, call_of(folder), CALLS) == pytest.approx(1000 if is_moment else moment.seconds, abs=60)


def test_signals_that_are_waited_for_are_in_memory(thread):
    bits = ctypes.c_uint64(1 << 14 | 1)  # SIGTERM and SIGHUP
    folder = thread(in_call(7, ctypes.addressof(bits)))
    assert awaited_signals(folder, CALLS) == {1, 15}
    assert awaited_signals(folder, {7: ("n", 2)}) == frozenset(), "it is another call on this machine"


def test_who_waits_to_write_waits_for_nothing_to_come(process):
    assert waits_to_write(process(in_call(99)), CALLS)


def test_it_may_be_another_thread_that_waits_to_write(process):
    """As where one thread takes the signals and logs, and the first one only waits."""
    assert waits_to_write(process(in_call(1), in_call(99)), CALLS)


def test_who_waits_for_something_to_come_does_not_wait_to_write(process):
    folder = process(in_call(1), in_call(1))
    assert waits_for_others(folder, CALLS) and not waits_to_write(folder, CALLS)


def test_who_runs_waits_for_nothing(process):
    folder = process(in_call(1), state="R")
    assert not waits_for_others(folder, CALLS) and not waits_to_write(folder, CALLS)


def test_who_is_gone_waits_for_nothing(tmp_path):
    assert not waits_for_others(str(tmp_path), CALLS) and not waits_to_write(str(tmp_path), CALLS)


@pytest.mark.parametrize(
    ("text", "state", "is_so"),
    [
        (in_call(2, 0, 1, 1500), "S", True),
        (in_call(2, 0, 0, 1500), "S", False),
        (in_call(2, 0, 0, -1), "S", True),
        (in_call(3, 8), "S", False),
        (in_call(5, 0, 0, 8), "S", False),
        (in_call(99), "S", True),
        (in_call(99), "D", True),
        (f"-1 {STACK}", "D", False),
        ("running", "R", False),
    ],
    ids=["poll", "poll of none", "for ever", "sleep", "sleep by a clock", "a lock", "vfork", "memory", "it runs"],
)
def test_who_sleeps_does_not_wait_for_others(text, state, is_so, process):
    assert waits_for_others(process(text, state=state), CALLS) == is_so
