"""In the foreground: the checks of steps 16 and 17, made again of the service."""

from __future__ import annotations

from lab.checks import since
from lab.checks.check import Check
from lab.checks.common import crash, says_why
from lab.checks.modern.step_19_service.again import BetterCause, asked_again, bonus, required
from lab.checks.modern.step_19_service.launches import FOREGROUND
from lab.course import step_called
from lab.facts import Observation

NEW_STYLE = step_called("socket_activation")
REQUIRED_BEFORE, BONUS_BEFORE = required(NEW_STYLE), bonus(NEW_STYLE)


def in_the_foreground(earlier: Check, better: BetterCause | None = None) -> Check:
    """A check of step 17, of the service in the foreground. Its key gets a name of its own."""
    return asked_again(
        earlier,
        usual=FOREGROUND,
        since=since(earlier, NEW_STYLE),
        scene=FOREGROUND.completed(earlier.scene),
        says=f"in the foreground: {earlier.says}",
        follows=earlier.follows,
        better=better,
    )


def why_it_gave_up(o: Observation) -> str | None:
    has_said_why = not o.processes and bool(o.job.status) and not crash(o) and bool(o.printed.strip())
    if has_said_why and says_why(o, "usage"):
        return (
            "Your program prints its usage and exits. Without any option it must serve the sockets that were passed to "
            "it, which are the descriptors from 3 on."
        )
    if has_said_why:
        return (
            "Your program exits with an error, and its message tells why. Most likely it becomes a daemon without -d "
            "too, or has closed the sockets that were passed. They are the descriptors from 3 on. Without -d do "
            "neither."
        )
    return None


def why_its_umask_is_another(o: Observation) -> str | None:
    if o.process is not None and o.process.umask == 0:
        return (
            "Your program sets the umask to 0 without -d. In the foreground it must keep the umask of the start. Call "
            "umask(0) only with -d."
        )
    return None


lives = in_the_foreground(REQUIRED_BEFORE["lives"], why_it_gave_up)
launch_umask = in_the_foreground(REQUIRED_BEFORE["launch_umask"], why_its_umask_is_another)

OTHERWISE = {"lives": lives, "launch_umask": launch_umask}

# By the keys that they have in their steps. Whether it compiles is checked once.
FOREGROUND_AGAIN = {
    key: OTHERWISE[key] if key in OTHERWISE else in_the_foreground(each)
    for key, each in REQUIRED_BEFORE.items()
    if key != "compiles"
}
BONUS = [in_the_foreground(each) for each in BONUS_BEFORE.values()]
