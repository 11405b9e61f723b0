"""Step 14: it stops, and reads its configuration again, when a signal says so."""

from __future__ import annotations

import errno
import os
import re
import signal
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Iterable, Sequence

from lab.checks.beyond import step_08_sighup as step_08
from lab.checks.beyond import step_10_reset_signals as step_10
from lab.checks.beyond import step_11_pid_file as step_11
from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.beyond import step_13_drop_privileges as step_13
from lab.checks.beyond.step_10_reset_signals import HELD, kept, observed_sets
from lab.checks.beyond.step_11_pid_file import content
from lab.checks.check import LOG_TO_JUDGE, LOG_TO_PASS, Finding, Unseen, Wrong, check
from lab.checks.common import (
    CRASHES,
    FORM,
    ended,
    fails_cleanly,
    fate,
    is_left,
    killed,
    names,
    says_why,
    signal_name,
    stopped_well,
)
from lab.checks.recipe.step_05_close_fds import inherited
from lab.checks.recipe.step_06_dev_null import standard_holds
from lab.checks.recipe.step_07_syslog import extra, null_and_log
from lab.facts import Descriptor, Observation, Process, Raised
from lab.scene import CONFIG, PID_FILE, USER, Deed, FillLog, RaiseBeforeWait, ReplaceConfig, Scene, Signal, Storm

# Signals that tell a daemon something: it may keep these blocked, to wait for them.
TAKEN = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}

OLD, NEW = "good morning", "good evening"
WITH_CONFIG = ("-p", PID_FILE, "-c", CONFIG)
CONFIG_FILE = (CONFIG, f"greeting={OLD}\n".encode())


def after(o: Observation) -> str:
    """What became of it, in words."""
    if o.process is None:
        return fate(o)
    if o.after.left:
        return f"{' and '.join(map(str, o.after.left))} live{'s' if len(o.after.left) == 1 else ''} on"
    return f"it {ended(o.after.status)}" if o.after.status is not None else "nothing lives on"


def told(o: Observation, number: signal.Signals) -> list[str]:
    """The texts of what was logged each time that it was sent this signal."""
    return [message.text for done in o.done if done.deed == Signal(number) for message in done.said.messages]


def quoted(texts: Sequence[str]) -> str:
    """Some messages, in words."""
    return ", ".join(f'"{text[:120]}"' for text in texts[:2]) or "nothing"


def is_told(text: str, texts: Iterable[str]) -> bool:
    """Whether one of the messages has this in it."""
    return any(text in each for each in texts)


def is_complaint(text: str) -> bool:
    """Whether a message has a severity of warning, or worse: syslog(3)."""
    match = FORM.match(text)
    return match is not None and int(match["priority"]) & 7 <= 4


def complains(texts: Iterable[str]) -> bool:
    """Whether one of the messages is a warning, or worse."""
    return any(map(is_complaint, texts))


def why_a_signal_ended_it(number: int) -> str:
    """The same for every check of this step in which a signal killed the process."""
    if number in (signal.SIGTERM, signal.SIGHUP):
        return (
            "that is the default action of the signal. It has to be blocked and waited for, or have a handler; and who "
            "has taken it ends by exit(), and sends itself nothing"
        )
    return CRASHES.get(number, f"{signal_name(number)} was sent to it")


# What is open, and which signals are held


def own_pipes(o: Observation) -> set[int]:
    """Descriptors through which a handler wakes the program itself: both ends of a pipe, or an eventfd."""
    made = {n: d for n, d in extra(o).items() if not d.inherited or n not in inherited(o)}
    ends = [d.identity for d in made.values() if d.kind == "pipe"]
    return {n for n, d in made.items() if "eventfd" in d.kind + d.target or ends.count(d.identity) == 2}


def null_log_and_pipes(o: Observation) -> bool:
    """As before, where what it wakes itself with does not count."""
    others = set(extra(o)) - own_pipes(o)
    return null_and_log(o) or (standard_holds(o) and others <= o.sockets.log_peers and len(others) <= 1)


