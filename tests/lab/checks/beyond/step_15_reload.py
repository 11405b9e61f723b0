"""Step 15: SIGHUP makes the daemon read its configuration again."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass
from typing import Sequence

from lab.checks.beyond import step_08_sighup as step_08
from lab.checks.beyond import step_10_reset_state as step_10
from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.beyond import step_14_stop as step_14
from lab.checks.beyond.step_10_reset_state import HELD, kept, observed_sets
from lab.checks.beyond.step_14_stop import (
    MAY_BE_BLOCKED,
    NO_DAEMON,
    TAKEN,
    WAITS_ONCE,
    after,
    complains,
    is_complaint,
    is_option_unknown,
    is_told,
    observed_wait,
    quoted,
    stops,
    told,
    why_a_signal_killed_it,
    why_more_is_left,
)
from lab.checks.check import LOG_TO_JUDGE, Finding, Wrong, check
from lab.checks.common import (
    FAULTS,
    crash,
    crash_cause,
    fails_cleanly,
    fate,
    is_left,
    killed,
    names,
    says_why,
    signal_name,
    stopped_well,
)
from lab.checks.recipe.step_07_syslog import extra
from lab.facts import Descriptor, Observation, Process
from lab.scene import CONFIG, FIFO, PID_FILE, Deed, FillLog, FullLog, ReplaceConfig, Scene, Signal, Stdio, Storm

# The new one would look different if somebody took it for the format of printf() or syslog().
OLD, NEW = "good morning", "good evening, 50% off"
BUILT_IN = "hello"  # the greeting until a configuration says otherwise
BEFORE_FORMAT = NEW[: NEW.index("%")]
WITH_CONFIG = ("-p", PID_FILE, "-c", CONFIG)
ENDLESS = "/dev/zero"
CONFIG_FILE = (CONFIG, f"greeting={OLD}\n".encode())

# Causes that several checks share.
STARTED_ANEW = (
    "The daemon is gone, and another process of your program runs instead. Most likely SIGHUP starts your program "
    "again with execve(). Then the daemon's PID changes, and it looks dead. Let the same process read the file again."
)
STARTED_MORE = (
    "The daemon stays, but another process of your program stays too. Most likely your program calls fork() when "
    "SIGHUP comes. Let the daemon itself read the file."
)
HANDLED_ONCE = (
    "The daemon handles SIGHUP, but a later SIGHUP killed it. Most likely the handler is removed after the first "
    "signal (SA_RESETHAND). Install it with sigaction(), without that flag."
)
LOCKED_IN_HANDLER = (
    "Most likely the daemon waits forever for a lock. A handler interrupted syslog(), printf() or malloc(). Then it "
    "called such a function itself, which needs the same lock, or it jumped away with siglongjmp(), and the lock stays "
    "taken. Set only a flag in the handler, and do the work in the loop."
)


def why_many_hangups_killed_it(o: Observation) -> str:
    """The same where SIGHUP came more than once."""
    if killed(o) == signal.SIGHUP and o.process is not None and signal.SIGHUP in o.process.caught:
        return HANDLED_ONCE
    return why_a_signal_killed_it(o)


@check(read="signal(7), sigwaitinfo(2)", replaces=[step_08.ignores_hangup])
def takes_hangup(o: Observation, p: Process) -> Finding:
    """the daemon blocks or handles SIGHUP, and does not ignore it."""
    is_ignored = signal.SIGHUP in p.ignored
    is_taken = signal.SIGHUP in p.caught | p.blocked | p.awaited
    if is_taken and not is_ignored:
        return None
    return Wrong(
        expected="SIGHUP is blocked, so that your program can wait for it, or has a handler",
        observed=f"SIGHUP {hangup_in_words(p)}",
        because=why_hangup_is_not_taken(p),
    )


def hangup_in_words(p: Process) -> str:
    """What happens to SIGHUP where it is ignored, or has its default action."""
    if signal.SIGHUP not in p.ignored:
        return "has its default action, and is not blocked"
    if signal.SIGHUP in p.awaited:
        return "is ignored, and your program waits for it"
    return f"is ignored, and {'blocked' if signal.SIGHUP in p.blocked else 'not blocked'}"


def why_hangup_is_not_taken(p: Process) -> str:
    if signal.SIGHUP in p.ignored and signal.SIGHUP in p.blocked | p.awaited:
        return (
            f"Your program {'waits for' if signal.SIGHUP in p.awaited else 'blocks'} SIGHUP, but still ignores it, as "
            "in step 08. A system may discard an ignored signal even while it is blocked. Block it first, and then set "
            "it to SIG_DFL."
        )
    if signal.SIGHUP in p.ignored:
        return (
            "Your program still ignores SIGHUP, as in step 08. Block the signal, set it to SIG_DFL, and wait for it "
            "with sigwaitinfo(). Or install a handler."
        )
    return (
        "SIGHUP has its default action in the daemon, which kills it. Block the signal before you set it to SIG_DFL, "
        "and wait for it with sigwaitinfo(). Or install a handler."
    )


@check(
    read="signal(7), execve(2)",
    scene=HELD,
    follows=[takes_hangup, step_08.ignores_hangup, step_12.one_lives_on],
    replaces=[step_14.signals_reset],
    adds_nothing=True,
)
def signals_reset(o: Observation) -> Finding:
    """no signal stays ignored; at most SIGHUP, SIGTERM and the like are blocked."""
    is_reset = o.process is not None and o.process.blocked | o.process.awaited <= TAKEN and not kept(o)
    if is_reset and step_10.stands_alone(o):
        return None
    return Wrong(
        expected=f"ignored: none; {MAY_BE_BLOCKED}",
        observed=observed_sets(o) + observed_wait(o),
        because=why_more_is_left(o),
    )


RELOADED = Scene(
    arguments=WITH_CONFIG,
    files=(CONFIG_FILE, ("next", f"greeting={NEW}\n".encode())),
    then=(ReplaceConfig("next"), Signal(signal.SIGHUP)),
)


def held_files(o: Observation) -> dict[int, Descriptor]:
    """The regular files that are open, without the PID file and files that are only locked."""
    return {
        n: d
        for n, d in extra(o).items()
        if d.kind == "file" and not d.target.startswith("anon_inode:") and not d.locked
    }


@check(
    read="sigwaitinfo(2), open(2)",
    needs_log=LOG_TO_JUDGE,
    scene=RELOADED,
    follows=[step_12.one_lives_on, takes_hangup],
)
def reloads(o: Observation) -> Finding:
    """SIGHUP makes the daemon read its configuration again and log the greeting."""
    if o.process is not None and o.after.left == (o.process.pid,) and is_told(NEW, told(o, signal.SIGHUP)):
        return None
    logged = f"; after SIGHUP it logged {quoted(told(o, signal.SIGHUP))}" if o.process is not None else ""
    return Wrong(
        expected=f'{CONFIG} now holds "greeting={NEW}"; after kill -HUP only the daemon stays, and it logs "{NEW}"',
        observed=f"{after(o)}{logged}",
        because=why_it_does_not_reload(o),
    )


def why_it_does_not_reload(o: Observation) -> str:
    if o.process is None:
        return why_it_does_not_start_with_it(o)
    if killed(o):
        return why_a_signal_killed_it(o)
    if not o.after.left:
        return (
            "The daemon exited after SIGHUP. Most likely your program exits there, or starts itself again with "
            "execve() and that start failed. Let the same process read the file again, and go on."
        )
    if not is_left(o):
        return STARTED_ANEW
    if o.after.left != (o.process.pid,):
        return STARTED_MORE
    return why_the_new_greeting_is_not_logged(o, told(o, signal.SIGHUP))


def why_the_new_greeting_is_not_logged(o: Observation, logged: Sequence[str]) -> str:
    if is_told(OLD, logged) and held_files(o):
        return (
            "The daemon logs the old greeting and keeps a file open. Most likely it reads that file again, but an "
            "editor has put a new file there. Open the file by its name at each reload."
        )
    if is_told(OLD, logged):
        return (
            "The daemon logs the old greeting. Most likely your program does not read the file at SIGHUP, or does not "
            "copy the new text into the greeting. Do both before you log it."
        )
    if complains(logged):
        return (
            "Your program logs a problem, but the file is good. Most likely it looks up a relative name in /, or reads "
            "on where it stopped before. Open the file by an absolute name, and read from its start each time."
        )
    if is_told(BEFORE_FORMAT, logged):
        return (
            "The greeting is not in the log as it stands in the file. Most likely your program passes it to syslog() "
            "as the format, and % has a meaning there. Call syslog(LOG_INFO, \"%s\", greeting)."
        )
    if is_told(NEW.split()[0], logged) and not is_told(NEW[:6], logged):
        return (
            "The greeting ends at its first space. Most likely your program reads it with %s of scanf(), which stops "
            "there. Read all of the line after greeting=."
        )
    if logged:
        return (
            "Your program logs something after SIGHUP, but not the new greeting. Log the greeting itself, so that a "
            "reader of the log sees that the change has arrived."
        )
    return (
        "The daemon logs nothing after SIGHUP. Most likely your program does not react to the signal, or reads the "
        "file and logs nothing. Log the greeting after each reload."
    )


def why_it_does_not_start_with_it(o: Observation) -> str:
    if is_option_unknown(o):
        return (
            "Your program does not know -c. Add the letter to the options of getopt(), with a colon behind it, because "
            "a name follows."
        )
    if crash(o):
        return crash_cause(o)
    if says_why(o, "No such file"):
        return (
            "Your program does not start with -c. Most likely it looks up a relative name in /, because the daemon has "
            "called chdir(). Put the directory of the start, from getcwd(), before a relative name."
        )
    return (
        f"Your program does not start with -c {CONFIG}, although the file is good. Most likely it takes the line "
        "greeting=TEXT, or the newline at its end, for an error."
    )


ONLY_THE_PID_FILE = f"started with -c {CONFIG}: no regular file is open but {PID_FILE}"


@check(
    read="close(2)",
    needs_log=LOG_TO_JUDGE,  # a program that never reads the file has nothing to close
    scene=RELOADED,
    follows=[reloads],
    expects=ONLY_THE_PID_FILE,
)
def config_closed(o: Observation, p: Process) -> Finding:
    """the daemon closes its configuration when it has read it."""
    if is_told(NEW, told(o, signal.SIGHUP)) and not held_files(o):
        return None
    return Wrong(
        expected=ONLY_THE_PID_FILE,
        observed=names(held_files(o)),
        because=(
            "Your program leaves a file open, most likely its configuration. If each reload opens it once more, the "
            "process runs out of descriptors one day. Close the file when you have read it."
        ),
    )


# Bad configurations, by their kind: what the file holds, and its mode. None where there is no file.
BAD: dict[str, tuple[bytes, int] | None] = {
    "empty": (b"", 0o644),
    "unreadable": (f"greeting={NEW}\n".encode(), 0o000),
    "10 MB long": (b"greeting=" + b"x" * 10_000_000 + b"\n", 0o644),
    "not text": (b"greeting=\x01\x02\x00\xff\x07\n", 0o644),
    "a control character": (b"greeting=good\x07evening\n", 0o644),
    "without greeting=": (f"welcome={NEW}\n".encode(), 0o644),
    "a directory": (b"", 0o644),
    "missing": None,
}
FILE_IN = {"a directory": "/inside"}  # a file in it makes it a directory
# The errno of the call that fails, for those that cannot be read.
REASONS = {"unreadable": errno.EACCES, "a directory": errno.EISDIR, "missing": errno.ENOENT}
NOT_REGULAR = "regular file"  # what a program says that looks with fstat() before it reads
# Why a fault may have killed the daemon, by the kind of the configuration.
CANNOT_BE_OPENED = (
    "The file cannot be opened, so fopen() returns NULL and open() returns -1. Test that before you use the result."
)
CRASHED_AT = {
    "empty": "There is no line in it, so read() returns 0 and fgets() returns NULL. Test that before you use the text.",
    "unreadable": CANNOT_BE_OPENED,
    "10 MB long": "Most likely your program reads more than its buffer holds. Read no more than the buffer's size, and "
    "refuse a longer file.",
    "not text": "There is a NUL byte in it, and string functions stop there, so strchr() may return NULL. Test what "
    "each of them returns.",
    "a control character": "It is a BEL, number 7. Test each byte of the text with iscntrl(), as an unsigned char.",
    "without greeting=": "strchr() and strstr() return NULL where they find nothing. Test that before you use the "
    "text.",
    "a directory": "open() can open a directory, but read() then returns -1 (EISDIR, Is a directory) and fgets() "
    "returns NULL. Test that before you use the text.",
    "missing": CANNOT_BE_OPENED,
}


def slug(kind: str) -> str:
    """The name of the file that holds this kind of configuration."""
    return kind.replace(" ", "-").rstrip("=")


def reload_with(kind: str) -> tuple[Deed, Deed]:
    """The deeds that give the daemon this kind of configuration."""
    return ReplaceConfig(slug(kind)), Signal(signal.SIGHUP)


# First a good one, so that the greeting to be kept is not the one of the start.
KEPT = Scene(
    arguments=WITH_CONFIG,
    then=(*RELOADED.then, *(deed for kind in BAD for deed in reload_with(kind))),
    files=(*RELOADED.files, *((slug(kind) + FILE_IN.get(kind, ""), *bad) for kind, bad in BAD.items() if bad)),
)


@dataclass(frozen=True)
class Reload:
    """What the daemon logged after one SIGHUP, with a bad configuration."""

    kind: str  # a key of BAD
    logged: tuple[str, ...]

    @property
    def complains(self) -> bool:
        """Whether it logged a reason, as an error or a warning."""
        return complains(self.logged)

    @property
    def keeps_old(self) -> bool:
        """Whether it logged the greeting that was in force, which is that of the last good configuration."""
        return is_told(NEW, self.logged)


def reloads_of(o: Observation) -> list[Reload]:
    """A Reload for each of BAD, in the order in which they came; none where there was no daemon."""
    hangups = [done for done in o.done if done.deed == Signal(signal.SIGHUP)]
    return [Reload(kind, tuple(message.text for message in done.said.messages)) for kind, done in zip(BAD, hangups[1:])]


def first_silent(came: Sequence[Reload]) -> Reload | None:
    """The first one of those at the end that logged nothing; None if the last one logged something."""
    silent = None
    for each in reversed(came):
        if each.logged:
            break
        silent = each
    return silent


@check(read="open(2), read(2), syslog(3)", needs_log=LOG_TO_JUDGE, scene=KEPT, follows=[reloads])
def keeps_old(o: Observation) -> Finding:
    """with a bad configuration the daemon keeps the old greeting and logs why."""
    came = reloads_of(o)
    lost = [each for each in came if not (each.keeps_old and each.complains)]
    if o.process is not None and o.after.left == (o.process.pid,) and not lost:
        return None
    *most, last = BAD
    return Wrong(
        expected=f"{CONFIG} is {', '.join(most)} or {last}: each time the daemon logs an error or a warning, and the "
        "old greeting",
        observed=f"{after(o)}; {first_in_words(lost)}" if lost else after(o),
        because=why_it_does_not_keep_old(o, came, lost),
    )


def first_in_words(wrong: Sequence[Reload]) -> str:
    """The kind of the first configuration with which something was wrong, and what the daemon logged then."""
    return f"when {CONFIG} was {wrong[0].kind}, it logged {quoted(wrong[0].logged)}"


def why_it_does_not_keep_old(o: Observation, came: Sequence[Reload], lost: Sequence[Reload]) -> str:
    if o.process is None:
        return NO_DAEMON
    if killed(o) in FAULTS:
        fatal = first_silent(came) or came[-1]
        return (
            f"{signal_name(killed(o))} killed the daemon, most likely while {CONFIG} was {fatal.kind}. "
            f"{CRASHED_AT[fatal.kind]}"
        )
    if killed(o):
        return why_many_hangups_killed_it(o)
    if not o.after.left:
        return (
            "The daemon exited when its configuration was bad. At the start that is right, because the user reads the "
            "message. Later the old configuration is still good: log the reason and go on."
        )
    if not is_left(o):
        return STARTED_ANEW
    if not lost:
        return STARTED_MORE
    if lost[0] is first_silent(came) and lost[0] not in (came[0], came[-1]):
        return why_it_logs_no_more(o, lost[0])
    return why_it_is_lost(lost[0])


def why_it_logs_no_more(o: Observation, first: Reload) -> str:
    if any(each.state == "R" for each in o.doing):
        return (
            f"The daemon has been busy since {CONFIG} was {first.kind}, and logs nothing any more. Most likely a loop "
            "runs until feof(), which never becomes true where reading fails. End the loop when a read fails."
        )
    return (
        f"The daemon has logged nothing since {CONFIG} was {first.kind}. Most likely your program does not wait for "
        "signals in a loop, or still waits for something in this reload. Go back to sigwaitinfo() after each reload."
    )


def why_it_is_lost(first: Reload) -> str:
    if not first.logged:
        return (
            f"Your program logs nothing when {CONFIG} is {first.kind}. Then nobody learns why a change of the file has "
            "no effect. Log the reason as an error (LOG_ERR), and after it the old greeting."
        )
    if not first.complains and not first.keeps_old and first.kind in REASONS:
        return (
            f"The file cannot be read ({os.strerror(REASONS[first.kind])}). Most likely your program then puts another "
            "greeting in, and logs no error. Keep the old greeting, and log the reason with LOG_ERR."
        )
    if not first.complains and not first.keeps_old:
        return (
            "Most likely your program takes a bad file for a good one. Check all of it before you use any of it: one "
            "line greeting=TEXT, not too long, no control characters. Log what is wrong with LOG_ERR, then the old "
            "greeting."
        )
    if not first.complains:
        return (
            "Your program keeps the old greeting, but logs no error and no warning. Log the reason with LOG_ERR or "
            "LOG_WARNING, so that a search for errors finds it."
        )
    if all(map(is_complaint, first.logged)):
        return (
            "Your program logs the reason, but not the old greeting. Log the greeting after each SIGHUP, so that a "
            "reader knows which one counts."
        )
    if is_told(OLD, first.logged):
        return (
            "The daemon logs the greeting of its start, though another one was in force since then. Most likely a "
            "child reads the file and logs the greeting, and the daemon itself never gets it. Read the file in the "
            "daemon."
        )
    return (
        "The old greeting is not in the log. Most likely your program clears it before it reads, or puts another one "
        "in when reading fails. Read into a new buffer, and copy that only if all of it is good."
    )


STORM = 1000
STORMED = Scene(arguments=WITH_CONFIG, files=(CONFIG_FILE,), then=(Storm(signal.SIGHUP, STORM, signal.SIGTERM),))
INTERRUPTED = Scene(
    arguments=WITH_CONFIG, files=(CONFIG_FILE,), then=(FillLog(signal.SIGHUP), Signal(signal.SIGTERM))
)


@check(
    says=f"after {STORM} SIGHUPs, SIGTERM together with a SIGHUP stops the daemon",
    read="signal(7), signal-safety(7)",
    scene=STORMED,
    follows=[stops, takes_hangup],
)
def storm(o: Observation) -> Finding:
    if stopped_well(o):
        return None
    return Wrong(
        expected=f"after {STORM} times kill -HUP, the lab stops the daemon, sends SIGHUP and SIGTERM, and lets it go "
        "on: exit status 0",
        observed=after(o),
        because=why_the_storm_was_too_much(o),
    )


def why_the_storm_was_too_much(o: Observation) -> str:
    if o.process is None:
        return NO_DAEMON
    if killed(o):
        return why_many_hangups_killed_it(o)
    if is_left(o):
        return why_it_runs_on_after_the_storm(o, o.process)
    if o.after.left:
        return STARTED_ANEW
    return (
        "The daemon exited, but not with status 0. If SIGTERM alone gives status 0, the SIGHUPs are the reason. Most "
        "likely each reload uses up something, such as a descriptor, or starts your program again with execve()."
    )


def why_it_runs_on_after_the_storm(o: Observation, p: Process) -> str:
    if waits_for_lock(o, p):
        return LOCKED_IN_HANDLER
    if any(each.state == "R" for each in o.doing):
        return (
            "The daemon is busy and does not stop. Most likely a call fails again and again, because each SIGHUP uses "
            "up something, such as a descriptor. Close what you open for a reload or for a wait."
        )
    if signal.SIGTERM in p.caught:
        return (
            "The daemon does not stop. Most likely one variable keeps only the last signal, and SIGTERM was replaced "
            "by SIGHUP. Give each signal a flag of its own. Or each SIGHUP uses up a descriptor or memory, and none is "
            "left."
        )
    return (
        "The daemon does not react to SIGTERM any more. Most likely it waits for a signal only once, or each signal "
        "uses up a descriptor until none is left. Wait in a loop, and close there what you open there."
    )


def waits_for_lock(o: Observation, p: Process) -> bool:
    """Whether the daemon, which handles signals, waits in the system call with which libc waits for a lock."""
    return bool(p.caught) and step_10.does(o, p.pid) == "futex"


@check(
    read="signal-safety(7)",
    needs_log=LOG_TO_JUDGE,
    scene=INTERRUPTED,
    follows=[stops, reloads, step_14.none_slept_through],
)
def safe_in_the_middle(o: Observation) -> Finding:
    """SIGTERM stops the daemon even while it waits for a full log."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="SIGHUPs until the log is full and the daemon waits for it, then SIGTERM, and the lab reads the log: "
        "exit status 0",
        observed=after(o),
        because=why_it_hangs(o),
    )


