"""Step 12: the first process returns when the daemon is ready, or says why it is not."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import replace

from lab.checks.beyond import step_08_sighup as step_08
from lab.checks.beyond import step_09_second_fork as step_09
from lab.checks.beyond import step_11_pid_file as step_11
from lab.checks.check import LOG_TO_PASS, Finding, Wrong, check
from lab.checks.common import (
    Failure,
    bonus_for_failure,
    crash,
    ended,
    fate,
    reports,
    role,
    said,
    signal_name,
    started_again,
    why_failure_is_not_reported,
)
from lab.checks.recipe import step_03_setsid as step_03
from lab.checks.recipe.step_05_close_fds import inherited
from lab.checks.recipe.step_06_dev_null import standard_holds, with_access
from lab.checks.recipe.step_07_syslog import extra, null_and_log
from lab.facts import Identity, Observation, Process
from lab.faults import Fault
from lab.scene import PID_FILE, Device, Scene, Stdio

# One of these is in what is said where 0, 1 and 2 are not the null device: its name, its number, the reason.
NO_NULL = ("/dev/null", "-1", os.strerror(errno.ENOENT), "open", "dup")

USUAL = replace(step_11.USUAL, tells=True)

KILLED = Scene(fault=Fault.CHDIR_KILLS, stdio=Stdio.PIPE)
HELD_OPEN = Scene(fault=Fault.HOLD_CHDIR)
SLOW = Scene(fault=Fault.SLOW_CHDIR)
OUTLIVED = Scene(fault=Fault.CHDIR_OUTLIVED)
UNWRITABLE = replace(step_11.UNWRITABLE, stdio=Stdio.PIPE)  # standard error can be told from standard output then
NONE_OPEN = Scene(stdio=Stdio.CLOSED)
NO_CLOSE_RANGE = Scene(fault=Fault.NO_CLOSE_RANGE)

NO_SECOND = Failure("fork", os.strerror(errno.EAGAIN), "Without another child the daemon leads a session.")

WAITS_FOR_EVER = (
    "The first process waits forever for a daemon that has exited. Most likely it has the write end of the pipe open "
    "itself, or it waits for a signal or a file only. Close that end, and watch the daemon too."
)
LIVES_ON_UNTOLD = (
    "The start has failed, but a process of your program keeps running, and nobody knows of it. Let every process exit "
    "when the start fails."
)
KILLED_ITSELF = (
    "A signal killed the first process. Exit with _exit() and a status other than 0 where the start fails, so that "
    "the caller gets a status and a reason."
)
ON_STANDARD_OUTPUT = (
    "Your program prints the reason on standard output. Print it on standard error, descriptor 2, where callers look "
    "for it."
)
OTHER_WAY_OF_CLOSING = (
    "Your program closes descriptors in another way when close_range() fails. Leave the pipe out there too, and close "
    "everything else."
)


def failed_to_start(o: Observation) -> bool:
    """Whether the first process told its caller so: it exited with a status other than 0, and nothing lives."""
    return o.job.status is not None and os.WIFEXITED(o.job.status) and o.job.status != 0 and not o.processes


def second(o: Observation) -> int | None:
    """The status of the one that was started again, None if it has not ended."""
    statuses = started_again(o).statuses
    return statuses[0] if statuses else None


def is_up(o: Observation) -> bool:
    """Whether there is a daemon, and the first process has told its caller so."""
    return o.process is not None and o.job.status == 0


def is_orphan(o: Observation) -> bool:
    """Whether the process whose PID was in FILE was an orphan at the moment when the first process returned."""
    return o.job.found_parent == o.world.adopter


def was_ready(o: Observation) -> bool:
    """Whether the daemon's PID was in FILE at the moment when the first process said that it is up."""
    return is_up(o) and o.job.found == f"{o.survivor.pid}\n"


def found_text(o: Observation) -> str:
    """What was in FILE at that moment, in words."""
    found = (o.job.found or "").strip()
    return f'{PID_FILE} held "{found}"' if found else f"{PID_FILE} was missing or empty"


