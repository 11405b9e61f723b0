"""The launcher as a program: compiled from its C sources when it is first needed."""

import errno
import os
import re
import shutil
import stat
import subprocess
import zlib
from pathlib import Path

from lab.kernel import procfs
from lab.toolbox import BUILD, ROOT, LabError, compiler

SOURCES = Path(__file__).with_name("launcher")


ELSEWHERE = "set DAEMON_LAB_BUILD to a folder"  # a cure, to be completed
SPACE = 1 << 20  # bytes: as many as the launcher has, about
COMPILERS = ("cc", "gcc", "clang")  # and, after these, what CC names


def launcher():
    """The path of the launcher, built if need be.

    Named by its source's checksum and by the kind of machine, and put in place in
    one step: runs side by side do not disturb each other. Raises LabError if it
    cannot be built, or cannot be run where it is built.
    """
    sources = sorted(SOURCES.glob("*.[ch]"))
    source = b"".join(path.read_bytes() for path in sources)
    name = f"launcher-{os.uname().machine}-{zlib.crc32(source):08x}{len(source):x}"
    program = BUILD / name
    if not program.exists():
        _build(sources, name)
    if not os.access(program, os.X_OK):
        raise LabError(
            f"the launcher cannot be run from {BUILD}, because this file system is mounted with the option noexec. "
            f"To go on, {ELSEWHERE} on another one"
        )
    return program


def _build(sources, name):
    """Compile the launcher into the file BUILD/name. Raises LabError."""
    fresh = BUILD / f"{name}-{os.getpid()}"
    try:
        BUILD.mkdir(parents=True, exist_ok=True)
        fresh.touch()
        _compile(_compiler(), [str(path) for path in sources if path.suffix == ".c"], str(fresh))
        fresh.chmod(0o755)
        fresh.replace(BUILD / name)
    except OSError as error:
        raise LabError(_unwritable(error)) from error
    finally:
        try:
            fresh.unlink(missing_ok=True)
        except OSError:
            pass  # the folder could not be written to before, either


def _unwritable(error):
    """What is said where BUILD cannot be written to, with the OSError that says why not."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"cannot write to {BUILD}: the disk is full ({error.strerror}). "
            f"Free some space, or {ELSEWHERE} on another disk"
        )
    return f"cannot write to {BUILD}: {error.strerror}. Work in a copy that is yours, or {ELSEWHERE} that is"


def _compiler():
    """The first C compiler that there is, as a list of words. Raises LabError."""
    for name in COMPILERS:
        found = shutil.which(name)
        if found:
            return [found]
    return compiler()


def _compile(compiler_words, sources, program):
    """Compile the launcher: static, since it starts quicker; not every system has a libc for that.

    Raises LabError, and OSError where the disk is full.
    """
    # The compiler's own files lie there too, so that only one disk can be full.
    environment = os.environ | {"TMPDIR": str(BUILD), "LC_ALL": "C"}
    usual: tuple[str, ...] = ()
    for flags in (("-static",), usual):
        words = [*compiler_words, "-std=c11", "-O2", *flags, "-o", program, *sources]
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            check=False,
        )
        if done.returncode == 0:
            return
    # On a full disk compilers say many things. The linker may even be killed.
    with open(program, "wb") as file:
        file.write(bytes(SPACE))
    errors = [line for line in done.stderr.splitlines() if "error" in line] or ["it printed no message"]
    missing_header = re.search(r"(\S+\.h): No such file or directory", done.stderr)
    if missing_header:
        raise LabError(
            f"the C compiler does not find {missing_header[1]}, a header of the C library. "
            "Install the headers (Debian, Ubuntu: apt install libc6-dev)"
        )
    raise LabError(
        f"the launcher in {SOURCES.relative_to(ROOT)} does not compile: {errors[0]}. "
        "If nothing was changed there, install the C compiler and the C library's headers anew "
        "(Debian, Ubuntu: apt install gcc libc6-dev)"
    )


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
