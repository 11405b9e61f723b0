"""Step 06: 0, 1 and 2 are the null device."""

from __future__ import annotations

import errno
import os
import signal

from lab.checks.check import Finding, Wrong, check
from lab.checks.common import (
    TELLING,
    Failure,
    crash,
    crash_cause,
    fails_cleanly,
    fate,
    holds,
    life_verdict,
    names,
    said,
    why_it_does_not_give_up,
)
from lab.checks.recipe import step_05_close_fds as step_05
from lab.checks.recipe.step_05_close_fds import inherited
from lab.facts import Descriptor, Observation, Process
from lab.scene import Device, Scene, Stdio

STANDARD = {0: "r", 1: "w", 2: "w"}  # what each has to be good for


def is_null(p: Process, number: int) -> bool:
    """Whether that descriptor is open, on the null device."""
    found = p.open_files.get(number)
    return found is not None and found.kind == "null"


def wrong_access(p: Process) -> list[int]:
    """The standard descriptors that are open, but not for what they are there for."""
    files = p.open_files
    return [n for n, need in STANDARD.items() if n in files and need not in files[n].access]


def missing(p: Process) -> list[int]:
    """The standard descriptors that are not open."""
    return [n for n in STANDARD if n not in p.open_files]


def others(p: Process) -> dict[int, Descriptor]:
    """What is open beside 0, 1 and 2."""
    return {n: d for n, d in p.open_files.items() if n not in STANDARD}


def not_inherited(p: Process) -> list[int]:
    """The standard descriptors that a program which it starts does not get: they are close-on-exec."""
    return [n for n in STANDARD if n in p.open_files and not p.open_files[n].inherited]


def standard_holds(o: Observation) -> bool:
    """Whether 0, 1 and 2 are the null device, each good for what it is there for, also in a program that it starts."""
    p = o.survivor
    return all(is_null(p, n) for n in STANDARD) and not wrong_access(p) and not not_inherited(p)


def with_access(o: Observation) -> str:
    """What is open, and for what, in words."""
    closed_on_exec = not_inherited(o.survivor)
    words = []
    for number, descriptor in o.survivor.open_files.items():
        access = descriptor.access or "neither to read nor to write"
        words.append(f"{descriptor} ({access}{', close-on-exec' if number in closed_on_exec else ''})")
    return ", ".join(words) or "none"


INHERITED = "Inherited descriptors are still open beside /dev/null. Close them all first, as in step 05."


@check(read="null(4), dup(2)", replaces=[step_05.nothing_open])
def null_device(o: Observation, p: Process) -> Finding:
    """0, 1 and 2 lead to /dev/null, and nothing else is open."""
    if standard_holds(o) and not others(p):
        return None
    return Wrong(
        expected="0 to read, 1 and 2 to write, all on /dev/null, nothing else open",
        observed=with_access(o),
        because=why_it_is_not_the_null_device(o, p),
    )


def why_it_is_not_the_null_device(o: Observation, p: Process) -> str:
    files = p.open_files
    standard = [files[n] for n in STANDARD if n in files]
    if not files:
        return (
            "Nothing is open in the daemon. Most likely open() was not called there, or the path is wrong, or your "
            "program closes all descriptors after open(). Open /dev/null in the daemon, last of all."
        )
    if any(d.kind == "terminal" for d in standard):
        return (
            "At least one of 0, 1 and 2 leads to the terminal. Most likely your program did not close it, or opened "
            "the terminal again. Close every descriptor, as in step 05, and put /dev/null on all three."
        )
    if any(d.kind != "null" for d in standard) and inherited(o):
        return INHERITED
    if any(d.kind != "null" for d in standard):
        return (
            "Your program opened something other than /dev/null. Only /dev/null reads as empty and accepts every "
            "write. /dev/zero never ends, /dev/full fails every write, and a regular file grows with each write."
        )
    if missing(p) == [0]:
        return (
            "Descriptor 0 is closed. Most likely open() itself returned 0, and your program closed it after dup(). "
            "Remove that close(), or close only a number above 2."
        )
    if missing(p):
        return (
            "Not all three descriptors are open. Each needs a call of its own: open() for 0, then dup() for 1 and for "
            "2. Check what each call returns."
        )
    return why_they_are_no_good(p) or why_more_is_open(o, p)


