"""Starts the lab's commands: tests/run calls this file.

It gets over one fault by itself. A disk that is full while Python keeps its
compiled modules leaves some of them cut off, and Python stumbles over them from
then on. They are removed, and tests/run is called once more. Of this file no
compiled copy is kept, because Python keeps none of the file that it starts with.
"""

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.dirname(FOLDER)


def start():
    """Returns the exit status of the command in sys.argv."""
    kept = os.environ.get("DAEMON_LAB_PYTHON") == "kept"  # tests/run can still be called once more
    try:
        from lab.__main__ import main

        return main()
    except KeyboardInterrupt:  # so early that nothing else has taken care of it
        print("lab: stopped by Ctrl-C", file=sys.stderr)
        return 130
    except (EOFError, ValueError) as error:
        # As lab/needs.py has them: it cannot be asked here, since its own compiled copy may be the damaged one.
        if not any(words in str(error) for words in ("marshal data", "EOF read where")):
            raise
        if kept and sys.pycache_prefix:
            again = 'rm -rf "$1"; shift; DAEMON_LAB_PYTHON=tried exec sh "$@"'
            run = os.path.join(os.path.dirname(FOLDER), "run")
            os.execvp("sh", ["sh", "-c", again, "sh", sys.pycache_prefix, run] + sys.argv[1:])
        print("lab: a compiled Python module is damaged ({}). Remove the folder {}, and try again".format(
            error, sys.pycache_prefix or "__pycache__"), file=sys.stderr)  # fmt: skip
        return 2


sys.exit(start())
