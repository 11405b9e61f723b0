"""Step 12: the launched process returns when the daemon is ready, or says why it is not."""

import errno
import os
import signal
from dataclasses import replace

from lab.checks import still
from lab.checks.model import Check, crash, ended, fate, star_for_failure
from lab.checks.step_05_close_fds import inherited
from lab.checks.step_06_dev_null import with_access
from lab.checks.step_07_syslog import extra, null_and_log, standard_holds
from lab.checks.step_08_sighup import LEADING, TIMES
from lab.checks.step_11_pid_file import ONCE_MORE
from lab.scene import HOLD_CHDIR, PID_FILE, Scene

# One of these is in what is said where 0, 1 and 2 are not the null device: its name, its number, the reason.
NO_NULL = ("/dev/null", "-1", os.strerror(errno.ENOENT), "open", "dup")


def failed_to_start(o):
    """Whether the launched process told its caller so: it exited with a status other than 0, and nothing lives."""
    return o.job_status is not None and os.WIFEXITED(o.job_status) and o.job_status != 0 and not o.processes


def second(o):
    """The status of the one that was started again, None if it has not ended."""
    return o.again[0] if o.again else None


HANGS = (
    lambda o: o.job_status is None,
    "the launched process waits for ever, for what does not come from a daemon that has ended. A pipe gives end of "
    "file only when nobody has a write end any more, and the launched process has one itself until it closes it. "
    "A file, or a signal that is waited for alone, tells of no end at all",
)
KNOWS_BETTER = (
    "it says that there is no daemon, and returns 0 all the same: the status is what scripts look at. If it hands on "
    "what wait(2) gave it: that is no exit status, and _exit() takes the lower 8 bits of it. WEXITSTATUS() is one"
)
DID_NOT_WAIT = (
    "it returned 0 although no daemon came of it: it did not wait for the daemon's word, or whatever comes through the "
    "pipe counts as good. End of file without a word means that the daemon has ended"
)
RETURNS_0 = (
    (lambda o: o.job_status == 0 and o.printed.strip(), KNOWS_BETTER),
    (lambda o: o.job_status == 0, DID_NOT_WAIT),
)
LIVES_ON = (lambda o: o.processes, "something lives on that nobody has been told of")
PIPE_FAILS = star_for_failure(
    "pipe",
    "EMFILE",
    "its two numbers are none then",
    "socketpair",
    "No file descriptors available",  # EMFILE in musl's words
)


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
        causes=(HANGS, *RETURNS_0, LIVES_ON),
    )


def pipes(o):
    """Whether of what is open too much there is an end of a pipe that it made itself."""
    return standard_holds(o) and not inherited(o) and any(d.kind == "pipe" for d in extra(o).values())


def comes_out_the_same(key, where, read, scene, *causes):
    """The bonus check that the pipe gets past a hindrance on the way."""
    return Check(
        key=key,
        says=f"comes out the same {where}",
        read=read,
        star=True,
        on_process=False,
        scene=scene,
        holds=lambda o: o.process is not None and o.job_status == 0 and null_and_log(o),
        expected=lambda o: "status 0, and a daemon with 0, 1 and 2 on the null device",
        observed=lambda o: fate(o) if o.process is None or o.job_status != 0 else with_access(o),
        causes=causes,
    )


