"""Step 17: one service in both styles. What the steps before asked for, it is asked for again, in its own scenes."""

import errno
import os
from dataclasses import replace

from lab.expect import added, completed, expectations
from lab.expect.model import Check, Scene, ended, fails_cleanly, fate
from lab.expect.step_06_dev_null import with_access
from lab.expect.step_07_syslog import extra
from lab.expect.step_14_signals import CONFIG_FILE, NEW, OLD, null_log_and_pipes
from lab.expect.step_15_notify import after, no_environ, quoted, stopped_well, variables
from lab.expect.step_16_socket_activation import NOT_SERVED, all_served, served, told_clients
from lab.launched import CONFIG, PID_FILE, PORT, SOCKET
from lab.steps import STEPS, lineage

CLASSIC, NEW_STYLE = STEPS[14], STEPS[16]

AS_DAEMON = ("-d", "-l", SOCKET)
ARGUMENTS = (*AS_DAEMON, "-p", PID_FILE)
AT_HOST = ("-d", "-l", f"127.0.0.1:{PORT}", "-p", PID_FILE)
ROOT_ARGUMENTS = ("-u", "guest")

# LSB Core 5.0, "Init Script Actions".
USAGE, NOT_ALLOWED, NOT_CONFIGURED = 2, 4, 6


GONE = os.strerror(errno.ENOENT)  # what a client is told whose path leads nowhere


def in_the_classic_way(check):
    """A check of step 14, of the service with -d."""
    scene = check.scene
    if scene.arguments is not None:
        scene = replace(scene, arguments=(*AS_DAEMON, *scene.arguments))
    return replace(check, scene=scene, replaces=())


def in_the_new_style(check):
    """A check of step 16, of the service in the foreground. Its key gets a name of its own."""
    follows = tuple(f"fg_{key}" for key in check.follows)
    scene = replace(completed(NEW_STYLE, check.scene), arguments=check.scene.arguments or ())
    says = f"in the foreground: {check.says}"
    return replace(check, key=f"fg_{check.key}", says=says, scene=scene, follows=follows, replaces=())


def bonus(step):
    """The bonus checks of all steps up to `step`, by their keys."""
    return {check.key: check for each in lineage(step) for check in added(each) if check.star}


def comes_up(check):
    """A bonus check of what is no reason not to start: it is the same daemon as always, but for the log."""
    return replace(
        in_the_classic_way(check),
        on_process=False,
        holds=lambda o: o.process is not None and o.job_status == 0 and only_listens(o),
        expected=lambda o: "status 0, and what step 14 allows, and sockets at which clients can connect",
        observed=lambda o: fate(o) + (f"; open: {with_access(o)}" if o.process else ""),
    )


def only_listens(o):
    """Whether beside what step 14 allows only sockets are open at which clients can connect."""
    others = replace(o.process, descriptors={n: d for n, d in o.process.descriptors.items() if n not in o.listeners})
    return bool(o.listeners) and null_log_and_pipes(replace(o, processes=(others,)))


def status(o):
    """The exit status of the launched process, None if it has none."""
    return os.WEXITSTATUS(o.job_status) if o.job_status is not None and os.WIFEXITED(o.job_status) else None


def second(o):
    """What became of the one that was started again, for the end of a sentence; "" if none was."""
    if not o.again:
        return ""
    how = "does not end" if o.again[0] is None else ended(o.again[0])
    printed = o.again_printed.strip()
    return f"; the second: {how}" + (f', and printed "{printed[:200]}"' if printed else "")


def exits(key, says, number, scene, holds, expected, cause):
    """The check that it does not start, with the exit status that the LSB has for that, and words."""
    return Check(
        key=key,
        says=says,
        read="getopt(3), exit(3)",
        on_process=False,
        scene=scene,
        holds=lambda o: status(o) == number and not o.processes and holds(o),
        expected=lambda o: f"launched with {' '.join(scene.arguments)}: status {number}, {expected}",
        observed=fate,
        causes=(
            (lambda o: o.processes, "it starts all the same"),
            (
                lambda o: status(o) == number,
                "the status is right; the text is not there, or not where it is expected",
            ),
            (True, cause),
        ),
    )


