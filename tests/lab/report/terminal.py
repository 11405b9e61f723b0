"""The page that a report is written on: how wide it is, and whether it has colours. What is known of it comes in."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Mapping

NARROWEST, WIDEST = 60, 100  # columns
MARGIN = 7  # columns: in these stand the marks, and nothing else

# ECMA-48, "Select graphic rendition"; console_codes(4).
GREEN, RED, YELLOW, BOLD, USUAL = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"
COLOURS = {"ok": GREEN, "+": GREEN, "NO": RED, "-": RED, "?": YELLOW}  # of marks, by how they begin
NO_COLOUR = "--"  # the mark of what is neither right nor wrong


@dataclass(frozen=True)
class Page:
    """How a report is written down. The words are the same in every form: colours only help to find them."""

    width: int = WIDEST  # columns
    has_colours: bool = False
    is_verbose: bool = False  # every check has a row of its own, with what was observed
    here: str = ""  # the folder that its reader stands in; "" for the one that holds the folder of the answers

    @property
    def room(self) -> int:
        """The columns for words."""
        return self.width - MARGIN

    def broken(self, line: str) -> str:
        """A line as several, on a terminal that is narrower than it. Elsewhere a program may look for it as a whole."""
        if self.width == WIDEST:
            return line
        return "\n".join(textwrap.wrap(line, self.width, break_on_hyphens=False))

    def mark(self, text: str) -> str:
        """A mark, such as ok or NO."""
        colour = next((COLOURS[start] for start in COLOURS if text.startswith(start)), "")
        if not self.has_colours or not colour or text == NO_COLOUR:
            return text
        return colour + text + USUAL

    def name(self, text: str) -> str:
        """The name of a step."""
        return BOLD + text + USUAL if self.has_colours else text


def page(columns: int, environment: Mapping[str, str], here: str, is_verbose: bool = False) -> Page:
    """The page for an output: `columns` is how wide its terminal is, 0 where it says nothing, -1 for no terminal.

    A terminal has colours unless the user wants none (https://no-color.org), or it can show none.
    """
    is_terminal = columns >= 0
    wants_none = bool(environment.get("NO_COLOR"))
    can_show_none = environment.get("TERM", "dumb") in ("", "dumb")
    width = min(max(columns, NARROWEST), WIDEST) if columns > 0 else WIDEST
    return Page(width, is_terminal and not wants_none and not can_show_none, is_verbose, here)
