"""The lab's commands: `python tests/lab COMMAND`; the Makefile calls them."""

import argparse
import os
import sys

# A caller may have closed 0, 1 or 2; what is opened first would then become one.
while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
    os.set_inheritable(fd, True)
os.close(fd)
sys.stdin = sys.stdin or open(0)
sys.stdout = sys.stdout or open(1, "w")
sys.stderr = sys.stderr or open(2, "w")
sys.stdout.reconfigure(errors="backslashreplace")  # whatever the locale cannot show

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from lab.toolbox import SKELETONS, LabError  # noqa: E402


def run_check(options):
    """Check answers."""
    from lab.answers import find_answers
    from lab.judge import Workshop

    workshop = Workshop(find_answers(options.answers, options.step), options.sandbox)
    try:
        from lab.check import check  # with pytest, while the compilers are at work

        return check(workshop, options.answers, options.step)
    finally:
        workshop.close()


def run_tour(options):
    """Launch all solutions, and print what the kernel says of each."""
    from lab.tour import tour

    return tour(options.sandbox)


def run_handouts(options):
    """Fill in what the handouts show, from real runs."""
    from lab.handouts import refresh

    return refresh()


def run_gallery(options):
    """Write anew what learners are told of known wrong answers."""
    from lab.develop import keep_reports

    return keep_reports()


def run_test(options):
    """Prove that the lab itself is right."""
    from lab.develop import test

    return test(options.rest)


def run_lint(options):
    """Look at the style of the C and the Python."""
    from lab.develop import lint

    return lint()


def run_bench(options):
    """Measure how long things take."""
    from lab.bench import bench

    return bench()


def run_matrix(options):
    """Judge all known answers in every environment that can be had here."""
    from lab.matrix import matrix

    return matrix(options.only, options.until)


def run_verdicts(options):
    """Judge all known answers in this environment: what `matrix` runs in each of its own."""
    from lab.matrix import verdicts

    return verdicts(options.sandbox, options.output, options.right, options.until, options.repeat, options.workers)


COMMANDS = {
    "check": run_check,
    "tour": run_tour,
    "handouts": run_handouts,
    "gallery": run_gallery,
    "test": run_test,
    "lint": run_lint,
    "bench": run_bench,
    "matrix": run_matrix,
    "verdicts": run_verdicts,
}


def parse(arguments):
    """The options, with the function that runs the command as `run`.

    What is not given is taken from the environment, where make puts it.
    """
    parser = argparse.ArgumentParser(prog="tests/run", description="The daemon lab's commands.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run in COMMANDS.items():
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        if name == "matrix":
            command.add_argument("--only", metavar="WORDS", help="only the environments whose name holds this")
        if name in ("matrix", "verdicts"):
            command.add_argument("--until", metavar="NN", help="what belongs to this step and to those before it")
        if name == "verdicts":
            command.add_argument("--output", type=int, default=1, metavar="FD", help="the descriptor to report on")
            command.add_argument("--right", action="store_true", help="the right answers alone")
            command.add_argument("--repeat", type=int, default=1, metavar="N", help="judge each answer N times")
            command.add_argument("--workers", type=int, metavar="N", help="so many answers at a time")
        if name in ("check", "tour", "verdicts"):
            command.add_argument(
                "--no-sandbox",
                dest="sandbox",
                action="store_false",
                default=os.environ.get("SANDBOX") != "no",
                help="use no namespaces (or SANDBOX=no)",
            )
        if name == "check":
            command.add_argument(
                "--answers",
                default=os.environ.get("ANSWERS") or SKELETONS,
                metavar="DIR",
                help="the folder with the answers (or ANSWERS=DIR; default: steps/)",
            )
            command.add_argument(
                "--step",
                default=os.environ.get("STEP") or None,
                metavar="NN",
                help="this step alone: 3, 03 or 03_setsid (or STEP=NN)",
            )
    options, options.rest = parser.parse_known_args(arguments)
    if options.rest and options.run is not run_test:  # pytest has options of its own
        parser.error(f"unknown: {' '.join(options.rest)} (a step is named by --step 3, a folder by --answers DIR)")
    return options


def main():
    """Returns the exit status: 0 all is well, 1 something is wrong, 2 it could not be done."""
    try:
        options = parse(sys.argv[1:])
        return options.run(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 2
    except KeyboardInterrupt:
        print("lab: stopped by Ctrl-C", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
