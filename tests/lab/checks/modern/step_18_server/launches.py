"""How the server is started, what clients get there, and causes that several of its checks have."""

from __future__ import annotations

import errno
import os
import re
import signal
from typing import Sequence

from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.beyond import step_14_stop as step_14
from lab.checks.check import Wrong
from lab.checks.common import (
    crash,
    crash_cause,
    ended,
    fails_cleanly,
    fate,
    killed,
    said,
    says_why,
    signal_name,
    started_again,
    stopped_well,
)
from lab.checks.modern import step_16_notify as step_16
from lab.checks.modern.step_17_socket_activation import GONE, REFUSED, served, told_clients, why_not_served
from lab.facts import Observation
from lab.scene import CONFIG, PID_FILE, PORT, SOCKET, USER, Connect, Scene, Signal

AT_PATH = ("-l", SOCKET, "-p", PID_FILE)
AT_HOST = ("-l", f"127.0.0.1:{PORT}", "-p", PID_FILE)
WITH_CONFIG = (*AT_PATH, "-c", CONFIG)
AS_USER = (*AT_PATH, "-u", USER)

AT_SOCKET = Connect(SOCKET)  # a client there
AT_PORT = Connect(f"tcp4:{PORT}")
SERVED_AT_HOST = Scene(arguments=AT_HOST, then=(AT_PORT,))

HELLO = "hello\n"
NOBODY = ""  # stands for what a client gets that finds nobody there
GREETED = '"hello\\n", then end of file'  # as told_clients() has it
NO_ROOM = os.strerror(errno.EAGAIN)  # the reason that a client gets when the queue of a socket is full

READY_TOO_EARLY = (
    "The first process exits with status 0, but no daemon stays. Most likely the daemon reports too early that it is "
    "ready, or the first process does not wait for that. Report it after the last step that can fail."
)
DOES_NOT_STOP = (
    "Your program does not exit after SIGTERM. Most likely it waits for a client that does not read or does not "
    "close, for a child, or in accept() when no client is left. Make sockets non-blocking, and stop waiting after 2 "
    "seconds."
)
WAIT_FOR_SIGNALS = (
    "Block the signal and wait for it, or handle it. After SIGHUP read the configuration again. After SIGTERM clean up "
    "and exit with status 0."
)


def has_status(status: int | None, number: int) -> bool:
    """Whether a wait status is that of an exit with this number."""
    return status is not None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == number


def remains(o: Observation) -> list[str]:
    """The names of the files that the server has made, and that are still there."""
    return [name for name in (PID_FILE, SOCKET) if name in o.after.files]


def fate_of_second(o: Observation) -> str:
    """How the one that was started again ended, for the end of a sentence; "" if none was started again."""
    again = started_again(o)
    if not again.statuses:
        return ""
    status, printed = again.statuses[0], again.printed.strip()
    how = "has not exited" if status is None else ended(status)
    if not printed:
        return f"; the second one {how}"
    return f'; the second one {how}, and printed "{printed[:200]}"'


def is_address_unknown(o: Observation) -> bool:
    """Whether it exits because getopt(3) does not know the option -l; the libraries say it in two ways."""
    return not o.processes and says_why(o, "invalid option -- 'l'", "unrecognized option: l")


def is_refused(o: Observation) -> bool:
    """Whether it does not start, and exits with an error, but not because it does not know the option -l."""
    return fails_cleanly(o) and o.job.status != 0 and not is_address_unknown(o)


def why_a_failed_start_is_not_told(o: Observation, status: str) -> str | None:
    """Why a start that must fail does not end in an exit with `status`, whatever is the reason; None if it does."""
    if is_address_unknown(o):
        return "Your program does not know the option -l. Add l and a colon to the letters of getopt()."
    has_daemon = any(each.ppid == o.world.adopter for each in o.processes)
    if o.scene.tells and o.job.status is None and not has_daemon and (o.zombies or o.reaped):
        return step_12.why_it_waits(o)
    if o.processes:
        return step_12.LIVES_ON_UNTOLD if o.job.status else None
    if crash(o):
        return crash_cause(o)
    if has_status(o.job.status, 0) and o.reaped:
        return READY_TOO_EARLY
    if has_status(o.job.status, 0):
        return f"Your program exits with status 0, as if nothing was wrong. The caller must notice: exit with {status}."
    return None


