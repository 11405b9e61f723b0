"""Runs the demonstration of a step, and prints it: with the program before the step, and with that of the step."""

from __future__ import annotations

import re
import shutil
import tempfile
import textwrap
from pathlib import Path
from typing import Mapping, Sequence

from lab.answers import Answer, find_step
from lab.course import STEPS, Step, before
from lab.demo import beyond, modern, recipe
from lab.demo.acts import Demo, Seen, Told
from lab.judge.compiling import Builder
from lab.messages import described
from lab.sandbox.launch import Launch
from lab.sandbox.server import Launchpad
from lab.scene import Scene
from lab.toolbox import ENVIRONMENT, SKELETONS, SOLUTIONS, LabError, printable
from lab.trying import text_width
from lab.typed import typed

DEMOS = {demo.step: demo for demo in (*recipe.DEMOS, *beyond.DEMOS, *modern.DEMOS)}
COMM = 15  # bytes that the kernel keeps of a program's name: comm in proc(5)

# (a program that the commands call, its package in Debian)
TOOLS = (
    ("bash", "bash"),
    ("ps", "procps"),
    ("pgrep", "procps"),
    ("script", "bsdutils"),
    ("unshare", "util-linux"),
    ("umount", "mount"),
    ("python3", "python3"),
    ("timeout", "coreutils"),
)

# What the commands may use. Each ends after some seconds in any case.
#   soon COMMAND   waits until the command succeeds
#   rest NAME      waits until the processes of that name stay the same, and all of them sleep or are stopped
#   gone NAME      waits until there is no such process, for two seconds at most
#   client         connects to the socket "door", and prints what it gets
#   pass_socket_to PROGRAM    opens that socket, and passes it to the program as descriptor 3
PRELUDE = """
soon() {
    local end=$((SECONDS + 10))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}
rest() {
    local end=$((SECONDS + 10)) before= now=none
    until [ "$before" = "$now" ] && [[ $now != *[!ST]:* ]]; do
        [ $SECONDS -lt $end ] || return 1
        before=$now
        sleep 0.1
        now=$(ps -o state=,pid= -C "$1" | sed 's/^\\(.\\) */\\1:/')
    done
}
gone() {
    local end=$((SECONDS + 3))
    while pgrep -x "$1" >/dev/null; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}
client() {
    python3 -c 'import socket
s = socket.socket(socket.AF_UNIX)
s.settimeout(2)
s.connect("door")
print(s.recv(99).decode().strip())' 2>&1 | tail -n 1
}
pass_socket_to() {
    exec python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind("door")
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])' "$@"
}
"""


def demo(step_text: str | None, folder: Path | None) -> int:
    """Show the demonstration of the step that is called so; returns the exit status.

    The program of the step is that in `folder`: None for the solutions, or, in a
    copy without them, for the learner's own. Raises LabError where it cannot be shown here.
    """
    if not step_text:
        raise LabError(f"say which step: make demo STEP={STEPS[1].number}")
    step = find_step(step_text)
    pad = Launchpad()
    if not pad.is_sandboxed():
        raise LabError(f"a demonstration takes a sandbox, and there is none: {pad.why_not}")
    shown = DEMOS[step.word]
    _look_at_tools(shown)
    if shown.as_root and pad.why_no_root():
        raise LabError(f"this demonstration is about root: {pad.why_no_root()}")
    width = text_width()
    _print(f"{step.name}: {step.title}", width)
    _print(shown.begins, width)
    earlier = before(step)
    programs = _programs(pad, shown, step, earlier, folder)
    if shown.adds:
        _print("This code is added to both programs. They run it just before they wait in pause():", width)
        print(textwrap.indent("\n".join(filter(None, (shown.declares, shown.adds))), "    "), end="\n\n")
    told = []
    for each, program in programs.items():
        is_earlier = each == earlier
        where = "the program before this step" if is_earlier else "the program of this step"
        _print(f"With {each.name}, {where}:", width)
        told.append(_act(pad, shown, each, program, "" if is_earlier else shown.with_step, width))
    if earlier is not None:
        _print(conclusion(step, told[0], told[1], shown.is_race), width)
    return 0


