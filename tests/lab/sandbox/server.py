"""Starts a program through the launcher, in a sandbox where one can be had.

What comes in is a program's bytes; what goes out is a launched.Launch, a handle
on all that was started. The launcher is a server: it runs as long as a
Launchpad is there, and forks for each launch.
"""

import errno
import os
import pwd
import random
import re
import resource
import signal
import socket
import subprocess
import time
import weakref
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from lab.kernel import procfs
from lab.kernel.id_ranges import COUNT, NoRange, find_range
from lab.sandbox import refusal
from lab.sandbox.cgroups import MEMORY, find_groups, remove_stale
from lab.sandbox.launch import Launch, Refused
from lab.sandbox.mailbox import Mailbox
from lab.sandbox.program import launcher, look_at_null_device
from lab.sandbox.protocol import File, Kind, Request, Source
from lab.sandbox.sight import hidden_paths, shown_paths
from lab.scene import HOSTS, HOSTS_FILE, PID_FILE, PORT, SOMEBODY, USERS, Scene
from lab.toolbox import ENVIRONMENT, LabError

SEND_TIME = 30.0  # seconds for a request to be taken, where many are on their way
LOOPBACK_PORT = 7017  # what PORT stands for, where each launch has a network of its own
LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
PORT_TRIES = 100

TOOL_MEMORY = 3 << 30  # bytes for a compiler and what it starts; launcher/resources.c has the limit of one process
PROCESSES = 64  # of a launch at a time: RLIMIT_NPROC, where it can count them, and a control group
MANY_PROCESSES = 512  # the same, where the program is started again and again

START_TIME = 60  # seconds for the launcher to get a job started, and to end

USER_FILES = [(data, File(0o644, name)) for name, data in USERS.items()]


