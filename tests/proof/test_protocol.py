"""The table of what the lab and the launcher say to each other: one place for all of it, and nothing is passed over."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import fields

import pytest
from conftest import PATIENCE

from lab.course import START
from lab.dev import header
from lab.faults import Fault
from lab.hindered import Hindered
from lab.sandbox import launch as launching
from lab.sandbox import protocol
from lab.sandbox.launch import Launch
from lab.sandbox.mailbox import ANSWERS, Mailbox
from lab.sandbox.program import SOURCES
from lab.sandbox.protocol import NotUnderstood, Request
from lab.sandbox.started import Started
from lab.scene import Scene
from lab.toolbox import ROOT
from lab.watch import loop
from lab.watch.held import AT_CALL
from lab.watch.observe import observe

SLEEP = b"#!/bin/sh\nexec sleep 1000\n"


def in_c():
    """The text of all C files of the launcher."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.c")))


# ---- the table ---------------------------------------------------------------


def test_the_header_is_what_the_table_says():
    assert header.HEADER.read_text(encoding="utf-8") == header.header(), "it is stale: run tests/run protocol"


def test_every_order_has_an_answer():
    assert all(order.answers for order in protocol.ORDERS.values())


SOME = {"int": 1, "str": "read=0:-:0", "tuple[int, ...]": (), "Source": protocol.Source.LOG}


def test_every_event_is_taken_in_somewhere():
    """As an answer to an order, as something that is known of the start, or by the launch."""
    lost = []
    for kind in protocol.EVENTS.values():
        event = kind(**{each.name: SOME[str(each.type)] for each in fields(kind)})
        is_known = Started(False).after(event) != Started(False)
        if (issubclass(kind, ANSWERS), is_known, kind in Launch._EVENTS).count(True) != 1:
            lost.append(kind)
    assert lost == []


def test_calls_that_wait_are_told_in_one_form():
    assert protocol.Calls("read=0:-:0 poll=7:m:2").by_number() == {0: ("-", 0), 7: ("m", 2)}
    for text in ("read", "read=0", "read=0:-:-1", "read=x:-:0"):
        with pytest.raises(NotUnderstood):
            protocol.Calls(text).by_number()


def test_every_held_fault_has_a_handler():
    assert set(AT_CALL) == {fault for fault in Fault if fault.is_held}


def test_the_launcher_tells_all_events_and_no_others():
    told = set(re.findall(r'\breport(?:_descriptor)?\(\s*&?\w+,\s*"([a-z-]+)', in_c()))
    told |= set(re.findall(r'\brun_as\([\w>-]+, "(\w+)"\)', in_c()))  # which reports its argument
    told |= {"init"} if 'snprintf(text, sizeof(text), "init %d"' in in_c() else set()
    assert told == set(protocol.EVENTS)


def test_words_stand_in_one_place():
    """No C file knows a word of an option, an order or a fault: protocol.h does."""
    words = [fault.word for fault in Fault] + list(protocol.ORDERS) + [kind.value for kind in protocol.Kind]
    compared = re.findall(r'str(?:n)?cmp\([^;]*?"([^"]+)"', in_c())
    assert set(words) & set(compared) == set()


# ---- what is not understood --------------------------------------------------


@pytest.fixture
def launch(pad):
    """A launch whose job sleeps."""
    with pad.wait_for_start(pad.job(START.name, SLEEP)) as started:
        yield started


def pump_on(launch):
    """Take in events until one of them raises."""
    for _ in range(PATIENCE * 10):
        launch.pump(0.1)


@pytest.mark.parametrize(
    "text, told",
    [
        ("frob 1", "an unknown order: frob 1"),
        ("", None),  # an empty message is as the end of the socket
        ("terminal", "the words of an order: terminal"),
        ("terminal one", "the words of an order: terminal one"),
        ("raise 1 2 3", "the words of an order: raise 1 2 3"),
        ("terminal 99999999999999999999", "the words of an order: terminal 9"),
        ("timers 1 " + "1 " * 33, "the words of an order: timers 1 1"),
        ("replace a\0b c", "an order that is too long, or no text: replace a"),
        ("connect " + "x" * 4096, "an order that is too long, or no text: connect x"),
    ],
)
def test_a_wrong_order_is_refused_aloud(launch, text, told):
    launch.mailbox.control.send(text.encode())
    if told is None:
        with pytest.raises(Exception, match="init of a sandbox ended"):
            pump_on(launch)
    else:
        with pytest.raises(NotUnderstood, match=f"it was told {re.escape(told)}"):
            pump_on(launch)


