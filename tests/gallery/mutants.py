"""Every solution with one statement or one error check of its step taken out.

A mutant is made from a line that the step adds (all lines, of one that starts
from nothing): a statement becomes an empty one, an initialisation loses its
call, a condition is still evaluated but never true, or is not evaluated at all,
and what must() is told counts no more.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from lab.course import STEPS, before
from lab.toolbox import SOLUTIONS

# What cannot be seen from outside, and why: (step, the line, what was done to it).
INVISIBLE = {
    (2, "exit(EXIT_FAILURE);", "removed"): "die() is noreturn: what happens after it is undefined, not observed",
    (5, "if (list == NULL)", "never true"): "/proc/self/fd can always be opened here",
    (5, 'die("opendir /proc/self/fd");', "removed"): "/proc/self/fd can always be opened here",
    (5, "if (errno != 0)", "never true"): "reading /proc/self/fd does not fail",
    (5, 'die("readdir /proc/self/fd");', "removed"): "reading /proc/self/fd does not fail",
    (7, 'fprintf(stderr, "%s: %s\\n", call, reason);', "removed"): "here the log tells; step 02 asks for this one",
    (8, "if (signal(SIGHUP, SIG_IGN) == SIG_ERR)", "never true"): "SIGHUP can always be ignored",
    (8, 'die("signal SIGHUP");', "removed"): "SIGHUP can always be ignored",
    (10, "(void)sigemptyset(&none);", "removed"): "what the set holds then is undefined, not observed",
    (10, "if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)", "never true"): "fails for wrong arguments only",
    (10, 'die("sigprocmask");', "removed"): "sigprocmask(2) fails for wrong arguments only",
    (
        11,
        'if (directory == NULL || asprintf(&path, "%s/%s", directory, name) == -1)',
        "never true",
    ): "neither fails here",
    (
        11,
        "if (*name == '/')",
        "never true",
    ): "checks launch it with a relative name; test_peers.py with an absolute one",
    (11, 'die("the directory of the launch");', "removed"): "neither getcwd() nor asprintf() fails here",
    (11, "(void)close(fd);", "removed"): "closes a file that another instance has removed, in a moment that few meet",
    (11, 'fprintf(stderr, "usage: %s [-p FILE]\\n", argv[0]);', "removed"): "nothing is asked of wrong usage",
    (11, "exit(2);", "removed"): "nothing is asked of wrong usage",
    (12, "if (word == -1)", "never true"): "a number for the copy was free a moment before: pipe2() got two",
    (12, "(void)wait(NULL);", "removed"): "the process that it waits for ends at once: a race of microseconds",
    (12, 'die("fcntl");', "removed"): "a number for the copy was free a moment before: pipe2() got two",
    (
        13,
        'fprintf(stderr, "usage: %s [-p FILE] [-u USER]\\n", argv[0]);',
        "removed",
    ): "nothing is asked of wrong usage",
    (13, "errno = EINVAL;", "removed"): "which words of the system's die() adds there is not asked",
    (14, "if (clearenv() != 0)", "never true"): "clearenv() does not fail",
    (14, 'die("clearenv");', "removed"): "clearenv() does not fail",
    (14, "(void)sigemptyset(&held);", "removed"): "what the set holds then is undefined, not observed",
    (14, "if (sigprocmask(SIG_BLOCK, &held, NULL) == -1)", "never true"): "fails for wrong arguments only",
    (14, 'die("sigprocmask");', "removed"): "sigprocmask(2) fails for wrong arguments only",
    (
        14,
        'fprintf(stderr, "usage: %s [-p FILE] [-u USER] [-c FILE]\\n", argv[0]);',
        "removed",
    ): "nothing is asked of wrong usage",
    (
        15,
        "if (setitimer(ITIMER_REAL, &timer, NULL) == -1)",
        "never true",
    ): "a period that setitimer() does not take gives no sign of life, told or not",
    (
        15,
        'say(LOG_WARNING, "WATCHDOG_USEC is no such time: ", period);',
        "removed",
    ): "a period that setitimer() does not take gives no sign of life, told or not",
    (15, "(void)sigemptyset(&held);", "removed"): "what the set holds then is undefined, not observed",
    (16, "errno = 0;", "removed"): "a number that does not fit is more than 64 in any case",
    (
        16,
        '(void)snprintf(name, sizeof(name), "%d", fd);',
        "removed",
    ): "what the name holds then is undefined, not observed",
    (16, 'give_up("fcntl: ", strerror(errno));', "removed"): "the flags of an open descriptor can always be set",
    (16, "if (signals == -1)", "never true"): "a descriptor for signals can always be had here",
    (16, 'give_up("signalfd: ", strerror(errno));', "removed"): "a descriptor for signals can always be had here",
    (16, "if (client == -1)", "never true"): "to send to nobody, and to close nobody, does no harm",
    (16, "return;", "removed"): "to send to nobody, and to close nobody, does no harm",
    (16, "if (poll(watched, watched_count, -1) == -1)", "never true"): "what was told before is looked at once more",
    (16, "continue;", "removed"): "what was told before is looked at once more",
    (
        17,
        "if (bound_path != NULL && unlink(bound_path) == -1)",
        "never true",
    ): "what is said of a path that cannot be removed is not asked; of FILE it is",
    (
        17,
        "say(LOG_WARNING, bound_path, strerror(errno));",
        "removed",
    ): "what is said of a path that cannot be removed is not asked; of FILE it is",
    (
        17,
        'must(starter != -1 && close(ends[1]) == 0, "fcntl", NULL);',
        "not looked at",
    ): "a number for the copy was free a moment before: pipe2() got two",
    (
        17,
        "(void)waitpid(child, NULL, 0);",
        "removed",
    ): "the process that it waits for ends at once: a race of microseconds",
    (
        17,
        "if (from == NULL || fgets(word, sizeof(word), from) == NULL)",
        "never true",
    ): "what the word is then is undefined, not observed",
    (
        17,
        '(void)strcpy(word, "1the daemon ended before it was ready\\n");',
        "removed",
    ): "what the word is then is undefined, not observed",
    (17, 'must(count != -1, "/proc/self/fd", NULL);', "removed"): "/proc/self/fd can always be read here",
    (17, 'must(count != -1, "/proc/self/fd", NULL);', "not looked at"): "/proc/self/fd can always be read here",
    (17, 'must(clearenv() == 0, "clearenv", NULL);', "not looked at"): "clearenv() does not fail",
    (17, "must(ftruncate(fd, 0) == 0, pid_file, NULL);", "not looked at"): "no answer gets a device as FILE",
    (
        17,
        'must(child != -1, "fork", NULL);',
        "removed",
    ): "of two calls of fork() the first one fails: the other one is not reached",
    (
        17,
        'must(child != -1, "fork", NULL);',
        "not looked at",
    ): "of two calls of fork() the first one fails: the other one is not reached",
    (
        17,
        "must(error == 0, address, gai_strerror(error));",
        "removed",
    ): "what the list is then is undefined, not observed",
    (
        17,
        "must(error == 0, address, gai_strerror(error));",
        "not looked at",
    ): "what the list is then is undefined, not observed",
    (
        17,
        "(void)close(fd);",
        "removed",
    ): "closes a socket of a kind that this machine has not, or a file that another instance has removed",
    (
        17,
        'must(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0, "fcntl", NULL);',
        "not looked at",
    ): "the flags of an open descriptor can always be set",
    (
        17,
        'must(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0, "fcntl", NULL);',
        "not looked at",
    ): "the flags of an open descriptor can always be set",
    (
        17,
        "if (manager != -1 && write(manager, state, strlen(state)) == -1)",
        "never true",
    ): "that there is nobody is told at the start, too",
    (
        17,
        'say(LOG_WARNING, "NOTIFY_SOCKET", strerror(errno));',
        "removed",
    ): "that there is nobody is told twice: at the start, and at each word",
    (17, "(void)sigemptyset(&held);", "removed"): "what the set holds then is undefined, not observed",
    (
        17,
        'must(sigprocmask(SIG_SETMASK, &held, NULL) == 0, "sigprocmask", NULL);',
        "not looked at",
    ): "fails for wrong arguments only",
    (17, 'must(watched[0].fd != -1, "signalfd", NULL);', "removed"): "a descriptor for signals can always be had here",
    (
        17,
        'must(watched[0].fd != -1, "signalfd", NULL);',
        "not looked at",
    ): "a descriptor for signals can always be had here",
    (
        17,
        "if (client == -1 && errno != EAGAIN && errno != ECONNABORTED)",
        "never true",
    ): "there are always descriptors left here",
    (17, "(void)poll(NULL, 0, 10);", "removed"): "there are always descriptors left here",
    (
        17,
        "(void)poll(watched, watched_count, -1);",
        "removed",
    ): "a loop that never waits serves as well: the report says that it is busy, and that is no failure",
    (
        17,
        'must(here && asprintf(&path, "%s/%s", here, name) > 0, "getcwd", NULL);',
        "not looked at",
    ): "neither getcwd() nor asprintf() fails here",
    (
        17,
        'if (is_daemon && write(starter, "0\\n", 2) == 2 && close(starter) == 0)',
        "never true",
    ): "nothing fails later that would be told there",
    (17, "starter = -1;", "removed"): "nothing fails later that would be told there",
}


@dataclass(frozen=True)
class Mutant:
    """A solution with one thing taken out."""

    step: object
    line: str  # the line that it was done to
    what: str  # "removed", "without its call", "never true", "not evaluated"
    number: int  # the line's number in the solution, from 1
    source: str

    def __str__(self):
        return f"{self.step.name}-{self.number}-{self.what.replace(' ', '_')}"

    @property
    def why_invisible(self):
        """The reason why nobody can see it; empty for those that have to be caught."""
        return INVISIBLE.get((self.step.number, self.line, self.what), "")


def mutants():
    """All of them."""
    return [mutant for step in STEPS[1:] for mutant in _mutants(before(step), step)]


def _mutants(before, step):
    old, new = (_lines(each) if each else [] for each in (before, step))
    start = new.index(" */") + 1
    for tag, _, _, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in ("insert", "replace"):
            for number in range(max(first, start), last):
                for what, line in _changes(new, number):
                    source = "\n".join([*new[:number], line, *new[number + 1 :]]) + "\n"
                    text = re.sub(r"\s*/\*.*", "", new[number]).strip()
                    yield Mutant(step, text, what, number + 1, source)


def _lines(step):
    return (SOLUTIONS / f"{step.name}.c").read_text(encoding="utf-8").splitlines()


def _changes(lines, number):
    """(what is done, the line that comes in its place) for one line of C."""
    line = re.sub(r"\s*/\*.*\*/\s*$", "", lines[number])
    text = line.strip()
    if match := re.match(r"must\((.*\)?.*?), [\w\"].*, [\w\"].*\);$", text):
        yield "not looked at", f"(void)({match[1]});"
    if text.startswith("if (") and text.endswith(")"):
        condition = text[3:]
        yield "never true", f"if ({condition} && 0)"
        if re.search(r"\w\(", condition):
            yield "not evaluated", "if (0)"
    elif match := re.match(r"((?:const )?\w+ \*?\w+) = .*\w\(.*;$", text):
        yield "without its call", f"{match[1]} = 0;"
    elif line.startswith(" ") and text.endswith(";") and not re.match(r"(const )?(struct )?\w+ \*?\w+;$", text):
        yield "removed", ";"
