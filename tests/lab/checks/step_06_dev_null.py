"""Step 06: 0, 1 and 2 are the null device."""

from lab.checks.model import Check, fails_cleanly, fate, names
from lab.checks.step_05_close_fds import inherited
from lab.scene import Scene

STANDARD = {0: "r", 1: "w", 2: "w"}  # what each has to be good for


def is_null(o, number):
    found = o.process.open_files.get(number)
    return found is not None and found.kind == "null"


def wrong_access(o):
    """The standard descriptors that are open, but not for what they are there for."""
    files = o.process.open_files
    return [n for n, need in STANDARD.items() if n in files and need not in files[n].access]


def missing(o):
    """The standard descriptors that are not open."""
    return [n for n in STANDARD if n not in o.process.open_files]


def others(o):
    """What is open beside 0, 1 and 2."""
    return {n: d for n, d in o.process.open_files.items() if n not in STANDARD}


def with_access(o):
    return (
        ", ".join(f"{d} ({d.access or 'neither to read nor to write'})" for d in o.process.open_files.values())
        or "none"
    )


def holds(o):
    return all(is_null(o, n) for n in STANDARD) and not wrong_access(o) and not others(o)


CAUSES = (
    (
        lambda o: not o.process.open_files,
        "nothing is open: /dev/null was not opened in the process that lives on, or not before it waits, or open() "
        "failed, or it was opened before all was closed",
    ),
    (
        lambda o: any(n in o.process.open_files and o.process.open_files[n].kind == "terminal" for n in STANDARD),
        "a standard descriptor is still the terminal: it was neither closed before /dev/null was opened, as step 05 "
        "closes all, nor replaced by dup2(); or the terminal was opened again",
    ),
    (
        lambda o: any(n in o.process.open_files and not is_null(o, n) for n in STANDARD),
        lambda o: "only /dev/null reads as empty and swallows what is written: /dev/zero gives zeros without end, "
        "/dev/full fails every write, a file fills up"
        if not inherited(o)
        else "inherited descriptors are still open beside it: step 05 closes them all",
    ),
    (
        lambda o: missing(o) == [0],
        "0 is missing: it was not opened, or it was closed again. Where nothing is open, open() returns 0 itself: "
        "close what it returned only if that is above 2",
    ),
    (
        missing,
        "not all three are there, and it takes one call for each of the three: open() and dup() give the lowest free "
        "number, dup2(old, new) makes new a duplicate of old. Or one of the calls failed: what they return tells",
    ),
    (
        lambda o: any(not d.access for d in o.process.open_files.values()),
        "what was opened can neither be read nor written: O_PATH, or an access mode that is none of O_RDONLY, "
        "O_WRONLY and O_RDWR",
    ),
    (
        wrong_access,
        lambda o: f"{wrong_access(o)[0]} cannot be "
        + ("read: it was opened O_WRONLY" if wrong_access(o)[0] == 0 else "written: it was opened O_RDONLY")
        + ", or is a duplicate of one that was. O_RDWR serves all three",
    ),
    (
        lambda o: all(d.kind == "null" for d in others(o).values()),
        "one more descriptor of the null device is open: what open() returned, beside its duplicates (close it if it "
        "is above 2), or a call too many",
    ),
    (
        inherited,
        "inherited descriptors are still open: step 05 closes them all",
    ),
    (True, "the program opened something more and left it open"),
)

CHECKS = [
    Check(
        key="null_device",
        says="exactly 0, 1 and 2 are open, on the null device",
        read="null(4), dup(2)",
        replaces=("nothing_open",),
        holds=holds,
        expected=lambda o: "0 to read, 1 and 2 to write, all three the null device, and nothing else",
        observed=with_access,
        causes=CAUSES,
    ),
    Check(
        key="no_dev_null",
        says="ends with a status other than 0 where there is no /dev/null",
        read="open(2)",
        star=True,
        on_process=False,
        scene=Scene(without=("null",)),
        holds=fails_cleanly,
        expected=lambda o: "a status other than 0, nothing that lives on",
        observed=fate,
        causes=(
            (lambda o: o.processes, "what open() returned is not looked at: it lives on without 0, 1 and 2"),
            (True, "it ends as if all were well: whoever started it cannot tell"),
        ),
    ),
    Check(
        key="started_with_none_open",
        says="comes out the same when 0, 1 and 2 are closed at its start",
        read="stdin(3)",
        star=True,
        scene=Scene(stdio="closed"),
        holds=holds,
        expected=lambda o: "0, 1 and 2 are the null device, and nothing else is open",
        observed=lambda o: names(o.process.open_files),
        causes=(
            (
                True,
                "what it opens on its way gets the lowest free number: where 0, 1 and 2 are closed at the start, "
                "that is one of them",
            ),
        ),
    ),
]
