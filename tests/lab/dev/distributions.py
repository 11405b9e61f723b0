"""`tests/run distributions`: the lab's own tests on Debian 11, 12 and 13, each in a root directory of its own.

mmdebstrap(1) makes a root directory from the mirror that this machine's apt
uses. It is kept as an archive below build/. Each environment unpacks it anew,
puts a copy of the lab into it, and enters it with pivot_root(2) in namespaces of
its own. chroot(2) is not enough: clone(2) makes no user namespace for a process
in a chroot. So a plain chroot is an environment too: one without a sandbox.

Nothing is left but the archives. All mounts and processes are in the namespaces,
and go with them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.dev.bench_load import end_with_parent, sigterm_as_ctrl_c
from lab.sandbox.cgroups import own_directories
from lab.toolbox import BUILD, ROOT, LabError

ARCHIVES = BUILD / "distributions"

MAKE_TIME = 900  # seconds for a root directory to be made
TEST_TIME = 3000  # seconds for all of the lab's tests
CHECK_TIME = 300  # seconds for a check of the solutions
SET_UP_TIME = 400  # seconds for the lab to install what is missing
END_TIME = 30  # seconds for what was run there to be gone
SOON = 5  # seconds for the lab to say that it cannot be used here

BARE = ("make",)
ENOUGH = (
    *BARE,
    "gcc",
    "libc6-dev",
    "python3",
    "python3-pytest",
    "python3-psutil",
    "python3-pytest-xdist",
    "procps",
    "bsdutils",
    "util-linux",
    "uidmap",
)

COMMANDS = ("check", "tour", "test", "lint", "bench", "matrix", "handouts", "gallery", "mutants")

# The first argument is the root directory, the second how to enter it; the rest is run in it.
ENTER = """
set -e
root=$1 way=$2
shift 2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do
    : >"dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
if [ "$way" = pivot_root ]; then
    mkdir -p .old
    pivot_root . .old
    umount -l /.old
    rmdir /.old
    cd /
    exec "$@"
fi
exec chroot . "$@"
"""

# The arguments are the caller's folder and name, then what is run there. The shell stays: it is the namespace's
# init, and waits for all whose parent has ended.
RUN = """
folder=$1 user=$2
shift 2
cd "$folder/lab"
if [ "$user" = root ]; then
    "$@"
else
    setpriv --reuid="$user" --regid=nogroup --clear-groups "$@"
