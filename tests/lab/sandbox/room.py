"""What a launch can still write: the room in its file systems, or in the folder that stands for them."""

from __future__ import annotations

import os

WRITABLE = ("home/lab", "tmp")  # where a sandbox has a file system for the job: launcher/sandbox.c
DISK, FILES = 64 << 20, 10000  # bytes and files of each of these


def room_in_sandbox(root: str) -> tuple[int, int]:
    """(bytes, files) where least of each is left, below the root directory of a sandbox."""
    systems = [os.statvfs(f"{root}/{name}") for name in WRITABLE]
    return min(s.f_bavail * s.f_frsize for s in systems), min(s.f_favail for s in systems)


def room_in_folder(folder: str) -> tuple[int, int]:
    """What is left of DISK and FILES, when all below `folder` is taken from them, as far as paths reach."""
    room, files = DISK, FILES
    to_do = [folder]
    while to_do and room > 0 and files > 0:
        try:
            with os.scandir(to_do.pop()) as entries:
                for entry in entries:
                    files -= 1
                    room -= entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        to_do.append(entry.path)
        except OSError:
            continue  # it is closed, or too deep for a path, or has been removed meanwhile
    return room, files
