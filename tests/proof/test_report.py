"""The report: what passes in a line, what is wrong at the end, the same words on every page."""

import inspect
import os
import re
import shutil
import signal
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import pytest

from lab.answers import Answer
from lab.checks import expectations, usual
from lab.checks.check import DOES_NOT_COMPILE, NO_SOURCE, UNCHECKED, WRONG_STATE
from lab.course import START, STEPS, step_called
from lab.facts import Message
from lab.faults import Fault
from lab.judge.examination import examiner
from lab.judge.verdict import FAILED, FOLLOWS, PASSED, SKIPPED, Judged, Result
from lab.kernel import calls
from lab.report import as_json, compiler, launches, text
from lab.report.terminal import Page, page
from lab.scene import Device, Scene, Signal, StartAgain, Stdio
from lab.toolbox import SKELETONS

UMASK, FORK, SETSID, SYSLOG = map(step_called, ("umask", "fork", "setsid", "syslog"))
SERVICE = STEPS[-1]

ANSWER = Answer(SETSID, SKELETONS / SETSID.file)


def of(step):
    """What stands for a step in front of its line."""
    return f"step {step.number:02}"


def result(check, status, because="it was not called", verdict=WRONG_STATE, note=""):
    """The Result of a check, with words for what has to have some."""
    if status == FAILED:
        return Result(check, status, verdict, "this", "that", because)
    return Result(check, status, because=because if status == SKIPPED else "", note=note)


def judged(step, usual=PASSED, **statuses):
    """What came of an answer: `usual` of all checks but those that are named by their keys."""
    results = [result(check, statuses.get(check.key, usual)) for check in expectations(step)]
    return Judged(Answer(step, SKELETONS / step.file), tuple(results))


def lines(step, usual=PASSED, on=Page(), **statuses):
    return text.describe(judged(step, usual, **statuses), on).splitlines()


def test_what_passes_takes_a_line_for_each_step():
    report = lines(SETSID)
    assert [line[:17] for line in report] == [
        f"{SETSID.name}: a sess",
        f"  ok   {of(START)}   ",
        f"  ok   {of(UMASK)}   ",
        f"  ok   {of(FORK)}   ",
        f"  ok   {of(SETSID)}   ",
        "  +1   bonus     ",
    ]
    assert f"  ok   {of(SETSID)}   2 checks: the daemon leads its own session (SID = PGID = PID); ..." in report
    assert f"  ok   {of(UMASK)}   the umask is 0000" in report


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_fold_counts_every_check_once_and_keeps_to_its_width(step, width):
    report = text.fold(judged(step), Page(width))
    assert max(map(len, report)) <= width
    bonus = [line for line in report if line.startswith("  +")]
    counted = [re.match(r"  ok   .{7,10}   (\d+) checks", line) for line in report if line.startswith("  ok")]
    assert sum(int(match[1]) if match else 1 for match in counted) == sum(not c.star for c in expectations(step))
    stars = sum(check.star for check in expectations(step))
    assert (bonus == []) if stars == 0 else bonus[0].startswith(f"  +{stars} ")


def test_what_is_wrong_stands_last():
    report = lines(SETSID, leads_session=FAILED, no_terminal=FOLLOWS, setsid_fails=FOLLOWS)
    assert f"  NO   {of(SETSID)}   1 of 2 checks fails; 1 more depends on it" in report
    assert "  --   bonus     1 check, once the rest is right" in report
    assert report[report.index("") :] == [
        "",
        "  NO   the daemon leads its own session (SID = PGID = PID)",
        "",
        "       expected   this",
        "       observed   that",
        "",
        "       It was not called.",
        "",
        f"       Read {SETSID.handout} and setsid(2).",
    ]


def test_what_fails_in_several_steps_is_counted_and_the_first_is_explained():
    report = lines(SETSID, umask_is_zero=FAILED, leads_session=FAILED, no_terminal=FAILED)
    assert [line for line in report if line.startswith("  NO")] == [
        f"  NO   {of(UMASK)}   fails: the umask is 0000",
        f"  NO   {of(SETSID)}   2 of 2 checks fail",
        "  NO   the umask is 0000",
    ]


