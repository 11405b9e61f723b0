"""What the lab's commands take: one function for each, which adds its options to a parser.

What is not given as an option is taken from the environment, where make puts
it: STEP=NN, ANSWERS=DIR, SANDBOX=no.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Callable, NoReturn

from lab import __version__
from lab.answers import ways_to_name_a_step
from lab.toolbox import SKELETONS, SOLUTIONS, LabError, OnlyOnce


class Parser(argparse.ArgumentParser):
    """One that tells wrong usage in one line, as all errors are told here."""

    def error(self, message: str) -> NoReturn:
        raise LabError(f"{message}. What there is: {self.prog} --help")


def _check(parser: Parser) -> None:
    _add_sandbox(parser)
    _add_answers(parser, SKELETONS)
    _add_step(parser)
    parser.add_argument(
        "--verbose",
        action="store_true",
        default=os.environ.get("V", "0") not in ("", "0"),
        help="list every check, with what was observed (or V=1)",
    )
    parser.add_argument(
        "--json",
        action=OnlyOnce,
        default=os.environ.get("JSON") or None,
        metavar="FILE",
        help="write the results as data, - for standard output (or JSON=FILE): see tests/REPORT.md",
    )


def _tour(parser: Parser) -> None:
    _add_sandbox(parser)
    _add_answers(parser, SOLUTIONS)


def _try(parser: Parser) -> None:
    _add_sandbox(parser)
    _add_answers(parser, SKELETONS)
    _add_step(parser)
    parser.add_argument(
        "--keep",
        action="store_true",
        default=os.environ.get("KEEP", "0") not in ("", "0"),
        help="then open a shell where the program runs (or KEEP=1)",
    )
    parser.add_argument(
        "--svg",
        action=OnlyOnce,
        default=os.environ.get("SVG") or None,
        metavar="FILE",
        help="write the picture as an image, too (or SVG=FILE)",
    )


def _demo(parser: Parser) -> None:
    parser.add_argument(
        "--answers",
        action=OnlyOnce,
        default=os.environ.get("ANSWERS") or None,
        metavar="DIR",
        help="show the program of the step in this folder (or ANSWERS=DIR; default: the solution)",
    )
    _add_step(parser)


def _test(parser: Parser) -> None:
    _add_step(parser)
    parser.add_argument(
        "--changed",
        action="store_true",
        help="only the tests of what git says has changed since the last commit",
    )


def _gallery(parser: Parser) -> None:
    _add_step(parser)
    parser.add_argument(
        "--update",
        nargs="?",
        const="words",
        choices=("words", "fails"),
        help="write what learners are told into the gallery; with `fails`, which checks fail as well",
    )


def _new(parser: Parser) -> None:
    parser.add_argument("name", metavar="NN_name", help="what the step's files are to be called")
    parser.add_argument("--after", required=True, metavar="MM_name", help="the step that it builds on")
    parser.add_argument("--title", default="TODO: its title", help="a few words, as the list of steps has them")


def _pack(parser: Parser) -> None:
    parser.add_argument("kind", choices=["student"], help="what kind of copy")
    parser.add_argument("--steps", required=True, metavar="FIRST-LAST", help="these steps, by their numbers")
    parser.add_argument("--to", metavar="DIR", help="the folder that it makes (default: student/ in build/)")


def _bench(parser: Parser) -> None:
    parser.add_argument("--load", type=int, metavar="N", help="judge the solutions beside N endless loops")
    parser.add_argument("--times", type=int, default=20, metavar="M", help="with --load: judge each M times")
    parser.add_argument("--resume", action="store_true", help="with --load: go on where a run was stopped")
    parser.add_argument("--step", metavar="NN", help="with --load: the solution of this step alone")


def _matrix(parser: Parser) -> None:
    _add_only(parser)
    _add_until(parser)
    parser.add_argument("--one-in", type=int, default=1, metavar="N", help="judge one in N of the answers in each cell")


def _fuzz(parser: Parser) -> None:
    parser.add_argument("--seed", type=int, metavar="N", help="make the inputs of an earlier run again")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="for so long (default: 60)")


def _distributions(parser: Parser) -> None:
    _add_only(parser)
    parser.add_argument("--quick", action="store_true", help="check the solutions, and run no tests")


def _verdicts(parser: Parser) -> None:
    _add_sandbox(parser)
    _add_until(parser)
    parser.add_argument("--share", default="0/1", metavar="K/N", help="each Nth of the answers, from number K on")
    parser.add_argument("--output", type=int, default=1, metavar="FD", help="the descriptor to report on")
    parser.add_argument("--right", action="store_true", help="the right answers alone")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="judge each answer N times")
    parser.add_argument("--workers", type=int, metavar="N", help="so many answers at a time")


def _add_sandbox(parser: Parser) -> None:
    parser.add_argument(
        "--no-sandbox",
        dest="sandbox",
        action="store_false",
        default=os.environ.get("SANDBOX") != "no",
        help="use no namespaces (or SANDBOX=no)",
    )


def _add_answers(parser: Parser, usual: Path) -> None:
    parser.add_argument(
        "--answers",
        action=OnlyOnce,
        default=os.environ.get("ANSWERS") or usual,
        metavar="DIR",
        help=f"the folder with the answers (or ANSWERS=DIR; default: {usual.name}/)",
    )


def _add_step(parser: Parser) -> None:
    parser.add_argument(
        "--step",
        action=OnlyOnce,
        default=os.environ.get("STEP") or None,
        metavar="NN",
        help=f"this step alone: {ways_to_name_a_step()} (or STEP=NN)",
    )


def _add_only(parser: Parser) -> None:
    parser.add_argument("--only", metavar="WORDS", help="only the environments whose name holds this")


def _add_until(parser: Parser) -> None:
    parser.add_argument("--until", metavar="NN", help="what belongs to this step and to those before it")


# The commands that take options; the others take none.
OPTIONS: dict[str, Callable[[Parser], None]] = {
    "bench": _bench,
    "check": _check,
    "demo": _demo,
    "distributions": _distributions,
    "fuzz": _fuzz,
    "gallery": _gallery,
    "matrix": _matrix,
    "new": _new,
    "pack": _pack,
    "test": _test,
    "tour": _tour,
    "try": _try,
    "verdicts": _verdicts,
}


def parse(commands: dict[str, Callable[[argparse.Namespace], int]], arguments: list[str]) -> argparse.Namespace:
    """The options that `arguments` give, with the name of the command as `command`.

    `commands` are all that there are, by their names. What is left over is `rest`:
    the options of pytest that `test` hands on. Raises LabError for wrong usage.
    """
    parser = Parser(prog="tests/run", description="The daemon lab's commands.")
    parser.add_argument("--version", action="version", version=f"the daemon lab {__version__}")
    below = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run in commands.items():
        command = below.add_parser(name, help=run.__doc__)
        command.set_defaults(command=name)
        if name in OPTIONS:
            OPTIONS[name](command)
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "test":
        parser.error(f"unknown: {' '.join(rest)} (a step is named by --step NN, a folder by --answers DIR)")
    options.rest = rest
    return options
