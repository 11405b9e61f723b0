"""Work that waits for something, side by side, in one thread.

A piece of work is a generator: where it waits it yields the seconds until it
wants to go on, and what it returns is its result.
"""

import time


def finish(work):
    """Run a piece of work to its end; returns its result, and raises what it raises."""
    while True:
        try:
            time.sleep(next(work))
        except StopIteration as end:
            return end.value


class Turns:
    """Pieces of work that are under way, each with a key: whose time has come takes its turn."""

    def __init__(self):
        self._works = {}  # key: the generator
        self._due = {}  # key: when it wants to go on, in seconds of time.monotonic()
        self._ended = {}  # key: (result, None) or (None, what it raised)

    def __len__(self):
        """How many are under way."""
        return len(self._works)

    def __contains__(self, key):
        """Whether that one is under way, or has ended and nobody has asked for its result."""
        return key in self._works or key in self._ended

    def begin(self, key, work):
        """Begin a piece of work: it runs until it waits for the first time."""
        self._works[key] = work
        self._advance(key)

    def finish(self, key):
        """Run all until this one has ended; returns its result, and raises what it raises."""
        while key not in self._ended:
            first = min(self._due, key=self._due.get)
            time.sleep(max(0.0, self._due[first] - time.monotonic()))
            self._advance(first)
        result, error = self._ended.pop(key)
        if error is not None:
            raise error
        return result

    def drop(self, wanted=lambda key: True):
        """Break off what is not needed any more, or all; it ends as a generator does that is closed."""
        for key in [key for key in (*self._works, *self._ended) if wanted(key)]:
            self._ended.pop(key, None)
            self._due.pop(key, None)
            if key in self._works:
                self._works.pop(key).close()

    def _advance(self, key):
        try:
            self._due[key] = next(self._works[key]) + time.monotonic()
            return
        except StopIteration as end:
            self._ended[key] = end.value, None
        except Exception as error:  # whoever asks for the result gets it
            self._ended[key] = None, error
        del self._works[key]
        self._due.pop(key, None)
