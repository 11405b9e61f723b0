"""Step 05: nothing of what was inherited is open."""

from __future__ import annotations

from lab.checks.check import Finding, Wrong, check
from lab.checks.common import crash, crash_cause, fate, life_verdict, names, says_why
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Observation, Process
from lab.faults import Fault
from lab.scene import Scene, Stdio

STANDARD = {0, 1, 2}  # input, output, error
MANY = 150  # more descriptors than usual, which is too many for an array of 64 or 128


def inherited(o: Observation) -> set[int]:
    """The numbers at which something of the launch is still open."""
    launched = o.shell.descriptors
    return {n for n, d in o.survivor.open_files.items() if n in launched and launched[n].identity == d.identity}


def closed(o: Observation) -> set[int]:
    """The numbers at which nothing of the launch is open any more."""
    return set(o.shell.descriptors) - inherited(o)


def copies(o: Observation) -> dict[int, str]:
    """Descriptors of the launch that are open at another number now: {number there: numbers at the launch}."""
    found = {}
    for number, descriptor in o.survivor.open_files.items():
        same = [str(n) for n, d in o.shell.descriptors.items() if d.identity == descriptor.identity]
        if same and number not in inherited(o):
            found[number] = ", ".join(same)
    return found


NOTHING = "no descriptor is open"


@check(read="close_range(2), proc(5)", replaces=[step_00.launch_files])
def nothing_open(o: Observation, p: Process) -> Finding:
    """no descriptor is open."""
    if not p.open_files:
        return None
    return Wrong(expected=NOTHING, observed=names(p.open_files), because=why_something_is_open(o, p))


def why_something_is_open(o: Observation, p: Process) -> str:
    launched, left, gone = set(o.shell.descriptors), inherited(o), closed(o)
    if any(not p.open_files[n].inherited for n in left):
        return (
            "Your program only marks the descriptors close-on-exec. That closes them at execve(), which never comes "
            "here. Close them with close_range(), or read their numbers in /proc/self/fd. A loop up to a limit may "
            "miss some."
        )
    if left == launched and p.state == "R":
        return (
            "The daemon is still busy, and all descriptors are open. Most likely it counts down from a huge number, "
            "which takes many minutes. Use close_range(), or read /proc/self/fd."
        )
    if left == launched:
        return (
            "Your program closes no descriptor in the daemon. Most likely it closes them only in the parent, or "
            "close_range() fails with EINVAL, because its first number is above the second. Call close_range(0, ~0U, "
            "0) in the daemon."
        )
    if left and min(left) > 1024:
        return (
            f"Descriptor {min(left)} is still open. It was opened before the limit was lowered to 256, so a loop up "
            "to the limit misses it. Use close_range(), or read /proc/self/fd."
        )
    if left == STANDARD:
        return "Your program keeps 0, 1 and 2 open. In this step close them too. Step 06 opens them again on /dev/null."
    if gone == STANDARD and STANDARD <= set(p.open_files):
        return (
            "Your program only redirects 0, 1 and 2, as daemon(0, 0) does. In this step close every descriptor, these "
            "three and all above them."
        )
    if gone == STANDARD:
        return (
            "Your program closes only 0, 1 and 2. It has inherited all other descriptors of its caller as well. "
            "Close every number, with close_range(0, ~0U, 0)."
        )
    if left == {0}:
        return (
            "Of the descriptors from the start only 0 is open. Most likely a loop starts at 1, or skips each name in "
            "/proc/self/fd for which atoi() returns 0. Or your program opens the terminal again later. Close 0 too, "
            "and open nothing after that."
        )
    if left and max(gone) < min(left):
        return (
            f"Your program closes nothing from {min(left)} up. Most likely the loop ends too early. "
            "Use close_range(), or read /proc/self/fd."
        )
    if left:
        return (
            "Your program closes some descriptors and leaves others open. Most likely it has its own list of numbers, "
            "or a call failed. Use close_range(), or read /proc/self/fd."
        )
    return why_something_was_opened(o, p)


