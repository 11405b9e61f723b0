"""What the handouts show was run: this runs it again, and finds what is stale.

A fenced block in a handout that stands right below a directive is not written
by hand:

    <!-- run -->                      a ```console block: the lines that start
                                      with "$ " are typed, the others are what
                                      came of them; with "as root", root types
    <!-- tour NN_name NN_name -->     a ```text block: those rows of the tour, all
                                      of them if none is named
    <!-- check steps/NN_name.c -->    a ```text block: what a check says of it
    <!-- picture NN_name PARTS -->    a ```text block: the picture of what the
                                      solution leaves, with what it changes; if
                                      parts of it are named, these alone, such as
                                      sessions and notes: see picture/layout.py

The commands of one block run in one bash with job control, in the place of the
login shell in a sandbox: so the PIDs are small, and the same every time.
"""

import re

from lab.answers import Answer, find_step
from lab.checks import usual
from lab.course import STEPS, before
from lab.judge.compiling import Builder
from lab.judge.examination import Workshop
from lab.picture.drawing import drawing_of
from lab.picture.layout import PARTS
from lab.picture.text import as_text
from lab.report.text import describe, progress
from lab.sandbox.server import Launchpad, NoRoot
from lab.scene import Scene
from lab.toolbox import ROOT, SOLUTIONS, LabError
from lab.tour import observe_steps, table
from lab.typed import typed

BLOCK = re.compile(
    r"^<!-- (?P<what>run|tour|check|picture)(?P<words>[^\n]*) -->\n```(?P<language>\w+)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Handouts:
    """All handouts, and what their blocks should hold."""

    def __init__(self):
        self.pad = Launchpad()
        if not self.pad.is_sandboxed():
            raise LabError(f"what the handouts show is run in a sandbox, and there is none: {self.pad.why_not}")
        self._programs = {}  # path of a source: bytes
        self._rows = None

    def fresh(self, text):
        """The text of a handout with every block filled in anew. Raises NoRoot where that takes one."""
        return BLOCK.sub(self._fill, text)

    def _fill(self, match):
        fill = {"run": self._run, "tour": self._tour, "check": self._check, "picture": self._picture}[
            match["what"]
        ]
        body = fill(match["words"].split(), match["body"])
        return f"<!-- {match['what']}{match['words']} -->\n```{match['language']}\n{body}```"

    def _tour(self, names, _body):
        if self._rows is None:
            rows, self._root = observe_steps(STEPS)
            self._rows = {row["step"]: row for row in rows}
        shown = [find_step(name) for name in names or self._rows]
        if not self._root and any(usual(step).as_root for step in shown):
            raise NoRoot(self.pad.why_no_root())
        return table([self._rows[name] for name in names or self._rows]) + "\n"

    def _run(self, words, body):
        commands = [line[2:] for line in body.splitlines() if line.startswith("$ ")]
        output = typed(self.pad, commands, self.programs(commands), Scene(root=words == ["as", "root"]))
        return "".join(f"$ {command}\n{text}" for command, text in zip(commands, output))

    def _check(self, words, _body):
        path = ROOT / words[0]
        answer = Answer(find_step(path.stem), path)
        workshop = Workshop([answer])
        try:
            judged = workshop.examinations[answer].judged()
            return f"{describe(judged)}\n\n{progress([judged], [], alone=True)}\n"
        finally:
            workshop.close()

    def _picture(self, words, _body):
        name, *parts = words
        unknown = [part for part in parts if part not in PARTS]
        if unknown:
            raise LabError(f"a picture has no part {unknown[0]!r}. It has {', '.join(PARTS)}")
        step = find_step(name)
        earlier = before(step)
        answers = {each: Answer(each, SOLUTIONS / each.file) for each in (earlier, step) if each}
        workshop = Workshop(list(answers.values()))
        try:
            if workshop.pad.why_no_root():
                raise NoRoot(workshop.pad.why_no_root())
            scene = Scene(root=True)
            seen = {each: workshop.examinations[answer].observation(scene) for each, answer in answers.items()}
        finally:
            workshop.close()
        drawing = drawing_of(seen[step], seen[earlier] if earlier else None)
        return as_text(drawing, parts=parts or PARTS)

    def programs(self, commands):
        """The programs that the commands name, as `make build` makes them: (bytes, mode, name)."""
        named = sorted(set(re.findall(r"build/((?:solutions|steps)/\w+)", " ".join(commands))))
        answers = [Answer(find_step(name.split("/")[1]), ROOT / f"{name}.c") for name in named]
        builder = Builder(self.pad, [answer for answer in answers if answer.path not in self._programs])
        for answer in answers:
            if answer.path not in self._programs:
                self._programs[answer.path] = builder.build(answer).program
        return [(self._programs[answer.path], 0o755, f"build/{name}") for name, answer in zip(named, answers)]


def paths():
    """The handouts' paths, and that of the README."""
    return [ROOT / "README.md", *(ROOT / step.handout for step in STEPS)]


def refresh():
    """Fill in all handouts; returns the exit status."""
    handouts = Handouts()
    for path in paths():
        text = path.read_text(encoding="utf-8")
        fresh = handouts.fresh(text)
        if fresh != text:
            path.write_text(fresh, encoding="utf-8")
            print(f"filled in {path.relative_to(ROOT)}")
    return 0
