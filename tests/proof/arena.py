"""Where an attack is played: a folder in /tmp, a launcher of its own, and a look at what is left of it all.

Everything that a run of the lab starts there can be told from what other tests
start: the launcher is a copy in the arena, the Python has the arena in its
environment, and the answers without a sandbox run in the arena's TMPDIR.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from lab.course import step_called
from lab.sandbox import server as launch
from lab.toolbox import BUILD, ROOT, SOLUTIONS

ATTACKS = ROOT / "tests" / "gallery" / "attacks"
TIME = 240  # seconds for one run of the lab, on a busy machine
LEFT_TIME = 1.0  # seconds for everything to be gone; more where the machine has more to do than processors
END_TIME = 10  # seconds to end what is left, after a test has failed
NOBODY = 65534
PYTHON_CACHE = BUILD / "pycache"  # where tests/run has Python keep what it has compiled
PYTHONS = (sys.executable, "/usr/bin/python3")


class Arena:
    """One attack's place. Use it as a context manager: what is left at its end is ended and removed."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="lab-attack-", dir="/tmp"))
        self.path.chmod(0o755)
        self.folder, self.tmp, self.build = (self._make(name) for name in ("answers", "tmp", "build"))
        self.tmp.chmod(0o1777)
        self.lab, self.python = ROOT, sys.executable
        self.identity = ()  # words in front of a command, for another user
        shutil.copy(launch.launcher(), self.build)  # that file alone: another test may be compiling one beside it
        if PYTHON_CACHE.exists():  # else each attack compiles pytest and the lab anew: a second of processor time
            in_the_making = shutil.ignore_patterns("*.pyc.*")
            shutil.copytree(PYTHON_CACHE, self.build / PYTHON_CACHE.name, ignore=in_the_making)

    def _make(self, name):
        path = self.path / name
        path.mkdir()
        return path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        deadline = time.monotonic() + END_TIME
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        shutil.rmtree(self.path, ignore_errors=True)

    # ---- who runs it -----------------------------------------------------

    def become_nobody(self, group=NOBODY):
        """From here on the lab is run by an ordinary user, with `group` as a supplementary group."""
        if os.geteuid() != 0:
            return  # it is one already
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not installed (Debian: apt install util-linux)")
        self.identity = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", f"--groups={group}")
        for path in (self.build, *self.build.iterdir(), self.tmp):
            os.chown(path, NOBODY, NOBODY)
        if not self._can("test", "-r", str(ROOT / "tests" / "run")):
            self.lab = self.path / "lab"
            shutil.copytree(ROOT, self.lab, ignore=shutil.ignore_patterns("build", ".git", ".venv", "__pycache__"))
        usable = (python for python in PYTHONS if self._can(python, "-c", "import pytest, psutil"))
        self.python = next(usable, None)
        if self.python is None:
            pytest.skip("nobody has no Python with pytest and psutil here")

    def _can(self, *words):
        return subprocess.run([*self.identity, *words], cwd="/", capture_output=True, check=False).returncode == 0

    # ---- what is handed in -----------------------------------------------

    def source(self, name, **macros):
        """The text of an attack in C, with macros defined in front of it."""
        text = (ATTACKS / name).read_text(encoding="utf-8")
        return "".join(f"#define {key} {value}\n" for key, value in macros.items()) + text

    def hand_in(self, name, step, **macros):
        """Put an attack into the folder, as the answer to a step."""
        for header in ATTACKS.glob("*.h"):
            shutil.copy(header, self.folder)
        self.write(step, self.source(name, **macros))

    def write(self, step, text):
        """Put a source into the folder, as the answer to a step."""
        (self.folder / solution(step).name).write_text(text, encoding="utf-8")

    def lay_out(self, script, *words):
        """Let a script make the folder."""
        subprocess.run([ATTACKS / script, ROOT, self.folder, *words], check=True, timeout=TIME)

    def hand_in_right(self, *steps):
        """Put right answers into the folder."""
        for step in steps:
            shutil.copy(solution(step), self.folder)

    # ---- runs ------------------------------------------------------------

    def environment(self, **more):
        """What a run's environment is."""
        own = {"DAEMON_LAB_BUILD": str(self.build), "TMPDIR": str(self.tmp), "PYTHON": self.python, "HOME": "/"}
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PYTEST_", "PYTHONPATH"))}
        return clean | own | more

    def words(self, *options):
        """The command that checks the folder."""
        return [*self.identity, str(self.lab / "tests" / "run"), "check", "--answers", str(self.folder), *options]

    def run(self, command, **more):
        """Run a command to its end; returns the CompletedProcess, its output as text."""
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.lab,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=TIME,
            check=False,
        )

    def check(self, *options, **more):
        """Check the folder."""
        return self.run(self.words(*options), **more)

    def start(self, command, **more):
        """Start a command that nobody reads; returns the Popen."""
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=self.lab,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    # ---- what is left ----------------------------------------------------

    def launchers(self):
        """The PIDs of all that run the arena's launcher: the server, and init and the shell of each launch."""
        return [pid for pid, exe in _programs() if exe.startswith(f"{self.build}/launcher-")]

    def checkers(self):
        """The PIDs of the Pythons of this arena."""
        mark = f"\0DAEMON_LAB_BUILD={self.build}\0".encode()
        return [pid for pid, exe in _programs() if "python" in exe and mark in b"\0" + _environment(pid)]

    def processes(self):
        """The PIDs of all processes of the arena's."""
        answers = [pid for pid, exe in _programs() if exe.startswith((f"{self.tmp}/", f"{self.path}/tmp/"))]
        return [*self.launchers(), *self.checkers(), *answers]

    def left(self):
        """What is left, in words: a list."""
        found = [f"process {pid}: {_name(pid)}" for pid in self.processes()]
        return found + [f"file {path.name}" for path in self.tmp.iterdir()]

    def await_nothing_left(self, groups_of=()):
        """Fail if something is left after a second; `groups_of` are PIDs of launchers whose control groups must go."""
        begun = time.monotonic()
        busy = os.getloadavg()[0] / (os.cpu_count() or 1)
        while left := self.left() + [str(path) for pid in groups_of for path in groups(pid)]:
            assert time.monotonic() < begun + LEFT_TIME * max(1.0, busy), f"left behind: {left}"
            time.sleep(0.02)


def solution(step):
    """The path of a step's solution; here and above a step is called by its word."""
    return SOLUTIONS / step_called(step).file


def groups(pid):
    """The control groups that the launcher with this PID has made."""
    found = []
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        found += [Path(folder, name) for name in names if re.match(rf"daemon-lab-{pid}-", name)]
    return found


def _programs():
    """(PID, the path of its program) of every process whose program can be seen."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                yield int(name), os.readlink(f"/proc/{name}/exe")
            except OSError:
                continue


def _environment(pid):
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _name(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?"