def pipes(o: Observation, p: Process, access: str) -> set[Identity]:
    """The pipes of which a process has an end to read ("r") or to write ("w"), but for those that it was given."""
    given = {each.identity for each in o.shell.descriptors.values()}
    mine = [each for each in p.descriptors.values() if each.kind == "pipe" and access in each.access]
    return {each.identity for each in mine} - given


def why_it_waits(o: Observation) -> str:
    """Why a start does not end with the daemon: the process with the write end of the pipe, if it can be seen."""
    for reader in o.processes:
        for pipe in pipes(o, reader, "r"):
            writers = [each.pid for each in o.processes if pipe in pipes(o, each, "w")]
            if reader.pid in writers:
                return (
                    f"Process {reader.pid} reads the pipe and has its write end open itself, so end of file never "
                    "comes. Close the write end there before you read."
                )
            if writers:
                return (
                    f"Process {writers[0]} of your program keeps the write end of the pipe open, so end of file never "
                    "comes. Close it there, or watch the daemon too: waitpid() or a pidfd tells its parent."
                )
    if o.scene.fault is Fault.CHDIR_OUTLIVED:
        return (
            "Your program waits for end of file only. It never comes while another process has the write end. Let the "
            "daemon's parent watch the daemon too, for example with a pidfd and poll()."
        )
    return WAITS_FOR_EVER


def why_status_does_not_tell(status: int | None, printed: str, why_it_waits: str) -> str | None:
    """What is wrong where no daemon comes up and the first process has this status; None if the status is right."""
    if status is None:
        return why_it_waits
    if status == 0 and printed.strip():
        return (
            "Your program reports the error but exits with status 0. Exit with another status. If you pass on a status "
            "from waitpid(), pass WEXITSTATUS() of it where WIFEXITED() is true, and 1 otherwise. _exit() keeps only "
            "the lower 8 bits."
        )
    if status == 0:
        return (
            "The first process exited with status 0 although there is no daemon. Most likely it does not wait, or it "
            "takes any text or end of file for \"ready\". End of file without a word means failure."
        )
    return None


@check(read="fork(2), _exit(2)", replaces=[step_09.one_lives_on], adds_nothing=True)
def one_lives_on(o: Observation) -> Finding:
    """the first process exits with status 0, one process stays."""
    finding = step_09.one_lives_on.judge(o)
    if not isinstance(finding, Wrong):
        return finding
    return finding.instead(why_the_word_was_not_passed(o))


def why_the_word_was_not_passed(o: Observation) -> str | None:
    if o.job.status is None and len(o.processes) > 1:
        return (
            "The daemon runs, but the first process still waits. Most likely the daemon never writes its word, or the "
            "word is still in a stdio buffer. fclose() writes it and closes the pipe. Or the reader waits for end of "
            "file, which does not come as long as any process has the write end open. Then read one line only."
        )
    if o.job.status and os.WIFEXITED(o.job.status) and len(o.processes) == 1:
        return (
            "The daemon runs, but the first process reports a failure. Most likely the daemon closed its end of the "
            "pipe with the other descriptors, before it wrote. Spare that descriptor in the function that closes all "
            "others."
        )
    if crash(o) == signal.SIGPIPE and not o.processes:
        return (
            "SIGPIPE killed the daemon, because no process had the read end of its pipe any more. Make the pipe before "
            "fork(), and let the parent wait at its read end."
        )
    return None


@check(
    read="open(2), credentials(7)",
    follows=[one_lives_on, step_09.leads_nothing, step_03.no_terminal],
    scene=step_09.gets_no_terminal.scene,
    expects=step_09.gets_no_terminal.expects,
    replaces=[step_09.gets_no_terminal],
    adds_nothing=True,
)
def gets_no_terminal(o: Observation, p: Process) -> Finding:
    """opening a terminal does not make it the controlling one."""
    return step_09.gets_no_terminal.judge(o)