def why_it_hangs(o: Observation) -> str:
    if o.process is None:
        return NO_DAEMON
    if killed(o):
        return why_many_hangups_killed_it(o)
    if is_left(o) and waits_for_lock(o, o.process):
        return LOCKED_IN_HANDLER
    if is_left(o) and signal.SIGTERM in o.process.caught:
        return (
            "The daemon does not stop. Most likely one variable keeps only the last signal, and SIGTERM was replaced "
            "by SIGHUP. Give each signal a flag of its own. Or a handler calls a function that is not in "
            "signal-safety(7)."
        )
    if is_left(o):
        return WAITS_ONCE
    if o.after.left:
        return STARTED_ANEW
    return (
        "The daemon exited, but not with status 0. Most likely your program takes an interrupted call (EINTR, "
        "Interrupted system call) for an error, or SIGHUP ends it or starts it again."
    )


@check(
    read="signal-safety(7)",
    needs_log=LOG_TO_JUDGE,
    scene=Scene(arguments=WITH_CONFIG, files=(CONFIG_FILE,), then=(FullLog(signal.SIGTERM, signal.SIGHUP),)),
    follows=[stops, reloads, safe_in_the_middle],
)
def safe_while_it_stops(o: Observation) -> Finding:
    """a SIGHUP while the daemon stops does not keep it from stopping."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="the lab fills the log and sends SIGTERM. While the daemon waits for the log, SIGHUP comes, and then "
        "the lab reads the log: exit status 0",
        observed=after(o),
        because=why_it_hangs(o),
    )


NO_CONFIG = Scene(arguments=("-p", PID_FILE, "-c", f"nowhere/{CONFIG}"))


bad_start = step_14.leaves_no_file(
    "bad_start",
    "a start that fails because of its configuration leaves no PID file",
    NO_CONFIG,
    f"started with -c nowhere/{CONFIG}",
    "Your program cannot read its configuration, and exits.",
    follows=[reloads, step_14.removes_pid_file],
    may_stay=lambda o: is_told(BUILT_IN, [message.text for message in o.messages]),  # a bonus check asks for more
    needs_log=LOG_TO_JUDGE,
)


# Bonus


@check(read="open(2)", bonus=True, scene=NO_CONFIG)
def no_config_at_start(o: Observation) -> Finding:
    """when it cannot read the configuration at the start, it says why and exits."""
    if fails_cleanly(o) and o.job.status not in (0, None) and says_why(o, "No such file", "nowhere"):
        return None
    return Wrong(
        expected="the reason on standard error or in the log, an exit status other than 0, no process that stays",
        observed=f"started with -c nowhere/{CONFIG}; {fate(o)}",
        because=why_it_starts_without_config(o),
    )


def why_it_starts_without_config(o: Observation) -> str:
    if o.processes:
        return (
            "Your program keeps running although it cannot read its configuration. At the start there is no old "
            "greeting to keep. Print the reason, and exit with a status other than 0."
        )
    if crash(o):
        return (
            f"{signal_name(crash(o))} killed your program. Most likely it uses what fopen() or open() returned without "
            "a test. Test it, print the reason, and exit."
        )
    if o.job.status == 0:
        return (
            "The first process exits with status 0, although there is no daemon. Most likely the daemon says that it "
            "is ready before it has read its configuration. Read that first, so that the caller hears of the failure."
        )
    return "Your program exits without the reason. Print the name of the file and what strerror(errno) returns."


@check(read="strerror(3), errno(3)", bonus=True, needs_log=LOG_TO_JUDGE, scene=KEPT)
def tells_reason(o: Observation) -> Finding:
    """the daemon logs why it cannot read its configuration, in the system's words."""
    unreadable = [each for each in reloads_of(o) if each.kind in REASONS]
    untold = [each for each in unreadable if not is_reason_told(each)]
    if not untold:
        return None
    reasons = "; ".join(f'{kind}: "{os.strerror(number)}"' for kind, number in REASONS.items())
    return Wrong(
        expected=f"in the log when {CONFIG} is {reasons}",
        observed=first_in_words(untold),
        because=why_the_reason_is_not_told(untold[0]),
    )


