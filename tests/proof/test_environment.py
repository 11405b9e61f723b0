"""Faults of the machine: each ends with status 2, and with one line that names its cause and a cure.

What a machine may lack is emulated: by a PATH of the test's own, with stand-ins
for what is old or broken, and by mount namespaces with small or odd file systems.
"""

import ast
import ctypes
import errno
import marshal
import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import run_lab, wait_for

from lab import needs
from lab.course import step_called
from lab.sandbox import refusal
from lab.sandbox.program import launcher
from lab.toolbox import ROOT, SKELETONS, SOLUTIONS, printable

PASSED, WRONG, BROKEN = 0, 1, 2

UMASK, FORK, SETSID, CHDIR = (step_called(word) for word in ("umask", "fork", "setsid", "chdir"))

CHECK = ("check", "--answers", "solutions", "--step", SETSID.word)
DONE = f"{SETSID.name} is done. Next: {CHDIR.handout}\n"

# Not on the PATH that a test makes: what it stands in for, and what could install something on this machine.
LEFT_OUT = ("python", "pip", "pyenv", "apt", "dpkg", "sudo", "cc", "gcc", "clang")

SETUP_TIME = 60  # seconds, in which setting up fails on a machine that has nothing else to do
DEADLINE = 900  # seconds for a call on a machine that is busy: thirty times as long as the longest takes on an idle one


# ---- what the tests stand on -------------------------------------------------


@pytest.fixture
def clone(tmp_path):
    """A fresh clone, without the lab's own tests."""
    folder = tmp_path / "lab"
    ignored = shutil.ignore_patterns("build", ".git", ".venv", "__pycache__", "proof", "gallery", ".pytest_cache")
    shutil.copytree(ROOT, folder, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """A folder with all commands of this machine, those in LEFT_OUT left out."""
    folder = tmp_path_factory.mktemp("tools")
    for place in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for command in sorted(Path(place).glob("*")):
            if not command.name.startswith(LEFT_OUT) and not os.path.lexists(folder / command.name):
                (folder / command.name).symlink_to(command)
    return folder


@pytest.fixture
def bare(tmp_path):
    """A function: makes a Python that has no modules but its own; returns the folder with its `python3`."""

    def make(name="bare"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / name], check=True, timeout=60)
        return tmp_path / name / "bin"

    return make


def stand_in(python, name, version, source=""):
    """A module called `name` for the Python in the folder `python`, of which the version can be asked, and no more."""
    (site_packages,) = python.parent.glob("lib/python*/site-packages")
    (site_packages / name).mkdir()
    (site_packages / name / "__init__.py").write_text(f'__version__ = "{version}"\n{source}', encoding="utf-8")


def bring_launcher(build):
    """Put the launcher into a folder for what is built, so that a run need not compile it: seconds for each test."""
    build.mkdir(exist_ok=True)
    shutil.copy(launcher(), build)


def script(path, text):
    """Write a program for sh; returns its path."""
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def with_path(*folders, **more):
    """An environment with this PATH alone, in which nobody but the test tells pip what to do."""
    path = ":".join(map(str, folders))
    return {"PATH": path, "HOME": str(folders[0]), "PIP_CONFIG_FILE": os.devnull, **more}


# The compiler by its name: in a sandbox only what is in /usr can be found.
COMPILER = {"CC": shutil.which("cc") or shutil.which("gcc")}


def usual(**more):
    """The environment of the tests, with the lab's own settings left out."""
    left_out = ("DAEMON_LAB", "MAKE", "MFLAGS", "CC", "STEP", "ANSWERS", "SANDBOX", "VIRTUAL_ENV", "PYTHON")
    return {k: v for k, v in os.environ.items() if not k.startswith(left_out)} | more


def call(clone, *words, **options):
    """Run the clone's tests/run by sh; returns the CompletedProcess, its output as text."""
    options = {"env": usual(), "timeout": DEADLINE} | options
    return subprocess.run(
        ["sh", "tests/run", *map(str, words or CHECK)],
        cwd=clone,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        **options,
    )


def error_of(done, announced=0):
    """The one line that a fault is told in; before it, so many lines announce what is installed."""
    assert done.returncode == BROKEN, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    *before, line = done.stderr.splitlines()
    assert line.startswith("lab: "), done.stderr
    assert len(before) == announced and all(" Installing " in each for each in before), done.stderr
    return line


def in_namespace(script_text, **options):
    """Run a script for sh as root of a mount namespace of its own; skips where none can be had."""
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    try:
        probe = subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed (Debian: apt install util-linux)")
    if probe.returncode != 0:
        pytest.skip(f"no mount namespace can be had here: {probe.stderr.decode().strip()}")
    options = {"env": usual(), "timeout": DEADLINE} | options
    return subprocess.run(
        [*unshare, "sh", "-c", script_text], cwd=ROOT, capture_output=True, text=True, check=False, **options
    )


# ---- what is missing -----------------------------------------------------------


def test_all_that_is_missing_is_named_at_once(clone, tools, bare):
    """The compiler, too, and before anything is installed: pip is there, and is not called."""
    done = call(clone, env=with_path(bare(), tools))
    line = error_of(done)
    assert "missing: a C compiler, pytest 7.0 or later, psutil 5.9 or later." in line
    assert "apt install gcc libc6-dev python3-pytest python3-psutil" in line
    assert "setup.log" not in line and not (clone / "build" / "setup.log").exists()
    assert not (clone / ".venv").exists()


