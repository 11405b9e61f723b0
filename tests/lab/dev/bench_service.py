"""`make bench`, its second part: the last step's service beside the least that does the same.

Starts: from fork() and exec() to the moment at which the launched process has
ended and nobody has its standard output any more: then a daemon is ready. What
the service does beside becoming a daemon (it reads options, opens a socket) is
in both, where it is compared with itself, made a daemon by daemon(3).
Requests: a client in C connects, reads to end of file, closes, one after another.
"""

from __future__ import annotations

import random
import resource
import socket
import statistics
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import psutil

from lab.course import step_called
from lab.judge.compiling import FLAGS
from lab.toolbox import SOLUTIONS, LabError, compiler

SERVICE = step_called("service")
STARTS = 100
REQUESTS = 20_000
ROUNDS = 5
MANY = 100_000  # connections, for the memory
READY_TIME = 30  # seconds: a loop of a thousand million calls takes minutes
SLOW = 1000  # milliseconds: once is enough to know

DAEMON_3 = """
#include <unistd.h>
int main(void) { if (daemon(0, 0) == -1) return 1; for (;;) pause(); }
"""

# The least that forks twice and lets the launched process end no sooner than the daemon is ready.
TWO_FORKS = """
#include <fcntl.h>
#include <unistd.h>
int main(void)
{
    int ends[2];
    char byte;
    if (pipe(ends) == -1) return 1;
    if (fork() != 0) { close(ends[1]); _exit(read(ends[0], &byte, 1) != 1); }
    setsid();
    if (fork() != 0) _exit(0);
    int null = open("/dev/null", O_RDWR);
    if (chdir("/") == -1 || dup2(null, 0) || dup2(null, 1) != 1 || dup2(null, 2) != 2 || write(ends[1], "", 1) != 1)
        return 1;
    close(ends[0]); close(ends[1]);
    for (;;) pause();
}
"""

# The service, by daemon(3): ready when the copy of its standard output is closed, as a ready pipe is.
BY_DAEMON_3 = ("        become_daemon();\n", "        starter = dup(1), is_daemon = daemon(0, 0) == 0;\n")

# As it is handed out: everything closed that could be open. Downwards, so that standard output is among the last.
UP_TO_THE_LIMIT = """
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
    struct rlimit limit;
    umask(0);
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || chdir("/") == -1) return 1;
    if (fork() != 0) _exit(0);
    setsid();
    for (rlim_t fd = limit.rlim_max; fd-- > 0;) close((int)fd);
    open("/dev/null", O_RDWR); dup(0); dup(0);
    for (;;) pause();
}
"""

# Starts a program with a hard limit, waits until it is ready, prints the milliseconds, and ends what is left of it.
TIMER = """
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char *argv[])
{
    int ends[2];
    char byte, name[64];
    struct timespec begun, over;
    struct rlimit limit = {argc > 2 ? (rlim_t)atol(argv[1]) : 0, 0};
    limit.rlim_max = limit.rlim_cur;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 || pipe(ends) == -1) return 1;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    pid_t launched = fork();
    if (launched == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0) execv(argv[2], argv + 2);
        _exit(127);
    }
    close(ends[1]);
    int status;
    waitpid(launched, &status, 0);
    while (read(ends[0], &byte, 1) > 0) continue;
    clock_gettime(CLOCK_MONOTONIC, &over);
    snprintf(name, sizeof(name), "/proc/self/task/%d/children", (int)getpid());
    while (waitpid(-1, 0, WNOHANG) >= 0) { /* orphans come one after another */
        FILE *children = fopen(name, "r");
        for (int child; children && fscanf(children, "%d", &child) == 1;) kill(child, SIGTERM);
        if (children) fclose(children);
        usleep(500);
    }
    printf("%f\\n", (over.tv_sec - begun.tv_sec) * 1e3 + (over.tv_nsec - begun.tv_nsec) / 1e6);
    return status;
}
"""

ACCEPT_WRITE_CLOSE = """
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char *argv[])
{
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {AF_INET, htons(argc > 1 ? atoi(argv[1]) : 0), {htonl(INADDR_LOOPBACK)}, {0}};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, (struct sockaddr *)&name, sizeof(name)) == -1 || listen(fd, SOMAXCONN) == -1) return 1;
    for (;;) { int client = accept(fd, 0, 0); if (write(client, "hello\\n", 6) != 6) return 1; close(client); }
}
"""

# The same, and no client is reset that has sent something: unix(7), tcp(7). It waits for each, as no server may.
HEARS_OUT = ACCEPT_WRITE_CLOSE.replace(
    "return 1; close(client);",
    "return 1; char rest[64]; shutdown(client, SHUT_WR); while (read(client, rest, sizeof(rest)) > 0) continue;"
    " close(client);",
)

CLIENT = """
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char *argv[])
{
    struct sockaddr_in name = {AF_INET, htons(argc > 2 ? atoi(argv[1]) : 0), {htonl(INADDR_LOOPBACK)}, {0}};
    for (int left = atoi(argv[2]); left > 0; left--) {
        char text[64];
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&name, sizeof(name)) == -1 || read(fd, text, sizeof(text)) != 6) return 1;
        while (read(fd, text, sizeof(text)) > 0) continue;
        close(fd);
    }
    return 0;
}
"""

