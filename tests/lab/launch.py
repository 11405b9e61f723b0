"""Starts a program through the launcher, in a sandbox where one can be had.

What comes in is a program's bytes; what goes out is a Launch: a handle on all
that was started, good for looking at it and for ending it. PIDs are as the
sandbox sees them (without a sandbox, as everybody does) unless they are called
`outer`.
"""

import array
import hashlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from lab import procfs
from lab.toolbox import BUILD, ENVIRONMENT, ROOT, LabError

SOURCES = Path(__file__).with_name("launcher")

START_TIME = 10  # seconds for the launcher to get its job started
END_TIME = 10  # seconds for everything to be gone after the end
DRAIN_TIME = 0.5  # seconds for what was printed to come through the terminal
MAX_PUMPS = 1000  # looks at what has come, before it counts as a flood
KEPT_OUTPUT = 64 * 1024  # bytes of what a job prints that are kept
KEPT_MESSAGES = 1000  # messages to the log that are kept


class Refused(Exception):
    """This environment allows no sandbox. Its text says what refused."""


@dataclass(frozen=True)
class Scene:
    """How a program is started; the defaults are those of every answer."""

    stdio: str = "terminal"  # or "closed", or "pipe" for standard output
    fault: str = ""  # a row of the table in launcher/faults.c
    without: tuple = ()  # "null", "log": not in /dev

    def needs_sandbox(self):
        """Whether this can be had only where /dev is the lab's own."""
        return bool(self.without)


@dataclass
class Message:
    """A datagram that arrived at /dev/log, and the PID of the process that sent it.

    `sender` is the kernel's word (SO_PASSCRED, unix(7)), None if that process
    was gone before it could be looked up.
    """

    text: str
    sender: int | None


