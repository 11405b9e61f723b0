"""The lab's commands: `python tests/lab COMMAND`; the Makefile calls them."""

import argparse
import os
import sys

# A caller may have closed them; then what is opened first would become one.
while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
    os.set_inheritable(fd, True)
os.close(fd)

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from lab.toolbox import STEPS, LabError  # noqa: E402


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


def parse(arguments):
    """The options, with the function that runs the command as `run`."""
    parser = argparse.ArgumentParser(prog="lab", description="The daemon lab's commands.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run in (("check", run_check), ("tour", run_tour)):
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--no-sandbox", dest="sandbox", action="store_false", help="use no namespaces")
        if run is run_check:
            command.add_argument("--answers", default=STEPS, metavar="DIR", help="the folder with the answers")
            command.add_argument("--step", metavar="NN", help="this step alone: 3, 03 or 03_setsid")
    return parser.parse_args(arguments)


def main():
    """Returns the exit status: 0 all passes, 1 an answer is wrong, 2 it could not be done."""
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
