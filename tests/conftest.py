"""pytest's side of the lab: its options, and what all tests share."""

from contextlib import contextmanager

import pytest

from lab.answers import find_answers, ways_to_name_a_step
from lab.checks import expectations
from lab.judge.examination import Workshop
from lab.toolbox import SKELETONS, LabError, OnlyOnce, printable


def pytest_addoption(parser):
    group = parser.getgroup("the daemon lab")
    group.addoption(
        "--answers",
        action=OnlyOnce,
        metavar="DIR",
        default=str(SKELETONS),
        help="the folder with the answers (default: steps/)",
    )
    group.addoption("--step", action=OnlyOnce, metavar="NN", help=f"check this step alone: {ways_to_name_a_step()}")
    group.addoption("--no-sandbox", action="store_true", help="use no namespaces, as where they are not allowed")


def pytest_report_header(config):
    return f"answers: {printable(config.getoption('--answers'))}"


def pytest_configure(config):
    """Wrong usage is told before anything is collected."""
    try:
        config.lab_answers = find_answers(config.getoption("--answers"), config.getoption("--step"))
    except LabError as error:
        raise pytest.UsageError(printable(str(error))) from None


def pytest_generate_tests(metafunc):
    """One test for every check of every answer that was asked for."""
    if {"answer", "check"} <= set(metafunc.fixturenames):
        # The folder was looked at once: it may be another one by now.
        ready = metafunc.config.pluginmanager.get_plugin("lab-workshop")
        answers = ready.examinations if ready else metafunc.config.lab_answers
        cases = [(answer, check) for answer in answers for check in expectations(answer.step)]
        ids = [f"{answer.step.name}-{check.key}" for answer, check in cases]
        metafunc.parametrize("answer, check", cases, ids=ids)


@pytest.fixture(scope="session")
def workshop(request):
    """The judge.Workshop of this run; `make check` brings one that is at work already."""
    ready = request.config.pluginmanager.get_plugin("lab-workshop")
    items = [item for item in request.session.items if "answer" in getattr(item, "fixturenames", ())]
    answers = dict.fromkeys(item.callspec.params["answer"] for item in items)
    with told_in_one_line():
        shop = ready or Workshop(answers, sandbox=not request.config.getoption("--no-sandbox"))
    yield shop
    shop.close()


@pytest.fixture
def result(workshop, answer, check):
    """The judge.Result of one check of one answer."""
    with told_in_one_line():
        return workshop.examinations[answer].result(check)


@contextmanager
def told_in_one_line():
    """Where the environment is at fault, no answer is: the run ends, with one line."""
    try:
        yield
    except LabError as error:
        pytest.exit(printable(str(error)), returncode=2)
