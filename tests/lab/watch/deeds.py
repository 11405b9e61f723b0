"""Does to a process what a scene asks for: a function for each kind of scene.Deed.

What a function returns is what came of it, a facts.Came; None where nothing comes
but what is said and seen afterwards.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from typing import Any, Awaitable, Callable, Mapping

from lab.facts import Came, CameInVain, Crowded, Done, LogFilled, Opened, Raised, Regained, Said, Served, StartedAgain
from lab.hindered import deed_failed
from lab.kernel import procfs
from lab.kernel.waiting import waits_to_write
from lab.scene import (
    CONFIG,
    PID_FILE,
    SOCKET,
    AskForRoot,
    AwaitPings,
    AwaitSecond,
    ComeInVain,
    Connect,
    Crowd,
    Deed,
    FillLog,
    FullLog,
    OpenTerminal,
    Queue,
    RaiseBeforeWait,
    Replace,
    ReplaceConfig,
    ReplacePidFile,
    ReplaceSocket,
    Series,
    Signal,
    StartAgain,
    Stop,
    Storm,
    Talk,
    Vanish,
)
from lab.watch.look import text_of
from lab.watch.rest import LOOKS, POLL, SLOW_POLL, Unmoved
from lab.watch.scarce import is_above, no_room, processor_time, rests_at_times
from lab.watch.subject import Subject

FILL_TIME = 60.0  # seconds for the log to fill, if it does
ENOUGH = 200  # signals: a log that nobody reads is full after a dozen messages (net.unix.max_dgram_qlen)
FEW = 0.02  # seconds after the beginning of a second
SECONDS = 10  # that are tried for that
STORM_TIME = 1.0  # seconds for a signal to be taken, of many that come one after another
TAKEN_TIME = 5.0  # the same, where it matters that each is taken for itself
SERIES_TIME = 60.0  # seconds for all of them
LATER_TIME = 5.0  # seconds for a client to get something, of a process that could not accept it before
LINE = b"hello?\n"  # what a client sends who talks
TURN_TIME = 0.02  # seconds for which others may have to wait meanwhile


async def do_all(subject: Subject, deeds: tuple[Deed, ...]) -> tuple[Done, ...]:
    """Do one deed after another, and wait each time for what comes of it. Raises Hindered."""
    return tuple([await _do(subject, deed) for deed in deeds])


async def _do(subject: Subject, deed: Deed) -> Done:
    launch, begun = subject.launch, time.monotonic()
    said = (launch.messages, launch.notices, launch.printed, launch.errors)
    messages, notices, printed, errors = map(len, said)
    came = await DEEDS[type(deed)](subject, deed)
    if not isinstance(deed, AT_ONCE):
        await subject.rest()
        launch.drain()
    since = Said(
        tuple(launch.messages[messages:]),
        tuple(launch.notices[notices:]),
        text_of(launch.printed[printed:]),
        text_of(launch.errors[errors:]),
    )
    return Done(deed, came, since, begun, time.monotonic())


# ---- signals -----------------------------------------------------------------------


async def _send_signal(subject: Subject, deed: Signal) -> None:
    subject.send(deed.number)


async def _stop(subject: Subject, deed: Stop) -> None:
    subject.send(signal.SIGSTOP)
    subject.launch.connect_crowd(deed.where, deed.count, stays=True)
    subject.send(signal.SIGTERM, signal.SIGCONT)
    deadline = time.monotonic() + deed.limit
    while subject.is_alive() and time.monotonic() < deadline:
        subject.launch.pump()
        await asyncio.sleep(SLOW_POLL)


async def _await_second(_subject: Subject, _deed: AwaitSecond) -> None:
    for _ in range(SECONDS):  # on a busy machine a sleep may end too late
        await asyncio.sleep(1.0 - time.monotonic() % 1.0)
        if time.monotonic() % 1.0 < FEW:
            break


async def _raise_before_wait(subject: Subject, deed: RaiseBeforeWait) -> Raised:
    result = subject.launch.raise_before_wait(deed.number, subject.thread())
    return Raised(_unless_hindered(result, "stop before the call in which it waits"))


async def _send_series(subject: Subject, deed: Series) -> None:
    await _send_one_by_one(subject, deed.number, deed.count, TAKEN_TIME)


async def _send_storm(subject: Subject, deed: Storm) -> None:
    half = deed.count // 2
    subject.send(*[deed.number] * half, meanwhile=subject.launch.pump)
    await _send_one_by_one(subject, deed.number, half, STORM_TIME)
    await subject.rest()
    subject.send(signal.SIGSTOP, deed.number, deed.last, signal.SIGCONT)


async def _send_one_by_one(subject: Subject, number: int, count: int, limit: float) -> None:
    """Send a signal `count` times, each when the one before is taken.

    End early if that takes `limit` seconds, or if the process waits for something else, and so never takes it.
    """
    turn = time.monotonic()
    end = turn + SERIES_TIME
    try:
        outer = subject.launch.outer(subject.process.pid)
        for _ in range(count):
            os.kill(outer, number)
            deadline = min(time.monotonic() + limit, end)
            unmoved = Unmoved(subject.launch, subject.process.pid)
            subject.launch.take_in()
            while _is_pending(subject, number):
                subject.launch.take_in()
                if time.monotonic() > deadline:
                    return
                if time.monotonic() > turn + TURN_TIME:
                    if unmoved.look() == LOOKS:
                        return
                    await asyncio.sleep(POLL)
                    turn = time.monotonic()
    except ProcessLookupError:
        pass  # it has ended already


def _is_pending(subject: Subject, number: int) -> bool:
    """Whether a signal has come, and is not taken yet. Raises ProcessLookupError."""
    return number in procfs.read_status(subject.folder).signals("ShdPnd")


async def _fill_log(subject: Subject, deed: FillLog) -> LogFilled:
    """It ends, too, when the process has taken so many signals that it will never wait for the log, or takes none."""
    deadline = time.monotonic() + FILL_TIME
    looks = taken = 0
    unmoved = Unmoved(subject.launch, subject.process.pid)
    with subject.launch.unread():
        while looks < LOOKS and taken < ENOUGH and time.monotonic() < deadline:
            looks = looks + 1 if waits_to_write(subject.folder, subject.launch.calls) else 0
            try:
                is_pending = _is_pending(subject, deed.number)
            except ProcessLookupError:
                break
            taken += not is_pending
            if not is_pending:
                unmoved.forget()
            elif unmoved.look() == LOOKS:
                break  # it waits, and no signal of this kind will wake it
            subject.send(deed.number)
            await asyncio.sleep(POLL)
    return LogFilled(looks == LOOKS)


async def _send_at_full_log(subject: Subject, deed: FullLog) -> LogFilled:
    """The second signal is sent, too, where the first one does not make the process wait for the log."""
    launch = subject.launch
    with launch.unread():
        launch.fill_log()
        subject.send(deed.first)
        waits = await _waits_for_log(subject)
        subject.send(deed.second)
        await _waits_for_log(subject)
    return LogFilled(waits)


async def _waits_for_log(subject: Subject) -> bool:
    """Whether the process comes to wait for room in the log, before it waits for something else or has exited."""
    deadline = time.monotonic() + TAKEN_TIME
    unmoved = Unmoved(subject.launch, subject.process.pid)
    while time.monotonic() < deadline:
        if unmoved.look() == LOOKS:
            return waits_to_write(subject.folder, subject.launch.calls)
        if not subject.is_alive():
            return False
        await asyncio.sleep(POLL)
    return False


# ---- clients -----------------------------------------------------------------------


async def _connect(subject: Subject, deed: Connect) -> Served:
    return await subject.clients.connect(deed.where)


async def _talk(subject: Subject, deed: Talk) -> Served:
    subject.send(signal.SIGSTOP)
    try:
        client = subject.launch.connect(deed.where)
        client.sendall(LINE)
    except OSError as error:
        return Served("", error.strerror or "")
    finally:
        subject.send(signal.SIGCONT)
    return await subject.clients.read_all(client)


async def _come_in_vain(subject: Subject, deed: ComeInVain) -> CameInVain:
    try:
        with no_room(subject) as limit:
            if is_above(subject, limit):
                return CameInVain(Served("", ""), rested=True, unlike=True)
            ran = processor_time(subject)
            client = subject.launch.connect(deed.where)
            rested = await rests_at_times(subject, ran)
    except ProcessLookupError:
        return CameInVain(Served("", ""), rested=True)
    except OSError as error:
        return CameInVain(Served("", error.strerror or ""), rested=True)
    return CameInVain(await subject.clients.read_all(client, LATER_TIME), rested)


async def _queue(subject: Subject, deed: Queue) -> Served:
    subject.send(signal.SIGSTOP)
    try:
        clients = [subject.launch.connect(deed.where) for _ in range(deed.count)]
    except OSError as error:
        return Served("", error.strerror or "")
    finally:
        subject.send(deed.number, signal.SIGCONT)
    return await subject.clients.worst_of(clients)


async def _connect_crowd(subject: Subject, deed: Crowd) -> Crowded:
    return Crowded(subject.launch.connect_crowd(deed.where, deed.count, stays=True))


async def _vanish(subject: Subject, deed: Vanish) -> None:
    subject.send(signal.SIGSTOP)
    subject.launch.connect_crowd(deed.where, deed.count, stays=False)
    subject.send(signal.SIGCONT)


# ---- the rest ----------------------------------------------------------------------


async def _start_again(subject: Subject, deed: StartAgain) -> StartedAgain:
    """What has ended when all is at rest."""
    launch = subject.launch
    before, printed, errors = len(launch.again), len(launch.printed), len(launch.errors)
    launch.start_again(deed.count)
    await subject.rest()
    launch.take_in()
    statuses = tuple(launch.reaped.get(pid) for pid in launch.again[before:])
    return StartedAgain(statuses, text_of(launch.printed[printed:]), text_of(launch.errors[errors:]))


async def _replace(subject: Subject, deed: Replace) -> None:
    subject.launch.replace(REPLACED[type(deed)], deed.other)


async def _await_pings(subject: Subject, deed: AwaitPings) -> None:
    launch = subject.launch
    wanted = len(launch.notices) + deed.count
    seen, deadline = -1, 0.0
    while len(launch.notices) < wanted:
        if seen != len(launch.notices):
            seen, deadline = len(launch.notices), time.monotonic() + deed.limit
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(SLOW_POLL)
        launch.take_in()


async def _open_terminal(subject: Subject, _deed: OpenTerminal) -> Opened:
    return Opened(_unless_hindered(subject.launch.make_open_terminal(subject.thread()), "open a terminal"))


async def _ask_for_root(subject: Subject, _deed: AskForRoot) -> Regained:
    regained = Regained(*subject.launch.make_ask_for_root(subject.thread()))
    for result in (regained.user, regained.group):
        if result != -errno.EPERM:  # which is what the kernel says to whoever has no way back
            _unless_hindered(result, "ask for root's IDs")
    return regained


def _unless_hindered(result: int, deed: str) -> int:
    """`result`, of something that a process was made to do. Raises Hindered where it is a negative errno.

    But for ENOSYS: on this kind of machine the lab cannot do it at all.
    """
    if result < 0 and result != -errno.ENOSYS:
        raise deed_failed(deed, os.strerror(-result))
    return result


DEEDS: Mapping[type, Callable[[Subject, Any], Awaitable[Came | None]]] = {
    Signal: _send_signal,
    AwaitSecond: _await_second,
    RaiseBeforeWait: _raise_before_wait,
    Series: _send_series,
    Storm: _send_storm,
    FillLog: _fill_log,
    Connect: _connect,
    Talk: _talk,
    ComeInVain: _come_in_vain,
    Queue: _queue,
    Crowd: _connect_crowd,
    Vanish: _vanish,
    StartAgain: _start_again,
    ReplaceConfig: _replace,
    ReplacePidFile: _replace,
    ReplaceSocket: _replace,
    Stop: _stop,
    FullLog: _send_at_full_log,
    AwaitPings: _await_pings,
    OpenTerminal: _open_terminal,
    AskForRoot: _ask_for_root,
}
REPLACED = {ReplaceConfig: CONFIG, ReplacePidFile: PID_FILE, ReplaceSocket: SOCKET}
AT_ONCE = (AwaitSecond, FillLog, Replace)  # what comes next comes before it is at rest
