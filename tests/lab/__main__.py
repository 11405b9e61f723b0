"""The lab's commands: `python tests/lab COMMAND`. tests/run calls them, by way of start.py."""

import errno
import io
import os
import sys
import traceback

# A caller may have closed 0, 1 or 2; what is opened first would then become one.
while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
    os.set_inheritable(fd, True)
os.close(fd)
sys.stdin = sys.stdin or open(0)
sys.stdout = sys.stdout or open(1, "w")
sys.stderr = sys.stderr or open(2, "w")
if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors="backslashreplace")  # whatever the locale cannot show

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from lab import needs  # noqa: E402
from lab.toolbox import ROOT, SOLUTIONS, LabError, printable  # noqa: E402

# Whether tests/run has looked at all that this Python needs ("tried"), or only whether it starts ("kept").
PYTHON = os.environ.pop("DAEMON_LAB_PYTHON", "tried")


def run_check(options):
    """Check answers."""
    from lab.answers import find_answers
    from lab.judge.examination import Workshop

    answers = find_answers(options.answers, options.step)
    if options.json is not None:
        from lab.deliver import look_at_place

        look_at_place(options.json)
    workshop = Workshop(answers, options.sandbox)
    try:
        from lab.check import check  # with pytest, while the compilers are at work

        return check(workshop, options.answers, options.step, options.verbose, options.json)
    finally:
        workshop.close()


def run_tour(options):
    """Launch all solutions, or the answers in a folder, and print what the kernel says of each."""
    from lab.answers import find_answers
    from lab.tour import tour

    if options.answers == SOLUTIONS and not SOLUTIONS.exists():
        raise LabError("there are no solutions here. To see your own programs in the table: make tour ANSWERS=steps")
    return tour(find_answers(options.answers), options.sandbox)


def run_try(options):
    """Start your own program, and show what the kernel says of it."""
    from lab.trying import try_out

    return try_out(options.answers, options.step, options.sandbox, options.keep, options.svg)


def run_demo(options):
    """Show the damage without a step, and the same with it."""
    from pathlib import Path

    from lab.demo.show import demo

    return demo(options.step, Path(options.answers) if options.answers else None)


def run_log(_options):
    """Show the messages that reach the log, where nobody else reads them."""
    from lab.syslog import show

    return show()


def run_stop(_options):
    """End what was started by hand from build/, and still runs."""
    from lab.stop import stop

    return stop()


def run_handouts(options):
    """Fill in what the handouts show, from real runs."""
    from lab.handouts import refresh

    return refresh()


def run_gallery(options):
    """Hold the gallery of known answers against what the lab says now, or keep what it says."""
    from lab.answers import find_step
    from lab.dev.keep import gallery

    return gallery(options.update, find_step(options.step) if options.step else None)


def run_mutants(options):
    """Write anew which check sees what is taken out of the solutions."""
    from lab.dev.keep import mutants

    return mutants()


def run_test(options):
    """Prove that the lab itself is right."""
    from lab.dev.develop import test

    return test(options.rest, options.step, options.changed)


def run_new(options):
    """Begin a step of the course: make its files, with what is to be done in them."""
    from lab.dev.new import begin

    return begin(options.name, options.after, options.title)


def run_pack(options):
    """Make a copy of the lab to hand out, with some of the steps and without solutions."""
    from lab.dev.pack import student

    return student(options.steps, options.to)


def run_protocol(options):
    """Write anew what the launcher has to know of the protocol, as a header in C."""
    from lab.dev.header import write

    return write()


def run_lint(options):
    """Look at the style of the C and the Python."""
    from lab.dev.develop import lint

    return lint()


def run_bench(options):
    """Measure how long things take, or judge the solutions beside a load."""
    from lab.dev.bench import bench, bench_beside

    return bench() if options.load is None else bench_beside(options)


def run_matrix(options):
    """Judge all known answers in every environment that can be had here."""
    from lab.dev.matrix import matrix

    return matrix(options.only, options.until, options.one_in)


def run_fuzz(options):
    """Give the lab's parsers what nobody would send, for some time."""
    from lab.dev.fuzz import fuzz

    return fuzz(options.seed, options.seconds)