def test_no_python_is_told_with_all_else(clone, tools):
    line = error_of(call(clone, env=with_path(tools)))
    assert "missing: a C compiler, Python 3.9 or later." in line
    assert "apt install gcc libc6-dev python3-pytest python3-psutil" in line


def test_a_python_that_does_not_start_is_told_with_its_reason(clone, tools, tmp_path):
    broken = script(tmp_path / "broken" / "python3", "echo 'libpython3.so: cannot open shared object' >&2; exit 127")
    line = error_of(call(clone, env=with_path(broken.parent, tools, **COMPILER)))
    assert f"({broken} does not start: libpython3.so: cannot open shared object)" in line


def test_headers_that_are_missing_are_told_with_all_else(clone, tools, bare, tmp_path):
    """A compiler alone compiles nothing: Debian's gcc without libc6-dev."""
    without_headers(tmp_path / "cc")
    line = error_of(call(clone, env=with_path(bare(), tools, tmp_path)))
    assert "missing: the headers of the C library, pytest 7.0 or later, psutil 5.9 or later." in line
    assert "apt install libc6-dev python3-pytest" in line


def without_headers(path):
    """A C compiler as it is without the C library's headers."""
    message = "x.c:2:10: fatal error: stdio.h: No such file or directory"
    return script(path, f"echo '{message}' >&2; exit 1")


@pytest.mark.parametrize(
    "found, told",
    [
        ({"pytest": "6.0.2", "psutil": "5.9.4"}, "missing: pytest 7.0 or later (6.0.2 is here)."),
        ({"pytest": "8.3.0", "psutil": "5.8.0"}, "missing: psutil 5.9 or later (5.8.0 is here)."),
        ({"pytest": "10.0", "psutil": "broken"}, "missing: psutil 5.9 or later (broken is here)."),
    ],
    ids=["pytest of Debian 11", "psutil", "no version"],
)
def test_versions_are_looked_at(found, told, clone, tools, bare):
    python = bare()
    for name, version in found.items():
        stand_in(python, name, version)
    assert told in error_of(no_pip(clone, python, tools))


def no_pip(clone, python, tools):
    """Call the lab where there is no compiler: then nothing is installed. What it says of that is left out."""
    done = call(clone, env=with_path(python, tools))
    done.stderr = done.stderr.replace("a C compiler, ", "")
    return done


def test_a_module_that_cannot_be_loaded_is_told_with_its_reason(clone, tools, bare):
    python = bare()
    stand_in(python, "pytest", "8.0")
    stand_in(python, "psutil", "6.0", "raise ImportError('failed to map segment from shared object')")
    line = error_of(no_pip(clone, python, tools))
    assert "psutil 5.9 or later (the one that is here cannot be loaded: failed to map segment from shared obj" in line


def test_a_python_that_is_too_old_is_told_with_its_version(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    monkeypatch.setattr(sys, "version", "3.8.18 (default)")
    assert needs.missing() == ["Python 3.9 or later (3.8.18 is here)"]


def test_every_python_understands_what_looks_at_it():
    """Also 2.7, which is not on every machine: it knows neither f-strings nor annotations."""
    old = [path for path in (shutil.which("python2"), shutil.which("python2.7")) if path]
    for python in [sys.executable, *old]:
        if subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode != 0:
            continue  # a name without a Python behind it
        done = subprocess.run([python, ROOT / "tests/lab/needs.py"], capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1) and done.stderr == "" and done.stdout
    tree = ast.parse((ROOT / "tests/lab/needs.py").read_text(encoding="utf-8"))
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr)
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, new)] == []
    annotated = [node for node in ast.walk(tree) if getattr(node, "returns", None) or getattr(node, "annotation", None)]
    assert annotated == []


# ---- apt -----------------------------------------------------------------------


@pytest.fixture
def machine_of_root(tmp_path, tools):
    """(a PATH on which the user is root and apt is a stand-in, a file with what apt was told to do)."""
    told = tmp_path / "told"
    stand_ins = tmp_path / "stand-ins"
    script(stand_ins / "id", "case $1 in -u) echo 0 ;; *) echo root ;; esac")
    script(stand_ins / "apt-cache", "echo '  Candidate: 7.2.1-2'")
    script(stand_ins / "apt-get", f"echo \"$@\" >>{told}; . {tmp_path}/apt-does")
    (tmp_path / "apt-does").touch()
    return [stand_ins, tools], told


def test_apt_installs_all_that_is_missing_in_one_go(clone, machine_of_root, tmp_path):
    """And says so before. A bare machine of root's takes one call."""
    path, told = machine_of_root
    new = tmp_path / "new"
    new.mkdir()
    (tmp_path / "apt-does").write_text(
        f"ln -s {COMPILER['CC']} {new}/cc; printf '#!/bin/sh\\nexec {sys.executable} \"$@\"\\n' >{new}/python3; "
        f"chmod 755 {new}/python3"
    )
    done = call(clone, "--help", env=with_path(*path, new))
    assert done.returncode == PASSED and done.stdout.startswith("usage: tests/run"), done.stderr
    packages = "gcc libc6-dev python3-pytest python3-psutil python3-pytest-xdist"
    assert done.stderr == f"lab: missing: a C compiler, Python 3.9 or later. Installing with apt: {packages}\n"
    (order,) = told.read_text().splitlines()
    assert order.endswith(f"install -y {packages}")


