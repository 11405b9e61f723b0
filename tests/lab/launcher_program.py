"""The launcher as a program: compiled from its C sources when it is first needed."""

import os
import shutil
import stat
import subprocess
import zlib
from pathlib import Path

from lab import procfs
from lab.toolbox import BUILD, ROOT, LabError

SOURCES = Path(__file__).with_name("launcher")


def launcher():
    """The path of the launcher, built if need be.

    Named by its source's checksum, and put in place in one step: runs side by side
    do not disturb each other. Raises LabError if it cannot be built.
    """
    sources = sorted(SOURCES.glob("*.[ch]"))
    source = b"".join(path.read_bytes() for path in sources)
    digest = f"{zlib.crc32(source):08x}{len(source):x}"
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
        _compile(compiler, [str(path) for path in sources if path.suffix == ".c"], str(fresh))
        fresh.chmod(0o755)
        fresh.replace(program)
    finally:
        fresh.unlink(missing_ok=True)
    return program


def _compile(compiler, sources, program):
    """Static, since it starts quicker; not every system has a libc for that."""
    for flags in (["-static"], []):
        words = [compiler, "-std=c11", "-O2", *flags, "-o", program, *sources]
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return
    lines = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
    raise LabError(f"the launcher in {SOURCES.relative_to(ROOT)} does not compile: {lines[0]}")


def look_at_null_device(path="/dev/null"):
    """Raises LabError where it is none: answers would be judged by what is wrong with the machine."""
    try:
        status = os.stat(path)
    except OSError:
        status = None
    if status is None or not stat.S_ISCHR(status.st_mode) or status.st_rdev != procfs.NULL_DEVICE:
        raise LabError(
            f"{path} is not the null device on this machine. As root: rm -f {path}; mknod -m 666 {path} c 1 3"
        )