@check(read="null(4), syslog(3)", needs_log=LOG_TO_PASS, replaces=[step_12.null_device_log_and_file], adds_nothing=True)
def null_device_log_and_file(o: Observation, p: Process) -> Finding:
    """0, 1 and 2 are the null device; beside them at most a socket to the log, and FILE."""
    if null_log_and_pipes(o):
        return None
    return step_12.null_device_log_and_file.judge(o)


@check(
    says=step_13.nothing_of_roots_open.says,
    read=step_13.nothing_of_roots_open.read,
    scene=step_13.nothing_of_roots_open.scene,
    follows=[step_13.written_as_root, step_13.user_ids, null_device_log_and_file],
    expects=step_13.NO_MORE_OPEN,
    replaces=[step_13.nothing_of_roots_open],
    adds_nothing=True,
)
def nothing_of_roots_open(o: Observation, p: Process) -> Finding:
    return step_13.nothing_more_open(o, null_log_and_pipes(o))


@check(read="signal(7), sigwaitinfo(2)", replaces=[step_08.ignores_hangup])
def takes_hangup(o: Observation, p: Process) -> Finding:
    """SIGHUP is neither ignored nor left to its default."""
    is_ignored = signal.SIGHUP in p.ignored
    is_taken = signal.SIGHUP in p.caught | p.blocked | p.awaited
    if is_taken and not is_ignored:
        return None
    return Wrong(
        expected="SIGHUP blocked, to be waited for, or caught by a handler",
        observed=f"SIGHUP is {'ignored' if is_ignored else 'left to its default'}",
        because=why_hangup_is_not_taken(p),
    )


def why_hangup_is_not_taken(p: Process) -> str:
    if signal.SIGHUP in p.ignored:
        return (
            "step 08 ignores it, and nothing has changed that since. It has to get its default action back and be "
            "blocked, or a handler: whether one that is both ignored and blocked is kept, systems differ"
        )
    return "its default action is to end the process: it has to be blocked before that is set, or caught"


@check(
    read="signal(7), execve(2)",
    scene=HELD,
    follows=[takes_hangup, step_08.ignores_hangup, step_12.one_lives_on],
    replaces=[step_10.signals_reset],
    adds_nothing=True,
)
def signals_reset(o: Observation) -> Finding:
    """launched with all signals ignored and blocked: only what it takes is left blocked."""
    is_reset = o.process is not None and o.process.blocked | o.process.awaited <= TAKEN and not kept(o)
    if is_reset and step_10.stands_alone(o):
        return None
    return Wrong(
        expected=(
            "ignored: none; blocked: at most signals that tell a daemon something (SIGHUP, SIGTERM, SIGINT, SIGQUIT, "
            "SIGUSR1, SIGUSR2)"
        ),
        observed=observed_sets(o),
        because=why_more_is_left(o),
    )


def why_more_is_left(o: Observation) -> str:
    if o.process is not None and o.job.status != 0:
        return step_10.why_the_first_process_does_not_exit_well(o)
    earlier = step_10.signals_reset.judge(o)
    if isinstance(earlier, Wrong):
        return earlier.because
    # All is as step 10 asked for, but it waits for a signal that is not among TAKEN.
    return "SIGHUP was set back too, after it had been ignored: first undo, then ignore"


@check(
    read="signal(7), kill(2)",
    scene=HELD,
    follows=[signals_reset, step_12.one_lives_on],
    replaces=[step_10.sigterm_ends],
    adds_nothing=True,
)
def sigterm_ends(o: Observation) -> Finding:
    """SIGTERM ends it then."""
    finding = step_10.sigterm_ends.judge(o)
    if not isinstance(finding, Wrong):
        return finding
    return finding.instead(why_sigterm_waits(o))


def why_sigterm_waits(o: Observation) -> str | None:
    if o.process is not None and signal.SIGTERM in o.process.blocked:
        return "SIGTERM is blocked, and nothing takes it: what is blocked waits until sigwaitinfo() or the like"
    return None  # step 10 has the causes of the rest


# SIGTERM

STOPPED = Scene(then=(Signal(signal.SIGTERM),))


