"""What is raised when a launch cannot be looked at any further, though its program had started.

Either the answer did that or the machine did. One look cannot tell, so `judge`
launches the answer again, and then a program of the lab's own in the same scene:
if the lab can look at that one, the answer is at fault.
"""

from __future__ import annotations

from lab.scene import Scene
from lab.toolbox import LabError


class Hindered(LabError):
    """The lab was kept from looking at an answer, or from ending it.

    The text is the line that is told if the machine is at fault.
    """

    def __init__(self, text: str, observed: str, because: str, in_one_check: bool = False):
        super().__init__(text, observed, because, in_one_check)  # all that pickle needs to make it anew
        self.text = text
        self.observed = observed  # what a learner reads if the answer is at fault
        self.because = because
        self.in_one_check = in_one_check  # if the machine is at fault, only this cannot be checked here
        self.scene: Scene | None = None  # once it is known
        self.by_machine = False

    def __str__(self) -> str:
        return self.text


def init_ended() -> Hindered:
    """The Hindered for a sandbox whose init is gone, or does not answer."""
    return Hindered(
        "init of a sandbox ended while the lab looked at an answer: something killed it. Try again",
        "init of the sandbox (PID 1) exited or stopped while your program ran",
        "Most likely your program sent a signal to init, or took its resources away with prlimit(). "
        "Signal only processes that you know, and change only your own limits.",
    )


def launcher_failed(what: str) -> Hindered:
    """The Hindered for a launcher that says that it could not do something; `what` is its message."""
    return Hindered(
        f"the launcher could not go on with an answer: {what}. Try again",
        f"the lab could not go on with your program: {what}",
        "Most likely your program took away what the lab needs, for example with prlimit() on another process, or by "
        "using up all processes or descriptors. Leave init and the shell alone.",
    )


def limits_changed() -> Hindered:
    """The Hindered for an init whose limits are not those that it was started with."""
    return Hindered(
        "something changed the limits of the launcher while it ran. Try again",
        "the limits of init of the sandbox (PID 1) changed while your program ran",
        "Your program changed the limits of another process with prlimit(). Give 0 as the first argument: "
        "that is your own process.",
    )


def invisible(path: str) -> Hindered:
    """The Hindered for a process that the kernel does not show; `path` is what could not be read."""
    return Hindered(
        f"the kernel does not let the lab look at processes here ({path}): /proc is restricted. Try as root",
        "the kernel does not let the lab look at your program",
        "Your program hides itself. prctl(PR_SET_DUMPABLE, 0) does that, and so does a change of its user ID. "
        "The lab cannot check a program that hides. Remove the call.",
    )


def has_lease(name: str) -> Hindered:
    """The Hindered for a file that whoever opens it has to wait for; fcntl(2), "Leases"."""
    return Hindered(
        f"{name} could not be opened at once: something has a lease on it. Try again",
        f"{name} cannot be opened while your program runs: a process that tries must wait",
        "Your program has taken a lease on it with fcntl(F_SETLEASE). A lease keeps everybody waiting who opens the "
        "file, if only to read the PID. Lock the file with flock(): then other programs can still read it.",
    )


def look_failed(error: Exception) -> Hindered:
    """The Hindered for a look that ended with an exception that nobody expected."""
    told = f"{type(error).__name__}: {error}"
    return Hindered(
        f"a look at an answer failed ({told}): this is a fault of the lab, please report it",
        f"the look at your program failed ({told})",
        "Your program shows something that the lab cannot read, and other programs do not. Most likely it changes "
        "while the lab looks. If you think that it is right, report this as a fault of the lab.",
    )


def does_not_end(seconds: float) -> Hindered:
    """The Hindered for a launch that is still there `seconds` after it was told to end."""
    return Hindered(
        f"a launch did not end within {seconds} s. Is the machine overloaded?",
        f"your program could not be ended within {seconds} s",
        "Most likely your program signals the processes of the lab. Signal only processes that you know.",
    )


def deed_failed(deed: str, reason: str) -> Hindered:
    """The Hindered for something that the lab could not make a program do; `reason` is the error in words."""
    return Hindered(
        f"the lab could not make a program {deed}: {reason}",
        f"the lab could not make your program {deed}: {reason}",
        "Most likely your program keeps others from tracing it, or filters its own system calls. Let the lab trace it.",
        in_one_check=True,
    )