def test_what_depends_on_other_steps_is_one_line():
    report = lines(SETSID, FOLLOWS, compiles=FAILED)
    assert f"  NO   {of(START)}   1 of 5 checks fails; 4 more depend on it" in report
    assert "  --   the rest   5 checks depend on what fails" in report
    report = lines(SETSID, is_adopted=FAILED, umask_is_zero=FOLLOWS)
    assert f"  --   {of(UMASK)}   1 check depends on what fails" in report


def test_a_missed_bonus_is_explained_when_the_rest_is_right():
    report = lines(SETSID, setsid_fails=FAILED)
    assert "  -1   bonus     missed: when setsid() fails, it prints why and exits" in report
    assert "  -1   when setsid() fails, it prints why and exits" in report
    assert f"       Read {SETSID.handout}, setsid(2) and stderr(3)." in report


def test_what_cannot_be_checked_here_is_named():
    skipped = [check for check in expectations(SYSLOG) if check.needs_log and not check.star]
    report = lines(SYSLOG, **{check.key: SKIPPED for check in skipped})
    at = report.index(f"  ??   {len(skipped)} checks cannot be made here:")
    assert [line[:10] for line in report[at + 1 :]] == ["         " + check.says[0] for check in skipped]


def test_the_last_step_is_folded_by_its_two_ways():
    report = lines(SERVICE, **{"daemon/one_lives_on": FAILED})
    bonus = sum(check.star for check in expectations(SERVICE))
    assert [line[:17] for line in report[1:4]] == ["  NO   daemon    ", "  ok   foreground", f"  +{bonus}  bonus     "]


def test_what_the_compiler_says_is_quoted():
    check = expectations(SETSID)[0]
    one = Judged(ANSWER, (result(check, PASSED, note="a warning\n  NO   forged"),))
    assert text.fold(one)[1:] == [
        f"  ok   {of(START)}   the program compiles",
        "       | a warning",
        "       |   NO   forged",
    ]


def test_nothing_but_words_without_colours_and_the_same_words_with_them():
    plain = lines(SETSID, leads_session=FAILED, no_terminal=SKIPPED, setsid_fails=FOLLOWS)
    coloured = lines(SETSID, leads_session=FAILED, no_terminal=SKIPPED, setsid_fails=FOLLOWS, on=Page(has_colours=True))
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == plain
    assert re.findall(r"\x1b\[3\dm([^\x1b]*)\x1b\[0m", "\n".join(coloured)) == ["ok", "ok", "ok", "NO", "??", "NO"]
    assert coloured[0].startswith(f"\x1b[1m{SETSID.name}\x1b[0m: ")


@pytest.mark.parametrize(
    ("columns", "environment", "width", "has_colours"),
    [
        (-1, {"TERM": "xterm"}, 100, False),
        (0, {"TERM": "xterm"}, 100, True),
        (20, {"TERM": "xterm"}, 60, True),
        (72, {"TERM": "xterm"}, 72, True),
        (200, {"TERM": "xterm"}, 100, True),
        (72, {"TERM": "dumb"}, 72, False),
        (72, {}, 72, False),
        (72, {"TERM": "xterm", "NO_COLOR": "1"}, 72, False),
        (72, {"TERM": "xterm", "NO_COLOR": ""}, 72, True),
    ],
)
def test_the_page_is_that_of_the_terminal(columns, environment, width, has_colours):
    found = page(columns, environment, "/")
    assert (found.width, found.has_colours) == (width, has_colours)


@pytest.mark.parametrize(
    ("because", "told"),
    [
        ("it was not called", "It was not called."),
        ("setsid() was not called", "setsid() was not called."),
        ("0035 is the shell's", "0035 is the shell's."),
        ("Call it.", "Call it."),
        ("its end has to be for (;;) pause();", "Its end has to be for (;;) pause();"),
    ],
)
def test_a_cause_is_a_sentence(because, told):
    check = expectations(SETSID)[1]
    assert text.explain(ANSWER, result(check, FAILED, because))[3].strip() == told


def test_what_is_no_answer_has_nothing_to_expect():
    check = expectations(SETSID)[0]
    told = text.explain(ANSWER, result(check, FAILED, "Hand in another.", NO_SOURCE))
    assert told[:3] == ["       observed   that", "", "       Hand in another."]
    told = text.explain(ANSWER, result(check, FAILED, "The first counts.", DOES_NOT_COMPILE))
    assert told[:3] == ["       | that", "", "       The first counts."]