class Odd(Request):
    """A request that is sent as it is."""

    text = ""

    def message(self, argv):
        return self.text


@pytest.mark.parametrize(
    "text, told",
    [
        ("frob=1\0--\0true\0", "an unknown option: frob=1"),
        ("high\0--\0true\0", "a word without a value: high"),
        ("high=\0--\0true\0", "the value of an option: high="),
        ("high=3x\0--\0true\0", "the value of an option: high=3x"),
        ("high=-1\0--\0true\0", "the value of an option: high=-1"),
        ("stdio=open\0--\0true\0", "the value of an option: stdio=open"),
        ("leads=1\0--\0true\0", "the value of an option: leads=1"),
        ("file=644\0--\0true\0", "the value of an option: file=644"),
        ("file=999:a\0--\0true\0", "the value of an option: file=999"),
        ("listen=unix\0" * 9 + "--\0true\0", "the value of an option: listen=unix"),
        ("hidden=/a\0" * 65 + "--\0true\0", "the value of an option: hidden=/a"),
        ("--\0", "a request without a program"),
        ("high=3\0", "a request without a program"),
        ("--\0true", "a request that is too long, or has no end"),
        ("--\0" + "true\0" * 600, "a request that is too long, or has no end"),
        ("--\0" + "x" * 70000 + "\0", "a request that is too long, or has no end"),
        ("file=644:a\0--\0true\0", "a request with 1 descriptors"),
        ("kind=tool\0--\0true\0", "a request with 1 descriptors"),
    ],
)
def test_a_wrong_request_is_refused_aloud(pad, text, told):
    pad.is_sandboxed()
    odd = type("Odd", (Odd,), {"text": text})()
    with pytest.raises(NotUnderstood, match=f"it was told {re.escape(told)}"):
        pad._wait(pad._spawn(odd, [], ["true"]), lambda: None)
    assert loop.run(observe(pad, START.name, b"#!/bin/sh\necho well\n")).printed == "well\n", "it goes on"


@pytest.mark.parametrize(
    "text",
    [
        "frob 1",
        "shell",
        "shell one",
        "shell 1 2",
        "regained 1",
        "reaped 1 2 3",
        "proc",
        "init 1",
        "stream log",
        "calls",
        "\xff",
    ],
)
def test_a_wrong_event_is_refused_aloud(text):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, Launch(Mailbox(ours), True, Scene()) as launch:
        theirs.send(text.encode("latin-1"))
        if text == "calls":  # it may tell of none
            launch.pump()
        else:
            with pytest.raises(NotUnderstood, match="event|descriptor"):
                launch.pump()
        theirs.close()


def test_an_event_with_a_descriptor_that_has_none(tmp_path):
    """The descriptor is closed: what nobody knows nobody would close."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = len(os.listdir("/proc/self/fd"))
    with theirs, Launch(Mailbox(ours), True, Scene()) as launch:
        with open(tmp_path / "file", "w", encoding="ascii") as file:
            socket.send_fds(theirs, [b"shell 1"], [file.fileno()])
        with pytest.raises(NotUnderstood, match="'shell 1' with a descriptor"):
            launch.pump()
        assert len(os.listdir("/proc/self/fd")) == before
        theirs.close()


def test_words_that_cannot_be_sent_are_not_sent():
    for order in (protocol.Connect("a b"), protocol.Connect(""), protocol.Replace("a", "b\0c")):
        with pytest.raises(NotUnderstood):
            order.line()
    with pytest.raises(NotUnderstood):
        Request(Scene(environment=("A=\0",))).message(["true"])


def test_the_answer_to_an_order_that_was_given_up_does_no_harm():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, Launch(Mailbox(ours), True, Scene()) as launch:
        theirs.send(b"opened 3")
        assert launch.pump()
        theirs.close()


# ---- what it takes to add something ------------------------------------------


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is in {path} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def copy(tmp_path):
    """A copy of the lab, and a function that runs a Python script in it."""
    lab = tmp_path / "lab"
    shutil.copytree(ROOT, lab, ignore=shutil.ignore_patterns("build", ".git", ".venv", "__pycache__", "gallery"))
    return lab


def run_in(copy, *words):
    environment = os.environ | {"DAEMON_LAB_BUILD": str(copy / "build"), "PYTHONPATH": str(copy / "tests")}
    done = subprocess.run(
        words, cwd=copy, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


LOOK = """
import signal, sys
from lab import scene as asked
from lab.course import START
from lab.faults import Fault
from lab.sandbox.server import Launchpad
from lab.scene import Scene
from lab.watch import loop
from lab.watch.observe import observe
pad = Launchpad()
print(loop.run(observe(pad, START.name, sys.argv[1].encode(), {scene})).printed, end="")
"""


def printed_in(copy, scene, script):
    """What a shell script prints that the copy launches in a scene."""
    return run_in(copy, sys.executable, "-c", LOOK.format(scene=scene), f"#!/bin/sh\n{script}\n")


def proved(copy):
    """Run those of the copy's tests that hold the table against the rest."""
    run_in(copy, "tests/run", "protocol")
    files = ("tests/proof/test_floors.py", "tests/proof/test_protocol.py")
    run_in(
        copy,
        "tests/run",
        "test",
        "-q",
        "-p",
        "no:xdist",
        "-k",
        "floor or header or order_has or fault_has or words_stand",
        *files,
    )


