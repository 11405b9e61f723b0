"""`make check`: pytest runs the checks, and a report of the lab's own tells of them."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from lab import __version__
from lab.answers import Answer, find_step
from lab.course import Step
from lab.deliver import STANDARD_OUTPUT, deliver
from lab.judge.compiling import Builder
from lab.report import text
from lab.report.as_json import CheckRun, as_json
from lab.report.terminal import Page, page
from lab.toolbox import ROOT, LabError

# Where this does not compile, the machine is at fault. Its "step" is a name only.
SMALLEST = Answer(Step("smallest", "", ""), ROOT / "tests" / "lab" / "smallest.c")

PASSED, WRONG, BROKEN = 0, 1, 2  # exit statuses


class Reporter:
    """A pytest plugin that prints in place of pytest's own terminal reporter."""

    def __init__(self, workshop, alone, on=Page(), is_silent=False):
        self.workshop = workshop
        self.alone = alone  # whether one step was asked for by name
        self.page = on
        self.is_silent = is_silent  # the report is not printed: it is wanted as data
        self.judged = []
        self.to_explain = None  # the first verdict.Judged that is wrong: what it is told stands last
        self.not_begun = []  # answers
        self.is_stuck = False  # a step is not done
        self.current = None  # the answer whose checks are run
        self.error = ""
        self.output_lost = None  # the OSError, once nothing can be printed any more
        self.seconds = {}  # of each answer that was judged, from its first check to its last
        self.notes = []  # lines that belong to no answer
        self.compiler_works = False  # known to, once something has been compiled

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        config.pluginmanager.register(self.workshop, "lab-workshop")
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_runtest_protocol(self, item, nextitem):
        """Beyond the first step that is not done, what was not begun is not looked at."""
        answer = item.callspec.params["answer"]
        if answer != self.current:  # its first check
            self.current = answer
            self.begun = time.monotonic()
            if self.is_stuck and answer.is_untouched():
                self.not_begun.append(answer)
        return True if answer in self.not_begun else None

    def pytest_runtest_teardown(self, item, nextitem):
        """Once a step's last check is through, print the step."""
        answer = item.callspec.params["answer"]
        if nextitem is not None and nextitem.callspec.params["answer"] == answer:
            return
        if "result" not in item.funcargs:
            return  # it did not get that far: the environment is at fault
        self._look_at_compiler(self.workshop.examinations[answer])
        if not self.judged:
            self._print_header(self.workshop.pad)
        judged = self.workshop.examinations[answer].judged()
        self.judged.append(judged)
        self.seconds[answer] = time.monotonic() - self.begun
        self.is_stuck = self.is_stuck or not judged.is_done
        self._tell(judged)

    def _tell(self, judged):
        """Print what came of an answer. Of the first that is wrong, the explanation is kept for the end."""
        lines = text.summary(judged, self.page)
        if judged.is_wrong and self.to_explain is None:
            self.to_explain = judged
        else:
            lines += text.explanation(judged, self.page)
        self._say("\n".join([*lines, ""]))

    def _explain(self):
        """Print what the first wrong answer is told: what stands last is what is seen first."""
        judged, self.to_explain = self.to_explain, None
        if judged:
            lines = text.explanation(judged, self.page, is_named=not self.alone)
            self._say("\n".join([*lines[1:], ""]))

    def _say(self, words):
        """Print `words`, if a report in words is wanted.

        Where nobody reads them any more, or they cannot be written, the run ends.
        """
        if self.is_silent:
            return
        try:
            print(words, flush=True)
        except OSError as error:
            self.output_lost = error
            pytest.exit("the output is lost")

    def _look_at_compiler(self, examination):
        """End the run if it is the compiler's fault that a program does not compile: not even the smallest one does."""
        if self.compiler_works:
            return
        if not examination.build.compiles:
            builder = Builder(self.workshop.pad, [SMALLEST])
            build = builder.build(SMALLEST)
            builder.close()
            if not build.compiles:
                lines = build.messages.splitlines()
                reason = next((line for line in lines if "error" in line), lines[0])
                pytest.exit(
                    f"the C compiler does not work: {reason}. "
                    "Install it and the C library's headers anew (Debian, Ubuntu: apt install gcc libc6-dev)"
                )
        self.compiler_works = True

    def _print_header(self, pad):
        why_not = "" if pad.is_sandboxed() else pad.why_not
        self.notes += text.header(why_not, pad.unlimited(), os.geteuid() == 0)
        for line in self.notes:
            self._say(self.page.broken(line))

    def pytest_runtest_logreport(self, report):
        if report.failed and report.when != "call":
            self.error = report.longreprtext.strip().splitlines()[-1]

    def pytest_internalerror(self, excrepr):
        self.error = str(excrepr).strip().splitlines()[-1]
        return True

    def pytest_keyboard_interrupt(self, excinfo):
        self.error = str(excinfo.value) or "stopped by Ctrl-C"

    def status(self):
        """The exit status, after printing what is done and what comes next.

        Raises LabError where nothing could be checked, and OSError where nothing could be printed.
        """
        if self.output_lost:
            raise self.output_lost
        if self.error:
            self._explain()
            raise LabError(self.error)
        if not self.judged:
            raise LabError("nothing was checked")
        missing = text.unchecked(self.judged)
        notes = [*missing, *text.overlooked(self.judged, self.alone)]
        self.notes += notes
        lines = [*text.not_begun(self.not_begun), *notes]
        if lines and self.to_explain:
            lines.append("")
        for line in lines:
            self._say(line)
        self._explain()
        self._say(self.summary())
        if self.output_lost:
            raise self.output_lost
        if any(each.is_wrong for each in self.judged):
            return WRONG
        return BROKEN if missing else PASSED

    def summary(self):
        """The closing line."""
        return text.progress(self.judged, self.not_begun, self.alone)