fi
exit $?
"""

# What the lab says before it tries to install something.
ANNOUNCED = re.compile(r"lab: .*\bInstalling ")

HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


@dataclass(frozen=True)
class Release:
    """A release of Debian."""

    name: str
    suite: str
    is_too_old: bool = False  # its own pytest is older than what the lab asks for


RELEASES = (
    Release("Debian 11", "bullseye", is_too_old=True),
    Release("Debian 12", "bookworm"),
    Release("Debian 13", "trixie"),
)


@dataclass(frozen=True)
class Environment:
    """A user in a root directory, and what has to come of the lab there: see JUDGES."""

    release: Release
    user: str  # "root" or "nobody"
    kind: str  # "": all that the lab asks for is installed; or a key of JUDGES

    @property
    def name(self):
        """As it is printed."""
        return f"{self.release.name}, as {self.user}" + (f", {self.kind}" if self.kind else "")

    @property
    def packages(self):
        """What its root directory holds beside the least that Debian has."""
        return BARE if self.kind == WITH_NOTHING else ENOUGH


WITH_NOTHING, IN_A_CHROOT = "with nothing but make", "in a chroot"

ENVIRONMENTS = tuple(
    Environment(release, user, kind)
    for release in RELEASES
    for kind in ("", IN_A_CHROOT, WITH_NOTHING)
    if not release.is_too_old or not kind
    for user in ("root", "nobody")
)


class Unavailable(Exception):
    """An environment cannot be had on this machine. Its text says why."""


def distributions(only=None, quick=False):
    """Run the lab in every environment, or in those whose name holds `only`.

    `quick` checks the solutions instead of running all tests. Prints a line for
    each environment, and what is wrong there. Returns the exit status: 1 if
    something is wrong. Raises LabError where `only` names none.
    """
    chosen = [each for each in ENVIRONMENTS if not only or only in each.name]
    if not chosen:
        raise LabError(f"there is no environment {only!r}. There are: {'; '.join(e.name for e in ENVIRONMENTS)}")
    wrong = 0
    for environment in chosen:
        start = time.monotonic()
        try:
            with sigterm_as_ctrl_c():
                said, lines = _run(environment, quick)
        except Unavailable as why_not:
            said, lines = f"cannot run here: {why_not}", []
        else:
            said = f"{'WRONG' if lines else 'ok'}  {said}, in {time.monotonic() - start:.0f} s"
        print(f"{environment.name:<44}{said}", flush=True)
        for line in lines:
            print(f"    {line}", flush=True)
        wrong += bool(lines)
    print(f"{len(chosen)} environment{'s' if len(chosen) > 1 else ''}, {wrong} false", flush=True)
    return 1 if wrong else 0


def _run(environment, quick):
    """(what came of it, what is wrong in lines). Raises Unavailable."""
    archive = _archive(environment)
    with tempfile.TemporaryDirectory(dir=ARCHIVES, prefix="root-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        _call(["tar", "-C", root, "-xf", archive], MAKE_TIME)
        if not (root / "etc/hosts").exists():
            (root / "etc/hosts").write_text(HOSTS, encoding="utf-8")
        home = _copy_lab(root, environment.user)
        if environment.user != "root":
            _grant_ids(root, environment.user)
        judge = JUDGES[environment.kind or ("too old" if environment.release.is_too_old else "")]
        return judge(Inside(root, home, environment), quick)


# ---- making a root directory -----------------------------------------------------


def _archive(environment):
    """The path of the archive with the root directory of an environment, made if need be. Raises Unavailable."""
    if os.geteuid() != 0:
        raise Unavailable("only root can make a root directory and enter it")
    for tool in ("mmdebstrap", "unshare", "tar"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed (Debian: apt install {tool.replace('unshare', 'util-linux')})")
    release, packages = environment.release, ",".join(environment.packages)
    digest = hashlib.sha256(packages.encode()).hexdigest()[:8]
    archive = ARCHIVES / f"{release.suite}-{digest}.tar"
    if not archive.exists():
        ARCHIVES.mkdir(parents=True, exist_ok=True)
        fresh = ARCHIVES / f"{release.suite}-{digest}-{os.getpid()}.tar"
        words = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={packages}"]
        try:
            _call([*words, release.suite, fresh, _mirror()], MAKE_TIME)
            fresh.replace(archive)
        finally:
            fresh.unlink(missing_ok=True)
    return archive


def _mirror():
    """Where apt on this machine gets Debian from. Raises Unavailable."""
    words = ["apt-get", "indextargets", "--format", "$(ORIGIN)\t$(LABEL)\t$(REPO_URI)", "Created-By: Packages"]
    try:
        rows = [line.split("\t") for line in _call(words, 60).splitlines()]
    except FileNotFoundError:
        raise Unavailable("there is no apt-get, which would know a mirror of Debian") from None
    found = [address for origin, label, address in rows if origin == label == "Debian"]
    if not found:
        raise Unavailable("apt knows no mirror of Debian: run apt-get update first")
    return found[0]


def _call(words, limit):
    """What a command prints. Raises Unavailable where it fails."""
    try:
        done = subprocess.run(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{words[0]} did not end within {limit} s") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()
        raise Unavailable(f"{words[0]} failed: {lines[0] if lines else 'it did not say why'}")
    return done.stdout


def _copy_lab(root, user):
    """Put a fresh copy of the lab into a root directory; returns its user's home there."""
    home = Path("/root" if user == "root" else f"/home/{user}")
    ignored = shutil.ignore_patterns("build", ".git", ".venv", "__pycache__", ".pytest_cache")
    shutil.copytree(ROOT, root / home.relative_to("/") / "lab", ignore=ignored, symlinks=True)
    if user != "root":
        passwd = (root / "etc/passwd").read_text(encoding="utf-8")
        entry = re.search(rf"^{user}:[^:]*:(\d+):(\d+):", passwd, re.MULTILINE)
        if entry is None:
            raise LabError(f"{root}/etc/passwd has no user {user}")
        _call(["chown", "-R", f"{entry[1]}:{entry[2]}", root / home.relative_to("/")], 60)
    return home


def _grant_ids(root, user):
    """Give a user a range of IDs, as adduser(8) does for a user of flesh and blood."""
    for name in ("subuid", "subgid"):
        with (root / "etc" / name).open("a", encoding="utf-8") as file:
            file.write(f"{user}:200000:65536\n")


# ---- running the lab in it -----------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """What came of a command: its exit status (None if its time was up), its lines, and the seconds that it took."""

    status: int | None
    lines: list
    seconds: float


