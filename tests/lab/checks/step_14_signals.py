"""Step 14: it stops, and reads its configuration again, when a signal says so."""

import errno
import os
import re
import signal
from datetime import datetime, time, timedelta, timezone

from lab.checks import still
from lab.checks.model import CRASHES, LOG_TO_JUDGE, Check, ended, fails_cleanly, fate, names, says_why, signal_name
from lab.checks.step_05_close_fds import inherited
from lab.checks.step_07_syslog import FORM, extra, null_and_log, standard_holds
from lab.checks.step_10_reset_signals import kept, observed_sets
from lab.checks.step_11_pid_file import content
from lab.scene import CONFIG, PID_FILE, USER, Scene

OLD, NEW = "good morning", "good evening"
WITH_CONFIG = ("-p", PID_FILE, "-c", CONFIG)
CONFIG_FILE = (CONFIG, f"greeting={OLD}\n".encode())

STORM = 1000

# What is no configuration, by the file's name: how it is called, and what it holds. Without an entry there is none.
BAD = {
    "empty": (b"", 0o644),
    "unreadable": (f"greeting={NEW}\n".encode(), 0o000),
    "10 MB long": (b"greeting=" + b"x" * 10_000_000 + b"\n", 0o644),
    "not text": (b"greeting=\x01\x02\x00\xff\x07\n", 0o644),
    "a directory": (b"", 0o644),
    "missing": None,
}
# What the kernel says of those that cannot be read.
REASONS = {"unreadable": errno.EACCES, "a directory": errno.EISDIR, "missing": errno.ENOENT}
FILE_IN = {"a directory": "/inside"}  # what makes a directory of it

STOPPED = Scene(then=("SIGTERM",))
RELOADED = Scene(
    arguments=WITH_CONFIG,
    files=(CONFIG_FILE, ("next", f"greeting={NEW}\n".encode())),
    then=("config next", "SIGHUP"),
)


def goes_by_zone(o):
    """Whether a message has the time of ZONED."""
    there = datetime.now(timezone.utc) + AHEAD
    times = [re.search(r"\b([01]\d|2[0-3]):[0-5]\d:[0-5]\d\b", message.text) for message in o.messages]
    told = [datetime.combine(there, time.fromisoformat(found[0]), timezone.utc) for found in times if found]
    return any((there - each + LATE / 10) % timedelta(days=1) < LATE for each in told)


def slug(kind):
    """A kind of configuration, as the name of a file."""
    return kind.replace(" ", "-")


KEPT = Scene(
    arguments=WITH_CONFIG,
    then=tuple(deed for kind in BAD for deed in (f"config {slug(kind)}", "SIGHUP")),
    files=(CONFIG_FILE, *((slug(kind) + FILE_IN.get(kind, ""), *bad) for kind, bad in BAD.items() if bad)),
)
STORMED = Scene(then=(f"storm SIGHUP {STORM} SIGTERM",))
SURPRISED = Scene(then=("before-wait SIGTERM",))
INTERRUPTED = Scene(then=("full-log SIGHUP", "SIGTERM"))
UNREMOVABLE = Scene(root=True, then=("SIGTERM",))  # in a directory of root's, where USER may remove nothing
NO_CONFIG = Scene(arguments=("-p", PID_FILE, "-c", f"nowhere/{CONFIG}"))

# A time zone that is nowhere: only who goes by TZ has its minutes and seconds.
AHEAD = timedelta(hours=7, minutes=13, seconds=37)
ZONED = Scene(environment=("TZ=LAB-07:13:37",))  # ahead of UTC: tzset(3)
LATE = timedelta(minutes=1)  # at most, from the message until it is looked at

TAKEN = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}


def stopped_well(o):
    """Whether it ended, of its own accord and with status 0."""
    return o.process is not None and not o.left and o.status_after == 0


def after(o):
    """What became of it, in words."""
    if o.process is None:
        return fate(o)
    if o.left:
        return f"{' and '.join(map(str, o.left))} live{'s' if len(o.left) == 1 else ''} on"
    return f"it {ended(o.status_after)}" if o.status_after is not None else "nothing lives on"