def test_each_reason_why_something_cannot_be_checked_is_told_once():
    ways = expectations(SETSID)[1:4]
    results = [Result(check, SKIPPED, UNCHECKED, because=why) for check, why in zip(ways, ["one", "another", "one"])]
    each = Judged(ANSWER, tuple(results))
    assert text.unchecked([each]) == [
        "2 checks could not be checked here (??): one",
        "1 check could not be checked here (??): another",
    ]


def test_steps_in_a_row_are_told_by_the_first_and_the_last():
    one, two, three, _, five, *_ = STEPS
    assert text.ranges([one]) == one.name
    assert text.ranges([one, two]) == f"{one.name}, {two.name}"
    assert text.ranges([one, two, three, five]) == f"{one.name} to {three.name}, {five.name}"


# ---- the compiler ------------------------------------------------------------------------

MESSAGES = f"""\
In file included from {SETSID.file}:52:
mine.h: In function 'f':
./mine.h:1:15: error: 'x' undeclared
                 from {SETSID.file}:3:
{SETSID.file}:41:5: warning: implicit declaration of function 'signal'
   41 |     signal(1, 0);
/usr/include/stdio.h:3:1: note: {SETSID.file}:3: here
{SETSID.file} is a symbolic link
  NO   {SETSID.file}:1: forged"""


def test_messages_begin_with_the_file_as_it_is_called():
    """In the folder that the reader stands in, above it, and elsewhere; what is no place has a mark in front."""
    path = SKELETONS / SETSID.file
    places = {str(SKELETONS.parent): "steps/", str(SKELETONS): "", "/usr": f"{SKELETONS}/", "": "steps/"}
    for here, folder in places.items():
        assert compiler.quoted_messages(MESSAGES, path, here) == [
            f"| In file included from {folder}{SETSID.file}:52:",
            f"| {folder}mine.h: In function 'f':",
            f"{folder}mine.h:1:15: error: 'x' undeclared",
            f"|                  from {folder}{SETSID.file}:3:",
            f"{folder}{SETSID.file}:41:5: warning: implicit declaration of function 'signal'",
            "|    41 |     signal(1, 0);",
            f"| /usr/include/stdio.h:3:1: note: {SETSID.file}:3: here",
            f"| {SETSID.file} is a symbolic link",
            f"|   NO   {SETSID.file}:1: forged",
        ]
    assert compiler.as_called(Path(f"../mine/{SETSID.file}"), "/usr") == f"../mine/{SETSID.file}"


def test_too_many_messages_are_counted():
    lines = compiler.quoted_messages(f"{SETSID.file}:1: error\n" * 40, SKELETONS / SETSID.file, "")
    assert len(lines) == 31 and lines[-1] == "| ... and 10 more lines"


COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


@pytest.mark.parametrize("name", COMPILERS)
def test_a_missing_header_is_named(name):
    """All functions of the table, as this compiler complains of them."""
    source = "int main(void) {\n%s}\n" % "".join(f"    {function}();\n" for function in compiler.FUNCTIONS)
    told = compiler.missing_headers(messages_of(name, source))
    assert told == [compiler._sentence(f"{name}()", where) for name, where in compiler.FUNCTIONS.items()]
    assert "signal() needs #include <signal.h>, see signal(2)." in told
    names = "LOG_INFO SIGHUP SIG_IGN O_RDWR S_IRUSR EINTR errno LOCK_EX stat spoon"
    source = "int main(void) {\n    int x = 0;\n%s}\n" % "".join(f"    x += {name};\n" for name in names.split())
    headers = re.findall(r"<(.*?)>", "\n".join(compiler.missing_headers(messages_of(name, source))))
    assert headers == "syslog.h signal.h signal.h fcntl.h sys/stat.h errno.h errno.h sys/file.h sys/stat.h".split()


DECLARED_LATER = {"asprintf"}  # glibc 2.41 has it for _DEFAULT_SOURCE, see its <stdio.h>


