"""A real systemd, its journal and its control groups, in a sandbox of the lab's.

A user manager takes nothing that a user namespace does not give, but for one
thing: a control group to live in. That is made below the one in which pytest
runs, and given to whoever is root in the sandbox: cgroups(7).
"""

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from lab.course import step_called
from lab.toolbox import ENVIRONMENT, SOLUTIONS
from lab.typed import typed

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin:/usr/lib/systemd:/lib/systemd"

SERVICE = step_called("service").name


def installed(program):
    """The path of a program that need not be on an ordinary user's PATH, None if it is not there."""
    return shutil.which(program, path=SYSTEM_PATH)


# "soon COMMAND" waits until a command succeeds, 5 seconds at most; once one took longer, none is waited for.
SOON = """
soon() {
    local end=$((SECONDS + 6))
    until "$@"; do
        if [ "$late" ] || [ $SECONDS -ge $end ]; then
            late="not in 5 s: $*"
            echo "$late"
            return 1
        fi
        sleep 0.01
    done
}
"""

# The group is there until standard input ends, as it does with pytest, however that ends.
_KEEP_GROUP = """
mkdir "$1" && echo made && cat >/dev/null
for i in $(seq 500); do
    [ -d "$1" ] || exit 0
    find "$1" -depth -type d -exec rmdir {} ';' 2>/dev/null || sleep 0.01
done
exit 1
"""

# What the root of a namespace of its own does: / as it is, and what systemd looks for beside it.
# By the name of its group the journal knows a user manager. The shipped units find their program.
_WORLD = """
set -e
mkdir /tmp/root
mount -t tmpfs root /tmp/root
cd /tmp/root
for each in /*; do
    if [ -L "$each" ]; then
        cp -P "$each" .
    elif [ "$each" = /tmp ]; then
        mkdir tmp
    else
        mkdir ".$each"
        mount --rbind "$each" ".$each"
    fi
done
mkdir -p run/systemd/system run/user/systemd/user sys/fs/cgroup var/log
mount -t cgroup2 cgroup sys/fs/cgroup
mkdir sys/fs/cgroup/user@0.service
echo $$ >sys/fs/cgroup/user@0.service/cgroup.procs
mount -t tmpfs local usr/local
mkdir usr/local/bin usr/local/etc
ln -sf /run/systemd/journal/dev-log dev/log
exec /usr/sbin/chroot . "$@"
"""

_ENTER = "until grep -q lab-peers /proc/self/cgroup; do sleep 0.01; done; {}unshare -Urm --cgroup bash .world {}"

# What the units ask for, and cannot have in that namespace: no user but root is there, and what is in /proc and /sys
# cannot be mounted once more. And systemd has its own files in a folder that ProtectHome= would hide. All else is as
# it is in the units.
_REFUSED = {
    "DynamicUser": "no",
    "ProtectHome": "no",
    "ProtectProc": "default",
    "ProcSubset": "all",
    "ProtectKernelTunables": "no",
    "ProtectKernelLogs": "no",
    "ProtectKernelModules": "no",
    "ProtectControlGroups": "no",
}
_OTHERWISE = "\\n".join(f"{name}={value}" for name, value in _REFUSED.items())

_START = f"""
cd /home/lab
{SOON}
ctl() {{ timeout 10 systemctl --user "$@"; }}
export XDG_RUNTIME_DIR=/run/user XDG_CONFIG_HOME=/run/user SYSTEMD_PAGER=
cp {SERVICE} /usr/local/bin
echo greeting=hello >/usr/local/etc/{SERVICE}.conf
cp *.service *.socket $XDG_CONFIG_HOME/systemd/user
mkdir $XDG_CONFIG_HOME/systemd/user/service.d
printf '[Service]\\n{_OTHERWISE}\\nTimeoutSec=5\\n' >$XDG_CONFIG_HOME/systemd/user/service.d/lab.conf
{installed("systemd-journald")} 2>/dev/null &
soon [ -S /run/systemd/journal/stdout ]
{installed("systemd")} --user --unit=basic.target --log-target=journal &
soon ctl --quiet is-active basic.target 2>/dev/null
"""

UNITS = sorted(SOLUTIONS.glob("*.service")) + sorted(SOLUTIONS.glob("*.socket"))


def why_no_systemd(pad):
    """Why no systemd can be had in a sandbox here, "" if it can: what it starts with is tried."""
    missing = [name for name in ("systemd", "systemd-journald") if not installed(name)]
    if missing:
        return f"{missing[0]} is not installed"
    try:
        printed = _typed(pad, [f"{_ENTER.format('', 'true')} && echo entered"])[0]
    except GroupRefused as reason:
        return str(reason)
    return "" if printed == "entered\n" else printed.strip()


def typed_under_systemd(pad, commands, files=()):
    """What each of the commands printed; `ctl` is systemctl(1) for a systemd that has the units of the solutions."""
    enter = _ENTER.format("exec ", "bash /home/lab/.script inside")
    start = f'[ "$1" ] || {{ {enter}; }}; . /home/lab/.start'
    files = [(_START.encode(), 0o644, ".start"), *((path.read_bytes(), 0o644, path.name) for path in UNITS), *files]
    return _typed(pad, [start, *commands], files)[1:]


def _typed(pad, commands, files=()):
    with _control_group() as group:

        def give(launch):
            owner = os.stat(launch.lab)
            try:
                for name in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
                    os.chown(group / name, owner.st_uid, owner.st_gid)
                (group / "cgroup.procs").write_text(str(launch.outer(launch.shell)))
            except OSError as error:
                raise GroupRefused(f"no control group can be given to a sandbox: {error}") from error

        return typed(pad, commands, [(_WORLD.encode(), 0o644, ".world"), *files], started=give)


class GroupRefused(Exception):
    """There is no control group to be had here. Its text says why."""


@contextmanager
def _control_group():
    """The path of a control group of its own, gone in the end, even if pytest is killed. Raises GroupRefused."""
    group = own_group() / f"lab-peers-{os.getpid()}-{time.monotonic_ns()}"
    with subprocess.Popen(
        ["sh", "-c", _KEEP_GROUP, "sh", str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,  # what Ctrl-C ends is pytest
    ) as keeper:
        said = keeper.stdout.readline()
        if said != "made\n":
            raise GroupRefused(said.strip())
        try:
            yield group
        finally:
            keeper.stdin.close()
            assert keeper.wait(10) == 0, f"{group} could not be removed"


def own_group():
    """The folder of the control group in which this process is. Raises GroupRefused."""
    groups = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    own = next((line[3:] for line in groups if line.startswith("0::")), None)
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 ") and own is not None:
            _, _, _, root, folder = fields.split()[:5]
            below = os.path.relpath(own, root)
            if not below.startswith(".."):
                return Path(folder, below)
    raise GroupRefused("the control group of this process is in no cgroup2 that is mounted here")