def run_distributions(options):
    """Run the lab's own tests on Debian 11, 12 and 13, in root directories made for it."""
    from lab.dev.distributions import distributions

    return distributions(options.only, options.quick)


def run_verdicts(options):
    """Judge all known answers in this environment: what `matrix` runs in each of its own."""
    from lab.dev.matrix import verdicts

    return verdicts(
        options.sandbox,
        options.output,
        right=options.right,
        until=options.until,
        repeat=options.repeat,
        workers=options.workers,
        share=options.share,
    )


COMMANDS = {
    "check": run_check,
    "tour": run_tour,
    "try": run_try,
    "demo": run_demo,
    "log": run_log,
    "stop": run_stop,
    "handouts": run_handouts,
    "gallery": run_gallery,
    "mutants": run_mutants,
    "pack": run_pack,
    "test": run_test,
    "new": run_new,
    "protocol": run_protocol,
    "lint": run_lint,
    "bench": run_bench,
    "matrix": run_matrix,
    "fuzz": run_fuzz,
    "distributions": run_distributions,
    "verdicts": run_verdicts,
}

# What is of no use in a copy for learners.
NEED_SOLUTIONS = ("handouts", "gallery", "mutants", "new", "bench", "matrix", "distributions", "verdicts")

# What to do about errors of the machine that can come from anywhere.
CURES = {
    errno.ENOSPC: ". Free some space on the disk, and try again",
    errno.EDQUOT: ". Free some space on the disk, and try again",
    errno.EMFILE: ". Allow more open files (ulimit -n 4096), and try again",
    errno.ENFILE: ". End other programs, and try again",
    errno.EAGAIN: ". End other programs, and try again",
    errno.ENOMEM: ". End other programs, and try again",
}


def run(arguments):
    """Do what is asked for; returns the exit status. What goes wrong is told in one line."""
    try:
        lacks = needs.missing(quick=True)
        if lacks:
            return start_again(", ".join(lacks))
        from lab.options import parse

        options = parse(COMMANDS, arguments)
        if options.command in NEED_SOLUTIONS and not SOLUTIONS.exists():
            needs_them = f"there are no solutions here, and tests/run {options.command} needs them"
            raise LabError(f"{needs_them}: learners were given a copy without them")
        return COMMANDS[options.command](options)
    except LabError as error:
        return fail(str(error))
    except ImportError as error:  # of something that pytest needs, such as pluggy
        if (error.name or "").partition(".")[0] == "lab":
            raise
        return start_again(str(error))
    except MemoryError:
        return fail("this machine has no memory left for the lab. End other programs, and try again")
    except KeyboardInterrupt:
        fail("stopped by Ctrl-C")
        return 130


def start_again(lacks):
    """Have tests/run find or set up another Python, because this one lacks something; returns if it has done so."""
    if PYTHON == "kept":
        os.environ["DAEMON_LAB_PYTHON"] = "tried"
        os.execvp("sh", ["sh", str(ROOT / "tests" / "run"), *sys.argv[1:]])
    return fail(
        f"the Python {sys.executable} lacks something: {lacks}. Install it "
        "(Debian, Ubuntu: apt install python3-pytest python3-psutil), or name another Python: PYTHON=/usr/bin/python3"
    )


def fail(message):
    """Print an error as one line; returns the exit status for it."""
    try:
        print(f"lab: {printable(message)}", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody is there to read it
    return 2


def main():
    """Returns the exit status: 0 all is well, 1 something is wrong, 2 it could not be done."""
    try:
        try:
            status = run(sys.argv[1:])
        except SystemExit as end:  # after --help
            status = end.code
        sys.stdout.flush()
        return status
    except OSError as error:
        # What is left in the buffer must not be tried again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            return 2  # as in `make check | head`: whoever reads has seen enough
        where = f" ({error.filename})" if error.filename else ""
        cure = CURES.get(error.errno, "")
        return fail(f"the machine refuses something that the lab needs: {error.strerror or error}{where}{cure}")
    except Exception as error:
        if needs.is_damaged(error):
            raise  # see start.py
        place = traceback.extract_tb(error.__traceback__)[-1]
        return fail(
            f"the lab itself has failed, and your program is not to blame: {type(error).__name__}: {error} "
            f"({place.filename}, line {place.lineno}). Please report this"
        )


if __name__ == "__main__":
    sys.exit(main())
