"""Step 05: nothing of what was inherited is open."""

from lab.expect.model import Check, Scene, names


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


STANDARD = {0, 1, 2}

CAUSES = (
    (
        lambda o: inherited(o) and not any(d.inherited for d in o.process.open_files.values()),
        "they are marked close-on-exec (FD_CLOEXEC, CLOSE_RANGE_CLOEXEC): that closes them when the process "
        "starts another program with exec, and it starts none",
    ),
    (
        lambda o: inherited(o) == set(o.shell.descriptors),
        "all of them are open: nothing was closed in the process that lives on, or what should close them failed",
    ),
    (
        lambda o: inherited(o) and min(inherited(o)) > 1024,
        lambda o: f"{min(inherited(o))} was opened before the limit on open files was lowered to 256: closing up to "
        "that limit (sysconf(_SC_OPEN_MAX), getdtablesize(), RLIMIT_NOFILE) or up to a fixed number such as "
        "1024 does not reach it",
    ),
    (
        lambda o: inherited(o) == STANDARD,
        "only 3 and up were closed: in this step 0, 1 and 2 have to go too",
    ),
    (
        lambda o: not inherited(o) & STANDARD and len(inherited(o)) == len(o.shell.descriptors) - 3,
        "only 0, 1 and 2 were closed: whatever else the caller had open is inherited as well",
    ),
    (
        inherited,
        "some were closed and some left: a list or a bound that is not the kernel's own, or one of the calls failed",
    ),
    (
        lambda o: all(d.kind == "null" for d in o.process.open_files.values()),
        "the program opened the null device: that is what step 06 adds, and too early here",
    ),
    (
        lambda o: any(d.kind == "folder" for d in o.process.open_files.values()),
        "the program opened a directory itself and left it open: opendir(), say, without closedir()",
    ),
    (True, "the program opened it itself, after all was closed, and left it open"),
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
