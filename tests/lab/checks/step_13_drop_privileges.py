"""Step 13: root's rights are given up, all of them and for good."""

import errno
import os

from lab.checks.model import Check, ended, fails_cleanly, fate, says_why
from lab.checks.step_11_pid_file import content, holds_pid
from lab.scene import PID_FILE, USER, Scene

UID, GID, GROUPS = 70, 80, {81, 82}  # as scene.USERS has them
NOBODY = "nosuchuser"

ROOT_ARGUMENTS = ("-u", USER)

# What is said of that: EPERM, EINVAL (the sandbox of an ordinary user has one ID: user_namespaces(7)), own words.
NOT_ALLOWED = (os.strerror(errno.EPERM), os.strerror(errno.EINVAL), "permitted", "root")

AS_ROOT = Scene(root=True, then=("root",))
UNKNOWN = Scene(root=True, arguments=("-p", PID_FILE, "-u", NOBODY))
NOT_ROOT = Scene(arguments=("-p", PID_FILE, "-u", "root"))  # a name that is known everywhere


def has(o):
    """Who the process is, as facts.Credentials."""
    return o.process.credentials


def extra_groups(o):
    """The supplementary groups; the main group may be among them, and says nothing new."""
    return has(o).groups - {GID}


def ids(numbers):
    """The four IDs in words: one number where they are the same."""
    if len(set(numbers)) == 1:
        return f"all {numbers[0]}"
    return "real {}, effective {}, saved {}, filesystem {}".format(*numbers)


def capabilities(o):
    """The capability sets that are not empty, as /proc/PID/status shows them."""
    return ", ".join(f"Cap{name} {bits:x}" for name, bits in has(o).capabilities.items() if bits) or "none"


def regained(o):
    """What came of setuid(0) and of setgid(0), in words."""
    words = ["succeeds" if result == 0 else os.strerror(-result) for result in o.regained]
    return "setuid(0): {}; setgid(0): {}".format(*words)


def refused(o):
    """Whether it did not start, and its caller knows."""
    return fails_cleanly(o) and o.job_status != 0 and os.WIFEXITED(o.job_status or 0)


RIGHT_USER = (
    lambda o: UID in has(o).uids and has(o).uids != (UID,) * 4,
    "one of them is still root's: seteuid() and setreuid() can leave the saved one, and setuid() sets all only while "
    "it is called by root. setresuid(UID, UID, UID) says what it does",
)
STILL_ROOT = (
    lambda o: set(has(o).uids) == {0},
    lambda o: "it is root as before: -u is not looked at, or the call was made in another process, or it failed and "
    "nobody looked, or it was undone (as seteuid(0) does)"
    if any(has(o).capabilities.values())
    else "the capabilities are gone, and it is root all the same: what belongs to root is its own, without any of them",
)


def star_for_root(call, what, error, half):
    """The bonus check of an answer that does not go on with rights that it should have given up."""
    return Check(
        key=f"{call}_fails",
        says=f"says so when {what} fails, and ends",
        read=f"{call}(2)",
        star=True,
        on_process=False,
        scene=Scene(root=True, fault=f"{call}-{error}"),
        holds=lambda o: refused(o) and says_why(o, call, os.strerror(getattr(errno, error))),
        expected=lambda o: "the reason on standard error, a status other than 0, nothing that lives on",
        observed=lambda o: f"{what} was made to fail ({error}); {fate(o)}",
        causes=(
            (lambda o: o.processes, f"what it returns is not looked at: {half}"),
            (lambda o: not refused(o), "it ends as if all were well: whoever started it cannot tell"),
            (True, "it does not say why it ends"),
        ),
    )


