"""pytest's side of the lab: its options, and what all tests share."""

import pytest

from lab.answers import find_answers
from lab.build import Builder
from lab.expect import expectations
from lab.judge import Examination
from lab.launch import Launchpad
from lab.toolbox import STEPS, LabError


def pytest_addoption(parser):
    group = parser.getgroup("the daemon lab")
    group.addoption("--answers", metavar="DIR", default=str(STEPS), help="the folder with the answers (default: steps/)")
    group.addoption("--step", metavar="NN", help="check this step alone: 3, 03 or 03_setsid")
    group.addoption("--no-sandbox", action="store_true", help="use no namespaces, as where they are not allowed")


def pytest_report_header(config):
    return f"answers: {config.getoption('--answers')}"


def pytest_generate_tests(metafunc):
    """One test for every check of every answer that was asked for."""
    if {"answer", "check"} <= set(metafunc.fixturenames):
        try:
            answers = find_answers(metafunc.config.getoption("--answers"), metafunc.config.getoption("--step"))
        except LabError as error:
            raise pytest.UsageError(str(error)) from None
        cases = [(answer, check) for answer in answers for check in expectations(answer.step)]
        ids = [f"{answer.step.name}-{check.key}" for answer, check in cases]
        metafunc.parametrize("answer, check", cases, ids=ids)


@pytest.fixture(scope="session")
def pad(pytestconfig):
    """The launch.Launchpad of this run."""
    try:
        return Launchpad(sandbox=not pytestconfig.getoption("--no-sandbox"))
    except LabError as error:
        pytest.exit(str(error), returncode=2)


@pytest.fixture(scope="session")
def examinations(request, pad):
    """The judge.Examination of every answer that is to be checked, by answer."""
    answers = dict.fromkeys(
        item.callspec.params["answer"] for item in request.session.items if "answer" in getattr(item, "fixturenames", ())
    )
    try:
        builder = Builder(pad, answers)
        yield {answer: Examination(answer, pad, builder) for answer in answers}
        builder.close()
    except LabError as error:
        pytest.exit(str(error), returncode=2)


@pytest.fixture
def result(examinations, answer, check):
    """The judge.Result of one check of one answer."""
    try:
        return examinations[answer].result(check)
    except LabError as error:
        pytest.exit(str(error), returncode=2)
