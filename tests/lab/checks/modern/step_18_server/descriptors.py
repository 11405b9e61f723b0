"""The descriptors that the server has open."""

from __future__ import annotations

from lab.checks.beyond import step_13_drop_privileges as step_13
from lab.checks.beyond import step_14_stop as step_14
from lab.checks.beyond.step_14_stop import own_pipes
from lab.checks.check import LOG_TO_PASS, Finding, Wrong, check
from lab.checks.common import names
from lab.checks.modern.step_18_server.launches import AS_USER, AT_PATH
from lab.checks.modern.step_18_server.paths import serves_at_path
from lab.checks.recipe.step_05_close_fds import inherited
from lab.checks.recipe.step_06_dev_null import standard_holds, with_access
from lab.checks.recipe.step_07_syslog import extra
from lab.facts import Descriptor, Observation, Process
from lab.scene import Scene


def is_kept(o: Observation, descriptor: Descriptor) -> bool:
    """Whether a server has made this for as long as it runs: a reserve for accept(), something to wake it, a lock.

    It needs other things only at its start, and keeps none of them: a file that it reads, /proc, an end of the pipe of
    step 12.
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
    """Descriptors by number, but for 0 to 2, the PID file, the log, its listening sockets, and all that is_kept()."""
    own = o.sockets.listeners | o.sockets.log_peers | own_pipes(o)
    return {n: d for n, d in extra(o).items() if n not in own and not is_kept(o, d)}


def only_listens(o: Observation) -> bool:
    """Whether 0 to 2 are as they should be, clients can connect, and nothing is open that is not its own."""
    to_the_log = set(extra(o)) & (o.sockets.log_peers - o.sockets.listeners)
    return bool(o.sockets.listeners) and standard_holds(o) and not not_its_own(o) and len(to_the_log) <= 1


NO_MORE_THAN_SOCKETS = (
    "0, 1 and 2 on /dev/null, sockets where clients can connect; besides only the log and the PID file"
)


@check(
    read="null(4), listen(2)",
    needs_log=LOG_TO_PASS,
    scene=Scene(arguments=AT_PATH),
    follows=[serves_at_path],
    expects=NO_MORE_THAN_SOCKETS,
    replaces=[step_14.null_device_log_and_file],
)
def null_device_log_file_and_sockets(o: Observation, p: Process) -> Finding:
    """0, 1 and 2 lead to /dev/null; besides only log, PID file and sockets are open."""
    if only_listens(o):
        return None
    return Wrong(
        expected=NO_MORE_THAN_SOCKETS,
        observed=names(not_its_own(o) or extra(o)) if standard_holds(o) else with_access(o),
        because=why_something_else_is_open(o),
    )


def why_something_else_is_open(o: Observation) -> str:
    if not standard_holds(o):
        return (
            "Descriptors 0, 1 and 2 are not as in step 06. All three must lead to /dev/null, 0 to read, 1 and 2 to "
            "write, and none may be close-on-exec. Put them there before you make a socket."
        )
    if not o.sockets.listeners:
        return (
            "No client can connect to the daemon. Most likely your program ignores -l, or makes the socket too early "
            "and then closes it with the inherited descriptors. Call bind() and listen() for the ADDRESS after that."
        )
    found = not_its_own(o)
    if inherited(o) & set(found):
        return (
            "This was open when your program started, and it still is. Close all inherited descriptors, as in step 05, "
            "and make your own sockets after that."
        )
    if any(each.inherited for each in found.values()):
        return (
            "Most likely your program opened this for its start only, for example to read it or for the pipe of step "
            "12. Then close it. If the daemon needs it as long as it runs, make it close-on-exec (O_CLOEXEC)."
        )
    if found:
        return (
            "Most likely your program opened this for its start only, and never closed it. It may have looked "
            "something up, or it may be an end of the pipe of step 12. Close it as soon as you no longer need it."
        )
    return "More than one socket to the log is open. One is enough, so close the others."


@check(
    says=step_13.nothing_of_roots_open.says,
    read=step_13.nothing_of_roots_open.read,
    scene=Scene(root=True, arguments=AS_USER),
    follows=[step_13.written_as_root, step_13.user_ids, null_device_log_file_and_sockets],
    expects=step_13.NO_MORE_OPEN,
    replaces=[step_14.nothing_of_roots_open],
)
def nothing_of_roots_open(o: Observation, p: Process) -> Finding:
    return step_13.nothing_more_open(o, only_listens(o))