def reserve_port():
    """(a free port, the socket that reserves it), for a launch that shares the network with all others.

    It is none of those that the kernel gives to clients, ip(7). As long as the
    abstract socket is there no other launch of the lab's gets it, of whatever
    process. Raises LabError where none is found.
    """
    clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    first = max(clients // 2, 1024)
    last = max(clients, first + PORT_TRIES)
    for port in random.sample(range(first, last), PORT_TRIES):
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0daemon-lab/port/{port}")
            if not any(_is_taken(family, host, port) for family, host in LOOPBACK):
                return port, mark
        except OSError:
            pass  # another launch has it
        mark.close()
    raise LabError(f"no port from {first} to {last - 1} is free: what listens there? (ss -tl)")


def _is_taken(family, host, port):
    try:
        with socket.socket(family) as probe:
            probe.bind((host, port))
    except OSError as error:
        return error.errno == errno.EADDRINUSE  # else there is no such family, or no such address
    return False


def _raise_limit():
    """Raise the soft limit on open files as far as it goes; what is launched has limits of its own.

    A launch takes about a dozen. The limit holds for descriptors on their way as well,
    and counts there what all processes of a user have sent, answers too: unix(7), ETOOMANYREFS.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def memory_file(data):
    """A descriptor of a file that exists in memory alone, holding `data`."""
    fd = os.memfd_create("lab")
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return fd


# What others will give back soon: processes, memory, open files, descriptors on their way.
TRANSIENT = (errno.EAGAIN, errno.ENOMEM, errno.ENFILE, errno.ETOOMANYREFS)


def _patiently(call):
    """What `call()` returns; it is tried again for SEND_TIME seconds while the machine is short of something."""
    deadline = time.monotonic() + SEND_TIME
    while True:
        try:
            return call()
        except OSError as error:
            if error.errno not in TRANSIENT:
                raise
            if time.monotonic() > deadline:
                reason = error.strerror.lower()
                told = f"this machine is short of resources ({reason}). End other programs, and try again"
                raise LabError(told) from None
            time.sleep(0.001)


class NoRoot(LabError):
    """Nothing can be launched as root of a sandbox here. Its text says why."""


def _with_somebody(arguments):
    """A scene's arguments with the user that SOMEBODY stands for: who is told of them reads a name."""
    return arguments and tuple(_somebody() if argument == SOMEBODY else argument for argument in arguments)


@cache
def _somebody():
    """The name of a user who is neither root, whom some refuse first, nor who runs this; "root" if there is none."""
    for name in ("daemon", "nobody", "bin"):
        try:
            if pwd.getpwnam(name).pw_uid not in (0, os.geteuid()):
                return name
        except KeyError:
            pass
    return "root"


def _with_ids(request, ids):
    return replace(request, first_uid=ids.uid, first_gid=ids.gid, id_count=COUNT)


class Launchpad:
    """Starts programs, in sandboxes if that works here and is wanted.

    Where is_sandboxed() is False, `why_not` says why, in a few words.
    """

    def __init__(self, sandbox=True, folders=()):
        """`folders` hold the answers that are to be launched: none of those sees what is in them."""
        look_at_null_device()
        self.program = launcher()
        _raise_limit()
        self.sandboxed = None if sandbox else False
        self.why_not = "" if sandbox else "switched off with --no-sandbox"
        self._shown = tuple(map(str, shown_paths()))
        self._hidden = tuple(map(str, hidden_paths(folders)))
        self.groups = find_groups()
        remove_stale(self.groups)
        self._ids = None  # an IdRange, once it is known
        self._why_no_root = None
        self._requests = None  # the launcher's socket, once it runs
        self.server_pid = 0
        self._limits = b""  # what /proc/PID/limits says of it, and of each launch's init

    def job(self, name, program, scene=Scene(), high=3999, at_held=None):
        """Launch `program` (bytes) as the answer called `name`, in a `scene`.

        `high` is the number of the descriptor beyond the soft limit; `at_held` is a
        function of the launch that sees to its `held_calls`, where the scene's fault
        holds some. Comes back at once: see wait_for_start().
        """
        scene = replace(scene, arguments=_with_somebody(scene.arguments))
        files = [(program, File(0o755, name))]
        files += [(data, File(mode[0] if mode else 0o644, other)) for other, data, *mode in scene.files]
        host = any(":" in argument for argument in scene.arguments or ())
        if host and HOSTS_FILE.exists():  # to be put in its place
            files.append((HOSTS, File(0o644, "hosts")))
        port, mark = LOOPBACK_PORT, None
        if host and not self.is_sandboxed():
            port, mark = reserve_port()
        arguments = [argument.replace(PORT, str(port)) for argument in scene.arguments or ()]
        scene = replace(scene, taken=tuple(where.replace(PORT, str(port)) for where in scene.taken))
        request = Request(
            scene,
            high=high,
            network=host or bool(scene.networks),
            watched=PID_FILE if arguments else "",
            processes=MANY_PROCESSES if scene.starts_again else PROCESSES,
        )
        launch = self._start(request, files, [f"./{name}", *arguments])
        launch.port, launch.port_mark = port, mark
        launch.at_held = at_held
        return launch

    def wait_for_start(self, launch):
        """Wait until the program of a job runs; returns the launch, which ends where this fails."""
        return self._wait(launch, lambda: launch.job)

    def tool(self, files, argv):
        """Launch a program without session and terminal, and come back at once.

        `files` are (bytes, mode, name) to be found in its working directory.
        """
        files = [(data, File(mode, name)) for data, mode, name in files]
        launch = self._start(Request(kind=Kind.TOOL), files, argv)
        launch.is_tool = True
        return launch

    def shell(self, files, argv, scene=Scene()):
        """Launch a program in the place of the login shell, on a terminal; of the `scene`, `root` counts alone.

        It is the lab's own, and no answer: it may make namespaces.
        """
        files = [(data, File(mode, name)) for data, mode, name in files]
        request = Request(Scene(root=scene.root), kind=Kind.SHELL, network=True, nested=True)
        return self._wait(launch := self._start(request, files, argv), lambda: launch.job)

    def _as_root(self, request, files):
        """The request for a scene as root, and USER_FILES added to its files. Raises NoRoot."""
        if self.why_no_root():
            raise NoRoot(self.why_no_root())
        files += USER_FILES
        return _with_ids(request, self._ids)

    def is_sandboxed(self):
        """Whether launches are in a sandbox; finds it out when first asked."""
        if self.sandboxed is None:
            self._probe()
        return self.sandboxed

    def why_no_root(self):
        """Why nothing can be launched as root of a sandbox here, "" if it can; finds it out when first asked."""
        if self._why_no_root is None:
            self._why_no_root = self._probe_root()
        return self._why_no_root

    def _probe_root(self):
        if not self.is_sandboxed():
            return f"it needs a root of its own, and there is no sandbox: {self.why_not}"
        try:
            self._ids = find_range()
            self._try(USER_FILES, _with_ids(Request(kind=Kind.TOOL), self._ids))
        except (NoRange, Refused) as reason:
            return f"it needs a root of its own: {reason}"
        return ""

    def _start(self, request, files, argv):
        self.is_sandboxed()
        if request.scene.root:
            request = self._as_root(request, files)
        return self._spawn(request, files, argv)

    def _probe(self):
        """Find out, with the real sequence, whether a sandbox can be had here."""
        self.sandboxed = True
        try:
            self._try([], Request(kind=Kind.TOOL))
        except Refused as refused:
            self.sandboxed, self.why_not = False, refusal.in_words(str(refused))

    def _try(self, files, request):
        """Launch next to nothing, in the way that the request has. Raises Refused."""
        launch = self._spawn(request, files, ["true"])
        try:
            self._wait(launch, lambda: launch.shell, end_on_refusal=False)
        finally:
            launch.end()

    def _wait(self, launch, ready, end_on_refusal=True):
        deadline = time.monotonic() + START_TIME
        try:
            while not ready():
                if time.monotonic() > deadline:
                    raise LabError(f"a launch did not start within {START_TIME} s: is the machine overloaded?")
                launch.pump(0.1)
        except Refused as refused:
            if not end_on_refusal:
                raise
            launch.end()
            raise LabError(f"the sandbox worked before, and is refused now: {refused}") from refused
        except BaseException:
            launch.end()
            raise
        return launch

    def _spawn(self, request, files, argv):
        """Send a request, completed by what holds for all launches here; `files` are (bytes, File)."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        passed = [theirs.detach()]
        try:
            passed += [_patiently(partial(memory_file, data)) for data, _ in files]
            reader = None
            if request.kind is Kind.TOOL:
                reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
                os.set_blocking(writer, True)
                passed.append(writer)
            request = replace(
                request,
                sandbox=bool(self.sandboxed),
                tmp=os.environ.get("TMPDIR") or "/tmp",
                shown=self._shown,
                hidden=self._hidden,
                group=tuple(str(group.parent) for group in self.groups),
                limit=tuple(self._limits_of(request)),
                file=tuple(file for _, file in files),
            )
            self._send(os.fsencode(request.message(argv)), passed)
        finally:
            for fd in passed:
                os.close(fd)
        launch = Launch(Mailbox(ours), bool(self.sandboxed), request.scene, self._limits)
        if reader is not None:
            launch.streams.add(Source.OUTPUT, reader)
        return launch

    def unlimited(self):
        """What an answer as a whole can use here without a limit, in words: "memory", "processes", "files".

        Each of its processes has limits of its own everywhere.
        """
        found = []
        if not any(group.memory_file for group in self.groups):
            found.append("memory")
        has_own_count = self._counts_processes() if self.is_sandboxed() else os.geteuid() == 0
        if not has_own_count and not any(group.processes_file for group in self.groups):
            found.append("processes")
        if not self.is_sandboxed():
            found.append("files")
        return found

    @staticmethod
    def _counts_processes():
        """Whether RLIMIT_NPROC counts in each user namespace for itself, as from Linux 5.14 on."""
        version = re.match(r"(\d+)\.(\d+)", os.uname().release)
        return version is not None and (int(version[1]), int(version[2])) >= (5, 14)

    def _limits_of(self, request):
        """What limits a launch: for each control group, by its number, what is written into which file."""
        memory = TOOL_MEMORY if request.kind is Kind.TOOL else MEMORY
        for number, group in enumerate(self.groups):
            if group.memory_file:
                yield f"{number}:{group.memory_file}:{memory}"
            if group.swap_file:
                swap = 0 if group.swap_file == "memory.swap.max" else memory
                yield f"{number}:{group.swap_file}:{swap}"
            if group.processes_file:
                yield f"{number}:{group.processes_file}:{request.processes}"

    def _send(self, request, passed):
        """Without a sandbox an answer may have ended the launcher: it is started anew then."""
        try:
            self._send_soon(request, passed)
        except ConnectionError:
            self._requests = None
            self._send_soon(request, passed)

    def _send_soon(self, request, passed):
        """The kernel counts the descriptors on their way, of all that a user runs: unix(7). They become fewer."""
        server = self._server()
        _patiently(lambda: socket.send_fds(server, [request], passed))

    def _server(self):
        """The socket on which the launcher takes requests; it is started when first asked for."""
        if self._requests is None:
            self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                start = partial(
                    subprocess.Popen,
                    [str(self.program), str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # what Ctrl-C ends is pytest; that its end is seen ends the rest
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=ENVIRONMENT,
                )
                process = _patiently(start)
            weakref.finalize(self, _end_server, self._requests, process, self.groups)
            self.server_pid = process.pid
            self._limits = procfs.read(f"/proc/{process.pid}/limits")
        return self._requests


def _end_server(requests, process, groups):
    """It ends when nobody is there to send requests: if somebody has stopped it, it goes on to do that."""
    requests.close()
    process.send_signal(signal.SIGCONT)
    try:
        process.wait(START_TIME)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    remove_stale(groups)  # it may have been killed before it could do that
