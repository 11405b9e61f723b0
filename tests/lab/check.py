"""`make check`: pytest runs the checks, and a report of the lab's own tells of them."""

import os

import pytest

from lab import report
from lab.toolbox import ROOT, LabError

PASSED, WRONG, BROKEN = 0, 1, 2  # exit statuses


class Reporter:
    """A pytest plugin that prints in place of pytest's own terminal reporter."""

    def __init__(self, workshop, alone):
        self.workshop = workshop
        self.alone = alone  # whether one step was asked for by name
        self.examinations = []
        self.not_begun = []  # answers
        self.is_stuck = False  # a step is not done
        self.current = None  # the answer whose checks are run
        self.error = ""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        config.pluginmanager.register(self.workshop, "lab-workshop")
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_runtest_protocol(self, item, nextitem):
        """Beyond the first step that is not done, what was not begun is not looked at."""
        answer = item.callspec.params["answer"]
        if answer != self.current:  # its first check
            self.current = answer
            if self.is_stuck and answer.is_untouched():
                self.not_begun.append(answer)
                print(f"{report.heading(answer.step)}: not begun", flush=True)
        return True if answer in self.not_begun else None

    def pytest_runtest_teardown(self, item, nextitem):
        """Once a step's last check is through, print the step."""
        answer = item.callspec.params["answer"]
        if nextitem is not None and nextitem.callspec.params["answer"] == answer:
            return
        if "result" not in item.funcargs:
            return  # it did not get that far: the environment is at fault
        if not self.examinations:
            self._print_header(self.workshop.pad)
        self.examinations.append(self.workshop.examinations[answer])
        self.is_stuck = self.is_stuck or not report.is_done(self.examinations[-1])
        print(report.describe(self.examinations[-1]), flush=True)

    def _print_header(self, pad):
        if not pad.is_sandboxed():
            print(
                f"No sandbox ({pad.why_not}): answers are not shut off from the rest of this machine. "
                "Run none that you do not trust."
            )

    def pytest_runtest_logreport(self, report):
        if report.failed and report.when != "call":
            self.error = report.longreprtext.strip().splitlines()[-1]

    def pytest_internalerror(self, excrepr):
        self.error = str(excrepr).strip().splitlines()[-1]
        return True

    def pytest_keyboard_interrupt(self, excinfo):
        self.error = str(excinfo.value) or "stopped by Ctrl-C"

    def status(self):
        """The exit status, after printing what is done and what comes next."""
        if self.error:
            raise LabError(self.error)
        if not self.examinations:
            raise LabError("nothing was checked")
        missing = report.unchecked(self.examinations)
        if missing:
            print(missing)
        print(report.progress(self.examinations, self.not_begun, self.alone))
        if any(map(report.is_wrong, self.examinations)):
            return WRONG
        return BROKEN if missing else PASSED


def check(workshop, answers, step):
    """Check the answers in the folder `answers`, `step` alone if it is given.

    `workshop` is at work on them already. Returns the exit status; raises
    LabError where nothing can be checked.
    """
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they cost time, and print
    os.environ.pop("PYTEST_ADDOPTS", None)
    tests = ROOT / "tests"
    words = ["-c", str(tests / "pytest.ini"), "--rootdir", str(tests), "-p", "no:cacheprovider",
             "--capture=no", "--answers", str(answers), str(tests / "test_answers.py")]  # fmt: skip
    words += ["--step", step] if step else []
    reporter = Reporter(workshop, alone=bool(step))
    pytest.main(words, plugins=[reporter])
    return reporter.status()
