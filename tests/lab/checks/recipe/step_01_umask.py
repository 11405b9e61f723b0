"""Step 01: the process's umask takes nothing away."""

from __future__ import annotations

from lab.checks.check import Finding, Wrong, check
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Observation, Process

# Numbers that look like octal ones, and are decimal without a leading 0.
DECIMAL = {n & 0o777: n for n in (22, 26, 27, 77, 600, 640, 644, 664, 666, 750, 755, 775, 777)}


@check(read="umask(2)", replaces=[step_00.launch_umask])
def umask_is_zero(o: Observation, p: Process) -> Finding:
    """umask is 0000."""
    if p.umask == 0:
        return None
    return Wrong(
        expected="0000: a file created with mode 0666 gets 0666",
        observed=f"{p.umask:04o}: a file created with mode 0666 gets {0o666 & ~p.umask:04o}",
        because=why_it_is_not_zero(o, p),
    )


def why_it_is_not_zero(o: Observation, p: Process) -> str:
    if p.umask == o.shell.umask:
        return (
            f"{o.shell.umask:04o} is the shell's: umask(0) was not called in the process that lives "
            "on (its parent, a child, a command run by system(): each has a umask of its own), or it comes after "
            "a loop that never ends, or the old mask was put back after it, as umask(umask(0)) does"
        )
    if p.umask in DECIMAL:
        written = DECIMAL[p.umask]
        return (
            f"{p.umask:04o} is what {written} gives: without a leading 0, {written} is decimal in C. "
            "The mask has to be 0, which takes away nothing"
        )
    if p.umask & 0o400:
        return (
            "this mask takes away even the owner's right to read: a mask names the bits to take away, not those to "
            "grant. 0 takes away none"
        )
    return "umask() was called with this value, in place of 0 or after umask(0). A mask of 0 takes away nothing"


CHECKS = [umask_is_zero]
