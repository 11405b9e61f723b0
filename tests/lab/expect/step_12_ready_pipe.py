"""Step 12: the launched process returns when the daemon is ready, or says why it is not."""

import os

from lab.expect.model import Check, Scene, ended, fate
from lab.expect.step_07_syslog import null_and_log
from lab.expect.step_06_dev_null import with_access
from lab.expect.step_08_sighup import LEADING, TIMES
from lab.expect.step_11_pid_file import ONCE_MORE
from lab.launched import PID_FILE


def failed_to_start(o):
    """Whether the launched process told its caller so: it exited with a status other than 0, and nothing lives."""
    return o.job_status is not None and os.WIFEXITED(o.job_status) and o.job_status != 0 and not o.processes


def second(o):
    """The status of the one that was started again, None if it has not ended."""
    return o.again[0] if o.again else None


HANGS = (
    lambda o: o.job_status is None,
    "the launched process waits for ever: somebody still has a write end of the pipe, so that there is no end of "
    "file. It has one itself until it closes it; and after a message there is nothing to wait for",
)
RETURNS_0 = (
    lambda o: o.job_status == 0,
    "it returned 0 although there is no daemon: end of file without a word means that the daemon has ended",
)
LIVES_ON = (lambda o: o.processes, "something lives on that nobody has been told of")


def killed_at(call, key, says):
    """The check that a daemon which is killed half-way is no daemon for the caller either."""
    return Check(
        key=key,
        says=says,
        read="pipe(7), wait(2)",
        on_process=False,
        scene=Scene(fault=f"{call}-killed"),
        follows=("one_lives_on",),
        holds=lambda o: o.job_status not in (None, 0) and not o.processes,
        expected=lambda o: "the launched process ends with a status other than 0, and nothing lives on",
        observed=lambda o: f"{call}() was made to kill its caller; {fate(o)}",
        causes=(HANGS, RETURNS_0, LIVES_ON),
    )


CHECKS = [
    Check(
        key="ready_when_it_returns",
        says=f"when the launched process returns 0, FILE is complete, {TIMES} times of {TIMES}",
        read="pipe(7)",
        on_process=False,
        scene=LEADING,
        times=TIMES,
        follows=("one_lives_on", "pid_file", "survives_hangup"),
        holds=lambda o: o.process is not None and o.job_status == 0 and o.found == f"{o.process.pid}\n",
        expected=lambda o: f"status 0, and at that moment the daemon's PID in {PID_FILE}",
        observed=lambda o: fate(o)
        if o.job_status != 0
        else f'at the moment when it returned there was "{(o.found or "").strip()}" in {PID_FILE}',
        causes=(
            (
                lambda o: o.job_status is not None and o.job_status != 0,
                lambda o: f"the launched process {ended(o.job_status)}, although the daemon came up: it did not get "
                "the daemon's word, or took it for a failure",
            ),
            (
                True,
                "the launched process did not wait for the daemon, or the daemon gave its word too early: the last "
                "thing that can fail comes first, then the word",
            ),
        ),
    ),
    Check(
        key="second_is_told",
        says="a second one is told: a status other than 0, and the reason on its standard error",
        read="pipe(7), stderr(3)",
        on_process=False,
        scene=ONCE_MORE,
        follows=("one_lives_on", "second_does_not_start"),
        holds=lambda o: second(o) is not None
        and os.WIFEXITED(second(o))
        and second(o) != 0
        and bool(o.again_printed.strip()),
        expected=lambda o: "launched once more: a status other than 0, and a reason",
        observed=lambda o: ("it has not ended" if second(o) is None else f"it {ended(second(o))}")
        + (
            f', and printed "{o.again_printed.strip()[:200]}"' if o.again_printed.strip() else ", and printed nothing"
        ),
        causes=(
            (lambda o: second(o) is None, HANGS[1]),
            (
                lambda o: second(o) == 0,
                "the launched process returned 0: it did not wait, or whatever comes through the pipe counts as good",
            ),
            (True, "the reason went to the log, or nowhere: send it through the pipe, and print it where it is read"),
        ),
    ),
    Check(
        key="caller_is_told",
        says="FILE cannot be made: a status other than 0, the reason on standard error, nothing lives on",
        read="pipe(7), stderr(3), strerror(3)",
        on_process=False,
        scene=Scene(arguments=("-p", f"nowhere/{PID_FILE}")),
        follows=("one_lives_on", "pid_file"),
        holds=lambda o: failed_to_start(o) and "No such file" in o.printed,
        expected=lambda o: 'a status other than 0, and "No such file or directory"',
        observed=lambda o: f"launched with -p nowhere/{PID_FILE}; {fate(o)}",
        causes=(
            HANGS,
            RETURNS_0,
            LIVES_ON,
            (
                lambda o: not o.printed.strip(),
                "the status is right, but the reason is not heard: the daemon's standard error is closed by then. Send "
                "it through the pipe, for the launched process to print",
            ),
            (True, "what it prints is not the daemon's own reason: send the text, not only that it failed"),
        ),
    ),
    killed_at("setsid", "killed_early", "returns with a status other than 0 when the child is killed in setsid()"),
    killed_at("chdir", "killed_later", "returns with a status other than 0 when the daemon is killed in chdir()"),
    Check(
        key="ready_with_none_open",
        says="comes out the same when 0, 1 and 2 are closed at its start",
        read="stdin(3), fcntl(2) (F_DUPFD)",
        star=True,
        on_process=False,
        scene=Scene(stdio="closed"),
        holds=lambda o: o.process is not None and o.job_status == 0 and null_and_log(o),
        expected=lambda o: "status 0, and a daemon with 0, 1 and 2 on the null device",
        observed=lambda o: fate(o) if o.process is None or o.job_status != 0 else with_access(o),
        causes=(
            (
                True,
                "the pipe got one of the numbers 0, 1, 2, which were free: a copy above 2 is out of the way "
                "(F_DUPFD_CLOEXEC)",
            ),
        ),
    ),
]