def launcher():
    """The path of the launcher, built if need be.

    Named by its source's hash, and put in place in one step: runs side by side
    do not disturb each other. Raises LabError if it cannot be built.
    """
    sources = sorted(SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    program = BUILD / f"launcher-{digest}"
    if program.exists():
        return program
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise LabError("no C compiler: install one (Debian, Ubuntu: apt install gcc libc6-dev)")
    try:
        BUILD.mkdir(parents=True, exist_ok=True)
        fresh = BUILD / f"launcher-{digest}-{os.getpid()}"
        fresh.touch()
    except OSError as error:
        raise LabError(
            f"cannot write to {BUILD}: {error.strerror}. "
            "Work in a copy that is yours, or set DAEMON_LAB_BUILD to a folder that is"
        ) from error
    try:
        done = subprocess.run(
            [
                compiler,
                "-std=c11",
                "-O2",
                "-static",
                "-o",
                str(fresh),
                *(str(p) for p in sources if p.suffix == ".c"),
            ],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
            raise LabError(f"the launcher in {SOURCES.relative_to(ROOT)} does not compile: {lines[0]}")
        os.chmod(fresh, 0o755)
        os.replace(fresh, program)
    finally:
        fresh.unlink(missing_ok=True)
    return program


def memory_file(data):
    """A descriptor of a file that exists in memory alone, holding `data`."""
    fd = os.memfd_create("lab")
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return fd


@dataclass
class Launch:
    """All that one start of the launcher made. Use it as a context manager."""

    process: subprocess.Popen
    control: socket.socket
    sandboxed: bool
    scene: Scene
    init: int = 0  # outer PID
    shell: int = 0
    job: int = 0
    job_status: int | None = None  # as waitpid() gave it to the shell; None while it runs
    job_stopped: bool = False
    started: bool = False
    exec_errno: int = 0
    lab: str = ""  # the job's working directory, as a path for pytest
    calls: dict = field(default_factory=dict)  # number: (kind, argument), see waits.c
    reaped: dict = field(default_factory=dict)  # PID: status, of orphans
    messages: list = field(default_factory=list)  # what arrived at /dev/log
    printed: bytearray = field(default_factory=bytearray)  # to the terminal or the output
    flooded: bool = False  # more than KEPT_OUTPUT was printed
    pipe_closed: bool = False  # scene "pipe": its reader has got end of file
    proc: str = "/proc"  # the /proc whose PIDs are the job's own
    _proc_fd: int = -1
    _files: dict = field(default_factory=dict)  # name: descriptor or socket that is looked at

    # ---- what it says --------------------------------------------------

    def pump(self, timeout=0.0):
        """Take in what has come from the launcher, the terminal and the log.

        Waits at most `timeout` seconds for something to come; returns whether
        something did.
        """
        watched = {self.control.fileno(): "control"}
        watched.update({fd: name for name, fd in self._files.items()})
        poller = select.poll()
        for fd in watched:
            poller.register(fd, select.POLLIN)
        ready = poller.poll(timeout * 1000)
        for fd, _ in ready:
            getattr(self, "_take_" + watched[fd])(fd)
        return bool(ready)

    def _take_control(self, _fd):
        try:
            data, ancillary, _, _ = self.control.recvmsg(
                8192, socket.CMSG_SPACE(4), socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except ConnectionResetError:
            data, ancillary = b"", []
        word, _, rest = os.fsdecode(data).partition(" ")
        for _, _, packed in ancillary:
            self._files[word] = array.array("i", packed)[0]
            os.set_blocking(self._files[word], False)
            return
        if not data:
            raise LabError("the launcher ended too soon: something killed it")
        if word == "refused":
            raise Refused(rest)
        if word == "broken":
            raise LabError(f"an answer could not be launched here: {rest}")
        if word == "lab":
            self.lab = rest
        elif word in ("init", "shell", "job"):
            setattr(self, word, int(rest))
        elif word == "exec":
            self.exec_errno = int(rest)
        elif word == "started":
            self.started = True
        elif word == "calls":
            for number, kind, argument in re.findall(r"=(\d+):(.):(\d+)", rest):
                self.calls[int(number)] = (kind, int(argument))
        elif word == "reaped":
            pid, status = map(int, rest.split())
            self.reaped[pid] = status
        elif word == "ended":
            pid, status = map(int, rest.split())
            self.job_stopped = os.WIFSTOPPED(status)
            if not self.job_stopped:
                self.job_status = status

    def _take_printed(self, name, fd):
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return
        except OSError:  # EIO: every descriptor of the terminal's other side is closed
            data = b""
        if not data:
            os.close(self._files.pop(name))
            self.pipe_closed |= name == "stdout"
        room = KEPT_OUTPUT - len(self.printed)
        self.flooded |= len(data) > room
        self.printed += data[: max(room, 0)]

    def _take_terminal(self, fd):
        self._take_printed("terminal", fd)

    def _take_stdout(self, fd):
        self._take_printed("stdout", fd)

    def _take_output(self, fd):
        self._take_printed("output", fd)

    def _take_log(self, fd):
        with socket.socket(fileno=os.dup(fd)) as log:
            try:
                data, ancillary, _, _ = log.recvmsg(8192, socket.CMSG_SPACE(12), socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
        sender = None
        for _, _, packed in ancillary:
            outer = array.array("i", packed[:4])[0]
            try:
                sender = int(procfs.read_status(f"/proc/{outer}")["NSpid"].split()[-1])
            except (ProcessLookupError, KeyError):
                pass
        if len(self.messages) < KEPT_MESSAGES:
            self.messages.append(Message(data.rstrip(b"\0\n").decode("utf-8", "backslashreplace"), sender))

    def drain(self):
        """Take in all that was said until now; a flood is cut off.

        What is printed comes through the terminal a little later than it was
        written. So a mark is written behind it, and waited for.
        """
        if "terminal" in self._files:
            mark = b"\x1e%d\x1e" % time.monotonic_ns()
            self._write_to_terminal(mark)
            deadline = time.monotonic() + DRAIN_TIME
            while mark not in self.printed and not self.flooded and time.monotonic() < deadline:
                self.pump(0.01)
            self.printed = bytearray(self.printed.replace(mark, b""))
        for _ in range(MAX_PUMPS):
            if not self.pump():
                break

    def _write_to_terminal(self, data):
        try:
            fd = os.open(f"{self.proc}/{self.shell}/fd/0", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(fd, data)
            finally:
                os.close(fd)
        except OSError:
            pass  # the terminal is stopped, full or gone: then there is no more to come

    # ---- looking at it -------------------------------------------------

    def open_proc(self):
        """From here on `proc` is the /proc of the sandbox."""
        if self.sandboxed:
            self._proc_fd = os.open(f"/proc/{self.init}/root/proc", os.O_PATH | os.O_CLOEXEC)
            self.proc = f"/proc/{os.getpid()}/fd/{self._proc_fd}"

    @contextmanager
    def psutil(self):
        """psutil, looking at the /proc of this launch."""
        before, psutil.PROCFS_PATH = psutil.PROCFS_PATH, self.proc
        try:
            yield psutil
        finally:
            psutil.PROCFS_PATH = before

    def pids(self):
        """The PIDs of all that the job has started and left, itself included."""
        if self.sandboxed:
            with self.psutil() as look:
                return [pid for pid in look.pids() if pid not in (1, self.shell)]
        return [pid for pid in procfs.descendants(self.init) if pid != self.shell]

    def outer(self, pid):
        """The PID that pytest knows a process of the job by. Raises ProcessLookupError."""
        if not self.sandboxed:
            return pid
        for outer in procfs.descendants(self.init):
            try:
                if int(procfs.read_status(f"/proc/{outer}")["NSpid"].split()[-1]) == pid:
                    return outer
            except ProcessLookupError:
                continue
        raise ProcessLookupError(pid)

    @property
    def adopter(self):
        """The PID of whatever adopts orphans here."""
        return 1 if self.sandboxed else self.init

    # ---- ending it -----------------------------------------------------

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """End all that was started, and wait until it is gone.

        Raises LabError if something outlives END_TIME seconds.
        """
        if self.sandboxed and self.init and self.process.poll() is None:
            # Nothing that the answer does keeps init's end, or survives it. The
            # PID cannot be another's: its parent lives, and has not reaped it.
            try:
                os.kill(self.init, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.control.close()
        for fd in (*self._files.values(), self._proc_fd):
            if fd != -1:
                os.close(fd)
        self._files.clear()
        self._proc_fd = -1
        if not _has_ended(self.process, END_TIME):
            self.process.kill()
            raise LabError(f"a launch did not end within {END_TIME} s (launcher {self.process.pid})")


def _has_ended(process, timeout):
    """Whether a child ends within `timeout` seconds; Popen.wait() would look only now and then."""
    if process.poll() is None:
        pidfd = os.pidfd_open(process.pid)
        try:
            poller = select.poll()
            poller.register(pidfd, select.POLLIN)
            if not poller.poll(timeout * 1000):
                return False
        finally:
            os.close(pidfd)
        process.wait()
    return True


class Launchpad:
    """Starts programs, in sandboxes if that works here and is wanted.

    Where is_sandboxed() is False, `why_not` says why, in a few words.
    """

    def __init__(self, sandbox=True):
        self.program = launcher()
        self.sandboxed = None if sandbox else False
        self.why_not = "" if sandbox else "switched off with --no-sandbox"

    def job(self, name, program, scene=Scene(), high=3999):
        """Launch `program` (bytes) as the answer called `name`, in a `scene`.

        `high` is the number of the descriptor beyond the soft limit. Comes back
        at once: see wait_for_start().
        """
        files = [(program, 0o755, name)]
        words = [f"stdio={scene.stdio}", f"high={high}"]
        words += [f"without={what}" for what in scene.without]
        if scene.fault:
            words.append(f"fault={scene.fault}")
        return self._start("job", files, words, [f"./{name}"], scene)

    def wait_for_start(self, launch):
        """Wait until the program of a job runs; returns the launch, which ends where this fails."""
        return self._wait(launch, lambda: launch.started)

    def tool(self, files, argv):
        """Launch a program without session and terminal, and come back at once.

        `files` are (bytes, mode, name) to be found in its working directory.
        """
        return self._start("tool", files, [], argv, Scene())

    def shell(self, files, argv):
        """Launch a program in the place of the login shell, on a terminal."""
        return self._wait(launch := self._start("shell", files, [], argv, Scene()), lambda: launch.shell)

    def is_sandboxed(self):
        """Whether launches are in a sandbox; finds it out when first asked."""
        if self.sandboxed is None:
            self._probe()
        return self.sandboxed

    def _start(self, scene_name, files, words, argv, scene):
        self.is_sandboxed()
        return self._spawn(scene_name, files, words, argv, scene)

    def _probe(self):
        """Find out, with the real sequence, whether a sandbox can be had here."""
        self.sandboxed = True
        launch = self._spawn("tool", [], [], ["true"], Scene())
        try:
            self._wait(launch, lambda: launch.shell, end_on_refusal=False)
        except Refused as refused:
            self.sandboxed, self.why_not = False, str(refused)
        finally:
            launch.end()

    def _wait(self, launch, ready, end_on_refusal=True):
        deadline = time.monotonic() + START_TIME
        try:
            while not ready():
                if time.monotonic() > deadline:
                    raise LabError(f"a launch did not start within {START_TIME} s: is the machine overloaded?")
                launch.pump(0.1)
            launch.open_proc()
        except Refused as refused:
            if not end_on_refusal:
                raise
            launch.end()
            raise LabError(f"the sandbox worked before, and is refused now: {refused}") from refused
        except BaseException:
            launch.end()
            raise
        return launch

    def _spawn(self, scene_name, files, words, argv, scene):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        passed = [theirs.fileno()]
        words = [f"sandbox={'yes' if self.sandboxed else 'no'}", f"control={theirs.fileno()}",
                 f"scene={scene_name}", *words]  # fmt: skip
        reader = None
        if scene_name == "tool":
            reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            os.set_blocking(writer, True)
            passed.append(writer)
            words.append(f"output={writer}")
        memory = [memory_file(data) for data, _, _ in files]
        passed += memory
        for fd, (_, mode, name) in zip(memory, files):
            words.append(f"file={fd}:{mode:o}:{name}")
        try:
            process = subprocess.Popen(
                [str(self.program), *words, "--", *argv],
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT | {"TMPDIR": "/tmp" if self.sandboxed else os.environ.get("TMPDIR", "/tmp")},
            )
        finally:
            theirs.close()
            for fd in passed[1:]:
                os.close(fd)
        launch = Launch(process, ours, bool(self.sandboxed), scene)
        if reader is not None:
            launch._files["output"] = reader
        return launch