def is_reason_told(reload: Reload) -> bool:
    """Whether the log has the reason why this configuration cannot be read."""
    if is_told(os.strerror(REASONS[reload.kind]), reload.logged):
        return True
    return reload.kind == "a directory" and is_told(NOT_REGULAR, reload.logged)


def why_the_reason_is_not_told(first: Reload) -> str:
    if first.kind == "a directory":
        return (
            "A directory can be opened, and only reading fails, with EISDIR (Is a directory). Test ferror() or what "
            "read() returns, and log strerror(errno) right there."
        )
    return (
        "Your program does not log the reason that the kernel gave. Log strerror(errno), or %m of syslog(). Do that "
        "right after the call that failed, because another call may change errno."
    )


FIFO_FILE = ("fifo", b"", FIFO)
AT_FIFO = Scene(
    arguments=WITH_CONFIG,
    files=(CONFIG_FILE, FIFO_FILE),
    then=(ReplaceConfig(FIFO_FILE[0]), Signal(signal.SIGHUP), Signal(signal.SIGTERM)),
)


@check(read="fifo(7), open(2)", bonus=True, needs_log=LOG_TO_JUDGE, scene=AT_FIFO)
def fifo_kept_out(o: Observation) -> Finding:
    """a configuration that is a FIFO does not keep the daemon waiting."""
    logged = told(o, signal.SIGHUP)
    if stopped_well(o) and complains(logged) and is_told(OLD, logged):
        return None
    return Wrong(
        expected=f"{CONFIG} becomes a FIFO; after kill -HUP the daemon logs an error or a warning, and the old "
        "greeting; after kill -TERM: exit status 0",
        observed=f"{after(o)}; after SIGHUP it logged {quoted(logged)}",
        because=why_a_fifo_keeps_it(o, logged),
    )


