"""Where things are, and the one kind of error that is told in one line."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SKELETONS = ROOT / "steps"
SOLUTIONS = ROOT / "solutions"

# What is made here is made once and can be removed at any time.
BUILD = Path(os.environ.get("DAEMON_LAB_BUILD") or ROOT / "build")

# An answer's whole environment, and a compiler's: nothing of the caller's gets
# in, and messages are the same in every locale.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "LC_ALL": "C",
    "TERM": "dumb",
    "CCACHE_DISABLE": "1",  # where cc is ccache: it would find no place for its cache
}


class LabError(Exception):
    """The request or the environment is at fault, not an answer.

    Its text is one line that says what is wrong and what to do.
    """


def compiler() -> list[str]:
    """The command that compiles C, as a list of words: $CC, or else cc.

    Raises LabError if there is no such program.
    """
    words = shlex.split(os.environ.get("CC") or "cc")
    found = shutil.which(words[0]) if words else None
    if found is None:
        raise LabError(
            f"no C compiler: {words[0] if words else 'CC'!r} is not on the PATH. "
            "Install one (Debian, Ubuntu: apt install gcc libc6-dev) or name yours: make CC=clang"
        )
    return [found, *words[1:]]


def printable(text: str) -> str:
    """`text` as one line of what a terminal only shows: control characters are spelt out, such as \\x1b for escape.

    A folder's name can hold anything, and it stands in error messages.
    """
    return "".join(char if char.isprintable() else _spelt(char) for char in text)


def _spelt(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # how Python shows a byte that is no UTF-8: os.fsdecode()
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class OnlyOnce(argparse.Action):
    """An option that may be given once: one run checks one folder, and one step or all of them."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        value: Any,
        option: str | None = None,
    ) -> None:
        mark = f"{self.dest}_was_given"
        if hasattr(namespace, mark):
            raise argparse.ArgumentError(self, "it was given twice. One run takes one: call the lab once for each")
        setattr(namespace, mark, True)
        setattr(namespace, self.dest, value)
