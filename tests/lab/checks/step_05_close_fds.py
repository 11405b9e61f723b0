"""Step 05: nothing of what was inherited is open."""

from lab.checks.model import Check, names
from lab.scene import Scene


def numbers(o):
    return set(o.process.open_files)


def inherited(o):
    """The numbers at which something of the launch is still open."""
    launched = o.shell.descriptors
    return {n for n, d in o.process.open_files.items() if n in launched and launched[n].identity == d.identity}


def nothing_open(key, says, scene=Scene(), **more):
    return Check(
        key=key,
        says=says,
        read="close_range(2), proc(5)",
        scene=scene,
        holds=lambda o: not numbers(o),
        expected=lambda o: "none",
        observed=lambda o: names(o.process.open_files),
        causes=CAUSES,
        **more,
    )


def closed(o):
    """The numbers at which nothing of the launch is open any more."""
    return set(o.shell.descriptors) - inherited(o)


def copies(o):
    """What of the launch is open at a number that is not its own: {number there: numbers at the launch}."""
    launched = o.shell.descriptors.items()
    found = [(n, d.identity) for n, d in o.process.open_files.items() if n not in inherited(o)]
    same = {n: ", ".join(str(m) for m, d in launched if d.identity == identity) for n, identity in found}
    return {n: numbers for n, numbers in same.items() if numbers}


STANDARD = {0, 1, 2}

CAUSES = (
    (
        lambda o: any(not o.process.open_files[n].inherited for n in inherited(o)),
        "they are marked close-on-exec (FD_CLOEXEC, CLOSE_RANGE_CLOEXEC): that closes them when the process "
        "starts another program with exec, and it starts none",
    ),
    (
        lambda o: inherited(o) == set(o.shell.descriptors) and o.process.state == "R",
        "all of them are open, and the process is still busy: a loop that counts down from far above them has not "
        "got there (from INT_MAX that takes many minutes); or nothing was closed, and it waits in a busy loop",
    ),
    (
        lambda o: inherited(o) == set(o.shell.descriptors),
        "all of them are open: nothing was closed in the process that lives on (closing in the parent does nothing "
        "to the child's copies), or not before it waits, or the call that should do it failed, as close_range() "
        "does (EINVAL) where first is above last. fcloseall() closes no descriptor",
    ),
    (
        lambda o: inherited(o) and min(inherited(o)) > 1024,
        lambda o: f"{min(inherited(o))} was opened before the limit on open files was lowered to 256. A loop up to "
        "that limit (sysconf(_SC_OPEN_MAX), getdtablesize(), RLIMIT_NOFILE) or up to a fixed number such as 1024 "
        "does not reach it, nor does one that stops at the first number that is not open",
    ),
    (
        lambda o: inherited(o) == STANDARD,
        "only 3 and up were closed: in this step 0, 1 and 2 have to go too",
    ),
    (
        lambda o: closed(o) == STANDARD and STANDARD <= numbers(o),
        "only 0, 1 and 2 were dealt with: they lead somewhere else now, as after daemon(3), and nothing above them "
        "was closed. In this step all have to go, these three too",
    ),
    (
        lambda o: closed(o) == STANDARD,
        "only 0, 1 and 2 were closed: whatever else the caller had open is inherited as well",
    ),
    (
        lambda o: inherited(o) == {0},
        "only 0 is left: a loop that starts at 1, or one that leaves out every name of /proc/self/fd for which "
        "atoi() gives 0, which are . and .. and 0; or the terminal was opened again after it was closed, and open() "
        "gave it the lowest free number",
    ),
    (
        lambda o: inherited(o) and max(closed(o)) < min(inherited(o)),
        lambda o: f"nothing from {min(inherited(o))} up was closed: the loop's bound is too low, or it stopped there",
    ),
    (
        inherited,
        "some were closed and some left: a list or a bound that is not the kernel's own, or one of the calls failed",
    ),
    (
        copies,
        lambda o: "{} leads to where {} led at the launch: dup() or F_DUPFD made a copy before the others were "
        "closed, or it was opened again".format(*next(iter(copies(o).items()))),
    ),
    (
        lambda o: all(d.kind == "null" for d in o.process.open_files.values()),
        "the program opened the null device: that is what step 06 adds, and too early here",
    ),
    (
        lambda o: any(d.kind == "folder" for d in o.process.open_files.values()),
        "the program opened a directory itself and left it open: opendir(), say, without closedir()",
    ),
    (
        True,
        "the program opened it itself and left it open: a log file, say, or the socket that openlog() and syslog() "
        "make. In this step nothing at all is open in the end",
    ),
)

CHECKS = [
    nothing_open("nothing_open", "no descriptor is open, at any number", replaces=("launch_files",)),
    nothing_open(
        "no_close_range",
        "closes all where the kernel has no close_range()",
        scene=Scene(fault="close_range-ENOSYS"),
        star=True,
    ),
    nothing_open(
        "close_range_refused",
        "closes all where a filter refuses close_range()",
        scene=Scene(fault="close_range-EPERM"),
        star=True,
    ),
    Check(
        key="reader_is_let_go",
        says="who reads what it prints through a pipe gets end of file",
        read="pipe(7)",
        star=True,
        scene=Scene(stdio="pipe"),
        holds=lambda o: o.pipe_closed,
        expected=lambda o: "end of file, once the daemon is there",
        observed=lambda o: "the pipe is still open",
        causes=((True, "a write end of it is still open in the daemon: a reader such as cat waits for ever"),),
    ),
]
