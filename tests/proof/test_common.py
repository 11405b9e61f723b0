"""What several steps' checks have in common is asked with what a hostile program may say."""

import pytest

from lab.checks.common import whole_number


@pytest.mark.parametrize("text, number", [("0", 0), ("0042", 42), ("18446744073709551615", 2**64 - 1)])
def test_a_whole_number_is_read(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", " 1", "1\n", "-1", "+1", "1.0", "0x1", "1_0", "²", "١", "9" * 21, "9" * 5000])
def test_what_is_no_whole_number_is_none(text):
    """Neither for int() nor for a division is it too much."""
    assert whole_number(text) is None
