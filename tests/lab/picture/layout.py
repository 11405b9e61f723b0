"""Where each part of a drawing goes: boxes and lines of text, in columns and rows of characters.

text.py and svg.py paint the same layout, so they show the same.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Collection, NamedTuple, Sequence

from lab.picture.drawing import Branch, Drawing, Group, Member, Opening, Session, Table, Told
from lab.toolbox import printable

SESSIONS, PARENTS, DESCRIPTORS, MESSAGES, NOTES = "sessions", "parents", "descriptors", "messages", "notes"
PARTS = (SESSIONS, PARENTS, DESCRIPTORS, MESSAGES, NOTES)  # of a picture, from top to bottom

COLUMNS = 72  # that a picture has at most
MOST = 3  # lines of one message
NEW = "NEW"  # the mark of what the step has changed


class Strokes(NamedTuple):
    """The characters that stand for lines."""

    across: str
    down: str
    corners: str  # top left, top right, bottom left, bottom right
    branch: str  # to a child that others follow
    last: str  # to the last one
    alone: str  # from a descriptor that shares its opening with no other
    joints: tuple[str, str, str]  # from those that share one: the first, one between, the last


BOXES = Strokes("─", "│", "┌┐└┘", "├─ ", "└─ ", "────>", ("──┬─>", "──┤", "──┘"))
PLAIN = Strokes("-", "|", "++++", "|- ", "`- ", "---->", ("--+->", "--+", "--+"))


@dataclass(frozen=True)
class Box:
    """A box with a title in its upper side. Its sides are in the first and the last column and row."""

    x: int
    y: int
    width: int
    height: int
    title: str
    is_new: bool


@dataclass(frozen=True)
class Text:
    """A line of text."""

    x: int
    y: int
    text: str
    is_new: bool = False


@dataclass(frozen=True)
class Block:
    """A part of the picture, or all of it."""

    width: int
    height: int
    boxes: tuple[Box, ...] = ()
    texts: tuple[Text, ...] = ()

    def at(self, x: int, y: int) -> Block:
        """The same, so many columns to the right and rows further down."""
        boxes = tuple(Box(b.x + x, b.y + y, b.width, b.height, b.title, b.is_new) for b in self.boxes)
        texts = tuple(Text(t.x + x, t.y + y, t.text, t.is_new) for t in self.texts)
        return Block(self.width + x, self.height + y, boxes, texts)


def layout(drawing: Drawing, strokes: Strokes, columns: int, parts: Collection[str] = PARTS) -> Block:
    """The picture, or some of its PARTS, no wider than so many columns, and no wider than COLUMNS."""
    width = min(columns, COLUMNS)
    blocks = {
        SESSIONS: _beside([_session(each, width) for each in drawing.sessions], width),
        PARENTS: _tree(drawing.tree, strokes, width),
        DESCRIPTORS: _below([_table(each, strokes, width) for each in drawing.tables], gap=1),
        MESSAGES: _told(drawing.told, strokes, width),
        NOTES: _notes(drawing, width),
    }
    return _below([blocks[part] for part in PARTS if part in parts and blocks[part].height], gap=1)


# ---- how blocks are put together --------------------------------------------------------


def _below(blocks: Sequence[Block], gap: int = 0) -> Block:
    placed: list[Block] = []
    for block in blocks:
        placed.append(block.at(0, placed[-1].height + gap if placed else 0))
    return _together(placed)


def _beside(blocks: Sequence[Block], width: int) -> Block:
    """Blocks side by side as long as they fit, and then below."""
    rows: list[list[Block]] = []
    for block in blocks:
        if rows and rows[-1][-1].width + 1 + block.width <= width:
            rows[-1].append(block.at(rows[-1][-1].width + 1, 0))
        else:
            rows.append([block])
    return _below([_together(row) for row in rows])


def _together(blocks: Sequence[Block]) -> Block:
    return Block(
        max((block.width for block in blocks), default=0),
        max((block.height for block in blocks), default=0),
        tuple(box for block in blocks for box in block.boxes),
        tuple(text for block in blocks for text in block.texts),
    )


def _boxed(title: str, inside: Block, width: int, is_new: bool) -> Block:
    shown = cut(_marked(title, is_new), width - 5)
    outer = max(len(shown) + 5, inside.width + 4)
    box = Box(0, 0, outer, inside.height + 2, shown, is_new)
    placed = inside.at(2, 1)
    return Block(outer, inside.height + 2, (box, *placed.boxes), placed.texts)


def _lines(lines: Sequence[tuple[str, bool]], width: int) -> Block:
    """Lines of text, each with whether it is new."""
    texts = tuple(Text(0, y, cut(_marked(line, is_new), width), is_new) for y, (line, is_new) in enumerate(lines))
    return Block(max((len(each.text) for each in texts), default=0), len(texts), (), texts)


def _marked(text: str, is_new: bool) -> str:
    return f"{text}  {NEW}" if is_new else text


def cut(text: str, width: int) -> str:
    """The text, its end replaced by three dots where it is longer than so many characters."""
    return text if len(text) <= width else text[: max(width - 3, 0)] + "..."


# ---- sessions and groups -----------------------------------------------------------------


def _session(session: Session, width: int) -> Block:
    terminal = f"terminal {session.terminal}" if session.terminal else "no terminal"
    leader = "" if session.has_leader else ", its leader has ended"
    groups = _beside([_group(group, width - 4) for group in session.groups], width - 4)
    return _boxed(f"session {session.sid}, {terminal}{leader}", groups, width, session.is_new)


def _group(group: Group, width: int) -> Block:
    foreground = ", foreground" if group.is_foreground else ""
    members = _lines([(_member(member), member.is_new) for member in group.members], width - 4)
    return _boxed(f"group {group.pgid}{foreground}", members, width, group.is_new)


def _member(member: Member) -> str:
    stars = " **" if member.leads_session else " *" if member.leads_group else ""
    return f"{member.name}  PID {member.pid}{stars}"


# ---- parents, descriptors, and what was told ------------------------------------------------


def _titled(title: str, lines: Sequence[tuple[str, bool]], width: int) -> Block:
    return _below([_lines([(title, False)], width), _lines(lines, width - 2).at(2, 0)])


def _tree(tree: Sequence[Branch], strokes: Strokes, width: int) -> Block:
    lines = [line for each in tree for line in _branch(each, strokes)]
    return _titled("parents and their children", lines, width) if lines else Block(0, 0)


def _branch(branch: Branch, strokes: Strokes) -> list[tuple[str, bool]]:
    lines = [(f"{branch.name or 'a process outside'}  PID {branch.pid}", branch.is_new)]
    for child in branch.children:
        is_last = child is branch.children[-1]
        (first, is_new), *rest = _branch(child, strokes)
        lines.append(((strokes.last if is_last else strokes.branch) + first, is_new))
        lines += [(("   " if is_last else f"{strokes.down}  ") + line, is_new) for line, is_new in rest]
    return lines


def _table(table: Table, strokes: Strokes, width: int) -> Block:
    lines = [line for opening in table.openings for line in _opening(opening, strokes)]
    title = f"open descriptors of {table.name}, PID {table.pid}"
    return _titled(title, lines or [("none", False)], width)


def _opening(opening: Opening, strokes: Strokes) -> list[tuple[str, bool]]:
    head, *others = opening.numbers
    first, between, last = strokes.joints
    stroke = first if others else strokes.alone
    lines = [(f"{head:>5} {stroke} {opening.target}", opening.is_new)]
    return lines + [(f"{number:>5} {last if number == others[-1] else between}", False) for number in others]


def _told(told: Sequence[Told], strokes: Strokes, width: int) -> Block:
    lines: list[tuple[str, bool]] = []
    for each in told:
        who = f"PID {each.pid}" if each.pid is not None else "the program"
        lines.append((f"{who} {strokes.alone} {each.to}", each.is_new))
        words = printable(" ".join(each.text.split()))
        wrapped = textwrap.wrap(words, width - 8, max_lines=MOST, placeholder="...")
        lines += [(f"      {line}", False) for line in wrapped]
    return _titled("what was told", lines, width) if lines else Block(0, 0)


def _notes(drawing: Drawing, width: int) -> Block:
    members = [member for each in drawing.sessions for group in each.groups for member in group.members]
    notes = list(drawing.notes)
    if any(member.leads_group for member in members):
        notes.append("* leads its group, ** leads its session, too.")
    if drawing.has_marks:
        notes.append(f"{NEW}: not so before this step.")
    return _lines([(line, False) for note in notes for line in textwrap.wrap(note, width)], width)
