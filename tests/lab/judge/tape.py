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
import resource
import shutil
import subprocess
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterable, Tuple

import psutil

from lab.answers import HandedIn
from lab.facts import Build, Observation
from lab.judge.compiling import FLAGS
from lab.sandbox.server import Launchpad
from lab.scene import Scene
from lab.toolbox import BUILD, compiler

LAB = Path(__file__).resolve().parents[1]

# All that an Observation depends on: folders, and single modules, of the package lab.
BELOW_THE_CUT = ("kernel", "sandbox", "watch", "facts.py", "faults.py", "scene.py", "hindered.py", "toolbox.py",
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


def circumstances(pad: Launchpad) -> tuple[str, ...]:
    """What else an Observation depends on: the machine, the user, the versions of what is used.
    """
    words = compiler()
    version = subprocess.run([*words, "--version"], capture_output=True, text=True, check=False).stdout
    return (
        *words,
        version.partition("\n")[0],
        *FLAGS,
        platform.release(),
        platform.version(),
        platform.machine(),
        " ".join(platform.libc_ver()),
        platform.python_version(),
        psutil.__version__,
        "root" if os.geteuid() == 0 else "an ordinary user",
        "sandbox" if pad.is_sandboxed() else "no sandbox",
        str(pad.why_no_root()),
        *pad.unlimited(),
        str(resource.getrlimit(resource.RLIMIT_NOFILE)),
    )


def _digest(parts: Iterable[str | bytes]) -> str:
    sums = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        sums.update(b"%d\0" % len(data) + data)
    return sums.hexdigest()[:24]


# What a launch is called on a tape: the answer's name, the scene (completed), the turn, and whether it is watched for
# what a timer does to it later: see watch.observe.observe().
Take = Tuple[str, Scene, int, bool]


@dataclass
class Tape:
    """A folder with a file for each answer, of one state of the lab in the same circumstances."""

    folder: Path

    @classmethod
    def of(cls, pad: Launchpad, folder: Path = BUILD / "tape") -> Tape:
        """The one that belongs to the lab as it is now, on this machine. The oldest of the others are removed.

        Where none can be kept, because nobody may write there, nothing is found on it.
        """
        tape = cls(folder / _digest([digest_below_the_cut(), *circumstances(pad)]))
        try:
            tape.folder.mkdir(parents=True, exist_ok=True)
            os.utime(tape.folder)
        except OSError:
            return tape
        for other in sorted(folder.iterdir(), key=_age)[KEPT_MACHINES:]:
            shutil.rmtree(other, ignore_errors=True)
        return tape

    def reel(self, handed_in: HandedIn) -> Reel:
        """What is kept of the answer with these files; nothing, if this is one that is launched all the same."""
        parts: list[str | bytes] = [*handed_in.withheld, *handed_in.refused, handed_in.unreadable]
        for name, data in sorted(handed_in.sources.items()):
            parts += [name, data]
        reel = Reel(self.folder / _digest(parts))
        if random.randrange(LIVE_ONE_IN) > 0:
            reel.build, reel.observations = reel.read()
        return reel


def _age(folder: Path) -> float:
    """A number that is the smaller the later the folder was used; one that is gone by now counts as old."""
    try:
        return -folder.stat().st_mtime
    except OSError:
        return 0.0


@dataclass
class Reel:
    """The part of a tape that holds one answer."""

    path: Path
    build: Build | None = None  # but for the program
    observations: dict[Take, Observation] = field(default_factory=dict)
    fresh: dict[Take, Observation] = field(default_factory=dict)  # those that are not on the tape yet
    is_dropped: bool = False

    def read(self) -> tuple[Build | None, dict[Take, Observation]]:
        """What the file holds. One that is damaged is as good as none."""
        try:
            build, observations = pickle.loads(zlib.decompress(self.path.read_bytes()))
            return build, observations
        except Exception:
            return None, {}

    def find(self, take: Take) -> Observation | None:
        """The Observation of a launch; None if none is kept."""
        return self.observations.get(take)

    def keep(self, take: Take, observation: Observation) -> None:
        """Keep an Observation."""
        self.observations[take] = self.fresh[take] = observation

    def keep_build(self, build: Build) -> None:
        """Keep what the compiler made of the answer; not where there was none, or where the machine was at fault."""
        if not build.unchecked and not build.refused:
            self.build = replace(build, program=NOT_KEPT if build.compiles else b"")

    def drop(self) -> None:
        """Keep nothing of this answer: it was not judged as it should be, and is to be launched the next time."""
        self.is_dropped = True
        try:
            self.path.unlink()
        except OSError:
            pass  # it was never kept

    def write(self) -> None:
        """Put what is new in place, in one step: tests run side by side. Where nobody may write, nothing is kept."""
        before, kept = self.read()
        if self.is_dropped or self.build is None or (self.build == before and not self.fresh):
            return
        data = zlib.compress(pickle.dumps((self.build, {**kept, **self.fresh})), 1)
        fresh = self.path.with_name(f"{self.path.name}-{os.getpid()}")
        try:
            fresh.write_bytes(data)
            fresh.replace(self.path)
        except OSError:
            try:
                fresh.unlink()
            except OSError:
                pass