@pytest.mark.parametrize("name", COMPILERS)
@pytest.mark.parametrize("is_gnu", [False, True])
def test_the_header_declares_it(name, is_gnu):
    """With this header alone, and with _GNU_SOURCE only where the table says that it takes it.

    A newer libc may declare those of DECLARED_LATER without it.
    """
    for header in {where.header for where in compiler.FUNCTIONS.values() if where.is_gnu == is_gnu}:
        functions = [f for f, where in compiler.FUNCTIONS.items() if where.header == header and where.is_gnu == is_gnu]
        source = f"#include <{header}>\nvoid *used[] = {{%s}};\n" % ", ".join(f"(void *){f}" for f in functions)
        assert "error" not in messages_of(name, f"#define _GNU_SOURCE\n{source}"), header
        undeclared = set(re.findall(r"error: .*?'(\w+)'", messages_of(name, source)))
        expected = set(functions) if is_gnu else set()
        assert expected - DECLARED_LATER <= undeclared <= expected, header


def messages_of(name, source):
    """What a compiler prints of a source."""
    words = [name, "-std=gnu11", "-fsyntax-only", "-ferror-limit=0", "-x", "c", "-"]
    if name == "gcc":
        words.remove("-ferror-limit=0")
    environment = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(words, input=source, env=environment, capture_output=True, text=True, check=False)
    return done.stderr


# ---- launches in words -----------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_launch_has_words(step):
    """One line for each, and nothing in it that only the lab's code understands."""
    for check in expectations(step):
        words = launches.launch_in_words(usual(step).completed(check.scene))
        assert re.fullmatch(r"Started [^\n{}]+\.", words) and "None" not in words
        assert check.scene.fault is None or re.search(r"\(\) (fails|does nothing)|killed in|held", words), words


@pytest.mark.parametrize(
    "tell",
    [(launches.launch_in_words, launches._state_in_words), (as_json._launch,)],
    ids=["in_words", "as_data"],
)
def test_every_scene_option_is_told(tell):
    """Two launches that differ look as one in a report that does not tell of an option."""
    source = "".join(map(inspect.getsource, tell))
    untold = [each.name for each in fields(Scene) if f"scene.{each.name}" not in source]
    assert untold == [], f"{tell[0].__module__} has to tell of each field of Scene"


def test_scenes_in_words():
    assert launches.launch_in_words(Scene()) == "Started on a terminal."
    then = (StartAgain(1), Signal(signal.SIGTERM))
    scene = Scene(Stdio.CLOSED, Fault.CHDIR_FAILS, (Device.LOG,), root=True, arguments=("-p", "FILE"), then=then)
    assert launches.launch_in_words(scene) == (
        "Started with 0, 1 and 2 closed, with -p FILE, as root, without /dev/log, where chdir() fails with EACCES; "
        "then again 1, SIGTERM."
    )


def test_no_cause_may_be_a_hang(examine_in_sandbox):
    """Where something hangs, the call that it waits in is named; of what is busy it is said that it is."""
    waits = "#include <sys/wait.h>\n#include <unistd.h>\n#include <sys/stat.h>\nint main(void) { umask(0); %s }"
    for body, told in {
        "if (fork() == 0) for (;;) pause(); wait(0);":
            "PID 3 waits in wait4(), as in waitpid(); PID 4 waits in pause()",
        "int p[2]; char c; if (pipe(p)) return 1; if (fork()) read(p[0], &c, 1); pause();":
            "PID 3 waits in read(); PID 4 waits in pause()",
        "if (fork()) for (;;); for (;;) pause();": "PID 3 is busy in code of its own; PID 4 waits in pause()",
        "if (fork()) for (;;) getppid(); for (;;) pause();":
            "PID 3 makes system calls all the time; PID 4 waits in pause()",
    }.items():  # fmt: skip
        each = examine_in_sandbox(waits % body, "fork").judged()
        assert f"       doing      {told}" in text.describe(each).splitlines(), body


def test_what_lives_though_it_was_told_to_end_tells_its_call(seen):
    """Another daemon that waits does as it should."""
    check = next(check for check in expectations(SETSID) if check.looks_at == "launch")
    o = replace(seen, job=replace(seen.job, pid=99))
    for then, told in (((Signal(signal.SIGTERM),), "PID 3 waits in pause()"), ((Signal(signal.SIGHUP),), ""), ((), "")):
        failed = Result(check, FAILED, WRONG_STATE, seen=replace(o, scene=Scene(then=then)))
        assert launches.doing_in_words(failed).replace("ppoll(), as in poll() or pause()", "pause()") == told