CHECKS = [
    still(
        9,
        "one_lives_on",
        causes=(
            (
                lambda o: o.job_status is None and len(o.processes) == 2,
                "the daemon is up, and the launched process still waits, or has run on: it did not get the daemon's "
                "word. What is written with stdio stays in a buffer until fflush(). And if it reads to end of file, "
                "somebody still has a write end: the daemon, a child of it, or the launched process itself. One "
                "newline is enough",
            ),
            (
                lambda o: o.job_status and os.WIFEXITED(o.job_status) and len(o.processes) == 1,
                "the daemon is up, and the launched process says that it is not: it got end of file without a word, or "
                "took the word for a failure. The daemon's end was closed with the other descriptors, or before it was "
                "used",
            ),
            (
                lambda o: crash(o) == signal.SIGPIPE and not o.processes,
                "SIGPIPE ended the daemon: it gave its word to a pipe whose read end nobody has any more. The pipe was "
                "made after the fork, so that each has one of its own; or the launched process did not wait",
            ),
        ),
    ),
    still(9, "gets_no_terminal", follows=("one_lives_on",)),
    still(
        11,
        "null_device_log_and_file",
        causes=(
            (
                pipes,
                "an end of the pipe is still open: the read end is the launched process's alone, and the write end has "
                "done its work once the word is given",
            ),
        ),
    ),
    still(11, "second_does_not_start", causes=((lambda o: second(o) is None and o.again, HANGS[1]),)),
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
        + (f', and printed "{o.again_printed.strip()[:200]}"' if o.again_printed.strip() else ", and printed nothing"),
        causes=(
            (lambda o: second(o) is None, HANGS[1]),
            (lambda o: second(o) == 0 and o.again_printed.strip(), KNOWS_BETTER),
            (lambda o: second(o) == 0, DID_NOT_WAIT),
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
            *RETURNS_0,
            LIVES_ON,
            (
                lambda o: not o.printed.strip(),
                "the status is right, but the reason is not heard: by then the daemon's standard error is closed, or "
                "the null device. Send it through the pipe, for the launched process to print",
            ),
            (True, "what it prints is not the daemon's own reason: send the text, not only that it failed"),
        ),
    ),
    Check(
        key="ready_though_held",
        says="returns when the daemon is ready, even if a child of it holds the pipe",
        read="pipe(7), read(2)",
        on_process=False,
        scene=Scene(fault=HOLD_CHDIR),
        follows=("one_lives_on", "pid_file", "ready_when_it_returns"),
        holds=lambda o: o.process is not None and o.job_status == 0 and o.found == f"{o.process.pid}\n",
        expected=lambda o: "the lab keeps open every pipe that there is when it calls chdir(): it returns 0, "
        f"and its PID is in {PID_FILE}",
        observed=lambda o: fate(o) if o.job_status != 0 else f'status 0, and "{(o.found or "").strip()}" in {PID_FILE}',
        causes=(
            (
                lambda o: o.job_status is None,
                "the launched process waits for end of file, which does not come as long as anybody has the write "
                "end: a helper that the daemon has started on its way, say. One byte that says it is ready is enough",
            ),
            (True, "when the end of the pipe does not come, it takes something else for the word"),
        ),
    ),
    killed_at("setsid", "killed_early", "returns with a status other than 0 when the child is killed in setsid()"),
    killed_at("chdir", "killed_later", "returns with a status other than 0 when the daemon is killed in chdir()"),
    comes_out_the_same(
        "ready_with_none_open",
        "when 0, 1 and 2 are closed at its start",
        "stdin(3), fcntl(2) (F_DUPFD)",
        Scene(stdio="closed"),
        (
            lambda o: o.process is not None and o.job_status == 0 and standard_holds(o),
            "0, 1 and 2 are as they should be, and something else is open: what is closed has to be the same whatever "
            "0, 1 and 2 were at its start",
        ),
        (
            True,
            "the pipe got one of the numbers 0, 1, 2, which were free: a copy above 2 is out of the way "
            "(F_DUPFD_CLOEXEC)",
        ),
    ),
    comes_out_the_same(
        "ready_without_close_range",
        "where close_range() is refused",
        "close_range(2), proc(5)",
        Scene(fault="close_range-ENOSYS"),
        (True, "the other way of closing has to leave the pipe out too, and nothing but the pipe"),
    ),
    # Who waits by other means makes no pipe, and starts.
    replace(
        PIPE_FAILS,
        holds=lambda o: (o.process is not None and o.job_status == 0) or PIPE_FAILS.holds(o),
    ),
    star_for_failure("fork", "EAGAIN", "the launched process goes on as if it were the child"),
    Check(
        key="null_missing",
        says="says so when there is no /dev/null, and ends",
        read="open(2)",
        star=True,
        on_process=False,
        scene=Scene(without=("null",)),
        holds=lambda o: failed_to_start(o) and any(word in o.printed for word in NO_NULL),
        expected=lambda o: "the reason on standard error, a status other than 0, nothing that lives on",
        observed=lambda o: f"there was no /dev/null; {fate(o)}",
        causes=(
            (lambda o: o.processes, "what open() or dup() returns is not looked at"),
            (lambda o: not failed_to_start(o), "it ends as if all were well: whoever started it cannot tell"),
            (True, "what could not be done has not got to whoever waits: the log alone tells, or nothing does"),
        ),
    ),
]
