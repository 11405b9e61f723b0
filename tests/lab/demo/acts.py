"""What a demonstration is: commands that are typed, and sentences that are chosen by what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Sequence


@dataclass(frozen=True)
class Seen:
    """What came of the commands of a demonstration, with one program."""

    printed: Sequence[str]  # what each command printed
    logged: Sequence[str]  # the messages to the log

    @property
    def last(self) -> str:
        """What the last command printed that printed something."""
        return next((text.strip() for text in reversed(self.printed) if text.strip()), "")

    @property
    def everything(self) -> str:
        """All that was printed."""
        return "\n".join(self.printed)


@dataclass(frozen=True)
class Told:
    """What a demonstration says of one program, and whether that is the damage which the step is about."""

    is_harmed: bool
    words: str


@dataclass(frozen=True)
class Demo:
    """The demonstration of a step.

    In `commands` {program} is what starts the program, {comm} its name as
    pgrep(1) knows it, and {with_step} what only the program of the step is given.
    A command that begins with a blank is not shown. Beside what a shell has,
    there are soon, gone, rest, client and pass_socket_to: see show.PRELUDE.
    """

    step: str  # its word
    begins: str  # what is done, and what to watch
    commands: Sequence[str]
    tell: Callable[[Seen], Told]
    with_step: str = ""  # options that the program before the step does not know
    adds: str = ""  # C code that both programs run just before they wait in pause(): what a daemon might do next
    declares: str = ""  # what that code needs, outside of all functions
    is_added_once: bool = True  # else it is run each time, before each pause()
    includes: Sequence[str] = ()  # the headers that it needs
    as_root: bool = False
    shows_log: bool = False  # the messages to the log are shown, too
    is_race: bool = False  # the damage may fail to come