def told(o, deed):
    """The texts of what was logged after the last deed of this name."""
    return [message.text for done in o.done if done.deed == deed for message in done.messages]


def is_complaint(text):
    """Whether a message has a severity of warning, or worse: syslog(3)."""
    match = FORM.match(text)
    return match is not None and int(match["priority"]) & 7 <= 4


def lost(o):
    """The kinds of bad configurations after which the old greeting was not told, or not why."""
    reloads = [done.messages for done in o.done if done.deed == "SIGHUP"]
    good = [
        any(OLD in m.text for m in messages) and any(is_complaint(m.text) for m in messages) for messages in reloads
    ]
    return [kind for kind, is_good in zip(BAD, good) if not is_good]


def logged(o, kind):
    """What was logged after the configuration was of this kind."""
    reloads = [done.messages for done in o.done if done.deed == "SIGHUP"]
    return [message.text for message in reloads[list(BAD).index(kind)]]


def last_seen(o):
    """The last kind of a bad configuration of which anything was logged; None if nothing was at all."""
    return next((kind for kind in reversed(BAD) if logged(o, kind)), None)


def silent_from(o):
    """The kind from which on nothing is logged any more; None if something is to the end."""
    kinds = [None, *BAD, None]
    return kinds[kinds.index(last_seen(o)) + 1]


def first_lost(o, test):
    """Whether the first of those after which it is not as it should be is such that `test` holds for its messages."""
    return test(logged(o, lost(o)[0]))


def complains(texts):
    return any(map(is_complaint, texts))


def is_told(text, texts):
    return any(text in each for each in texts)


def reason_missing(o):
    """The kinds of bad configurations of which the log does not tell the system's reason."""
    return [kind for kind, number in REASONS.items() if not is_told(os.strerror(number), logged(o, kind))]


def quoted(texts):
    """Some messages, in words."""
    return ", ".join(f'"{text[:120]}"' for text in texts[:2]) or "nothing"


def own_pipes(o):
    """Descriptors through which a handler wakes the program itself: both ends of a pipe, or an eventfd."""
    made = {n: d for n, d in extra(o).items() if not d.inherited or n not in inherited(o)}
    ends = [d.identity for d in made.values() if d.kind == "pipe"]
    return {n for n, d in made.items() if "eventfd" in d.kind + d.target or ends.count(d.identity) == 2}


def null_log_and_pipes(o):
    """As before, where what it wakes itself with does not count."""
    others = set(extra(o)) - own_pipes(o)
    return null_and_log(o) or (standard_holds(o) and others <= o.log_peers and len(others) <= 1)


def held_files(o):
    """Regular files that are open, beside the PID file and what is there to be locked."""
    return {
        n: d
        for n, d in extra(o).items()
        if d.kind == "file" and not d.target.startswith("anon_inode:") and not d.locked
    }


def killed(o):
    """The signal that killed it, 0 if none did."""
    return os.WTERMSIG(o.status_after) if o.status_after is not None and os.WIFSIGNALED(o.status_after) else 0


NOT_TAKEN = (
    lambda o: killed(o) in (signal.SIGTERM, signal.SIGHUP),
    "that is the default action of the signal. It has to be blocked and waited for, or have a handler; and who has "
    "taken it ends by exit(), and sends itself nothing",
)
CRASHED = (killed, lambda o: CRASHES.get(killed(o), f"{signal_name(killed(o))} was sent to it"))
SLEPT_ON = (
    lambda o: o.process is not None and o.process.pid in o.left and o.raised == 0,
    "the signal came after it had looked for one, and before the call that waits: it sleeps, though it has been told. "
    "Block the signals, and let one call unblock and wait at once: sigwaitinfo(), sigsuspend(), ppoll(). "
    "Or let the handler write into a pipe that the program waits at",
)
STUCK = (
    lambda o: o.process is not None and o.process.pid in o.left,
    "it does not end. Either the handler called a function that this very signal had interrupted half-way, and waits "
    "for a lock that only the interrupted one can give back: syslog(), printf() and malloc() are such, and "
    "signal-safety(7) lists what a handler may call. Or two that had come at once were taken for one: each needs a "
    "flag of its own",
)


