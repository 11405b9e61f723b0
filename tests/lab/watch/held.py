"""What is done while a system call of a program is held: a method for each fault that holds calls.

The launch tells which calls are held now, and lets them go on when it is told to.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from contextlib import suppress
from typing import Callable, Mapping

from lab.facts import Held, Identity, PidFile
from lab.faults import Fault
from lab.kernel import procfs
from lab.kernel.waiting import waits_for_others
from lab.sandbox.launch import HeldCall, Launch
from lab.scene import PID_FILE
from lab.watch.look import held_signals
from lab.watch.pid_file import read_pid_file
from lab.watch.rest import LOOKS, Unmoved

SLOW_TIME = 1.0  # seconds that a start takes whose call is held
# Seconds for which a child is held while its parent neither ends nor waits for anybody. A parent that sleeps for longer
# has arrived, as far as the lab knows (LONG_SLEEP in rest.py); one that asks again and again is let have its answer.
HOLD_TIME = 3.5
ACCEPT_TIME = 0.3  # seconds for which the accept() of a child is held
MAX_PIPES = 64  # of an answer's that are kept open


class Holder:
    """Sees to the calls of one launch that are held. Use it as a context manager, around the launch."""

    def __init__(self) -> None:
        self.accept_failed = False
        self.forks = 0
        self.accepting = 0
        self.looks: list[tuple[int, frozenset[int] | None]] = []  # what was seen, after how many notices
        self.pipes: list[int] = []  # descriptors
        self.free: set[int] = set()  # PIDs of children, as the lab sees them, that have been held long enough
        self.unprepared = False
        self.lock_was_vain = False
        self.removed: PidFile | None = None
        self._others: dict[int, Unmoved] = {}  # by PID: all but the callers of held calls

    def __enter__(self) -> Holder:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self.pipes:
            os.close(fd)
        self.pipes.clear()

    def see_to(self, launch: Launch) -> None:
        """See to all calls that are held now; some stay so for a while, and are seen to the next time."""
        fault = launch.scene.fault
        assert fault is not None  # else no call would be held
        for call in tuple(launch.held_calls):
            AT_CALL[fault](self, launch, call)

    def came(self, launch: Launch) -> Held:
        """What came of all of it."""
        return Held(
            accept_failed=self.accept_failed,
            accepting=self.accepting,
            told_with=tuple(self._look_before(number) for number in range(len(launch.notices))),
            unprepared=self.unprepared,
            lock_was_vain=self.lock_was_vain,
            removed=self.removed,
        )

    def _look_before(self, number: int) -> frozenset[int] | None:
        """What the last look before the notice of that number has shown; None if there was no look."""
        return next((look for count, look in reversed(self.looks) if count <= number), None)

    def _hold_child(self, launch: Launch, call: HeldCall) -> None:
        """A child goes on when its parent has ended, or waits for it, or does not come to either."""
        is_over = time.monotonic() > call.since + HOLD_TIME
        if call.pid != launch.job and not is_over and call.outer not in self.free:
            if not self._is_parent_placed(launch):
                return
        if call.pid != launch.job:
            self.free.add(call.outer)
        launch.let_go(call)

    @staticmethod
    def _is_parent_placed(launch: Launch) -> bool:
        """Whether the process that the shell started has ended, or waits for what others do."""
        return launch.job_status is not None or waits_for_others(f"{launch.proc}/{launch.job}", launch.calls)

    def _hold_start(self, launch: Launch, call: HeldCall) -> None:
        """A call of the daemon goes on after SLOW_TIME, or when nobody waits for it any more."""
        is_over = time.monotonic() > call.since + SLOW_TIME
        if call.pid == launch.job or is_over or launch.job_status is not None:
            launch.let_go(call)

    def _keep_pipes_open(self, launch: Launch, call: HeldCall) -> None:
        """Keep the caller's pipes open, as a child of it would."""
        self._open_pipes(launch, call)
        launch.let_go(call)

    def _outlive(self, launch: Launch, call: HeldCall) -> None:
        """Keep the caller's pipes open, and kill it."""
        self._open_pipes(launch, call)
        try:
            os.kill(call.outer, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended meanwhile
        launch.let_go(call)

    def _open_pipes(self, launch: Launch, call: HeldCall) -> None:
        """Open the caller's pipes, but for those that it got at its start."""
        try:
            inherited = {d.identity for d in procfs.read_descriptors(f"{launch.proc}/{launch.shell}").values()}
            for number, descriptor in procfs.read_descriptors(f"/proc/{call.outer}").items():
                if len(self.pipes) == MAX_PIPES:
                    break
                if descriptor.kind == "pipe" and descriptor.identity not in inherited:
                    path = f"/proc/{call.outer}/fd/{number}"
                    self.pipes.append(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError:
            pass  # it has ended, or does not let itself be looked at

    def _orphan(self, launch: Launch, call: HeldCall) -> None:
        """Kill all other processes, so that nobody waits for the caller any more. It goes on when they have ended."""
        if call.pid == launch.job:
            launch.let_go(call)
            return
        living = [pid for pid in launch.pids() if pid != call.pid and not _has_ended(launch, pid)]
        for pid in living:
            try:
                os.kill(launch.outer(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended meanwhile
        if not living:
            launch.let_go(call)

    def _hold_signals(self, launch: Launch, call: HeldCall) -> None:
        """A call of the daemon goes on when the first process has exited, or when that one and all others wait.

        If it has exited, SIGTERM comes just now, unless the daemon has prepared for that before. Where one of
        the others never waits, because it asks again and again, the call goes on after SLOW_TIME.
        """
        is_over = time.monotonic() > call.since + SLOW_TIME
        is_awaited = call.pid != launch.job and launch.job_status is None and not is_over
        if is_awaited and not self._do_others_wait(launch):
            return
        self._others.clear()
        if launch.job_status is not None and _is_killed_by(signal.SIGTERM, call.outer):
            self.unprepared = True
            try:
                os.kill(call.outer, signal.SIGTERM)
            except ProcessLookupError:
                pass  # it has ended meanwhile
        launch.let_go(call)

    def _do_others_wait(self, launch: Launch) -> bool:
        """Whether the first process lives, and all that make no held call wait, and none has run in between."""
        callers = {call.pid for call in launch.held_calls}
        living = {pid for pid in launch.pids() if not _has_ended(launch, pid)}
        if launch.job not in living:
            return launch.shell_is_lost()  # else the shell is about to tell how it ended
        pids = living - callers
        if pids != set(self._others):
            self._others = {pid: Unmoved(launch, pid) for pid in pids}
        return all([others.look() >= LOOKS for others in self._others.values()])

    def _remove_before_lock(self, launch: Launch, call: HeldCall) -> None:
        """The first time that the caller has the PID file open, the file is removed, as by an instance that stops."""
        found = None if self.lock_was_vain else read_pid_file(launch)
        if found is not None and found.identity in _open_files(call.outer):
            self.lock_was_vain = True
            with suppress(FileNotFoundError):  # the program itself was quicker
                os.unlink(f"{launch.lab}/{PID_FILE}")
        launch.let_go(call)

    def _look_at_removal(self, launch: Launch, call: HeldCall) -> None:
        """Look at the PID file, as long as there is one."""
        self.removed = read_pid_file(launch) or self.removed
        launch.let_go(call)

    def _hold_accept(self, launch: Launch, call: HeldCall) -> None:
        """A call of a child goes on after ACCEPT_TIME, or when another child calls accept() too."""
        callers = {_process_of(each.outer) for each in launch.held_calls} - {launch.job, None}
        self.accepting = max(self.accepting, len(callers))
        is_over = time.monotonic() > call.since + ACCEPT_TIME
        if is_over or len(callers) != 1:
            launch.let_go(call)

    def _fail_once(self, launch: Launch, call: HeldCall) -> None:
        """The first call fails: who was about to connect has gone."""
        launch.let_go(call, 0 if self.accept_failed else errno.ECONNABORTED)
        self.accept_failed = True

    def _fail_later(self, launch: Launch, call: HeldCall) -> None:
        """All calls but the first fail: there is no room for another process."""
        self.forks += 1
        launch.let_go(call, errno.EAGAIN if self.forks > 1 else 0)

    def _look_first(self, launch: Launch, call: HeldCall) -> None:
        """Look at the caller, just before it tells the next thing: all that it has told before has arrived."""
        launch.take_in_notices()
        try:
            look = held_signals(f"/proc/{call.outer}", launch.calls)
        except OSError:
            look = None  # it has ended, or does not let itself be looked at
        self.looks.append((len(launch.notices), look))
        launch.let_go(call)


def _process_of(outer: int) -> int | None:
    """The PID, as the job knows it, of the process that a thread belongs to; None if it is gone."""
    try:
        status = procfs.read_status(f"/proc/{outer}")
        return int(status.get("NStgid", status["Tgid"]).split()[-1])
    except OSError:
        return None


def _has_ended(launch: Launch, pid: int) -> bool:
    """Whether a process has exited, though its parent may not have waited for it yet."""
    try:
        return procfs.read_stat(f"{launch.proc}/{pid}").state in "ZX"
    except ProcessLookupError:
        return True


def _is_killed_by(number: signal.Signals, outer: int) -> bool:
    """Whether this signal would kill a process now: the signal has its default action, and is not blocked."""
    try:
        status = procfs.read_status(f"/proc/{outer}")
    except OSError:
        return False  # it has ended, or does not let itself be looked at
    return not any(number in status.signals(field) for field in ("SigBlk", "SigIgn", "SigCgt"))


def _open_files(outer: int) -> set[Identity]:
    """The files that a process has open."""
    try:
        return {each.identity for each in procfs.read_descriptors(f"/proc/{outer}").values()}
    except OSError:
        return set()  # it has ended, or does not let itself be looked at


AT_CALL: Mapping[Fault, Callable[[Holder, Launch, HeldCall], None]] = {
    Fault.HOLD_CHILD: Holder._hold_child,
    Fault.HOLD_CHDIR: Holder._keep_pipes_open,
    Fault.SLOW_CHDIR: Holder._hold_start,
    Fault.CHDIR_OUTLIVED: Holder._outlive,
    Fault.CHDIR_ORPHANED: Holder._orphan,
    Fault.HOLD_SIGNALS: Holder._hold_signals,
    Fault.LOCK_IN_VAIN: Holder._remove_before_lock,
    Fault.LOOK_AT_REMOVAL: Holder._look_at_removal,
    Fault.SECOND_FORK_FAILS: Holder._fail_later,
    Fault.HOLD_ACCEPT: Holder._hold_accept,
    Fault.ACCEPT_ONCE: Holder._fail_once,
    Fault.LOOK_BEFORE: Holder._look_first,
}