def columns():
    """How wide the terminal is that standard output is, 0 where it does not say, -1 where it is none."""
    try:
        return os.get_terminal_size(1).columns if os.isatty(1) else -1
    except OSError:
        return 0


def check(workshop, answers, step, is_verbose=False, file=None):
    """Check the answers in the folder `answers`, `step` alone if it is given.

    `workshop` is at work on them already. With `is_verbose` every check is
    listed. `file` is where the results go as data, "-" for standard output.
    Returns the exit status; raises LabError where nothing can be checked, or
    the file cannot be written.
    """
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they cost time, and print
    os.environ.pop("PYTEST_ADDOPTS", None)
    tests = ROOT / "tests"
    words = ["-c", str(tests / "pyproject.toml"), "--rootdir", str(tests), "-p", "no:cacheprovider",
             "--capture=no", "--answers", str(answers), str(tests / "test_answers.py")]  # fmt: skip
    words += ["--step", step] if step else []
    on = page(columns(), os.environ, os.getcwd(), is_verbose)
    reporter = Reporter(workshop, alone=bool(step), on=on, is_silent=file == STANDARD_OUTPUT)
    pytest.main(words, plugins=[reporter])
    status = reporter.status()
    if file is not None:
        run = CheckRun(
            folder=Path(answers).resolve().name,
            step=find_step(step) if step else None,
            judged=reporter.judged,
            not_begun=reporter.not_begun,
            seconds=reporter.seconds,
            sandbox=workshop.pad.is_sandboxed(),
            notes=reporter.notes,
            summary=reporter.summary(),
            status=status,
            commit=commit(),
            version=__version__,
            here=on.here,
        )
        deliver(as_json(run), file)
    return status


def commit():
    """The commit of the lab, "" where it is no clone or git does not tell."""
    if not (ROOT / ".git").exists():  # git would look for one in the folders above
        return ""
    words = ["git", "-C", str(ROOT), "rev-parse", "--verify", "HEAD"]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
