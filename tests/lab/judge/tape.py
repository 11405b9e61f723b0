"""What was seen of an answer, kept so that it can be judged again without a launch.

Above Observation the lab is pure functions of frozen data. So as long as nothing
below it has changed, neither the answer nor the machine, the checks can be asked
again of what was seen the last time. That takes a thousandth of the time, and
serves whoever changes a check or a word.

It serves the lab's own tests alone. A learner's answer is always launched.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import random
import shutil
import subprocess
import tempfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterable, Mapping

import psutil

from lab.facts import Build, Observation
from lab.judge.compiling import FLAGS
from lab.scene import Scene
from lab.toolbox import BUILD, compiler

LAB = Path(__file__).resolve().parents[1]

# All that an Observation depends on: folders, and single modules, of the package lab.
BELOW_THE_CUT = ("kernel", "sandbox", "watch", "facts.py", "scene.py", "hindered.py", "toolbox.py",
                 "judge/compiling.py")  # fmt: skip

LIVE_ONE_IN = 50  # so many answers: others each time, so that in the end all are
KEPT_MACHINES = 8  # folders of what was seen in other circumstances: as another user, with another compiler

NOT_KEPT = b"the program itself is not on the tape"


def modules_below_the_cut(lab: Path = LAB) -> list[Path]:
    """The files that an Observation depends on."""
    found = []
    for name in BELOW_THE_CUT:
        path = lab / name
        found += [path] if path.is_file() else [each for each in path.rglob("*") if each.suffix in (".py", ".c", ".h")]
    return sorted(found)


def digest_below_the_cut(lab: Path = LAB) -> str:
    """Another text whenever one of these files changes."""
    parts: list[str | bytes] = []
    for path in modules_below_the_cut(lab):
        parts += [str(path.relative_to(lab)), path.read_bytes()]
    return _digest(parts)


def circumstances(pad) -> tuple[str, ...]:
    """What else an Observation depends on: the machine, the user, the versions of what is used.

    `pad` is a sandbox.server.Launchpad.
    """
    words = compiler()
    version = subprocess.run([*words, "--version"], capture_output=True, text=True, check=False).stdout
    return (
        *words,
        version.partition("\n")[0],
        *FLAGS,
        platform.release(),
        platform.machine(),
        " ".join(platform.libc_ver()),
        platform.python_version(),
        psutil.__version__,
        "root" if os.geteuid() == 0 else "an ordinary user",
        "sandbox" if pad.is_sandboxed() else "no sandbox",
        str(pad.why_no_root()),
    )


def _digest(parts: Iterable[str | bytes]) -> str:
    sums = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        sums.update(b"%d\0" % len(data) + data)
    return sums.hexdigest()[:24]


@dataclass
class Tape:
    """A folder with a file for each answer, of one state of the lab in the same circumstances."""

    folder: Path

    @classmethod
    def of(cls, pad, folder: Path = BUILD / "tape") -> Tape:
        """The one that belongs to the lab as it is now, on this machine. What is too old is removed."""
        tape = cls(folder / _digest([digest_below_the_cut(), *circumstances(pad)]))
        tape.folder.mkdir(parents=True, exist_ok=True)
        os.utime(tape.folder)
        others = sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
        for other in others[KEPT_MACHINES:]:
            shutil.rmtree(other, ignore_errors=True)
        return tape

    def reel(self, sources: Mapping[str, bytes]) -> Reel:
        """What is kept of the answer with these files; nothing, if it is its turn to be launched."""
        parts: list[str | bytes] = []
        for name, data in sorted(sources.items()):
            parts += [name, data]
        reel = Reel(self.folder / _digest(parts))
        if random.randrange(LIVE_ONE_IN) > 0:
            reel.read()
        return reel


@dataclass
class Reel:
    """The part of a tape that holds one answer."""

    path: Path
    build: Build | None = None  # but for the program
    observations: dict[tuple[str, Scene, int], Observation] = field(default_factory=dict)
    has_changed: bool = False

    def read(self) -> None:
        """Read what is kept. A file that is damaged is as good as none."""
        try:
            self.build, self.observations = pickle.loads(zlib.decompress(self.path.read_bytes()))
        except Exception:
            self.build, self.observations = None, {}

    def find(self, name: str, scene: Scene, turn: int) -> Observation | None:
        """The Observation of a launch of the answer `name` in a scene, completed; None if none is kept."""
        return self.observations.get((name, scene, turn))

    def keep(self, name: str, scene: Scene, turn: int, observation: Observation) -> None:
        """Keep an Observation."""
        self.observations[name, scene, turn] = observation
        self.has_changed = True

    def keep_build(self, build: Build) -> None:
        """Keep what the compiler made of the answer, but not where the machine was at fault."""
        if not build.unchecked:
            self.build = replace(build, program=NOT_KEPT if build.compiles else b"")
            self.has_changed = True

    def write(self) -> None:
        """Put it in place in one step: tests run side by side."""
        if not self.has_changed:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        data = zlib.compress(pickle.dumps((self.build, self.observations)), 1)
        with tempfile.NamedTemporaryFile(dir=self.path.parent, delete=False) as file:
            file.write(data)
        os.replace(file.name, self.path)
        self.has_changed = False