def serves(key, says, read, scene, texts, cause, follows=("serves_at_path",), ends=False):
    """The check of what its clients get: `texts`, one for each of the deeds that make one."""
    return Check(
        key=key,
        says=says,
        read=read,
        on_process=False,
        scene=scene,
        follows=follows,
        holds=lambda o: o.process is not None
        and [each.text for each in served(o)] == list(texts)
        and all(each.how == ("closed" if each.text else GONE) for each in served(o))
        and (stopped_well(o) if ends else len(o.left) == 1),
        expected=lambda o: f"{'; '.join(scene.then)}: "
        + ", ".join(f'"{text.strip()}"' if text else GONE for text in texts)
        + (", and status 0" if ends else ""),
        observed=lambda o: f"{told_clients(o)}; {after(o)}{second(o)}" if o.process else fate(o),
        causes=((True, cause),) if "SIGKILL" in scene.then else (*NOT_SERVED, (True, cause)),
    )


def told_of_manager(o):
    """What a service manager has told in its environment, and is there yet."""
    return variables(o, "NOTIFY_SOCKET", "WATCHDOG_USEC")


def remains(o):
    """What the service has made, and is still there."""
    return [name for name in (PID_FILE, SOCKET) if name in o.files]


def refuses(key, what, address, cause):
    """The bonus check that it does not start with such an address."""
    return Check(
        key=key,
        says=f"-l {what}: it says so, and ends",
        read="getaddrinfo(3), unix(7)",
        star=True,
        on_process=False,
        scene=Scene(arguments=("-d", "-l", address)),
        holds=lambda o: fails_cleanly(o) and o.job_status != 0 and bool(o.printed.strip()),
        expected=lambda o: "the reason on standard error, a status other than 0, nothing that lives on",
        observed=lambda o: f"-l {address[:40]}{'...' * (len(address) > 40)}: {fate(o)}",
        causes=((True, cause),),
    )


HELLO = "hello\n"
WITH_CONFIG = (*ARGUMENTS, "-c", CONFIG)

# None of these looks at what the service is for: as a daemon, and in the foreground.
INHERITED = [
    *(in_the_classic_way(c) for c in expectations(CLASSIC) if not c.star and c.key != "null_device_log_and_file"),
    *(in_the_new_style(c) for c in expectations(NEW_STYLE) if not c.star and c.key != "compiles"),
]

# What the classic steps ask of a daemon that is no server, or the service is asked for above.
NOT_OF_A_SERVICE = {
    "no_dev_null",
    "no_close_range",
    "close_range_refused",
    "started_with_none_open",
    "unwritable_file",
    "no_config_at_start",
}
COMES_UP = {"ready_with_none_open", "ready_without_close_range", "nobody_listens"}

UNREMOVABLE = bonus(CLASSIC)["unremovable_file"]

BONUS = [
    *(
        in_the_classic_way(check)
        for key, check in bonus(CLASSIC).items()
        if key not in NOT_OF_A_SERVICE | COMES_UP | {UNREMOVABLE.key}
    ),
    # At a path there would be two files that cannot be removed.
    replace(UNREMOVABLE, scene=replace(UNREMOVABLE.scene, arguments=(*AT_HOST, *ROOT_ARGUMENTS))),
    *(comes_up(bonus(CLASSIC)[key]) for key in sorted(COMES_UP)),
    *(in_the_new_style(check) for check in bonus(NEW_STYLE).values()),
]

