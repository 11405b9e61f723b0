"""A picture as an SVG image. It takes nothing from elsewhere, and has a text alternative."""

from __future__ import annotations

from xml.sax.saxutils import escape

from lab.picture.drawing import Drawing
from lab.picture.layout import BOXES, COLUMNS, PLAIN, Box, Text, layout
from lab.picture.text import as_text

CELL_WIDTH, CELL_HEIGHT = 9, 20  # of a character, in the units of the image
MARGIN = 10

_STYLE = """\
text { font: 14px ui-monospace, monospace; white-space: pre; fill: #1a1a1a }
.new { font-weight: bold; fill: #8a3b00 }
rect { fill: none; stroke: #5a5a5a }
rect.new { stroke: #8a3b00; stroke-width: 2 }
.page { fill: #ffffff; stroke: none }
@media (prefers-color-scheme: dark) {
text { fill: #e6e6e6 } .new { fill: #ffb366 } rect { stroke: #a0a0a0 } rect.new { stroke: #ffb366 }
.page { fill: #16181c }
}"""


def as_svg(drawing: Drawing, title: str) -> str:
    """The picture as the text of an SVG file. `title` names it, and the picture in words describes it."""
    page = layout(drawing, BOXES, COLUMNS)
    width, height = page.width * CELL_WIDTH + 2 * MARGIN, page.height * CELL_HEIGHT + 2 * MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            ' role="img" aria-labelledby="title words">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="words">{escape(as_text(drawing, PLAIN))}</desc>',
            f"<style>\n{_STYLE}\n</style>",
            f'<rect class="page" width="{width}" height="{height}"/>',
            *(_box(box) for box in page.boxes),
            *(_text(text) for text in page.texts),
            "</svg>",
            "",
        ]
    )


def _box(box: Box) -> str:
    """Its sides go through the middle of their characters, and the title breaks the upper one."""
    x, y = MARGIN + (box.x + 0.5) * CELL_WIDTH, MARGIN + (box.y + 0.5) * CELL_HEIGHT
    width, height = (box.width - 1) * CELL_WIDTH, (box.height - 1) * CELL_HEIGHT
    name = ' class="new"' if box.is_new else ""
    behind = (len(box.title) + 2) * CELL_WIDTH
    return "\n".join(
        [
            f'<rect{name} x="{x:g}" y="{y:g}" width="{width}" height="{height}" rx="4"/>',
            f'<rect class="page" x="{x + 1.5 * CELL_WIDTH:g}" y="{y - 2:g}" width="{behind}" height="4"/>',
            _text(Text(box.x + 3, box.y, box.title, box.is_new)),
        ]
    )


def _text(text: Text) -> str:
    """As wide as its characters are in the layout, whatever font there is."""
    x, y = MARGIN + text.x * CELL_WIDTH, MARGIN + (text.y + 0.75) * CELL_HEIGHT
    name = ' class="new"' if text.is_new else ""
    length = len(text.text) * CELL_WIDTH
    return f'<text{name} x="{x}" y="{y:g}" textLength="{length}">{escape(text.text)}</text>'
