"""Runs a coroutine, with waits as short as they are asked for."""

from __future__ import annotations

import asyncio
import selectors
from typing import Coroutine, TypeVar

_Result = TypeVar("_Result")


def run(coroutine: Coroutine[object, object, _Result]) -> _Result:
    """Run a coroutine to its end and return its result, as asyncio.run() does; what it raises is raised.

    The loop waits in select(2), which counts microseconds. The usual one waits in
    epoll_wait(2), which counts milliseconds, so that asyncio rounds each wait up
    to the next one (selectors.EpollSelector). Between two looks at a program
    that is 0.2 of 1 ms, several times for each launch. select() takes no
    descriptor above 1023, and needs none: of 24 launches that are looked at at
    once each has about ten, and one of them the pipes that an answer has made
    (watch/held.py).
    """
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.set_exception_handler(_tell_all_but_interrupts)
    task = loop.create_task(coroutine)
    try:
        return loop.run_until_complete(task)
    finally:
        _end(loop, task)


def _tell_all_but_interrupts(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Ctrl-C is told by the function that catches it. asyncio would tell of it once more for the task it ended."""
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


def _end(loop: asyncio.AbstractEventLoop, task: asyncio.Task[_Result]) -> None:
    """Cancel what was broken off, Ctrl-C say, let it clean up, and close the loop."""
    try:
        if not task.done():
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    finally:
        loop.close()