@check(read="null(4), syslog(3)", needs_log=LOG_TO_PASS, replaces=[step_11.null_device_log_and_file], adds_nothing=True)
def null_device_log_and_file(o: Observation, p: Process) -> Finding:
    """0, 1 and 2 lead to /dev/null; only the log and the PID file are open besides."""
    finding = step_11.null_device_log_and_file.judge(o)
    if not isinstance(finding, Wrong):
        return finding
    return finding.instead(why_something_of_its_own_is_open(o))


def why_something_of_its_own_is_open(o: Observation) -> str | None:
    if any(each.target.endswith(f"/{PID_FILE} (deleted)") for each in extra(o).values()):
        return (
            "The daemon has the PID file open, but its name is gone. Most likely another process of your program "
            "removed it. exit() calls what atexit() was given in each process that has inherited it. Leave the other "
            "processes with _exit(), or call atexit() in the daemon only."
        )
    has_pipe = any(each.kind == "pipe" for each in extra(o).values())
    if has_pipe and standard_holds(o) and not inherited(o):
        return (
            "The daemon still has an end of the pipe. Close the read end after fork(), and the write end once the "
            "daemon has written its word."
        )
    return None


@check(
    read="flock(2), open(2)",
    scene=step_11.ONCE_MORE,
    follows=[one_lives_on, step_11.pid_file, step_11.pid_file_locked],
    replaces=[step_11.second_does_not_start],
    adds_nothing=True,
)
def second_does_not_start(o: Observation) -> Finding:
    """a second instance does not start, and leaves the PID file alone."""
    finding = step_11.second_does_not_start.judge(o)
    if isinstance(finding, Wrong) and started_again(o).statuses and second(o) is None:
        return finding.instead(WAITS_FOR_EVER)
    return finding


@check(
    says=f"when the first process returns 0, the PID file is complete ({step_08.TIMES} of {step_08.TIMES} times)",
    read="pipe(7)",
    scene=step_08.LEADING,
    times=step_08.TIMES,
    follows=[one_lives_on, step_11.pid_file, step_08.survives_hangup],
)
def ready_when_it_returns(o: Observation) -> Finding:
    if was_ready(o) and is_orphan(o):
        return None
    if was_ready(o):
        observed = f"at that moment the parent of process {o.survivor.pid} was {role(o, o.job.found_parent)}"
    elif o.job.status == 0:
        observed = f"status 0, and at that moment {found_text(o)}"
    else:
        observed = fate(o)
    return Wrong(
        expected=f"status 0, and at that moment the daemon's PID in {PID_FILE}, and init as its parent",
        observed=observed,
        because=why_it_was_not_ready(o),
    )


def why_it_was_not_ready(o: Observation) -> str:
    if was_ready(o):
        return (
            "The process between the two forks was still running when the first process exited, so the daemon was "
            "still its child. Let the first process wait for that process with waitpid()."
        )
    if o.job.status is not None and o.job.status != 0:
        return (
            "The first process reports a failure although the daemon runs. Most likely the daemon's word did not "
            "reach it, or it took the word for an error."
        )
    return (
        "The first process exited before the PID file was complete. Most likely it does not wait, or it waits for "
        "another process than the daemon, or the daemon reports too early. Let the daemon write a line into a pipe "
        "after the last step that can fail, and let the first process wait for that."
    )


@check(
    read="pipe(7), daemon(7)",
    scene=SLOW,
    follows=[one_lives_on, step_11.pid_file, ready_when_it_returns],
)
def slow_start_is_awaited(o: Observation) -> Finding:
    """the first process waits for a start that takes a second."""
    if was_ready(o):
        return None
    return Wrong(
        expected=f"chdir() takes a second: status 0, and the daemon's PID in {PID_FILE}",
        observed=fate(o),
        because=why_it_did_not_wait(o),
    )


