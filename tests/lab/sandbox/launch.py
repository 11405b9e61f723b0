"""A handle on what was launched: what it says, looking at it, and ending it.

PIDs are as the sandbox sees them (without a sandbox, as everybody does) unless
they are called `outer`.
"""

from __future__ import annotations

import array
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
from dataclasses import dataclass, field
from typing import Callable

import psutil

from lab.facts import Message
from lab.hindered import does_not_end, init_ended, launcher_failed, limits_changed
from lab.kernel import procfs
from lab.kernel.process import looking_at
from lab.sandbox import protocol
from lab.sandbox.cgroups import was_out_of_memory
from lab.sandbox.protocol import NotUnderstood, Source
from lab.scene import PORT, Scene
from lab.toolbox import LabError

# Limits that no launch comes near on an idle machine. A busy one takes its time.
END_TIME = 60  # seconds for everything to be gone after the end
ORDER_TIME = 30  # seconds for the launcher to do what it is told: more than it gives a process to stop
DRAIN_TIME = 10  # seconds for what was printed to come through the terminal
WRITABLE = ("home/lab", "tmp")  # where a sandbox has a file system for the job: launcher/sandbox.c
DISK, FILES = 64 << 20, 10000  # bytes and files of each of these
OTHERS_TIME = 0.02  # seconds for which a launch may have to wait while others are looked at
MAX_PUMPS_OF_OTHERS = 20  # looks at what has come for each of them
MAX_PUMPS = 1000  # looks at what has come, before it counts as a flood
KEPT_OUTPUT = 64 * 1024  # bytes of what a job prints that are kept
KEPT_MESSAGES = 1000  # messages to the log that are kept


# linux/seccomp.h: struct seccomp_notif, struct seccomp_notif_resp, and what is done with them.
_NOTIFICATION, _RESPONSE = struct.Struct("=QII64x"), struct.Struct("=QqiI")
_NOTIF_RECV, _NOTIF_SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1

_SO_TIMESTAMP, _SCM_CREDENTIALS = 29, 2  # asm-generic/socket.h, unix(7)
_ANCILLARY = socket.CMSG_SPACE(12) + socket.CMSG_SPACE(16)  # struct ucred, struct timeval


class Refused(Exception):
    """This environment allows no sandbox. Its text says what refused."""


