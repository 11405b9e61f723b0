"""A shell in the sandbox, on the user's own terminal, with a program running there: `make try KEEP=1`.

What the user types goes to the terminal in the sandbox, and what comes from
there is printed. Messages to the log are printed too, as they come. When the
shell ends, everything in the sandbox ends with it.
"""

from __future__ import annotations

import fcntl
import os
import select
import shlex
import shutil
import signal
import sys
import termios
import tty
from contextlib import contextmanager
from typing import Iterator

from lab.messages import described
from lab.sandbox.launch import Launch
from lab.sandbox.protocol import Source
from lab.sandbox.server import Launchpad
from lab.scene import Scene
from lab.toolbox import LabError

PART = 16 * 1024  # bytes that are copied at once
TURN = 0.05  # seconds after which the launch is looked at in any case

# What the shell reads at its start. The program is started there as a job in the background.
_START = """\
export TERM={term} PS1='lab$ '
echo 'Your program is started here: ./{name} &'
echo 'Try: ps -e -o pid,ppid,pgid,sid,tty,args   ls -l /proc/PID/fd   kill PID   strace -p PID'
echo 'Messages to the log are shown as they come. "exit" ends the shell, and all that runs here.'
./{name} &
"""


def open_shell(pad: Launchpad, name: str, program: bytes, scene: Scene) -> int:
    """Start the program in a sandbox, and a shell beside it, until that ends; returns the exit status.

    Raises LabError where there is no sandbox, and where there is nothing to type at.
    """
    if not pad.is_sandboxed():
        raise LabError(f"KEEP=1 needs a sandbox, and there is none: {pad.why_not}")
    if sys.stdin is None or not os.isatty(0):
        raise LabError("KEEP=1 opens a shell, and needs a terminal to type at")
    term = os.environ.get("TERM") or "dumb"
    start = _START.format(name=name, term=shlex.quote(term)).encode()
    shell = ["bash", "--noprofile", "--rcfile", ".start", "-i"] if shutil.which("bash") else ["sh", "-i"]
    files = [(program, 0o755, name), (start, 0o644, ".start")]
    print(flush=True)
    with pad.shell(files, shell, scene) as launch, _raw_terminal():
        _relay(launch)
    return 0


def _relay(launch: Launch) -> None:
    """Copy in both directions, until the shell has ended."""
    master = launch.streams.files.pop(Source.TERMINAL)
    try:
        with _same_size(master):
            _copy(launch, master)
    finally:
        os.close(master)


def _copy(launch: Launch, master: int) -> None:
    told = 0
    watched = [0, master, launch.mailbox.fileno()]
    while launch.shell not in launch.reaped:
        ready, _, _ = select.select(watched, [], [], TURN)
        if master in ready and not _forward(master, 1):
            return  # nobody has the other side any more
        if 0 in ready and not _forward(0, master):
            watched.remove(0)
            os.write(master, b"\x04")  # end of file, as Ctrl-D tells it
        launch.take_in()
        for message in launch.messages[told:]:
            os.write(1, f"\r\n[log] {described(message.text, message.sender)}\r\n".encode())
        told = len(launch.messages)


def _forward(source: int, target: int) -> bool:
    """Copy what there is; returns whether there was anything. A terminal whose other side is closed gives EIO."""
    try:
        data = os.read(source, PART)
    except OSError:
        return False
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
    return bool(data)


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """The user's terminal hands on every key, Ctrl-C too; afterwards it is as it was."""
    before = termios.tcgetattr(0)
    handlers = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSAFLUSH, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _same_size(master: int) -> Iterator[None]:
    """The terminal in the sandbox is as large as the user's, also when that one is changed."""

    def copy_size(*_: object) -> None:
        try:
            size = fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))
            fcntl.ioctl(master, termios.TIOCSWINSZ, size)
        except OSError:
            pass  # one without a size

    copy_size()
    before = signal.signal(signal.SIGWINCH, copy_size)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
