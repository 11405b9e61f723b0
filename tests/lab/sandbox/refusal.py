"""Why this machine refuses a sandbox, and what to do about it, in words.

The launcher reports what failed and the kernel's reason for it, such as "a user
namespace: No space left on device". The kernel's reasons are few, and say
little: which setting of this machine they come from is looked up here.
"""

import errno
import os
from pathlib import Path

PROC = Path("/proc")

# What the launcher calls the first step, to which most rules apply: see launcher/server.c.
MAKING = "a user namespace"

# The namespaces that a sandbox takes, each with a limit of its own: namespaces(7).
NAMESPACES = ("user", "pid", "mnt", "ipc", "net")

FORBIDDEN = (os.strerror(errno.EPERM), os.strerror(errno.EACCES))
NOT_IN_KERNEL = (os.strerror(errno.EINVAL), os.strerror(errno.ENOSYS))

APPARMOR = "kernel.apparmor_restrict_unprivileged_userns"


def setting(name, proc=PROC):
    """The value of a kernel setting such as "user.max_user_namespaces" as a text, "" where there is none: sysctl(8)."""
    try:
        return (proc / "sys" / name.replace(".", "/")).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def in_words(refusal, proc=PROC):
    """The cause of a `refusal`, which is what the launcher reports ("WHAT: REASON"), and a cure: one or two sentences.

    The last one ends without a full stop. A refusal that is not known comes back
    as it is. `proc` is the folder in which the kernel says how this machine is set up.
    """
    what, _, reason = refusal.rpartition(": ")
    if reason in FORBIDDEN:
        return _forbidden(refusal, what, proc)
    if what == MAKING and reason == os.strerror(errno.ENOSPC):
        return _used_up(proc)
    if what == MAKING and reason in NOT_IN_KERNEL:
        return f"this kernel has no user namespaces ({refusal}). Use a kernel with CONFIG_USER_NS"
    return refusal


def _used_up(proc):
    """Of some kind of namespaces there may be no more."""
    for name in (f"user.max_{kind}_namespaces" for kind in NAMESPACES):
        if setting(name, proc) == "0":
            return _set(name, "0", "10000", "so the kernel makes no such namespace")
    return (
        "the kernel makes no more namespaces, because a limit in /proc/sys/user is reached. "
        "End other programs that use namespaces, or allow more (sysctl user.max_user_namespaces)"
    )


def _forbidden(refusal, what, proc):
    """A rule forbids it: of the kernel, of this distribution, or of a container."""
    if what == MAKING and setting("kernel.unprivileged_userns_clone", proc) == "0":
        return _set("kernel.unprivileged_userns_clone", "0", "1", "so only root may make user namespaces")
    if setting(APPARMOR, proc) == "1":
        return _set(APPARMOR, "1", "0", "so a new user namespace gives an ordinary program no rights")
    if not _is_mapped(os.geteuid(), proc):
        return (
            "this user has no ID of its own in the user namespace that the lab runs in. "
            "Start the lab outside that namespace, or map the user (unshare --map-current-user)"
        )
    if what == MAKING and is_chroot(proc):
        return (
            "this is a chroot, and the kernel makes no user namespace in one. Run the lab outside it, "
            "or enter this root directory with pivot_root (bwrap --bind DIR / --proc /proc --dev /dev, systemd-nspawn)"
        )
    rule = "a seccomp filter" if _is_filtered(proc) else "a rule of this machine"
    return (
        f"{rule} forbids it ({refusal}). In a container, start the container so that it may make namespaces "
        "(docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
        "--security-opt systempaths=unconfined)"
    )


def _set(name, found, wanted, effect):
    path = "/proc/sys/" + name.replace(".", "/")
    return f"{path} is {found}, {effect}. Root can change that: sysctl -w {name}={wanted}"


def is_chroot(proc=PROC):
    """Whether the root directory of this process is not the one of its mount namespace: chroot(2).

    False where that cannot be told.
    """
    try:
        lines = (proc / "self" / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    # A mount that cannot be reached from here is left out: proc_pid_mountinfo(5). "/" is there unless
    # it lies above the root directory of this process.
    if lines and all(line.split()[4] != "/" for line in lines):
        return True
    # The root directory can be the root of a mount, too. Root can compare it with init's.
    try:
        ours, theirs = (proc / "self" / "root").stat(), (proc / "1" / "root").stat()
    except OSError:
        return False
    return (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino)


def _is_mapped(user, proc):
    """Whether this user ID of this process's namespace stands for one outside: user_namespaces(7)."""
    try:
        ranges = (proc / "self" / "uid_map").read_text(encoding="ascii").splitlines()
    except OSError:
        return True  # without /proc it cannot be told
    for first, _, count in (map(int, each.split()) for each in ranges):
        if first <= user < first + count:
            return True
    return False


def _is_filtered(proc):
    """Whether a seccomp(2) filter holds for this process."""
    try:
        status = (proc / "self" / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "\nSeccomp:\t2\n" in status