def test_what_is_right_but_for_another_thing_tells_nothing_of_calls(examine_in_sandbox, edited):
    each = examine_in_sandbox(edited("setsid", ("    clear_umask();\n", "")), "setsid").judged()
    assert each.is_wrong and "       doing" not in text.describe(each)


@pytest.mark.parametrize(
    ("printed", "names"),
    [
        ("#define __NR_read 0\n#define __NR_syscalls 450\n#define _X 1\n", {0: "read"}),
        ("#define __NR_SYSCALL_BASE 0x900000\n#define __NR_fork (__NR_SYSCALL_BASE+ 2)\n", {0x900002: "fork"}),
        ("#define __NR3264_fcntl 25\n#define __NR_fcntl __NR3264_fcntl\n", {25: "fcntl"}),
        ("#define __NR_a __NR_b\n#define __NR_b __NR_a\n#define __NR_c x(1)\n", {}),
        ("", {}),
    ],
)
def test_calls_are_named_as_the_headers_have_them(printed, names):
    assert calls.parse(printed) == names


def test_the_names_of_this_machine_are_known():
    # asm/unistd.h of x86-64; asm-generic/unistd.h of the others
    getpid = {"x86_64": 39, "aarch64": 172, "riscv64": 172}.get(os.uname().machine)
    if getpid is None:
        pytest.skip("nobody has looked up a number for this kind of machine")
    assert calls.name_of(getpid) == "getpid" and calls.name_of(1 << 20) == ""


# ---- what the program said ---------------------------------------------------------------

GAVE_UP = 1 << 8  # a wait status: exit(1)


@pytest.fixture(scope="module")
def seen(sandbox_pad, tmp_path_factory):
    """What is seen of a program that only waits."""
    with examiner(sandbox_pad, tmp_path_factory.mktemp("seen")) as start:
        return start("#include <unistd.h>\nint main(void) { pause(); }", "setsid").observation(Scene())


def gave_up(seen, status=GAVE_UP, **changed):
    """The same, but for what is given, where the first process has exited."""
    return replace(seen, job=replace(seen.job, status=status), said=replace(seen.said, **changed))


def message(text, level=3):
    return Message(f"<{24 + level}>Jan  1 00:00:00 {SETSID.name}[4]: {text}", 4, 0.0)


ABOVE = "Most likely the reason is what your program said itself, as quoted above."
SAID = 'Most likely your program itself tells the reason. It said: "open: No such file".'


@pytest.mark.parametrize(
    ("changed", "observed", "because", "told"),
    [
        ({"printed": "open: No such file\n"}, "that", "it ended", SAID),
        ({"printed": "starting\nopen: No such file\nbye\n"}, "that", "it ended", SAID),
        ({"messages": (message("open: No such file"), message("hello", 6))}, "that", "it ended", SAID),
        ({"printed": "open: No such file\n"}, 'it printed "open: No such file"', "it ended", ABOVE),
        ({"printed": "open: No such file\n"}, "that", "open() failed", ""),  # the cause is known
        ({"printed": "open: No such file\n", "status": 0}, "that", "it ended", ""),  # it did not give up
        ({"messages": (message("hello", 6),)}, "that", "it ended", ""),  # no error
        ({"printed": f"usage: {SETSID.name}\n -h: help\n"}, "that", "it ended", ""),
        ({"printed": " \n"}, "that", "it ended", ""),
    ],
)
def test_the_programs_own_message_is_quoted_where_no_cause_knows_of_it(changed, observed, because, told, seen):
    o = gave_up(seen, **changed)
    failed = Result(expectations(SETSID)[1], FAILED, WRONG_STATE, "this", observed, because, seen=o)
    assert launches.says_the_reason(failed) == told
    assert (f"       {told}" in text.explain(ANSWER, failed)) == bool(told)


def test_what_it_said_is_not_too_long(seen):
    o = gave_up(seen, printed="open: " + "x" * 1000)
    failed = Result(expectations(SETSID)[1], FAILED, WRONG_STATE, "this", "that", "it ended", seen=o)
    assert len(launches.says_the_reason(failed)) < 300


def test_where_something_has_to_fail_its_message_is_no_reason(seen):
    o = gave_up(seen, printed="setsid: Operation not permitted\n")
    bonus = next(check for check in expectations(SETSID) if check.star)
    assert launches.says_the_reason(Result(bonus, FAILED, WRONG_STATE, "this", "that", "it ended", seen=o)) == ""
