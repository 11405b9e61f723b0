"""Step 01: the process's umask takes nothing away."""

from __future__ import annotations

from lab.checks.check import Finding, Wrong, check
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Observation, Process

# Numbers that look like octal ones, and are decimal without a leading 0.
DECIMAL = {n & 0o777: n for n in (22, 26, 27, 77, 600, 640, 644, 664, 666, 750, 755, 775, 777)}


@check(read="umask(2)", replaces=[step_00.launch_umask])
def umask_is_zero(o: Observation, p: Process) -> Finding:
    """the umask is 0000."""
    if p.umask == 0:
        return None
    return Wrong(
        expected="0000, so a new file with mode 0666 gets 0666",
        observed=f"{p.umask:04o}, so a new file with mode 0666 gets {0o666 & ~p.umask:04o}",
        because=why_it_is_not_zero(o, p),
    )


def why_it_is_not_zero(o: Observation, p: Process) -> str:
    if p.umask == o.shell.umask:
        return (
            f"{o.shell.umask:04o} is the umask of the shell. Most likely your program does not call umask(0) in this "
            "process, or only after the waiting loop, or it puts the old mask back. Call umask(0) before it waits."
        )
    if p.umask in DECIMAL:
        written = DECIMAL[p.umask]
        return (
            f"Most likely your program calls umask({written}). In C a number without a leading 0 is decimal, so the "
            f"mask becomes {p.umask:04o}. But 0{written} is wrong here too. Call umask(0), because a mask of 0 removes "
            "nothing."
        )
    if p.umask & 0o400:
        return (
            "This mask removes even the owner's right to read. A mask lists the permissions to remove, not those to "
            "give. Use 0."
        )
    return (
        f"Your program sets the umask to {p.umask:04o}, instead of 0 or after umask(0). "
        "Call umask(0) last, because a mask of 0 removes nothing."
    )


CHECKS = [umask_is_zero]
