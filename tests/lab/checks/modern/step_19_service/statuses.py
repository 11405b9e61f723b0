"""With which status it exits where it does not start, and what it prints then."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

from lab.checks.beyond.step_15_reload import CONFIG_FILE
from lab.checks.check import Finding, Unseen, Wrong
from lab.checks.common import fails_cleanly, fate, says_why
from lab.checks.modern.step_18_server.launches import has_status, why_a_failed_start_is_not_told
from lab.checks.modern.step_19_service.daemon import DAEMON_AGAIN
from lab.checks.modern.step_19_service.launches import (
    DAEMON,
    GENERIC,
    NOT_ALLOWED,
    NOT_CONFIGURED,
    USAGE,
    WITH_CONFIG,
    daemon_check,
    foreground_check,
)
from lab.facts import Observation
from lab.scene import CONFIG, SOCKET, SOMEBODY, USER, Manager, Scene, Stdio

# No service manager starts it.
BY_A_SHELL = Scene(stdio=Stdio.PIPE, notify=Manager.NONE, listen=())

# What is expected besides a status.
USAGE_AS_ERROR = "and the usage on standard error"
REASON = "and the reason on standard error"

NO_REASON = (
    "The exit status is right, but no reason reaches standard error. Send the reason through the pipe of step 12, and "
    "print it where the pipe is read."
)


def unless_it_exits(o: Observation, *, status: int, text: str, is_told: bool, because: str) -> Wrong | None:
    """What is wrong where it must not start, but exit with a status, and print a `text`; `is_told`: it did."""
    if has_status(o.job.status, status) and not o.processes and is_told:
        return None
    wrong = Wrong(
        expected=f"started with {' '.join(o.scene.arguments or ())}: exit status {status}, {text}",
        observed=fate(o),
        because=because,
    )
    if has_status(o.job.status, status) and not o.processes:
        return wrong
    return wrong.instead(why_a_failed_start_is_not_told(o, f"status {status}"))


# The usage


def names_all_options(text: str) -> bool:
    """Whether a text names all options of the service."""
    return all(f"-{letter}" in text for letter in "dlpuch")


@foreground_check(read="getopt(3), exit(3)", scene=replace(BY_A_SHELL, arguments=("-h",)))
def help(o: Observation) -> Finding:
    """with -h it prints its usage on standard output."""
    return unless_it_exits(
        o,
        status=0,
        text="and the usage with all options on standard output",
        is_told=names_all_options(o.piped.text),
        because=why_it_gives_no_help(o),
    )


def why_it_gives_no_help(o: Observation) -> str:
    if o.processes:
        return (
            "Your program starts, but -h only asks for its usage. Add h to the letters of getopt(), print the usage on "
            "standard output, and exit with status 0."
        )
    if names_all_options(o.errors):
        return (
            "Your program prints its usage on standard error. With -h the user asks for it, so it is no error. Print "
            "it on standard output, and exit with status 0."
        )
    if names_all_options(o.piped.text):
        return "Your program prints its usage, but exits with an error. With -h nothing is wrong. Exit with status 0."
    if not o.piped.text.strip():
        return (
            "Your program prints no usage on standard output. Most likely it does not know -h. Add h to the letters of "
            "getopt(), print the usage, and exit with status 0."
        )
    return "The usage does not name all options. It must name -d, -l, -p, -u, -c and -h."


@foreground_check(read="getopt(3), exit(3)", scene=replace(BY_A_SHELL, arguments=("-x",)))
def misused(o: Observation) -> Finding:
    """with an unknown option it prints its usage and exits with 2."""
    shows_usage = "-l" in o.printed
    return unless_it_exits(
        o,
        status=USAGE,
        text=USAGE_AS_ERROR,
        is_told=not o.piped.text and shows_usage,
        because=why_wrong_usage_is_not_told(
            o,
            shows_usage,
            "Most likely your program does not test whether getopt() returned '?', as it does for an unknown option. "
            "Print the usage on standard error then, and exit with status 2.",
        ),
    )


def why_wrong_usage_is_not_told(o: Observation, shows_usage: bool, cause: str) -> str:
    """The cause where wrong arguments are not told as they should be; `cause` where they are not noticed."""
    if o.processes:
        return cause
    if not has_status(o.job.status, USAGE) and shows_usage:
        return (
            "Your program prints its usage, but exits with another status than 2. Most programs use 2 for wrong "
            "arguments, and so does the table in the handout. Exit with 2."
        )
    if not has_status(o.job.status, USAGE):
        return cause
    if o.piped.text:
        return (
            "Your program prints on standard output, but a wrong argument is an error. Print the usage on standard "
            "error, and nothing on standard output."
        )
    return "The exit status is right, but your program does not print its usage. Print it on standard error."


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=("-d", "-l"), stdio=Stdio.PIPE))
def value_missing(o: Observation) -> Finding:
    """with an option without its value it prints its usage and exits with 2."""
    shows_usage = "-p" in o.printed
    return unless_it_exits(
        o,
        status=USAGE,
        text=USAGE_AS_ERROR,
        is_told=not o.piped.text and shows_usage,
        because=why_wrong_usage_is_not_told(
            o,
            shows_usage,
            "Most likely your program does not notice that -l has no value. Put a colon after that letter for "
            "getopt(). It then returns '?', or ':' if its letters begin with a colon. Print the usage for both.",
        ),
    )


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=("-d", "-l", SOCKET, "more"), stdio=Stdio.PIPE))
def word_too_many(o: Observation) -> Finding:
    """with one word too many it prints its usage and exits with 2."""
    shows_usage = "-p" in o.printed
    return unless_it_exits(
        o,
        status=USAGE,
        text=USAGE_AS_ERROR,
        is_told=not o.piped.text and shows_usage,
        because=why_wrong_usage_is_not_told(
            o,
            shows_usage,
            "Most likely your program ignores the word \"more\". getopt() stops at the first word that is no option, "
            "and optind is its index. If optind is less than argc, print the usage and exit with 2.",
        ),
    )


# A reason not to start


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=("-d",)))
def no_address(o: Observation) -> Finding:
    """with neither an ADDRESS nor a passed socket it exits with 1 or 2."""
    if has_status(o.job.status, USAGE) and not o.processes and o.printed.strip():
        return None
    return unless_it_exits(
        o,
        status=GENERIC,
        text=REASON,
        is_told=bool(o.printed.strip()),
        because=why_it_needs_no_address(o),
    )


def why_it_needs_no_address(o: Observation) -> str:
    if o.processes:
        return (
            "Your program starts, but no client can ever reach it. There is no -l, and no socket was passed. Print "
            "that, and exit with status 1."
        )
    if has_status(o.job.status, GENERIC):
        return NO_REASON
    return (
        "Your program exits with another status than 1 or 2. It is neither forbidden (4), nor is a configuration wrong "
        "(6). Use 1, which the table in the handout has for all other errors."
    )


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=(*DAEMON.arguments, "-c", "nowhere")))
def no_config(o: Observation) -> Finding:
    """with a configuration that it cannot read it exits with 6."""
    return unless_it_exits(
        o,
        status=NOT_CONFIGURED,
        text=REASON,
        is_told="nowhere" in o.printed,
        because=why_it_needs_no_config(o),
    )


def why_it_needs_no_config(o: Observation) -> str:
    if o.processes:
        return (
            "Your program starts, but it cannot read its configuration. Most likely it ignores -c, or what open() or "
            "fopen() returned. Print the reason, and exit with status 6."
        )
    if has_status(o.job.status, NOT_CONFIGURED) and not o.printed.strip():
        return NO_REASON
    if has_status(o.job.status, NOT_CONFIGURED):
        return "The exit status is right, but the message does not name the file. Print its name and the reason."
    return (
        "Your program exits with another status than 6, which the LSB has for a service that is not configured. The "
        "daemon exits with this status, so let the middle process wait for the daemon and pass its status on."
    )


@daemon_check(read="getopt(3), exit(3)", scene=Scene(arguments=(*DAEMON.arguments, "-u", SOMEBODY)))
def not_allowed(o: Observation) -> Finding:
    """with -u, but not started by root, it exits with 4."""
    # An ID that the sandbox does not have is invalid (user_namespaces(7)), and some programs meet that error first.
    if fails_cleanly(o) and says_why(o, os.strerror(errno.EINVAL)):
        return None
    return unless_it_exits(
        o,
        status=NOT_ALLOWED,
        text=REASON,
        is_told=bool(o.printed.strip()),
        because=why_it_becomes_no_other_user(o),
    )


def why_it_becomes_no_other_user(o: Observation) -> str:
    if o.processes:
        return (
            "Your program starts, but only root may become another user. Most likely your program ignores -u, or what "
            "initgroups(), setgid() and setuid() returned. Print the reason, and exit with status 4."
        )
    if has_status(o.job.status, NOT_ALLOWED):
        return NO_REASON
    return (
        "Your program exits with another status than 4. Most likely initgroups() failed with EPERM (Operation not "
        "permitted), and the LSB has 4 for that. The daemon must exit with 4, and the middle process pass it on."
    )


@daemon_check(
    read="getopt(3), exit(3)",
    scene=Scene(arguments=("-d", "-l", "127.0.0.1:1")),
    follows=[DAEMON_AGAIN["serves_at_host"]],
)
def port_not_allowed(o: Observation) -> Finding:
    """with a port below 1024, but not started by root, it exits with 4."""
    if o.processes:
        return Unseen("every user may bind port 1 here (ip_unprivileged_port_start)")
    return unless_it_exits(
        o,
        status=NOT_ALLOWED,
        text=REASON,
        is_told=bool(o.printed.strip()),
        because=why_port_is_not_refused(o),
    )


def why_port_is_not_refused(o: Observation) -> str:
    if has_status(o.job.status, NOT_ALLOWED):
        return NO_REASON
    return (
        "Your program exits with another status than 4. Most likely bind() failed with EACCES (Permission denied), and "
        "the LSB has 4 for that. The daemon must exit with 4, and the middle process pass it on."
    )


@daemon_check(
    read="open(2), setresuid(2)",
    scene=Scene(root=True, arguments=(*WITH_CONFIG, *DAEMON.as_root), files=((*CONFIG_FILE, 0o600),)),
    follows=[DAEMON_AGAIN["written_as_root"], no_config],
)
def config_of_user(o: Observation) -> Finding:
    """with -u it reads the configuration as that user."""
    if has_status(o.job.status, NOT_CONFIGURED) and not o.processes:
        return None
    wrong = Wrong(
        expected=f"started by root with -u {USER}, only root may read {CONFIG}: exit status 6, no process that stays",
        observed=fate(o),
        because=why_it_was_read_as_root(o),
    )
    return wrong.instead(why_a_failed_start_is_not_told(o, f"status {NOT_CONFIGURED}"))


def why_it_was_read_as_root(o: Observation) -> str:
    if o.processes:
        return (
            f"Your program reads the configuration as root. After SIGHUP it must read it again as {USER}, and may not. "
            "Give up root's rights first, and read the configuration after that."
        )
    return (
        "Your program exits, but not with the status for a configuration that it cannot read. Exit with 6 then, also "
        "when the reason is that the user may not read the file."
    )