@dataclass(frozen=True)
class Inside:
    """A root directory with a copy of the lab, ready to be entered."""

    root: Path
    home: Path
    environment: Environment

    def run(self, words, limit):
        """Run a command of the lab's, in its folder, for at most `limit` seconds; an Ended."""
        with _groups_of_its_own() as groups:
            return self._run(words, limit, groups)

    def _run(self, words, limit, groups):
        def prepare():
            end_with_parent()
            for group in groups:
                (group / "cgroup.procs").write_text("0", encoding="ascii")

        user, kind = self.environment.user, self.environment.kind
        start = time.monotonic()
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
             "sh", "-c", ENTER, "sh", str(self.root), "chroot" if kind == IN_A_CHROOT else "pivot_root",
             "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"HOME={self.home}",
             "sh", "-c", RUN, "sh", str(self.home), user, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            preexec_fn=prepare,
        )  # fmt: skip
        try:
            output, _ = process.communicate(timeout=limit)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            status = None
        finally:
            process.kill()  # with it goes all that is in the namespace
            process.wait()
        return Ended(status, output.splitlines(), time.monotonic() - start)


@contextmanager
def _groups_of_its_own():
    """The directories of control groups, one in each hierarchy: the lab in there shall not meet the lab out here.

    Its processes have other PIDs there, and it would take the groups of this one for left ones.
    """
    groups = [directory / f"lab-distribution-{os.getpid()}" for directory in own_directories()]
    try:
        for group in groups:
            group.mkdir()
        yield groups
    finally:
        for group in groups:
            _remove_group(group)


def _remove_group(group):
    """Remove a control group, and those in it, as soon as their processes have ended; gives up after END_TIME."""
    deadline = time.monotonic() + END_TIME
    while group.exists() and time.monotonic() < deadline:
        for folder in (*sorted(group.glob("**/"), reverse=True), group):
            try:
                folder.rmdir()
            except OSError:
                time.sleep(0.01)


def _judge_tests(inside, quick):
    """All of the lab's own tests pass; or, where it has to be quick, all solutions."""
    if quick:
        done = inside.run(["tests/run", "check", "--answers", "solutions"], CHECK_TIME)
    else:
        done = inside.run(["make", "test"], TEST_TIME)
    return _last(done), [] if done.status == 0 else _tail(done)


def _judge_chroot(inside, _quick):
    """Right answers are right, or cannot be checked: then it is said of each what cannot."""
    done = inside.run(["tests/run", "check", "--answers", "solutions"], CHECK_TIME)
    named = [line for line in done.lines if line.startswith("  ?? ")]
    if done.status == 0 or done.status == 2 and named:
        return f"status {done.status}, not all could be checked of {len(named)} steps: {_last(done)}", []
    return _last(done), _tail(done)


def _judge_bare(inside, _quick):
    """All that is missing is named, in one line. Root's lab may install it first."""
    limit = SET_UP_TIME if inside.environment.user == "root" else SOON
    done = inside.run(["tests/run", "check", "--answers", "solutions"], limit)
    text = " ".join(done.lines)
    if inside.environment.user == "root" and done.status == 0:
        return f"installed what was missing: {_last(done)}", []
    names_all = "gcc" in text and "pytest" in text
    is_told = done.status == 2 and all(line.startswith("lab: ") for line in done.lines)
    one_line = inside.environment.user == "root" or len(done.lines) == 1
    return _last(done), [] if is_told and one_line and names_all else _tail(done)


def _judge_too_old(inside, _quick):
    """Every command says in one line, and soon, that this is too old; or works, which may take it longer."""
    done = inside.run(["tests/run", "check", "--answers", "solutions"], CHECK_TIME)
    if done.status == 0:
        return f"works: {_last(done)}", []
    said, wrong = _last(done), []
    for command in COMMANDS:
        done = inside.run(["tests/run", command], SOON)
        told = [line for line in done.lines if not ANNOUNCED.match(line)]
        one_line = len(told) == 1 and told[0].startswith("lab: ")
        refuses = done.status == 2 and one_line
        works = done.status in (0, None) and not any(re.match("lab: |ERROR|Traceback", line) for line in done.lines)
        if not refuses and not works:
            wrong += [f"tests/run {command}: status {done.status} after {done.seconds:.1f} s", *_tail(done, 3)]
    return said, wrong


JUDGES = {"": _judge_tests, IN_A_CHROOT: _judge_chroot, WITH_NOTHING: _judge_bare, "too old": _judge_too_old}


def _last(done):
    """The last thing that was printed, in a line."""
    lines = [line for line in done.lines if line.strip()]
    return lines[-1].strip("= ") if lines else "it printed nothing"


def _tail(done, count=25):
    """How it ended, and the last lines that it printed."""
    how = f"not through after {done.seconds:.0f} s" if done.status is None else f"ended with status {done.status}"
    return [how, *("| " + line[:200] for line in done.lines[-count:])]
