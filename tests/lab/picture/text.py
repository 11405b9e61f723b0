"""A picture as lines of text."""

from __future__ import annotations

from typing import Collection

from lab.picture.drawing import Drawing
from lab.picture.layout import BOXES, COLUMNS, PARTS, Box, Strokes, layout


def as_text(
    drawing: Drawing, strokes: Strokes = BOXES, columns: int = COLUMNS, parts: Collection[str] = PARTS
) -> str:
    """The picture, with a newline behind each line; no line has more than `columns` characters."""
    page = layout(drawing, strokes, columns, parts)
    rows = [[" "] * page.width for _ in range(page.height)]
    for box in page.boxes:
        _paint_box(rows, box, strokes)
    for text in page.texts:
        _paint(rows, text.x, text.y, text.text)
    return "".join("".join(row).rstrip() + "\n" for row in rows)


def _paint_box(rows: list[list[str]], box: Box, strokes: Strokes) -> None:
    across = strokes.across * (box.width - 2)
    corners = strokes.corners
    _paint(rows, box.x, box.y, corners[0] + across + corners[1])
    for y in range(box.y + 1, box.y + box.height - 1):
        _paint(rows, box.x, y, strokes.down)
        _paint(rows, box.x + box.width - 1, y, strokes.down)
    _paint(rows, box.x, box.y + box.height - 1, corners[2] + across + corners[3])
    _paint(rows, box.x + 2, box.y, f" {box.title} ")


def _paint(rows: list[list[str]], x: int, y: int, text: str) -> None:
    rows[y][x : x + len(text)] = text
