"""Step 04: the root directory as working directory."""

from __future__ import annotations

from lab.checks.check import Finding, Wrong, check
from lab.checks.common import bonus_for_failure
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Observation, Process


@check(read="chdir(2)", replaces=[step_00.launch_directory])
def in_root_directory(o: Observation, p: Process) -> Finding:
    """its working directory is the root directory."""
    if p.cwd == o.world.root:
        return None
    return Wrong(expected="/", observed=p.cwd_text, because=why_it_is_not_there(o, p))


def why_it_is_not_there(o: Observation, p: Process) -> str:
    if p.cwd == o.shell.cwd:
        return (
            'it is where it was launched: chdir("/") was not called in the process that lives on, or not before it '
            "waits, or it went back, or another path was given, or the call failed: look at what it returns. In "
            'another process, such as the parent or the shell of system("cd /"), it moves only that one. '
            "chroot() and open() move none"
        )
    if p.cwd_text.endswith(" (deleted)"):
        return "it is in a directory that has been removed: whatever its name, it is not the root directory"
    return "it moved, but to another directory: only the root directory is always there"


CHECKS = [
    in_root_directory,
    bonus_for_failure("chdir", "EACCES", "Then the daemon stays in the wrong directory."),
]