def why_something_was_opened(o: Observation, p: Process) -> str:
    again = copies(o)
    if again:
        number, at_launch = next(iter(again.items()))
        return (
            f"Descriptor {number} leads to where {at_launch} led at the start. Most likely your program made a copy "
            "with dup(), or opened it again. Close that descriptor too."
        )
    if all(d.kind == "null" for d in p.open_files.values()):
        return "Your program opens /dev/null. That is too early here. Step 06 adds it."
    if any(d.kind == "folder" for d in p.open_files.values()):
        return (
            "Your program opens a directory and leaves it open. Most likely it calls opendir() for /proc/self/fd "
            "without closedir(). Call closedir() after the last name."
        )
    return (
        "Your program opened this descriptor itself, after it had closed the others. Most likely it is a log file, or "
        "the socket of syslog(). Close all descriptors last, or do not open this one."
    )


NONE_OF_MANY = f"no descriptor that its caller had left open ({MANY} more than usual)"


@check(
    says=f"{MANY} more descriptors that its caller left open are closed too",
    read="close_range(2), proc(5)",
    scene=Scene(more_open=MANY),
    follows=[nothing_open],
    expects=NONE_OF_MANY,
)
def many_closed(o: Observation, p: Process) -> Finding:
    left = inherited(o)
    if not left:
        return None
    return Wrong(
        expected=NONE_OF_MANY,
        observed=f"{len(left)} of them are open, the lowest is {min(left)}, the highest {max(left)}",
        because=why_some_of_many_are_open(o),
    )


def why_some_of_many_are_open(o: Observation) -> str:
    left = inherited(o)
    if len(left) < MANY // 10 or len(closed(o)) < MANY // 10:
        return (
            "Your program leaves descriptors open, whether there are few of them or many. See what it does when it is "
            "started as usual. Close every one, with close_range(0, ~0U, 0)."
        )
    return (
        "Your program closes the descriptors only where there are few. Most likely it keeps their numbers in an array "
        "that is too small, or it closes the descriptor by which it reads /proc/self/fd. Use close_range()."
    )


@check(read="close_range(2), proc(5)", bonus=True, scene=Scene(fault=Fault.NO_CLOSE_RANGE))
def no_close_range(o: Observation) -> Finding:
    """it closes every descriptor where the kernel has no close_range()."""
    return closes_all_without(o, "ENOSYS, as on an older kernel")


@check(read="close_range(2), proc(5)", bonus=True, scene=Scene(fault=Fault.CLOSE_RANGE_FAILS))
def close_range_refused(o: Observation) -> Finding:
    """it closes every descriptor where a filter refuses close_range()."""
    return closes_all_without(o, "EPERM, as under a filter")


def closes_all_without(o: Observation, how: str) -> Finding:
    """What is wrong with an answer for which close_range() has been made to fail, `how`."""
    if o.process is None:
        return Wrong(NOTHING, fate(o), why_it_gives_up(o, how), life_verdict(o))
    finding = nothing_open.judge(o)
    if not isinstance(finding, Wrong) or inherited(o) != set(o.shell.descriptors):
        return finding
    if says_why(o, "close_range"):
        return finding.instead(
            f"Your program notices that close_range() fails here ({how}), but then it closes nothing. "
            "Read /proc/self/fd instead and close each descriptor that it lists."
        )
    return finding.instead(
        f"Most likely your program relies on close_range(), which fails here ({how}). Test what it returns. "
        "If it fails, read /proc/self/fd and close each descriptor that it lists."
    )


def why_it_gives_up(o: Observation, how: str) -> str:
    if crash(o):
        return crash_cause(o)
    return (
        f"Most likely your program exits because close_range() fails here ({how}). There is another way. "
        "Read /proc/self/fd and close each descriptor that it lists."
    )


END_OF_FILE = "the reader of the pipe gets end of file"


@check(read="pipe(7)", bonus=True, scene=Scene(stdio=Stdio.PIPE), expects=END_OF_FILE)
def reader_is_let_go(o: Observation, p: Process) -> Finding:
    """a reader of its output gets end of file."""
    if o.piped.is_closed:
        return None
    return Wrong(
        expected=END_OF_FILE,
        observed="a write end of the pipe is still open",
        because=(
            "The daemon keeps a write end of the pipe open, so a reader such as cat waits forever. Close every "
            "descriptor, whatever number it has."
        ),
    )


CHECKS = [
    nothing_open,
    many_closed,
    no_close_range,
    close_range_refused,
    reader_is_let_go,
]