@check(read="sigwaitinfo(2), exit(3)", scene=STOPPED, follows=[step_12.one_lives_on])
def stops(o: Observation) -> Finding:
    """SIGTERM ends it with status 0."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="after kill -TERM it has ended with status 0",
        observed=after(o),
        because=why_it_does_not_stop(o),
    )


def why_it_does_not_stop(o: Observation) -> str:
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if o.after.left:
        return "it lives on: SIGTERM is blocked or caught, and then not acted on, or only the next time round"
    if complains(told(o, signal.SIGTERM)):
        return (
            f"it failed on its way, and says so: {quoted(told(o, signal.SIGTERM))}. A file's path has to be valid from "
            "the root directory; and that one cannot be removed does not keep it from stopping"
        )
    return "it was told to stop, and did: that is no failure, and so status 0"


@check(read="unlink(2)", scene=STOPPED, follows=[stops, step_11.pid_file])
def removes_pid_file(o: Observation) -> Finding:
    """and it removes FILE."""
    if o.pid_file is not None and o.after.pid_file is None:
        return None
    return Wrong(
        expected=f"no {PID_FILE} after kill -TERM",
        observed=content(o.after.pid_file),
        because=why_the_file_is_still_there(o),
    )


def why_the_file_is_still_there(o: Observation) -> str:
    if o.after.pid_file is not None and o.after.pid_file.text == "":
        return "the file was emptied, and is still there: unlink() takes its name away"
    return (
        "the file is still there: unlink() was not called, or not with the path that is valid from the root directory. "
        "What it returns tells which"
    )


@check(read="syslog(3)", needs_log=LOG_TO_JUDGE, scene=STOPPED, follows=[stops])
def tells_of_stop(o: Observation) -> Finding:
    """and it tells the log."""
    if told(o, signal.SIGTERM):
        return None
    return Wrong(
        expected="a message after kill -TERM",
        observed="nothing was logged",
        because=(
            "whoever reads the log cannot tell a daemon that was stopped from one that was killed. Nobody hears what "
            "it prints: standard error is the null device"
        ),
    )


# SIGHUP

RELOADED = Scene(
    arguments=WITH_CONFIG,
    files=(CONFIG_FILE, ("next", f"greeting={NEW}\n".encode())),
    then=(ReplaceConfig("next"), Signal(signal.SIGHUP)),
)


def held_files(o: Observation) -> dict[int, Descriptor]:
    """Regular files that are open, beside the PID file and what is there to be locked."""
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
    """SIGHUP: it reads the configuration again, and logs the new greeting."""
    if o.process is not None and o.after.left == (o.process.pid,) and is_told(NEW, told(o, signal.SIGHUP)):
        return None
    return Wrong(
        expected=f'with "greeting={NEW}" in {CONFIG} and after kill -HUP: it lives on, and "{NEW}" is logged',
        observed=f"{after(o)}; logged: {quoted(told(o, signal.SIGHUP))}",
        because=why_it_does_not_reload(o),
    )


def why_it_does_not_reload(o: Observation) -> str:
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if o.process is None:
        return why_it_does_not_start_with_it(o)
    if not o.after.left:
        return "it does not live on: SIGHUP means that it reads again, not that it ends or starts anew"
    if o.after.left != (o.process.pid,):
        return (
            "another process than before lives on: SIGHUP means that this one reads again, and not that it starts "
            "anew. Whoever watches it by its PID takes it for dead"
        )
    logged = told(o, signal.SIGHUP)
    if is_told(OLD, logged) and held_files(o):
        return (
            "it logs the old greeting: the file was kept open, and not opened by its name again. An editor puts a new "
            "file in its place"
        )
    if is_told(OLD, logged):
        return "it logs the old greeting: the file was not read again, or what was read was not put in its place"
    if complains(logged):
        return (
            "it says that it cannot be had, though it can: is the path valid from the root directory, and is the file "
            "opened, read from its start, and closed each time?"
        )
    if is_told(NEW.split()[0], logged) and not is_told(NEW[:6], logged):
        return "the greeting is cut off at the space: %s of scanf() is a word. TEXT goes to the end of the line"
    if logged:
        return "something is logged, and not the new greeting: who has edited the file wants to see what holds now"
    return "SIGHUP came, and nothing was logged: it is not acted on, or not told of"


def why_it_does_not_start_with_it(o: Observation) -> str:
    if says_why(o, "invalid option", "unrecognized option", "usage"):
        return "-c is not known: it has to be among the letters for getopt(), with a colon: a name comes after it"
    if says_why(o, "No such file"):
        return (
            "with -c it does not start: a name that does not start with / is meant from the directory of the launch, "
            "which the daemon has left"
        )
    return "with -c, and a file in which all is right, it does not start"


ONLY_THE_PID_FILE = f"launched with -c {CONFIG}: no regular file open but {PID_FILE}"


@check(
    read="close(2)",
    needs_log=LOG_TO_JUDGE,  # only who has read it has closed it
    scene=RELOADED,
    follows=[reloads],
    expects=ONLY_THE_PID_FILE,
)
def config_closed(o: Observation, p: Process) -> Finding:
    """the configuration is closed again once it is read."""
    if is_told(NEW, told(o, signal.SIGHUP)) and not held_files(o):
        return None
    return Wrong(
        expected=ONLY_THE_PID_FILE,
        observed=names(held_files(o)),
        because=(
            "it stays open. If each reload opens it once more the descriptors run out some day, and what is open is "
            "not what an editor has put in its place"
        ),
    )


# SIGHUP, where the configuration cannot be used

# What is no configuration, by its kind: what the file holds, and its mode. None where there is no file.
BAD: dict[str, tuple[bytes, int] | None] = {
    "empty": (b"", 0o644),
    "unreadable": (f"greeting={NEW}\n".encode(), 0o000),
    "10 MB long": (b"greeting=" + b"x" * 10_000_000 + b"\n", 0o644),
    "not text": (b"greeting=\x01\x02\x00\xff\x07\n", 0o644),
    "a directory": (b"", 0o644),
    "missing": None,
}
FILE_IN = {"a directory": "/inside"}  # what makes a directory of it

# What the kernel says of those that cannot be read.
REASONS = {"unreadable": errno.EACCES, "a directory": errno.EISDIR, "missing": errno.ENOENT}

# What may have ended it by a signal, by what the configuration was then.
CRASHED_AT = {
    "empty": "there is nothing in it: read() gives 0 bytes, fgets() NULL, and there is no line to look at",
    "unreadable": "it cannot be opened: fopen() gives NULL then, and open() -1, which is no descriptor",
    "10 MB long": "what it reads is longer than the room that there is for it",
    "not text": "the bytes in it are no text: what is taken from them for a length or an index may be anything",
    "a directory": "it can be opened, and not be read: read() gives -1, which is no length, and fgets() NULL",
    "missing": "it cannot be opened: fopen() gives NULL then, and open() -1, which is no descriptor",
}


def slug(kind: str) -> str:
    """A kind of configuration, as the name of a file."""
    return kind.replace(" ", "-")


def reload_with(kind: str) -> tuple[Deed, Deed]:
    """What is done to see how it takes this kind of configuration."""
    return ReplaceConfig(slug(kind)), Signal(signal.SIGHUP)


KEPT = Scene(
    arguments=WITH_CONFIG,
    then=tuple(deed for kind in BAD for deed in reload_with(kind)),
    files=(CONFIG_FILE, *((slug(kind) + FILE_IN.get(kind, ""), *bad) for kind, bad in BAD.items() if bad)),
)


@dataclass(frozen=True)
class Reload:
    """What was logged after one SIGHUP, with a configuration that cannot be used."""

    kind: str  # a key of BAD
    logged: tuple[str, ...]

    @property
    def complains(self) -> bool:
        """Whether a reason was logged, as an error or a warning."""
        return complains(self.logged)

    @property
    def keeps_old(self) -> bool:
        """Whether the old greeting was logged, as the one that holds on."""
        return is_told(OLD, self.logged)


def reloads_of(o: Observation) -> list[Reload]:
    """A Reload for each of BAD, in the order in which they came; none where there was no process to be told."""
    hangups = [done for done in o.done if done.deed == Signal(signal.SIGHUP)]
    return [Reload(kind, tuple(message.text for message in done.said.messages)) for kind, done in zip(BAD, hangups)]


def first_silent(came: Sequence[Reload]) -> Reload | None:
    """The one from which on nothing is logged any more; None if something is to the end."""
    silent = None
    for each in reversed(came):
        if each.logged:
            break
        silent = each
    return silent


@check(read="open(2), read(2), syslog(3)", needs_log=LOG_TO_JUDGE, scene=KEPT, follows=[reloads])
def keeps_old(o: Observation) -> Finding:
    """where that fails the old greeting is kept, and the reason is logged."""
    came = reloads_of(o)
    lost = [each for each in came if not (each.keeps_old and each.complains)]
    if o.process is not None and o.after.left == (o.process.pid,) and not lost:
        return None
    return Wrong(
        expected=f"{CONFIG} {', '.join(BAD)}: each time an error or a warning, and then the old greeting",
        observed=f"{after(o)}; {first_in_words(lost)}" if lost else after(o),
        because=why_it_does_not_keep_old(o, came, lost),
    )


def first_in_words(wrong: Sequence[Reload]) -> str:
    """What the configuration was the first time that something was wrong, and what was logged."""
    return f"{CONFIG} {wrong[0].kind}, logged: {quoted(wrong[0].logged)}"


def why_it_does_not_keep_old(o: Observation, came: Sequence[Reload], lost: Sequence[Reload]) -> str:
    if killed(o) == signal.SIGHUP:
        return (
            "the first SIGHUP was taken, and a later one was not: a handler may hold for one time only (SA_RESETHAND), "
            "sigaction(2)"
        )
    if killed(o):
        fatal = first_silent(came) or came[-1]
        return CRASHED_AT[fatal.kind]
    if o.process is None or not o.after.left:
        return (
            "a mistake in its configuration has ended the daemon. At the start that is right: somebody reads the "
            "message. Later the old one is as good as it was before"
        )
    if not lost:
        return "another process than this one, or one more, lives on: what a reload starts ends with it"
    if lost[0] is first_silent(came) and lost[0] not in (came[0], came[-1]):
        return (
            "SIGHUP was acted on before, and is not any more: what waits for signals belongs into the loop. Or it is "
            "not through with this one: a loop until feof() does not end where reading fails"
        )
    return why_it_is_lost(lost[0])


def why_it_is_lost(first: Reload) -> str:
    if not first.logged:
        return (
            "nothing is logged then: whoever has edited the file waits for a change that does not come, and does not "
            "learn why"
        )
    if not first.complains and not first.keeps_old and first.kind in REASONS:
        return (
            "it cannot be read: something else was put in the place of the old greeting, or why it cannot is not "
            "logged as an error (LOG_ERR) or a warning"
        )
    if not first.complains and not first.keeps_old:
        return (
            "that is no configuration: it was taken for one, or what is wrong with it is not logged as an error "
            "(LOG_ERR) or a warning. Look at all of it, and whether it is what it should be, before it counts"
        )
    if not first.complains:
        return "the reason is not logged, or not as an error (LOG_ERR) or a warning (LOG_WARNING)"
    if all(map(is_complaint, first.logged)):
        return "the reason is logged, but not the greeting that holds from then on: that is logged after each SIGHUP"
    return (
        "the old greeting is gone: thrown away before there was a good one, or another was put in its place. Read all "
        "of it into something new, and take that only if it is what it should be"
    )


# Signals at bad moments

STORM = 1000
STORMED = Scene(then=(Storm(signal.SIGHUP, STORM, signal.SIGTERM),))
SURPRISED = Scene(then=(RaiseBeforeWait(signal.SIGTERM),))
INTERRUPTED = Scene(then=(FillLog(signal.SIGHUP), Signal(signal.SIGTERM)))

ENDED_OTHERWISE = "it ended in another way than it does with nothing else to do"


@check(
    says=f"{STORM} SIGHUPs in a row, and then SIGTERM with one more, which is not lost",
    read="signal(7), signal-safety(7)",
    scene=STORMED,
    follows=[stops, takes_hangup],
)
def storm(o: Observation) -> Finding:
    if stopped_well(o):
        return None
    return Wrong(
        expected=(
            f"after {STORM} times kill -HUP, and then SIGHUP and SIGTERM at once (sent while it is stopped), it "
            "has ended with status 0"
        ),
        observed=after(o),
        because=why_the_storm_was_too_much(o),
    )


def why_the_storm_was_too_much(o: Observation) -> str:
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if o.after.left:
        return (
            "one of the two was lost, or after so many it takes none any more. A variable for what came last holds "
            "one of them: each needs a flag of its own. What each reload uses up, a descriptor or memory, has an end. "
            "Or it is stuck in a handler that another one interrupted"
        )
    return "so many signals ended it in another way"


@check(read="sigsuspend(2), select(2), sigwaitinfo(2)", scene=SURPRISED, follows=[stops])
def none_slept_through(o: Observation) -> Finding:
    """SIGTERM in the very moment before it waits is not slept through."""
    raised = o.came(Raised)
    if raised and raised.result < 0:
        return Unseen(f"the lab could not stop it there: {os.strerror(-raised.result)}")
    if stopped_well(o):
        return None
    return Wrong(
        expected="held (with ptrace) just before the call in which it waits, and sent SIGTERM: it ends with status 0",
        observed=after(o),
        because=why_it_slept_on(o),
    )


def why_it_slept_on(o: Observation) -> str:
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if is_left(o) and o.came(Raised) == Raised(0):
        return (
            "the signal came after it had looked for one, and before the call that waits: it sleeps, though it has "
            "been told. Block the signals, and let one call unblock and wait at once: sigwaitinfo(), sigsuspend(), "
            "ppoll(). Or let the handler write into a pipe that the program waits at"
        )
    return ENDED_OTHERWISE


@check(
    read="signal-safety(7)",
    needs_log=LOG_TO_JUDGE,
    scene=INTERRUPTED,
    follows=[stops, reloads, none_slept_through],
)
def safe_in_the_middle(o: Observation) -> Finding:
    """SIGTERM while it writes to the log does not make it hang."""
    if stopped_well(o):
        return None
    return Wrong(
        expected="the log is full, and it waits for that; kill -TERM; the log is read: it ends with status 0",
        observed=after(o),
        because=why_it_hangs(o),
    )


def why_it_hangs(o: Observation) -> str:
    if killed(o):
        return why_a_signal_ended_it(killed(o))
    if is_left(o):
        return (
            "it does not end. Either the handler called a function that this very signal had interrupted half-way, and "
            "waits for a lock that only the interrupted one can give back: syslog(), printf() and malloc() are such, "
            "and signal-safety(7) lists what a handler may call. Or two that had come at once were taken for one: each "
            "needs a flag of its own"
        )
    return ENDED_OTHERWISE


# Bonus

# A time zone that is nowhere: only who goes by TZ has its minutes and seconds.
AHEAD = timedelta(hours=7, minutes=13, seconds=37)
ZONED = Scene(environment=("TZ=LAB-07:13:37",))  # ahead of UTC: tzset(3)
LATE = timedelta(minutes=1)  # at most, from the message until it is looked at

NO_CONFIG = Scene(arguments=("-p", PID_FILE, "-c", f"nowhere/{CONFIG}"))
UNREMOVABLE = Scene(
    root=True, then=(Signal(signal.SIGTERM),)
)  # in a directory of root's, where USER may remove nothing

AS_WITHOUT_ZONE = f"launched with {ZONED.environment[0]}: the log has the time as without it"


def goes_by_zone(o: Observation) -> bool:
    """Whether a message has the time of ZONED."""
    there = datetime.fromtimestamp(o.when, timezone.utc) + AHEAD
    times = [re.search(r"\b([01]\d|2[0-3]):[0-5]\d:[0-5]\d\b", message.text) for message in o.messages]
    told_times = [datetime.combine(there, time.fromisoformat(found[0]), timezone.utc) for found in times if found]
    return any((there - each + LATE / 10) % timedelta(days=1) < LATE for each in told_times)


@check(
    read="clearenv(3), environ(7), tzset(3)",
    bonus=True,
    needs_log=LOG_TO_JUDGE,
    scene=ZONED,
    expects=AS_WITHOUT_ZONE,
)
def environment_cleared(o: Observation, p: Process) -> Finding:
    """what it was started with in the environment does not count."""
    if o.messages and not goes_by_zone(o):
        return None
    return Wrong(
        expected=AS_WITHOUT_ZONE,
        observed=quoted([message.text for message in o.messages]),
        because=why_the_zone_counts(o),
    )


def why_the_zone_counts(o: Observation) -> str:
    if o.messages:
        return (
            "that is the time that TZ asks for, which somebody has set in a shell: clearenv() before the first "
            "message, or localtime() or whatever else makes libc read TZ"
        )
    return "with TZ set nothing is logged"


@check(read="open(2)", bonus=True, scene=NO_CONFIG)
def no_config_at_start(o: Observation) -> Finding:
    """says so when the configuration cannot be read at the start, and ends."""
    if fails_cleanly(o) and o.job.status not in (0, None) and says_why(o, "No such file", "nowhere"):
        return None
    return Wrong(
        expected="the reason on standard error, a status other than 0, nothing that lives on",
        observed=f"launched with -c nowhere/{CONFIG}; {fate(o)}",
        because=why_it_starts_without_config(o),
    )


def why_it_starts_without_config(o: Observation) -> str:
    if o.processes:
        return "it starts all the same: there is no old one to keep yet"
    return "its caller is not told why"


@check(read="strerror(3), errno(3)", bonus=True, needs_log=LOG_TO_JUDGE, scene=KEPT)
def tells_reason(o: Observation) -> Finding:
    """tells the log why it cannot be read, in the system's words."""
    unreadable = [each for each in reloads_of(o) if each.kind in REASONS]
    untold = [each for each in unreadable if not is_told(os.strerror(REASONS[each.kind]), each.logged)]
    if not untold:
        return None
    return Wrong(
        expected="; ".join(f"{kind}: {os.strerror(number)}" for kind, number in REASONS.items()),
        observed=first_in_words(untold),
        because=(
            "errno knows why a call failed, and strerror() and the %m of syslog() have the words for it. Another call "
            "may set it anew, as read() does for what was not opened, and close(-1): keep it before. fopen() opens a "
            "directory too, and only reading fails then: ferror()"
        ),
    )


