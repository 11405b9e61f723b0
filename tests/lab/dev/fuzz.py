"""`tests/run fuzz`: gives the lab's parsers what nobody would send, for a bounded time.

What is parsed comes from the lab itself (requests and orders for the launcher),
from the kernel (files of /proc), or from an answer: its name, its program, what
it logs. Each must be read rightly, or refused in the way that the parser
promises. None may bring the lab down, or keep it busy.

The inputs are made from a seed, so what was found can be found again.
"""

from __future__ import annotations

import os
import random
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass, fields
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Callable

from lab.checks.common import FORM
from lab.faults import Fault
from lab.kernel import environ, procfs
from lab.sandbox import protocol
from lab.sandbox.program import SOURCES
from lab.scene import Device, Listen, Manager, Scene, Signals, Stdio
from lab.toolbox import LabError, compiler

DRIVER = Path(__file__).with_name("parse_input.c")
PARSER = ("reading.c", "numbers.c")  # of the launcher's sources
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
BATCH = 200  # inputs for one run of the driver: to start it takes longer than to parse
ROUND = 50  # inputs for each of the other parsers
INPUT_TIME = 1.0  # seconds for one input: a thousand times as long as it takes
BATCH_TIME = 60.0  # seconds for a batch, where the machine is busy
SHOWN = 2000  # bytes of an input that are printed
MAX_ORDER, MAX_PASSED = 4096, 66  # launcher/reading.h


class Wrong(Exception):
    """A parser did not do with an input what it should."""


def fuzz(seed: int | None, seconds: float) -> int:
    """Give all parsers inputs for so many seconds; prints what is wrong. Returns 1 if something is."""
    seed = random.randrange(1 << 32) if seed is None else seed
    print(f"seed {seed}", flush=True)
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # files are written again and again
    with tempfile.TemporaryDirectory(dir=in_memory) as folder:
        found = run(seed, seconds, Path(folder))
    for each in found.wrong:
        print(each)
    print(f"{found.count} inputs, {len(found.wrong)} false")
    return 1 if found.wrong else 0


