"""What the service has open, as a daemon."""

from __future__ import annotations

from lab.checks.beyond.step_14_signals import own_pipes
from lab.checks.check import LOG_TO_PASS, Finding, Wrong
from lab.checks.common import names
from lab.checks.modern.step_17_service.launches import daemon_check
from lab.checks.recipe.step_05_close_fds import inherited
from lab.checks.recipe.step_06_dev_null import standard_holds, with_access
from lab.checks.recipe.step_07_syslog import extra
from lab.facts import Descriptor, Observation, Process


def is_kept(o: Observation, descriptor: Descriptor) -> bool:
    """Whether a server has made this for itself, and for good: in reserve for accept(), to be woken, to lock.

    What it only needs for its start is none of these: a file that is read, /proc, one end of the pipe of step 12.
    """
    launched = {each.identity for each in o.shell.descriptors.values()}
    if descriptor.inherited or descriptor.identity in launched:
        return False
    return (
        descriptor.kind == "null"
        or descriptor.kind.startswith("anon_inode")
        or descriptor.locked
        or descriptor.number in o.sockets.pairs
        or (descriptor.kind == "folder" and not descriptor.target.startswith("/proc"))
    )


def not_its_own(o: Observation) -> dict[int, Descriptor]:
    """What is open beside 0 to 2, FILE, the log, where it listens, and what a server keeps: Descriptors by number."""
    own = o.sockets.listeners | o.sockets.log_peers | own_pipes(o)
    return {n: d for n, d in extra(o).items() if n not in own and not is_kept(o, d)}


def only_listens(o: Observation) -> bool:
    """Whether 0 to 2 are as they should be, clients can connect, and nothing is open that is not its own."""
    to_the_log = set(extra(o)) & (o.sockets.log_peers - o.sockets.listeners)
    return bool(o.sockets.listeners) and standard_holds(o) and not not_its_own(o) and len(to_the_log) <= 1


@daemon_check(read="null(4), listen(2)", needs_log=LOG_TO_PASS)
def null_device_log_file_and_sockets(o: Observation, p: Process) -> Finding:
    """0, 1 and 2 are the null device; beside them the log, FILE, and where it listens."""
    if only_listens(o):
        return None
    return Wrong(
        expected="what step 14 allows, and sockets at which clients can connect",
        observed=names(not_its_own(o) or extra(o)) if standard_holds(o) else with_access(o),
        because=why_something_else_is_open(o),
    )


def why_something_else_is_open(o: Observation) -> str:
    if not standard_holds(o):
        return "0, 1 and 2 are not as step 06 has them"
    if not o.sockets.listeners:
        return "it does not listen: -l says where"
    if inherited(o) & set(not_its_own(o)):
        return "this was open when it was launched: step 05 closes it, and its sockets are made after that"
    if not_its_own(o):
        return (
            "this is left from its start: what was opened to look something up, or for the pipe of step 12, is closed "
            "once that is done. What is meant to stay is close-on-exec (O_CLOEXEC)"
        )
    return "more than one socket to the log is open"
