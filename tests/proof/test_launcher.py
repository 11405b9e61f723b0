"""The launcher in C is built in floors, compiles elsewhere, and does nothing that a sanitizer sees."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from conftest import PATIENCE, wait_for

from lab.course import step_called
from lab.judge.examination import examiner
from lab.sandbox.program import SOURCES
from lab.sandbox.server import Launchpad
from lab.toolbox import SOLUTIONS

# From the ground up. A file includes headers of lower floors alone, and its own.
FLOORS = (
    ("protocol",),
    ("request",),
    ("numbers", "tries", "signals", "mounts"),
    ("wire", "reading"),
    ("descriptors", "files", "terminal", "resources", "addresses", "faults", "waits", "reaping"),
    ("identity", "cgroup", "manager", "inject", "inheritance"),
    ("sandbox", "fallback", "clients"),
    ("job",),
    ("orders",),
    ("init",),
    ("server",),
    ("main",),
)
NO_HEADER, HEADER_ALONE = {"main"}, {"protocol", "request"}

MOST_LINES = 400  # an alarm, not a goal


def floor_of(name):
    found = [number for number, names in enumerate(FLOORS) if name in names]
    assert len(found) == 1, f"{name} is on {len(found)} floors: the table FLOORS has to name it once"
    return found[0]


def text_of(name):
    """A file's text without comments; "" where there is none."""
    path = SOURCES / name
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def included(name):
    return set(re.findall(r'#include "(\w+)\.h"', text_of(name)))


def modules():
    return {path.stem for path in SOURCES.glob("*.[ch]")}


# ---- the floors --------------------------------------------------------------


def test_every_file_is_on_a_floor():
    assert modules() == {name for names in FLOORS for name in names}
    assert {path.stem for path in SOURCES.glob("*.h")} == modules() - NO_HEADER
    assert {path.stem for path in SOURCES.glob("*.c")} == modules() - HEADER_ALONE


def test_no_file_looks_up():
    """To include is to call: what is not declared does not compile, see test_it_compiles_without_a_warning()."""
    looks_up = []
    for name in modules():
        for other in included(f"{name}.h") | included(f"{name}.c") - {name}:
            if floor_of(other) >= floor_of(name):
                looks_up.append(f"{name} -> {other}")
    assert looks_up == []


def test_a_header_declares_what_its_own_file_has():
    """And nothing else declares it: no prototype stands in a .c file, or in two headers."""
    wrong = []
    for name in modules() - NO_HEADER - HEADER_ALONE:
        declared = set(re.findall(r"\b(\w+)\([^;{}]*\)\s*(?:__attribute__\(.*\))?;", text_of(f"{name}.h")))
        assert declared, name
        for function in declared:
            if not re.search(rf"^[a-z][\w \*\n]*\b{function}\([^;{{}}]*\)\n{{", text_of(f"{name}.c"), re.MULTILINE):
                wrong.append(f"{name}.h declares {function}")
        assert name in included(f"{name}.c"), f"{name}.c does not include its own header"
    for path in SOURCES.glob("*.c"):
        wrong += re.findall(r"^(?!static|typedef)[a-z][\w \*]*\([^;{}]*\);", text_of(path.name), re.MULTILINE)
    assert wrong == []


def test_no_file_grows_beyond_what_one_reads_at_once():
    lines = {path.name: path.read_text(encoding="utf-8").count("\n") for path in SOURCES.glob("*.[ch]")}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


# ---- compilers ---------------------------------------------------------------

STRICT = (
    "-std=c11 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes "
    "-Werror -Werror=implicit-function-declaration"
).split()

# musl's compiler finds no headers of Linux's by itself.
KERNEL_HEADERS = ("-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu")

COMPILERS = {
    "gcc": ("gcc",),
    "clang": ("clang",),
    "musl": ("musl-gcc", *KERNEL_HEADERS),
    "32 bits": ("i686-linux-gnu-gcc",),
    "aarch64": ("aarch64-linux-gnu-gcc",),
}

PACKAGES = {
    "gcc": "gcc",
    "clang": "clang",
    "musl-gcc": "musl-tools",
    "i686-linux-gnu-gcc": "gcc-i686-linux-gnu libc6-dev-i386-cross",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
}


