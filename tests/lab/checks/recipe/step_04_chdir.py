"""Step 04: the root directory as working directory."""

from __future__ import annotations

from lab.checks.check import Finding, Wrong, check
from lab.checks.common import bonus_for_failure
from lab.checks.recipe import step_00_background as step_00
from lab.facts import Observation, Process


@check(read="chdir(2)", replaces=[step_00.launch_directory])
def in_root_directory(o: Observation, p: Process) -> Finding:
    """the working directory is the root directory."""
    if p.cwd == o.world.root and not p.directories_of_threads:
        return None
    if p.cwd == o.world.root:
        return Wrong(
            expected="/, for every thread",
            observed=f"/, and {p.directories_of_threads[0]} for another thread",
            because="One thread of the daemon has a working directory of its own, which chdir() in another thread does "
            "not change. Most likely your program calls unshare() with CLONE_FS. Remove that call.",
        )
    return Wrong(expected="/", observed=p.cwd_text, because=why_it_is_not_there(o, p))


def why_it_is_not_there(o: Observation, p: Process) -> str:
    if p.cwd == o.shell.cwd:
        return (
            'The daemon is in the directory where you started it. Most likely chdir("/") was not called in the daemon, '
            "or failed, or fchdir() undid it. Call it there before it waits, and check its return value."
        )
    if p.cwd_text.endswith(" (deleted)"):
        return "The daemon stands in a directory that has been deleted. " 'Call chdir("/") and check its return value.'
    return "The daemon moved to another directory. Only / can never be removed or unmounted. " 'Use chdir("/").'


CHECKS = [
    in_root_directory,
    bonus_for_failure("chdir", "EACCES", "Then the daemon stays in the wrong directory."),
]