@dataclass
class Found:
    """What came of a run."""

    count: int = 0
    wrong: list[str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.wrong = []


def run(seed: int, seconds: float, folder: Path) -> Found:
    """Give all parsers inputs in turns, until the time is over; each gets a turn at least.

    A parser that was wrong once gets no more.
    """
    driver = build_driver(folder)
    parsers: dict[str, Callable[[random.Random], int]] = {
        "the launcher's requests": partial(fuzz_launcher, driver, request_input),
        "the launcher's orders": partial(fuzz_launcher, driver, order_input),
        "events": in_rounds(fuzz_event),
        "/proc/PID/stat": in_rounds(partial(fuzz_stat, folder)),
        "/proc/PID/status": in_rounds(partial(fuzz_status, folder)),
        "/proc/PID/fdinfo": in_rounds(partial(fuzz_fdinfo, folder)),
        "/proc/PID/maps": in_rounds(partial(fuzz_maps, folder)),
        "ELF files": in_rounds(partial(fuzz_elf, folder)),
        "an environment": in_rounds(partial(fuzz_environment, folder)),
        "messages to the log": in_rounds(fuzz_message),
    }
    found = Found()
    end = time.monotonic() + seconds
    turn = 0
    while parsers and (turn == 0 or time.monotonic() < end):
        for name, parser in list(parsers.items()):
            try:
                found.count += parser(random.Random(f"{seed}/{turn}/{name}"))
            except Wrong as wrong:
                found.wrong.append(f"{name}, turn {turn}: {wrong}")
                del parsers[name]
        turn += 1
    return found


def in_rounds(one: Callable[[random.Random], None]) -> Callable[[random.Random], int]:
    """A parser that gets ROUND inputs in a turn, and INPUT_TIME for each."""

    def several(rng: random.Random) -> int:
        for _ in range(ROUND):
            start = time.process_time()
            one(rng)
            if time.process_time() - start > INPUT_TIME:
                raise Wrong(f"one input took {time.process_time() - start:.1f} s")
        return ROUND

    return several


# ---- what is damaged, and how ----------------------------------------------------

ODD = (
    b"\0",
    b" ",
    b"\n",
    b"=",
    b":",
    b"--",
    b")",
    b"(",
    b"%s%n",
    b"-1",
    b"9" * 30,
    b"0x",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"A" * 300,
)


def damaged(rng: random.Random, data: bytes, odd: tuple[bytes, ...] = ODD) -> bytes:
    """Some bytes changed, left out, doubled, or put in."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        start = rng.randint(0, len(data))
        end = min(len(data), start + rng.choice((0, 1, 1, 4, 40)))
        kind = rng.randrange(5)
        if kind == 0:
            data = data[:start] + rng.choice(odd) + data[end:]
        elif kind == 1:
            data = data[:start] + data[end:]
        elif kind == 2:
            data = data[:end] + data[start:end] + data[end:]
        elif kind == 3:
            data = data[:start]
        else:
            data = data[:start] + rng.randbytes(end - start) + data[end:]
    return data


def shown(data: bytes) -> str:
    """An input, as one can give it to a parser again."""
    return repr(data if len(data) <= SHOWN else data[:SHOWN] + b"...")


# ---- the launcher ----------------------------------------------------------------


def build_driver(folder: Path) -> Path:
    """Compile what reads requests and orders, with sanitizers. Raises LabError."""
    program = folder / "parse_input"
    sources = [str(DRIVER), *(str(SOURCES / name) for name in PARSER)]
    words = [*compiler(), "-std=c11", *SANITIZERS, f"-I{SOURCES}", "-o", str(program), *sources]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.splitlines() or ["no message"])[-1]
        raise LabError(f"{shlex.join(compiler())} cannot build a program with sanitizers: {reason}")
    return program


@dataclass(frozen=True)
class Input:
    """Something for the driver; `expected` is the line that it has to print, None where any will do."""

    kind: str
    data: bytes
    descriptors: int
    expected: str | None

    def sent(self) -> bytes:
        """As the driver reads it."""
        return f"{self.kind} {len(self.data)} {self.descriptors}\n".encode() + self.data


def fuzz_launcher(driver: Path, make: Callable[[random.Random], Input], rng: random.Random) -> int:
    """Have the launcher's parser read BATCH inputs."""
    inputs = [make(rng) for _ in range(BATCH)]
    done = subprocess.run(
        [str(driver)],
        input=b"".join(each.sent() for each in inputs),
        capture_output=True,
        timeout=BATCH_TIME,
        check=False,
    )
    lines = done.stdout.decode("ascii").splitlines()
    for line, each in zip(lines, inputs):
        if each.expected is not None and line != each.expected:
            raise Wrong(f"of {shown(each.data)} it has read {line!r}, and not {each.expected!r}")
    if done.returncode != 0 or len(lines) < len(inputs):
        last = inputs[min(len(lines), len(inputs) - 1)]
        raise Wrong(f"{shown(last.data)} with {last.descriptors} descriptors\n{done.stderr.decode(errors='replace')}")
    return len(inputs)


WORDS = ("a", "/tmp/x y", "with=sign", "\u00e4", "-", "%s", "x" * 200, "1:memory.max:5")


def some_request(rng: random.Random) -> protocol.Request:
    """A Request with any values."""

    def some(kind: type[Enum], most: int = 2) -> tuple[Any, ...]:
        return tuple(rng.choice(list(kind)) for _ in range(rng.randint(0, most)))

    def texts() -> tuple[str, ...]:
        return tuple(rng.choice(WORDS) for _ in range(rng.choice((0, 0, 1, 3, 64))))

    scene = Scene(
        stdio=rng.choice(list(Stdio)),
        fault=rng.choice([None, *Fault]),
        without=some(Device),
        leads=rng.random() < 0.5,
        environment=texts(),
        signals=rng.choice(list(Signals)),
        notify=rng.choice([None, *Manager]),
        listen=rng.choice([None, some(Listen, 8)]),
    )
    return protocol.Request(
        scene,
        kind=rng.choice(list(protocol.Kind)),
        sandbox=rng.random() < 0.5,
        network=rng.random() < 0.5,
        nested=rng.random() < 0.5,
        tmp=rng.choice(WORDS),
        shown=texts(),
        hidden=texts(),
        first_uid=rng.choice((0, 1, (1 << 32) - 1)),
        first_gid=rng.choice((0, 1, (1 << 32) - 1)),
        id_count=rng.choice((0, 65536)),
        processes=rng.randint(0, 512),
        group=texts()[:2],
        limit=texts()[:4],
        watched=rng.choice(("", *WORDS)),
        high=rng.randint(0, 4095),
        file=tuple(protocol.File(rng.choice((0o644, 0o755)), rng.choice(WORDS)) for _ in range(rng.choice((1, 3, 64)))),
    )


def request_input(rng: random.Random) -> Input:
    """A request as it should be, or damaged."""
    request, argv = some_request(rng), [rng.choice(WORDS) for _ in range(rng.randint(1, 3))]
    data = os.fsencode(request.message(argv))
    descriptors = 1 + len(request.file) + (request.kind is protocol.Kind.TOOL)
    if rng.random() < 0.2:
        return Input("r", data, descriptors, read_back(request, argv))
    data = damaged(
        rng, data, (*ODD, b"high=4\0", b"file=8:a\0", b"listen=tcp\0", b"nothing=1\0", b"ids=1\0", b"\0--\0")
    )
    return Input("r", data, min(MAX_PASSED, descriptors + rng.choice((0, 0, 0, -1, 1))), None)


def read_back(request: protocol.Request, argv: list[str]) -> str:
    """What the driver has to say of a request: launcher/protocol.h has the keys in the same order."""
    words = ["yes"]
    for key, value in request.options():
        words.append(key)
        values = value if isinstance(value, tuple) else (value,)
        words += [word for each in values for word in _read_back(key, each)]
    return " ".join([*words, "--", *map(_in_digits, argv)])


def _read_back(key: str, value: Any) -> list[str]:
    if isinstance(value, protocol.File):
        return [f"{value.mode:o}", _in_digits(value.name)]
    if key == "fault":
        return [_in_digits(value.word if value else "")]
    if isinstance(value, Enum):
        return [str([*type(value)].index(value))]
    if value is None:
        return ["0"] if key == "notify" else []
    return [str(int(value)) if isinstance(value, int) else _in_digits(value)]


def _in_digits(text: str) -> str:
    return "." + os.fsencode(text).hex()


def order_input(rng: random.Random) -> Input:
    """An order as it should be, or damaged."""
    kinds = list(protocol.ORDERS.values())
    kind = rng.choice(kinds)
    values = [_some_words(rng, str(each.type)) for each in fields(kind)]
    order = kind(*values)
    data = order.line().encode()
    if rng.random() < 0.2:
        words = [word for each in values for word in (each if isinstance(each, tuple) else (each,))]
        told = [_in_digits(word) if isinstance(word, str) else str(word) for word in words]
        return Input("o", data, 0, " ".join(["yes", str(kinds.index(kind)), *told]))
    return Input("o", damaged(rng, data, (*ODD, b" 2147483648", b" 1" * 40)).replace(b"\0", b"")[:MAX_ORDER], 0, None)


def _some_words(rng: random.Random, annotation: str) -> Any:
    if annotation == "int":
        return rng.choice((0, 1, -1, 2**31 - 1, -(2**31)))
    if annotation == "str":
        return rng.choice([word for word in WORDS if " " not in word])
    return tuple(rng.randint(0, 99) for _ in range(rng.choice((0, 1, 32))))


# ---- what the launcher tells -----------------------------------------------------


def fuzz_event(rng: random.Random) -> None:
    """An event is one of the table, or NotUnderstood."""
    kind = rng.choice(list(protocol.EVENTS.values()))
    line = f"{kind.word} {rng.choice(('1', '1 2', '0 1 2 3', 'terminal', 'a=1:-:0', 'a=1:-'))}"
    text = os.fsdecode(damaged(rng, line.encode()))
    try:
        event = protocol.read_event(text, rng.choice((None, 7)))
        if isinstance(event, protocol.Calls):
            event.by_number()
    except protocol.NotUnderstood:
        pass
    except Exception as error:
        raise Wrong(f"{text!r}: {error!r}") from error


# ---- /proc -----------------------------------------------------------------------

# What a parser of /proc may say of a file that is not as proc(5) has it. With the first a process counts as ended.
PROMISED = (ProcessLookupError, ValueError)


def _only_promised(call: Callable[[], Any], data: bytes) -> Any:
    """What `call` returns, None where it refuses the data in one of the ways that are promised."""
    try:
        return call()
    except PROMISED:
        return None
    except Exception as error:
        raise Wrong(f"{shown(data)}: {error!r}") from error


def _some_name(rng: random.Random) -> bytes:
    """A process chooses its name: 15 bytes, any but the null byte."""
    return bytes(rng.choice(b" ():\n\tZR1\xff\xc3a") for _ in range(rng.randint(0, 15)))


def fuzz_stat(folder: Path, rng: random.Random) -> None:
    """Whatever the name is, the fields behind it are read."""
    rest = (folder / "stat", b"S 10 11 12 34816 -1 4194304 5 6 7 8 9 13 14 15 20 0 2 0 999 0 1 2".split())
    path, words = rest
    data = b"77 (" + _some_name(rng) + b") " + b" ".join(words) + b"\n"
    path.write_bytes(data)
    expected = procfs.Stat("S", 10, 11, 12, 34816, -1, 6, 13, 2, 999)
    if procfs.read_stat(str(folder)) != expected:
        raise Wrong(f"{shown(data)}: {procfs.read_stat(str(folder))}")
    data = damaged(rng, data)
    path.write_bytes(data)
    _only_promised(lambda: procfs.read_stat(str(folder)), data)


STATUS = b"""Name:\t%s
Umask:\t0022
State:\tS (sleeping)
Uid:\t0\t1\t2\t3
Gid:\t0\t1\t2\t3
Groups:\t4 5\x20
NSpid:\t900\t7
SigBlk:\t0000000000010000
CapInh:\t0000000000000000
CapPrm:\t0000000000000001
CapEff:\t0000000000000001
CapAmb:\t0000000000000000
Seccomp:\t0
"""


def fuzz_status(folder: Path, rng: random.Random) -> None:
    """A name cannot forge a line: the kernel writes a newline in it as two characters."""
    name = _some_name(rng).replace(b"\n", b"\\n").replace(b"\\\\", b"")
    data = STATUS % name
    path = folder / "status"
    path.write_bytes(data)
    status = procfs.read_status(str(folder))
    if (status.umask, status.pid_at(1), status.signals("SigBlk")) != (0o22, 7, frozenset({17})):
        raise Wrong(shown(data))
    data = damaged(rng, data)
    path.write_bytes(data)
    for read in (
        lambda: procfs.read_status(str(folder)).umask,
        lambda: procfs.read_status(str(folder)).credentials,
        lambda: procfs.read_status(str(folder)).signals("SigBlk"),
        lambda: procfs.read_status(str(folder)).pid_at(1),
    ):
        _only_promised(read, data)


def fuzz_fdinfo(folder: Path, rng: random.Random) -> None:
    """Beside the flags an fdinfo has lines of any kind: proc(5)."""
    for name in ("fd", "fdinfo"):
        (folder / name).mkdir(exist_ok=True)
    link = folder / "fd" / "4"
    if not link.is_symlink():
        link.symlink_to("/dev/null")
    (folder / "stat").write_bytes(b"77 (a) S 10 11 12 34816 -1 4194304 5 6 7 8 9 13 14 15 20 0 2 0 999 0 1 2")
    data = damaged(rng, b"pos:\t0\nflags:\t0100002\nmnt_id:\t15\nino:\t5\nlock:\t1: FLOCK  ADVISORY  WRITE 7\n")
    (folder / "fdinfo" / "4").write_bytes(data)
    _only_promised(lambda: procfs.read_descriptor(str(folder), 4), data)


def fuzz_maps(folder: Path, rng: random.Random) -> None:
    """Of what is mapped, an answer chooses the names."""
    (folder / "stat").write_bytes(b"77 (a) S 10 11 12 34816 -1 4194304 5 6 7 8 9 13 14 15 20 0 2 0 999 0 1 2")
    exe, memory = folder / "exe", folder / "mem"
    if not exe.is_symlink():
        exe.symlink_to("/bin/a")
    memory.write_bytes(b"")
    data = (
        b"5000-6000 r-xp 00000000 08:01 55 /bin/a\n6000-7000 rw-p 00001000 08:01 55 /bin/a\n"
        b"7000-8000 rw-p 00000000 00:00 0 [heap]\n"
    )
    data = damaged(rng, data, (*ODD, b"/proc/self/mem", b"/dev/zero", b" (deleted)", b"ffffffffffffffffffff-"))
    (folder / "maps").write_bytes(data)
    _only_promised(lambda: environ.read_environment(str(folder)), data)


def fuzz_elf(folder: Path, rng: random.Random) -> None:
    """A program is an answer's own file, and says of itself what it likes."""
    data = _elf(rng)
    path = folder / "program"
    path.write_bytes(data)
    environ._known.clear()  # the next file may have the same size, inode and time
    found = _only_promised(lambda: environ._find_environ(str(path)), data)
    if found is not None and not (isinstance(found[0], int) and isinstance(found[1], bool)):
        raise Wrong(f"{shown(data)}: {found}")


def _elf(rng: random.Random) -> bytes:
    """A small ELF file with two tables of symbols or more, damaged in its tables."""
    is_slow = rng.random() < 0.02  # a large table without the symbol, again and again
    count = 2003 if is_slow else 3
    choice = (0,) if is_slow else (0, 1, 3, 1 << 31)
    symbols = b"".join(environ._SYMBOL.pack(rng.choice(choice), 0, 0, 1, rng.getrandbits(64), 8) for _ in range(9))
    names = b"\0__environ\0"
    start = 64
    section = partial(environ._SECTION.pack, 0)
    sections = [
        section(0, 0, 0, 0, 0, 0, 0, 0, 0),
        section(environ._DYNSYM, 0, 0, start, len(symbols), 2, 0, 0, 24),
        section(3, 0, 0, start + len(symbols), len(names), 0, 0, 0, 0),
    ]
    head = bytearray(64)
    head[:5] = b"\x7fELF\x02"
    head[16:18] = environ._MOVABLE.to_bytes(2, "little")
    head[40:48] = (start + len(symbols) + len(names)).to_bytes(8, "little")
    head[58:60], head[60:62] = (64).to_bytes(2, "little"), count.to_bytes(2, "little")
    body = bytes(head) + symbols + names + b"".join(sections)
    if is_slow:
        large = section(environ._DYNSYM, 0, 0, 0, 24 * 40000, 2, 0, 0, 24)
        return body + large * 2000 + bytes(24 * 40000)
    return body if rng.random() < 0.1 else damaged(rng, body)


def fuzz_environment(folder: Path, rng: random.Random) -> None:
    """Pointers in an answer's memory may lead anywhere."""
    path = folder / "memory"
    data = b"".join(
        rng.choice((0, 8, 16, 64, 4000, 1 << 62, (1 << 64) - 8)).to_bytes(8, "little")
        for _ in range(rng.randint(0, 40))
    ) + rng.randbytes(rng.randint(0, 200))
    path.write_bytes(data)
    address = rng.choice((0, 8, 24, 4096, (1 << 63) - 1, 1 << 63, (1 << 64) - 1))
    with open(path, "rb", buffering=0) as file:
        _only_promised(lambda: environ._variables(file.fileno(), address), data)


# ---- messages --------------------------------------------------------------------


def fuzz_message(rng: random.Random) -> None:
    """What is taken apart of a message to the log is found at once, and is what stands there."""
    pieces = [
        "<13>",
        "<999>",
        "1 ",
        "Jan  1 00:00:00 ",
        "host ",
        "tag",
        "tag:",
        "[",
        "]",
        ":",
        " ",
        "\u0663",
        "x" * 2000,
        "\n",
    ]
    text = "".join(rng.choice(pieces) for _ in range(rng.randint(0, 12)))
    if rng.random() < 0.2:
        text = rng.choice((" ", "a ", "a:", "[", "<1>")) * 4000
    match = FORM.match(text)
    if match is not None and (match["tag"] not in text or not 0 <= int(match["priority"]) <= 999):
        raise Wrong(repr(text))
