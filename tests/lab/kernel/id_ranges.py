"""Which IDs a sandbox can be given, for a launch as root in it.

A user namespace that has a root, a user and groups needs a whole range of IDs.
Root may map any; an ordinary user those that /etc/subuid and /etc/subgid grant,
with newuidmap(1): user_namespaces(7), subuid(5).
"""

import os
import pwd
import shutil
from dataclasses import dataclass

COUNT = 1000  # IDs, from 0 to 999 inside
OF_NOBODY = (1900000000, 60000)  # the first of so many that are handed out to nobody: one of them for root to map


@dataclass(frozen=True)
class IdRange:
    """COUNT user and group IDs, by the first of each as pytest sees them."""

    uid: int
    gid: int


class NoRange(Exception):
    """There is none here. Its text says why, and what to do."""


def find_range():
    """The IdRange that whoever runs this may map. Raises NoRange."""
    if os.geteuid() == 0:
        for first in OF_NOBODY:
            if all(_is_mapped(first, f"/proc/self/{which}_map") for which in ("uid", "gid")):
                return IdRange(first, first)
        raise NoRange("this user namespace has too few IDs")
    if not (shutil.which("newuidmap") and shutil.which("newgidmap")):
        raise NoRange("run it as root, or install newuidmap (Debian, Ubuntu: apt install uidmap)")
    uid, gid = (_granted(f"/etc/sub{which}id") for which in "ug")
    if uid is None or gid is None:
        name = _user_name()
        raise NoRange(
            f"run it as root, or have root grant {name} some IDs: "
            f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
        )
    return IdRange(uid, gid)


def _is_mapped(first, path):
    """Whether COUNT IDs from `first` on are there: a line is INSIDE OUTSIDE COUNT."""
    with open(path, encoding="ascii") as lines:
        spans = [tuple(map(int, line.split())) for line in lines]
    return any(start <= first and first + COUNT <= start + count for start, _, count in spans)


def _granted(path):
    """The first of COUNT IDs that a file like /etc/subuid grants, None if it does not; a line is NAME:FIRST:COUNT."""
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            rows = [line.strip().split(":") for line in lines]
    except OSError:
        return None
    for row in rows:
        if len(row) == 3 and row[0] in (_user_name(), str(os.geteuid())) and int(row[2]) >= COUNT:
            return int(row[1])
    return None


def _user_name():
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
