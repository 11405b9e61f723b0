"""Solutions pass, skeletons fail in exactly what their step adds, and they belong together."""

import re
import shutil
import subprocess
from difflib import ndiff

import pytest

from lab.answers import Answer, code
from lab.checks import added, expectations, since, usual
from lab.course import START, STEPS, before, lineage, origin, step_called
from lab.judge.examination import Examination
from lab.judge.verdict import FAILED, PASSED
from lab.report.text import explain
from lab.toolbox import ROOT, SKELETONS, SOLUTIONS
from lab.typed import typed

MAX_DIFF = {"recipe": 80, "beyond": 80, "modern": 130}  # lines of code that a step of a part may change: an alarm
MAX_FUNCTION = 40  # lines, with comments: an alarm


def ids(value):
    return value.name


@pytest.mark.parametrize("step", STEPS, ids=ids)
def test_solution_passes_everything(step, pad, programs):
    """Bonus checks too; what cannot be checked without a sandbox is said, and is not a pass."""
    examination = Examination(Answer(step, SOLUTIONS / step.file), pad, programs)
    wrong = [line for r in examination.results() if r.failed for line in (r.check.key, *explain(examination.answer, r))]
    assert not wrong, "\n".join(wrong)
    if pad.is_sandboxed():
        not_passed = [r for r in examination.results() if r.status != PASSED]
        assert all(r.check.scene.root and pad.why_no_root() for r in not_passed)
        if not_passed:
            pytest.skip(f"judged in part: {pad.why_no_root()}")


@pytest.mark.parametrize("step", STEPS, ids=ids)
def test_skeleton_fails_exactly_what_its_step_adds(step, pad, programs):
    examination = Examination(Answer(step, SKELETONS / step.file), pad, programs)
    required = [check for check in added(step) if not check.star]
    expected = {check.key for check in required if since(check, step) == step} if step != START else set()
    unchecked = {r.check.key for r in examination.results() if r.status == "skipped"}
    failed = {r.check.key for r in examination.results() if r.failed and not r.check.star}
    if not has_two_ways(step):
        assert failed == expected - unchecked
        return
    # The program of the step before is started in one of the ways. What that step asks for holds there, and the other
    # way is new.
    known = {check.key for check in required if check.usual == usual(step) and since(check, step) != step}
    other = [check for check in required if check.usual and check.usual != usual(step)]
    assert failed & known == set()
    assert any(check.key in failed for check in other) and failed & expected


def has_two_ways(step):
    """Whether its program is launched in two ways, and so all checks are made anew for each."""
    return bool(usual(step).name)


@pytest.mark.parametrize("program", STEPS, ids=ids)
def test_triangle(program, sandbox_pad, programs, record_property):
    """The program of every step fails exactly the checks that all later steps add, of those that build on it."""
    earlier = STEPS.index(program)
    wrong, cells = [], ["     "] * earlier
    for step in STEPS[earlier:]:
        if program not in lineage(step) or (has_two_ways(step) and program != step):
            cells.append("     ")
            continue
        examination = Examination(Answer(step, SOLUTIONS / program.file), sandbox_pad, programs)
        required = [check for check in expectations(step) if not check.star]
        expected = {check.key for check in required if since(check, step).number > program.number}
        found = {check.key for check in required if examination.result(check).failed}
        cells.append(f"{len(found):>2}/{len(required):<2}")
        if missed := found ^ (expected - examination.skipped):
            wrong.append(f"as {step.name}: wrong in {sorted(missed)}")
    record_property("triangle", f"{program.name:<19}" + "  ".join(cells))
    assert not wrong


@pytest.mark.parametrize("step", STEPS[1:], ids=ids)
def test_every_check_of_a_step_is_seen_failing(step, sandbox_pad, programs):
    """And the first one that fails says why, with a cause and where to read on."""
    examination = Examination(Answer(step, SKELETONS / step.file), sandbox_pad, programs)
    first = next(r for r in examination.results() if r.status == FAILED)
    assert first.check in added(step)
    assert first.expected and first.observed and len(first.because) > 20
    assert (ROOT / step.handout).exists() and re.search(r"\w+\(\w+\)", first.check.read)


def head(source):
    return source[: source.index("*/")]


def lines_of_code(source):
    """The lines behind the head comment, without other comments and empty lines."""
    body = source[source.index("*/") + 2 :]
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    return [line.strip() for line in body.splitlines() if line.strip()]


