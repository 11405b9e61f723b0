"""Answers that mean harm, or do it by accident: each gets a verdict, and nothing of it is left.

`verdict` is the kind of verdict that the first failing check gives.
"""

import re
from dataclasses import dataclass

from gallery import Row
from lab.checks.check import CRASHED, DOES_NOT_COMPILE, EXITED, NEVER_SETTLED, NO_SOURCE, WRONG_STATE
from lab.course import STEPS
from lab.toolbox import ROOT, SOLUTIONS


@dataclass(eq=False)
class Hostile(Row):
    """A hostile answer to step 02, unless it says otherwise."""

    verdict: str = WRONG_STATE
    says: str = ""  # a phrase of what the learner is told
    binary: bytes = b""  # the whole file, in place of a program
    sandboxed: bool = False  # nothing but a sandbox keeps it from passing

    def source(self):
        paths = {"{solutions}": str(SOLUTIONS), "{tests}": str(ROOT / "tests")}
        return self.binary or re.sub("{solutions}|{tests}", lambda match: paths[match[0]], super().source())


def main(body, before=""):
    """A program of one function."""
    return f"#include <unistd.h>\n{before}\nint main(void)\n{{\n    {body}\n}}\n"


WAIT = "for (;;) pause();"
NAME = 'prctl(PR_SET_NAME, "{}", 0, 0, 0);'

RUNNING = [
    Hostile(
        "fork bomb", program=main("for (;;) fork();"), verdict=NEVER_SETTLED, says="fork() was called more than once"
    ),
    Hostile(
        "slow fork bomb",
        program=main("for (;;) { fork(); usleep(50000); }"),
        verdict=NEVER_SETTLED,
        says="fork() was called more than once",
    ),
    Hostile(
        "forks and exits for ever",
        program=main("for (;;) if (fork() > 0) _exit(0);"),
        verdict=NEVER_SETTLED,
        says="a loop in it never ends",
    ),
    Hostile(
        "ignores every signal",
        program=main(f"for (int i = 1; i < 65; i++) signal(i, SIG_IGN); {WAIT}"),
        headers="signal.h",
        says="only the launched process",
    ),
    Hostile(
        "a hundred daemons",
        program=main(f"for (int i = 0; i < 100; i++) if (fork() == 0) {{ setsid(); {WAIT} }}"),
        says="fork() was called more than once",
    ),
    Hostile("kills everything", program=main("kill(-1, 9); return 0;"), headers="signal.h", says="sent a signal to"),
    Hostile(
        "kills its parent", program=main(f"kill(getppid(), 9); {WAIT}"), headers="signal.h", says="sent a signal"
    ),
    Hostile(
        "stops its parent", program=main(f"kill(getppid(), 19); {WAIT}"), headers="signal.h", says="sent a signal"
    ),
    Hostile("kills its group", program=main("kill(0, 9);"), headers="signal.h", verdict=CRASHED, says="SIGKILL"),
    Hostile("stops itself", program=main(f"raise(19); {WAIT}"), headers="signal.h", says="is stopped"),
    Hostile(
        "floods the terminal",
        program=main('for (;;) write(1, "flood flood flood flood\\n", 24);'),
        verdict=NEVER_SETTLED,
        says="a loop in it never ends",
    ),
    Hostile(
        "fills memory",
        program=main("char *p; while ((p = malloc(1 << 20)) || 1) if (p) memset(p, 1, 1 << 20);"),
        headers="stdlib.h string.h",
        says="only the launched process",
    ),
    Hostile(
        "fills memory in many processes",
        program=main(
            "char *p; for (int i = 0; i < 5; i++) fork(); for (;;) if ((p = malloc(1 << 20))) memset(p, 1, 1 << 20);"
        ),
        headers="stdlib.h string.h",
        verdict=NEVER_SETTLED,
        says="fork()",  # called more than once; or, where a control group counts all memory, in a loop
    ),
    Hostile(
        "fills the disk",
        program=main(
            'static char b[1 << 20]; int fd = creat("big", 0600); signal(SIGXFSZ, SIG_IGN); '
            "while (write(fd, b, sizeof b) > 0); " + WAIT
        ),
        headers="fcntl.h signal.h",
        verdict=NEVER_SETTLED,
        says="Your program writes to a file without an end",
    ),
    Hostile(
        "makes 100000 files",
        program=main(
            f'char n[20]; for (int i = 0; i < 100000; i++) {{ sprintf(n, "%d", i); creat(n, 0600); }} {WAIT}'
        ),
        headers="fcntl.h stdio.h",
        says="only the launched process",
    ),
    Hostile(
        "spins on all cores",
        program=main("for (int i = 0; i < 6; i++) fork(); for (;;);"),
        verdict=NEVER_SETTLED,
        says="fork() was called more than once",
    ),
    Hostile(
        "prints what looks like a report",
        program=main('write(1, "\\033[2J  ok  everything\\n7 of 7 steps done. That is all.\\n", 54); return 0;'),
        verdict=EXITED,
        says="the child ended too",
    ),
    Hostile(
        "names itself so that proc parses wrongly",
        program=main('prctl(PR_SET_NAME, ") S 1 4 4\\n\\xff(", 0, 0, 0); for (;;) pause();'),
        headers="sys/prctl.h",
        says="only the launched process",
    ),
    Hostile(
        "becomes the solution",
        program=main(
            'execl("{solutions}/02_fork.c", "x", (char *)0); execl("../solutions/02_fork", "x", (char *)0); return 1;'
        ),
        verdict=EXITED,
        says="gave up",
    ),
    Hostile(
        "runs another program",
        program=main('if (fork()) _exit(0); execl("/bin/sleep", "sleep", "1000", (char *)0);'),
        says="it started another program",
    ),
    Hostile(
        "writes to the tests and reads the solutions",
        program=main(
            'const char *p[] = {"/etc/passwd", "/usr/bin/cc", "/home/x", "/root/x", '
            '"{tests}/x", "{tests}/conftest.py", "{solutions}/02_fork.c"}; '
            "for (int i = 0; i < 7; i++) if (open(p[i], O_WRONLY | O_CREAT, 0666) >= 0) for (;;) pause(); return 5;"
        ),
        headers="fcntl.h",
        verdict=EXITED,
        says="gave up",
    ),
]