def why_it_did_not_wait(o: Observation) -> str:
    if o.job.status:
        return (
            "Your program stopped waiting for the daemon while that was still on its way. Most likely there is a time "
            "limit, and nobody knows how long a start takes. Wait without a limit, for the daemon's word or its end."
        )
    return why_it_was_not_ready(o)


@check(read="pipe(7), stderr(3)", scene=step_11.ONCE_MORE, follows=[one_lives_on, second_does_not_start])
def second_is_told(o: Observation) -> Finding:
    """a second instance exits with an error, and prints why on standard error."""
    status, again = second(o), started_again(o)
    if status is not None and os.WIFEXITED(status) and status != 0 and again.errors.strip():
        return None
    how = f"it {ended(status)}" if status is not None else "it has not ended"
    reason = " ".join(again.printed.split())
    where = "standard error" if again.errors.strip() else "standard output"
    what = f'printed "{reason[:200]}" on {where}' if reason else "printed nothing"
    return Wrong(
        expected="started once more: an exit status other than 0, and a reason on standard error",
        observed=f"{how}, and {what}",
        because=why_the_second_is_not_told(o),
    )


def why_the_second_is_not_told(o: Observation) -> str:
    again = started_again(o)
    cause = why_status_does_not_tell(second(o), again.printed, WAITS_FOR_EVER)
    if cause is not None:
        return cause
    if os.WIFSIGNALED(second(o) or 0):
        return KILLED_ITSELF
    if again.printed.strip():
        return ON_STANDARD_OUTPUT
    return (
        "The second instance exits without a message on standard error. Send the reason through the pipe, and print it "
        "where the pipe is read."
    )


@check(read="pipe(7), stderr(3), strerror(3)", scene=UNWRITABLE, follows=[one_lives_on, step_11.pid_file])
def caller_is_told(o: Observation) -> Finding:
    """when the PID file cannot be made, it prints why and exits with an error."""
    if failed_to_start(o) and "No such file" in o.errors and not step_11.is_name_as_format(o.errors):
        return None
    return Wrong(
        expected='an exit status other than 0, and "No such file or directory" on standard error',
        observed=f"started with -p {step_11.NOWHERE}/{PID_FILE}; {fate(o)}",
        because=why_the_caller_is_not_told(o),
    )


def why_the_caller_is_not_told(o: Observation) -> str:
    cause = why_status_does_not_tell(o.job.status, o.printed, why_it_waits(o))
    if cause is not None:
        return cause
    if o.processes:
        return LIVES_ON_UNTOLD
    if step_11.is_name_as_format(o.errors):
        return step_11.NAME_AS_FORMAT
    if crash(o) == signal.SIGSEGV:
        return (
            "SIGSEGV killed a process of your program. Most likely it used a result that is not valid, such as NULL, "
            "or it took the file's name for a format, and the name has a % in it here."
        )
    if os.WIFSIGNALED(o.job.status or 0):
        return KILLED_ITSELF
    if "No such file" in o.piped.text:
        return ON_STANDARD_OUTPUT
    if not o.printed.strip():
        return (
            "The exit status is right, but your program prints no reason. By then the daemon's standard error is "
            "/dev/null. Send the reason through the pipe, and print it where the pipe is read."
        )
    if any(o.printed.strip() in message.text for message in o.messages if message.sender != o.job.pid):
        return (
            "Your program prints only the beginning of the daemon's reason. Most likely it reads the pipe into a "
            "buffer that is too short. Read up to the newline, and print all of it."
        )
    return (
        "The message does not contain the daemon's own reason. Send its text through the pipe, and print that as it "
        'is: dprintf(2, "%s", text).'
    )


@check(read="pipe(7), read(2)", scene=HELD_OPEN, follows=[one_lives_on, step_11.pid_file, ready_when_it_returns])
def ready_though_held(o: Observation) -> Finding:
    """the first process returns although another process has the pipe open."""
    if was_ready(o):
        return None
    return Wrong(
        expected="the lab has every pipe open that the daemon has in chdir(): status 0, "
        f"and the daemon's PID in {PID_FILE}",
        observed=f"status 0, and {found_text(o)}" if o.job.status == 0 else fate(o),
        because=why_it_is_not_ready_though_held(o),
    )


