"""A handle on what was launched: what it says, looking at it, and ending it.

PIDs are as the sandbox sees them (without a sandbox, as everybody does) unless
they are called `outer`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import socket
import struct
import time
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Callable

import psutil

from lab.hindered import does_not_end, init_ended, launcher_failed, limits_changed
from lab.kernel import procfs
from lab.kernel.process import looking_at
from lab.sandbox import protocol
from lab.sandbox.cgroups import was_out_of_memory
from lab.sandbox.mailbox import Gone, Mailbox
from lab.sandbox.protocol import NotUnderstood, Source
from lab.sandbox.room import room_in_folder, room_in_sandbox
from lab.sandbox.started import Started
from lab.sandbox.streams import FILLING, Streams
from lab.scene import PORT, Parent, Scene
from lab.toolbox import LabError

# Limits that no launch comes near on an idle machine. A busy one takes its time.
END_TIME = 60  # seconds for everything to be gone after the end
ORDER_TIME = 30  # seconds for the launcher to do what it is told: more than it gives a process to stop
DRAIN_TIME = 10  # seconds for what was printed to come through the terminal
OTHERS_TIME = 0.02  # seconds for which a launch may have to wait while others are looked at
MAX_PUMPS_OF_OTHERS = 20  # looks at what has come for each of them
MAX_FILLING = 10_000  # messages to a log that never gets full
MAX_PUMPS = 1000  # looks at what has come, before it counts as a flood


# linux/seccomp.h: struct seccomp_notif, struct seccomp_notif_resp, and what is done with them.
_NOTIFICATION, _RESPONSE = struct.Struct("=QII64x"), struct.Struct("=QqiI")
_NOTIF_RECV, _NOTIF_SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1


class Refused(Exception):
    """This environment allows no sandbox. Its text says what refused."""


_under_way: weakref.WeakSet[Launch] = weakref.WeakSet()  # the Launches of this process that have not ended
_pumped = 0.0  # when they were pumped for the last time, in seconds of time.monotonic()


def _pump_others(launch):
    """Take in what has come for all other launches, if that was not done just now."""
    global _pumped
    if time.monotonic() < _pumped + OTHERS_TIME:
        return
    for other in list(_under_way):
        if other is launch or not other.is_read or other._trouble is not None:
            continue
        try:
            for _ in range(MAX_PUMPS_OF_OTHERS):
                if not other._pump_own(0.0):
                    break
        except (LabError, Refused) as trouble:
            other._trouble = trouble  # told when that one is looked at
    _pumped = time.monotonic()


@dataclass(frozen=True)
class HeldCall:
    """A system call that does not go on before it is let go: seccomp_unotify(2)."""

    identifier: int
    pid: int | None  # of the caller; None if it was gone before it was looked up
    outer: int
    since: float  # seconds of time.monotonic()


@dataclass(eq=False)
class Launch:
    """A handle on all that one start of the launcher made. Use it as a context manager.

    What is known since its start is `start`; what it says is in `streams`.
    """

    mailbox: Mailbox
    sandboxed: bool
    scene: Scene
    limits: bytes = b""  # what /proc/PID/limits says of init at its start
    job_status: int | None = None  # as waitpid() gave it to the shell; None while it runs
    exec_errno: int = 0
    reaped: dict = field(default_factory=dict)  # PID: status, of orphans
    found: str | None = None  # in the PID file, at the moment when the job returned
    found_parent: int = 0  # of the process whose PID that was, at that moment; 0 for none
    again: list = field(default_factory=list)  # PIDs of what was started by start_again()
    port: int = 0  # what PORT stands for
    port_mark: socket.socket | None = None  # reserves it where there is no sandbox
    held_calls: list = field(default_factory=list)  # HeldCalls that have not been let go
    at_held: Callable[[Launch], None] | None = None  # sees to `held_calls`, each time that it is pumped
    is_tool: bool = False  # it runs a tool, and no answer
    is_read: bool = True  # False while nobody is to take in what it says, or somebody else does
    _trouble: Exception | None = None  # what came of it while another launch was looked at
    _known: dict = field(default_factory=dict)  # outer PIDs, and those that the job knows: what they send may come late

    def __post_init__(self):
        self.start = Started(self.sandboxed)
        self.streams = Streams(self._inner)
        _under_way.add(self)

    # What is known since the start, and what it has said: those who look at a launch name it often.

    @property
    def init(self):
        """init's PID, as pytest sees it; 0 if it is not known yet."""
        return self.start.init

    @property
    def shell(self):
        """The PID of the stand-in for the shell; 0 if it is not known yet."""
        return self.start.shell

    @property
    def job(self):
        """The PID of what the shell started; 0 if it is not known yet."""
        return self.start.job

    @property
    def started(self):
        """When the job was about to run its program, in seconds of time.monotonic()."""
        return self.start.at

    @property
    def lab(self):
        """The job's working directory, as a path for pytest."""
        return self.start.lab

    @property
    def program(self):
        """(device, inode) of what was launched."""
        return self.start.program

    @property
    def calls(self):
        """{number: (kind, argument)} of the calls that wait: launcher/waits.c."""
        return self.start.calls

    @property
    def proc(self):
        """The /proc whose PIDs are the job's own."""
        return self.start.proc

    @property
    def adopter(self):
        """The PID of whatever adopts orphans here."""
        return self.start.adopter

    @property
    def printed(self):
        """What came through the terminal, or through what stands in its place."""
        return self.streams.printed

    @property
    def piped(self):
        """That part of it that came through the pipe of Stdio.PIPE."""
        return self.streams.piped

    @property
    def errors(self):
        """That part of it that did not come through a pipe which was standard output."""
        return self.streams.errors

    @property
    def pipe_closed(self):
        """Whether the reader of that pipe has got end of file."""
        return self.streams.pipe_closed

    @property
    def flooded(self):
        """Whether more was printed than is kept."""
        return self.streams.flooded

    @property
    def messages(self):
        """What arrived at /dev/log."""
        return self.streams.messages

    @property
    def notices(self):
        """What the service manager was told."""
        return self.streams.notices

    # ---- what it says --------------------------------------------------

    def pump(self, timeout=0.0):
        """Take in what has come from the launcher, the terminal and the log.

        Waits at most `timeout` seconds for something to come; returns whether
        something did. From time to time it takes in what has come for other
        launches, too: the kernel keeps ten datagrams for a socket, and an answer
        whose messages nobody takes has to wait, or loses them.
        """
        if self._trouble is not None:
            raise self._trouble
        end = time.monotonic() + timeout
        while True:
            _pump_others(self)
            rest = max(0.0, end - time.monotonic())
            if self._pump_own(min(rest, OTHERS_TIME)):
                return True
            if rest <= OTHERS_TIME:
                return False

    def _pump_own(self, timeout):
        """The same, of this launch alone."""
        control = self.mailbox.fileno()
        watched = {fd: source for source, fd in self.streams.files.items()}
        poller = select.poll()
        for fd in (control, *watched):
            poller.register(fd, select.POLLIN)
        ready = poller.poll(timeout * 1000)
        for fd, _ in ready:
            if fd == control:
                self._take_event()
            elif watched[fd] is Source.LISTENER:
                self._take_listener(fd)
            else:
                self.streams.take(watched[fd])
        if self.held_calls and self.at_held is not None:
            self.at_held(self)
        return bool(ready)

    def _take_event(self):
        """Take in one event. Raises Refused, LabError, Hindered, and NotUnderstood for what is no event."""
        try:
            event = self.mailbox.receive()
        except Gone as gone:
            raise self._broken("the launcher ended too soon: something killed it", init_ended()) from gone
        if event is None:
            return
        self.start = self.start.after(event)
        take = self._EVENTS.get(type(event))
        if take is not None:
            take(self, event)

    def _refused(self, event):
        raise Refused(event.why)

    def _broke(self, event):
        raise self._broken(f"an answer could not be launched here: {event.why}", launcher_failed(event.why))

    def _was_misunderstood(self, event):
        raise NotUnderstood(f"it was told {event.what}")

    def _take_stream(self, event):
        self.streams.add(event.source, event.descriptor)

    def _take_exec(self, event):
        self.exec_errno = event.error

    def _take_ended(self, event):
        if not os.WIFSTOPPED(event.status):
            self.job_status = event.status

    def _take_found(self, event):
        self.found, self.found_parent = event.text, event.parent

    def _take_reaped(self, event):
        if self.scene.parent is Parent.INIT and event.pid == self.job:
            self.job_status = event.status
        else:
            self.reaped[event.pid] = event.status

    # What becomes of an event that tells of more than the start: see Started, and Mailbox for answers to orders.
    _EVENTS = {
        protocol.Refused: _refused,
        protocol.Broken: _broke,
        protocol.Misunderstood: _was_misunderstood,
        protocol.Stream: _take_stream,
        protocol.Exec: _take_exec,
        protocol.Ended: _take_ended,
        protocol.Found: _take_found,
        protocol.Reaped: _take_reaped,
    }

    def _broken(self, before, afterwards):
        """What to raise where the launcher failed. Before an answer runs it cannot be at fault."""
        if not self.job or self.is_tool:
            return LabError(before)
        return limits_changed() if self._limits_differ() else afterwards

    def _limits_differ(self):
        """Whether init's limits are not those that it was started with: an answer of the same user can do that."""
        try:
            return bool(self.limits) and procfs.read(f"/proc/{self.init}/limits") != self.limits
        except (ProcessLookupError, PermissionError):
            return False

    def _take_listener(self, fd):
        """A call is held, until it is let go."""
        call = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(fd, _NOTIF_RECV, call)
        except FileNotFoundError:
            return  # the caller has ended meanwhile
        except OSError:
            self.streams.drop(Source.LISTENER)  # so have all that could call
            return
        identifier, outer = _NOTIFICATION.unpack(call)[:2]
        self.held_calls.append(HeldCall(identifier, self._inner(outer), outer, time.monotonic()))

    def let_go(self, call, error=0):
        """Let a call go on that is held; or have it fail, where `error` is an errno."""
        self.held_calls.remove(call)
        try:
            answer = _RESPONSE.pack(call.identifier, 0, -error, 0 if error else _CONTINUE)
            fcntl.ioctl(self.streams.files[Source.LISTENER], _NOTIF_SEND, answer)
        except (KeyError, OSError):
            pass  # the caller has ended meanwhile

    def holds_a_call(self):
        """Whether a process stands still, because the lab holds a call of it."""
        return bool(self.held_calls)

    def take_in_notices(self):
        """Take in all that the service manager has been told by now."""
        before = -1
        while before < len(self.notices):
            before = len(self.notices)
            self.streams.take(Source.NOTICES)

    def _inner(self, outer):
        """The PID that the job knows a process by; None if it was gone before anybody had looked it up."""
        if outer not in self._known:
            try:
                self._known[outer] = procfs.read_status(f"/proc/{outer}").pid_at(self.start.level)
            except ProcessLookupError:
                return None
        return self._known[outer]

    def drain(self):
        """Take in all that was said until now; a flood is cut off.

        What is printed comes through the terminal a little later than it was
        written. So a mark is written behind it, and waited for.
        """
        mark = b"\x1e%d\x1e" % time.monotonic_ns()
        if Source.TERMINAL in self.streams.files and self._write_to_terminal(mark):
            deadline = time.monotonic() + DRAIN_TIME
            while mark not in self.printed and not self.flooded and time.monotonic() < deadline:
                if Source.TERMINAL not in self.streams.files:
                    break  # all that could have written to it have ended
                self.pump(0.01)
            self.streams.forget_mark(mark)
        self.take_in()

    def take_in(self):
        """Take in all that has come; a flood is cut off."""
        for _ in range(MAX_PUMPS):
            if not self.pump():
                break

    def _write_to_terminal(self, data):
        """Write as the shell would; returns whether that could be done."""
        try:
            fd = os.open(f"{self.proc}/{self.shell}/fd/0", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return os.write(fd, data) == len(data)
            finally:
                os.close(fd)
        except OSError:
            return False  # the terminal is stopped, full or gone: then there is no more to come

    # ---- looking at it -------------------------------------------------

    def of_this_process(self):
        """The same launch, looked at by the process that calls this: a child of pytest's, say."""
        _under_way.intersection_update({self})
        return self

    def terminal(self):
        """The master of the job's terminal, a descriptor; None if there is none, or it is closed."""
        return self.streams.files.get(Source.TERMINAL)

    @contextmanager
    def unread(self):
        """For as long as the context lasts nobody takes in what it says, unless it is pumped itself."""
        self.is_read = False
        try:
            yield
        finally:
            self.is_read = True

    def descriptors(self):
        """The numbers of all descriptors that this launch is looked at with."""
        start = self.start
        used = [self.mailbox.fileno(), start.pidfd, start.proc_fd, *self.streams.files.values()]
        return {fd for fd in used if fd != -1}

    def pids(self):
        """The PIDs of all that the job has started and left, itself included."""
        of_the_lab = (1, self.adopter, self.shell)
        if self.sandboxed:
            with looking_at(self.proc):
                return [pid for pid in psutil.pids() if pid not in of_the_lab]
        return [pid for pid in procfs.descendants(self.init) if pid not in of_the_lab]

    def outer(self, pid):
        """The PID that pytest knows a process of the job by. Raises ProcessLookupError."""
        if not self.sandboxed:
            self._known[pid] = pid
            return pid
        for outer in procfs.descendants(self.init):
            try:
                if procfs.read_status(f"/proc/{outer}").pid_at(self.start.level) == pid:
                    self._known[outer] = pid
                    return outer
            except ProcessLookupError:
                continue
        raise ProcessLookupError(pid)

    def was_out_of_memory(self):
        """Whether the kernel has killed something of it because all of it together had taken too much memory."""
        return any(map(was_out_of_memory, self.start.groups))

    def room_left(self):
        """(bytes, files) that the job can still write, where least of each is left.

        A sandbox has file systems of its own for that. Without one what lies in the
        job's folder is counted.
        """
        if self.sandboxed:
            return room_in_sandbox(f"/proc/{self.init}/root")
        return room_in_folder(self.lab)

    def shell_is_lost(self):
        """Whether the answer has ended or stopped the shell that launched it."""
        try:
            return procfs.read_stat(f"{self.proc}/{self.shell}").state in "ZXTt"
        except ProcessLookupError:
            return True

    # ---- doing something to it ---------------------------------------

    def _order(self, order, count=1):
        """Tell the launcher something; returns the `count` Events that come of it.

        Fewer, if none has come for ORDER_TIME seconds. Raises Hindered where init has ended.
        """
        try:
            self.mailbox.send(order)
        except Gone as gone:
            raise init_ended() from gone
        came, deadline = 0, time.monotonic() + ORDER_TIME
        while len(self.mailbox.answers) < count and time.monotonic() < deadline:
            self.pump(0.01)
            if len(self.mailbox.answers) > came:
                came, deadline = len(self.mailbox.answers), time.monotonic() + ORDER_TIME
        return self.mailbox.answers

    def make_open_terminal(self, pid):
        """Make a process open a terminal that is nobody's, without O_NOCTTY: open(2).

        Returns the descriptor, or a negative errno where that cannot be done here.
        """
        answers = self._order(protocol.OpenTerminal(pid))
        return answers[0].result if answers else -errno.ETIMEDOUT

    def make_ask_for_root(self, pid):
        """Make a process call setuid(0) and setgid(0); returns 0 or a negative errno for each."""
        answers = self._order(protocol.AskForRoot(pid))
        return (answers[0].user, answers[0].group) if answers else (-errno.ETIMEDOUT,) * 2

    def ask_for_timers(self, pid, ids):
        """Ask a process when its timers go off: that of setitimer() and alarm(), and those with these `ids`.

        Returns the seconds for each that is set; () where no machine of this kind can be
        asked, None where this process cannot. It is stopped meanwhile (ptrace(2)), so that a
        call in which it waits may end with EINTR: ask when nothing else is to be looked at.
        """
        answers = self._order(protocol.AskTimers(pid, tuple(map(int, ids))))
        if not answers:
            return None
        if answers[0].result == 0:
            return tuple(each / 1e9 for each in answers[0].nanoseconds if each)
        return () if answers[0].result == -errno.ENOSYS else None

    def raise_before_wait(self, number, pid):
        """Send a process a signal at the moment before the call in which it waits; returns 0 or a negative errno."""
        answers = self._order(protocol.RaiseBeforeWait(number, pid))
        return answers[0].result if answers else -errno.ETIMEDOUT

    def replace(self, name, other):
        """Put one file of the working directory in the place of another; without it, there is none there then."""
        self._order(protocol.Replace(name, other))

    def fill_log(self):
        """Send to the log until there is no room in it, as other programs may. These messages are not kept."""
        if Source.LOG not in self.streams.files:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.connect(f"/proc/{self.init}/root/dev/log")
            try:
                for _ in range(MAX_FILLING):
                    sender.send(FILLING)
            except BlockingIOError:
                pass  # it is full: net.unix.max_dgram_qlen, unix(7)

    def connect(self, where):
        """Connect to the job; returns the socket. Raises OSError.

        `where` is "0" for the first of the sockets that were passed, or else PATH, tcp4:PORT or tcp6:PORT.
        """
        answers = self._order(protocol.Connect(where.replace(PORT, str(self.port))))
        if not answers:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        if isinstance(answers[0], protocol.NoClient):
            raise OSError(answers[0].error, os.strerror(answers[0].error))
        return socket.socket(fileno=answers[0].descriptor)

    def connect_crowd(self, where, count, stays):
        """Be many clients who neither speak nor read, and stay, or have gone at once; returns how many it became."""
        kind = protocol.Crowd if stays else protocol.Vanish
        answers = self._order(kind(where, int(count)))
        return answers[0].count if answers else 0

    def start_again(self, count):
        """Start the program `count` times more, at once. Raises Hindered where not all of them come to be."""
        started = [event.pid for event in self._order(protocol.StartAgain(count), count)]
        self.again += started
        if len(started) < count:
            raise launcher_failed(f"starting the program {count} times more: only {len(started)} came to be")

    # ---- ending it -----------------------------------------------------

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """End all that was started, and wait until it is gone.

        Raises LabError if something outlives END_TIME seconds.
        """
        _under_way.discard(self)
        self._trouble = None
        self._await_init()
        if self.sandboxed:
            _kill(self.start.pidfd)  # nothing that the answer does keeps its end, or survives it
        self.mailbox.close()
        self.streams.close()
        start, self.start = self.start, replace(self.start, pidfd=-1, proc_fd=-1)
        if start.proc_fd != -1:
            os.close(start.proc_fd)
        try:
            if start.pidfd != -1 and not _has_ended(start.pidfd, END_TIME):
                _kill(start.pidfd)
                raise does_not_end(END_TIME)
        finally:
            if self.port_mark is not None:
                self.port_mark.close()
            if start.pidfd != -1:
                os.close(start.pidfd)

    def _await_init(self):
        """Wait until it is known whom to end; not, if the launch was refused, or the launcher has ended."""
        deadline = time.monotonic() + END_TIME
        try:
            while not self.init and self.mailbox.fileno() != -1 and time.monotonic() < deadline:
                self.pump(0.1)
        except (LabError, Refused):
            pass  # there is none


def _kill(pidfd):
    """End a process, unless there is none (-1), or it has ended by itself."""
    try:
        if pidfd != -1:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _has_ended(pidfd, timeout):
    """Whether a process ends within `timeout` seconds; with a namespace's init, all others have ended before it."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(timeout * 1000))