# What may have ended it by a signal, by what the configuration was then.
CRASHED_AT = {
    "empty": "there is nothing in it: read() gives 0 bytes, fgets() NULL, and there is no line to look at",
    "unreadable": "it cannot be opened: fopen() gives NULL then, and open() -1, which is no descriptor",
    "10 MB long": "what it reads is longer than the room that there is for it",
    "not text": "the bytes in it are no text: what is taken from them for a length or an index may be anything",
    "a directory": "it can be opened, and not be read: read() gives -1, which is no length, and fgets() NULL",
    "missing": "it cannot be opened: fopen() gives NULL then, and open() -1, which is no descriptor",
}


CHECKS = [
    still(12, "null_device_log_and_file", holds=null_log_and_pipes),
    Check(
        key="takes_hangup",
        says="SIGHUP is neither ignored nor left to its default",
        read="signal(7), sigwaitinfo(2)",
        replaces=("ignores_hangup",),
        holds=lambda o: signal.SIGHUP not in o.process.ignored
        and signal.SIGHUP in o.process.caught | o.process.blocked | o.process.awaited,
        expected=lambda o: "SIGHUP blocked, to be waited for, or caught by a handler",
        observed=lambda o: "SIGHUP is " + ("ignored" if signal.SIGHUP in o.process.ignored else "left to its default"),
        causes=(
            (
                lambda o: signal.SIGHUP in o.process.ignored,
                "step 08 ignores it, and nothing has changed that since. It has to get its default action back and be "
                "blocked, or a handler: whether one that is both ignored and blocked is kept, systems differ",
            ),
            (True, "its default action is to end the process: it has to be blocked before that is set, or caught"),
        ),
    ),
    still(
        10,
        "signals_reset",
        says="launched with all signals ignored and blocked: only what it takes is left blocked",
        follows=("takes_hangup",),
        holds=lambda o: o.process is not None and o.process.blocked | o.process.awaited <= TAKEN and not kept(o),
        expected=lambda o: "ignored: none; blocked: at most signals that tell a daemon something (SIGHUP, SIGTERM, "
        "SIGINT, SIGQUIT, SIGUSR1, SIGUSR2)",
        observed=observed_sets,
    ),
    still(
        10,
        "sigterm_ends",
        causes=(
            (
                lambda o: o.process is not None and signal.SIGTERM in o.process.blocked,
                "SIGTERM is blocked, and nothing takes it: what is blocked waits until sigwaitinfo() or the like",
            ),
        ),
    ),
    Check(
        key="stops",
        says="SIGTERM ends it with status 0",
        read="sigwaitinfo(2), exit(3)",
        on_process=False,
        scene=STOPPED,
        follows=("one_lives_on",),
        holds=stopped_well,
        expected=lambda o: "after kill -TERM it has ended with status 0",
        observed=after,
        causes=(
            NOT_TAKEN,
            CRASHED,
            (
                lambda o: o.left,
                "it lives on: SIGTERM is blocked or caught, and then not acted on, or only the next time round",
            ),
            (
                lambda o: complains(told(o, "SIGTERM")),
                lambda o: f"it failed on its way, and says so: {quoted(told(o, 'SIGTERM'))}. A file's path has to be "
                "valid from the root directory; and that one cannot be removed does not keep it from stopping",
            ),
            (True, "it was told to stop, and did: that is no failure, and so status 0"),
        ),
    ),
    Check(
        key="removes_pid_file",
        says="and it removes FILE",
        read="unlink(2)",
        on_process=False,
        scene=STOPPED,
        follows=("stops", "pid_file"),
        holds=lambda o: o.pid_file is not None and o.pid_file_after is None,
        expected=lambda o: f"no {PID_FILE} after kill -TERM",
        observed=lambda o: content(o.pid_file_after),
        causes=(
            (
                lambda o: o.pid_file_after is not None and o.pid_file_after.text == "",
                "the file was emptied, and is still there: unlink() takes its name away",
            ),
            (
                True,
                "the file is still there: unlink() was not called, or not with the path that is valid from the root "
                "directory. What it returns tells which",
            ),
        ),
    ),
    Check(
        key="tells_of_stop",
        says="and it tells the log",
        read="syslog(3)",
        on_process=False,
        needs_log=LOG_TO_JUDGE,
        scene=STOPPED,
        follows=("stops",),
        holds=lambda o: bool(told(o, "SIGTERM")),
        expected=lambda o: "a message after kill -TERM",
        observed=lambda o: "nothing was logged",
        causes=(
            (
                True,
                "whoever reads the log cannot tell a daemon that was stopped from one that was killed. Nobody hears "
                "what it prints: standard error is the null device",
            ),
        ),
    ),
    Check(
        key="reloads",
        says="SIGHUP: it reads the configuration again, and logs the new greeting",
        read="sigwaitinfo(2), open(2)",
        on_process=False,
        needs_log=LOG_TO_JUDGE,
        scene=RELOADED,
        follows=("one_lives_on", "takes_hangup"),
        holds=lambda o: o.process is not None
        and o.left == (o.process.pid,)
        and any(NEW in text for text in told(o, "SIGHUP")),
        expected=lambda o: f'with "greeting={NEW}" in {CONFIG} and after kill -HUP: it lives on, and "{NEW}" is logged',
        observed=lambda o: f"{after(o)}; logged: {quoted(told(o, 'SIGHUP'))}",
        causes=(
            NOT_TAKEN,
            CRASHED,
            (
                lambda o: o.process is None and says_why(o, "invalid option", "unrecognized option", "usage"),
                "-c is not known: it has to be among the letters for getopt(), with a colon: a name comes after it",
            ),
            (
                lambda o: o.process is None and says_why(o, "No such file"),
                "with -c it does not start: a name that does not start with / is meant from the directory of the "
                "launch, which the daemon has left",
            ),
            (lambda o: o.process is None, "with -c, and a file in which all is right, it does not start"),
            (
                lambda o: o.left and o.left != (o.process.pid,),
                "another process than before lives on: SIGHUP means that this one reads again, and not that it starts "
                "anew. Whoever watches it by its PID takes it for dead",
            ),
            (
                lambda o: o.left and is_told(OLD, told(o, "SIGHUP")) and held_files(o),
                "it logs the old greeting: the file was kept open, and not opened by its name again. An editor puts a "
                "new file in its place",
            ),
            (
                lambda o: o.left and is_told(OLD, told(o, "SIGHUP")),
                "it logs the old greeting: the file was not read again, or what was read was not put in its place",
            ),
            (
                lambda o: o.left and complains(told(o, "SIGHUP")),
                "it says that it cannot be had, though it can: is the path valid from the root directory, and is the "
                "file opened, read from its start, and closed each time?",
            ),
            (
                lambda o: o.left
                and is_told(NEW.split()[0], told(o, "SIGHUP"))
                and not is_told(NEW[:6], told(o, "SIGHUP")),
                "the greeting is cut off at the space: %s of scanf() is a word. TEXT goes to the end of the line",
            ),
            (
                lambda o: o.left and told(o, "SIGHUP"),
                "something is logged, and not the new greeting: who has edited the file wants to see what holds now",
            ),
            (lambda o: o.left, "SIGHUP came, and nothing was logged: it is not acted on, or not told of"),
            (True, "it does not live on: SIGHUP means that it reads again, not that it ends or starts anew"),
        ),
    ),
    Check(
        key="keeps_old",
        says="where that fails the old greeting is kept, and the reason is logged",
        read="open(2), read(2), syslog(3)",
        on_process=False,
        needs_log=LOG_TO_JUDGE,
        scene=KEPT,
        follows=("reloads",),
        holds=lambda o: o.process is not None and o.left == (o.process.pid,) and not lost(o),
        expected=lambda o: f"{CONFIG} {', '.join(BAD)}: each time an error or a warning, and then the old greeting",
        observed=lambda o: f"{after(o)}; {CONFIG} {lost(o)[0]}, logged: {quoted(logged(o, lost(o)[0]))}"
        if o.process and lost(o)
        else after(o),
        causes=(
            (
                lambda o: killed(o) == signal.SIGHUP,
                "the first SIGHUP was taken, and a later one was not: a handler may hold for one time only "
                "(SA_RESETHAND), sigaction(2)",
            ),
            (killed, lambda o: CRASHED_AT[silent_from(o) or last_seen(o)]),
            (
                lambda o: o.process is None or not o.left,
                "a mistake in its configuration has ended the daemon. At the start that is right: somebody reads the "
                "message. Later the old one is as good as it was before",
            ),
            (
                lambda o: not lost(o),
                "another process than this one, or one more, lives on: what a reload starts ends with it",
            ),
            (
                lambda o: silent_from(o) == lost(o)[0] in list(BAD)[1:-1],
                "SIGHUP was acted on before, and is not any more: what waits for signals belongs into the loop. Or it "
                "is not through with this one: a loop until feof() does not end where reading fails",
            ),
            (
                lambda o: first_lost(o, lambda texts: not texts),
                "nothing is logged then: whoever has edited the file waits for a change that does not come, and does "
                "not learn why",
            ),
            (
                lambda o: first_lost(o, lambda texts: not complains(texts) and not is_told(OLD, texts))
                and lost(o)[0] in REASONS,
                "it cannot be read: something else was put in the place of the old greeting, or why it cannot is not "
                "logged as an error (LOG_ERR) or a warning",
            ),
            (
                lambda o: first_lost(o, lambda texts: not complains(texts) and not is_told(OLD, texts)),
                "that is no configuration: it was taken for one, or what is wrong with it is not logged as an error "
                "(LOG_ERR) or a warning. Look at all of it, and whether it is what it should be, before it counts",
            ),
            (
                lambda o: first_lost(o, lambda texts: not complains(texts)),
                "the reason is not logged, or not as an error (LOG_ERR) or a warning (LOG_WARNING)",
            ),
            (
                lambda o: first_lost(o, lambda texts: all(map(is_complaint, texts))),
                "the reason is logged, but not the greeting that holds from then on: that is logged after each SIGHUP",
            ),
            (
                True,
                "the old greeting is gone: thrown away before there was a good one, or another was put in its place. "
                "Read all of it into something new, and take that only if it is what it should be",
            ),
        ),
    ),
    Check(
        key="config_closed",
        says="the configuration is closed again once it is read",
        read="close(2)",
        needs_log=LOG_TO_JUDGE,  # only who has read it has closed it
        scene=RELOADED,
        follows=("reloads",),
        holds=lambda o: any(NEW in text for text in told(o, "SIGHUP")) and not held_files(o),
        expected=lambda o: f"launched with -c {CONFIG}: no regular file open but {PID_FILE}",
        observed=lambda o: names(held_files(o)),
        causes=(
            (
                True,
                "it stays open. If each reload opens it once more the descriptors run out some day, and what is open "
                "is not what an editor has put in its place",
            ),
        ),
    ),
    Check(
        key="storm",
        says=f"{STORM} SIGHUPs in a row, and then SIGTERM with one more, which is not lost",
        read="signal(7), signal-safety(7)",
        on_process=False,
        scene=STORMED,
        follows=("stops", "takes_hangup"),
        holds=stopped_well,
        expected=lambda o: f"after {STORM} times kill -HUP, and then SIGHUP and SIGTERM at once (sent while it is "
        "stopped), it has ended with status 0",
        observed=after,
        causes=(
            NOT_TAKEN,
            CRASHED,
            (
                lambda o: o.left,
                "one of the two was lost, or after so many it takes none any more. A variable for what came last holds "
                "one of them: each needs a flag of its own. What each reload uses up, a descriptor or memory, has an "
                "end. Or it is stuck in a handler that another one interrupted",
            ),
            (True, "so many signals ended it in another way"),
        ),
    ),
    Check(
        key="none_slept_through",
        says="SIGTERM in the very moment before it waits is not slept through",
        read="sigsuspend(2), select(2), sigwaitinfo(2)",
        on_process=False,
        scene=SURPRISED,
        follows=("stops",),
        unseen=lambda o: f"the lab could not stop it there: {os.strerror(-o.raised)}"
        if o.raised is not None and o.raised < 0
        else "",
        holds=stopped_well,
        expected=lambda o: "held (with ptrace) just before the call in which it waits, and sent SIGTERM: it ends with "
        "status 0",
        observed=after,
        causes=(NOT_TAKEN, CRASHED, SLEPT_ON, (True, "it ended in another way than it does with nothing else to do")),
    ),
    Check(
        key="safe_in_the_middle",
        says="SIGTERM while it writes to the log does not make it hang",
        read="signal-safety(7)",
        on_process=False,
        needs_log=LOG_TO_JUDGE,
        scene=INTERRUPTED,
        follows=("stops", "reloads", "none_slept_through"),
        holds=stopped_well,
        expected=lambda o: "the log is full, and it waits for that; kill -TERM; the log is read: it ends with status 0",
        observed=after,
        causes=(NOT_TAKEN, CRASHED, STUCK, (True, "it ended in another way than it does with nothing else to do")),
    ),
    Check(
        key="environment_cleared",
        says="what it was started with in the environment does not count",
        read="clearenv(3), environ(7), tzset(3)",
        star=True,
        needs_log=LOG_TO_JUDGE,
        scene=ZONED,
        holds=lambda o: bool(o.messages) and not goes_by_zone(o),
        expected=lambda o: f"launched with {ZONED.environment[0]}: the log has the time as without it",
        observed=lambda o: quoted([message.text for message in o.messages]),
        causes=(
            (
                lambda o: o.messages,
                "that is the time that TZ asks for, which somebody has set in a shell: clearenv() before the first "
                "message, or localtime() or whatever else makes libc read TZ",
            ),
            (True, "with TZ set nothing is logged"),
        ),
    ),
    Check(
        key="no_config_at_start",
        says="says so when the configuration cannot be read at the start, and ends",
        read="open(2)",
        star=True,
        on_process=False,
        scene=NO_CONFIG,
        holds=lambda o: fails_cleanly(o) and o.job_status not in (0, None) and says_why(o, "No such file", "nowhere"),
        expected=lambda o: "the reason on standard error, a status other than 0, nothing that lives on",
        observed=lambda o: f"launched with -c nowhere/{CONFIG}; {fate(o)}",
        causes=(
            (lambda o: o.processes, "it starts all the same: there is no old one to keep yet"),
            (True, "its caller is not told why"),
        ),
    ),
    Check(
        key="tells_reason",
        says="tells the log why it cannot be read, in the system's words",
        read="strerror(3), errno(3)",
        star=True,
        on_process=False,
        needs_log=LOG_TO_JUDGE,
        scene=KEPT,
        holds=lambda o: not reason_missing(o),
        expected=lambda o: "; ".join(f"{kind}: {os.strerror(number)}" for kind, number in REASONS.items()),
        observed=lambda o: f"{CONFIG} {reason_missing(o)[0]}, logged: {quoted(logged(o, reason_missing(o)[0]))}",
        causes=(
            (
                True,
                "errno knows why a call failed, and strerror() and the %m of syslog() have the words for it. Another "
                "call may set it anew, as read() does for what was not opened, and close(-1): keep it before. fopen() "
                "opens a directory too, and only reading fails then: ferror()",
            ),
        ),
    ),
    Check(
        key="unremovable_file",
        says="with -u: tells the log when FILE cannot be removed any more",
        read="unlink(2), path_resolution(7)",
        star=True,
        on_process=False,
        needs_log=LOG_TO_JUDGE,
        scene=UNREMOVABLE,
        # Who keeps somebody that may remove it removes it.
        holds=lambda o: stopped_well(o) and (o.pid_file_after is None or complains(told(o, "SIGTERM"))),
        expected=lambda o: f"launched by root with -u {USER}, in a directory of root's; kill -TERM: an error or a "
        "warning in the log, and status 0",
        observed=lambda o: f"{after(o)}; {content(o.pid_file_after)}; logged: {quoted(told(o, 'SIGTERM'))}",
        causes=(
            (
                lambda o: complains(told(o, "SIGTERM")),
                "that is told, and keeps it from stopping as it was told to: what it leaves is without a lock, and "
                "the next one takes it over",
            ),
            (
                True,
                "what unlink() returns is not looked at. A file is removed from its directory, in which only root may "
                "write here: that takes a right which was given up. Whoever starts it has to know what is left",
            ),
        ),
    ),
]