def why_it_is_not_ready_though_held(o: Observation) -> str:
    if o.job.status is None:
        return (
            "Your program waits for end of file. It does not come while another process has the write end, for "
            "example a helper of the daemon. Send a line that means \"ready\", and read only that."
        )
    return "The first process returned without the daemon's word. Let it wait until a line has come through the pipe."


def tells_of_killed(o: Observation, call: str) -> Finding:
    """Whether a daemon that is killed half-way, in call, is no daemon for the caller either."""
    if o.job.status not in (None, 0) and not o.processes:
        return None
    return Wrong(
        expected="the first process exits with a status other than 0, and no process stays",
        observed=f"{call}() was made to kill its caller; {fate(o)}",
        because=why_it_does_not_tell_of_killed(o),
    )


def why_it_does_not_tell_of_killed(o: Observation) -> str:
    cause = why_status_does_not_tell(o.job.status, o.printed, why_it_waits(o))
    if cause is not None:
        return cause
    return LIVES_ON_UNTOLD


@check(read="pipe(7), wait(2)", scene=Scene(fault=Fault.SETSID_KILLS), follows=[one_lives_on])
def killed_early(o: Observation) -> Finding:
    """the first process exits with an error when its child is killed in setsid()."""
    return tells_of_killed(o, "setsid")


@check(read="pipe(7), wait(2)", scene=KILLED, follows=[one_lives_on])
def killed_later(o: Observation) -> Finding:
    """the first process exits with an error when the daemon is killed in chdir()."""
    return tells_of_killed(o, "chdir")


def comes_out_the_same(o: Observation, because: str) -> Finding:
    """Whether it is the same daemon as always, and its caller knows; else with this cause."""
    if is_up(o) and null_and_log(o):
        return None
    return Wrong(
        expected="status 0, and a daemon with 0, 1 and 2 on /dev/null",
        observed=with_access(o) if is_up(o) else fate(o),
        because=because,
    )


@check(read="pipe(7), stderr(3)", bonus=True, scene=KILLED, follows=[killed_later])
def killed_is_told(o: Observation) -> Finding:
    """when the daemon is killed in chdir(), the first process prints that it has ended."""
    if o.errors.strip():
        return None
    return Wrong(
        expected="a message on standard error",
        observed=f"chdir() was made to kill its caller; {fate(o)}",
        because=why_the_end_is_not_told(o),
    )


def why_the_end_is_not_told(o: Observation) -> str:
    if o.piped.text.strip():
        return ON_STANDARD_OUTPUT
    return (
        "Your program prints nothing. A daemon that is killed can send no reason, and end of file has none either. Let "
        "the process that waits print that the daemon has ended."
    )


@check(read="pidfd_open(2), poll(2)", bonus=True, scene=OUTLIVED)
def killed_though_held(o: Observation) -> Finding:
    """it exits with an error when a daemon is killed whose pipe another process has."""
    return tells_of_killed(o, "chdir")


@check(read="stdin(3), fcntl(2) (F_DUPFD)", bonus=True, scene=NONE_OPEN)
def ready_with_none_open(o: Observation) -> Finding:
    """the daemon is the same when 0, 1 and 2 are closed at the start."""
    return comes_out_the_same(o, why_none_open_makes_a_difference(o))


def why_none_open_makes_a_difference(o: Observation) -> str:
    if is_up(o) and standard_holds(o):
        return (
            "0, 1 and 2 are right, but something else is open. Close the same descriptors, whatever 0, 1 and 2 were at "
            "the start."
        )
    return (
        "Most likely the pipe got one of the numbers 0, 1 and 2, which were free. Make a copy above 2 with fcntl() and "
        "F_DUPFD_CLOEXEC, and close the other one."
    )


