"""In the foreground: what steps 15 and 16 ask of what a service manager starts."""

from __future__ import annotations

from lab.checks import since
from lab.checks.check import Check
from lab.checks.modern.step_17_service.again import BetterCause, asked_again, bonus, required
from lab.checks.modern.step_17_service.launches import FOREGROUND
from lab.course import step_called
from lab.facts import Observation

NEW_STYLE = step_called("socket_activation")
REQUIRED_BEFORE, BONUS_BEFORE = required(NEW_STYLE), bonus(NEW_STYLE)


def in_the_foreground(earlier: Check, better: BetterCause | None = None) -> Check:
    """A check of step 16, of the service in the foreground. Its key gets a name of its own."""
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
    if not o.processes and o.job.status and o.printed.strip():
        return (
            "it gave up, and what it printed tells why. Without -d it keeps what it was launched with: the sockets "
            "that were passed are descriptors from 3 on"
        )
    return None


def why_its_umask_is_another(o: Observation) -> str | None:
    if o.process is not None and o.process.umask == 0:
        return "umask(0) is step 01, for -d. In the foreground the umask is that of whoever has started it"
    return None


lives = in_the_foreground(REQUIRED_BEFORE["lives"], why_it_gave_up)
launch_umask = in_the_foreground(REQUIRED_BEFORE["launch_umask"], why_its_umask_is_another)

OTHERWISE = {"lives": lives, "launch_umask": launch_umask}

# By the keys that they have in their steps. That it compiles is asked once.
FOREGROUND_AGAIN = {
    key: OTHERWISE[key] if key in OTHERWISE else in_the_foreground(each)
    for key, each in REQUIRED_BEFORE.items()
    if key != "compiles"
}
BONUS = [in_the_foreground(each) for each in BONUS_BEFORE.values()]