def edited(step):
    return f"if you have edited steps/{step.name}.c that is as it should be: `make test` is about an unedited clone"


@pytest.mark.parametrize("step", STEPS, ids=ids)
def test_skeleton_is_the_solution_before_and_a_todo(step):
    """No drift: the code is that of the step before, all else that of the solution."""
    skeleton = (SKELETONS / step.file).read_text()
    solution = (SOLUTIONS / step.file).read_text()
    assert head(skeleton) == head(solution), edited(step)
    assert head(solution).startswith(f"/*\n * {step.name}: {step.title}\n")
    if step == START:
        assert skeleton == solution, edited(step)
        return
    assert "TODO" in skeleton and "TODO" not in solution
    earlier = (SOLUTIONS / before(step).file).read_text()
    if origin(step).given is None:
        assert code(skeleton.encode()) == code(earlier.encode()), edited(step)
    else:  # some lines of the solution are there already, to call the functions that are given
        assert set(lines_of_code(skeleton)) <= set(lines_of_code(solution) + lines_of_code(earlier)), edited(step)
    comments = set(re.findall(r"/\*.*?\*/", skeleton, re.DOTALL))
    ours = {comment for comment in comments if "TODO" not in comment}
    theirs = set(re.findall(r"/\*.*?\*/", solution + earlier, re.DOTALL))
    assert ours <= theirs, "a comment that is neither in the solution nor a TODO"


@pytest.mark.parametrize("step", [step for step in STEPS if before(step)], ids=ids)
def test_the_diff_is_the_lesson(step):
    """From one solution to the next only a few lines change, beside those that learners are given."""
    earlier, source = ((SOLUTIONS / each.file).read_text() for each in (before(step), step))
    third = origin(step).given
    given = lines_of_code((SOLUTIONS / third.file).read_text()) if third else []
    lines = ndiff(lines_of_code(earlier), lines_of_code(source))
    changes = [line for line in lines if line[0] in "+-" and line[2:] not in given]
    assert len(changes) <= MAX_DIFF[step.part]


@pytest.mark.parametrize("step", STEPS, ids=ids)
def test_functions_are_short(step):
    """From the first brace to the last, with comments."""
    source = (SOLUTIONS / step.file).read_text()
    bodies = re.findall(r"^\{\n(.*?)^\}", source, re.MULTILINE | re.DOTALL)
    assert bodies and max(body.count("\n") for body in bodies) <= MAX_FUNCTION


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_warnings(compiler, tmp_path):
    """Solutions and skeletons compile without a warning."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-fsyntax-only"]
    paths = [str(path) for folder in (SOLUTIONS, SKELETONS) for path in sorted(folder.glob("*.c"))]
    done = subprocess.run([compiler, *flags, *paths], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_works_with_musl(pad, tmp_path, monkeypatch):
    """Built against musl, the solutions pass as well."""
    if shutil.which("musl-gcc") is None:
        pytest.skip("musl-gcc is not installed")
    from lab.judge.examination import Workshop

    monkeypatch.setenv("CC", "musl-gcc")
    answers = [Answer(step, SOLUTIONS / step.file) for step in STEPS]
    shop = Workshop(answers, sandbox=pad.is_sandboxed())
    try:
        wrong = [r.check.key for e in shop.examinations.values() for r in e.results() if r.failed]
    finally:
        shop.close()
    assert not wrong


def test_a_start_that_returns_has_started(sandbox_pad, programs):
    """A hundred of a hundred: when its start returns 0, the PID file names a process that can be stopped."""
    step = step_called("ready_pipe")
    name, program = step.name, programs.build(Answer(step, SOLUTIONS / step.file)).program
    start = f"./{name} -p $PWD/$i.pid && kill $(cat $i.pid)"
    commands = [f"for i in $(seq 100); do {start} && echo ready; done"]
    assert typed(sandbox_pad, commands, [(program, 0o755, name)]) == ["ready\n" * 100]


def test_layout():
    """At the top are the five, the licence, dot files, and what is ignored."""
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - {"build"} == {"steps", "solutions", "tests", "Makefile", "README.md", "LICENSE"}
    names = {step.name for step in STEPS}
    assert {path.stem for path in SKELETONS.glob("*.c")} == names
    assert {path.stem for path in SKELETONS.glob("*.md")} == names