def why_they_are_no_good(p: Process) -> str:
    """Why 0, 1 and 2 are not good for what they are there for, though all lead to the null device; "" if they are."""
    if any(not d.access for d in p.open_files.values()):
        return (
            "A descriptor can be neither read nor written. Most likely it was opened with O_PATH, or with a wrong "
            "access mode. Open /dev/null with O_RDWR."
        )
    if 0 in wrong_access(p):
        return (
            "Descriptor 0 cannot be read. It was opened with O_WRONLY, or it is a duplicate of one that was. Open "
            "/dev/null with O_RDWR, which serves all three."
        )
    if wrong_access(p):
        return (
            f"Descriptor {wrong_access(p)[0]} cannot be written. It was opened with O_RDONLY, or it is a duplicate of "
            "one that was. Open /dev/null with O_RDWR, which serves all three."
        )
    if not_inherited(p):
        number = not_inherited(p)[0]
        return (
            f"Descriptor {number} is closed when your daemon starts another program. Most likely open() got O_CLOEXEC, "
            "or fcntl() set FD_CLOEXEC. Leave that out for 0, 1 and 2, because other programs must inherit them."
        )
    return ""


def why_more_is_open(o: Observation, p: Process) -> str:
    if all(d.kind == "null" for d in others(p).values()):
        return "A fourth descriptor leads to /dev/null. Close the one that open() returned, if its number is above 2."
    if inherited(o):
        return INHERITED
    return "Your program opened something more and left it open. Close it when you no longer need it."


NO_NULL_DEVICE = Failure(
    "open",
    os.strerror(errno.ENOENT),
    "Descriptors 0, 1 and 2 do not lead to /dev/null.",
    words=("/dev/null", "dev_null", "null device"),
)


@check(read="open(2)", bonus=True, scene=Scene(without=(Device.NULL,)))
def no_dev_null(o: Observation) -> Finding:
    """without /dev/null it exits with an error."""
    if fails_cleanly(o):
        return None
    return Wrong(
        expected="an exit status other than 0, no process that stays",
        observed=fate(o),
        because=why_it_does_not_end_without_null(o),
    )


def why_it_does_not_end_without_null(o: Observation) -> str:
    if crash(o) == signal.SIGSEGV and not o.processes:
        return (
            "SIGSEGV killed your program, because /dev/null could not be opened. Most likely fopen() returned NULL and "
            "your program used it. Test the result and exit."
        )
    if o.processes and not NO_NULL_DEVICE.is_named(said(o)) and not holds(said(o), *TELLING):
        return (
            "open() failed and returned -1, but your program keeps running. Compare its result with -1 and exit. A "
            "test such as !fd finds 0, which is a good descriptor, and not -1."
        )
    return why_it_does_not_give_up(o, NO_NULL_DEVICE)


ONLY_THESE = "0, 1 and 2 lead to /dev/null, and nothing else is open"


@check(read="stdin(3)", bonus=True, scene=Scene(stdio=Stdio.CLOSED))
def started_with_none_open(o: Observation) -> Finding:
    """it comes out the same when 0, 1 and 2 start closed."""
    if o.process is not None and standard_holds(o) and not others(o.process):
        return None
    return Wrong(
        expected=ONLY_THESE,
        observed=names(o.process.open_files) if o.process else fate(o),
        because=why_it_needs_them_open(o),
        verdict=life_verdict(o),
    )


def why_it_needs_them_open(o: Observation) -> str:
    if o.process is None and crash(o):
        return crash_cause(o)
    if o.process is None:
        return (
            "Your program exits when 0, 1 and 2 are closed at its start. Most likely it takes descriptor 0 for an "
            "error, as a test such as !fd or fd > 0 does. Only -1 is one."
        )
    return (
        "Something else has one of the numbers 0, 1 and 2, or one of them is closed. What is opened first gets the "
        "lowest free number. Close everything before you open /dev/null."
    )


CHECKS = [
    null_device,
    no_dev_null,
    started_with_none_open,
]
