"""The lab's parsers withstand what nobody would send, and the fuzzer sees one that does not."""

import random
import shutil

import pytest
from test_protocol import edit

from lab.dev import fuzz
from lab.kernel import procfs
from lab.sandbox.program import SOURCES


@pytest.mark.parametrize("seed", [1, 2])
def test_parsers_withstand_what_nobody_would_send(seed, tmp_path):
    """For a second here; `make matrix` takes longer, and other seeds."""
    found = fuzz.run(seed, 1.0, tmp_path)
    assert found.wrong == [] and found.count > 500


def test_the_fuzzer_sees_a_parser_that_is_wrong(tmp_path, monkeypatch):
    def forged(folder):
        text = procfs.read(folder + "/stat")
        fields = text.partition(b") ")[2].split()  # the first parenthesis: a name can have one, too
        return procfs.Stat(fields[0].decode(), *(int(fields[i]) for i in (1, 2, 3, 4, 5, 8, 12, 17, 19)))

    monkeypatch.setattr(procfs, "read_stat", forged)
    with pytest.raises((fuzz.Wrong, ValueError, IndexError)):
        for number in range(50):
            fuzz.fuzz_stat(tmp_path, random.Random(number))


def test_the_fuzzer_sees_a_launcher_that_reads_too_far(tmp_path, monkeypatch):
    """As it was once: of file=MODE:NAME, whatever stands behind the mode was the name."""
    sources = tmp_path / "launcher"
    shutil.copytree(SOURCES, sources)
    edit(sources / "reading.c", "colon == NULL || colon[1] == '\\0'", "colon == NULL")
    edit(sources / "reading.c", "    *colon = '\\0';\n", "    *colon = '\\0';\n    colon += strlen(value) * 100;\n")
    monkeypatch.setattr(fuzz, "SOURCES", sources)
    driver = fuzz.build_driver(tmp_path)
    with pytest.raises(fuzz.Wrong, match="AddressSanitizer|it has read"):
        for number in range(5):
            fuzz.fuzz_launcher(driver, fuzz.request_input, random.Random(number))
