"""What several steps' checks have in common is asked with what a hostile program may say."""

import signal
from dataclasses import replace

import pytest

from lab.checks.common import Failure, reports, whole_number, why_failure_is_not_reported
from lab.facts import Message, Piped, Said
from lab.judge.examination import examiner
from lab.scene import Scene, Stdio


@pytest.mark.parametrize("text, number", [("0", 0), ("0042", 42), ("18446744073709551615", 2**64 - 1)])
def test_a_whole_number_is_read(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", " 1", "1\n", "-1", "+1", "1.0", "0x1", "1_0", "²", "١", "9" * 21, "9" * 5000])
def test_what_is_no_whole_number_is_none(text):
    """Neither for int() nor for a division is it too much."""
    assert whole_number(text) is None


# ---- a call that is made to fail -----------------------------------------------------

FAILURE = Failure("setsid", "Operation not permitted", "Only half of it is there.")
REASON = "setsid: Operation not permitted\n"
OVER, WENT_WRONG, ABORTED, CRASHED = 0, 1 << 8, signal.SIGABRT, signal.SIGSEGV  # wait statuses


@pytest.fixture(scope="module")
def seen(sandbox_pad, tmp_path_factory):
    """What is seen of a program that only waits."""
    with examiner(sandbox_pad, tmp_path_factory.mktemp("seen")) as start:
        return start("#include <unistd.h>\nint main(void) { pause(); }", "setsid").observation(Scene(stdio=Stdio.PIPE))


def came(seen, status, output="", errors="", stays=False, log=""):
    """The same, where a child has ended in some way, or stays, and something was printed."""
    messages = (Message(f"<27>Jan  1 00:00:00 x[4]: {log}", 4, 0.0),) if log else ()
    return replace(
        seen,
        job=replace(seen.job, status=OVER),
        processes=seen.processes if stays else (),
        reaped={} if stays else {4: status},
        said=Said(messages, (), output + errors, errors),
        piped=Piped(output, is_closed=True),
    )


@pytest.mark.parametrize("errors", [REASON, "x: Operation not permitted\n", "setsid failed\n"])
def test_a_failure_is_reported_on_standard_error(errors, seen):
    assert reports(came(seen, WENT_WRONG, errors=errors), FAILURE)


@pytest.mark.parametrize(
    ("status", "said", "cause"),
    [
        (OVER, {"stays": True}, "Most likely your program ignores what setsid() returned"),
        (OVER, {"stays": True, "errors": "started\n"}, "Most likely your program ignores what setsid() returned"),
        (OVER, {"stays": True, "errors": REASON}, "Your program notices that setsid() failed, but it keeps running."),
        (OVER, {"stays": True, "log": "no session: cannot go on"}, "Your program notices that setsid() failed"),
        (ABORTED, {"errors": "Assertion `sid != -1' failed.\n"}, "SIGABRT killed your program when setsid() failed."),
        (CRASHED, {"errors": REASON}, "SIGSEGV killed your program when setsid() failed."),
        (signal.SIGTERM, {}, "SIGTERM killed your program when setsid() failed."),
        (OVER, {"errors": REASON}, "Your program exits with status 0 although the call failed."),
        (WENT_WRONG, {"output": REASON}, "Your program prints the reason on standard output."),
        (WENT_WRONG, {"output": REASON, "errors": "bye\n"}, "Your program prints the reason on standard output."),
        (WENT_WRONG, {"log": "setsid: Operation not permitted"}, "Your program tells the reason only to the log."),
        (WENT_WRONG, {}, "Your program exits without a message."),
        (WENT_WRONG, {"errors": "it went wrong\n"}, "The message of your program names neither the call nor"),
    ],
)
def test_it_is_told_why_a_failure_is_not_reported(status, said, cause, seen):
    o = came(seen, status, **said)
    assert not reports(o, FAILURE)
    assert why_failure_is_not_reported(o, FAILURE).startswith(cause)