def test_what_apt_says_is_told(clone, machine_of_root, tmp_path):
    path, _ = machine_of_root
    (tmp_path / "apt-does").write_text("echo 'E: Unable to locate package python3-psutil' >&2; exit 100")
    line = error_of(call(clone, env=with_path(*path)), announced=1)
    assert "apt failed: E: Unable to locate package python3-psutil." in line
    assert f"(what was tried is in {clone}/build/setup.log)" in line


def test_apts_pytest_is_not_installed_where_it_is_too_old(clone, machine_of_root, tmp_path):
    """Debian 11 has 6.0.2. pip can get another one, once it is there itself."""
    path, told = machine_of_root
    script(path[0] / "apt-cache", "echo '  Candidate: 6.0.2-2'")
    line = error_of(call(clone, env=with_path(*path)), announced=1)
    assert "On Debian and Ubuntu: apt install gcc libc6-dev python3-venv. Then call this again" in line
    assert line.endswith(f"(what was tried is in {clone}/build/setup.log)")
    assert "python3-pytest" not in told.read_text()


# ---- pip -----------------------------------------------------------------------


def wheel(folder, name, version, modules=()):
    """A wheel of the project `name` with these modules of the Python that runs this, as they are installed here."""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for module in modules:
            spec = find_spec(module)
            if spec.submodule_search_locations:
                place = Path(spec.submodule_search_locations[0])
                for path in sorted(place.rglob("*")):
                    if path.is_file() and path.suffix != ".pyc":
                        archive.write(path, f"{module}/{path.relative_to(place)}")
            else:
                archive.write(spec.origin, Path(spec.origin).name)
        info = f"{name}-{version}.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def pytests_modules():
    """The names of all modules that a run of pytest loads from where pytest is installed."""
    run = (
        "import os, pytest, sys; pytest.main(['-c', 'tests/pyproject.toml', '-p', 'no:cacheprovider', "
        "'--collect-only', 'tests/test_answers.py']); "
        "place = os.path.dirname(os.path.dirname(pytest.__file__)); print(*{name.partition('.')[0] for name, module "
        "in sys.modules.items() if (getattr(module, '__file__', None) or '').startswith(place + os.sep)})"
    )
    clean = usual(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    clean.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run([sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True, env=clean, check=True)
    return sorted(set(done.stdout.splitlines()[-1].split()) - {"psutil"})


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """A folder of wheels with what the lab needs: pip's whole world."""
    if find_spec("ensurepip") is None:
        pytest.skip("this Python has no ensurepip (Debian: apt install python3-venv)")
    folder = tmp_path_factory.mktemp("wheels")
    wheel(folder, "pytest", pytest.__version__, pytests_modules())
    wheel(folder, "psutil", __import__("psutil").__version__, ["psutil"])
    wheel(folder, "pytest_xdist", "3.0")
    return folder


def test_pip_sets_up_what_is_missing(clone, tools, bare, wheels):
    """From a folder of wheels. It is announced before, and found by the next call."""
    env = with_path(bare(), tools, **COMPILER, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels))
    done = call(clone, env=env)
    assert (done.returncode, done.stdout[-len(DONE) :]) == (PASSED, DONE), done.stdout + done.stderr
    assert done.stderr == (
        "lab: missing: pytest 7.0 or later, psutil 5.9 or later. "
        f"Installing pytest, psutil and pytest-xdist with pip into {clone}/.venv\n"
    )
    done = call(clone, env=env)
    assert (done.returncode, done.stderr) == (PASSED, "")


def test_what_pip_says_is_told(clone, tools, bare, wheels, tmp_path):
    """A folder of wheels without psutil."""
    shutil.copytree(wheels, tmp_path / "some", ignore=shutil.ignore_patterns("psutil*"))
    env = with_path(bare(), tools, **COMPILER, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "some"))
    line = error_of(call(clone, env=env), announced=1)
    assert "pip failed: ERROR: No matching distribution found for psutil>=5.9." in line
    assert f"(what was tried is in {clone}/build/setup.log)" in line
    assert "No matching distribution" in (clone / "build" / "setup.log").read_text()
    assert not (clone / ".venv").exists()


@pytest.fixture
def silent_index():
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.mark.parametrize("index, reason", [("dead", "Connection refused"), ("silent", "timed out")])
def test_an_index_that_is_out_of_reach_is_told_in_time(index, reason, clone, tools, bare, silent_index):
    if find_spec("ensurepip") is None:
        pytest.skip("this Python has no ensurepip (Debian: apt install python3-venv)")
    address = "http://127.0.0.1:9/" if index == "dead" else silent_index
    start = time.monotonic()
    done = call(clone, env=with_path(bare(), tools, **COMPILER, PIP_INDEX_URL=address))
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # how many want each processor
    assert time.monotonic() - start < SETUP_TIME * busy
    line = error_of(done, announced=1)
    assert f"pip failed: it cannot reach the server with its packages ({reason})." in line
    assert "apt install python3-pytest python3-psutil" in line


