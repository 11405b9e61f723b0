"""The commands as users call them: exit statuses, errors in one line, odd surroundings."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from conftest import PATIENCE, run_lab

from lab.checks import expectations
from lab.course import START, STEPS, step_called
from lab.toolbox import ROOT, SOLUTIONS

PASSED, WRONG, BROKEN = 0, 1, 2
HANDED_IN = UMASK, FORK, SETSID = [step_called(word) for word in ("umask", "fork", "setsid")]
CHDIR = step_called("chdir")


@pytest.fixture
def answers(tmp_path):
    """A folder with the right answers to the steps HANDED_IN."""
    folder = tmp_path / "answers"
    folder.mkdir()
    for step in HANDED_IN:
        shutil.copy(SOLUTIONS / step.file, folder)
    return folder


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def in_one_line(done):
    """An error in words: one line, no traceback, nothing else."""
    return done.stderr.count("\n") == 1 and done.stderr.startswith("lab: ") and "Traceback" not in done.stdout


def test_right_answers_pass(answers):
    done = run_lab("check", "--answers", answers)
    assert (done.returncode, done.stderr) == (PASSED, "")
    missing = [step.name for step in STEPS[1:] if step not in HANDED_IN]
    those = "3 of 3 steps that are in this folder are done."
    assert done.stdout.endswith(f"{those} Not handed in: {missing[0]} to {missing[-1]}.\n")


@pytest.mark.parametrize("name", [str(SETSID.number), f"{SETSID.number:02}", SETSID.word, SETSID.name])
def test_a_step_by_any_of_its_names(name, answers):
    done = run_lab("check", "--answers", answers, "--step", name)
    assert done.returncode == PASSED
    assert done.stdout.endswith(f"\n{SETSID.name} is done. Next: {CHDIR.handout}\n")
    assert f"{FORK.name}: " not in done.stdout


def test_a_wrong_answer_is_explained(answers):
    edit(answers / SETSID.file, "    start_session();\n", "")
    done = run_lab("check", "--answers", answers)
    assert (done.returncode, done.stderr) == (WRONG, "")
    assert re.search(rf"NO   step {SETSID.number:02}   1 of 2 checks fails; 1 more depends on it\n", done.stdout)
    told = rf"NO   {SETSID.name}: the daemon leads .*\n\n +expected .*\n +observed (.*\n)+\n +The daemon is .*\n"
    assert re.search(told, done.stdout)
    assert f"       Read steps/{SETSID.name}.md and setsid(2).\n" in done.stdout
    assert done.stdout.endswith(f"2 of 3 steps done. Next: {SETSID.name}\n")
    assert "Traceback" not in done.stdout and "pytest" not in done.stdout.replace(str(answers), "")


def test_only_the_first_thing_wrong_is_explained(answers):
    edit(answers / SETSID.file, "    clear_umask();\n", "")
    edit(answers / SETSID.file, "    start_session();\n", "")
    done = run_lab("check", "--answers", answers, "--step", SETSID.word)
    assert done.returncode == WRONG
    assert (done.stdout.count("  NO   step "), done.stdout.count("expected ")) == (2, 1)


def test_the_first_wrong_answer_is_explained_last(answers):
    """It is what has to be done next. What comes after it is explained where it stands."""
    edit(answers / FORK.file, "    clear_umask();\n", "")
    edit(answers / SETSID.file, "    start_session();\n", "")
    printed = run_lab("check", "--answers", answers).stdout
    places = [printed.index(f"{name}: ") for name in (UMASK.name, f"\n{FORK.name}", f"\n{SETSID.name}")]
    places += [
        printed.index(says) for says in ("NO   the daemon leads", f"NO   {FORK.name}: the umask is 0000\n")
    ]
    assert places == sorted(places)
    assert printed.endswith(f"       Read steps/{FORK.name}.md and umask(2).\n\n1 of 3 steps done. Next: {FORK.name}\n")


def test_verbose_lists_every_check_with_what_was_observed():
    done = run_lab("check", "--answers", "solutions", "--step", "setsid", "--verbose")
    assert done.returncode == PASSED
    for check in expectations(SETSID):
        assert re.search(rf"^  (ok|\+1)   [a-z0-9 ]{{7}}   {re.escape(check.says)}$", done.stdout, re.MULTILINE)
    launches = re.findall(r"\n\n       (Started .*)\n       observed   (.*)\n", done.stdout)
    assert [how for how, _ in launches] == [
        "Started on a terminal.",
        "Started with a pipe as standard output, where setsid() fails with EPERM.",
    ]
    assert all("the first process (PID 3)" in seen for _, seen in launches)
    assert "PPID 1 (init), PGID 4, SID 4, no controlling terminal, umask 0000" in done.stdout
    by_variable = run_lab("check", "--answers", "solutions", "--step", "setsid", env=os.environ | {"V": "1"})
    assert re.sub(r"\b3\d\d\d\b", "", by_variable.stdout) == re.sub(r"\b3\d\d\d\b", "", done.stdout)


def test_the_compilers_message_is_shown(answers):
    edit(answers / FORK.file, "fork()", "spoon()")
    done = run_lab("check", "--answers", answers, "--step", FORK.word)
    assert done.returncode == WRONG
    assert "  NO   the program compiles\n" in done.stdout and "ok  " not in done.stdout
    assert re.search(rf"^{answers}/{FORK.name}\.c:\d+:\d+: .*spoon", done.stdout, re.MULTILINE)


def test_a_missing_header_is_named(answers):
    """By a warning, where the compiler is content with one. An editor finds the place from where make was called."""
    edit(answers / FORK.file, "#include <sys/stat.h>\n", "")
    words = [ROOT / "tests" / "run", "check", "--answers", answers.name, "--step", FORK.word]
    done = subprocess.run(words, cwd=answers.parent, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert re.search(rf"^{answers.name}/{FORK.name}\.c:\d+:.*umask", done.stdout, re.MULTILINE), done.stdout
    assert "\n       umask() needs #include <sys/stat.h>, see umask(2).\n" in done.stdout


def test_warnings_are_shown_and_fail_nothing(answers):
    edit(answers / FORK.file, "int main(void)\n{\n", "int main(void)\n{\n    int never_used;\n")
    done = run_lab("check", "--answers", answers, "--step", FORK.word)
    assert done.returncode == PASSED
    assert "warning: unused variable" in done.stdout


def test_what_was_not_begun_is_told_in_a_line():
    """An unedited clone: the first step is explained, the others wait."""
    done = run_lab("check")
    assert done.returncode == WRONG
    _, first, second, *_, last = STEPS
    assert f"\n{second.name} to {last.name}: not begun\n" in done.stdout
    assert done.stdout.endswith(f"0 of {len(STEPS) - 1} steps done. Next: {first.name}\n")


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--step", "99"),
        ("check", "--step", "setsid.c"),
        ("check", "--step", "-1"),
        ("check", "--answers", "/nowhere/at/all"),
        ("check", "--answers", "Makefile"),
        ("check", "--answers", "tests/lab"),
        ("check", "--step", STEPS[-1].name, "--answers", "{answers}"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_in_one_line(words, answers):
    done = run_lab(*[word.format(answers=answers) for word in words])
    assert (done.returncode, done.stdout) == (BROKEN, "")
    assert in_one_line(done)


def test_no_compiler_is_told_in_one_line():
    done = run_lab("check", env=os.environ | {"CC": "no-such-compiler"})
    assert done.returncode == BROKEN
    assert in_one_line(done) and "apt install gcc" in done.stderr


def test_no_usable_python_is_told_in_one_line():
    done = run_lab("check", env=os.environ | {"PYTHON": "/bin/false"})
    assert done.returncode == BROKEN
    assert in_one_line(done) and "python3-pytest" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_an_unreadable_answer_keeps_no_other_from_being_checked(answers):
    (answers / FORK.file).chmod(0)
    done = run_lab("check", "--answers", answers)
    assert (done.returncode, done.stderr) == (BROKEN, "")
    assert f"{FORK.name} could not be checked here (??): {FORK.file} cannot be read: permission denied\n" in done.stdout
    assert re.search(r"ok   .*\(SID = PGID = PID\)", done.stdout)


def test_without_a_sandbox_what_cannot_be_checked_is_no_pass():
    done = run_lab("check", "--answers", "solutions", "--step", "syslog", "--no-sandbox")
    assert done.returncode == BROKEN
    told = r"\?\?   2 checks and 3 bonus checks cannot be made here:\n( .*\n)* +the daemon logs a "
    assert re.search(told, done.stdout)
    assert "could not be checked here" in done.stdout
    done = run_lab("check", "--answers", "solutions", "--step", "dev_null", "--no-sandbox")
    assert done.returncode == PASSED
    assert done.stdout.startswith("No sandbox")


@pytest.mark.parametrize("word", ["notify", "socket_activation"])
def test_where_the_environment_is_not_found_that_is_no_pass(word):
    """A static program has no table of symbols in which `environ` could be looked up."""
    done = run_lab("check", "--answers", "solutions", "--step", word, env=os.environ | {"CC": "gcc -static"})
    assert (done.returncode, done.stderr) == (BROKEN, ""), done.stdout
    assert "could not be checked here (??): the lab did not find `environ` in the memory of" in done.stdout
    assert "  NO " not in done.stdout and not re.search("^  -[0-9]", done.stdout, re.MULTILINE)


SURROUNDINGS = {
    "standard input closed": "exec <&-; {check}",
    "all of 0, 1 and 2 closed": "exec 3>{out} <&- >&- 2>&-; {check} >&3",
    "under nohup": "nohup {check} </dev/null",
    "locale C": "LC_ALL=C {check}",
    "locale ko_KR.UTF-8": "LC_ALL=ko_KR.UTF-8 LANG=ko_KR.UTF-8 {check}",
    "umask 077": "umask 077; {check}",
    "umask 000": "umask 000; {check}",
    "an empty environment": "env -i PATH=/usr/bin:/bin {check}",
    "soft limit of 64 open files": "ulimit -Sn 64; {check}",
    "SIGCHLD, SIGPIPE and SIGTERM ignored": "trap '' CHLD PIPE TERM; {check}",
    "without a terminal": "setsid -w {check} </dev/null",
    "on a terminal, without colours": "NO_COLOR=1 TERM=xterm {script}",
    "on a terminal that has no colours": "TERM=dumb {script}",
}


@pytest.fixture(scope="module")
def usual():
    """What a check prints in the usual surroundings."""
    return run_lab(*CHECK.split()[1:]).stdout


CHECK = "tests/run check --answers solutions --step setsid"


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_surroundings_change_nothing(surroundings, usual, tmp_path):
    """The same report, word for word, wherever it is called."""
    command = SURROUNDINGS[surroundings]
    tool = next((tool for tool in ("nohup", "setsid", "script") if re.search(rf"\b{tool}\b", command)), None)
    if tool and shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    out = tmp_path / "out"
    words = ["sh", "-c", command.format(check=CHECK, script=on_a_terminal(CHECK), out=out)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (out.read_text() if out.exists() else done.stdout) == usual
    assert done.returncode == PASSED or tool == "script"


def on_a_terminal(command, stty="true"):
    """A command for sh that runs another one on a terminal, which `stty` sets up first, and prints what it printed."""
    return f"script -qec {shlex.quote(f'{stty}; {command}')} /dev/null </dev/null | tr -d '\\r'"


@pytest.mark.skipif(shutil.which("script") is None, reason="script is not installed")
def test_a_terminal_gets_its_width_and_colours(usual):
    """Colours are beside the words: without them it is the same report, broken for 60 columns."""
    command = on_a_terminal("tests/run check --step setsid", "stty cols 60")
    done = subprocess.run(
        ["sh", "-c", f"TERM=xterm {command}"], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    colours = re.compile(r"\x1b\[\d+m")
    assert colours.findall(done.stdout)[:4] == ["\x1b[1m", "\x1b[0m", "\x1b[32m", "\x1b[0m"]
    assert "\x1b[31mNO\x1b[0m   the daemon leads its own session (SID = PGID = PID)\n" in done.stdout
    lines = colours.sub("", done.stdout).splitlines()
    assert max(map(len, lines)) <= 60 and "\x1b" not in "".join(lines)


def test_odd_paths_and_a_read_only_folder(answers, tmp_path):
    """Spaces, letters beyond ASCII, quotes; and nothing is written beside the answers."""
    odd = tmp_path / 'the répertoire of 학생\'s "$answers"'
    answers.rename(odd)
    edit(odd / SETSID.file, "#include <sys/stat.h>", '#include "mine.h"')
    (odd / "mine.h").write_text("#include <sys/stat.h>\n")
    odd.chmod(0o555)
    try:
        done = run_lab("check", "--answers", odd)
        assert done.returncode == PASSED, done.stdout
        assert sorted(path.name for path in odd.iterdir()) == [*(step.file for step in HANDED_IN), "mine.h"]
    finally:
        odd.chmod(0o755)


def test_a_clone_in_an_odd_path(tmp_path):
    """A fresh copy whose path has spaces and letters beyond ASCII, its launcher not yet built."""
    clone = tmp_path / "daemon lab — 데몬"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns("build", ".git", ".venv", "__pycache__"))
    clean = {k: v for k, v in os.environ.items() if k != "DAEMON_LAB_BUILD"}
    done = run_lab("check", "--answers", "solutions", "--step", "setsid", cwd=clone, env=clean)
    assert done.returncode == PASSED, done.stdout + done.stderr
    assert {path.name for path in clone.iterdir()} - {path.name for path in ROOT.iterdir()} <= {"build"}


def test_runs_side_by_side(answers):
    """Two terminals, two folders: neither disturbs the other."""
    wrong = answers.with_name("wrong")
    shutil.copytree(answers, wrong)
    edit(wrong / SETSID.file, "    start_session();\n", "")
    words = ["tests/run", "check", "--step", "setsid", "--answers"]
    runs = [
        subprocess.Popen([*words, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for folder in (answers, wrong) * 4
    ]
    ends = [run.communicate(timeout=PATIENCE)[0].splitlines()[-1] for run in runs]
    assert [run.returncode for run in runs] == [PASSED, WRONG] * 4
    assert len(set(ends[::2])) == len(set(ends[1::2])) == 1 and ends[0] != ends[1]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_passes_everything_on(answers):
    def make(*words):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        words = ["make", "-s", "check", *words]
        return subprocess.run(words, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=PATIENCE, check=False)

    done = make(f"STEP={SETSID.name}", f"ANSWERS={answers}")
    assert done.returncode == 0
    assert done.stdout.endswith(f"\n{SETSID.name} is done. Next: {CHDIR.handout}\n")
    done = make("STEP=99")
    assert done.returncode == 2
    assert done.stderr.startswith("lab: there is no step '99'") and "Error 2" in done.stderr
    done = make("step=setsid")
    assert (done.returncode, done.stdout) == (2, "") and "in capitals" in done.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_builds_what_compiles(tmp_path):
    """An answer that does not compile keeps no other from being built, and is told of."""
    for name in (f"steps/{FORK.file}", f"steps/{SETSID.file}", f"solutions/{START.file}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "steps" / SETSID.file).write_text("int main(void) { return }", encoding="utf-8")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    words = ["make", "-s", "build", "CFLAGS=-O0"]
    done = subprocess.run(words, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=PATIENCE, check=False)
    built = {str(path.relative_to(tmp_path / "build")) for path in tmp_path.glob("build/*/*")}
    assert done.returncode == 2 and "error" in done.stderr
    assert built == {f"steps/{FORK.name}", f"solutions/{START.name}"}


# ---- pytest itself -----------------------------------------------------------


def run_pytest(*words):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, words)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_pytest_directly(answers, tmp_path):
    """As any user of pytest expects: options, -k, -x, and names that can be read in JUnit XML."""
    edit(answers / SETSID.file, "    start_session();\n", "")
    file = tmp_path / "report.xml"
    done = run_pytest("tests/test_answers.py", "--answers", answers, "--step", "setsid", f"--junitxml={file}")
    assert done.returncode == 1
    assert "setsid() was not called" in done.stdout and "Traceback" not in done.stdout
    cases = {case.get("name"): case.find("failure") for case in ElementTree.parse(file).iter("testcase")}
    assert {name for name, failure in cases.items() if failure is not None} == {
        f"test_answer[{SETSID.name}-leads_session]",
        f"test_answer[{SETSID.name}-no_terminal]",
    }
    done = run_pytest("tests/test_answers.py", "--answers", answers, "-k", "leads_session or umask_is_zero", "-x")
    assert "1 failed, 3 passed" in done.stdout
    done = run_pytest("tests/test_answers.py", "--answers", answers, "--step", "44")
    assert done.returncode == 4 and "there is no step '44'" in done.stderr


def test_pytest_with_xdist(answers):
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    done = run_pytest("tests/test_answers.py", "--answers", answers, "-n", "2")
    assert done.returncode == 0, done.stdout


def test_tour_reads_well():
    """A row for each step, what it changed in brackets, within 80 and within 120 columns."""
    for columns in (80, 120):
        done = run_lab("tour", env=os.environ | {"COLUMNS": str(columns)})
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert max(map(len, lines)) <= columns
        rows = [line for line in lines if re.match(r" \d\d", line)]
        assert [row.split()[0][:2] for row in rows] == [step.name[:2] for step in STEPS]
        # When the launched process returns, which is what a ready pipe changes, is no state of the daemon's.
        # That privileges are dropped is seen where it could be launched as root.
        unseen = [START, step_called("ready_pipe")]
        unseen += [] if " UID " in done.stdout.splitlines()[0] else [step_called("drop_privileges")]
        assert [row.split()[0][:2] for row in rows if "[" not in row] == [step.name[:2] for step in unseen]
