"""With -d: the checks of steps 00 to 15 and 18, made again of the service."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Callable, Mapping, Sequence

from lab.checks import since
from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.beyond.step_12_ready_pipe import second
from lab.checks.check import Check, Finding, Look, Unseen, Wrong
from lab.checks.common import crash, crash_cause, ended, fate, killed, no_environ, says_why, started_again, stopped_well
from lab.checks.modern import step_16_notify as step_16
from lab.checks.modern.step_16_notify import after
from lab.checks.modern.step_17_socket_activation import told_clients
from lab.checks.modern.step_18_server.descriptors import only_listens
from lab.checks.modern.step_18_server.launches import AT_HOST, fate_of_second, has_status, remains, why_it_gave_up
from lab.checks.modern.step_19_service.again import BetterCause, asked_again, bonus, required
from lab.checks.modern.step_19_service.launches import AS_DAEMON, DAEMON, GENERIC, daemon_check
from lab.checks.recipe.step_06_dev_null import standard_holds, with_access
from lab.checks.recipe.step_07_syslog import came_out_right, quoted
from lab.course import step_called
from lab.facts import Observation, Process
from lab.scene import PID_FILE, SOCKET, Manager, Scene, Signal

SERVER = step_called("server")
REQUIRED_BEFORE, BONUS_BEFORE = required(SERVER), bonus(SERVER)


def scene_as_daemon(scene: Scene) -> Scene:
    """A scene of step 18, for the service: its arguments after -d, and after -l with an ADDRESS if there is none."""
    if scene.arguments is None:
        return scene
    first = ("-d",) if "-l" in scene.arguments else AS_DAEMON
    return replace(scene, arguments=(*first, *scene.arguments))


def as_daemon(
    earlier: Check,
    *,
    says: str = "",
    follows: Sequence[str] = (),
    better: BetterCause | None = None,
    look: Look | None = None,
) -> Check:
    """A check of step 18, of the service with -d. It may follow from more checks than before; see asked_again()."""
    return asked_again(
        earlier,
        usual=DAEMON,
        since=since(earlier, SERVER),
        scene=scene_as_daemon(earlier.scene),
        says=says,
        follows=(*follows, *earlier.follows),
        better=better,
        look=look,
    )


def judged_anew(earlier: Check, says: str = "", follows: Sequence[str] = ()) -> Callable[[Look], Check]:
    """Make a check of a function that looks at the launch instead of a check of step 18."""

    def wrap(look: Look) -> Check:
        return as_daemon(earlier, says=says, follows=follows, look=look)

    return wrap


# Causes that only a server can have.


def why_root_was_needed(o: Observation) -> str | None:
    if not o.processes and says_why(o, "denied") and says_why(o, SOCKET):
        return (
            "Most likely your program gave up root's rights before it made the socket. Only root can make one in this "
            "directory. Make the sockets and the PID file first, and become the user afterwards."
        )
    return None


def why_sigterm_is_lost(o: Observation) -> str | None:
    if o.process is not None and o.after.left and signal.SIGTERM in o.process.blocked:
        return (
            "SIGTERM is blocked, and the daemon does not exit. Most likely nothing reads the signal, or the daemon "
            "hangs after that, for example in accept() without a client. Read it with signalfd() or sigwaitinfo(), and "
            "make the sockets non-blocking."
        )
    return None


one_lives_on = as_daemon(REQUIRED_BEFORE["one_lives_on"], better=why_it_gave_up)
written_as_root = as_daemon(REQUIRED_BEFORE["written_as_root"], better=why_root_was_needed)
sigterm_ends = as_daemon(REQUIRED_BEFORE["sigterm_ends"], better=why_sigterm_is_lost)
one_of_many = as_daemon(REQUIRED_BEFORE["one_of_many"], follows=["takes_over_path"])


# Checks that the service must pass in another way.


@judged_anew(
    REQUIRED_BEFORE["second_is_told"], says="a second instance exits with status 1, and prints why on standard error"
)
def second_is_told(o: Observation) -> Finding:
    """As in step 12, but the exit status must be 1."""
    expected = f"started once more: exit status {GENERIC}, and a reason on standard error"
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
            "The second instance exits with another status than 1. The PID file is locked, and this is neither "
            "forbidden (4) nor a wrong argument (2). The table in the handout has 1 for all such errors."
        ),
    )


@judged_anew(REQUIRED_BEFORE["path_in_use"])
def path_in_use(o: Observation) -> Finding:
    """As in step 18, but the exit status must be 1."""
    expected = "a second one, without -p, exits with status 1; the first one still serves its client"
    if o.process is None:
        return Wrong(expected=expected, observed=fate(o), because=NOT_STARTED)
    finding = REQUIRED_BEFORE["path_in_use"].judge(o)
    if isinstance(finding, Wrong):
        return replace(finding, expected=expected)
    if has_status(second(o), GENERIC):
        return None
    return Wrong(
        expected=expected,
        observed=f"{told_clients(o)}{fate_of_second(o)}",
        because=(
            "The second one exits with another status than 1. An address in use (EADDRINUSE) is neither forbidden (4) "
            "nor a wrong argument (2). The table in the handout has 1 for all other errors."
        ),
    )


NOT_STARTED = "The first one does not start, so there is nothing that a second one could disturb."


def tells_of_success(o: Observation) -> bool:
    """Whether its message gives a success as the reason of the error."""
    return says_why(o, "success", "no error")


def gave_up_and_said_so(o: Observation) -> bool:
    """Whether it exited with status 1, and a message about 0, 1 and 2: their numbers, or /dev/null."""
    status_1 = any(has_status(each, GENERIC) for each in (o.job.status, *o.reaped.values()))
    return not o.processes and status_1 and says_why(o, "/dev/null", *"0123456789") and not tells_of_success(o)


@judged_anew(BONUS_BEFORE["names_wrong_numbers"], says="if the numbers are not 0, 1 and 2, it says so and exits with 1")
def names_wrong_numbers(o: Observation) -> Finding:
    """As in step 07, but the message does not need the three numbers."""
    if came_out_right(o) or gave_up_and_said_so(o):
        return None
    return Wrong(
        expected="a message about /dev/null or the numbers, exit status 1, no process that stays",
        observed=f"closing was made to do nothing; {fate(o)}; in the log: {quoted(o)}",
        because=why_wrong_numbers_are_not_told(o),
    )


def why_wrong_numbers_are_not_told(o: Observation) -> str:
    if tells_of_success(o):
        return (
            "Your program prints the reason from errno, but no call failed, so it tells nothing. Most likely open() or "
            "dup() returned another number than 0, 1 or 2. Say that in the message."
        )
    if o.processes:
        return (
            "Your program keeps running with the wrong numbers. Compare what open() and dup() return with 0, 1 and 2. "
            "If they differ, log that and exit with status 1."
        )
    if crash(o):
        return crash_cause(o)
    if not o.messages and not o.printed.strip():
        return "Your program exits without a message. Log what is wrong with syslog() before you exit with status 1."
    return (
        "Your message names neither /dev/null nor the numbers, or the exit status is not 1. Both are needed: tell what "
        "is wrong, and exit with 1."
    )


def unless_it_comes_up(o: Observation, because: str) -> Wrong | None:
    """What is wrong where the daemon must start and be the same as always, but for the log."""
    if o.process is not None and o.job.status == 0 and only_listens(o):
        return None
    is_open = f"; open: {with_access(o)}" if o.process else ""
    wrong = Wrong(
        expected="status 0, and the usual daemon: 0, 1 and 2 on /dev/null, and sockets where clients can connect",
        observed=fate(o) + is_open,
        because=because,
    )
    return wrong.instead(why_it_does_not_come_up(o))


def why_it_does_not_come_up(o: Observation) -> str | None:
    if o.process is None and crash(o):
        return crash_cause(o)
    if step_12.is_up(o) and standard_holds(o) and not o.sockets.listeners:
        return (
            "The daemon runs, but no client can connect. Most likely your program closes its sockets together with the "
            "inherited descriptors. Make the sockets after that."
        )
    return None


@judged_anew(BONUS_BEFORE["nobody_listens"])
def nobody_listens(o: Observation) -> Finding:
    """As in step 07, of a server."""
    return unless_it_comes_up(o, why_it_needs_a_listener(o))


def why_it_needs_a_listener(o: Observation) -> str:
    if step_12.is_up(o):
        return (
            "When nobody listens at /dev/log, the daemon has other descriptors open than usual. Most likely your "
            "program opens something else instead of the log. Leave that to syslog(), which only loses the message."
        )
    return (
        "Your program gives up when nobody listens at /dev/log, so a restart of the logger would stop it. Keep "
        "running: syslog() reports no error, and the message is lost."
    )


@judged_anew(BONUS_BEFORE["ready_with_none_open"])
def ready_with_none_open(o: Observation) -> Finding:
    """As in step 12, of a server."""
    return unless_it_comes_up(o, step_12.why_none_open_makes_a_difference(o))


@judged_anew(BONUS_BEFORE["ready_without_close_range"])
def ready_without_close_range(o: Observation) -> Finding:
    """As in step 12, of a server."""
    return unless_it_comes_up(o, step_12.OTHER_WAY_OF_CLOSING)


# With a path there would be two files that the daemon cannot remove.
unremovable_file = asked_again(
    BONUS_BEFORE["unremovable_file"],
    usual=DAEMON,
    since=SERVER,
    scene=replace(BONUS_BEFORE["unremovable_file"].scene, arguments=("-d", *AT_HOST, *DAEMON.as_root)),
)


def told_of_manager(o: Observation) -> dict[str, str]:
    """The variables of a service manager that are still in its environment."""
    return step_16.variables(o, "NOTIFY_SOCKET", "WATCHDOG_USEC")


NOTHING_OF_A_MANAGER = "neither NOTIFY_SOCKET nor WATCHDOG_USEC in its environment, and nothing sent to the manager"


@daemon_check(
    read="clearenv(3), daemon(7), sd_notify(3)",
    scene=Scene(notify=Manager.PATH, environment=("WATCHDOG_USEC=60000000",)),
    follows=[one_lives_on],
    expects=NOTHING_OF_A_MANAGER,
)
def keeps_no_variable(o: Observation, p: Process) -> Finding:
    """with -d it removes NOTIFY_SOCKET and WATCHDOG_USEC, and tells nobody."""
    why_unseen = no_environ(o)
    if why_unseen:
        return Unseen(why_unseen)
    still_there = told_of_manager(o)
    if not still_there and not o.notices:
        return None
    found = [f"{name}={value}" for name, value in still_there.items()]
    return Wrong(
        expected=NOTHING_OF_A_MANAGER,
        observed="; ".join([*found, step_16.manager_got(o.notices)]),
        because=why_it_has_a_manager(still_there),
    )


def why_it_has_a_manager(still_there: Mapping[str, str]) -> str:
    if still_there:
        return (
            "With -d the daemon keeps variables that were meant for the process that started it. A watchdog that "
            "nobody asked for may end it with SIGALRM. Call clearenv() before the first fork()."
        )
    return (
        "With -d your program sends a message to a service manager. Most likely it read NOTIFY_SOCKET before it "
        "cleared the environment. With -d no service manager waits, so call clearenv() first."
    )


OTHERWISE = {
    each.name: each
    for each in (
        one_lives_on,
        written_as_root,
        sigterm_ends,
        one_of_many,
        second_is_told,
        path_in_use,
        names_wrong_numbers,
    )
}

OWN_BONUS = [unremovable_file, nobody_listens, ready_with_none_open, ready_without_close_range]

# Checks of the steps before that do not fit the service, or that another check makes of it.
NOT_OF_A_SERVICE = {
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
    """These checks of the steps before, as the service must pass them, by their keys."""
    return {
        key: OTHERWISE[key] if key in OTHERWISE else as_daemon(each)
        for key, each in earlier.items()
        if key not in NOT_OF_A_SERVICE
    }


DAEMON_AGAIN = of_the_daemon(REQUIRED_BEFORE)
BONUS = [*of_the_daemon(BONUS_BEFORE).values(), *OWN_BONUS]


@daemon_check(
    read="signal(7)",
    scene=Scene(then=(Signal(signal.SIGINT),)),
    follows=[DAEMON_AGAIN["stops"], DAEMON_AGAIN["removes_pid_file"], DAEMON_AGAIN["serves_at_path"]],
)
def interrupted(o: Observation) -> Finding:
    """SIGINT stops the daemon just as SIGTERM does."""
    if stopped_well(o) and not remains(o):
        return None
    return Wrong(
        expected=f"after kill -INT: exit status 0, no {PID_FILE}, no {SOCKET}",
        observed=f"{after(o)}; still there: {' and '.join(remains(o)) or 'neither file'}",
        because=why_it_is_not_interrupted(o),
    )


def why_it_is_not_interrupted(o: Observation) -> str:
    if killed(o) == signal.SIGINT:
        return (
            "SIGINT killed the daemon before it could clean up. Most likely your program blocks or handles only "
            "SIGTERM. Do the same with SIGINT, because kill -INT and Ctrl-C mean \"stop\" too."
        )
    if o.after.left:
        return (
            "The daemon does not exit after SIGINT. Most likely the signal is ignored, or it is blocked and nothing "
            "reads it, or your program has no case for it. Stop as after SIGTERM."
        )
    if remains(o):
        return "The daemon exits after SIGINT, but leaves a file behind. Clean up as after SIGTERM, with the same code."
    return "After SIGINT the daemon does not exit with status 0. Stop in the same way as after SIGTERM."
