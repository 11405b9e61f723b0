"""With CI=true a skipped test is a failure, unless its reason stands on the list below.

A test that is skipped proves nothing, and nobody reads a green run to its end.
Where CI runs, .ci/run installs all that the tests can use. So what is skipped
there is either on this list, with a reason that no installed package changes, or it is
a test that has ceased to run, and that must be seen.
"""

import os
import re

import pytest

# (a pattern that the whole reason has to match, why that is right in CI)
ALLOWED = (
    (
        r"root can read everything",
        "The test is about a file that may not be read. CI's second part runs it as an ordinary user.",
    ),
    (
        r"an ordinary user's answers are not contained without a sandbox: .*",
        "The README and the report's header say the same. CI's first part runs these answers as root.",
    ),
    (
        r"only root can make a device|it takes root to make such files in /opt"
        r"|only root can leave a (folder|process) of root's behind",
        "What the test is about takes root to set up. CI's first part runs it as root.",
    ),
    (
        r"whoever runs these tests is an ordinary user already",
        "The test lets root become one. CI's first part runs it as root.",
    ),
    (
        r"no control group can be made here",
        "An ordinary user gets one where systemd has delegated its controllers. CI's first part runs the test as root.",
    ),
    (
        r"this kernel has no time namespaces",
        "Linux has them from 5.6 on, and a machine's kernel is no package. The test runs on any newer one.",
    ),
    (
        r"this is systemd \d+: Type=notify-reload is known from 253 on",
        "Debian 12 has systemd 252. The test runs where a newer systemd is installed.",
    ),
)


def is_ci():
    """Whether this run is one of CI's."""
    return os.environ.get("CI") == "true"


def is_allowed(reason):
    """Whether a test may be skipped in CI for this reason."""
    return any(re.fullmatch(pattern, reason) for pattern, _ in ALLOWED)


def _reason(report):
    """Why a test or a module is skipped, as its author wrote it; None if it is not skipped.

    A test that is expected to fail, and does, counts as skipped for pytest. It has run.
    """
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return None
    _, _, text = report.longrepr
    return text.removeprefix("Skipped: ")


def _told(node, reason):
    """What pytest prints of a failure, for a node that was skipped."""
    try:
        pytest.fail(f"skipped in CI: {reason}", pytrace=False)
    except pytest.fail.Exception:
        return node.repr_failure(pytest.ExceptionInfo.from_current())


def _judge(node, report):
    """Turn the report of a node that may not be skipped into that of a failure."""
    reason = _reason(report)
    if reason is not None and is_ci() and not is_allowed(reason):
        report.outcome, report.longrepr = "failed", _told(node, reason)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A test that was skipped by a mark, by a fixture, or by itself."""
    outcome = yield
    _judge(item, outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    """A module that was skipped as a whole, for example by importorskip()."""
    outcome = yield
    _judge(collector, outcome.get_result())
