"""Step 05: nothing of what was inherited is open."""

from __future__ import annotations

from lab.checks.check import Finding, Wrong, check
from lab.checks.common import crash, crash_cause, fate, life_verdict, names
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Observation, Process
from lab.faults import Fault
from lab.scene import Scene, Stdio

STANDARD = {0, 1, 2}  # input, output, error


def inherited(o: Observation) -> set[int]:
    """The numbers at which something of the launch is still open."""
    launched = o.shell.descriptors
    return {n for n, d in o.survivor.open_files.items() if n in launched and launched[n].identity == d.identity}


def closed(o: Observation) -> set[int]:
    """The numbers at which nothing of the launch is open any more."""
    return set(o.shell.descriptors) - inherited(o)


def copies(o: Observation) -> dict[int, str]:
    """What of the launch is open at a number that is not its own: {number there: numbers at the launch}."""
    found = {}
    for number, descriptor in o.survivor.open_files.items():
        same = [str(n) for n, d in o.shell.descriptors.items() if d.identity == descriptor.identity]
        if same and number not in inherited(o):
            found[number] = ", ".join(same)
    return found


NOTHING = "none"


@check(read="close_range(2), proc(5)", replaces=[step_00.launch_files])
def nothing_open(o: Observation, p: Process) -> Finding:
    """no descriptor is open, at any number."""
    if not p.open_files:
        return None
    return Wrong(expected=NOTHING, observed=names(p.open_files), because=why_something_is_open(o, p))


def why_something_is_open(o: Observation, p: Process) -> str:
    launched, left, gone = set(o.shell.descriptors), inherited(o), closed(o)
    if any(not p.open_files[n].inherited for n in left):
        return (
            "they are marked close-on-exec (FD_CLOEXEC, CLOSE_RANGE_CLOEXEC): that closes them when the process "
            "starts another program with exec, and it starts none"
        )
    if left == launched and p.state == "R":
        return (
            "all of them are open, and the process is still busy: a loop that counts down from far above them has not "
            "got there (from INT_MAX that takes many minutes); or nothing was closed, and it waits in a busy loop"
        )
    if left == launched:
        return (
            "all of them are open: nothing was closed in the process that lives on (closing in the parent does nothing "
            "to the child's copies), or not before it waits, or the call that should do it failed, as close_range() "
            "does (EINVAL) where first is above last. fcloseall() closes no descriptor"
        )
    if left and min(left) > 1024:
        return (
            f"{min(left)} was opened before the limit on open files was lowered to 256. A loop up to "
            "that limit (sysconf(_SC_OPEN_MAX), getdtablesize(), RLIMIT_NOFILE) or up to a fixed number such as 1024 "
            "does not reach it, nor does one that stops at the first number that is not open"
        )
    if left == STANDARD:
        return "only 3 and up were closed: in this step 0, 1 and 2 have to go too"
    if gone == STANDARD and STANDARD <= set(p.open_files):
        return (
            "only 0, 1 and 2 were dealt with: they lead somewhere else now, as after daemon(3), and nothing above them "
            "was closed. In this step all have to go, these three too"
        )
    if gone == STANDARD:
        return "only 0, 1 and 2 were closed: whatever else the caller had open is inherited as well"
    if left == {0}:
        return (
            "only 0 is left: a loop that starts at 1, or one that leaves out every name of /proc/self/fd for which "
            "atoi() gives 0, which are . and .. and 0; or the terminal was opened again after it was closed, and "
            "open() gave it the lowest free number"
        )
    if left and max(gone) < min(left):
        return f"nothing from {min(left)} up was closed: the loop's bound is too low, or it stopped there"
    if left:
        return (
            "some were closed and some left: a list or a bound that is not the kernel's own, or one of the calls failed"
        )
    return why_something_was_opened(o, p)


def why_something_was_opened(o: Observation, p: Process) -> str:
    again = copies(o)
    if again:
        number, at_launch = next(iter(again.items()))
        return (
            f"{number} leads to where {at_launch} led at the launch: dup() or F_DUPFD made a copy before the others "
            "were closed, or it was opened again"
        )
    if all(d.kind == "null" for d in p.open_files.values()):
        return "the program opened the null device: that is what step 06 adds, and too early here"
    if any(d.kind == "folder" for d in p.open_files.values()):
        return "the program opened a directory itself and left it open: opendir(), say, without closedir()"
    return (
        "the program opened it itself and left it open: a log file, say, or the socket that openlog() and syslog() "
        "make. In this step nothing at all is open in the end"
    )


@check(read="close_range(2), proc(5)", bonus=True, scene=Scene(fault=Fault.NO_CLOSE_RANGE), expects=NOTHING)
def no_close_range(o: Observation) -> Finding:
    """closes all where the kernel has no close_range()."""
    return closes_all_without(o, "ENOSYS, as on an older kernel")


@check(read="close_range(2), proc(5)", bonus=True, scene=Scene(fault=Fault.CLOSE_RANGE_FAILS), expects=NOTHING)
def close_range_refused(o: Observation) -> Finding:
    """closes all where a filter refuses close_range()."""
    return closes_all_without(o, "EPERM, as under a filter")


def closes_all_without(o: Observation, how: str) -> Finding:
    """What is wrong with an answer for which close_range() has been made to fail, `how`."""
    if o.process is None:
        return Wrong(NOTHING, fate(o), why_it_gives_up(o, how), life_verdict(o))
    finding = nothing_open.judge(o)
    if isinstance(finding, Wrong) and inherited(o) == set(o.shell.descriptors):
        return finding.instead(
            f"Most likely your program relies on close_range(), which fails here ({how}). Test what it returns. "
            "If it fails, read /proc/self/fd and close each descriptor that it lists."
        )
    return finding


def why_it_gives_up(o: Observation, how: str) -> str:
    if crash(o):
        return crash_cause(o)
    return (
        f"Most likely your program exits because close_range() fails here ({how}). There is another way. "
        "Read /proc/self/fd and close each descriptor that it lists."
    )


END_OF_FILE = "end of file, once the daemon is there"


@check(read="pipe(7)", bonus=True, scene=Scene(stdio=Stdio.PIPE), expects=END_OF_FILE)
def reader_is_let_go(o: Observation, p: Process) -> Finding:
    """who reads what it prints through a pipe gets end of file."""
    if o.piped.is_closed:
        return None
    return Wrong(
        expected=END_OF_FILE,
        observed="the pipe is still open",
        because="a write end of it is still open in the daemon: a reader such as cat waits for ever",
    )


CHECKS = [
    nothing_open,
    no_close_range,
    close_range_refused,
    reader_is_let_go,
]
