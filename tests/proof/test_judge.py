"""What is pure about judging: which launches are planned, and what comes of what was seen."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.answers import Answer, HandedIn
from lab.checks import expectations, usual
from lab.checks.check import LOG_TO_JUDGE, LOG_TO_PASS, Unseen, Wrong, check
from lab.course import START, STEPS, step_called
from lab.facts import Build
from lab.hindered import init_ended
from lab.judge import tape
from lab.judge.compiling import Builder
from lab.judge.plan import USUAL, Run, depends_on, is_launched, wanted
from lab.judge.verdict import FAILED, FOLLOWS, PASSED, SKIPPED, Verdict
from lab.scene import PID_FILE, Listen, Manager, Scene, Signals, Usual
from lab.toolbox import LabError

PROGRAM = Build(b"a program", "")
WRONG = Wrong("this", "that", "of something")
HERE = Scene(signals=Signals.HELD)  # some scene of its own


def here(_check):
    """Every check can be made."""
    return ""


def asked(name, finding, **more):
    """A check with a fixed answer."""

    @check(name=name, says=name, read="none(7)", **more)
    def look(o):
        return finding

    return look


def test_a_check_looks_at_what_its_parameters_are_called():
    def hasty(o, process):
        return None

    with pytest.raises(LabError, match=r"hasty\(o, process\): the parameters of a check are \(build\), \(o\)"):
        check(read="none(7)")(hasty)


# ---- what a scene leaves open -----------------------------------------------------


def test_what_a_scene_leaves_open_is_as_usual():
    usually = Usual(arguments=("-d",), as_root=("-u", "guest"), notify=Manager.PATH, listen=(Listen.UNIX,))
    told = Scene(arguments=("-d",), notify=Manager.PATH, listen=(Listen.UNIX,), tells=False)
    assert usually.completed(Scene()) == told
    assert usually.completed(Scene(root=True)).arguments == ("-d", "-u", "guest")
    closed = Scene(arguments=(), notify=Manager.NONE, listen=(), root=True, tells=True)
    assert usually.completed(closed) == closed


def test_a_step_is_launched_as_the_latest_one_before_it_that_says_how():
    assert usual(step_called("reset_state")) == Usual()
    assert usual(step_called("pid_file")) == Usual(arguments=("-p", PID_FILE))
    assert usual(step_called("ready_pipe")) == Usual(arguments=("-p", PID_FILE), tells=True)
    on_its_own = Usual(notify=Manager.PATH)  # it builds on the first step, not on the one before
    assert usual(step_called("notify")) == on_its_own


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_where_a_step_is_launched_in_two_ways_keys_say_which(step):
    for each in expectations(step):
        way = "daemon/" if "-d" in usual(step).completed(each.scene).arguments else "foreground/"
        assert each.key == (f"{way}{each.name}" if step.word == "service" else each.name)


# ---- the plan -------------------------------------------------------------------


def test_each_launch_is_planned_once_and_the_usual_one_first():
    checks = [asked("a", None, scene=HERE, times=2), asked("b", None), asked("c", None, scene=HERE)]
    assert wanted(checks, here) == [USUAL, Run(HERE, 0), Run(HERE, 1)]


def test_for_what_cannot_be_checked_here_nothing_is_launched():
    """But where only a part of it cannot be seen."""
    in_part, not_at_all = asked("a", None, needs_log=LOG_TO_PASS), asked("b", None, needs_log=LOG_TO_JUDGE)
    assert is_launched(in_part, lambda each: "no log") and not is_launched(not_at_all, lambda each: "no log")


def test_a_check_depends_on_what_it_follows_from():
    first = asked("first", None)
    second = asked("second", None, follows=[first])
    bonus = asked("bonus", None, bonus=True)
    checks = [first, second, bonus]
    assert depends_on(second, checks) == [second, first]
    assert depends_on(first, checks) == [first]
    assert set(depends_on(bonus, checks)) == set(checks)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_who_looks_at_a_process_elsewhere_says_what_it_expects(step):
    """Else a learner would read nothing where that process has not lived on."""
    for each in expectations(step):
        assert each.expects or not each.on_process or (each.scene == Scene() and not each.star), each.key


# ---- the verdict -----------------------------------------------------------------


@pytest.fixture
def seen(sandbox_pad, tmp_path):
    """An Observation of a right answer to the first step."""
    from lab.judge.examination import examiner
    from lab.toolbox import SOLUTIONS

    source = (SOLUTIONS / START.file).read_text(encoding="utf-8")
    with examiner(sandbox_pad, tmp_path) as examine:
        return examine(source, START).observation(Scene())


def statuses(checks, launches, build=PROGRAM, why_not=here):
    verdict = Verdict(checks, build, launches, why_not)
    return [verdict.of(each).status for each in checks]


def test_what_follows_from_another_is_not_told_twice(seen):
    first = asked("first", WRONG)
    checks = [first, asked("second", WRONG, follows=[first]), asked("third", None, follows=[first])]
    assert statuses(checks, {USUAL: seen}) == [FAILED, FOLLOWS, PASSED]


def test_a_bonus_is_only_for_what_is_right(seen):
    bonus = asked("bonus", None, bonus=True)
    assert statuses([asked("a", None), bonus], {USUAL: seen}) == [PASSED, PASSED]
    assert statuses([asked("a", WRONG), bonus], {USUAL: seen}) == [FAILED, FOLLOWS]


def test_what_is_launched_more_than_once_holds_each_time(seen):
    turns = {Run(HERE, turn): seen for turn in range(3)}

    @check(read="none(7)", scene=HERE, times=3)
    def holds_but_once(o):
        """Every launch but the last is right."""
        return WRONG if o is turns[Run(HERE, 2)] else None

    turns[Run(HERE, 2)] = replace(seen)
    assert statuses([holds_but_once], {USUAL: seen, **turns}) == [FAILED]


def test_without_a_program_all_follows_from_that(seen):
    @check(read="gcc(1)")
    def compiles(build):
        """It compiles."""
        return None if build.compiles else WRONG

    checks = [compiles, asked("a", None)]
    assert statuses(checks, {}, build=Build(b"", "an error")) == [FAILED, FOLLOWS]
    assert statuses(checks, {}, build=Build(b"", "", unchecked="no time")) == [SKIPPED, SKIPPED]


def test_what_cannot_be_seen_is_no_failure(seen):
    assert statuses([asked("a", Unseen("too dark"))], {USUAL: seen}) == [SKIPPED]
    assert statuses([asked("a", None)], {USUAL: seen}, why_not=lambda each: "no log") == [SKIPPED]


def test_one_check_tells_that_the_lab_was_hindered(seen):
    hindered = init_ended()
    hindered.scene = HERE
    checks = [asked("a", None), asked("b", None, scene=HERE), asked("c", None, scene=HERE)]
    assert statuses(checks, {USUAL: seen, Run(HERE): hindered}) == [PASSED, FAILED, FOLLOWS]
    hindered.by_machine = True
    assert statuses(checks, {USUAL: seen, Run(HERE): hindered}) == [PASSED, SKIPPED, SKIPPED]


# ---- the tape ----------------------------------------------------------------------


@pytest.fixture
def copy_of_lab(tmp_path):
    return shutil.copytree(tape.LAB, tmp_path / "lab", ignore=shutil.ignore_patterns("__pycache__"))


BELOW = [str(path.relative_to(tape.LAB)) for path in tape.modules_below_the_cut()]


@pytest.mark.parametrize("name", BELOW)
def test_a_tape_is_refused_once_a_line_below_the_cut_has_changed(name, copy_of_lab):
    before = tape.digest_below_the_cut(copy_of_lab)
    with (copy_of_lab / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert tape.digest_below_the_cut(copy_of_lab) != before


def test_a_tape_outlives_a_change_above_the_cut(copy_of_lab):
    before = tape.digest_below_the_cut(copy_of_lab)
    for name in ("report.py", "checks/common.py", "judge/verdict.py"):
        with (copy_of_lab / name).open("a", encoding="utf-8") as file:
            file.write("\n")
    assert tape.digest_below_the_cut(copy_of_lab) == before


def test_what_the_lab_launches_with_lies_below_the_cut():
    """Whatever watch/observe.py and judge/compiling.py import, and what that imports."""
    from test_floors import imports, modules, reached_from

    known = {name: imports(path) for name, path in modules().items()}
    needed = {"lab.watch.observe", "lab.judge.compiling"}
    needed |= reached_from("lab.watch.observe", known) | reached_from("lab.judge.compiling", known)
    files = {str(modules()[name].relative_to(tape.LAB)) for name in needed}
    above = {"answers.py", "course.py"}  # what was handed in, and what it is called: the tape's key has both
    assert {name for name in files - set(BELOW) - above if not name.endswith("__init__.py")} == set()


def handed_in(data, **more):
    return HandedIn({"a.c": data} if data else {}, **more)


TAKE = ("a", Scene(), 0, True)


@pytest.fixture
def kept_tape(tmp_path, monkeypatch):
    """A tape of which no answer is launched all the same."""
    monkeypatch.setattr(tape.random, "randrange", lambda count: 1)
    return tape.Tape(tmp_path)


def keep(kept_tape, seen, take=TAKE):
    """Keep one launch of one answer."""
    reel = kept_tape.reel(handed_in(b"source"))
    reel.keep_build(PROGRAM)
    reel.keep(take, seen)
    reel.write()


def test_what_was_kept_is_found_again(kept_tape, seen, monkeypatch):
    keep(kept_tape, seen)
    again = kept_tape.reel(handed_in(b"source"))
    assert again.find(TAKE) == seen and again.build.compiles and again.build.program != PROGRAM.program
    for other in (("b", Scene(), 0, True), ("a", HERE, 0, True), ("a", Scene(), 1, True), ("a", Scene(), 0, False)):
        assert again.find(other) is None
    assert kept_tape.reel(handed_in(b"another")).build is None
    monkeypatch.setattr(tape.random, "randrange", lambda count: 0)
    assert kept_tape.reel(handed_in(b"source")).build is None, "this one is launched all the same"


def test_what_is_kept_of_other_scenes_stays(kept_tape, seen):
    keep(kept_tape, seen)
    keep(kept_tape, seen, ("a", HERE, 0, False))
    assert kept_tape.reel(handed_in(b"source")).find(TAKE) == seen


def test_a_refused_answer_is_not_kept(kept_tape):
    """It has no source that would tell it from another one."""
    empty, large = handed_in(b"", refused=("is empty", "x")), handed_in(b"", refused=("is too large", "x"))
    assert kept_tape.reel(empty).path != kept_tape.reel(large).path
    reel = kept_tape.reel(empty)
    reel.keep_build(Build(b"", "", refused=("is empty", "x")))
    reel.write()
    assert kept_tape.reel(empty).build is None


def test_a_damaged_reel_is_as_good_as_none(kept_tape):
    kept_tape.reel(handed_in(b"source")).path.write_bytes(b"no tape")
    assert kept_tape.reel(handed_in(b"source")).observations == {}


def test_of_what_was_judged_wrong_nothing_is_kept(kept_tape, seen):
    """A look that went wrong once must not go wrong for ever."""
    keep(kept_tape, seen)
    reel = kept_tape.reel(handed_in(b"source"))
    reel.drop()
    reel.write()
    assert kept_tape.reel(handed_in(b"source")).build is None


def test_where_nobody_may_write_nothing_is_kept(seen, monkeypatch):
    """And no test fails for it."""
    monkeypatch.setattr(tape.random, "randrange", lambda count: 1)
    keep(tape.Tape(Path("/proc/nowhere")), seen)
    assert tape.Tape(Path("/proc/nowhere")).reel(handed_in(b"source")).build is None


def test_circumstances_are_part_of_the_key(sandbox_pad, monkeypatch):
    before = tape.circumstances(sandbox_pad)
    monkeypatch.setattr(tape.psutil, "__version__", "0")
    assert tape.circumstances(sandbox_pad) != before
    monkeypatch.undo()
    limits = tape.resource.getrlimit(tape.resource.RLIMIT_NOFILE)
    monkeypatch.setattr(tape.resource, "getrlimit", lambda which: (limits[0] - 1, limits[1]))
    assert tape.circumstances(sandbox_pad) != before
    monkeypatch.undo()
    monkeypatch.setattr(tape.os, "geteuid", lambda: 4711 if "root" in before else 0)
    assert tape.circumstances(sandbox_pad) != before
    monkeypatch.undo()
    monkeypatch.setenv("CC", "clang")
    assert shutil.which("clang") is None or tape.circumstances(sandbox_pad) != before


# ---- the compiler ---------------------------------------------------------------------


class Failing:
    """A compilation that ends with an error of the machine's."""

    def __init__(self):
        self.launch = SimpleNamespace(pump=lambda *seconds: None, end=lambda: None)

    def has_ended(self):
        return True

    def finish(self):
        raise LabError("the compiler wrote no program")


def test_whoever_asks_is_told_that_the_compiler_has_failed(sandbox_pad):
    """Also where that came out earlier, while another answer was launched: else it is waited for without an end."""
    answer = Answer(START, Path("/nowhere/a.c"))
    builder = Builder(sandbox_pad, [answer], ahead=False)
    builder.waiting.clear()
    builder.running[answer.path] = Failing()
    builder.advance()
    with pytest.raises(LabError, match="wrote no program"):
        builder.build(answer)
