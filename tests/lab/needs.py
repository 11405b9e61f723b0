"""What the lab needs of a Python: 3.9 or later, with pytest and psutil.

`python needs.py` prints what this Python lacks, a line each, and ends with
status 1. If it lacks nothing, it prints its own path and ends with status 0.
Every Python has to understand this file, 2.7 too, because it finds out which
ones are too old. So there are no annotations and no f-strings here.
"""

import re
import sys

PYTHON = (3, 9)
MODULES = (("pytest", (7, 0)), ("psutil", (5, 9)))


def missing(quick=False):
    """What this Python lacks, as a list of texts such as "pytest 7.0 or later (6.0.2 is here)".

    With `quick`, pytest is not loaded, which takes a tenth of a second, and only its version is looked at.
    """
    if sys.version_info < PYTHON:
        return ["{} ({} is here)".format(_wanted("Python", PYTHON), sys.version.split()[0])]
    problems = [_problem(name, least, quick) for name, least in MODULES]
    return [problem for problem in problems if problem]


def _problem(name, least, quick):
    """What is wrong with the module called `name`, of which the version `least` is needed; "" if nothing is."""
    # The version of pytest also stands in _pytest, which is loaded much faster.
    loaded = "_pytest" if quick and name == "pytest" else name
    try:
        found = __import__(loaded).__version__
    except ImportError as error:
        if getattr(error, "name", None) == loaded:
            return _wanted(name, least)
        return _broken(name, least, error)
    except Exception as error:  # a broken module can fail in any way
        if is_damaged(error):
            raise  # start.py gets over that
        return _broken(name, least, error)
    numbers = tuple(int(number) for number in re.findall("[0-9]+", str(found))[:2])
    return "" if numbers >= least else "{} ({} is here)".format(_wanted(name, least), found)


def is_damaged(error):
    """Whether an exception tells of a compiled module that is damaged: EOFError and ValueError of marshal.c."""
    return any(words in str(error) for words in ("marshal data", "EOF read where"))


def _broken(name, least, error):
    reason = " ".join(str(error).split()) or type(error).__name__
    return "{} (the one that is here cannot be loaded: {})".format(_wanted(name, least), reason)


def _wanted(name, least):
    return "{} {}.{} or later".format(name, *least)


if __name__ == "__main__":
    del sys.path[0]  # the lab's own modules: pytest must not find them in the place of others
    lacks = missing()
    print("\n".join(lacks) or sys.executable)
    sys.exit(1 if lacks else 0)