CHECKS = [
    Check(
        key="written_as_root",
        says=f"-u {USER}: a daemon lives on, and FILE was written as root",
        read="initgroups(3), setresuid(2)",
        on_process=False,
        scene=AS_ROOT,
        follows=("one_lives_on", "pid_file"),
        holds=lambda o: o.job_status == 0 and len(o.processes) == 1 and holds_pid(o.pid_file, o.process.pid),
        expected=lambda o: f"launched by root with -u {USER}: status 0, a daemon, and its PID in {PID_FILE}",
        observed=lambda o: fate(o) + "; " + content(o.pid_file),
        causes=(
            (
                lambda o: not o.processes and says_why(o, "invalid option", "usage"),
                "-u is not known: it has to be among the letters for getopt(), with a colon: a name comes after it",
            ),
            (
                lambda o: o.pid_file is None and not o.processes and says_why(o, "Permission denied"),
                "the rights were given up too early: in a directory of root's only root can make a file. What takes "
                "root comes first, then the drop",
            ),
            (
                lambda o: not o.processes,
                "it did not get through to its end. The order is: the groups, the group ID, the user ID. Once the "
                "user ID is gone nothing else can be set",
            ),
            (True, "as root and with -u it does not do what it does without"),
        ),
    ),
    Check(
        key="user_ids",
        says=f"its four user IDs are those of {USER}",
        read="setresuid(2), credentials(7)",
        scene=AS_ROOT,
        follows=("written_as_root",),
        holds=lambda o: has(o).uids == (UID,) * 4,
        expected=lambda o: f"real, effective, saved and filesystem UID {UID}",
        observed=lambda o: ids(has(o).uids),
        causes=(
            STILL_ROOT,
            RIGHT_USER,
            (lambda o: set(has(o).uids) == {GID}, "that is the group's ID: pw_uid is another number than pw_gid"),
            (True, f"that is neither root's nor that of {USER}: getpwnam() knows it"),
        ),
    ),
    Check(
        key="group_ids",
        says=f"its four group IDs are those of {USER}",
        read="setresgid(2), credentials(7)",
        scene=AS_ROOT,
        follows=("written_as_root",),
        holds=lambda o: has(o).gids == (GID,) * 4,
        expected=lambda o: f"real, effective, saved and filesystem GID {GID}",
        observed=lambda o: ids(has(o).gids),
        causes=(
            (
                lambda o: set(has(o).gids) == {0},
                "it is in root's group as before: setgid() was not called, or after setuid(), when it may no longer "
                "be, and what it returned was not looked at",
            ),
            (
                lambda o: set(has(o).gids) == {UID},
                "that is the user's ID, used as a group's: pw_gid is another number than pw_uid",
            ),
            (
                lambda o: GID in has(o).gids,
                "one of them is still root's: setegid() and setregid() can leave the saved one. "
                "setresgid(GID, GID, GID) says what it does",
            ),
            (True, f"that is neither root's group nor that of {USER}: pw_gid of getpwnam() is"),
        ),
    ),
    Check(
        key="supplementary_groups",
        says=f"its supplementary groups are those of {USER}",
        read="initgroups(3), setgroups(2)",
        scene=AS_ROOT,
        follows=("written_as_root",),
        holds=lambda o: extra_groups(o) == GROUPS,
        expected=lambda o: f"groups {', '.join(map(str, sorted(GROUPS)))}, and perhaps {GID}, which is the main one",
        observed=lambda o: f"groups {', '.join(map(str, sorted(has(o).groups))) or 'none'}",
        causes=(
            (
                lambda o: 0 in has(o).groups,
                "root's own groups are still there: setuid() and setgid() leave the supplementary ones alone. "
                "initgroups() sets them, and only root may call it",
            ),
            (
                lambda o: not extra_groups(o),
                f"none of root's is left, but {USER} is in other groups too, as /etc/group says: initgroups() looks "
                "them up and sets them",
            ),
            (True, f"these are not the ones that /etc/group has for {USER}: initgroups() looks them up"),
        ),
    ),
    Check(
        key="no_capabilities",
        says="no capability is left",
        read="capabilities(7)",
        scene=AS_ROOT,
        follows=("written_as_root", "user_ids"),
        holds=lambda o: not any(has(o).capabilities.values()),
        expected=lambda o: "the sets Inh, Prm, Eff and Amb of /proc/PID/status are empty",
        observed=lambda o: capabilities(o),
        causes=(
            (
                True,
                "when all user IDs change from 0 to others the kernel takes the capabilities away, unless it was told "
                "not to: prctl(PR_SET_KEEPCAPS) or a securebit. Each capability is a part of root's rights",
            ),
        ),
    ),
    Check(
        key="no_way_back",
        says="there is no way back: setuid(0) and setgid(0) fail in it",
        read="setuid(2), setresuid(2)",
        scene=AS_ROOT,
        follows=("written_as_root", "user_ids", "group_ids", "no_capabilities"),
        unseen=lambda o: f"the lab could not make it call setuid(0): {os.strerror(-o.regained[0])}"
        if o.regained and o.regained[0] not in (0, -errno.EPERM)
        else "",
        holds=lambda o: set(o.regained) == {-errno.EPERM},
        expected=lambda o: "made to call them by the lab (with ptrace), it gets EPERM from both",
        observed=lambda o: regained(o),
        causes=((True, "an ID that is still root's, or a capability, lets it take all the rest again"),),
    ),
    Check(
        key="unknown_user",
        says="-u with a name that nobody has: says so, nothing is started",
        read="getpwnam(3)",
        scene=UNKNOWN,
        on_process=False,
        follows=("one_lives_on",),
        holds=lambda o: refused(o) and NOBODY in o.printed,
        expected=lambda o: f"launched with -u {NOBODY}: a status other than 0, a message that names {NOBODY}, "
        "nothing that lives on",
        observed=fate,
        causes=(
            (
                lambda o: o.processes,
                "it runs, and as root: getpwnam() was asked for another name, or nobody looked whether it gave NULL, "
                "as it does for a user that is not there",
            ),
            (
                lambda o: o.job_status is not None and os.WIFSIGNALED(o.job_status),
                lambda o: f"the launched process {ended(o.job_status)}: getpwnam() gives NULL for a user that is not "
                "there, and NULL has no pw_uid",
            ),
            (lambda o: not refused(o), "it ends as if all were well: whoever started it cannot tell"),
            (
                True,
                "the message does not help whoever has mistyped the name. perror() is no help either: errno may be 0 "
                "then, which prints as Success. Print the name",
            ),
        ),
    ),
    Check(
        key="not_root",
        says="-u where it is not root: says so, nothing is started",
        read="initgroups(3), setgroups(2)",
        scene=NOT_ROOT,
        on_process=False,
        follows=("one_lives_on",),
        holds=lambda o: refused(o) and any(word in o.printed.replace(o.name, "") for word in NOT_ALLOWED),
        expected=lambda o: "launched by an ordinary user with -u root: a status other than 0, the reason on "
        "standard error, nothing that lives on",
        observed=fate,
        causes=(
            (
                lambda o: o.processes,
                "it runs, and not as the user that was asked for: -u is not looked at, or the calls failed and nobody "
                "looked, or another process made them",
            ),
            (lambda o: not refused(o), "it ends as if all were well: whoever started it cannot tell"),
            (True, "the message does not say that it takes root to become somebody else"),
        ),
    ),
    star_for_root(
        "setgroups", "initgroups()", "EPERM", "it goes on in root's groups, and what they may read and write it may"
    ),
    star_for_root("setgid", "setting the group ID", "EPERM", "it goes on in root's group"),
    star_for_root(
        "setuid",
        "setting the user ID",
        "EAGAIN",
        "it goes on as root. It can fail for root too: setresuid(2) names EAGAIN, for a user who runs too much already",
    ),
    Check(
        key="root_named",
        says="-u root: says that there is a way back, and ends",
        read="setuid(2), capabilities(7)",
        star=True,
        on_process=False,
        scene=Scene(root=True, arguments=("-p", PID_FILE, "-u", "root")),
        holds=lambda o: refused(o) and bool(o.printed.strip()),
        expected=lambda o: "launched by root with -u root: a reason on standard error, a status other than 0, nothing "
        "that lives on",
        observed=fate,
        causes=(
            (
                lambda o: o.processes,
                "it runs as root, with -u: nobody has looked whether root's rights are gone. Besides -u root there "
                "are other ways to keep them, an inherited securebit, say: try setuid(0), which has to fail",
            ),
            (lambda o: not refused(o), "it ends as if all were well: whoever started it cannot tell"),
            (True, "it does not say why it ends"),
        ),
    ),
]
