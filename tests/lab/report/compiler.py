"""What the compiler says, so that an editor finds the place, and with the header that is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from lab.toolbox import printable

MAX_MESSAGES = 30  # lines that are shown
MAX_LINE = 400  # characters of a line


# ---- where it is -----------------------------------------------------------------


def as_called(path: Path, here: str) -> str:
    """A file as somebody calls it who stands in the folder `here`; "" stands for the one above the file's folder."""
    if not here:
        return f"{path.parent.name}/{path.name}"
    try:
        return str(path.relative_to(here))
    except ValueError:
        return str(path)  # it is elsewhere, or the folder was named from here


# In the compiler's sandbox an answer and the headers beside it have no folder; the headers of the system have one.
_OWN_FILE = re.compile(r"^(?P<before>(?:In file included from |\s+from )?)(?:\./)?(?P<name>[\w.+-]+\.[ch])(?=[:,])")


def located(messages: str, path: Path, here: str) -> str:
    """The compiler's messages on the file at `path`, with the names of the learner's files as they are called here."""
    folder = _folder_as_called(path, here)

    def own(match: re.Match[str]) -> str:
        return f"{match['before']}{folder}{match['name']}"

    return "\n".join(_OWN_FILE.sub(own, line) for line in messages.splitlines())


def _folder_as_called(path: Path, here: str) -> str:
    """The file's folder, with a slash at the end; "" for the one that its reader stands in."""
    return as_called(path, here)[: -len(path.name)]


def quoted_messages(messages: str, path: Path, here: str) -> list[str]:
    """The same as lines that can be shown; not too many.

    A line that says where something is begins with the file's name, as editors
    expect it. All others have a mark in front: nobody takes them for lines of the
    report, whatever the program makes the compiler say.
    """
    lines = located(messages, path, here).splitlines()
    if len(lines) > MAX_MESSAGES:
        lines = [*lines[:MAX_MESSAGES], f"... and {len(lines) - MAX_MESSAGES} more lines"]
    place = re.compile(rf"{re.escape(_folder_as_called(path, here))}[\w.+-]+\.[ch]:\d+:")
    shown = []
    for line in lines:
        text = printable(line.expandtabs()[:MAX_LINE])
        shown.append(text if place.match(line) and line.isprintable() else f"| {text}")
    return shown


# ---- what is missing -------------------------------------------------------------


class Declared(NamedTuple):
    """Where a function is declared."""

    header: str
    page: str
    is_gnu: bool = False  # only with _GNU_SOURCE: feature_test_macros(7)


def _table(*rows: tuple[str, int, str], is_gnu: bool = False) -> dict[str, Declared]:
    """{function: Declared} of rows with a header, the section of the manual, and functions."""
    return {
        name: Declared(header, f"{name}({section})", is_gnu)
        for header, section, names in rows
        for name in names.split()
    }