def test_a_scene_option_is_a_field_and_its_use(copy):
    edit(
        copy / "tests/lab/scene.py",
        "    root: bool = False",
        "    niceness: int = 0  # nice(2)\n    root: bool = False",
    )
    edit(USE.locate(copy), USE.before, USE.before + "    (void)nice((int)request->niceness);\n")
    proved(copy)
    assert printed_in(copy, "Scene(niceness=7)", "nice") == "7\n"
    assert printed_in(copy, "Scene()", "nice") == "0\n"


class USE:
    """The line of the launcher behind which a new option is used."""

    before = "    join_groups(request);\n"

    @classmethod
    def locate(cls, copy):
        """The file with the line."""
        folder = copy / SOURCES.relative_to(ROOT)
        (found,) = [path for path in folder.glob("*.c") if cls.before in path.read_text(encoding="utf-8")]
        return found


def test_a_fault_is_a_row(copy):
    row = '    UMASK_FAILS = ("umask-EIO", errno.EIO, "umask")\n'
    edit(copy / "tests/lab/faults.py", "    SETSID_KILLS", row + "    SETSID_KILLS")
    proved(copy)
    script = "umask 0; umask"
    assert printed_in(copy, "Scene()", script) == "0000\n"
    assert printed_in(copy, "Scene(fault=Fault.UMASK_FAILS)", script) != "0000\n"


DEED = """
@dataclass(frozen=True)
class Twice:
    number: signal.Signals


Deed = Union[
    Twice,
"""
FUNCTION = """
async def _send_twice(subject: Subject, deed: Any) -> None:
    subject.send(deed.number)
    await subject.rest()
    subject.send(deed.number)


DEEDS:"""


def test_a_deed_is_a_type_and_its_function(copy):
    edit(copy / "tests/lab/scene.py", "\nDeed = Union[\n", DEED)
    doing = copy / "tests/lab/watch/deeds.py"
    edit(doing, "\nDEEDS:", FUNCTION)
    edit(doing, "    Signal: _send_signal,\n", "    Signal: _send_signal,\n    Twice: _send_twice,\n")
    edit(doing, "    Storm,\n", "    Storm,\n    Twice,\n")
    proved(copy)
    script = "trap 'echo got it' USR1; while :; do read line; done"
    assert printed_in(copy, "Scene(then=(asked.Twice(signal.SIGUSR1),))", script) == "got it\ngot it\n"


# ---- an order that takes long -----------------------------------------------------


class SlowLaunch:
    """Stands in for a Launch: its launcher starts one program in each turn, and `most` of them in all."""

    _order = Launch._order

    def __init__(self, most):
        self.most = most
        self.mailbox = self
        self.answers, self.again = [], []

    def send(self, order):
        """It is on its way."""

    def pump(self, _seconds):
        """A turn, which takes more than half of the time for an answer."""
        time.sleep(0.6 * launching.ORDER_TIME)
        if len(self.answers) < self.most:
            self.answers.append(protocol.Again(100 + len(self.answers)))


def test_each_of_many_starts_has_its_time(monkeypatch):
    """On a busy machine 50 of them take as long as one may not."""
    monkeypatch.setattr(launching, "ORDER_TIME", 0.05)
    slow = SlowLaunch(5)
    Launch.start_again(slow, 5)
    assert slow.again == [100, 101, 102, 103, 104]


def test_a_start_that_does_not_come_is_no_answers_fault_alone(monkeypatch):
    """Fewer are never judged in the place of all: it is tried again, and then found out who is at fault."""
    monkeypatch.setattr(launching, "ORDER_TIME", 0.05)
    with pytest.raises(Hindered, match="only 3 came to be"):
        Launch.start_again(SlowLaunch(3), 5)
