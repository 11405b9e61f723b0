"""Step 13: root's rights are given up, all of them and for good."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import replace
from typing import Callable, Sequence

from lab.checks.beyond import step_11_pid_file as step_11
from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.check import Check, Finding, Unseen, Wrong, check
from lab.checks.common import (
    Failure,
    crash,
    fails_cleanly,
    fate,
    holds,
    reports,
    said,
    says_on_error,
    says_why,
    signal_name,
    why_failure_is_not_reported,
)
from lab.checks.recipe.step_06_dev_null import with_access
from lab.checks.recipe.step_07_syslog import null_and_log
from lab.facts import Credentials, Observation, PidFile, Process, Regained
from lab.faults import Fault
from lab.scene import PID_FILE, USER, AskForRoot, Scene, Stdio

UID, GID, GROUPS = 70, 80, {81, 82}  # as scene.USERS has them
EFFECTIVE = 1  # of the four IDs that /proc/PID/status has in a row
NOBODY = "nosuchuser"

USUAL = replace(step_12.USUAL, as_root=("-u", USER))

# What is said of that: EPERM, EINVAL (the sandbox of an ordinary user has one ID: user_namespaces(7)), own words.
NOT_ALLOWED = (os.strerror(errno.EPERM), os.strerror(errno.EINVAL), "permitted", "root")

AS_ROOT = Scene(root=True, then=(AskForRoot(),))
# In these a pipe is standard output, so that standard error can be told from it.
UNKNOWN = Scene(stdio=Stdio.PIPE, root=True, arguments=("-p", PID_FILE, "-u", NOBODY))
NOT_ROOT = Scene(stdio=Stdio.PIPE, arguments=("-p", PID_FILE, "-u", "root"))  # a name that is known everywhere
TO_ROOT = Scene(stdio=Stdio.PIPE, root=True, arguments=("-p", PID_FILE, "-u", "root"))

# What is expected of a daemon that was launched as root.
FOUR_UIDS = f"real, effective, saved and filesystem UID {UID}"
FOUR_GIDS = f"real, effective, saved and filesystem GID {GID}"
ITS_GROUPS = f"groups {', '.join(str(gid) for gid in sorted(GROUPS))}, and perhaps {GID}, which is the main one"
NO_CAPABILITIES = "the sets Inh, Prm, Eff and Amb of /proc/PID/status are empty"
NO_WAY_BACK = "the lab makes the daemon call both (with ptrace), and both fail with EPERM"
NO_MORE_OPEN = "the same descriptors as without -u, and no other one"

ENDS_AS_IF_WELL = (
    "The first process exits with status 0, so its caller takes the failed start for a success. Exit with another "
    "status. If your program does that, it says too early that it is ready: say so only after everything that can fail."
)


def has(o: Observation) -> Credentials:
    """Who the process is."""
    found = o.survivor.credentials
    assert found is not None  # of a process that has been looked at they are known
    return found


def extra_groups(who: Credentials) -> frozenset[int]:
    """The supplementary groups; the main group may be among them, and says nothing new."""
    return who.groups - {GID}


def other_thread(o: Observation, is_well: Callable[[Credentials], bool]) -> Credentials | None:
    """Who a thread of the process is that is not as it should be, where the first one is; None if there is none."""
    if not is_well(has(o)):
        return None
    return next((each for each in o.survivor.of_threads if not is_well(each)), None)


ONE_THREAD = (
    "One thread of the daemon has kept its rights. A system call made with syscall() changes only the thread that "
    "calls it. Use setresuid() and setresgid() from libc, or give up the rights before you start a thread."
)


def ids(numbers: Sequence[int]) -> str:
    """The four IDs in words: one number where they are the same."""
    if len(set(numbers)) == 1:
        return f"all {numbers[0]}"
    real, effective, saved, filesystem = numbers
    return f"real {real}, effective {effective}, saved {saved}, filesystem {filesystem}"


def capabilities(who: Credentials) -> str:
    """The capability sets that are not empty, as /proc/PID/status shows them."""
    sets = [f"Cap{name} {bits:x}" for name, bits in who.capabilities.items() if bits]
    return ", ".join(sets) or "none"


def in_words(result: int) -> str:
    """The result of a call, which gave 0 or -errno."""
    return "succeeds" if result == 0 else os.strerror(-result)


def refused(o: Observation) -> bool:
    """Whether it did not start, and its caller knows."""
    return fails_cleanly(o) and o.job.status != 0 and os.WIFEXITED(o.job.status or 0)


@check(
    says=f"with -u {USER} a daemon stays, and the PID file is root's",
    read="initgroups(3), setresuid(2)",
    scene=AS_ROOT,
    follows=[step_12.one_lives_on, step_11.pid_file],
)
def written_as_root(o: Observation) -> Finding:
    is_written = o.job.status == 0 and len(o.processes) == 1 and step_11.holds_pid(o.pid_file, o.survivor.pid)
    if is_written and is_safe(o.pid_file):
        return None
    owner = f", of user {o.pid_file.owner}" if o.pid_file else ""
    return Wrong(
        expected=f"started by root with -u {USER}: status 0, a daemon, and its PID in {PID_FILE}, which is root's",
        observed=f"{fate(o)}; {step_11.content(o.pid_file)}{owner}",
        because=why_it_was_not_written_as_root(o),
    )


def is_safe(file: PidFile | None) -> bool:
    """Whether it is locked, and nobody but root can write another PID into it."""
    return file is not None and file.locked and file.owner == 0 and not file.mode & 0o022


def why_it_was_not_written_as_root(o: Observation) -> str:
    if o.processes and o.pid_file is not None and o.pid_file.owner != 0:
        return (
            f"The PID file belongs to user {o.pid_file.owner}, who can write any PID into it. Then root's "
            "kill $(cat FILE) ends a stranger's process. Write the file as root, and never give it away."
        )
    if o.processes and o.pid_file is not None and not o.pid_file.locked:
        return (
            "With -u the daemon has no lock on the PID file, so a second one can start. Most likely your program "
            "closes the file when it gives up its rights. Keep it open: the lock stays as long as the descriptor."
        )
    if o.processes and not is_safe(o.pid_file) and o.pid_file is not None:
        return "Others than root may write into the PID file, and so name any process in it. Give it mode 0644."
    if not o.processes and says_why(o, "invalid option", "usage"):
        return (
            "Your program does not know -u. Add the letter to the options of getopt(), with a colon behind it, "
            "because a name follows."
        )
    if not o.processes and o.pid_file is None and says_why(o, "Permission denied"):
        return (
            "Your program gave up root's rights too early. Only root can make a file in this directory. Write the PID "
            "file first, and become the user afterwards."
        )
    if not o.processes:
        return (
            "Your program exits when it gives up its rights. Most likely the order is wrong, or a test takes success "
            "for an error. Set the groups first, then the group ID, and the user ID last, because only root may set "
            "them. Each call returns -1 if it fails."
        )
    return "With -u, started by root, your program does not do what it does without it. Only its user may be another."


@check(
    says=f"all four user IDs are those of {USER}",
    read="setresuid(2), credentials(7)",
    scene=AS_ROOT,
    follows=[written_as_root],
    expects=FOUR_UIDS,
)
def user_ids(o: Observation, p: Process) -> Finding:
    thread = other_thread(o, lambda who: who.uids == (UID,) * 4)
    if thread:
        return Wrong(expected=FOUR_UIDS, observed=f"one of its threads: {ids(thread.uids)}", because=ONE_THREAD)
    if has(o).uids == (UID,) * 4:
        return None
    return Wrong(expected=FOUR_UIDS, observed=ids(has(o).uids), because=why_it_has_other_user_ids(o))


def why_it_has_other_user_ids(o: Observation) -> str:
    uids = set(has(o).uids)
    if uids == {0} and any(has(o).capabilities.values()):
        return (
            "The daemon is still root. Most likely your program ignores -u, or changes the IDs in another process, or "
            "in one thread only, as syscall(SYS_setresuid) does. Call libc's setresuid() in the daemon, and test what "
            "it returns."
        )
    if uids == {0}:
        return (
            "The daemon has no capabilities, but it is still user 0, and everything that belongs to root is its own. "
            "Change the user IDs too, with setresuid()."
        )
    if UID in uids:
        return (
            "Some of the four user IDs are still root's. Most likely your program changes only some of them, as "
            "seteuid(), setreuid() and setfsuid() can, or passes -1 for one. Use setresuid() with the same ID three "
            "times."
        )
    if uids == {GID}:
        return "The user ID is the number of the user's group. Use pw_uid for it, and pw_gid for the group."
    return f"The user ID is neither root's nor that of {USER}. Use pw_uid from getpwnam(), with the name after -u."


@check(
    says=f"all four group IDs are those of {USER}",
    read="setresgid(2), credentials(7)",
    scene=AS_ROOT,
    follows=[written_as_root],
    expects=FOUR_GIDS,
)
def group_ids(o: Observation, p: Process) -> Finding:
    thread = other_thread(o, lambda who: who.gids == (GID,) * 4)
    if thread:
        return Wrong(expected=FOUR_GIDS, observed=f"one of its threads: {ids(thread.gids)}", because=ONE_THREAD)
    if has(o).gids == (GID,) * 4:
        return None
    return Wrong(expected=FOUR_GIDS, observed=ids(has(o).gids), because=why_it_has_other_group_ids(o))


def why_it_has_other_group_ids(o: Observation) -> str:
    gids = set(has(o).gids)
    if gids == {0}:
        return (
            "The daemon is still in root's group. Most likely setresgid() is missing, or comes after setresuid(), "
            "when only root could still change groups. Call initgroups(), setresgid(), setresuid(), in this order, and "
            "check each."
        )
    if gids == {UID}:
        return "The group ID is the number of the user. Use pw_gid for it, and pw_uid for the user."
    if GID in gids:
        return (
            "Some of the four group IDs are still root's. Most likely your program changes only some of them, as "
            "setegid(), setregid() and setfsgid() can, or passes -1 for one. Use setresgid() with the same ID three "
            "times."
        )
    return f"The group ID is neither root's nor that of {USER}. Use pw_gid from getpwnam(), with the name after -u."


@check(
    says=f"the supplementary groups are those of {USER}",
    read="initgroups(3), setgroups(2)",
    scene=AS_ROOT,
    follows=[written_as_root],
    expects=ITS_GROUPS,
)
def supplementary_groups(o: Observation, p: Process) -> Finding:
    thread = other_thread(o, lambda who: extra_groups(who) == GROUPS)
    if thread:
        return Wrong(
            expected=ITS_GROUPS,
            observed=f"one of its threads: {groups_in_words(thread)}",
            because="One thread of the daemon is in other groups. A system call made with syscall() changes only the "
            "thread that calls it. Use initgroups() from libc, or call it before you start a thread.",
        )
    if extra_groups(has(o)) == GROUPS:
        return None
    return Wrong(expected=ITS_GROUPS, observed=groups_in_words(has(o)), because=why_it_is_in_other_groups(o))


def groups_in_words(who: Credentials) -> str:
    """All supplementary groups."""
    return f"groups {', '.join(str(gid) for gid in sorted(who.groups)) or 'none'}"


def why_it_is_in_other_groups(o: Observation) -> str:
    if 0 in has(o).groups:
        return (
            "The daemon is still in root's supplementary groups. Neither setuid() and setresuid() nor setgid() and "
            "setresgid() change those. Call initgroups() while the process is root."
        )
    if not extra_groups(has(o)):
        return (
            f"The daemon has no supplementary groups, but /etc/group has some for {USER}. Call initgroups(), which "
            "looks them up and sets them."
        )
    return f"These are not the groups that /etc/group has for {USER}. Call initgroups(), which looks them up."


@check(read="capabilities(7)", scene=AS_ROOT, follows=[written_as_root, user_ids], expects=NO_CAPABILITIES)
def no_capabilities(o: Observation, p: Process) -> Finding:
    """the daemon has no capability left."""
    thread = other_thread(o, lambda who: not any(who.capabilities.values()))
    if thread:
        return Wrong(
            expected=NO_CAPABILITIES, observed=f"one of its threads: {capabilities(thread)}", because=ONE_THREAD
        )
    if not any(has(o).capabilities.values()):
        return None
    return Wrong(
        expected=NO_CAPABILITIES,
        observed=capabilities(has(o)),
        because="The daemon still has a part of root's rights. The kernel takes the capabilities away when all user "
        "IDs change from 0, unless PR_SET_KEEPCAPS or a securebit is set. Leave these out.",
    )


@check(
    read="setuid(2), setresuid(2)",
    scene=AS_ROOT,
    follows=[written_as_root, user_ids, group_ids, no_capabilities],
    expects=NO_WAY_BACK,
)
def no_way_back(o: Observation, p: Process) -> Finding:
    """there is no way back: setuid(0) and setgid(0) fail in the daemon."""
    regained = o.came(Regained)
    assert regained is not None  # it is what is done in this scene
    if regained.user not in (0, -errno.EPERM):
        return Unseen(f"the lab could not make it call setuid(0): {os.strerror(-regained.user)}")
    if regained == Regained(-errno.EPERM, -errno.EPERM):
        return None
    return Wrong(
        expected=NO_WAY_BACK,
        observed=f"setuid(0): {in_words(regained.user)}; setgid(0): {in_words(regained.group)}",
        because="The daemon can become root again. An ID that is still root's, or a capability, allows that. Give up "
        "all of them, with setresgid() and setresuid().",
    )


@check(
    read="open(2), path_resolution(7)",
    scene=AS_ROOT,
    follows=[written_as_root, user_ids, step_12.null_device_log_and_file],
    expects=NO_MORE_OPEN,
)
def nothing_of_roots_open(o: Observation, p: Process) -> Finding:
    """with -u nothing more is open than without it."""
    return nothing_more_open(o, null_and_log(o))


def nothing_more_open(o: Observation, is_as_usual: bool) -> Finding:
    """What is wrong where more is open than without -u, or where root still has it; `is_as_usual`: no more is open."""
    if has(o).uids[EFFECTIVE] == 0:
        return Wrong(
            expected=NO_MORE_OPEN,
            observed=f"{with_access(o)}; the daemon is still root",
            because="Your program does not become the user, so all that is open is root's. See the check of its IDs.",
        )
    if is_as_usual:
        return None
    return Wrong(
        expected=NO_MORE_OPEN,
        observed=with_access(o),
        because="With -u your program keeps something open that it does not keep open without -u. A file that root "
        "has opened stays usable after the change of user, because the kernel checks rights in open(), and not again "
        "in read() or write(). Close it before the change.",
    )


@check(read="getpwnam(3)", scene=UNKNOWN, follows=[step_12.one_lives_on])
def unknown_user(o: Observation) -> Finding:
    """with an unknown user it prints the name, and starts nothing."""
    if refused(o) and NOBODY in o.errors:
        return None
    return Wrong(
        expected=f"started with -u {NOBODY}: an exit status other than 0, a message on standard error with {NOBODY} in "
        "it, no process that stays",
        observed=fate(o),
        because=why_unknown_user_is_not_told(o),
    )


def why_unknown_user_is_not_told(o: Observation) -> str:
    if o.processes and NOBODY in said(o):
        return (
            "Your program says that there is no such user, but it goes on, and its daemon runs as root. Exit with a "
            "status other than 0 after the message."
        )
    if o.processes:
        return (
            "The daemon runs, although there is no such user. Most likely your program does not test whether "
            "getpwnam() returns NULL, or it looks up another name than the one after -u. Look up that name, test for "
            "NULL, and exit."
        )
    if crash(o) == signal.SIGABRT:
        return (
            "SIGABRT killed your program. Most likely getpwnam() returned NULL, and your program then called abort() "
            "or a failing assert(). Print a message with the name instead, and exit with an error."
        )
    if o.job.status is not None and os.WIFSIGNALED(o.job.status):
        return (
            f"{signal_name(os.WTERMSIG(o.job.status))} killed the first process. Most likely getpwnam() returned "
            "NULL, because there is no such user, and your program used that. Test it first."
        )
    if not refused(o):
        return ENDS_AS_IF_WELL
    if NOBODY in o.piped.text:
        return step_12.ON_STANDARD_OUTPUT
    if not o.printed.strip():
        return "Your program exits without a message on standard error. Print the name there before you exit."
    return (
        "The message does not contain the name. Print it, so that the user sees the typing error. perror() does not "
        "help: errno may be 0 here, which prints as Success."
    )


@check(read="initgroups(3), setgroups(2)", scene=NOT_ROOT, follows=[step_12.one_lives_on])
def not_root(o: Observation) -> Finding:
    """with -u, but not started by root, it prints why and starts nothing."""
    if refused(o) and says_on_error(o, *NOT_ALLOWED):
        return None
    return Wrong(
        expected="started by an ordinary user with -u root: an exit status other than 0, the reason on "
        "standard error, no process that stays",
        observed=fate(o),
        because=why_it_does_not_miss_root(o),
    )


def why_it_does_not_miss_root(o: Observation) -> str:
    if o.processes and says_why(o, *NOT_ALLOWED):
        return (
            "Your program says that it may not become that user, but a daemon keeps running. Give up the rights in the "
            "daemon, before it is ready, and exit after the message."
        )
    if o.processes:
        return (
            "The daemon runs, but not as the user that was asked for. Most likely your program ignores -u, or ignores "
            "that the calls failed. Test each of them, and exit."
        )
    if killed_by(o):
        return killed_by(o)
    if not refused(o):
        return ENDS_AS_IF_WELL
    if holds(o.piped.text.replace(o.name, ""), *NOT_ALLOWED):
        return step_12.ON_STANDARD_OUTPUT
    return (
        "The message does not say that only root may become another user. Print the reason that the failed call left "
        "in errno: \"Operation not permitted\"."
    )


def killed_by(o: Observation) -> str:
    """The cause where a signal has ended the program; "" where none has."""
    if not crash(o):
        return ""
    return f"{signal_name(crash(o))} killed your program. Test what the call returns, print the reason, and exit."


def bonus_for_rights(call: str, what: str, error: str, half: str) -> Check:
    """The bonus check of a program that does not go on with rights that it should have given up.

    `error` is the errno that the call is made to give, by name; `what` is what
    the answer would do with it, and `half` a sentence on one that goes on.
    """
    failure = Failure(call, os.strerror(getattr(errno, error)), half)

    @check(
        name=f"{call}_fails",
        says=f"when {what} fails, it prints why and exits",
        read=f"{call}(2)",
        bonus=True,
        scene=Scene(stdio=Stdio.PIPE, root=True, fault=Fault.called(f"{call}-{error}")),
    )
    def call_fails(o: Observation) -> Finding:
        if refused(o) and reports(o, failure):
            return None
        return Wrong(
            expected="the reason on standard error, an exit status other than 0, no process that stays",
            observed=f"{what} was made to fail ({error}); {fate(o)}",
            because=why_failure_is_not_reported(o, failure) if refused(o) or o.processes else ENDS_AS_IF_WELL,
        )

    return call_fails


@check(read="setuid(2), capabilities(7)", bonus=True, scene=TO_ROOT)
def root_named(o: Observation) -> Finding:
    """with -u root it says that there is a way back, and exits."""
    if refused(o) and o.errors.strip():
        return None
    return Wrong(
        expected="started by root with -u root: a reason on standard error, an exit status other than 0, no "
        "process that stays",
        observed=fate(o),
        because=why_root_is_not_refused(o),
    )


def why_root_is_not_refused(o: Observation) -> str:
    if o.processes:
        return (
            "The daemon runs as root, although -u was given. Your program does not check that root's rights are gone. "
            "Call setuid(0) at the end, and exit if it succeeds."
        )
    if killed_by(o):
        return killed_by(o)
    if not refused(o):
        return ENDS_AS_IF_WELL
    if o.piped.text.strip():
        return step_12.ON_STANDARD_OUTPUT
    return "Your program exits without a message. Print the reason on standard error before you exit."


CHECKS = [
    written_as_root,
    user_ids,
    group_ids,
    supplementary_groups,
    no_capabilities,
    no_way_back,
    nothing_of_roots_open,
    unknown_user,
    not_root,
    bonus_for_rights(
        "setgroups", "initgroups()", "EPERM", "Then it stays in root's groups, and may do what they may."
    ),
    bonus_for_rights("setgid", "setting the group ID", "EPERM", "Then it stays in root's group."),
    bonus_for_rights(
        "setuid",
        "setting the user ID",
        "EAGAIN",
        "Then it stays root. The call can fail for root too.",
    ),
    root_named,
    step_11.bonus_for_usage("option_without_value", "it refuses -u without a name", "-p", PID_FILE, "-u"),
]