PROGRAMS = {
    "daemon": DAEMON_3,
    "two forks": TWO_FORKS,
    "recipe": UP_TO_THE_LIMIT,
    "timer": TIMER,
    "plain": ACCEPT_WRITE_CLOSE,
    "hears out": HEARS_OUT,
    "client": CLIENT,
}


def bench_service(folder, report):
    """Print all figures with `report(what, text)`; what is made is made in `folder`."""
    programs = _compiled(Path(folder))
    compare_starts(programs, report)
    compare_requests(programs, report)


def _compiled(folder):
    """The path of each program, and of the service, in both ways."""
    service = (SOLUTIONS / SERVICE.file).read_text(encoding="utf-8")
    if BY_DAEMON_3[0] not in service:
        raise LabError(f"solutions/{SERVICE.file} does not call become_daemon() where the bench expects it")
    by_daemon_3 = service.replace(*BY_DAEMON_3)
    sources = {"service": (service, FLAGS), "by daemon(3)": (by_daemon_3, [*FLAGS, "-w"])}
    sources |= {name: (source, ["-O2", "-w"]) for name, source in PROGRAMS.items()}
    for name, (source, flags) in sources.items():
        path = folder / f"{name}.c"
        path.write_text(source, encoding="utf-8")
        subprocess.run([*compiler(), *flags, "-o", folder / name, path], check=True)
    return {name: folder / name for name in sources}


# ---- from exec to ready ------------------------------------------------------


def compare_starts(programs, report):
    """At each hard limit: how long each program takes to be ready, and the ratio to daemon(3).

    And that of the service to itself by daemon(3).
    """
    path = programs["service"].with_suffix(".sock")
    commands = {
        f"{SERVICE.name} -d": [programs["service"], "-d", "-l", path],
        f"{SERVICE.name} by daemon(3)": [programs["by daemon(3)"], "-d", "-l", path],
        "daemon(3)": [programs["daemon"]],
        "two forks and a ready pipe": [programs["two forks"]],
        "closing up to the limit": [programs["recipe"]],
    }
    for limit in limits():
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(STARTS):
            for name in random.sample(list(commands), len(commands)):  # none always comes after the same
                if not times[name] or times[name][0] < SLOW:
                    times[name].append(_start(programs["timer"], commands[name], limit))
        medians = {name: statistics.median(took) for name, took in times.items()}
        for name, median in medians.items():
            text = f"{median:.2f} ms, {median / medians['daemon(3)']:.2f} times daemon(3)"
            report(f"{name}, hard limit {limit}", text)
        ratio = medians[f"{SERVICE.name} -d"] / medians[f"{SERVICE.name} by daemon(3)"]
        report(f"{SERVICE.name} -d, beside itself by daemon(3), hard limit {limit}", f"{ratio:.2f}")


def limits():
    """The hard limits on open files that can be had here: two, and the highest."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = int(Path("/proc/sys/fs/nr_open").read_text(encoding="ascii"))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, highest))  # takes CAP_SYS_RESOURCE
    except (PermissionError, ValueError):
        highest = hard
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return sorted({limit for limit in (1024, 20_000, highest) if limit <= highest})


def _start(timer, command, limit):
    """Milliseconds until it is ready."""
    done = subprocess.run([timer, str(limit), *command], capture_output=True, text=True, check=True, timeout=READY_TIME)
    return float(done.stdout)


# ---- requests ----------------------------------------------------------------


def compare_requests(programs, report):
    """Requests a second, in turns with two plain loops; then the memory before and after many more."""
    port = _free_port()
    servers = {
        "service": (f"requests a second, {SERVICE.name}", ["-l", f"127.0.0.1:{port}"]),
        "hears out": ("requests a second, accept-write-shutdown-read-close", [str(port)]),
        "plain": ("requests a second, accept-write-close", [str(port)]),
    }
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, (_says, arguments) in servers.items():
            with _served(programs[name], arguments, port):
                rates[name].append(REQUESTS / _time_client(programs, port, REQUESTS))
    for name, (says, _arguments) in servers.items():
        ratio = statistics.median(own / plain for own, plain in zip(rates[name], rates["plain"]))
        report(says, f"{statistics.median(rates[name]):.0f}, {ratio:.2f} times accept-write-close")
    with _served(programs["service"], ["-l", f"127.0.0.1:{port}"], port) as server:
        _time_client(programs, port, 1000)
        before = _memory(server)
        _time_client(programs, port, MANY)
        text = f"{before} and {_memory(server)} KiB"
        report(f"memory of {SERVICE.name}, after 1000 and {MANY} connections more", text)


def _time_client(programs, port, count):
    start = time.perf_counter()
    subprocess.run([programs["client"], str(port), str(count)], check=True)
    return time.perf_counter() - start


@contextmanager
def _served(program, arguments, port):
    """The server, from the moment on that it takes connections."""
    server = subprocess.Popen([program, *arguments], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_TIME
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise
                time.sleep(0.005)
        yield server
    finally:
        server.kill()
        server.wait()


def _memory(server):
    """The resident memory of a process, in KiB."""
    return psutil.Process(server.pid).memory_info().rss // 1024


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
