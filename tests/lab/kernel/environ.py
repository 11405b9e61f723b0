"""The environment that a process has now, and not the one that it was started with.

/proc/PID/environ shows the memory where the strings were at the start: what
unsetenv(3) does changes a pointer elsewhere. So the variable `environ` itself is
looked up, in the symbol tables of the program and of its libc, and followed:
environ(7), elf(5).
"""

from __future__ import annotations

import os
import struct
from stat import S_ISREG

from lab.kernel import procfs

POINTER = struct.Struct("N")
MAX_VARIABLES = 1000
MAX_STRING = 4096
MAX_KNOWN = 1000
MAX_FILE = 64 << 20  # bytes of a program or a library: glibc has two million
MAX_SYMBOLS = 1 << 18  # of a program or a library: glibc has three thousand

_SECTION = struct.Struct("=IIQQQQIIQQ")  # Elf64_Shdr
_SYMBOL = struct.Struct("=IBBHQQ")  # Elf64_Sym
_DYNSYM = 11  # SHT_DYNSYM
_MOVABLE = 3  # ET_DYN


def read_environment(folder):
    """The variables of a process, as {name: value}; None where they cannot be found (a static program, say).

    `folder` is the process's in /proc. Raises ProcessLookupError if it is gone.
    """
    with procfs.process_may_end(folder):
        for base, path in _mapped_files(folder):
            address = _find_environ(f"{folder}/root{path}")
            if address is not None:
                with open(f"{folder}/mem", "rb", buffering=0) as memory:
                    return _variables(memory.fileno(), address[0] + (base if address[1] else 0))
    return None


_known: dict = {}  # what was found in files, by all that tells them apart: a memory file system gives numbers out again


def _find_environ(path):
    """What _address_of_environ() finds in the file at `path`, which may be anything: an answer may have made it."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)) as file:
            status = os.fstat(file.fileno())
            if not S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
                return None
            identity = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            if identity not in _known:
                if len(_known) > MAX_KNOWN:
                    _known.clear()
                _known[identity] = _address_of_environ(file.read())
            return _known[identity]
    except (OSError, struct.error, IndexError, OverflowError):
        return None  # mapped, and removed since; or it is not in the process's root directory; or no ELF file


def _mapped_files(folder):
    """(address, path) of the program and of each library: the program comes first, and so does its own `environ`."""
    found: dict[str, int] = {}
    with open(f"{folder}/maps", encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().splitlines()
    for line in lines:
        words = line.split(maxsplit=5)
        if len(words) == 6 and words[5].startswith("/") and int(words[2], 16) == 0:
            found.setdefault(words[5], int(words[0].partition("-")[0], 16))
    program = os.readlink(f"{folder}/exe")
    return sorted(((base, path) for path, base in found.items()), key=lambda each: each[1] != program)


def _address_of_environ(data):
    """(address, whether it counts from where the file is mapped) of `environ` in an ELF file that defines it."""
    if data[:5] != b"\x7fELF\x02":  # 64 bits
        return None
    kind, offset = struct.unpack_from("=H", data, 16)[0], struct.unpack_from("=Q", data, 40)[0]
    size, count = struct.unpack_from("=HH", data, 58)
    sections = [_SECTION.unpack_from(data, offset + size * number) for number in range(count)]
    for _, section_type, _, _, start, length, link, *_ in sections:
        if section_type != _DYNSYM:
            continue
        names = sections[link][4]
        table = data[start : start + min(length, MAX_SYMBOLS * _SYMBOL.size)]
        for name, _, _, index, value, _ in _SYMBOL.iter_unpack(table):
            if index and data[names + name : names + name + 10].partition(b"\0")[0].lstrip(b"_") == b"environ":
                return value, kind == _MOVABLE
        return None  # there is one such table at most: one with more would keep the lab busy
    return None


def _variables(memory, address):
    """Those to whose strings the pointers point that the variable at `address` points to; None if one leads nowhere."""
    found = {}
    try:
        array = POINTER.unpack(os.pread(memory, POINTER.size, address))[0]
        for number in range(MAX_VARIABLES if array else 0):
            string = POINTER.unpack(os.pread(memory, POINTER.size, array + POINTER.size * number))[0]
            if not string:
                break
            name, _, value = _string(memory, string).partition("=")
            found[name] = value
    except (OSError, struct.error, OverflowError):
        return None
    return found


def _string(memory, address):
    """Up to its null byte; a read ends where the next page is not there."""
    text = b""
    while b"\0" not in text and len(text) < MAX_STRING:
        part = os.pread(memory, 256 - (address + len(text)) % 256, address + len(text))
        if not part:
            break
        text += part
    return text.partition(b"\0")[0].decode("utf-8", "backslashreplace")