@check(read="unlink(2), path_resolution(7)", bonus=True, needs_log=LOG_TO_JUDGE, scene=UNREMOVABLE)
def unremovable_file(o: Observation) -> Finding:
    """with -u: tells the log when FILE cannot be removed any more."""
    # Who keeps somebody that may remove it removes it.
    if stopped_well(o) and (o.after.pid_file is None or complains(told(o, signal.SIGTERM))):
        return None
    return Wrong(
        expected=(
            f"launched by root with -u {USER}, in a directory of root's; kill -TERM: an error or a warning in the "
            "log, and status 0"
        ),
        observed=f"{after(o)}; {content(o.after.pid_file)}; logged: {quoted(told(o, signal.SIGTERM))}",
        because=why_nobody_knows_of_the_file(o),
    )


def why_nobody_knows_of_the_file(o: Observation) -> str:
    if complains(told(o, signal.SIGTERM)):
        return (
            "that is told, and keeps it from stopping as it was told to: what it leaves is without a lock, and the "
            "next one takes it over"
        )
    return (
        "what unlink() returns is not looked at. A file is removed from its directory, in which only root may write "
        "here: that takes a right which was given up. Whoever starts it has to know what is left"
    )


CHECKS = [
    null_device_log_and_file,
    nothing_of_roots_open,
    takes_hangup,
    signals_reset,
    sigterm_ends,
    stops,
    removes_pid_file,
    tells_of_stop,
    reloads,
    keeps_old,
    config_closed,
    storm,
    none_slept_through,
    safe_in_the_middle,
    environment_cleared,
    no_config_at_start,
    tells_reason,
    unremovable_file,
]
