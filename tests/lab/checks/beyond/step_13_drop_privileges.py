"""Step 13: root's rights are given up, all of them and for good."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import Callable, Sequence

from lab.checks.beyond import step_11_pid_file as step_11
from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.check import Check, Finding, Unseen, Wrong, check
from lab.checks.common import (
    Failure,
    crash,
    ended,
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
from lab.facts import Credentials, Observation, PidFile, Process, Regained
from lab.faults import Fault
from lab.scene import PID_FILE, USER, AskForRoot, Scene, Stdio

UID, GID, GROUPS = 70, 80, {81, 82}  # as scene.USERS has them
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
NO_WAY_BACK = "made to call them by the lab (with ptrace), it gets EPERM from both"

ENDS_AS_IF_WELL = "it ends as if all were well: whoever started it cannot tell"


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
    "One thread of the daemon has kept its rights. A system call made with syscall() changes only the thread that calls "
    "it. Use setresuid() and setresgid() from libc, or give up the rights before you start a thread."
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
    """What came of a call, which gave 0 or -errno."""
    return "succeeds" if result == 0 else os.strerror(-result)


def refused(o: Observation) -> bool:
    """Whether it did not start, and its caller knows."""
    return fails_cleanly(o) and o.job.status != 0 and os.WIFEXITED(o.job.status or 0)


@check(
    says=f"-u {USER}: a daemon lives on, and FILE was written as root",
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
        expected=f"launched by root with -u {USER}: status 0, a daemon, and its PID in {PID_FILE}, which is root's",
        observed=f"{fate(o)}; {step_11.content(o.pid_file)}{owner}",
        because=why_it_was_not_written_as_root(o),
    )


def is_safe(file: PidFile | None) -> bool:
    """Whether nobody but root can write another PID into it."""
    return file is not None and file.owner == 0 and not file.mode & 0o022


def why_it_was_not_written_as_root(o: Observation) -> str:
    if o.processes and o.pid_file is not None and o.pid_file.owner != 0:
        return (
            f"The PID file belongs to user {o.pid_file.owner}, who can write any PID into it. Then root's "
            "`kill $(cat FILE)` ends a stranger's process. Write the file as root, and never give it away."
        )
    if o.processes and not is_safe(o.pid_file) and o.pid_file is not None:
        return "Others than root may write into the PID file, and so name any process in it. Give it mode 0644."
    if not o.processes and says_why(o, "invalid option", "usage"):
        return "-u is not known: it has to be among the letters for getopt(), with a colon: a name comes after it"
    if not o.processes and o.pid_file is None and says_why(o, "Permission denied"):
        return (
            "the rights were given up too early: in a directory of root's only root can make a file. What takes "
            "root comes first, then the drop"
        )
    if not o.processes:
        return (
            "it did not get through to its end. The order is: the groups, the group ID, the user ID. Once the "
            "user ID is gone nothing else can be set"
        )
    return "as root and with -u it does not do what it does without"


@check(
    says=f"its four user IDs are those of {USER}",
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
            "it is root as before: -u is not looked at, or the call was made in another process, or it failed and "
            "nobody looked, or it was undone (as seteuid(0) does)"
        )
    if uids == {0}:
        return (
            "the capabilities are gone, and it is root all the same: what belongs to root is its own, without any of "
            "them"
        )
    if UID in uids:
        return (
            "one of them is still root's: seteuid() and setreuid() can leave the saved one, and setuid() sets all "
            "only while it is called by root. setresuid(UID, UID, UID) says what it does"
        )
    if uids == {GID}:
        return "that is the group's ID: pw_uid is another number than pw_gid"
    return f"that is neither root's nor that of {USER}: getpwnam() knows it"


@check(
    says=f"its four group IDs are those of {USER}",
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
            "it is in root's group as before: setgid() was not called, or after setuid(), when it may no longer "
            "be, and what it returned was not looked at"
        )
    if gids == {UID}:
        return "that is the user's ID, used as a group's: pw_gid is another number than pw_uid"
    if GID in gids:
        return (
            "one of them is still root's: setegid() and setregid() can leave the saved one. "
            "setresgid(GID, GID, GID) says what it does"
        )
    return f"that is neither root's group nor that of {USER}: pw_gid of getpwnam() is"


@check(
    says=f"its supplementary groups are those of {USER}",
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
            "root's own groups are still there: setuid() and setgid() leave the supplementary ones alone. "
            "initgroups() sets them, and only root may call it"
        )
    if not extra_groups(has(o)):
        return (
            f"none of root's is left, but {USER} is in other groups too, as /etc/group says: initgroups() looks "
            "them up and sets them"
        )
    return f"these are not the ones that /etc/group has for {USER}: initgroups() looks them up"


@check(read="capabilities(7)", scene=AS_ROOT, follows=[written_as_root, user_ids], expects=NO_CAPABILITIES)
def no_capabilities(o: Observation, p: Process) -> Finding:
    """no capability is left."""
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
        because="when all user IDs change from 0 to others the kernel takes the capabilities away, unless it was told "
        "not to: prctl(PR_SET_KEEPCAPS) or a securebit. Each capability is a part of root's rights",
    )


@check(
    read="setuid(2), setresuid(2)",
    scene=AS_ROOT,
    follows=[written_as_root, user_ids, group_ids, no_capabilities],
    expects=NO_WAY_BACK,
)
def no_way_back(o: Observation, p: Process) -> Finding:
    """there is no way back: setuid(0) and setgid(0) fail in it."""
    regained = o.came(Regained)
    assert regained is not None  # it is what is done in this scene
    if regained.user not in (0, -errno.EPERM):
        return Unseen(f"the lab could not make it call setuid(0): {os.strerror(-regained.user)}")
    if regained == Regained(-errno.EPERM, -errno.EPERM):
        return None
    return Wrong(
        expected=NO_WAY_BACK,
        observed=f"setuid(0): {in_words(regained.user)}; setgid(0): {in_words(regained.group)}",
        because="an ID that is still root's, or a capability, lets it take all the rest again",
    )


@check(read="getpwnam(3)", scene=UNKNOWN, follows=[step_12.one_lives_on])
def unknown_user(o: Observation) -> Finding:
    """-u with a name that nobody has: says so, nothing is started."""
    if refused(o) and NOBODY in o.errors:
        return None
    return Wrong(
        expected=f"launched with -u {NOBODY}: a status other than 0, a message that names {NOBODY}, "
        "nothing that lives on",
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
            "it runs, and as root: getpwnam() was asked for another name, or nobody looked whether it gave NULL, "
            "as it does for a user that is not there"
        )
    if o.job.status is not None and os.WIFSIGNALED(o.job.status):
        return (
            f"the launched process {ended(o.job.status)}: getpwnam() gives NULL for a user that is not "
            "there, and NULL has no pw_uid"
        )
    if not refused(o):
        return ENDS_AS_IF_WELL
    if NOBODY in o.piped.text:
        return step_12.ON_STANDARD_OUTPUT
    if not o.printed.strip():
        return "Your program exits without a message on standard error. Print the name there before you exit."
    return (
        "the message does not help whoever has mistyped the name. perror() is no help either: errno may be 0 "
        "then, which prints as Success. Print the name"
    )


@check(read="initgroups(3), setgroups(2)", scene=NOT_ROOT, follows=[step_12.one_lives_on])
def not_root(o: Observation) -> Finding:
    """-u where it is not root: says so, nothing is started."""
    if refused(o) and says_on_error(o, *NOT_ALLOWED):
        return None
    return Wrong(
        expected="launched by an ordinary user with -u root: a status other than 0, the reason on "
        "standard error, nothing that lives on",
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
            "it runs, and not as the user that was asked for: -u is not looked at, or the calls failed and nobody "
            "looked, or another process made them"
        )
    if killed_by(o):
        return killed_by(o)
    if not refused(o):
        return ENDS_AS_IF_WELL
    if holds(o.piped.text.replace(o.name, ""), *NOT_ALLOWED):
        return step_12.ON_STANDARD_OUTPUT
    return "the message does not say that it takes root to become somebody else"


def killed_by(o: Observation) -> str:
    """The cause where a signal has ended the program; "" where none has."""
    if not crash(o):
        return ""
    return f"{signal_name(crash(o))} killed your program. Test what the call returns, print the reason, and exit."


def bonus_for_rights(call: str, what: str, error: str, half: str) -> Check:
    """The bonus check of an answer that does not go on with rights that it should have given up.

    `error` is the errno that the call is made to give, by name; `what` is what
    the answer would do with it, and `half` a sentence on one that goes on.
    """
    failure = Failure(call, os.strerror(getattr(errno, error)), half)

    @check(
        name=f"{call}_fails",
        says=f"says so when {what} fails, and ends",
        read=f"{call}(2)",
        bonus=True,
        scene=Scene(stdio=Stdio.PIPE, root=True, fault=Fault.called(f"{call}-{error}")),
    )
    def call_fails(o: Observation) -> Finding:
        if refused(o) and reports(o, failure):
            return None
        return Wrong(
            expected="the reason on standard error, a status other than 0, nothing that lives on",
            observed=f"{what} was made to fail ({error}); {fate(o)}",
            because=why_failure_is_not_reported(o, failure) if refused(o) or o.processes else ENDS_AS_IF_WELL,
        )

    return call_fails


@check(read="setuid(2), capabilities(7)", bonus=True, scene=TO_ROOT)
def root_named(o: Observation) -> Finding:
    """-u root: says that there is a way back, and ends."""
    if refused(o) and o.errors.strip():
        return None
    return Wrong(
        expected="launched by root with -u root: a reason on standard error, a status other than 0, nothing "
        "that lives on",
        observed=fate(o),
        because=why_root_is_not_refused(o),
    )


def why_root_is_not_refused(o: Observation) -> str:
    if o.processes:
        return (
            "it runs as root, with -u: nobody has looked whether root's rights are gone. Besides -u root there "
            "are other ways to keep them, an inherited securebit, say: try setuid(0), which has to fail"
        )
    if killed_by(o):
        return killed_by(o)
    if not refused(o):
        return ENDS_AS_IF_WELL
    if o.piped.text.strip():
        return step_12.ON_STANDARD_OUTPUT
    return "it does not say why it ends"


CHECKS = [
    written_as_root,
    user_ids,
    group_ids,
    supplementary_groups,
    no_capabilities,
    no_way_back,
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
]
