"""With -d: what steps 00 to 14 ask of a daemon, asked of the service."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Callable, Sequence

from lab.checks import since
from lab.checks.beyond import step_13_drop_privileges as step_13
from lab.checks.beyond.step_10_reset_signals import kept
from lab.checks.beyond.step_14_signals import TAKEN
from lab.checks.check import Check, Finding, Look, Unseen, Wrong
from lab.checks.common import ended, fate, says_why, started_again
from lab.checks.modern import step_15_notify as step_15
from lab.checks.modern.step_17_service.again import BetterCause, asked_again, bonus, required
from lab.checks.modern.step_17_service.descriptors import only_listens
from lab.checks.modern.step_17_service.launches import AS_DAEMON, AT_HOST, DAEMON, GENERIC, daemon_check, has_status
from lab.checks.recipe.step_06_dev_null import standard_holds, with_access
from lab.checks.recipe.step_07_syslog import came_out_right, quoted
from lab.course import step_called
from lab.facts import Observation, Process
from lab.scene import PID_FILE, SOCKET, Manager, Scene

CLASSIC = step_called("signals")
REQUIRED_BEFORE, BONUS_BEFORE = required(CLASSIC), bonus(CLASSIC)

# A server may ignore that a client, or a child, has gone, or take it as it takes the rest.
OF_CLIENTS = {signal.SIGPIPE, signal.SIGCHLD}


def scene_as_daemon(scene: Scene) -> Scene:
    """A scene of step 14, for the service: -d and where it listens come before what arguments it has."""
    if scene.arguments is None:
        return scene
    return replace(scene, arguments=(*AS_DAEMON, *scene.arguments))


def as_daemon(
    earlier: Check,
    *,
    says: str = "",
    follows: Sequence[str] = (),
    better: BetterCause | None = None,
    look: Look | None = None,
) -> Check:
    """A check of step 14, of the service with -d. It may follow from more than it did; see asked_again()."""
    return asked_again(
        earlier,
        usual=DAEMON,
        since=since(earlier, CLASSIC),
        scene=scene_as_daemon(earlier.scene),
        says=says,
        follows=(*follows, *earlier.follows),
        better=better,
        look=look,
    )


def judged_anew(earlier: Check, says: str = "", follows: Sequence[str] = ()) -> Callable[[Look], Check]:
    """Make a check of a function that looks at the launch in the place of a check of step 14."""

    def wrap(look: Look) -> Check:
        return as_daemon(earlier, says=says, follows=follows, look=look)

    return wrap


# What is known better of a server than of a daemon that is none.


def why_it_gave_up(o: Observation) -> str | None:
    has_failed = not o.processes and bool(o.job.status)
    if has_failed and says_why(o, "read-only", "denied") and says_why(o, SOCKET, PID_FILE):
        return (
            "a name that does not start with / is meant from the directory of the launch, and the daemon has left "
            "that: make it absolute before chdir()"
        )
    return None


def why_root_was_needed(o: Observation) -> str | None:
    if not o.processes and says_why(o, "denied") and says_why(o, SOCKET):
        return (
            "root's rights were given up before the socket was made: in a directory of root's only root can make one. "
            "What takes root comes first, the sockets too"
        )
    return None


def why_sigterm_is_lost(o: Observation) -> str | None:
    if o.process is not None and o.after.left and signal.SIGTERM in o.process.blocked:
        return (
            "SIGTERM is blocked, and nothing comes of it: either nothing takes it, or what comes after it does not "
            "end, such as an accept() that waits where nobody comes any more"
        )
    return None


one_lives_on = as_daemon(REQUIRED_BEFORE["one_lives_on"], better=why_it_gave_up)
written_as_root = as_daemon(REQUIRED_BEFORE["written_as_root"], better=why_root_was_needed)
sigterm_ends = as_daemon(REQUIRED_BEFORE["sigterm_ends"], better=why_sigterm_is_lost)
# That one is named by a word: it builds on the checks here.
one_of_many = as_daemon(REQUIRED_BEFORE["one_of_many"], follows=["takes_over_path"])


# What is asked of a server in another way.


@judged_anew(REQUIRED_BEFORE["signals_reset"])
def signals_reset(o: Observation) -> Finding:
    """As in step 14, but what tells of clients and children may be ignored, blocked or waited for as well."""
    p = o.process
    if p is not None and p.blocked | p.awaited <= TAKEN | OF_CLIENTS and kept(o) <= OF_CLIENTS:
        return None
    finding = REQUIRED_BEFORE["signals_reset"].judge(o)  # it allows less, and so is wrong here
    if not isinstance(finding, Wrong):
        return finding
    return replace(finding, expected=f"{finding.expected}; and what tells of clients and children (SIGPIPE, SIGCHLD)")


@judged_anew(REQUIRED_BEFORE["nothing_of_roots_open"], follows=["null_device_log_file_and_sockets"])
def nothing_of_roots_open(o: Observation) -> Finding:
    """As in step 13, of a server."""
    if o.process is None:
        return Wrong(expected=step_13.NO_MORE_OPEN, observed=fate(o), because="there is no daemon to look at")
    return step_13.nothing_more_open(o, only_listens(o))


@judged_anew(REQUIRED_BEFORE["second_is_told"])
def second_is_told(o: Observation) -> Finding:
    """As in step 12, but the status is to be 1."""
    expected = f"launched once more: a status other than 0, and a reason: {GENERIC}"
    finding = REQUIRED_BEFORE["second_is_told"].judge(o)
    if isinstance(finding, Wrong):
        return replace(finding, expected=expected)
    again = started_again(o)
    status = again.statuses[0]
    assert status is not None  # else the earlier check would not hold
    if has_status(status, GENERIC):
        return None
    return Wrong(
        expected=expected,
        observed=f'it {ended(status)}, and printed "{again.printed.strip()[:200]}"',
        because=(
            "its status is another one than 1, which the LSB has for what is neither of the others: nothing was "
            "forbidden (4), and it was called as it should be (2)"
        ),
    )


def tells_of_success(o: Observation) -> bool:
    """Whether it gives as the reason that there is none."""
    return says_why(o, "success", "no error")


def gave_up_and_said_so(o: Observation) -> bool:
    """Whether it ended with status 1 and a word about 0, 1 and 2: the three numbers, or another one."""
    status_1 = any(has_status(each, GENERIC) for each in o.reaped.values())
    return not o.processes and status_1 and says_why(o, "/dev/null", *"0123456789") and not tells_of_success(o)


@judged_anew(BONUS_BEFORE["names_wrong_numbers"], says="says so and ends with 1 if 0, 1 and 2 are not the null device")
def names_wrong_numbers(o: Observation) -> Finding:
    """As in step 07, but it may say so otherwise than with the three numbers."""
    if came_out_right(o) or gave_up_and_said_so(o):
        return None
    return Wrong(
        expected="an error in the log that says so, status 1, nothing that lives on",
        observed=f"closing was made to do nothing; {fate(o)}; {quoted(o)}",
        because=why_wrong_numbers_are_not_told(o),
    )


def why_wrong_numbers_are_not_told(o: Observation) -> str:
    if tells_of_success(o):
        return (
            "errno tells why a call failed, and none did: /dev/null was opened, at another number than was expected. "
            "That is what there is to say"
        )
    if o.processes:
        return "the numbers that open() and dup() gave are not compared with 0, 1 and 2"
    if not o.messages:
        return "it ends without a word in the log"
    return "the message does not name the numbers, or the status is not 1"


def unless_it_comes_up(o: Observation, because: str) -> Wrong | None:
    """What is wrong where something is no reason not to start: it is the same daemon as always, but for the log."""
    if o.process is not None and o.job.status == 0 and only_listens(o):
        return None
    is_open = f"; open: {with_access(o)}" if o.process else ""
    return Wrong(
        expected="status 0, and what step 14 allows, and sockets at which clients can connect",
        observed=fate(o) + is_open,
        because=because,
    )


@judged_anew(BONUS_BEFORE["nobody_listens"])
def nobody_listens(o: Observation) -> Finding:
    """As in step 07, of a server."""
    return unless_it_comes_up(o, "it depends on the log: a logger that is restarted would take it down")


@judged_anew(BONUS_BEFORE["ready_with_none_open"])
def ready_with_none_open(o: Observation) -> Finding:
    """As in step 12, of a server."""
    return unless_it_comes_up(o, why_it_is_not_the_same(o))


def why_it_is_not_the_same(o: Observation) -> str:
    if o.process is not None and o.job.status == 0 and standard_holds(o):
        return (
            "0, 1 and 2 are as they should be, and something else is open: what is closed has to be the same whatever "
            "0, 1 and 2 were at its start"
        )
    return (
        "the pipe got one of the numbers 0, 1, 2, which were free: a copy above 2 is out of the way "
        "(F_DUPFD_CLOEXEC)"
    )


@judged_anew(BONUS_BEFORE["ready_without_close_range"])
def ready_without_close_range(o: Observation) -> Finding:
    """As in step 12, of a server."""
    return unless_it_comes_up(o, "the other way of closing has to leave the pipe out too, and nothing but the pipe")


# At a path there would be two files that cannot be removed.
unremovable_file = asked_again(
    BONUS_BEFORE["unremovable_file"],
    usual=DAEMON,
    since=CLASSIC,
    scene=replace(BONUS_BEFORE["unremovable_file"].scene, arguments=(*AT_HOST, *DAEMON.as_root)),
)


def told_of_manager(o: Observation) -> dict[str, str]:
    """What a service manager has told in its environment, and is there yet."""
    return step_15.variables(o, "NOTIFY_SOCKET", "WATCHDOG_USEC")


NOTHING_OF_A_MANAGER = "neither NOTIFY_SOCKET nor WATCHDOG_USEC, and nobody is told anything"


@daemon_check(
    read="clearenv(3), daemon(7), sd_notify(3)",
    scene=Scene(notify=Manager.PATH, environment=("WATCHDOG_USEC=60000000",)),
    follows=[one_lives_on],
    expects=NOTHING_OF_A_MANAGER,
)
def keeps_no_variable(o: Observation, p: Process) -> Finding:
    """-d: what a service manager has told in its environment does not count."""
    why_unseen = step_15.no_environ(o)
    if why_unseen:
        return Unseen(why_unseen)
    still_there = told_of_manager(o)
    if not still_there and not o.notices:
        return None
    found = [f"{name}={value}" for name, value in still_there.items()]
    return Wrong(
        expected=NOTHING_OF_A_MANAGER,
        observed="; ".join([*found, f"told: {step_15.quoted(o.notices)}"]),
        because=(
            "a daemon is started by hand, or by a script: what is in the environment was meant for whoever started "
            "it. A watchdog that nobody asked it for sends SIGALRM, which ends it. clearenv() leaves nothing"
        ),
    )


OTHERWISE = {
    each.name: each
    for each in (
        one_lives_on,
        written_as_root,
        sigterm_ends,
        one_of_many,
        nothing_of_roots_open,
        signals_reset,
        second_is_told,
        names_wrong_numbers,
    )
}

OWN_BONUS = [unremovable_file, nobody_listens, ready_with_none_open, ready_without_close_range]

# What the classic steps ask of a daemon that is no server, or is asked of the service in another check.
NOT_OF_A_SERVER = {
    "null_device_log_and_file",
    "no_dev_null",
    "no_close_range",
    "close_range_refused",
    "started_with_none_open",
    "unwritable_file",
    "without_option",
    "unknown_option",
    "option_without_value",
    "no_config_at_start",
    *(each.name for each in OWN_BONUS),
}


def of_the_daemon(earlier: dict[str, Check]) -> dict[str, Check]:
    """These checks of the classic steps, as the service has to pass them, by their keys."""
    return {
        key: OTHERWISE[key] if key in OTHERWISE else as_daemon(each)
        for key, each in earlier.items()
        if key not in NOT_OF_A_SERVER
    }


DAEMON_AGAIN = of_the_daemon(REQUIRED_BEFORE)
BONUS = [*of_the_daemon(BONUS_BEFORE).values(), *OWN_BONUS]