DOUBLE = "\n".join(f"#define A{i + 1} A{i} A{i}" for i in range(60))

COMPILING = [
    Hostile("includes dev zero", program='#include "/dev/zero"\nint main(void) { return 0; }\n'),
    Hostile("includes itself", program="#include __FILE__\nint main(void) { return 0; }\n"),
    Hostile("includes a solution", program='#include "../solutions/02_fork.c"\n'),
    Hostile("includes a solution by its path", program='#include "{solutions}/02_fork.c"\n', sandboxed=True),
    Hostile(
        "a macro that doubles 60 times",
        program=f"#define A0 1,\n{DOUBLE}\nint a[] = {{ A60 }};\nint main(void) {{}}\n",
    ),
    Hostile("an 8 GB array", program="char a[8UL << 30] = {1};\nint main(void) { return a[0]; }\n"),
    Hostile("no main", program="int other(void) { return 0; }\n"),
    Hostile("an empty file", binary=b"\n"),
    Hostile("not text at all", binary=bytes(range(256)) * 40),
    Hostile("a line of a megabyte", program="int main(void) { return " + "(" * 500000 + "0" + ")" * 500000 + "; }\n"),
]
for row in COMPILING:
    row.verdict, row.says = DOES_NOT_COMPILE, "first error"
    if row.name == "an empty file":
        row.verdict, row.says = NO_SOURCE, "is empty"

HOSTILE = [*RUNNING, *COMPILING]
for row in HOSTILE:
    row.step = STEPS[2]