# ---- the Python that is kept -----------------------------------------------------


@pytest.fixture
def lost(bare, tmp_path):
    """A function: what the kept Python has become, to the path of that."""

    def make(what):
        if what == "gone":
            return tmp_path / "gone"
        if what == "broken":
            return script(tmp_path / "broken", "echo 'ModuleNotFoundError: No module named encodings' >&2; exit 1")
        python = bare("lost")
        if what == "old pytest":
            stand_in(python, "psutil", "5.9")
            stand_in(python, "_pytest", "6.0.2")
        if what == "no pluggy":
            stand_in(python, "psutil", "5.9", "def __getattr__(name):\n    return object")
            stand_in(python, "_pytest", "7.2")
            stand_in(python, "pytest", "7.2", "import pluggy")
        return python / "python"

    return make


LOST = ["gone", "broken", "no pytest", "old pytest", "no pluggy"]


@pytest.mark.parametrize("what", LOST)
def test_another_python_is_found_if_the_kept_one_is_lost(what, lost, tmp_path):
    build = tmp_path / "build"
    bring_launcher(build)
    (build / "python").write_text(f"{lost(what)}\n")
    done = call(ROOT, env=usual(DAEMON_LAB_BUILD=str(build)))
    assert (done.returncode, done.stderr) == (PASSED, ""), done.stdout
    assert done.stdout.endswith(DONE) and done.stdout.count(f"{SETSID.name}: ") == 1
    assert (build / "python").read_text() != f"{lost('gone')}\n"


@pytest.mark.parametrize("what", LOST)
def test_it_is_told_if_there_is_no_other(what, lost, clone, tools):
    """Without a compiler nothing is installed."""
    (clone / "build").mkdir()
    (clone / "build" / "python").write_text(f"{lost(what)}\n")
    error_of(call(clone, env=with_path(tools)))


def test_a_python_that_is_named_and_lacks_something_is_told(bare):
    line = error_of(call(ROOT, env=usual(PYTHON=str(bare() / "python"))))
    assert "pytest 7.0 or later" in line and "psutil 5.9 or later" in line


