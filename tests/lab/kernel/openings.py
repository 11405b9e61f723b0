"""Which descriptors share an opening: open(2) calls it an open file description.

dup(2) and fork(2) make descriptors that share one, and with it the position in
the file and flags such as O_NONBLOCK. Nothing in /proc tells. kcmp(2) does.
"""

import ctypes
import os
from functools import cache, cmp_to_key
from itertools import groupby

from lab.kernel import calls

_KCMP_FILE = 0  # linux/kcmp.h
_ORDER = {0: 0, 1: -1, 2: 1}  # what kcmp() returns: equal, less, greater
_libc = ctypes.CDLL(None, use_errno=True)


def shared_openings(pid, descriptors):
    """{number: the lowest number that shares its opening} of a process's descriptors, a dict of Descriptor by number.

    `pid` is as the caller sees it. {} where the kernel does not tell: without
    CONFIG_KCMP, or of a process that may not be looked into.
    """
    first = {}
    by_identity = sorted(descriptors, key=lambda number: (descriptors[number].identity, number))
    try:
        for _, same in groupby(by_identity, key=lambda number: descriptors[number].identity):
            first.update(_of_one_file(pid, list(same)))
    except OSError:
        return {}
    return first


def _of_one_file(pid, numbers):
    """The same, of descriptors that lead to one file. Raises OSError."""

    def compare(one, other):
        return _compare(pid, one, other)

    ordered = sorted(numbers, key=cmp_to_key(compare)) if len(numbers) > 1 else numbers
    first, begin = {}, ordered[0]
    for number in ordered:
        if number != begin and compare(begin, number) != 0:
            begin = number
        first[number] = begin
    return first


def _compare(pid, one, other):
    """0 where two descriptors share an opening, else -1 or 1: an order that stays the same. Raises OSError."""
    if _kcmp() is None:
        raise OSError("no kcmp() here")
    result = _libc.syscall(_kcmp(), pid, pid, _KCMP_FILE, ctypes.c_ulong(one), ctypes.c_ulong(other))
    if result not in _ORDER:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return _ORDER[result]


@cache
def _kcmp():
    """The number of that system call on this kind of machine, None where it is not known."""
    return next((number for number, name in calls.names().items() if name == "kcmp"), None)
