"""Writes the results into the file that a user has named: as a whole, or not at all."""

from __future__ import annotations

import os
import stat

from lab.toolbox import LabError

STANDARD_OUTPUT = "-"  # as the name of a file


def look_at_place(file: str) -> None:
    """Raises LabError where no file of this name can be written: that is told before anything is checked."""
    if file == STANDARD_OUTPUT:
        return
    path = os.path.realpath(file)
    folder = os.path.dirname(path)
    try:
        if not os.path.isdir(folder):
            raise LabError(f"cannot write {file}: there is no folder {folder}. Make it, or name another file in JSON")
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise LabError(f"cannot write {file}: it is no regular file. Name one in JSON, or - for standard output")
    except FileNotFoundError:
        pass  # so it will be new
    except OSError as error:
        raise LabError(_not_written(file, error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LabError(f"cannot write {file}: nobody like you may make a file in {folder}. Name another one in JSON")


def _not_written(file: str, error: OSError) -> str:
    return f"cannot write {file}: {error.strerror or error}. Name another file in JSON"


def deliver(data: str, file: str) -> None:
    """Write a file in one step: whoever reads it gets all of it. Raises LabError."""
    if file == STANDARD_OUTPUT:
        print(data, end="", flush=True)
        return
    path = os.path.realpath(file)  # a link stays one
    fresh = f"{path}.{os.getpid()}"
    try:
        with open(fresh, "x", encoding="utf-8") as new:
            new.write(data)
        os.replace(fresh, path)
    except OSError as error:
        try:
            os.unlink(fresh)
        except OSError:
            pass  # it could not even be made
        raise LabError(_not_written(file, error)) from error