@pytest.mark.parametrize("whose", ["everybody's", "lab", "_pytest"])
def test_compiled_modules_that_are_damaged_are_made_anew(whose, tmp_path):
    """A full disk leaves them cut off, and Python stumbles over them when there is space again."""
    env = usual(DAEMON_LAB_BUILD=str(tmp_path))
    bring_launcher(tmp_path)
    assert call(ROOT, env=env).returncode == PASSED
    compiled = [path for path in tmp_path.rglob("*.pyc") if whose in ("everybody's", *path.parts)]
    assert compiled
    for path in compiled:
        os.truncate(path, path.stat().st_size // 2)
    done = call(ROOT, env=env)
    assert (done.returncode, done.stderr) == (PASSED, "") and done.stdout.endswith(DONE)


def test_all_that_python_says_of_a_module_that_is_cut_off_is_known():
    """What it says depends on where the module ends."""
    whole = marshal.dumps(usual.__code__)
    for length in range(len(whole)):
        with pytest.raises(Exception) as raised:
            marshal.loads(whole[:length])
        assert needs.is_damaged(raised.value), raised.value


def test_two_first_calls_at_once_do_not_disturb_each_other(tmp_path):
    env = usual(DAEMON_LAB_BUILD=str(tmp_path))
    runs = [
        subprocess.Popen(["sh", "tests/run", *CHECK], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [run.communicate(timeout=DEADLINE)[0].endswith(DONE) for run in runs] == [True] * 3


# ---- disks and folders -----------------------------------------------------------


def test_a_full_disk_is_told(tmp_path):
    """And once there is space again, nothing of it is left to stumble over."""
    check = f"sh tests/run {' '.join(CHECK)}"
    done = in_namespace(
        f"mount -t tmpfs -o size=32m none {tmp_path} && export DAEMON_LAB_BUILD={tmp_path} && "
        f"head -c 32m /dev/zero >{tmp_path}/much 2>/dev/null; "
        f"{check}; echo status $? >&2; {check}; echo status $? >&2; "
        f"rm {tmp_path}/much; {check}"
    )
    full = f"lab: cannot write to {tmp_path}: the disk is full (No space left on device)"
    first, status, second, same_status = done.stderr.splitlines()
    assert first.startswith(full) and "DAEMON_LAB_BUILD" in first and status == f"status {BROKEN}"
    assert (first, status) == (second, same_status)
    assert (done.returncode, done.stdout[-len(DONE) :]) == (PASSED, DONE)


def test_a_disk_without_room_for_another_file_is_told(tmp_path):
    done = in_namespace(
        f"mount -t tmpfs -o nr_inodes=1 none {tmp_path} && "
        f"DAEMON_LAB_BUILD={tmp_path} exec sh tests/run {' '.join(CHECK)}"
    )
    line = error_of(done)
    assert f"cannot write to {tmp_path}: the disk is full" in line and "DAEMON_LAB_BUILD" in line


def test_a_clone_that_no_program_can_be_run_from_is_told(clone):
    """On a file system that is mounted noexec, sh runs tests/run, and the launcher lies elsewhere."""
    place = clone.parent / "noexec"
    place.mkdir()
    mounted = f"mount -t tmpfs -o noexec none {place} && cp -r {clone} {place} && cd {place}/lab && "
    done = in_namespace(mounted + f"sh tests/run {' '.join(CHECK)}")
    line = error_of(done)
    assert "noexec" in line and "DAEMON_LAB_BUILD" in line
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = in_namespace(mounted + f"DAEMON_LAB_BUILD={clone}/build make -s check ANSWERS=solutions STEP=setsid")
    assert (done.returncode, done.stdout[-len(DONE) :]) == (PASSED, DONE), done.stderr


def test_a_clone_that_cannot_be_written_to(clone, tmp_path):
    """Whatever is built lies where DAEMON_LAB_BUILD says; without it, that is what is told."""
    mounted = f"mount --bind {clone} {clone} && mount -o remount,bind,ro {clone} && cd {clone} && "
    done = in_namespace(mounted + f"sh tests/run {' '.join(CHECK)}")
    line = error_of(done)
    assert "cannot write to" in line and "Read-only file system" in line and "DAEMON_LAB_BUILD" in line
    bring_launcher(tmp_path / "build")
    done = in_namespace(mounted + f"DAEMON_LAB_BUILD={tmp_path}/build sh tests/run {' '.join(CHECK)}")
    assert (done.returncode, done.stderr, done.stdout[-len(DONE) :]) == (PASSED, "", DONE)


def test_pips_environment_lies_beside_what_is_built_if_the_clone_cannot_be_written_to(
    clone, tools, bare, wheels, tmp_path
):
    env = with_path(bare(), tools, **COMPILER, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels))
    bring_launcher(tmp_path / "build")
    env["DAEMON_LAB_BUILD"] = str(tmp_path / "build")
    mounted = f"mount --bind {clone} {clone} && mount -o remount,bind,ro {clone} && cd {clone} && "
    done = in_namespace(mounted + f"sh tests/run {' '.join(CHECK)}", env=env)
    assert (done.returncode, done.stdout[-len(DONE) :]) == (PASSED, DONE), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave a folder of root's behind")
def test_a_build_of_roots_is_told_to_a_user():
    nobody = pwd.getpwnam("nobody")
    words = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed (Debian: apt install util-linux)")
    if subprocess.run([*words, "test", "-r", ROOT / "tests" / "run"], check=False).returncode != 0:
        pytest.skip(f"other users may not read {ROOT}")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        build = Path(folder, "build")
        bring_launcher(build)
        assert call(ROOT, env=usual(DAEMON_LAB_BUILD=str(build))).returncode == PASSED
        done = subprocess.run(
            [*words, "sh", "tests/run", *CHECK],
            cwd=ROOT,
            env=usual(DAEMON_LAB_BUILD=str(build), HOME=folder),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    line = error_of(done)
    assert f"cannot write to {build}: it belongs to root. Remove it (sudo rm -rf {build})" in line


@pytest.mark.parametrize("options", [(), ("--no-sandbox",)], ids=["sandbox", "fallback"])
def test_a_folder_for_temporary_files_that_is_not_there(options, tmp_path):
    """The lab does without."""
    done = call(ROOT, *CHECK, *options, env=usual(TMPDIR=str(tmp_path / "nothing")))
    assert (done.returncode, done.stderr, done.stdout[-len(DONE) :]) == (PASSED, "", DONE)


# ---- compilers -------------------------------------------------------------------


def test_a_compiler_without_headers_is_told_where_all_else_is_set_up():
    """The launcher is built already. No learner is told that their program is at fault."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)  # root's compilers run as somebody else
        cc = without_headers(Path(folder, "cc"))
        done = call(ROOT, "check", "--answers", "solutions", "--no-sandbox", env=usual(CC=str(cc)))
    line = error_of(done)
    assert "the C compiler does not work" in line and "stdio.h" in line and "libc6-dev" in line
    assert " NO " not in done.stdout


def test_a_program_that_does_not_compile_is_still_the_learners(tmp_path):
    (tmp_path / SETSID.file).write_text("#include <no_such_header.h>\nint main(void) { return 0; }\n")
    done = call(ROOT, "check", "--answers", tmp_path)
    assert (done.returncode, done.stderr) == (WRONG, "") and re.search("NO   .*compiles\n", done.stdout)


@pytest.mark.parametrize(
    "message, told",
    [
        ("resources.c:61:10: fatal error: sys/resource.h: No such file or directory", "does not find sys/resource.h"),
        ("collect2: error: ld returned 1 exit status", "does not compile: collect2: error: ld returned 1"),
    ],
    ids=["a header", "the linker"],
)
def test_a_launcher_that_does_not_compile_is_told(message, told, tmp_path):
    script(tmp_path / "bin" / "cc", f"echo '{message}' >&2; exit 1")
    env = usual(DAEMON_LAB_BUILD=str(tmp_path), PYTHON=sys.executable, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    line = error_of(call(ROOT, env=env))
    assert told in line and "apt install" in line
    assert list(tmp_path.glob("launcher*")) == []


# ---- what is printed ----------------------------------------------------------------


def run_and_count_children(command, seconds=5):
    """(status of a script for sh, its standard error, how many processes it left for `seconds`)."""
    libc = ctypes.CDLL(None, use_errno=True)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:  # becomes the parent of whatever is left: PR_SET_CHILD_SUBREAPER, prctl(2)
        try:
            libc.prctl(36, 1, 0, 0, 0)
            done = subprocess.run(
                ["bash", "-c", command], cwd=ROOT, env=usual(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=write_end, timeout=DEADLINE, check=False,
            )  # fmt: skip
            deadline = time.monotonic() + seconds
            left = 0
            while True:
                try:
                    ended = os.waitpid(-1, os.WNOHANG)[0]
                except ChildProcessError:
                    break
                if ended == 0 and time.monotonic() > deadline:
                    left = 1
                    break
                time.sleep(0 if ended else 0.01)
            os.write(write_end, f"\0{done.returncode} {left}".encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, encoding="utf-8") as file:
        text = file.read()
    os.waitpid(pid, 0)
    printed, _, rest = text.rpartition("\0")
    status, left = map(int, rest.split())
    return status, printed, left


@pytest.mark.parametrize(
    "command",
    [
        "tests/run check --answers solutions | head -1",
        "tests/run check | true",
        "tests/run tour | true",
        "tests/run --help | true",
        "tests/run check --answers solutions 2>&1 | head -1",
    ],
)
def test_a_pipe_that_is_closed_ends_the_run_quietly(command):
    status, printed, left = run_and_count_children(f"{command}; exit ${{PIPESTATUS[0]}}")
    # What is printed all at once may be in the pipe before that is closed.
    assert (printed, left) == ("", 0) and status in (BROKEN, 141, *([PASSED] if "check" not in command else []))


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_into_a_pipe_that_is_closed():
    """Only make itself says that the command failed."""
    _, printed, left = run_and_count_children("make check ANSWERS=solutions | head -2")
    assert left == 0 and [line for line in printed.splitlines() if not line.startswith("make: ***")] == []


def test_output_that_cannot_be_written_is_told():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            ["sh", "tests/run", *CHECK], cwd=ROOT, env=usual(), stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=DEADLINE, check=False,
        )  # fmt: skip
    assert done.returncode == BROKEN
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("lab: ") and "No space left" in done.stderr


ODD = "/nowhere/\x1b[31mred\x07\nlab: all is well\x7f\u202e"


@pytest.mark.parametrize(
    "words",
    [("check", "--answers", ODD), ("check", "--step", ODD), ("check", f"--{ODD}"), (ODD,), ("tour", "--answers", ODD)],
    ids=["folder", "step", "option", "command", "tour"],
)
def test_a_name_cannot_write_to_the_terminal(words):
    line = error_of(call(ROOT, *words, env=usual()))
    assert "\\x1b" in line and line.isprintable()


@pytest.mark.parametrize("variable", ["PYTHON", "DAEMON_LAB_BUILD"])
def test_neither_can_a_setting(variable):
    done = call(ROOT, env=usual(**{variable: "/proc/\x1b[31mred\nlab: all is well"}))
    assert error_of(done).isprintable()


def test_neither_can_a_name_that_pytest_is_given():
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/test_answers.py", "--answers", ODD]
    done = subprocess.run(
        command, cwd=ROOT, env=usual(), capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 4 and "\x1b[31mred" not in done.stdout + done.stderr and "\\x1b[31mred" in done.stderr


def test_what_is_printable_stays():
    assert printable("l'école de 학생") == "l'école de 학생"
    assert printable("\x1b\t\n\x9b\u202e\udcff") == "\\x1b\\x09\\x0a\\x9b\\u202e\\xff"


# ---- a sandbox that is refused ---------------------------------------------------------


@pytest.fixture
def proc(tmp_path):
    """A stand-in for /proc: settings, and what the kernel says of this process."""

    class Proc:
        def __init__(self):
            self.folder = tmp_path / "proc"
            self.write("self/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n22 27 0:21 / /proc rw - proc proc rw\n")
            self.write("self/uid_map", "0 0 4294967295\n")
            self.write("self/status", "Name:\tx\nSeccomp:\t0\n")

        def write(self, name, text):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

        def told(self, what, error):
            return refusal.in_words(f"{what}: {os.strerror(error)}", self.folder)

    return Proc()


NAMESPACE, MAPPING = "a user namespace", "mapping IDs into a user namespace"
APPARMOR = "sys/kernel/apparmor_restrict_unprivileged_userns"


@pytest.mark.parametrize("kind", ["user", "pid", "mnt", "ipc", "net"])
def test_a_limit_of_0_is_named(kind, proc):
    for each in ("user", "pid", "mnt", "ipc", "net"):
        proc.write(f"sys/user/max_{each}_namespaces", "0\n" if each == kind else "15000\n")
    told = proc.told(NAMESPACE, errno.ENOSPC)
    assert told.startswith(f"/proc/sys/user/max_{kind}_namespaces is 0")
    assert told.endswith(f"sysctl -w user.max_{kind}_namespaces=10000")


def test_a_limit_that_is_reached_is_told(proc):
    proc.write("sys/user/max_user_namespaces", "3\n")
    assert "a limit in /proc/sys/user is reached" in proc.told(NAMESPACE, errno.ENOSPC)


def test_debians_own_setting_is_named(proc):
    proc.write("sys/kernel/unprivileged_userns_clone", "0\n")
    assert proc.told(NAMESPACE, errno.EPERM).endswith("sysctl -w kernel.unprivileged_userns_clone=1")
    proc.write("sys/kernel/unprivileged_userns_clone", "1\n")
    assert "unprivileged_userns_clone" not in proc.told(NAMESPACE, errno.EPERM)


@pytest.mark.parametrize("what", [NAMESPACE, MAPPING, "/tmp"])
@pytest.mark.parametrize("error", [errno.EPERM, errno.EACCES])
def test_ubuntus_own_setting_is_named(what, error, proc):
    """Its AppArmor refuses one step or another, as its versions go."""
    proc.write(APPARMOR, "1\n")
    told = proc.told(what, error)
    assert told.startswith("/proc/sys/kernel/apparmor_restrict_unprivileged_userns is 1")
    assert told.endswith("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
    proc.write(APPARMOR, "0\n")
    assert "apparmor_restrict" not in proc.told(what, error)


def test_a_chroot_is_named(proc):
    assert "chroot" not in proc.told(NAMESPACE, errno.EPERM)
    proc.write("self/mountinfo", "22 27 0:21 / /proc rw - proc proc rw\n")
    assert proc.told(NAMESPACE, errno.EPERM).startswith("this is a chroot")


def test_a_chroot_into_a_mount_is_named_where_init_can_be_looked_at(proc):
    (proc.folder / "1").mkdir()
    for name, target in (("self", "new"), ("1", "old")):
        (proc.folder / target).mkdir()
        (proc.folder / name / "root").symlink_to(proc.folder / target)
    assert proc.told(NAMESPACE, errno.EPERM).startswith("this is a chroot")


def test_a_user_who_is_not_mapped_is_told(proc):
    proc.write("self/uid_map", f"{os.geteuid() + 1} 0 1\n")
    assert "no ID of its own" in proc.told(MAPPING, errno.EPERM)


def test_a_container_is_told(proc):
    assert proc.told(NAMESPACE, errno.EPERM).startswith("a rule of this machine forbids it")
    proc.write("self/status", "Name:\tx\nSeccomp:\t2\n")
    assert proc.told(NAMESPACE, errno.EPERM).startswith("a seccomp filter forbids it")


def test_a_kernel_without_user_namespaces_is_told(proc):
    assert "CONFIG_USER_NS" in proc.told(NAMESPACE, errno.EINVAL)


def test_what_is_not_known_is_told_as_it_is(proc):
    assert proc.told("pivot_root", errno.EBUSY) == "pivot_root: Device or resource busy"


def test_a_namespace_whose_ids_cannot_be_mapped(tmp_path):
    """As in Ubuntu 24.04: the kernel makes the namespace, and then refuses to write its uid_map.

    Here it refuses since the lab is root of a namespace that has one user, 0, and
    one group, 65534. The launcher finds that group and maps it, and then wants to
    map the user of the same number, which is not there. A folder stands in for
    the settings of the kernel.
    """
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed (Debian: apt install util-linux)")
    (tmp_path / "apparmor_restrict_unprivileged_userns").write_text("1\n")
    # The capabilities of a new namespace's root come with an exec once its IDs are mapped.
    inside = f"mount --bind {shlex.quote(str(tmp_path))} /proc/sys/kernel && exec sh tests/run {' '.join(CHECK)}"
    run = subprocess.Popen(
        ["unshare", "-Um", "sh", "-c", f"read -r go; exec sh -c {shlex.quote(inside)}"],
        cwd=ROOT,
        env=usual(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = Path(f"/proc/{run.pid}")
    ours = os.readlink("/proc/self/ns/user")
    try:
        wait_for(lambda: run.poll() is not None or os.readlink(folder / "ns/user") != ours)
        if run.poll() is not None:
            pytest.skip(f"no user namespace can be had here: {run.stderr.read().strip()}")
        (folder / "setgroups").write_text("deny")
        (folder / "uid_map").write_text(f"0 {os.geteuid()} 1")
        (folder / "gid_map").write_text(f"65534 {os.getegid()} 1")
        stdout, stderr = run.communicate("go\n", timeout=DEADLINE)
    finally:
        run.kill()
        run.wait()
    assert stdout.startswith("No sandbox: /proc/sys/kernel/apparmor_restrict_unprivileged_userns is 1"), stderr
    assert "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0. " in stdout.splitlines()[0]
    assert (run.returncode, stderr, stdout[-len(DONE) :]) == (PASSED, "", DONE)


def test_what_cannot_be_checked_names_the_setting():
    done = in_namespace_of_users("echo 0 > /proc/sys/user/max_user_namespaces && exec sh tests/run check --step syslog "
                                 "--answers solutions")  # fmt: skip
    assert done.returncode == BROKEN
    assert done.stdout.startswith("No sandbox: /proc/sys/user/max_user_namespaces is 0")
    assert "could not be checked here (??)" in done.stdout and done.stdout.count("sysctl -w user.max_user") == 2


def in_namespace_of_users(script_text):
    """Run a script for sh as root of a user namespace; skips where none can be had."""
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no user namespace can be had here")
    return subprocess.run(
        ["unshare", "-Ur", "sh", "-c", script_text], cwd=ROOT, env=usual(), capture_output=True, text=True,
        timeout=DEADLINE, check=False,
    )  # fmt: skip


# ---- make, and the words of the commands --------------------------------------------------


def make(folder, *words, **more):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return subprocess.run(
        ["make", "-s", *words], cwd=folder, env=usual(**more), capture_output=True, text=True, timeout=DEADLINE,
        check=False,
    )  # fmt: skip


VARIABLES = ["STEP", "ANSWERS", "SANDBOX", "CC", "PYTHON", "CFLAGS"]


@pytest.mark.parametrize("origin", ["on the command line", "in the environment"])
@pytest.mark.parametrize("variable", VARIABLES)
def test_make_runs_nothing_that_a_value_holds(variable, origin, tmp_path):
    value = f"/nowhere/$(shell touch {tmp_path}/pwned)"
    if origin == "on the command line":
        make(ROOT, "check", f"{variable}={value}")
    else:
        make(ROOT, "check", **{variable: value})
    assert not (tmp_path / "pwned").exists()


def test_make_checks_a_folder_with_any_name(tmp_path):
    folder = tmp_path / "$(shell touch pwned) $$HOME ${x} `id` #"
    folder.mkdir()
    shutil.copy(SOLUTIONS / SETSID.file, folder)
    done = make(ROOT, "check", f"ANSWERS={folder}", "STEP=setsid")
    assert (done.returncode, done.stdout[-len(DONE) :]) == (0, DONE), done.stderr


def test_make_build_prints_one_line(tmp_path):
    """And what the compiler says. A program that does not compile loses its old one."""
    for name in (f"steps/{FORK.file}", f"steps/{SETSID.file}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = make(tmp_path, "build")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 of 2 programs compiled into build/.\n", "")
    source = tmp_path / "steps" / SETSID.file
    source.write_text("int main(void) { return }\n")
    os.utime(tmp_path / "build" / "steps" / SETSID.name, (0, 0))  # older than its source, however coarse the clock is
    done = make(tmp_path, "build")
    assert done.returncode == 2
    assert done.stdout == f"1 of 2 programs compiled into build/. 1 did not compile: steps/{SETSID.name}.\n"
    assert "error" in done.stderr and done.stderr.count("make: ") == 1
    assert [path.name for path in (tmp_path / "build" / "steps").iterdir()] == [FORK.name]


@pytest.mark.parametrize("name", [f"steps/{FORK.file}", f"./steps/{FORK.file}", FORK.file, FORK.handout])
def test_a_step_by_the_name_of_its_file(name):
    done = run_lab("check", "--answers", "solutions", "--step", name)
    assert done.returncode == PASSED, done.stderr
    assert done.stdout.endswith(f"{FORK.name} is done. Next: {SETSID.handout}\n")


def test_a_file_of_another_folder_is_no_step():
    """It would not be the one that is checked."""
    name = f"solutions/{FORK.file}"
    assert f"there is no step '{name}'" in error_of(run_lab("check", "--step", name))


@pytest.mark.parametrize("option, values", [("--answers", ("steps", "solutions")), ("--step", ("umask", "fork"))])
def test_an_option_that_is_given_twice_is_refused(option, values):
    """Of two folders one was passed over."""
    line = error_of(run_lab("check", option, values[0], option, values[1]))
    assert f"argument {option}: it was given twice" in line
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/test_answers.py"]
    done = subprocess.run(
        [*command, option, values[0], option, values[1]],
        cwd=ROOT, env=usual(), capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert done.returncode == 4 and "it was given twice" in done.stderr


def test_the_tour_of_a_folder(tmp_path):
    """Its answers, and no others; those that leave nothing to look at are named."""
    for step in (UMASK, FORK, CHDIR):
        shutil.copy(SOLUTIONS / step.file, tmp_path)
    (tmp_path / FORK.file).write_text("int main(void) { return 0; }\n")
    (tmp_path / SETSID.file).write_text("int main(void) { return }\n")
    done = make(ROOT, "tour", f"ANSWERS={tmp_path}")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split()[0] for line in done.stdout.splitlines() if line[:3].strip().isdigit()]
    assert rows == [UMASK.name, CHDIR.name]
    left_out = f"Left out: {FORK.file} left no process to look at.\nLeft out: {SETSID.file} does not compile.\n"
    assert left_out in done.stdout
    (tmp_path / UMASK.file).unlink()
    (tmp_path / CHDIR.file).unlink()
    assert f"there is nothing to show: {FORK.file} left no process" in error_of(run_lab("tour", "--answers", tmp_path))


def test_no_file_of_the_course_is_empty():
    files = [path for folder in (SOLUTIONS, SKELETONS) for path in folder.iterdir()]
    assert files and [path for path in files if path.stat().st_size == 0] == []


def test_a_fault_of_the_lab_itself_is_told(tmp_path, clone):
    """Status 1 would say that an answer is wrong."""
    with open(clone / "tests" / "lab" / "course.py", "a", encoding="utf-8") as file:
        file.write("\nSTEPS = STEPS[99]\n")
    line = error_of(call(clone))
    assert "the lab itself has failed" in line and "course.py, line" in line