# The functions that the course is about, and those that its solutions and their relatives need beside them.
FUNCTIONS = {
    **_table(
        ("arpa/inet.h", 3, "inet_ntop inet_pton htons ntohs"),
        ("dirent.h", 3, "opendir readdir closedir dirfd scandir"),
        ("fcntl.h", 2, "open openat creat fcntl"),
        ("grp.h", 2, "setgroups"),
        ("grp.h", 3, "initgroups getgrnam"),
        ("netdb.h", 3, "getaddrinfo freeaddrinfo gai_strerror"),
        ("poll.h", 2, "poll"),
        ("pwd.h", 3, "getpwnam getpwuid"),
        ("signal.h", 2, "signal kill sigaction sigprocmask sigsuspend sigpending sigwaitinfo sigtimedwait"),
        ("signal.h", 3, "raise sigemptyset sigfillset sigaddset sigdelset sigismember sigwait"),
        ("stdio.h", 3, "printf fprintf dprintf snprintf sprintf sscanf perror"),
        ("stdio.h", 3, "fopen fdopen fclose fgets fputs puts fflush"),
        ("stdlib.h", 3, "exit malloc calloc free atoi atol strtol getenv setenv unsetenv clearenv abort"),
        ("string.h", 3, "memcpy memset strcmp strncmp strlen strcpy strncpy strchr strrchr strcspn strdup strerror"),
        ("strings.h", 3, "strcasecmp"),
        ("sys/epoll.h", 2, "epoll_create1 epoll_ctl epoll_wait"),
        ("sys/file.h", 2, "flock"),
        ("sys/ioctl.h", 2, "ioctl"),
        ("sys/prctl.h", 2, "prctl"),
        ("sys/resource.h", 2, "getrlimit setrlimit"),
        ("sys/select.h", 2, "select"),
        ("sys/signalfd.h", 2, "signalfd"),
        ("sys/socket.h", 2, "socket bind listen accept connect send sendto recv setsockopt getsockopt shutdown"),
        ("sys/stat.h", 2, "umask stat fstat lstat chmod fchmod mkdir"),
        ("sys/time.h", 2, "setitimer gettimeofday"),
        ("sys/timerfd.h", 2, "timerfd_create timerfd_settime"),
        ("sys/wait.h", 2, "wait waitpid waitid"),
        ("syslog.h", 3, "openlog syslog closelog setlogmask"),
        ("time.h", 2, "time clock_gettime nanosleep"),
        (
            "unistd.h",
            2,
            "fork vfork setsid getsid setpgid getpgid getpgrp getpid getppid "
            "chdir fchdir close read write pipe dup dup2 unlink ftruncate pause alarm _exit execve "
            "getuid geteuid getgid getegid setuid setgid seteuid setegid access fsync lseek link symlink chown syscall",
        ),
        ("unistd.h", 3, "sleep usleep daemon getopt sysconf getcwd isatty ttyname execl execlp execv execvp lockf"),
    ),
    **_table(
        ("fcntl.h", 2, "splice"),
        ("poll.h", 2, "ppoll"),
        ("sched.h", 2, "unshare"),
        ("stdio.h", 3, "asprintf"),
        ("sys/socket.h", 2, "accept4"),
        ("unistd.h", 2, "close_range pipe2 dup3 setresuid setresgid getresuid getresgid"),
        is_gnu=True,
    ),
}

# The same of what is no function, by how its name begins.
CONSTANTS = (
    (re.compile(r"LOG_[A-Z0-9]+"), Declared("syslog.h", "syslog(3)")),
    (re.compile(r"SIG[A-Z0-9]+|SIG_[A-Z]+"), Declared("signal.h", "signal(7)")),
    (re.compile(r"O_[A-Z]+|F_[A-Z]+"), Declared("fcntl.h", "open(2)")),
    (re.compile(r"S_I[A-Z]+"), Declared("sys/stat.h", "inode(7)")),
    (re.compile(r"E[A-Z0-9]{3,}|errno"), Declared("errno.h", "errno(3)")),
    (re.compile(r"LOCK_[A-Z]+"), Declared("sys/file.h", "flock(2)")),
)

# What gcc and clang say of a function, and of anything else, that is not declared.
_NO_FUNCTION = re.compile(
    r"(?:implicit declaration of function|call to undeclared (?:library )?function"
    r"|implicitly declaring library function) ['‘](\w+)['’]"
)
_NO_NAME = re.compile(r"['‘](\w+)['’] undeclared|use of undeclared identifier ['‘](\w+)['’]")


def missing_headers(messages: str) -> list[str]:
    """A sentence for each thing that is not declared and that the course knows, in the order of the messages."""
    sentences = []
    for line in messages.splitlines():
        function, name = _NO_FUNCTION.search(line), _NO_NAME.search(line)
        if function and function[1] in FUNCTIONS:
            sentences.append(_sentence(f"{function[1]}()", FUNCTIONS[function[1]]))
        elif name:
            word = name[1] or name[2]
            found = next((declared for form, declared in CONSTANTS if form.fullmatch(word)), FUNCTIONS.get(word))
            sentences += [_sentence(word, found)] if found else []
    return list(dict.fromkeys(sentences))


def _sentence(name: str, declared: Declared) -> str:
    needs = f"#include <{declared.header}>"
    if declared.is_gnu:
        needs += ", and #define _GNU_SOURCE above all of these lines"
    return f"{name} needs {needs}, see {declared.page}."
