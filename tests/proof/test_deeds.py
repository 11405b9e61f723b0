"""What may be done to a program is said by types, done by one function for each, and told in the same words as ever."""

import os
from signal import SIGHUP, SIGTERM
from typing import get_args

import pytest

from lab.checks import expectations
from lab.course import START, STEPS
from lab.facts import LogFilled, StartedAgain
from lab.scene import (
    PID_FILE,
    SOCKET,
    AskForRoot,
    AwaitPings,
    AwaitSecond,
    ComeInVain,
    Connect,
    Crowd,
    Deed,
    FillLog,
    FullLog,
    Listen,
    OpenTerminal,
    Queue,
    RaiseBeforeWait,
    ReplaceConfig,
    ReplacePidFile,
    ReplaceSocket,
    Scene,
    Series,
    Signal,
    StartAgain,
    Stdio,
    Stop,
    Storm,
    Talk,
    Vanish,
)
from lab.watch import loop
from lab.watch.deeds import DEEDS, FILL_TIME
from lab.watch.observe import observe

TOLD = {
    Signal(SIGTERM): "SIGTERM",
    RaiseBeforeWait(SIGTERM): "before-wait SIGTERM",
    Series(SIGHUP, 300): "series SIGHUP 300",
    Storm(SIGHUP, 1000, SIGTERM): "storm SIGHUP 1000 SIGTERM",
    FillLog(SIGHUP): "full-log SIGHUP",
    Connect(SOCKET): f"connect {SOCKET}",
    Talk("0"): "talk 0",
    ComeInVain("0"): "in-vain 0",
    Queue(SOCKET, 20, SIGHUP): f"queue {SOCKET} 20 SIGHUP",
    Crowd("1", 1000): "crowd 1 1000",
    Vanish("0", 20): "vanish 0 20",
    StartAgain(50): "again 50",
    ReplaceConfig("next"): "config next",
    ReplacePidFile("other"): "pid-file other",
    ReplaceSocket("other"): "socket other",
    Stop(SOCKET, 20, 6.0): f"stop {SOCKET} 20, 6 s",
    FullLog(SIGTERM, SIGHUP): "no-room-in-log SIGTERM SIGHUP",
    AwaitPings(7): "pings 7",
    AwaitSecond(): "second",
    OpenTerminal(): "terminal",
    AskForRoot(): "root",
}


@pytest.mark.parametrize("deed", TOLD, ids=str)
def test_a_deed_is_told_as_ever(deed):
    """Learners read it, in what was expected."""
    assert str(deed) == TOLD[deed]


def test_every_kind_of_deed_has_a_function():
    assert set(DEEDS) == set(get_args(Deed)) == {type(deed) for deed in TOLD}


def test_every_kind_of_deed_is_done_for_a_check():
    """What nobody asks for would be code that nobody runs."""
    done = {type(deed) for step in STEPS for check in expectations(step) for deed in check.scene.then}
    assert done == set(DEEDS)


@pytest.mark.parametrize(
    ("scene", "networks"),
    [
        (Scene(), set()),
        (Scene(arguments=("-p", PID_FILE), then=(Connect("0"), Crowd(SOCKET, 2), StartAgain(4))), set()),
        (Scene(listen=(Listen.UNIX, Listen.TCP4)), {Listen.TCP4}),
        (Scene(then=(Signal(SIGHUP), Connect("tcp6:PORT"))), {Listen.TCP6}),
        (Scene(listen=(Listen.TCP4,), then=(Vanish("tcp6:PORT", 3),)), {Listen.TCP4, Listen.TCP6}),
    ],
)
def test_a_scene_knows_which_networks_it_needs(scene, networks):
    assert scene.networks == networks


# ---- a log that is full ---------------------------------------------------------------

TAKES_NOTHING = """
#include <signal.h>
#include <unistd.h>
int main(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (;;)
        pause();
}
"""

LOGS_IN_A_THREAD = """
#include <pthread.h>
#include <signal.h>
#include <syslog.h>
#include <unistd.h>
static sigset_t all;
static void *take(void *unused)
{
    int taken;
    for (;;)
        if (sigwait(&all, &taken) == 0)
            syslog(LOG_DAEMON | LOG_INFO, "taken");
    return unused;
}
int main(void)
{
    pthread_t thread;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    pthread_create(&thread, NULL, take, NULL);
    for (;;)
        pause();
}
"""


@pytest.mark.parametrize(
    ("source", "is_full"), [(TAKES_NOTHING, False), (LOGS_IN_A_THREAD, True)], ids=["nothing", "in a thread"]
)
def test_the_wait_for_a_full_log_ends_when_it_is_known_how(source, is_full, examine_in_sandbox):
    """The time that is left to a busy machine is not used up where nothing more can come."""
    o = examine_in_sandbox(source, START).observation(Scene(then=(FillLog(SIGHUP),)))
    assert o.came(LogFilled) == LogFilled(is_full)
    assert o.done[0].over - o.done[0].begun < FILL_TIME / 2


# ---- standard error ---------------------------------------------------------------

SPEAKS = b"""#!/bin/sh
echo output
echo error >&2
[ -e running ] && exit 1
: >running
kill -STOP $$
"""


def test_standard_error_is_told_from_a_pipe_that_is_standard_output(pad):
    o = loop.run(observe(pad, START.name, SPEAKS, Scene(stdio=Stdio.PIPE)))
    assert (o.piped.text, o.errors, sorted(o.printed.split())) == ("output\n", "error\n", ["error", "output"])
    o = loop.run(observe(pad, START.name, SPEAKS))
    assert (o.piped.text, o.errors, o.printed) == ("", o.printed, "output\nerror\n")


def test_standard_error_of_those_started_again_is_told_apart(pad):
    o = loop.run(observe(pad, START.name, SPEAKS, Scene(then=(StartAgain(2),))))
    again = o.came(StartedAgain)
    assert (again.errors, sorted(again.printed.split())) == ("error\n" * 2, ["error"] * 2 + ["output"] * 2)
    assert [os.WEXITSTATUS(status) for status in again.statuses] == [1, 1]