def why_a_fifo_keeps_it(o: Observation, logged: Sequence[str]) -> str:
    if o.process is None:
        return NO_DAEMON
    if is_left(o):
        return (
            "The daemon waits in open() until somebody writes to the FIFO, and SIGTERM waits too. Open the file with "
            "O_NONBLOCK, and refuse it unless S_ISREG() says that it is a regular file."
        )
    if not complains(logged):
        return (
            "Your program takes a FIFO for a configuration. Ask fstat() and S_ISREG() whether it is a regular file, "
            "and log an error if it is not."
        )
    return "Keep the old greeting when the configuration is a FIFO, and log it. SIGTERM must still stop the daemon."


@check(
    read="fstat(2), inode(7)",
    bonus=True,
    scene=Scene(arguments=("-p", PID_FILE, "-c", ENDLESS), stdio=Stdio.PIPE),
)
def endless_config(o: Observation) -> Finding:
    """a configuration without an end is refused."""
    if fails_cleanly(o) and o.job.status not in (0, None) and says_why(o, ENDLESS):
        return None
    return Wrong(
        expected=f"started with -c {ENDLESS}: a message that names it, an exit status other than 0, no process that "
        "stays",
        observed=fate(o),
        because=(
            f"{ENDLESS} is a device, and reading from it never ends. Ask fstat() and S_ISREG() whether the "
            "configuration is a regular file. Read no more than a fixed number of bytes. Print the name and the reason."
        ),
    )


CHECKS = [
    takes_hangup,
    signals_reset,
    reloads,
    keeps_old,
    config_closed,
    storm,
    safe_in_the_middle,
    safe_while_it_stops,
    bad_start,
    no_config_at_start,
    tells_reason,
    fifo_kept_out,
    endless_config,
]