def _look_at_tools(shown: Demo) -> None:
    """Raises LabError where a program is missing that the demonstration calls."""
    text = " ".join(["bash ps pgrep", *shown.commands]).replace("client", "python3").replace("pass_socket", "python3")
    for tool, package in TOOLS:
        is_called = re.search(rf"\b{tool}\b", text)
        if is_called and shutil.which(tool, path=ENVIRONMENT["PATH"]) is None:
            raise LabError(f"this demonstration needs {tool}. Debian, Ubuntu: apt install {package}")


def conclusion(step: Step, first: Told, second: Told, is_race: bool) -> str:
    """The last sentence: what the step has changed."""
    if first.is_harmed and not second.is_harmed:
        return f"{step.name} has mended it."
    if first.is_harmed:
        return f"{step.name} has not mended it."
    if second.is_harmed:
        return f"With {step.name} it is worse than before."
    if is_race:
        return "This time no damage was done, with either program. It is a race: try it again."
    return "No damage was done, with either program."


def _programs(pad: Launchpad, shown: Demo, step: Step, earlier: Step | None, folder: Path | None) -> dict[Step, bytes]:
    """What is shown, in its order, compiled. Raises LabError for what is not there or does not compile."""
    usual = SOLUTIONS if SOLUTIONS.exists() else SKELETONS
    paths = {each: (folder if each is step and folder else usual) / each.file for each in (earlier, step) if each}
    with tempfile.TemporaryDirectory() as copies:
        answers = {}
        for each, path in paths.items():
            source = Answer(each, path).read().sources.get(path.name)
            if source is None:
                raise LabError(f"{printable(str(path))} cannot be read, so it cannot be shown")
            copy = Path(copies, each.file)
            copy.write_bytes(_with(shown, source))
            answers[each] = Answer(each, copy)
        builder = Builder(pad, answers.values())
        try:
            builds = {each: builder.build(answer) for each, answer in answers.items()}
        finally:
            builder.close()
    for each, build in builds.items():
        if not build.compiles:
            raise LabError(f"{printable(str(paths[each]))} does not compile: make check STEP={each.number} tells why")
    return {each: build.program for each, build in builds.items()}


def _with(shown: Demo, source: bytes) -> bytes:
    """The source of a program that also does what the demonstration adds, before it first waits in pause()."""
    if not shown.adds:
        return source
    includes = "".join(f"#include <{name}>\n" for name in ("unistd.h", *shown.includes))
    added = textwrap.indent(shown.adds, "    ")
    once = "    static int is_done;\n    if (is_done++)\n        return;\n" if shown.is_added_once else ""
    head = (
        f"#define _GNU_SOURCE\n{includes}{shown.declares}\nstatic void added(void)\n{{\n{once}{added}\n}}\n"
        "#define pause() (added(), pause())\n#undef _GNU_SOURCE\n#line 1\n"
    )
    return head.encode() + source


def _act(pad: Launchpad, shown: Demo, step: Step, program: bytes, with_step: str, width: int) -> Told:
    """Type the commands, print what comes, and say what was seen."""
    comm = step.name[:COMM]
    values = {"{program}": f"./{step.name}", "{comm}": comm, "{with_step}": with_step}
    commands = [_filled(command, values) for command in shown.commands]
    launches: list[Launch] = []
    files = [(program, 0o755, step.name)]
    scene = Scene(root=shown.as_root)
    _, *printed = typed(pad, [PRELUDE, *map(str.strip, commands)], files, scene, launches.append)
    logged = [described(message.text) for message in launches[0].messages]
    seen = Seen(printed, logged)
    for command, text in zip(commands, printed):
        if not command.startswith(" "):
            print("\n".join(_command(command.strip(), width)))
        for line in text.splitlines():
            print(f"    {printable(line.expandtabs())}")
    for message in logged if shown.shows_log else ():
        print(f"    [log] {message}")
    print()
    told = shown.tell(seen)
    _print(told.words, width)
    return told


def _filled(command: str, values: Mapping[str, str]) -> str:
    """A command with what differs from program to program in it."""
    for name, value in values.items():
        command = command.replace(name, value)
    return command


def _command(command: str, width: int) -> Sequence[str]:
    """A command as it is shown: it goes on in the next line where it is too long."""
    lines = textwrap.wrap(command, width - 8, break_long_words=False, break_on_hyphens=False)
    return [f"    {'$ ' if number == 0 else '  '}{line}" for number, line in enumerate(lines)]


def _print(text: str, width: int) -> None:
    print("\n".join(textwrap.wrap(text, min(width, 80))), end="\n\n", flush=True)
