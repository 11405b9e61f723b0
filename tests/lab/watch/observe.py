"""What the kernel says of a launch that has come to rest.

What goes out is an Observation: plain data, with nothing in it that needs the
process any more. Its PIDs are as the job itself sees them.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from stat import S_IMODE, S_ISREG

import psutil

from lab.facts import (
    CHANGED,
    FULL_DISK,
    OUT_OF_MEMORY,
    TOO_MANY_FILES,
    After,
    Crowded,
    Done,
    Held,
    Job,
    LogFilled,
    Observation,
    Opened,
    PidFile,
    Piped,
    Process,
    Raised,
    Regained,
    Rest,
    Said,
    Served,
    Sockets,
    StartedAgain,
    World,
)
from lab.hindered import deed_failed, has_lease, init_ended, invisible, look_failed
from lab.kernel import procfs
from lab.kernel.environ import read_environment
from lab.kernel.process import Process as LiveProcess
from lab.sandbox.launch import Launch
from lab.sandbox.server import Launchpad
from lab.scene import (
    CONFIG,
    HOSTS_FILE,
    PID_FILE,
    AskForRoot,
    AwaitPings,
    Connect,
    Crowd,
    Device,
    FillLog,
    OpenTerminal,
    Queue,
    RaiseBeforeWait,
    ReplaceConfig,
    Scene,
    Series,
    Signal,
    StartAgain,
    Storm,
    Vanish,
)
from lab.toolbox import LabError
from lab.watch import loop
from lab.watch.alarms import next_alarm
from lab.watch.inside import from_inside
from lab.watch.rest import FEW, LONG_SLEEP, LOOKS, POLL, SLOW_POLL, WAKE_TIME, awaited_signals, settle, waits_to_write

FILL_TIME = 60.0  # seconds for the log to fill, if it does
ENOUGH = 200  # signals: a log that nobody reads is full after a dozen messages (net.unix.max_dgram_qlen)
STORM_TIME = 1.0  # seconds for a signal to be taken, of many that come one after another
TAKEN_TIME = 5.0  # the same, where it matters that each is taken for itself
SERIES_TIME = 60.0  # seconds for all of them
TURN_TIME = 0.02  # seconds for which others may have to wait meanwhile
CLIENT_TIME = 0.1  # seconds for a client to get something, and once more when all is at rest
SERVED_TIME = 60.0  # seconds for all that a client gets
MAX_SERVED = 64 * 1024  # bytes of that
PING_TIME = 1.0  # seconds for the next sign of life to come
AT_ONCE_FLAGS = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC  # a file with a lease on it is not waited for, fcntl(2)
MAX_PROCESSES = 100  # that are looked at; more are too many in any case


KEPT = ("ppid", "pgid", "sid", "terminal", "umask", "cwd", "program", "ignored")  # fields of Process


async def observe(pad: Launchpad, name, program, scene=Scene(), to_the_end=False):
    """Launch `program`, which is the answer `name`, look at it once it is at rest, and end it all.

    With `to_the_end` it is asked at last whether a timer of its own will wake it
    soon. If one will, the program is launched once more, and looked at when that
    has happened: what is right for a moment only is not right.

    It waits for the first time when the launch is under way. Raises LabError
    where the environment is at fault, and Hindered where the answer may be.
    """
    if scene.then and to_the_end:  # what is done to the program then would come before its timers are asked
        _, alarm = await _launch_and_look(pad, name, program, replace(scene, then=()), to_the_end)
        is_soon = alarm is not None and alarm.after_rest < LONG_SLEEP
        return (await _launch_and_look(pad, name, program, scene, awaited=alarm if is_soon else None))[0]
    seen, alarm = await _launch_and_look(pad, name, program, scene, to_the_end)
    if alarm is None:
        return seen
    if alarm.after_rest >= LONG_SLEEP:
        note = f"A timer wakes your program after {alarm.after_rest:.0f} s. The lab does not look at what it does then."
        return replace(seen, rest=replace(seen.rest, note=seen.rest.note or note))
    again, _ = await _launch_and_look(pad, name, program, scene, awaited=alarm)
    if not alarm.is_certain:
        return again
    note = f"A timer woke your program after {alarm.after_rest:.1f} s. The lab looked at it after that."
    return replace(again, rest=replace(again.rest, note=again.rest.note or note))


@dataclass(frozen=True)
class Alarm:
    """When a program that is at rest will be woken, or may be."""

    after_start: float  # seconds after its start: then it can be looked at once more
    after_rest: float  # seconds after it was seen at rest
    is_certain: bool = True


async def _launch_and_look(pad, name, program, scene, to_the_end=False, awaited=None):
    """An Observation, and an Alarm or None: see observe()."""
    with pad.job(name, program, scene, high=_high_number()) as launch, _in_sight():
        launch.on_call = lambda outer: _held_signals(launch, f"/proc/{outer}")
        await asyncio.sleep(0.0)
        pad.wait_for_start(launch)
        if not scene.root:
            return await _look(launch, name, to_the_end, awaited)
        look = partial(_look_from_inside, launch, name, to_the_end, awaited)
        launch.is_read = False  # the child does that now
        return await from_inside(launch.init, look, launch.descriptors())


def _look_from_inside(launch, name, to_the_end, awaited):
    return loop.run(_look(launch.of_this_process(), name, to_the_end, awaited))


async def _look(launch, name, to_the_end, awaited):
    """An Observation, and an Alarm or None: see observe()."""
    seen = await _observe(launch, name, awaited)
    return seen, _find_alarm(launch, seen) if to_the_end else None


def _find_alarm(launch, seen):
    """The Alarm of a program that has been looked at; None if it waits for good.

    What does not wait in a plain way, or may be woken by what cannot be asked, is
    looked at once more when LONG_SLEEP is over. So is what has a timer, since it may
    set the next one then. But a service that a manager keeps an eye on has timers.
    """
    asked = time.monotonic()
    seconds = next_alarm(launch, seen.processes) if seen.rest.settled else None
    if seconds is None and (seen.rest.is_plain or not seen.rest.settled):
        return None
    is_certain = bool(seconds)
    after_rest = asked + seconds - seen.rest.since if is_certain else 0.0
    is_watched = launch.scene.has_manager
    latest = after_rest if is_watched and is_certain else max(after_rest, LONG_SLEEP)
    return Alarm(seen.rest.since + latest - launch.started, after_rest, is_certain)


async def _observe(launch, name, awaited=None):
    """An Observation; `awaited` is an Alarm that has to come first.

    What a look changes comes last: a program that watches its terminal or its
    files sees the lab only when its own state has been read.
    """
    shell = read_process(launch, launch.shell, lambda descriptor: descriptor.inherited) or _ended(launch.shell)
    rest = await _rest(launch)
    if awaited is not None:
        while time.monotonic() < launch.started + awaited.after_start + WAKE_TIME:
            launch.pump()
            await asyncio.sleep(SLOW_POLL)
        rest = await _rest(launch)
    launch.take_in()
    found = _read_processes(launch)
    living = [process for process in found.values() if process is not None]
    sockets = _own_sockets(launch, living[-1], shell) if living else Sockets()
    launch.drain()
    pid_file = _pid_file(launch)
    done = (await _do_all(launch, living[-1])) if living and launch.scene.then else ()
    after = _look_after(launch, living[-1]) if done else After(_files(launch))
    used_up = _what_is_used_up(launch)
    if used_up:
        rest = Rest(False, used_up)
    elif rest.settled and not launch.scene.then and _has_changed(launch, living):
        rest = Rest(False, CHANGED)
    return Observation(
        name=name,
        scene=launch.scene,
        rest=rest,
        when=time.time(),
        world=World(
            sandboxed=launch.sandboxed,
            adopter=launch.adopter,
            program=launch.program,
            shell=shell,
            root=_identity(f"{launch.proc}/{launch.adopter}/root"),
            localhost=_localhost(launch),
        ),
        job=Job(
            pid=launch.job,
            status=launch.job_status,
            exec_errno=launch.exec_errno,
            found=launch.found,
            lost_shell=launch.shell_is_lost(),
        ),
        processes=tuple(living),
        zombies=tuple(pid for pid, process in found.items() if process is None),
        reaped={pid: status for pid, status in launch.reaped.items() if pid != launch.shell},
        said=Said(tuple(launch.messages), tuple(launch.notices), _text(launch.printed)),
        piped=Piped(_text(launch.piped), launch.pipe_closed),
        pid_file=pid_file,
        sockets=sockets,
        held=Held(launch.accept_failed, tuple(_look_before(launch, number) for number in range(len(launch.notices)))),
        done=done,
        after=after,
    )


def _read_processes(launch):
    """{PID: a Process, None if it is gone or a zombie}.

    Where there are more than a few, only the youngest one's descriptors are
    read: it is the one that is judged, and there may be thousands in each.
    """
    pids = sorted(launch.pids()[:MAX_PROCESSES])
    wanted = pids if len(pids) <= FEW else pids[-1:]
    return {pid: read_process(launch, pid, with_descriptors=pid in wanted) for pid in pids}


def _localhost(launch):
    """The kinds of address that localhost stands for where the program runs, if it was told that name: hosts(5)."""
    if not any("localhost" in argument for argument in launch.scene.arguments or ()):
        return frozenset()
    if launch.sandboxed and HOSTS_FILE.exists():  # there are HOSTS in its place
        return frozenset({"tcp4", "tcp6"})
    kinds = {socket.AF_INET: "tcp4", socket.AF_INET6: "tcp6"}
    try:
        found = socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(kinds[family] for family, *_ in found if family in kinds)


def _what_is_used_up(launch):
    """The reason why a program cannot be said to be at rest: it has taken all that there was of something; else ""."""
    if launch.was_out_of_memory():
        return OUT_OF_MEMORY
    room, files = launch.room_left()
    if room <= 0:
        return FULL_DISK
    return TOO_MANY_FILES if files <= 0 else ""


def _has_changed(launch, processes):
    """Whether one of them is not as it was when it was looked at, in what a program sets up and then keeps."""
    for process in processes:
        again = read_process(launch, process.pid, with_descriptors=False)
        if again is None or any(getattr(again, name) != getattr(process, name) for name in KEPT):
            return True
    return False


def _text(printed):
    return printed.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


async def _rest(launch):
    """Wait until all of a launch is at rest; returns a Rest."""
    rest = await settle(launch, lambda pid: _state(launch, pid))
    return replace(rest, since=time.monotonic())


# What is done to a process that has come to rest: a function for each kind of scene.Deed. It returns what came of it, a
# facts.Came, None where nothing comes but what is said and seen afterwards.


def _done_unless_hindered(result, deed):
    """`result`, of something that a process was made to do. Raises Hindered where it is a negative errno.

    But for ENOSYS: on this kind of machine the lab cannot do it at all.
    """
    if result < 0 and result != -errno.ENOSYS:
        raise deed_failed(deed, os.strerror(-result))
    return result


async def _send_signal(launch, process, deed):
    _send(launch, process.pid, deed.number)
    return None


async def _open_terminal(launch, process, _deed):
    opened = launch.make_open_terminal(procfs.living_thread(f"{launch.proc}/{process.pid}"))
    return Opened(_done_unless_hindered(opened, "open a terminal"))


async def _ask_for_root(launch, process, _deed):
    regained = launch.make_ask_for_root(procfs.living_thread(f"{launch.proc}/{process.pid}"))
    for result in regained:
        if result != -errno.EPERM:  # which is what the kernel says to whoever has no way back
            _done_unless_hindered(result, "ask for root's IDs")
    return Regained(*regained)


async def _start_again(launch, _process, deed):
    """What has ended when all is at rest."""
    before = len(launch.printed)
    launch.start_again(deed.count)
    await _rest(launch)
    launch.take_in()
    printed = launch.printed[before:].decode("utf-8", "backslashreplace")
    return StartedAgain(tuple(launch.reaped.get(pid) for pid in launch.again), printed)


async def _replace_config(launch, _process, deed):
    launch.replace(CONFIG, deed.other)
    return None


async def _raise_before_wait(launch, process, deed):
    raised = launch.raise_before_wait(deed.number, procfs.living_thread(f"{launch.proc}/{process.pid}"))
    return Raised(_done_unless_hindered(raised, "stop before the call in which it waits"))


async def _send_storm(launch, process, deed):
    half = deed.count // 2
    _send(launch, process.pid, *[deed.number] * half, meanwhile=launch.pump)
    await _send_one_by_one(launch, process, deed.number, half, STORM_TIME)
    await _rest(launch)
    _send(launch, process.pid, signal.SIGSTOP, deed.number, deed.last, signal.SIGCONT)
    return None


async def _send_series(launch, process, deed):
    await _send_one_by_one(launch, process, deed.number, deed.count, TAKEN_TIME)
    return None


async def _send_one_by_one(launch, process, number, count, limit):
    """Send a signal `count` times, each when the one before is taken; end early if that takes `limit` seconds."""
    turn = time.monotonic()
    end = turn + SERIES_TIME
    try:
        outer = launch.outer(process.pid)
        for _ in range(count):
            os.kill(outer, number)
            deadline = min(time.monotonic() + limit, end)
            launch.take_in()
            while number in procfs.read_status(f"{launch.proc}/{process.pid}").signals("ShdPnd"):
                launch.take_in()
                if time.monotonic() > deadline:
                    return
                if time.monotonic() > turn + TURN_TIME:
                    await asyncio.sleep(0.0)
                    turn = time.monotonic()
    except ProcessLookupError:
        pass  # it has ended already


async def _fill_log(launch, process, deed):
    """It ends, too, when the process has taken so many signals that it will never wait for the log."""
    number, deadline = deed.number, time.monotonic() + FILL_TIME
    launch.is_read = False
    looks = taken = 0
    while looks < LOOKS and taken < ENOUGH and time.monotonic() < deadline:
        looks = looks + 1 if waits_to_write(launch, process.pid) else 0
        try:
            taken += number not in procfs.read_status(f"{launch.proc}/{process.pid}").signals("ShdPnd")
        except ProcessLookupError:
            break
        _send(launch, process.pid, number)
        await asyncio.sleep(POLL)
    launch.is_read = True
    return LogFilled(looks == LOOKS)


async def _connect(launch, _process, deed):
    try:
        client = launch.connect(deed.where)
    except OSError as error:
        return Served("", error.strerror)
    return await _read_all(launch, client)


async def _queue(launch, process, deed):
    """What the worst served of the clients got."""
    _send(launch, process.pid, signal.SIGSTOP)
    try:
        clients = [launch.connect(deed.where) for _ in range(deed.count)]
    except OSError as error:
        return Served("", error.strerror)
    finally:
        _send(launch, process.pid, deed.number, signal.SIGCONT)
    served = []
    for client in clients:
        served.append(await _read_all(launch, client))
    return next((each for each in served if each.how != "closed" or not each.text), served[0])


async def _read_all(launch, client):
    """What a client gets, until the other side closes or nothing comes any more; closes it."""
    text, deadline = b"", time.monotonic() + SERVED_TIME
    with client:
        client.setblocking(False)
        try:
            while len(text) < MAX_SERVED and time.monotonic() < deadline:
                data = await _next_part(launch, client)
                if not data:
                    return Served(_text(text), "closed")
                text += data
        except BlockingIOError:
            launch.kept_waiting = True
        except OSError as error:
            return Served(_text(text), error.strerror)
    return Served(_text(text), "open")


async def _next_part(launch, client):
    """What comes next, b"" for the end. Raises BlockingIOError where nothing comes although all is at rest."""
    for last in (launch.kept_waiting, True):
        deadline = time.monotonic() + CLIENT_TIME
        while time.monotonic() < deadline:
            try:
                return client.recv(MAX_SERVED)
            except BlockingIOError:
                launch.pump()
                await asyncio.sleep(POLL)
        if last:
            return client.recv(MAX_SERVED)
        await _rest(launch)


async def _connect_crowd(launch, _process, deed):
    return Crowded(launch.connect_crowd(deed.where, deed.count, stays=True))


async def _vanish(launch, process, deed):
    _send(launch, process.pid, signal.SIGSTOP)
    launch.connect_crowd(deed.where, deed.count, stays=False)
    _send(launch, process.pid, signal.SIGCONT)
    return None


async def _await_pings(launch, _process, deed):
    wanted = len(launch.notices) + deed.count
    seen, deadline = -1, 0
    while len(launch.notices) < wanted:
        if seen != len(launch.notices):
            seen, deadline = len(launch.notices), time.monotonic() + PING_TIME
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(SLOW_POLL)
        launch.take_in()
    return None


DEEDS = {
    Signal: _send_signal,
    RaiseBeforeWait: _raise_before_wait,
    Series: _send_series,
    Storm: _send_storm,
    FillLog: _fill_log,
    Connect: _connect,
    Queue: _queue,
    Crowd: _connect_crowd,
    Vanish: _vanish,
    StartAgain: _start_again,
    ReplaceConfig: _replace_config,
    AwaitPings: _await_pings,
    OpenTerminal: _open_terminal,
    AskForRoot: _ask_for_root,
}
AT_ONCE = (FillLog, ReplaceConfig)  # what comes next comes before it is at rest


def _send(launch, pid, *numbers, meanwhile=lambda: None):
    """Send a process signals; `meanwhile` is called after each."""
    try:
        outer = launch.outer(pid)
        for number in numbers:
            os.kill(outer, number)
            meanwhile()
    except ProcessLookupError:
        pass  # it has ended already


async def _do_all(launch, process):
    """Do what the scene has for later, and wait for what comes of it; a Done for each deed."""
    return tuple([await _do(launch, process, deed) for deed in launch.scene.then])


async def _do(launch, process, deed):
    begun = time.monotonic()
    before = [len(said) for said in (launch.messages, launch.notices, launch.printed)]
    came = await DEEDS[type(deed)](launch, process, deed)
    if not isinstance(deed, AT_ONCE):
        await _rest(launch)
        launch.drain()
    messages, notices, printed = before
    said = Said(tuple(launch.messages[messages:]), tuple(launch.notices[notices:]), _text(launch.printed[printed:]))
    return Done(deed, came, said, begun, time.monotonic())


def _look_after(launch, process):
    """What is left when something was done to a process: an After."""
    again = {pid: read_process(launch, pid, with_descriptors=False) for pid in launch.pids()}
    found = again.get(process.pid)
    return After(
        files=_files(launch),
        status=launch.job_status if process.pid == launch.job else launch.reaped.get(process.pid),
        left=tuple(pid for pid, each in again.items() if each is not None),
        pid_file=_pid_file(launch),
        terminal=found.terminal if found is not None else 0,
    )


def _files(launch):
    try:
        return tuple(sorted(os.listdir(launch.lab)))
    except OSError:
        return ()  # it has been taken away


def _pid_file(launch):
    """A PidFile, None if there is no such regular file; locked is what cannot be locked once more."""
    try:
        found = os.open(f"{launch.lab}/{PID_FILE}", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        status = os.fstat(found)
        if not S_ISREG(status.st_mode):
            return None
        with _opened_whatever_its_mode(f"/proc/self/fd/{found}", S_IMODE(status.st_mode)) as fd:
            locked = not (_lockable(fcntl.flock, fd) and _lockable(fcntl.lockf, fd))
            text = os.pread(fd, 1000, 0).decode("utf-8", "backslashreplace")
        return PidFile(text, S_IMODE(status.st_mode), (status.st_dev, status.st_ino), locked)
    except BlockingIOError as blocked:  # AT_ONCE_FLAGS: it does not wait
        raise has_lease(PID_FILE) from blocked
    finally:
        os.close(found)


@contextmanager
def _opened_whatever_its_mode(path, mode):
    """A descriptor to read and to write; where the mode is against that it is changed for a moment.

    `path` is a link of /proc to what is open already: what a name leads to may
    change under way, and be a file of the caller's.
    """
    try:
        fd = os.open(path, AT_ONCE_FLAGS)
    except PermissionError:
        os.chmod(path, mode | 0o600)
        try:
            fd = os.open(path, AT_ONCE_FLAGS)
        finally:
            os.chmod(path, mode)
    try:
        yield fd
    finally:
        os.close(fd)


def _lockable(lock, fd):
    try:
        lock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock(fd, fcntl.LOCK_UN)
        return True
    except BlockingIOError:
        return False


@contextmanager
def _in_sight():
    """Whatever keeps the lab from looking is a Hindered: who is at fault for it is found out later."""
    try:
        yield
    except LabError:
        raise
    except ProcessLookupError as gone:
        raise init_ended() from gone
    except PermissionError as denied:
        raise invisible(denied.filename) from denied
    except Exception as error:  # what is looked at is made by an answer, which may mean harm
        raise look_failed(error) from error


def _ended(pid):
    """In place of a shell that the answer has ended before it could be looked at."""
    return Process(
        pid, ppid=0, pgid=0, sid=0, terminal=0, state="X", umask=0, cwd=(), cwd_text="", program=(), descriptors={}
    )


def _high_number():
    """Where the descriptor beyond the limit is: at a number that nobody can know."""
    return 3000 + int.from_bytes(os.urandom(4), "little") % 1000


def _identity(path):
    """What a path or a link of /proc leads to: text can be forged, this cannot."""
    with procfs.process_may_end(os.path.dirname(path)):
        status = os.stat(path)
    return status.st_dev, status.st_ino


def _signals(launch, threads):
    """(blocked, awaited) of a process with these threads, see Process."""
    masks = [procfs.read_status(next(iter(threads))).signals("SigBlk")]
    masks += _of_each(list(threads)[1:], lambda one: procfs.read_status(one).signals("SigBlk"))
    return frozenset.intersection(*masks), frozenset().union(
        *_of_each(threads, lambda one: awaited_signals(launch, one))
    )


def _held_signals(launch, folder):
    """The numbers of the signals that would neither end a process now nor be lost."""
    threads = procfs.threads(folder)
    if not threads:
        raise ProcessLookupError("it has ended")
    blocked, awaited = _signals(launch, threads)
    return blocked | awaited | procfs.read_status(folder).signals("SigCgt")


def _look_before(launch, number):
    """What came of the last look before the notice of that number was sent; None if there was no look."""
    return next((look for count, look in reversed(launch.looks) if count <= number), None)


def _of_each(threads, read):
    """What `read` gives for each of these threads, but for those that end meanwhile."""
    for thread in threads:
        try:
            yield read(thread)
        except ProcessLookupError:
            pass


def read_process(launch: Launch, pid, counts=lambda descriptor: True, with_descriptors=True):
    """A facts.Process, None if it is gone or a zombie; `counts` chooses descriptors, if they are read at all."""
    try:
        process = LiveProcess(pid, launch.proc)
        blocked, awaited = _signals(launch, process.living)
        cwd, cwd_text = process.directory()
        descriptors = process.descriptors() if with_descriptors else {}
        has_manager = launch.scene.has_manager
        return Process(
            pid=pid,
            ppid=process.ppid(),
            pgid=process.group(),
            sid=process.session(),
            terminal=process.terminal_device(),
            state=process.state(),
            umask=process.umask(),
            cwd=cwd,
            cwd_text=cwd_text,
            program=process.program(),
            descriptors={number: each for number, each in descriptors.items() if counts(each)},
            blocked=blocked,
            ignored=process.signals("SigIgn"),
            caught=process.signals("SigCgt"),
            awaited=awaited,
            thread_count=len(process.living),
            environment=read_environment(process.folder) if has_manager else None,
            credentials=process.credentials(),
        )
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None


def _state(launch, pid):
    """What a check may look at, in a form that is quick to get and to compare."""
    folder = f"{launch.proc}/{pid}"
    try:
        stat = procfs.read_stat(folder)
        with procfs.process_may_end(folder):
            links = [os.readlink(f"{folder}/{name}") for name in ("cwd", "exe")]
            opened = os.listdir(folder + "/fd")
        umask = procfs.read_status(folder).umask
        return stat._replace(state="", system_time=0), links, opened, umask
    except ProcessLookupError:
        return None


# Where a system's logger may have its socket: syslog(3), systemd-journald(8).
_LOG_NAMES = ("/dev/log", "/run/systemd/journal/dev-log")
_SYS_PIDFD_GETFD = 438  # the same on every architecture: pidfd_getfd(2)


def _own_sockets(launch, process, shell):
    """What the sockets of `process` lead to: its own Sockets.

    /proc does not tell a socket's other end. So the socket itself is fetched
    and asked. Before Linux 5.6, or where the first thread has ended, that cannot
    be done: then every socket of the program's own may be one to the log, and one that listens.
    """
    inherited = {descriptor.identity for descriptor in shell.descriptors.values()}
    own = [d.number for d in process.descriptors.values()
           if d.kind == "socket" and d.identity not in inherited]  # fmt: skip
    if not own:
        return Sockets()
    names = set(_LOG_NAMES)
    sent = any(message.sender == process.pid for message in launch.messages)
    if sent or not launch.sandboxed or Device.LOG in launch.scene.without:
        # It sends with sendto(); or there may be no log, and musl keeps what it could not connect.
        names.add(_UNCONNECTED)
    outer = launch.outer(process.pid)
    try:
        pidfd = os.pidfd_open(outer)
    except OSError:
        return Sockets(log_peers=frozenset(own), listeners=frozenset(own))
    try:
        peers = {number: _peer(pidfd, number, outer) for number in own}
    finally:
        os.close(pidfd)

    def leading_to(*ends):
        return frozenset(number for number, peer in peers.items() if peer in ends)

    return Sockets(leading_to(*names, _UNKNOWN), leading_to(_CLIENTS, _UNKNOWN), leading_to(_ITSELF))


_UNCONNECTED = "an unconnected datagram socket"
_CLIENTS = "whoever connects"
_ITSELF = "the process itself"
_UNKNOWN = "what cannot be told"
_CANNOT_FETCH = (errno.ENOSYS, errno.EPERM, errno.EBADF, errno.ESRCH)


def _peer(pidfd, number, process):
    """What a socket of the process leads to: a name, one of the above, None for anything else."""
    fd = ctypes.CDLL(None, use_errno=True).syscall(_SYS_PIDFD_GETFD, pidfd, number, 0)
    if fd == -1:
        return _UNKNOWN if ctypes.get_errno() in _CANNOT_FETCH else None
    with socket.socket(fileno=fd) as fetched:
        if fetched.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return _CLIENTS
        if fetched.family != socket.AF_UNIX:
            return None
        try:
            name = fetched.getpeername()
        except OSError:
            return _UNCONNECTED if fetched.type == socket.SOCK_DGRAM else None
        if name:
            return name if fetched.type == socket.SOCK_DGRAM else None
        # Both ends of a pair have the same maker: unix(7), SO_PEERCRED.
        maker, _, _ = struct.unpack("3i", fetched.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return _ITSELF if maker == process else None
