"""In CI a skipped test is a failure, however it is skipped, unless its reason is on the list."""

import os
import re
import subprocess
import sys

import conftest
import pytest
import skips
from conftest import PATIENCE

from lab.toolbox import ROOT

TESTS = {
    "test_by_itself.py": "import pytest\ndef test_it():\n    pytest.skip('by itself')\n",
    "test_by_mark.py": "import pytest\n@pytest.mark.skipif(True, reason='by a mark')\ndef test_it():\n    pass\n",
    "test_by_fixture.py": (
        "import pytest\n@pytest.fixture\ndef tool():\n    pytest.skip('by a fixture')\ndef test_it(tool):\n    pass\n"
    ),
    "test_by_module.py": "import pytest\npytest.skip('by its module', allow_module_level=True)\n",
    "test_by_import.py": "import pytest\npytest.importorskip('no_such_module', reason='by an import')\n",
    "test_allowed.py": "import pytest\ndef test_it():\n    pytest.skip('root can read everything')\n",
    "test_expected.py": "import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert False\n",
    "test_passes.py": "def test_it():\n    pass\n",
}
WAYS = {"by itself", "by a mark", "by a fixture", "by its module", "by an import"}


@pytest.fixture
def run(tmp_path):
    """A function: what pytest prints of TESTS, with CI as it is given, in `count` processes side by side."""
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run(ci, count=0):
        environment = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "proof"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        environment |= {"CI": ci, "COLUMNS": "200"}
        words = [sys.executable, "-m", "pytest", "-p", "skips", "-p", "no:cacheprovider", "-c", os.devnull]
        words += ["--rootdir", str(tmp_path), "--continue-on-collection-errors", "-ra"]
        if count:
            words += ["-p", "xdist.plugin", "-n", str(count)]
        done = subprocess.run(
            [*words, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return done.returncode, done.stdout

    return run


def counted(output):
    """How many tests pytest says came out in each way: {"failed": 3, ...}."""
    words = "passed|failed|errors|skipped|xfailed"
    return {word: int(count) for count, word in re.findall(rf"(\d+) ({words})\b", output.splitlines()[-1])}


def told(output):
    """The reasons for which something was skipped and may not be."""
    return set(re.findall(r"skipped in CI: (.+)", output))


def test_a_skip_is_a_failure_in_ci(run):
    status, output = run("true")
    assert (status, told(output)) == (1, WAYS), output
    assert counted(output) == {"passed": 1, "failed": 1, "errors": 4, "skipped": 1, "xfailed": 1}


def test_a_skip_is_a_failure_in_ci_side_by_side_too(run):
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    status, output = run("true", 2)
    assert status != 0 and told(output) == WAYS, output


@pytest.mark.parametrize("ci", ["", "false"])
def test_elsewhere_a_skip_is_a_skip(ci, run):
    status, output = run(ci)
    assert (status, counted(output)) == (0, {"passed": 1, "skipped": 6, "xfailed": 1}), output


def test_the_labs_own_tests_are_held_to_it():
    """pytest finds the hooks in the conftest.py of this folder."""
    for name in ("pytest_runtest_makereport", "pytest_make_collect_report"):
        assert getattr(conftest, name) is getattr(skips, name)


def test_every_entry_of_the_list_says_why():
    for pattern, why in skips.ALLOWED:
        assert re.compile(pattern) and len(why.split()) >= 5
    assert len(skips.ALLOWED) <= 12, "a short list"
