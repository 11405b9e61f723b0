"""A pytest plugin that runs some of the lab's tests: those of some steps, and all of some files.

It is an option's matter, and no object's, so that pytest-xdist hands it on to
its workers.
"""

from __future__ import annotations

import re

import pytest

from lab.toolbox import ROOT


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options for pytest, which changed.Selection writes."""
    group = parser.getgroup("selected tests of the daemon lab")
    group.addoption("--of-step", action="append", default=[], metavar="NN_name", help="tests that name this step")
    group.addoption("--of-file", action="append", default=[], metavar="PATH", help="all tests in this file")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not asked for."""
    steps, files = config.getoption("--of-step"), config.getoption("--of-file")
    of_steps = re.compile("|".join(rf"\b{re.escape(step)}\b" for step in steps) or "(?!)")

    def is_chosen(item: pytest.Item) -> bool:
        _, _, parameters = item.name.partition("[")
        return bool(of_steps.search(parameters)) or str(item.path.relative_to(ROOT)) in files

    left_out = [item for item in items if not is_chosen(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if is_chosen(item)]
