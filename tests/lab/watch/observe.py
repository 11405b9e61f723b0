"""Launches a program, waits until it has come to rest, looks, does what the scene asks for, and looks again.

What goes out is an Observation: plain data, with nothing in it that needs the
process any more. Its PIDs are as the job itself sees them.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Iterator, Tuple

from lab.facts import CHANGED, After, Done, Job, Observation, Piped, Process, Rest, Said, Sockets, World
from lab.hindered import init_ended, invisible, look_failed
from lab.kernel import calls
from lab.sandbox.launch import Launch
from lab.sandbox.server import Launchpad
from lab.scene import Scene
from lab.toolbox import LabError
from lab.watch import loop
from lab.watch.alarms import next_alarm
from lab.watch.clients import Clients
from lab.watch.deeds import do_all
from lab.watch.doing import doings
from lab.watch.held import Holder
from lab.watch.inside import from_inside
from lab.watch.look import (
    files_of,
    foreground_group,
    has_changed,
    identity,
    localhost,
    mode_of_socket,
    own_sockets,
    read_process,
    read_processes,
    read_shell,
    state_of,
    text_of,
    what_is_used_up,
)
from lab.watch.pid_file import read_pid_file
from lab.watch.rest import LONG_SLEEP, SLOW_POLL, WAKE_TIME, Settler
from lab.watch.subject import Subject


async def observe(
    pad: Launchpad, name: str, program: bytes, scene: Scene = Scene(), to_the_end: bool = False
) -> Observation:
    """Launch `program`, which is the answer `name`, look at it once it is at rest, and end it all.

    With `to_the_end` it is asked at last whether a timer of its own will wake it
    soon. If one will, the program is launched once more, and looked at when that
    has happened: what is right for a moment only is not right.

    It waits for the first time when the launch is under way. Raises LabError
    where the environment is at fault, and Hindered where the answer may be.
    """
    calls.names()  # found out here: the children of from_inside() may not start a compiler
    if scene.then and to_the_end:  # what is done to the program then would come before its timers are asked
        _, alarm = await _launch_and_look(pad, name, program, replace(scene, then=()), to_the_end)
        is_soon = alarm is not None and alarm.after_rest < LONG_SLEEP
        return (await _launch_and_look(pad, name, program, scene, awaited=alarm if is_soon else None))[0]
    seen, alarm = await _launch_and_look(pad, name, program, scene, to_the_end)
    if alarm is None:
        return seen
    if alarm.after_rest >= LONG_SLEEP:
        note = f"A timer wakes your program after {alarm.after_rest:.0f} s. The lab does not look at what it does then."
        return replace(seen, rest=replace(seen.rest, note=seen.rest.note or note))
    again, _ = await _launch_and_look(pad, name, program, scene, awaited=alarm)
    if not alarm.is_certain:
        return again
    note = f"A timer woke your program after {alarm.after_rest:.1f} s. The lab looked at it after that."
    return replace(again, rest=replace(again.rest, note=again.rest.note or note))


@dataclass(frozen=True)
class Alarm:
    """When a program that is at rest will be woken, or may be."""

    after_start: float  # seconds after its start: then it can be looked at once more
    after_rest: float  # seconds after it was seen at rest
    is_certain: bool = True


Look = Tuple[Observation, "Alarm | None"]


async def _launch_and_look(
    pad: Launchpad,
    name: str,
    program: bytes,
    scene: Scene,
    to_the_end: bool = False,
    awaited: Alarm | None = None,
) -> Look:
    """An Observation, and an Alarm or None: see observe()."""
    job = partial(pad.job, name, program, scene, _high_number())
    with Holder() as holder, job(at_held=holder.see_to) as launch, _in_sight():
        await asyncio.sleep(0.0)
        pad.wait_for_start(launch)
        if not scene.root:
            return await _look(launch, holder, name, to_the_end, awaited)
        look = partial(_look_from_inside, launch, holder, name, to_the_end, awaited)
        with launch.unread():  # the child does that now
            seen: Look = await from_inside(launch.init, look, launch.descriptors())
        return seen


def _look_from_inside(launch: Launch, holder: Holder, name: str, to_the_end: bool, awaited: Alarm | None) -> Look:
    return loop.run(_look(launch.of_this_process(), holder, name, to_the_end, awaited))


async def _look(launch: Launch, holder: Holder, name: str, to_the_end: bool, awaited: Alarm | None) -> Look:
    """An Observation, and an Alarm or None: see observe()."""
    seen = await _observe(launch, holder, name, awaited)
    return seen, _find_alarm(launch, seen) if to_the_end else None


def _find_alarm(launch: Launch, seen: Observation) -> Alarm | None:
    """The Alarm of a program that has been looked at; None if it waits for good.

    What does not wait in a plain way, or may be woken by what cannot be asked, is
    looked at once more when LONG_SLEEP is over. So is what has a timer, since it may
    set the next one then. But a service that a manager keeps an eye on has timers.
    """
    asked = time.monotonic()
    seconds = next_alarm(launch, seen.processes) if seen.rest.settled else None
    if seconds is None and (seen.rest.is_plain or not seen.rest.settled):
        return None
    after_rest = asked + seconds - seen.rest.since if seconds else 0.0
    latest = after_rest if launch.scene.has_manager and seconds else max(after_rest, LONG_SLEEP)
    return Alarm(seen.rest.since + latest - launch.started, after_rest, is_certain=bool(seconds))


async def _observe(launch: Launch, holder: Holder, name: str, awaited: Alarm | None) -> Observation:
    """An Observation; `awaited` is an Alarm that has to come first.

    What a look changes comes last: a program that watches its terminal or its
    files sees the lab only when its own state has been read.
    """
    settler = Settler(launch, lambda pid: state_of(launch, pid))
    shell = read_shell(launch)
    rest = await settler.settle()
    if awaited is not None:
        await _await(launch, awaited)
        rest = await settler.settle()
    launch.take_in()
    found = read_processes(launch)
    living = [process for process in found.values() if process is not None]
    sockets = own_sockets(launch, living[-1], shell) if living else Sockets()
    foreground = foreground_group(launch)
    launch.drain()
    pid_file = read_pid_file(launch)
    socket_mode = mode_of_socket(launch)
    done: tuple[Done, ...] = ()
    if living:
        done = await do_all(Subject(launch, living[-1], settler, Clients(launch, settler)), launch.scene.then)
    after = _look_after(launch, living[-1]) if done else After(files_of(launch))
    return Observation(
        name=name,
        scene=launch.scene,
        rest=_spoiled(launch, rest, living),
        when=time.time(),
        world=World(
            sandboxed=launch.sandboxed,
            adopter=launch.adopter,
            program=launch.program,
            shell=shell,
            root=identity(f"{launch.proc}/{launch.adopter}/root"),
            localhost=localhost(launch),
        ),
        job=Job(
            pid=launch.job,
            status=launch.job_status,
            exec_errno=launch.exec_errno,
            found=launch.found,
            lost_shell=launch.shell_is_lost(),
            found_parent=launch.found_parent,
        ),
        processes=tuple(living),
        zombies=tuple(pid for pid, process in found.items() if process is None),
        reaped={pid: status for pid, status in launch.reaped.items() if pid != launch.shell},
        said=Said(tuple(launch.messages), tuple(launch.notices), text_of(launch.printed), text_of(launch.errors)),
        piped=Piped(text_of(launch.piped), launch.pipe_closed),
        foreground=foreground,
        pid_file=pid_file,
        socket_mode=socket_mode,
        sockets=sockets,
        held=holder.came(launch),
        done=done,
        after=after,
        doing=doings(launch),
    )


def _spoiled(launch: Launch, rest: Rest, living: list[Process]) -> Rest:
    """The Rest, or another one where what came later says that it was none."""
    used_up = what_is_used_up(launch)
    if used_up:
        return Rest(False, used_up)
    if rest.settled and not launch.scene.then and has_changed(launch, living):
        return Rest(False, CHANGED)
    return rest


async def _await(launch: Launch, alarm: Alarm) -> None:
    """Wait until the alarm has gone off, and what comes of it can be seen."""
    while time.monotonic() < launch.started + alarm.after_start + WAKE_TIME:
        launch.pump()
        await asyncio.sleep(SLOW_POLL)


def _look_after(launch: Launch, process: Process) -> After:
    """What is left when something was done to a process."""
    again = {pid: read_process(launch, pid, with_descriptors=False) for pid in launch.pids()}
    found = again.get(process.pid)
    return After(
        files=files_of(launch),
        status=launch.job_status if process.pid == launch.job else launch.reaped.get(process.pid),
        left=tuple(pid for pid, each in again.items() if each is not None),
        pid_file=read_pid_file(launch),
        terminal=found.terminal if found is not None else 0,
    )


@contextmanager
def _in_sight() -> Iterator[None]:
    """Whatever keeps the lab from looking is a Hindered: who is at fault for it is found out later."""
    try:
        yield
    except LabError:
        raise
    except ProcessLookupError as gone:
        raise init_ended() from gone
    except PermissionError as denied:
        raise invisible(denied.filename) from denied
    except Exception as error:  # what is looked at is made by an answer, which may mean harm
        raise look_failed(error) from error


def _high_number() -> int:
    """Where the descriptor beyond the limit is: at a number that nobody can know."""
    return 3000 + int.from_bytes(os.urandom(4), "little") % 1000