def why_it_gave_up(o: Observation) -> str | None:
    has_failed = not o.processes and bool(o.job.status)
    if has_failed and says_why(o, "read-only", "denied") and says_why(o, SOCKET, PID_FILE):
        return (
            "Your program cannot make a file. Most likely it uses a relative name after chdir(\"/\"), so the file "
            "would be in /. Put the directory of the start, from getcwd(), before a relative name, and do that before "
            "chdir()."
        )
    if has_failed and NAME_AS_GIVEN.search(said(o)):
        return (
            f"Your program exits with an error about {SOCKET}. Most likely it does not take this for a path, or uses "
            "it after chdir(\"/\"). An ADDRESS without a colon is a path. Put the directory of the start before it."
        )
    return None


NAME_AS_GIVEN = re.compile(rf"(?<![\w/]){re.escape(SOCKET)}")  # with no directory before it


# What clients get


def got(o: Observation, texts: Sequence[str]) -> bool:
    """Whether each client got its text and then end of file; NOBODY means that it found nobody."""
    ends = ["closed" if each.text else GONE for each in served(o)]
    return [each.text for each in served(o)] == list(texts) and [each.how for each in served(o)] == ends


def unless_served(
    o: Observation, texts: Sequence[str], expected: str, because: str, *, ends: bool = False
) -> Wrong | None:
    """What is wrong unless clients get `texts`, one for each deed that makes clients, and then it stays, or `ends`."""
    went_on_well = stopped_well(o) if ends else len(o.after.left) == 1
    if o.process is not None and got(o, texts) and went_on_well:
        return None
    wrong = Wrong(
        expected=expected,
        observed=f"{told_clients(o)}; {what_became_of_it(o)}{fate_of_second(o)}" if o.process else fate(o),
        because=because,
    )
    return wrong.instead(why_served_in_another_way(o, texts, ends))


def what_became_of_it(o: Observation) -> str:
    """How it ended, or that it stays; in the foreground it is no daemon."""
    return step_14.after(o) if o.scene.tells else step_16.after(o)


def why_served_in_another_way(o: Observation, texts: Sequence[str], ends: bool) -> str | None:
    if o.process is None:
        return None
    if got(o, texts):
        return why_it_does_not_go_on(o, ends)
    if any(each.how == NO_ROOM for each in served(o)):
        return (
            "A client got EAGAIN (Resource temporarily unavailable), because the queue of the socket was full. The "
            "second argument of listen() limits how many clients may wait. Use SOMAXCONN."
        )
    if killed(o) in (signal.SIGTERM, signal.SIGHUP):
        return f"{signal_name(killed(o))} killed your program. {WAIT_FOR_SIGNALS}"
    if Signal(signal.SIGKILL) in o.scene.then:  # that ended it, and no client did
        return None
    if served(o) and served(o)[0].how in (REFUSED, GONE):  # the first one finds nobody: what comes later follows
        return None
    if ends and o.after.left:
        return why_not_served(o) or DOES_NOT_STOP
    return why_not_served(o)


def why_it_does_not_go_on(o: Observation, ends: bool) -> str:
    """Why it did not go on as it should where all clients got what they should get."""
    if len(o.after.left) > 1:
        return (
            "All clients are served, but more than one process stays. Most likely a child that has served a client "
            "does not exit. End it with _exit()."
        )
    if o.after.left:
        return f"All clients are served. {DOES_NOT_STOP}"
    if killed(o) in (signal.SIGTERM, signal.SIGHUP):
        return f"{signal_name(killed(o))} killed your program. {WAIT_FOR_SIGNALS}"
    if ends:
        return (
            "All clients are served, but your program does not end with status 0. A stop by SIGTERM is no failure. "
            "Exit with status 0 then."
        )
    return "All clients are served, but no process stays. Your program must keep running and wait for the next client."