CHECKS = [
    *INHERITED,
    *BONUS,
    Check(
        key="null_device_log_file_and_sockets",
        says="0, 1 and 2 are the null device; beside them the log, FILE, and where it listens",
        read="null(4), listen(2)",
        needs_log="without the log only some of what is wrong can be seen",
        holds=only_listens,
        expected=lambda o: "what step 14 allows, and sockets at which clients can connect",
        observed=lambda o: ", ".join(map(str, extra(o).values())) or "nothing else is open",
        causes=(
            (lambda o: not o.listeners, "it does not listen: -l says where"),
            (True, "something is open that was inherited, or is left from its start"),
        ),
    ),
    Check(
        key="keeps_no_variable",
        says="-d: what a service manager has told in its environment does not count",
        read="clearenv(3), daemon(7), sd_notify(3)",
        scene=Scene(arguments=ARGUMENTS, notify="path", environment=("WATCHDOG_USEC=60000000",)),
        follows=("one_lives_on",),
        unseen=no_environ,
        holds=lambda o: not told_of_manager(o) and not o.notices,
        expected=lambda o: "neither NOTIFY_SOCKET nor WATCHDOG_USEC, and nobody is told anything",
        observed=lambda o: "; ".join(
            [*(f"{name}={value}" for name, value in told_of_manager(o).items()), f"told: {quoted(o.notices)}"]
        ),
        causes=(
            (
                True,
                "a daemon is started by hand, or by a script: what is in the environment was meant for whoever started "
                "it. A watchdog that nobody asked it for sends SIGALRM, which ends it. clearenv() leaves nothing",
            ),
        ),
    ),
    exits(
        "help",
        "-h: it tells how it is used, on standard output",
        0,
        Scene(arguments=("-h",), stdio="pipe"),
        lambda o: all(f"-{letter}" in o.piped for letter in "dlpuch"),
        "and a text that names all options",
        "that was asked for, so it is no error: standard output, and status 0",
    ),
    exits(
        "misused",
        "an option that there is not: it tells how it is used, on standard error",
        USAGE,
        Scene(arguments=("-x",), stdio="pipe"),
        lambda o: not o.piped and "-l" in o.printed,
        "and the same text, on standard error",
        "2 is what the LSB has for wrong arguments, and what most programs use",
    ),
    exits(
        "no_config",
        "a configuration that cannot be read: status 6",
        NOT_CONFIGURED,
        Scene(arguments=(*ARGUMENTS, "-c", "nowhere")),
        lambda o: "nowhere" in o.printed,
        "and the reason on standard error of the launched process",
        "6 is what the LSB has for a service that is not configured. The daemon knows the reason, and its caller "
        "waits: the pipe of step 12 can carry a number too",
    ),
    exits(
        "not_allowed",
        "-u where it is not root: status 4",
        NOT_ALLOWED,
        Scene(arguments=(*ARGUMENTS, "-u", "root")),
        lambda o: o.printed.strip(),
        "and the reason on standard error of the launched process",
        "4 is what the LSB has for a user who may not do that",
    ),
    serves(
        "serves_at_path",
        "-l PATH: it serves there, and takes the name away when it stops",
        "unix(7), unlink(2)",
        Scene(then=(f"connect {SOCKET}", f"connect {SOCKET}", "SIGTERM", f"connect {SOCKET}")),
        (HELLO, HELLO, ""),
        "a relative path is meant from the directory of the launch, which the daemon has left; and what bind() made "
        "stays until unlink()",
        follows=("one_lives_on",),
        ends=True,
    ),
    serves(
        "serves_at_host",
        "-l HOST:PORT: it serves there",
        "getaddrinfo(3), ip(7)",
        Scene(arguments=AT_HOST, then=(f"connect tcp4:{PORT}",)),
        (HELLO,),
        "HOST ends at the last colon: getaddrinfo() takes both parts as text",
    ),
    serves(
        "serves_at_version_6",
        "-l [HOST]:PORT: it serves there with IPv6",
        "getaddrinfo(3), ipv6(7)",
        Scene(arguments=("-d", "-l", f"[::1]:{PORT}", "-p", PID_FILE), then=(f"connect tcp6:{PORT}",)),
        (HELLO,),
        "an address of IPv6 has colons itself, so it stands in brackets; getaddrinfo() wants it without",
    ),
    serves(
        "greets_as_configured",
        "-c FILE: that is what clients get, and after SIGHUP what FILE holds then",
        "open(2), send(2)",
        Scene(
            arguments=WITH_CONFIG,
            files=(CONFIG_FILE, ("next", f"greeting={NEW}\n".encode())),
            then=(f"connect {SOCKET}", "config next", "SIGHUP", f"connect {SOCKET}"),
        ),
        (f"{OLD}\n", f"{NEW}\n"),
        "the log tells of a greeting that clients do not get: a line with what greeting=TEXT says",
    ),
    serves(
        "reload_loses_nobody",
        "who connects while it reloads is served",
        "listen(2)",
        Scene(then=(f"queue {SOCKET} 20 SIGHUP", f"connect {SOCKET}")),
        (HELLO, HELLO),
        "20 had connected before it took SIGHUP: who closes the socket and makes it anew sends them away. A reload "
        "changes what it says, not where it listens",
    ),
    serves(
        "stop_loses_nobody",
        "who has connected when SIGTERM comes is served before it stops",
        "accept(2)",
        Scene(then=(f"queue {SOCKET} 20 SIGTERM",)),
        (HELLO,),
        "20 had connected before it took SIGTERM, and wait in the queue of the socket: accept() until there is none, "
        "and end then",
        ends=True,
    ),
    Check(
        key="leaves_nothing",
        says="a start that fails leaves neither FILE nor the path behind",
        read="unlink(2), atexit(3)",
        on_process=False,
        scene=Scene(arguments=(*ARGUMENTS, "-c", "nowhere")),
        follows=("no_config", "serves_at_path"),
        holds=lambda o: not o.processes and not remains(o),
        expected=lambda o: f"without a configuration it does not start: no {PID_FILE}, no {SOCKET}",
        observed=lambda o: f"still there: {', '.join(remains(o)) or 'neither'}; {fate(o)}",
        causes=(
            (
                True,
                "what was made on the way stays when a later call fails: who ends, at whatever place, has to take away "
                "what is its own. One function that does so, and that all errors go through, is enough",
            ),
        ),
    ),
    serves(
        "takes_over_path",
        "takes over a path that one has left who was killed",
        "unix(7), bind(2)",
        Scene(then=("SIGKILL", "again 1", f"connect {SOCKET}")),
        (HELLO,),
        "bind() fails where there is a name already, and the name of a socket outlives its process. Where nobody "
        "serves, connect() fails with ECONNREFUSED: then unlink() is right",
    ),
    serves(
        "starts_at_once",
        "-l HOST:PORT: it can be started again at once where clients were served",
        "ip(7), socket(7)",
        Scene(arguments=AT_HOST, then=(f"connect tcp4:{PORT}", "SIGKILL", "again 1", f"connect tcp4:{PORT}")),
        (HELLO, HELLO),
        "who closes a connection first keeps its address for a minute (TIME_WAIT), and bind() says that it is in use, "
        "unless SO_REUSEADDR is set before",
        follows=("serves_at_host", "takes_over_path"),
    ),
    Check(
        key="no_socket_there",
        says="leaves a file at the path alone that is no socket",
        read="stat(2), unix(7)",
        on_process=False,
        scene=Scene(arguments=AS_DAEMON, files=((SOCKET, b"dear to somebody\n"),)),
        follows=("serves_at_path",),
        holds=lambda o: fails_cleanly(o) and o.job_status != 0,
        expected=lambda o: f"{SOCKET} is a regular file: it says so, and nothing lives on",
        observed=fate,
        causes=(
            (
                True,
                "connecting to a file that is no socket fails as it does where nobody serves (ECONNREFUSED): the file "
                "was removed, and was somebody's. S_ISSOCK() tells the two apart",
            ),
        ),
    ),
    Check(
        key="path_in_use",
        says="does not take it over from one that lives",
        read="unix(7), connect(2)",
        scene=Scene(arguments=AS_DAEMON, then=("again 1", f"connect {SOCKET}")),
        follows=("serves_at_path",),
        holds=lambda o: o.left == (o.process.pid,) and o.again and o.again[0] not in (0, None) and all_served(o),
        expected=lambda o: "a second one, without -p, is told no (a status other than 0); the first one serves on",
        observed=lambda o: f"{told_clients(o)}; {' and '.join(map(str, o.left)) or 'nobody'} lives on{second(o)}",
        causes=(
            (
                lambda o: len(o.left) > 1,
                "both live, and the second has taken the name from the first: unlink() before bind() asks nobody. "
                "First see whether somebody answers there",
            ),
            (True, "somebody serves there: bind() says so (EADDRINUSE), and that is the end of the second one"),
        ),
    ),
    refuses(
        "port_too_high",
        "with a port above 65535",
        "127.0.0.1:70000",
        "getaddrinfo() of glibc takes the number, and cuts it off: 70000 becomes 4464, and nobody looks for it there",
    ),
    refuses(
        "no_port",
        "with a colon and no port",
        "127.0.0.1:",
        "without a port the kernel chooses one, and nobody knows which: getaddrinfo() with no service is no error",
    ),
    refuses(
        "port_unknown",
        "with a port that has no such name",
        "127.0.0.1:nowhere",
        "getaddrinfo() has a word for it (gai_strerror()), and no list: its result has to be looked at first",
    ),
    refuses(
        "not_our_address",
        "with an address that is not this machine's",
        "192.0.2.1:7017",  # TEST-NET-1, RFC 5737
        "bind() fails for it: who passes over such addresses, since localhost may have some, has none left then, and "
        "listens nowhere",
    ),
    refuses(
        "path_too_long",
        "with a path that is too long",
        120 * "x",
        "sun_path has 108 bytes: strcpy() writes beyond them, and strncpy() makes another name of it",
    ),
]