_under_way = weakref.WeakSet()  # the Launches of this process that have not ended
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
    """All that one start of the launcher made. Use it as a context manager."""

    control: socket.socket
    sandboxed: bool
    scene: Scene
    limits: bytes = b""  # what /proc/PID/limits says of init at its start
    init: int = 0  # outer PID
    pidfd: int = -1  # init's
    shell: int = 0
    job: int = 0
    started: float = 0.0  # when the job was about to run its program, in seconds of time.monotonic()
    job_status: int | None = None  # as waitpid() gave it to the shell; None while it runs
    exec_errno: int = 0
    lab: str = ""  # the job's working directory, as a path for pytest
    program: tuple[int, int] = (0, 0)  # (device, inode) of what was launched
    calls: dict = field(default_factory=dict)  # number: (kind, argument), see waits.c
    reaped: dict = field(default_factory=dict)  # PID: status, of orphans
    messages: list = field(default_factory=list)  # what arrived at /dev/log
    notices: list = field(default_factory=list)  # what the service manager was told
    port: int = 0  # what PORT stands for
    port_mark: socket.socket | None = None  # reserves it where there is no sandbox
    printed: bytearray = field(default_factory=bytearray)  # to the terminal or the output
    piped: bytearray = field(default_factory=bytearray)  # that part of it that came through the pipe of Stdio.PIPE
    found: str | None = None  # in the PID file, at the moment when the job returned
    again: list = field(default_factory=list)  # PIDs of what was started by "again"
    held_calls: list = field(default_factory=list)  # HeldCalls that have not been let go
    at_held: Callable[[Launch], None] | None = None  # sees to `held_calls`, each time that it is pumped
    groups: list = field(default_factory=list)  # the directories of its control groups
    flooded: bool = False  # more than KEPT_OUTPUT was printed
    pipe_closed: bool = False  # scene Stdio.PIPE: its reader has got end of file
    proc: str = "/proc"  # the /proc whose PIDs are the job's own
    is_tool: bool = False  # it runs a tool, and no answer
    is_read: bool = True  # False while nobody is to take in what it says, or somebody else does
    _trouble: Exception | None = None  # what came of it while another launch was looked at
    _proc_fd: int = -1
    _known: dict = field(default_factory=dict)  # outer PIDs, and those that the job knows: what they send may come late
    _files: dict = field(default_factory=dict)  # Source: the descriptor that is read
    _answers: list = field(default_factory=list)  # the Events that came of the last order
    _awaited: tuple = ()  # the kinds of Events that can come of it

    # ---- what it says --------------------------------------------------

    def __post_init__(self):
        _under_way.add(self)

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
        control = self.control.fileno()
        watched = {fd: source for source, fd in self._files.items()}
        poller = select.poll()
        for fd in (control, *watched):
            poller.register(fd, select.POLLIN)
        ready = poller.poll(timeout * 1000)
        for fd, _ in ready:
            if fd == control:
                self._take_control()
            else:
                self._TAKERS[watched[fd]](self, fd)
        if self.held_calls and self.at_held is not None:
            self.at_held(self)
        return bool(ready)

    def _take_control(self):
        """Take in one event. Raises Refused, LabError, Hindered, and NotUnderstood for what is no event."""
        try:
            data, ancillary, flags, _ = self.control.recvmsg(
                8192, socket.CMSG_SPACE(4), socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except ConnectionResetError:
            data, ancillary, flags = b"", [], 0
        if not data:
            raise self._broken("the launcher ended too soon: something killed it", init_ended())
        if flags & socket.MSG_CTRUNC:
            raise LabError("the lab can open no more files. Allow more (ulimit -n 4096), and try again")
        descriptors = [fd for _, _, packed in ancillary for fd in array.array("i", packed)]
        try:
            event = protocol.read_event(os.fsdecode(data), descriptors[0] if descriptors else None)
        except NotUnderstood:
            for fd in descriptors:
                os.close(fd)
            raise
        self._take_event(event)

    def _take_event(self, event):
        take = self._EVENTS.get(type(event))
        if take is not None:
            take(self, event)
        elif isinstance(event, self._awaited):
            self._answers.append(event)
        elif hasattr(event, "descriptor"):  # of an order that was given up: nobody waits for it any more
            os.close(event.descriptor)

    def add_stream(self, source, fd):
        """Read what comes from a descriptor, from here on."""
        self._files[source] = fd
        os.set_blocking(fd, False)

    def _refused(self, event):
        raise Refused(event.why)

    def _broke(self, event):
        raise self._broken(f"an answer could not be launched here: {event.why}", launcher_failed(event.why))

    def _was_misunderstood(self, event):
        raise NotUnderstood(f"it was told {event.what}")

    def _take_init(self, event):
        self.init, self.pidfd = event.pid, event.descriptor

    def _take_stream(self, event):
        self.add_stream(event.source, event.descriptor)

    def _take_proc(self, event):
        self._proc_fd = event.descriptor

    def _take_lab(self, event):
        self.lab = f"/proc/{self.init}/root{event.path}" if self.sandboxed else event.path
        self._open_proc()

    def _take_group(self, event):
        self.groups.append(event.path)

    def _take_program(self, event):
        self.program = (event.device, event.inode)

    def _take_calls(self, event):
        self.calls = event.by_number()

    def _take_shell(self, event):
        self.shell = event.pid

    def _take_job(self, event):
        self.job, self.started = event.pid, time.monotonic()

    def _take_exec(self, event):
        self.exec_errno = event.error

    def _take_ended(self, event):
        if not os.WIFSTOPPED(event.status):
            self.job_status = event.status

    def _take_found(self, event):
        self.found = event.text

    def _take_reaped(self, event):
        self.reaped[event.pid] = event.status

    # What becomes of each event. The others are answers to orders: see _order().
    _EVENTS = {
        protocol.Refused: _refused,
        protocol.Broken: _broke,
        protocol.Misunderstood: _was_misunderstood,
        protocol.Init: _take_init,
        protocol.Stream: _take_stream,
        protocol.Proc: _take_proc,
        protocol.Lab: _take_lab,
        protocol.Group: _take_group,
        protocol.Program: _take_program,
        protocol.Calls: _take_calls,
        protocol.Shell: _take_shell,
        protocol.Job: _take_job,
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

    def _take_printed(self, source, fd):
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return
        except OSError:  # EIO: every descriptor of the terminal's other side is closed
            data = b""
        if not data:
            os.close(self._files.pop(source))
            self.pipe_closed |= source is Source.STDOUT
        room = KEPT_OUTPUT - len(self.printed)
        self.flooded |= len(data) > room
        self.printed += data[: max(room, 0)]
        if source is Source.STDOUT:
            self.piped += data[: max(room, 0)]

    def _take_terminal(self, fd):
        self._take_printed(Source.TERMINAL, fd)

    def _take_stdout(self, fd):
        self._take_printed(Source.STDOUT, fd)

    def _take_output(self, fd):
        self._take_printed(Source.OUTPUT, fd)

    def _take_again(self, fd):
        self._take_printed(Source.AGAIN, fd)

    def _take_listener(self, fd):
        """A call is held, until it is let go."""
        call = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(fd, _NOTIF_RECV, call)
        except FileNotFoundError:
            return  # the caller has ended meanwhile
        except OSError:
            os.close(self._files.pop(Source.LISTENER))  # so have all that could call
            return
        identifier, outer = _NOTIFICATION.unpack(call)[:2]
        self.held_calls.append(HeldCall(identifier, self._inner(outer), outer, time.monotonic()))

    def let_go(self, call, error=0):
        """Let a call go on that is held; or have it fail, where `error` is an errno."""
        self.held_calls.remove(call)
        try:
            answer = _RESPONSE.pack(call.identifier, 0, -error, 0 if error else _CONTINUE)
            fcntl.ioctl(self._files[Source.LISTENER], _NOTIF_SEND, answer)
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
            self._take_notices(self._files[Source.NOTICES])

    def _take_log(self, fd):
        self._take_message(fd, self.messages)

    def _take_notices(self, fd):
        self._take_message(fd, self.notices)

    _TAKERS = {
        Source.TERMINAL: _take_terminal,
        Source.STDOUT: _take_stdout,
        Source.OUTPUT: _take_output,
        Source.AGAIN: _take_again,
        Source.LISTENER: _take_listener,
        Source.LOG: _take_log,
        Source.NOTICES: _take_notices,
    }

    def _take_message(self, fd, messages):
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        with socket.socket(fileno=os.dup(fd)) as receiver:
            try:
                data, ancillary, _, _ = receiver.recvmsg(8192, _ANCILLARY, flags)
            except BlockingIOError:
                return
        sender, when = None, time.monotonic()
        for _, kind, packed in ancillary:
            if kind == socket.SCM_RIGHTS:
                for passed in array.array("i", packed[: len(packed) // 4 * 4]):
                    os.close(passed)  # nobody has asked for it
            elif kind == _SCM_CREDENTIALS:
                sender = self._inner(array.array("i", packed[:4])[0])
            elif kind == _SO_TIMESTAMP:
                seconds, microseconds = struct.unpack("ll", packed)
                when -= time.time() - (seconds + microseconds / 1e6)
        if len(messages) < KEPT_MESSAGES:
            text = data.rstrip(b"\0\n").decode("utf-8", "backslashreplace")
            messages.append(Message(text, sender, when))

    def _inner(self, outer):
        """The PID that the job knows a process by; None if it was gone before anybody had looked it up."""
        if outer not in self._known:
            try:
                self._known[outer] = procfs.read_status(f"/proc/{outer}").pid_at(self.level)
            except ProcessLookupError:
                return None
        return self._known[outer]

    def drain(self):
        """Take in all that was said until now; a flood is cut off.

        What is printed comes through the terminal a little later than it was
        written. So a mark is written behind it, and waited for.
        """
        mark = b"\x1e%d\x1e" % time.monotonic_ns()
        if Source.TERMINAL in self._files and self._write_to_terminal(mark):
            deadline = time.monotonic() + DRAIN_TIME
            while mark not in self.printed and not self.flooded and time.monotonic() < deadline:
                if Source.TERMINAL not in self._files:
                    break  # all that could have written to it have ended
                self.pump(0.01)
            self.printed = bytearray(self.printed.replace(mark, b""))
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

    @contextmanager
    def unread(self):
        """For as long as the context lasts nobody takes in what it says, unless it is pumped itself."""
        self.is_read = False
        try:
            yield
        finally:
            self.is_read = True

    # ---- looking at it -------------------------------------------------

    def _open_proc(self):
        """From here on `proc` is the /proc of the sandbox; a path at which nothing is if init has ended already."""
        if self.sandboxed:
            self.proc = f"/proc/{self.init}/root/proc"
            try:
                if self._proc_fd == -1:  # an older kernel: the one that the job sees
                    self._proc_fd = os.open(self.proc, os.O_PATH | os.O_CLOEXEC)
            except (FileNotFoundError, ProcessLookupError):
                return  # that it has ended is told next
            self.proc = f"/proc/{os.getpid()}/fd/{self._proc_fd}"

    def of_this_process(self):
        """The same launch, looked at by the process that calls this: a child of pytest's, say."""
        _under_way.intersection_update({self})
        if self._proc_fd != -1:
            self.proc = f"/proc/{os.getpid()}/fd/{self._proc_fd}"
        return self

    def terminal(self):
        """The master of the job's terminal, a descriptor; None if there is none, or it is closed."""
        return self._files.get(Source.TERMINAL)

    def descriptors(self):
        """The numbers of all descriptors that this launch is looked at with."""
        used = [self.control.fileno(), self.pidfd, self._proc_fd, *self._files.values()]
        return {fd for fd in used if fd != -1}

    def pids(self):
        """The PIDs of all that the job has started and left, itself included."""
        if self.sandboxed:
            with looking_at(self.proc):
                return [pid for pid in psutil.pids() if pid not in (1, self.shell)]
        return [pid for pid in procfs.descendants(self.init) if pid != self.shell]

    def outer(self, pid):
        """The PID that pytest knows a process of the job by. Raises ProcessLookupError."""
        if not self.sandboxed:
            self._known[pid] = pid
            return pid
        for outer in procfs.descendants(self.init):
            try:
                if procfs.read_status(f"/proc/{outer}").pid_at(self.level) == pid:
                    self._known[outer] = pid
                    return outer
            except ProcessLookupError:
                continue
        raise ProcessLookupError(pid)

    def was_out_of_memory(self):
        """Whether the kernel has killed something of it because all of it together had taken too much memory."""
        return any(map(was_out_of_memory, self.groups))

    def room_left(self):
        """(bytes, files) that the job can still write, where least of each is left.

        A sandbox has file systems of its own for that. Without one what lies in the
        job's folder is counted.
        """
        if self.sandboxed:
            systems = [os.statvfs(f"/proc/{self.init}/root/{name}") for name in WRITABLE]
            return min(s.f_bavail * s.f_frsize for s in systems), min(s.f_favail for s in systems)
        return _room_in_folder(self.lab)

    def shell_is_lost(self):
        """Whether the answer has ended or stopped the shell that launched it."""
        try:
            return procfs.read_stat(f"{self.proc}/{self.shell}").state in "ZXTt"
        except ProcessLookupError:
            return True

    @property
    def level(self):
        """How many PID namespaces below pytest's the job's own is."""
        return 1 if self.sandboxed else 0

    @property
    def adopter(self):
        """The PID of whatever adopts orphans here."""
        return 1 if self.sandboxed else self.init

    # ---- doing something to it ---------------------------------------

    def _order(self, order, count=1):
        """Tell the launcher something; returns the `count` Events that come of it, fewer after ORDER_TIME seconds.

        Raises Hindered where init has ended.
        """
        self._answers, self._awaited = [], order.answers
        try:
            self.control.send(order.line().encode())
        except OSError as error:
            raise init_ended() from error
        deadline = time.monotonic() + ORDER_TIME
        while len(self._answers) < count and time.monotonic() < deadline:
            self.pump(0.01)
        return self._answers

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
        """Start the program `count` times more, at once."""
        self.again += [event.pid for event in self._order(protocol.StartAgain(count), count)]

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
            self._kill_init()  # nothing that the answer does keeps its end, or survives it
        self.control.close()
        for fd in (*self._files.values(), self._proc_fd):
            if fd != -1:
                os.close(fd)
        self._files.clear()
        self._proc_fd = -1
        try:
            if self.pidfd != -1 and not _has_ended(self.pidfd, END_TIME):
                self._kill_init()
                raise does_not_end(END_TIME)
        finally:
            if self.port_mark is not None:
                self.port_mark.close()
            if self.pidfd != -1:
                os.close(self.pidfd)
                self.pidfd = -1

    def _await_init(self):
        """Wait until it is known whom to end; not, if the launch was refused, or the launcher has ended."""
        deadline = time.monotonic() + END_TIME
        try:
            while not self.init and self.control.fileno() != -1 and time.monotonic() < deadline:
                self.pump(0.1)
        except (LabError, Refused):
            pass  # there is none

    def _kill_init(self):
        try:
            if self.pidfd != -1:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended by itself


def _room_in_folder(folder):
    """What is left of DISK and FILES, when all below `folder` is taken from them, as far as paths reach."""
    room, files = DISK, FILES
    to_do = [folder]
    while to_do and room > 0 and files > 0:
        try:
            with os.scandir(to_do.pop()) as entries:
                for entry in entries:
                    files -= 1
                    room -= entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        to_do.append(entry.path)
        except OSError:
            continue  # it is closed, or too deep for a path, or has been removed meanwhile
    return room, files


def _has_ended(pidfd, timeout):
    """Whether a process ends within `timeout` seconds; with a namespace's init, all others have ended before it."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(timeout * 1000))