@pytest.mark.parametrize("kind", COMPILERS)
def test_it_compiles_without_a_warning(kind, tmp_path):
    words = COMPILERS[kind]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed (Debian: apt install {PACKAGES[words[0]]})")
    sources = sorted(map(str, SOURCES.glob("*.c")))
    command = [*words, *STRICT, "-o", str(tmp_path / "launcher"), *sources]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ---- sanitizers --------------------------------------------------------------

# The launcher's environment is fixed, so it brings its options along. It has no standard error, to which sanitizers
# report: here that is a file. What the shell and the job report comes through the terminal. And a child that shares our
# memory has a stack of its own (clone(2)), which the sanitizer does not know: it would complain of that alone.
OPTIONS = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>
const char *__asan_default_options(void);
const char *__asan_default_options(void) {{ return "detect_leaks=0"; }}
void __asan_handle_no_return(void);
void __asan_handle_no_return(void) {{ }}
__attribute__((constructor)) static void open_log(void)
{{
    int fd = open("{log}", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    (void)dup2(fd, STDERR_FILENO);
    (void)close(fd);
}}
"""
SANITIZED = "-std=c11 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all".split()
STEPS = ("setsid", "syslog", "sighup", "ready_pipe", "socket_activation")


class Sanitized:
    """The launcher with sanitizers, and what these say."""

    def __init__(self, folder, sources=SOURCES):
        self.launcher, self.log = folder / "launcher", folder / "report"
        options = folder / "options.c"
        options.write_text(OPTIONS.format(log=self.log), encoding="utf-8")
        words = ["gcc", *SANITIZED, "-o", str(self.launcher), str(options), *sorted(map(str, sources.glob("*.c")))]
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        self.log.touch()
        self.log.chmod(0o666)

    def report(self):
        """What the sanitizers have seen up to now."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="module")
def place():
    """A folder that the users whom the launcher becomes can reach, too."""
    with tempfile.TemporaryDirectory(prefix="lab-sanitized-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def sanitized(place):
    """The launcher as it is, with sanitizers."""
    return Sanitized(place)


def started(sanitized, sandbox, monkeypatch):
    """A Launchpad with that launcher."""
    monkeypatch.setattr("lab.sandbox.server.launcher", lambda: sanitized.launcher)
    pad = Launchpad(sandbox)
    if sandbox and not pad.is_sandboxed():
        assert sanitized.report() == ""
        pytest.skip(f"no sandbox can be had here: {pad.why_not}")
    return pad


@pytest.mark.parametrize("sandbox", [True, False], ids=["sandbox", "fallback"])
def test_sanitizers_see_nothing(sandbox, sanitized, tmp_path, monkeypatch):
    """Solutions pass all checks, with orders, faults, control groups and clearing up."""
    with examiner(started(sanitized, sandbox, monkeypatch), tmp_path) as start:
        for word in STEPS:
            step = step_called(word)
            examination = start((SOLUTIONS / step.file).read_text(encoding="utf-8"), step)
            assert examination.failed == set(), (word, sanitized.report())
    assert sanitized.report() == ""


DEFECTS = {
    "AddressSanitizer": "    char *freed = malloc(4);\n    free(freed);\n    (void)write(1, freed, (size_t)*freed);\n",
    "runtime error": "    volatile int many = __INT_MAX__;\n    many += request->argv[0][0];\n",
}


@pytest.mark.parametrize("told", DEFECTS)
def test_sanitizers_are_heard_from_within_a_sandbox(told, tmp_path, place, monkeypatch):
    """What is wrong in the job's own process ends it, and is told on its terminal. Behind limit_resources() it ends it
    all the same, but there is no memory to tell of it."""
    sources = tmp_path / "launcher"
    shutil.copytree(SOURCES, sources)
    text = (sources / "job.c").read_text(encoding="utf-8")
    line = "    set_environment(request);\n"
    assert text.count(line) == 1
    (sources / "job.c").write_text(text.replace(line, DEFECTS[told] + line), encoding="utf-8")
    folder = place / told.replace(" ", "_")
    folder.mkdir()
    wrong = Sanitized(folder, sources)
    pad = started(wrong, True, monkeypatch)
    with pad.job("answer", b"#!/bin/sh\nexec sleep 100\n") as launch:
        wait_for(lambda: launch.pump(0.1) and launch.job_status is not None)
        launch.take_in()
        assert told in wrong.report() + launch.printed.decode()
