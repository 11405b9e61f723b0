"""`tests/run protocol`: writes what the launcher has to know of the protocol, as a header in C.

The header is committed, so that an editor finds its names. A test says when it
is stale.
"""

from __future__ import annotations

import errno
from dataclasses import fields
from enum import Enum
from typing import Iterator

from lab import scene
from lab.faults import Fault, Instead
from lab.sandbox import protocol
from lab.sandbox.program import SOURCES
from lab.toolbox import LabError

HEADER = SOURCES / "protocol.h"

BEGIN = """\
/* Written by `tests/run protocol` from sandbox/protocol.py, scene.py and
   faults.py: make a change there. What the words mean is said there, too. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

/* clang-format off */
"""
END = """
/* clang-format on */

#endif
"""

# How the launcher reads a field, by its type: an option of a request, a word of an order.
OPTION_TYPES = {"bool": "flag", "int": "number", "str": "text", "tuple[str, ...]": "list", "tuple[File, ...]": "files"}
ORDER_WORDS = {
    "int": ("n", "number"),
    "str": ("t", "text"),
    "tuple[int, ...]": ("l", "list"),
}
INSTEAD_OF_ERRNO = {Instead.NOTHING: 0, Instead.KILLED: -1, Instead.HELD: -2}


def write() -> int:
    """Write the header; returns the exit status."""
    HEADER.write_text(header(), encoding="utf-8")
    return 0


def header() -> str:
    """The text of the header. Raises LabError where the table has a type that the launcher cannot read."""
    return BEGIN + "\n".join([*_placeholders(), *_options(), *_faults(), *_orders()]) + END


# ---- the request -----------------------------------------------------------------


def _placeholders() -> Iterator[str]:
    yield "\n/* What the words of a program have in the place of what only the launcher knows. */"
    yield f'#define WORKING_DIRECTORY "{scene.PWD}"'
    yield f'#define TERMINAL "{scene.TTY}"'


def _annotations() -> Iterator[tuple[str, str]]:
    """(key, annotated type) of each option; without "| None": what is None is not told."""
    for owner in (scene.Scene, protocol.Request):
        for each in fields(owner):
            if each.name not in (*protocol.NOT_TOLD, "scene"):
                yield each.name, str(each.type).replace(" | None", "")


def _enum(annotation: str) -> type[Enum] | None:
    """The Enum that a type names, alone or in a tuple; None where it names none."""
    name = annotation.removeprefix("tuple[").removesuffix(", ...]")
    found = getattr(scene, name, None) or getattr(protocol, name, None)
    return found if isinstance(found, type) and issubclass(found, Enum) else None


def _options() -> Iterator[str]:
    enums: dict[type[Enum], None] = {}
    rows = []
    for key, annotation in _annotations():
        enum = _enum(annotation)
        if enum is Fault:
            rows.append(f'OPTION(text, {key}, "")')
        elif enum is not None:
            enums[enum] = None
            kind = "choices" if annotation.startswith("tuple") else "choice"
            rows.append(f"OPTION({kind}, {key}, {_prefix(enum)}_WORDS)")
        elif annotation in OPTION_TYPES:
            rows.append(f'OPTION({OPTION_TYPES[annotation]}, {key}, "")')
        else:
            raise LabError(f"the launcher cannot read the option {key}: there is nothing for the type {annotation}")
    yield "\n/* The words of the options, and their numbers. */"
    for enum in enums:
        yield f"enum {{ {', '.join(f'{_prefix(enum)}_{each.name}' for each in enum)} }};"
        yield f'#define {_prefix(enum)}_WORDS "{" ".join(str(each.value) for each in enum)}"'
    yield "\n/* OPTION(type, key, words): the types are those of request.h. */"
    yield from _macro("OPTIONS(OPTION)", rows)


def _prefix(enum: type[Enum]) -> str:
    return enum.__name__.upper()


# ---- faults ----------------------------------------------------------------------


def _faults() -> Iterator[str]:
    yield "\n/* What happens instead of a call, where it is no errno. */"
    yield f"enum {{ {', '.join(f'{each.value} = {number}' for each, number in INSTEAD_OF_ERRNO.items())} }};"
    yield f"enum {{ MAX_FAULT_CALLS = {max(len(fault.calls) for fault in Fault)} }};"
    yield "\n/* FAULT(name, what happens instead, how many calls, the calls); of each call the"
    yield "   first argument that counts. */"
    rows = []
    for fault in Fault:
        instead = fault.instead.value if isinstance(fault.instead, Instead) else errno.errorcode[fault.instead]
        calls = ", ".join(map(_fault_call, fault.calls))
        rows.append(f'FAULT("{fault.word}", {instead}, {len(fault.calls)}, {calls})')
    yield from _macro("FAULTS(FAULT)", rows)


def _fault_call(call: str) -> str:
    """A call and its first argument, for C."""
    name, _, argument = call.partition(":")
    return f"{{SYS_{name}, {argument or 'ANY_ARGUMENT'}}}"


# ---- orders ----------------------------------------------------------------------


def _orders() -> Iterator[str]:
    rows = []
    for order in protocol.ORDERS.values():
        form, arguments = "", ["request"]
        for each in fields(order):
            letter, member = _order_word(order, str(each.type))
            arguments.append("&words->list" if letter == "l" else f"words->{member}[{form.count(letter)}]")
            form += letter
        rows.append(f'ORDER({order.word}, "{form}", ({", ".join(arguments)}))')
    yield "\n/* ORDER(word, form, arguments of the function order_word()). Each letter of the"
    yield "   form is a word: a number, a text, or a list of all numbers that are left. */"
    yield from _macro("ORDERS(ORDER)", rows)


def _order_word(order: type[protocol.Order], annotation: str) -> tuple[str, str]:
    if annotation not in ORDER_WORDS:
        raise LabError(f"the launcher cannot read the order {order.word}: there is nothing for the type {annotation}")
    return ORDER_WORDS[annotation]


def _macro(head: str, rows: list[str]) -> Iterator[str]:
    yield f"#define {head} \\"
    yield " \\\n".join(f"    {row}" for row in rows)
