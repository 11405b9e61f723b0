"""A folder of answers may hold anything: what is odd about one entry is that entry's result, and no other's."""

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from conftest import PATIENCE, run_lab

from lab.answers import MAX_HEADERS, Answer, find_answers, odd_names
from lab.course import STEPS, step_called
from lab.judge.compiling import Builder
from lab.judge.examination import Examination
from lab.report.text import describe
from lab.sandbox.server import Launchpad
from lab.toolbox import SOLUTIONS, LabError

PASSED, WRONG, BROKEN = 0, 1, 2
FORK, SETSID, DEV_NULL, SYSLOG = (step_called(word) for word in ("fork", "setsid", "dev_null", "syslog"))
RIGHT = SOLUTIONS / SETSID.file


def make_link(path):
    path.symlink_to(RIGHT)


def make_socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path must be short: unix(7)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def make_device(kind):
    def make(path):
        try:
            os.mknod(path, kind | 0o666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root can make a device")

    return make


def make_long(path):
    path.write_text("int main(void) { return 0; }\n")
    os.truncate(path, 60 << 20)


# What stands in place of an answer: how it is made, and what the learner is told.
ODD = {
    "link": (make_link, "is a symbolic link: hand in the file itself"),
    "dangling link": (lambda path: path.symlink_to("/nowhere"), "is a symbolic link: hand in the file itself"),
    "fifo": (os.mkfifo, "is a FIFO: hand in a regular file"),
    "socket": (make_socket, "is a socket: hand in a regular file"),
    "folder": (lambda path: path.mkdir(), "is a folder: hand in a regular file"),
    "character device": (make_device(stat.S_IFCHR), "is a character device: hand in a regular file"),
    "block device": (make_device(stat.S_IFBLK), "is a block device: hand in a regular file"),
    "oversized": (make_long, "is 60.0 MiB; the limit is 1 MiB"),
    "empty": (lambda path: path.touch(), "is empty"),
    "white space": (lambda path: path.write_text(" \n\t\n"), "is empty"),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_entry_is_one_answers_result(kind, tmp_path):
    """In words and with status 1; the answer beside it is judged, and nothing waits."""
    make, says = ODD[kind]
    make(tmp_path / FORK.file)
    shutil.copy(RIGHT, tmp_path)
    done = run_lab("check", "--answers", tmp_path, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (WRONG, ""), done.stdout
    explained = rf"NO   {FORK.name}: the program compiles\n\n +observed +{FORK.name}\.c {re.escape(says)}\n\n +\w"
    assert re.search(explained, done.stdout)
    assert re.search(r"ok   .*\(SID = PGID = PID\)", done.stdout)
    assert done.stdout.endswith(f"1 of 2 steps done. Next: {FORK.name}\n")


def test_a_limit_to_the_byte(tmp_path):
    path = tmp_path / SETSID.file
    path.write_bytes(RIGHT.read_bytes().ljust(1 << 20))
    assert Answer(SETSID, path).read().sources
    path.write_bytes(RIGHT.read_bytes().ljust((1 << 20) + 1))
    assert "1048577 bytes long; the limit is 1 MiB" in Answer(SETSID, path).read().refused[0]


HEADERS = {
    "link": (make_link, "is a symbolic link, so the compiler did not get it: hand in the file itself"),
    "fifo": (os.mkfifo, "is a FIFO, so the compiler did not get it: hand in a regular file"),
    "folder": (lambda path: path.mkdir(), "is a folder, so the compiler did not get it: hand in a regular file"),
    "oversized": (make_long, "is 60.0 MiB; the limit is 1 MiB, so the compiler did not get it"),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_an_odd_header_is_not_given_to_the_compiler(kind, tmp_path):
    """Where the answer needs it the report says so first; where it does not, nothing is said."""
    make, says = HEADERS[kind]
    make(tmp_path / "x.h")
    shutil.copy(SOLUTIONS / FORK.file, tmp_path)
    (tmp_path / SETSID.file).write_text('#include "x.h"\n')
    done = run_lab("check", "--answers", tmp_path, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (WRONG, "")
    told = rf"NO   {SETSID.name}: the program compiles\n\n +\| x\.h {re.escape(says)}\n{tmp_path}/{SETSID.name}\.c:1:"
    assert re.search(told, done.stdout), done.stdout
    assert done.stdout.count("x.h is ") == 1 and "the umask is 0000" in done.stdout


def test_forty_headers_with_odd_names(tmp_path):
    """Names may hold any byte; those beyond the limit are named, and a few of them stand for all."""
    names = [b"h%02d-\xff\x1b[31m\n.h" % number for number in range(40)]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_text("")
    (tmp_path / SETSID.file).write_text('#include "none.h"\n')
    handed_in = Answer(SETSID, tmp_path / SETSID.file).read()
    assert (len(handed_in.sources), len(handed_in.withheld)) == (1 + MAX_HEADERS, 40 - MAX_HEADERS)
    done = run_lab("check", "--answers", tmp_path)
    assert done.returncode == WRONG and "Traceback" not in done.stdout + done.stderr
    assert done.stdout.count("is one header too many") == 5 and "4 more headers did not get to" in done.stdout
    assert all(c.isprintable() or c == "\n" for c in done.stdout)


@pytest.fixture
def deny_reading(monkeypatch):
    """A function: (a file's name, an errno) in; to open that file for reading then fails. Root may read every file."""
    real, denied = os.open, {}

    def maybe_open(path, flags, *rest, **options):
        if not flags & os.O_PATH and str(path).startswith("/proc/self/fd/"):
            error = denied.get(os.path.basename(os.readlink(path)))
            if error:
                raise OSError(error, os.strerror(error))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr("os.open", maybe_open)
    return denied.__setitem__


def report_of(folder, step):
    """(what is reported of one answer in a folder, its Examination)."""
    (answer,) = find_answers(folder, step.name)
    pad = Launchpad()
    builder = Builder(pad, [answer])
    examination = Examination(answer, pad, builder)
    text = describe(examination.judged())
    builder.close()
    return text, examination


def test_what_cannot_be_read_cannot_be_checked(tmp_path, deny_reading):
    """A read error is nobody's fault: no check fails, none passes, and the reason is told."""
    shutil.copy(RIGHT, tmp_path)
    deny_reading(SETSID.file, 5)
    text, examination = report_of(tmp_path, SETSID)
    unreadable = rf"because +{SETSID.name}\.c cannot be read: input/output error"
    assert re.search(rf"\?\?   .* checks and .* cannot be made here:\n +{unreadable}$", text)
    assert "  NO " not in text and "  ok " not in text
    assert (examination.failed, len(examination.skipped)) == (set(), len(examination.results(stars=False)))


def test_a_header_that_cannot_be_read(tmp_path, deny_reading):
    (tmp_path / SETSID.file).write_text('#include "x.h"\n')
    (tmp_path / "x.h").touch()
    deny_reading("x.h", 13)
    text, examination = report_of(tmp_path, SETSID)
    assert "| x.h cannot be read (permission denied), so the compiler did not get it\n" in text
    assert examination.failed


def test_a_file_that_vanishes_or_changes_meanwhile(tmp_path):
    """Between the look at the folder and the reading, somebody saves, removes, or exchanges it."""
    for name in (FORK.file, SETSID.file):
        shutil.copy(SOLUTIONS / name, tmp_path)
    vanished, exchanged = find_answers(tmp_path)
    vanished.path.unlink()
    exchanged.path.unlink()
    make_link(exchanged.path)
    assert vanished.read().unreadable == f"{FORK.file} cannot be read: no such file or directory"
    assert exchanged.read().refused[0].startswith(f"{SETSID.file} is a symbolic link")
    shutil.rmtree(tmp_path)
    assert "cannot be opened" in vanished.read().unreadable


def test_the_folder_itself_may_be_a_link(tmp_path):
    """Whoever calls the lab has named it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(RIGHT, folder)
    (tmp_path / "link").symlink_to(folder)
    assert run_lab("check", "--answers", tmp_path / "link", "--step", SETSID.name).returncode == PASSED


def open_to_all(folder):
    """Lets other users reach a folder of pytest's: it and those above it were made for their owner alone."""
    shared = Path(tempfile.gettempdir()).resolve()
    for path in (folder, *folder.parents):
        if shared in path.parents:
            path.chmod(0o711)


def test_a_folder_that_cannot_be_listed_or_entered(tmp_path):
    """Without its list the answers are still found by their names; without the right to enter it nothing is."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from lab.answers import *\n"
        "try:\n    for answer in find_answers(sys.argv[2]):\n"
        "        print(answer.read().withheld, answer.read().sources.keys())\n"
        "except LabError as error: print('lab:', error)"
    )
    open_to_all(tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(RIGHT, folder)
    (folder / "x.h").touch()
    said = []
    for mode in (0o311, 0o644, 0o600):  # for its owner and for others alike: no list, no entering, neither
        folder.chmod(mode)
        nobody = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        words = [*nobody, sys.executable, "-c", program]
        words += [str(SOLUTIONS.parent / "tests"), str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        if "Permission denied" in done.stderr or "No module named 'lab'" in done.stderr:
            pytest.skip("nobody cannot read the lab here")
        said.append(done.stdout)
    folder.chmod(0o755)
    assert "cannot be listed (permission denied), so the compiler did not get any header" in said[0]
    assert said[0].endswith(f"dict_keys(['{SETSID.file}'])\n")
    assert said[1].startswith("lab: the files in ") and said[1].count("\n") == 1, said[1]
    assert said[2].startswith("lab: ") and said[2].count("\n") == 1, said[2]


# ---- names -------------------------------------------------------------------

WITHOUT_ZERO = f"{SYSLOG.number}_{SYSLOG.word}.c"
MEANT = {
    WITHOUT_ZERO: SYSLOG.file,
    f"{DEV_NULL.name}.C": DEV_NULL.file,
    f"{SETSID.number:02}-{SETSID.word}.c": SETSID.file,
    f"{SETSID.number}_{SETSID.word}.c": SETSID.file,
    f"{SETSID.file}.txt": SETSID.file,
    f"{SETSID.name} (1).c": SETSID.file,
    f"{SETSID.name} - Copy.c": SETSID.file,
    f"{SETSID.word}.c": SETSID.file,
    f"{SETSID.number}.c": SETSID.file,
    f"{SYSLOG.number:02}_sysolg.c": SYSLOG.file,
}
NOT_MEANT = [
    f"{SETSID.name}.md",
    f"{SYSLOG.name}.s",
    f"{SETSID.file}~",
    f"{SETSID.number}_queens.c",
    "main.c",
    "peers.c",
    "99_x.c",
    "x.h",
]


@pytest.mark.parametrize("name", MEANT)
def test_a_misnamed_file_is_mentioned(name, tmp_path):
    (tmp_path / name).touch()
    assert odd_names(tmp_path) == [f"{name} was not checked. Is it {MEANT[name]}?"]
    (tmp_path / MEANT[name]).touch()
    assert odd_names(tmp_path) == [f"{name} was not checked, because {MEANT[name]} is there as well."]


def test_other_files_are_not_mentioned():
    for folder in ("solutions", "steps", "tests/proof", "tests/gallery/hostile"):
        assert odd_names(SOLUTIONS.parent / folder) == []


def test_other_names_are_not_mentioned(tmp_path):
    for name in NOT_MEANT:
        (tmp_path / name).touch()
    assert odd_names(tmp_path) == []


def test_misnamed_files_in_a_run(tmp_path):
    """At the end of a run over the folder, not of one step; and where there is nothing else in it."""
    (tmp_path / WITHOUT_ZERO).touch()
    with pytest.raises(LabError, match=rf"holds no answer.* {WITHOUT_ZERO} was not checked\. Is it {SYSLOG.file}\?$"):
        find_answers(tmp_path)
    (tmp_path / "steps").mkdir()
    shutil.copy(RIGHT, tmp_path / "steps")
    shutil.copy(RIGHT, tmp_path)
    done = run_lab("check", "--answers", tmp_path)
    assert done.returncode == PASSED
    names = [step.name for step in STEPS]
    before, after = names[1 : names.index(SETSID.name)], names[names.index(SETSID.name) + 1 :]
    assert done.stdout.splitlines()[-3:] == [
        f"{WITHOUT_ZERO} was not checked. Is it {SYSLOG.file}?",
        f"The answers in {tmp_path}/steps were not checked. To check them, name that folder in ANSWERS.",
        f"1 of 1 step that is in this folder is done. Not handed in: {', '.join(before)}, {after[0]} to {after[-1]}.",
    ]
    assert WITHOUT_ZERO not in run_lab("check", "--answers", tmp_path, "--step", SETSID.name).stdout


# ---- time --------------------------------------------------------------------


@pytest.fixture
def little_time(monkeypatch):
    """A compilation has less time, unless it is at work."""
    monkeypatch.setattr("lab.judge.compiling.TIME", 2)


def build_with(pad, tmp_path, monkeypatch, command):
    """(the Build of an answer whose compiler is that shell command, the seconds that it took)."""
    monkeypatch.setenv("CC", f"sh -c '{command}' --")
    shutil.copy(RIGHT, tmp_path)
    (answer,) = find_answers(tmp_path)
    builder = Builder(pad, [answer])
    begun = time.monotonic()
    try:
        return builder.build(answer), time.monotonic() - begun
    finally:
        builder.close()


def test_a_compiler_that_waits_is_cut_short(pad, tmp_path, monkeypatch, little_time):
    build, seconds = build_with(pad, tmp_path, monkeypatch, "sleep 30")
    assert not build.compiles and "did not finish within 2 s" in build.messages and not build.unchecked
    assert seconds < 20  # on a busy machine; else it takes 2


def test_a_compiler_that_works_slowly_gets_more_time(pad, tmp_path, monkeypatch, little_time):
    """And where it has had the longest time too, the machine is at fault and not the answer."""
    lines = 'n=0; while [ $n -lt 12 ]; do timeout 0.25 sh -c "while :; do :; done"; n=$((n + 1)); done; cc "$@"'
    build, seconds = build_with(pad, tmp_path, monkeypatch, lines)
    assert build.compiles and seconds > 2.5
    monkeypatch.setattr("lab.judge.compiling.MOST_TIME", 4)
    build, _ = build_with(pad, tmp_path, monkeypatch, lines.replace("12", "60"))
    assert "still at work after 4 s, because this machine is busy" in build.unchecked