@check(read="close_range(2), proc(5)", bonus=True, scene=NO_CLOSE_RANGE)
def ready_without_close_range(o: Observation) -> Finding:
    """the daemon is the same when close_range() fails."""
    return comes_out_the_same(o, OTHER_WAY_OF_CLOSING)


says_so_without_pipe = bonus_for_failure(
    "pipe",
    "EMFILE",
    "Without a pipe the first process cannot wait for the daemon.",
    "socketpair",
    "No file descriptors available",  # EMFILE in musl's words
)


@check(says=says_so_without_pipe.says, read=says_so_without_pipe.read, bonus=True, scene=says_so_without_pipe.scene)
def pipe_fails(o: Observation) -> Finding:
    if is_up(o):
        return None  # who waits by other means makes no pipe, and starts
    return says_so_without_pipe.judge(o)


@check(read="fork(2), stderr(3)", bonus=True, scene=Scene(stdio=Stdio.PIPE, fault=Fault.SECOND_FORK_FAILS))
def second_fork_fails(o: Observation) -> Finding:
    """when the second fork() fails, it prints why and exits with an error."""
    if reports(o, NO_SECOND):
        return None
    return Wrong(
        expected="the reason on standard error, an exit status other than 0, no process that stays",
        observed=f"the second fork() was made to fail (EAGAIN, {NO_SECOND.reason}); {fate(o)}",
        because=why_the_second_fork_is_not_reported(o),
    )


def why_the_second_fork_is_not_reported(o: Observation) -> str:
    if not o.processes and o.job.status == 0:
        return (
            "The first process exits with status 0, but there is no daemon. Let it wait for the process that calls "
            "fork() again, and exit with the same status."
        )
    return why_failure_is_not_reported(o, NO_SECOND)


@check(read="open(2)", bonus=True, scene=Scene(stdio=Stdio.PIPE, without=(Device.NULL,)))
def null_missing(o: Observation) -> Finding:
    """without /dev/null it prints why and exits with an error."""
    if failed_to_start(o) and any(word in o.errors for word in NO_NULL):
        return None
    return Wrong(
        expected="the reason on standard error, an exit status other than 0, no process that stays",
        observed=f"there was no /dev/null; {fate(o)}",
        because=why_it_does_not_miss_null(o),
    )


def why_it_does_not_miss_null(o: Observation) -> str:
    if crash(o):
        return (
            f"{signal_name(crash(o))} killed a process of your program. Most likely it used what open() or fopen() "
            "returned without a test. Test it, and report the reason."
        )
    if o.processes and any(word in said(o) for word in NO_NULL):
        return "Your program reports the error but keeps running. Exit after the message, with a status other than 0."
    if any(word in o.piped.text for word in NO_NULL):
        return ON_STANDARD_OUTPUT
    if o.processes:
        return (
            "Most likely your program ignores what open() or dup() returned, so the daemon runs without 0, 1 and 2. "
            "Test it, report the reason, and exit."
        )
    if not failed_to_start(o):
        return "Your program exits with status 0. Exit with another status, so that the caller notices."
    return "The reason does not reach standard error. Send it through the pipe, and print it where the pipe is read."


CHECKS = [
    one_lives_on,
    gets_no_terminal,
    null_device_log_and_file,
    second_does_not_start,
    ready_when_it_returns,
    slow_start_is_awaited,
    second_is_told,
    caller_is_told,
    ready_though_held,
    killed_early,
    killed_later,
    killed_is_told,
    killed_though_held,
    ready_with_none_open,
    ready_without_close_range,
    pipe_fails,
    bonus_for_failure("fork", "EAGAIN", "Without a child there is no daemon to wait for."),
    second_fork_fails,
    null_missing,
    step_11.bonus_for_usage("unknown_option", "it refuses an option that it does not know", "-p", PID_FILE, "-x"),
]
