"""Alarms for what has become long: `make lint` prints them, and nothing fails.

A module of 310 lines that reads well is right. A statement that was packed to
stay below a bound is not.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterable, Iterator

from lab.toolbox import ROOT

MODULE = 300  # lines
FUNCTION = 40  # lines, its docstring among them
LINE = 100  # columns


def alarms(paths: Iterable[Path]) -> Iterator[str]:
    """A line of text for each module and each function of these Python files that is longer, and one for all lines."""
    long_lines = files = 0
    for path in paths:
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT)
        lines = text.splitlines()
        if len(lines) > MODULE:
            yield f"{name} has {len(lines)} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION:
                    yield f"{name}:{node.lineno}: {node.name}() has {length} lines"
        wide = sum(len(line) > LINE for line in lines)
        long_lines += wide
        files += bool(wide)
    if long_lines:
        yield f"{long_lines} lines in {files} files are wider than {LINE} columns"
