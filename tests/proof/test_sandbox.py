"""What an answer sees of the machine, what limits it, what will wake it, and whose fault it is when a look fails."""

import errno
import fcntl
import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import wait_for

from lab import hindered
from lab.course import START, step_called
from lab.judge import studio
from lab.judge.verdict import FAILED, FOLLOWS, PASSED, SKIPPED
from lab.kernel import procfs
from lab.report.text import describe
from lab.sandbox import cgroups
from lab.sandbox import server as launch
from lab.sandbox import sight
from lab.sandbox.server import Launchpad
from lab.scene import OpenTerminal, Scene
from lab.toolbox import ROOT, LabError
from lab.watch import alarms, loop
from lab.watch.observe import observe

LOOP = "    for (;;)\n        pause();"


def print_in_job(pad, commands):
    """What a shell script prints that is launched as an answer."""
    script = f"#!/bin/sh\n{commands}\n".encode()
    return loop.run(observe(pad, START.name, script)).printed


# ---- what is seen ------------------------------------------------------------


def test_of_etc_and_opt_only_what_a_compiler_needs(sandbox_pad):
    printed = print_in_job(sandbox_pad, "ls /etc /opt; cat /etc/shadow /etc/machine-id /etc/resolv.conf")
    shown = {"alternatives", "group", "ld.so.cache", "nsswitch.conf", "passwd"}
    assert shown & set(os.listdir("/etc")) <= set(printed.split())
    assert printed.count("No such file") == 4


@pytest.fixture
def class_folders(tmp_path, monkeypatch):
    """A folder that stands for /usr, where two classes and a lonely answer lie among the system's own."""
    top = tmp_path / "usr"
    for name in ("bin", "share/class/ann", "share/class/bob/steps", "share/doc", "local/eve", "local/lib"):
        (top / name).mkdir(parents=True)
    for name in ("share/class/ann", "share/class/bob/steps", "local/eve"):
        (top / name / step_called("setsid").file).touch()
    monkeypatch.setattr(sight, "SHOWN_WHOLE", [top])
    monkeypatch.setattr(sight, "ROOT", Path("/the/lab"))
    return top


def test_the_answers_of_others_are_hidden(class_folders):
    """The folder above, if it is the class's own; else those beside that hold answers."""

    def hidden(*names):
        return [os.path.relpath(path, class_folders) for path in sight.hidden_paths(class_folders / n for n in names)
                if path != "/the/lab"]  # fmt: skip

    assert hidden("share/class/ann") == ["share/class"]
    assert hidden("local/eve") == ["local/eve"]
    (class_folders / "local/mallory").mkdir()
    (class_folders / "local/mallory" / step_called("syslog").file).touch()
    assert hidden("local/eve", "share/class/bob") == ["local/eve", "local/mallory", "share/class"]
    assert hidden("../elsewhere/ann") == []


def test_the_compilers_own_folder_of_opt_is_shown(monkeypatch):
    monkeypatch.setattr(sight, "compiler", lambda: ["/opt/gcc-99/bin/gcc"])
    assert sight.shown_paths() == ["/opt/gcc-99"]
    monkeypatch.setattr(sight, "compiler", lambda: ["/usr/bin/gcc"])
    assert sight.shown_paths() == []


# A command that runs the rest of its words with mount_setattr(2) as Linux 5.11 has it: not at all.
WITHOUT_MOUNT_SETATTR = """
import ctypes, os, struct, sys
def line(code, true, false, value): return struct.pack("HBBI", code, true, false, value)
ENOSYS, NUMBER = 38, 442
lines = [line(0x20, 0, 0, 0), line(0x15, 0, 1, NUMBER)]
lines += [line(0x06, 0, 0, 0x50000 | ENOSYS), line(0x06, 0, 0, 0x7FFF0000)]
text = ctypes.create_string_buffer(b"".join(lines))
class Program(ctypes.Structure): _fields_ = [("count", ctypes.c_ushort), ("lines", ctypes.c_void_p)]
program = Program(len(lines), ctypes.addressof(text))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program)) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""

LOOK = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
sys.path.insert(0, {str(ROOT / "tests" / "proof")!r})
from test_sandbox import Launchpad, print_in_job
pad = Launchpad()
print(pad.is_sandboxed(), pad.why_not, print_in_job(pad, "touch /usr/x /usr/games/lab\\\\ disk/x; ls /usr/games/*"))
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed (Debian: apt install util-linux)")
@pytest.mark.parametrize("kernel", ["as it is", "without mount_setattr"])
def test_what_is_mounted_below_is_read_only_too(kernel):
    """A disk whose name has a space in it, as /proc/self/mountinfo writes it with a backslash."""
    before = [] if kernel == "as it is" else [sys.executable, "-c", WITHOUT_MOUNT_SETATTR]
    words = [*before, sys.executable, "-c", LOOK]
    script = (
        "mount -t tmpfs disk /usr/games && mkdir '/usr/games/lab disk' && mount -t tmpfs -o mode=777 disk "
        f"'/usr/games/lab disk' && touch '/usr/games/lab disk/old' && exec {shlex.join(words)}"
    )
    words = ["unshare", "-Urm", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if "unshare" in done.stderr:
        pytest.skip(f"no user namespace can be had here: {done.stderr.strip()}")
    assert done.stdout.startswith("True"), done.stdout + done.stderr
    assert "/usr/games/lab disk/x': Read-only file system" in done.stdout and done.stdout.split()[-1] == "old"


def test_no_answer_can_use_up_the_terminals_of_the_machine(sandbox_pad):
    """kernel.pty.max counts those of all sandboxes together."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed (Debian: apt install bash)")
    loop = "n=0; while [ $n -lt 200 ] && exec {fd}<>/dev/ptmx; do n=$((n + 1)); done; echo $n"
    printed = print_in_job(sandbox_pad, f"bash -c {shlex.quote(loop)} 2>/dev/null")
    assert 10 < int(printed.split()[-1]) < 70


# ---- who is who ----------------------------------------------------------------


def test_a_pid_is_that_of_the_sandboxs_own_level():
    """A process may have made a namespace below, in which it has any PID that it likes."""
    status = procfs.Status(NSpid="4711\t6\t1")
    assert (status.pid_at(0), status.pid_at(1)) == (4711, 6)
    with pytest.raises(ProcessLookupError):
        status.pid_at(3)


# ---- what limits it ------------------------------------------------------------


def make_proc(folder, own, mounts):
    """A folder like /proc/self, with what it says of control groups."""
    folder.mkdir()
    (folder / "cgroup").write_text("".join(line + "\n" for line in own))
    (folder / "mountinfo").write_text("".join(f"30 1 0:25 {line}\n" for line in mounts))
    return str(folder)


def make_group(path, enabled=""):
    path.mkdir(parents=True)
    for name in ("cgroup.procs", "memory.max", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "pids.max"):
        (path / name).touch()
    (path / "cgroup.subtree_control").write_text(enabled)


def test_a_group_of_version_2_is_found_where_the_tree_is_delegated(tmp_path):
    """The terminal's own group enables nothing for groups below it; the one above it does."""
    tree = tmp_path / "cgroup"
    make_group(tree, "cpu")
    make_group(tree / "app", "cpu memory pids\n")
    make_group(tree / "app" / "terminal")
    mount = f"/user {tree} rw - cgroup2 cgroup2 rw"
    proc = make_proc(tmp_path / "proc", ["0::/user/app/terminal"], [mount])
    assert cgroups.find_groups(proc) == (
        cgroups.Group(str(tree / "app"), "memory.max", "pids.max", "memory.swap.max"),
    )
    (tree / "app" / "cgroup.subtree_control").write_text("cpu")
    assert cgroups.find_groups(proc) == ()


def test_groups_of_version_1_are_found_for_each_controller(tmp_path):
    for name in ("memory", "pids"):
        make_group(tmp_path / name / "me")
    own = ["4:memory:/me", "3:pids,other:/me", "0::/"]
    mounts = [f"/ {tmp_path}/{name} rw - cgroup cgroup rw,{name}" for name in ("memory", "pids")]
    memory, pids = cgroups.find_groups(make_proc(tmp_path / "proc", own, mounts))
    assert memory.memory_file == "memory.limit_in_bytes" and memory.swap_file and not memory.processes_file
    assert (pids.parent, pids.processes_file) == (str(tmp_path / "pids" / "me"), "pids.max")


def test_no_group_is_found_where_there_is_none(tmp_path):
    assert cgroups.find_groups(make_proc(tmp_path / "proc", [], [])) == ()
    assert cgroups.find_groups(str(tmp_path / "nothing")) == ()


def test_groups_of_killed_launchers_are_removed(tmp_path):
    """Those that are locked are used, by whomever: a PID in the name says nothing in another PID namespace."""
    for name in ("used", "stale"):
        (tmp_path / f"{cgroups.PREFIX}{name}").mkdir()
    (tmp_path / "somebody-else").mkdir()
    lock = os.open(tmp_path / f"{cgroups.PREFIX}used", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        cgroups.remove_stale([cgroups.Group(str(tmp_path))])
    finally:
        os.close(lock)
    assert {path.name for path in tmp_path.iterdir()} == {f"{cgroups.PREFIX}used", "somebody-else"}


def test_a_launch_is_in_groups_of_its_own(pad):
    """And they are gone when it has ended."""
    if not pad.groups:
        pytest.skip("no control group can be made here")
    printed = print_in_job(pad, "cat /proc/self/cgroup")
    assert printed.count(cgroups.PREFIX) == len(pad.groups)
    places = re.findall(rf"{cgroups.PREFIX}\S+", printed)
    wait_for(lambda: not [p for group in pad.groups for p in map(Path(group.parent).joinpath, places) if p.exists()])


def test_what_is_not_limited_is_known(sandbox_pad, monkeypatch):
    fallback = Launchpad(sandbox=False)
    assert "files" in fallback.unlimited() and "files" not in sandbox_pad.unlimited()
    monkeypatch.setattr(sandbox_pad, "groups", ())
    assert "memory" in sandbox_pad.unlimited()


def test_what_lies_deep_or_is_closed_is_removed_too(monkeypatch):
    """Without a sandbox the folder is removed by hand, whatever an answer has made in it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        os.chmod(temporary, 0o755)
        monkeypatch.setenv("TMPDIR", temporary)
        script = (
            "mkdir closed; touch closed/file; chmod 0 closed; n=0; "
            f"while [ $n -lt 1200 ] && mkdir -p {'d/' * 100} && cd {'d/' * 100}; do n=$((n + 100)); done; echo $n"
        )
        printed = print_in_job(Launchpad(sandbox=False), script)
        assert int(printed.split()[0]) > 500, printed
        assert os.listdir(temporary) == []


def test_what_the_machine_lacks_for_a_moment_is_waited_for(monkeypatch):
    """And what it goes on to lack is told in a line."""
    failures = [OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))] * 3

    def fail_at_first():
        if failures:
            raise failures.pop()
        return "done"

    assert launch._patiently(fail_at_first) == "done"
    monkeypatch.setattr(launch, "SEND_TIME", 0.01)
    failures += [OSError(errno.ENFILE, "Too many open files in system")] * 100_000
    with pytest.raises(LabError, match="short of resources .too many open files in system."):
        launch._patiently(fail_at_first)
    with pytest.raises(FileNotFoundError):
        launch._patiently(lambda: os.open("/nowhere", os.O_RDONLY))


# ---- what wakes it -------------------------------------------------------------

HANDLER = (
    "static void undo(int number)\n{\n    (void)number;\n    (void)umask(077);\n}\n\n"
    "static inline void *later(void *unused)\n{\n    sleep(1);\n    undo(0);\n    return unused;\n}\n\nint main(void)"
)
# What it waits in, or sets before it waits: after a moment the umask is another one.
WAKES = {
    "setitimer": (
        "signal.h sys/time.h",
        "    signal(SIGALRM, undo);\n    struct itimerval soon = {.it_value.tv_usec = 300000};\n"
        "    setitimer(ITIMER_REAL, &soon, NULL);\n",
    ),
    "timer_create": (
        "signal.h time.h",
        "    signal(SIGUSR1, undo);\n    timer_t timer;\n"
        "    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};\n"
        "    timer_create(CLOCK_MONOTONIC, &event, &timer);\n"
        "    struct itimerspec soon = {.it_value.tv_nsec = 300000000};\n    timer_settime(timer, 0, &soon, NULL);\n",
    ),
    "timerfd": (
        "sys/timerfd.h",
        "    int timer = timerfd_create(CLOCK_MONOTONIC, 0);\n    long count;\n"
        "    struct itimerspec soon = {.it_value.tv_nsec = 300000000};\n    timerfd_settime(timer, 0, &soon, NULL);\n"
        "    (void)!read(timer, &count, sizeof(count));\n    undo(0);\n",
    ),
    "a moment of a clock": (
        "time.h",
        "    struct timespec moment;\n    clock_gettime(CLOCK_MONOTONIC, &moment);\n    moment.tv_sec++;\n"
        "    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL);\n    undo(0);\n",
    ),
    "a semaphore": (
        "semaphore.h time.h",
        "    sem_t never;\n    sem_init(&never, 0, 0);\n    struct timespec moment;\n"
        "    clock_gettime(CLOCK_REALTIME, &moment);\n    moment.tv_sec++;\n"
        "    sem_timedwait(&never, &moment);\n    undo(0);\n",
    ),
    "two short sleeps": ("unistd.h", "    sleep(1);\n    sleep(1);\n    undo(0);\n"),
    "a second timer": (
        "signal.h unistd.h",
        "    signal(SIGALRM, undo);\n    alarm(1);\n    pause();\n    (void)umask(0);\n    alarm(1);\n",
    ),
    "a thread": (
        "pthread.h",
        "    pthread_t thread;\n    pthread_create(&thread, NULL, later, NULL);\n",
    ),
    "a socket's timeout": (
        "sys/socket.h sys/time.h",
        "    int ends[2];\n    char byte;\n    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, ends);\n"
        "    struct timeval soon = {.tv_usec = 300000};\n"
        "    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));\n"
        "    (void)!read(ends[0], &byte, 1);\n    undo(0);\n",
    ),
    "the terminal's timeout": (
        "termios.h",
        "    struct termios settings;\n    char byte;\n    tcgetattr(0, &settings);\n"
        "    settings.c_lflag &= ~ICANON;\n"
        "    settings.c_cc[VMIN] = 0;\n    settings.c_cc[VTIME] = 4;\n    tcsetattr(0, TCSANOW, &settings);\n"
        "    (void)!read(0, &byte, 1);\n    undo(0);\n",
    ),
}


@pytest.mark.parametrize("how", WAKES)
def test_what_is_right_for_a_moment_is_not_right(how, examine, edited):
    headers, code = WAKES[how]
    examination = examine(woken(edited, headers, code), "umask")
    assert examination.build.compiles, examination.build.messages
    assert examination.failed == {"umask_is_zero"}, describe(examination.judged())


def woken(edited, headers, code):
    """The solution of the step umask with `code` before it waits."""
    source = edited("umask", ("int main(void)", HANDLER), (LOOP, code + LOOP))
    return "#define _GNU_SOURCE\n" + "".join(f"#include <{h}>\n" for h in headers.split()) + source


WATCHES = """
    int watch = inotify_init();
    char event[4096];
    inotify_add_watch(watch, "/proc/self/status", IN_OPEN);
    umask(077);
    (void)!read(watch, event, sizeof(event));
    umask(0);
"""


def test_who_waits_for_the_look_is_not_right(examine_in_sandbox, edited):
    """In the sandbox only: its /proc is no one else's.

    Elsewhere any ps(1) on the machine opens that file, and what the program is from then on is right.
    """
    examination = examine_in_sandbox(woken(edited, "sys/inotify.h unistd.h", WATCHES), "umask")
    assert examination.build.compiles, examination.build.messages
    assert examination.failed == {"umask_is_zero"}, describe(examination.judged())


@pytest.mark.parametrize(("seconds", "note"), [(1, "A timer woke"), (100, "does not look at what it does")])
def test_a_timer_alone_is_no_fault(seconds, note, examine, edited):
    """What it does is looked at, if it comes soon; else the report says that it is not."""
    handler = "static void nothing(int number)\n{\n    (void)number;\n}\n\nint main(void)"
    alarm = f"    signal(SIGALRM, nothing);\n    alarm({seconds});\n"
    source = edited("setsid", ("int main(void)", handler), (LOOP, alarm + LOOP))
    examination = examine("#include <signal.h>\n" + source, "setsid")
    assert examination.failed == set()
    assert note in describe(examination.judged())


PASSED_TO_LOG = """
    int log = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(4 * sizeof(int))] = {0};
    struct iovec part = {"x", 1};
    struct msghdr message = {.msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &part, .msg_iovlen = 1,
                             .msg_control = space, .msg_controllen = sizeof(space)};
    *CMSG_FIRSTHDR(&message) = (struct cmsghdr){CMSG_LEN(4 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    for (int i = 0; i < 20; i++)
        (void)sendmsg(log, &message, 0);
    (void)close(log);
"""


def test_descriptors_that_come_with_a_message_are_closed(examine_in_sandbox, edited):
    """An answer could fill pytest's table with them."""
    source = "#include <sys/socket.h>\n#include <sys/un.h>\n" + edited("background", (LOOP, PASSED_TO_LOG + LOOP))
    examination = examine_in_sandbox(source, "background")
    assert examination.build.compiles, examination.build.messages
    before = sorted(os.listdir("/proc/self/fd"))
    assert examination.failed == set() and len(examination.observation(Scene()).messages) == 20
    assert len(os.listdir("/proc/self/fd")) <= len(before)


def test_a_status_of_any_length_is_read(tmp_path):
    """That of a process in twenty thousand groups is longer than one read() gives."""
    lines = f"Groups:\t{' '.join(map(str, range(100, 20100)))}\nSigBlk:\t0000000000000000\n"
    (tmp_path / "status").write_text(lines)
    assert len(lines) > procfs.CHUNK
    assert procfs.read_status(str(tmp_path)).signals("SigBlk") == frozenset()


def test_a_terminal_that_waits_line_by_line_wakes_nobody():
    assert alarms.next_alarm(SimpleNamespace(terminal=lambda: None), []) is None


def test_what_watches_its_terminal_learns_nothing(examine_in_sandbox, edited):
    """Its state is read before the lab opens its terminal: who puts it right only then is too late."""
    watch = (
        '    int watch = inotify_init();\n    char event[4096];\n    inotify_add_watch(watch, ttyname(0), IN_OPEN);\n'
        "    umask(077);\n    (void)!read(watch, event, sizeof(event));\n    umask(0);\n"
    )
    source = edited("umask", (LOOP, watch + LOOP))
    examination = examine_in_sandbox("#include <sys/inotify.h>\n" + source, "umask")
    assert examination.failed & {"umask_is_zero", "comes_to_rest"}, describe(examination.judged())


# ---- whose fault it is ---------------------------------------------------------


def hinders(monkeypatch, *outcomes):
    """Have each launch in turn end as one of `outcomes` says: a Hindered that is raised, or None for a usual look."""
    left = list(outcomes)

    async def observe_or_fail(*words, **options):
        outcome = left.pop(0) if left else None
        if outcome is not None:
            raise outcome
        return await observe(*words, **options)

    monkeypatch.setattr(studio, "observe", observe_or_fail)


def test_what_was_hindered_is_the_same_in_another_process():
    """A look from inside a sandbox is made by a child, which sends back what it raises."""
    before = hindered.deed_failed("open a terminal", "Operation not permitted")
    after = pickle.loads(pickle.dumps(before))
    assert (str(after), after.observed, after.because) == (str(before), before.observed, before.because)
    assert after.in_one_check


# How a parent may wait until its child has a session: the lab holds the child's setsid() meanwhile, and has to let go.
WAITS_FOR_ITS_CHILD = {
    "by recv()": ("", "recv(ends[0], &byte, 1, 0)"),
    "by poll() with a timeout": ("poll.h", "poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, 5000) == 1"),
    "again and again": ("", "recv(ends[0], &byte, 1, MSG_DONTWAIT) == 1 || usleep(1000) || ++tries == 3000"),
}


@pytest.mark.parametrize("how", WAITS_FOR_ITS_CHILD)
def test_a_parent_may_wait_for_its_child(how, examine, edited):
    header, waits = WAITS_FOR_ITS_CHILD[how]
    source = edited(
        "sighup",
        ("static void leave_parent(void)\n{\n", "static int ends[2];\n\nstatic void leave_parent(void)\n{\n"
         "    char byte;\n    int tries = 0;\n    (void)tries;\n    (void)byte;\n"
         "    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, ends);\n"),
        ("        _exit(EXIT_SUCCESS);\n", f"        while (!({waits}))\n            ;\n        _exit(0);\n"),
        ('        die("setsid");\n', '        die("setsid");\n    (void)!write(ends[1], "", 1);\n'),
    )  # fmt: skip
    headers = "#define _GNU_SOURCE\n#include <sys/socket.h>\n" + (f"#include <{header}>\n" if header else "")
    examination = examine(headers + source, "sighup")
    assert examination.build.compiles, examination.build.messages
    assert examination.failed == set(), describe(examination.judged())


HEADERS = "#include <sys/resource.h>\n#include <sys/stat.h>"
CROWD = """
    if (fork() == 0) {
        struct rlimit limit;
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        while (dup(0) != -1)
            ;
        for (int i = 0; i < 50 && fork() != 0; i++)
            ;
        for (;;)
            pause();
    }
"""


def test_many_descriptors_in_many_processes_do_not_keep_the_lab_busy(examine_in_sandbox, edited):
    """Beside the daemon 50 processes hold thousands each. Who reads them all at every look needs minutes."""
    source = edited("ready_pipe", ("    open_log();", CROWD + "    open_log();"), ("#include <sys/stat.h>", HEADERS))
    examination = examine_in_sandbox(source, "ready_pipe")
    assert examination.build.compiles, examination.build.messages
    start = time.process_time()
    assert "one_lives_on" in examination.failed
    assert time.process_time() - start < 10  # for 17 launches


def test_a_lease_on_the_pid_file_is_named(examine_in_sandbox, edited):
    """fcntl(2): whoever opens such a file waits until it is given up, for 45 seconds at most."""
    lease = "    signal(SIGURG, SIG_IGN);\n    fcntl(lock, F_SETSIG, SIGURG);\n    fcntl(lock, F_SETLEASE, F_WRLCK);\n"
    source = edited("pid_file", ("    if (fchmod(lock", lease + "    if (fchmod(lock"))
    told = describe(examine_in_sandbox(source, "pid_file").judged())
    assert "Your program has taken a lease on it" in told


def test_a_look_that_fails_once_is_made_again(examine_in_sandbox, edited, monkeypatch):
    hinders(monkeypatch, hindered.init_ended())
    assert examine_in_sandbox(edited("fork"), "fork").failed == set()


def test_what_hinders_only_the_answers_look_is_the_answers_fault(examine_in_sandbox, edited, monkeypatch):
    """The lab can look at a program of its own: so the first check says what was seen, and others follow."""
    hinders(monkeypatch, hindered.invisible("/proc/4/fd"), hindered.invisible("/proc/4/fd"))
    results = {r.check.key: r for r in examine_in_sandbox(edited("fork"), "fork").results()}
    assert results["compiles"].status == PASSED
    assert results["comes_to_rest"].status == FAILED and "PR_SET_DUMPABLE" in results["comes_to_rest"].because
    assert {r.status for key, r in results.items() if key not in ("compiles", "comes_to_rest")} == {FOLLOWS}


def test_what_hinders_every_look_is_the_machines_fault(examine_in_sandbox, edited, monkeypatch):
    hinders(monkeypatch, *[hindered.init_ended() for _ in range(3)])
    with pytest.raises(LabError, match="something killed it"):
        _ = examine_in_sandbox(edited("fork"), "fork").failed


def test_a_deed_that_fails_everywhere_cannot_be_checked_here(examine_in_sandbox, edited, monkeypatch):
    """Where ptrace(2) is forbidden, for example: that one check is not made, the others are."""
    usual = observe

    async def fail(pad, name, program, scene, to_the_end=False):
        if scene.then == (OpenTerminal(),):
            raise hindered.deed_failed("open a terminal", os.strerror(errno.EPERM))
        return await usual(pad, name, program, scene, to_the_end)

    monkeypatch.setattr(studio, "observe", fail)
    examination = examine_in_sandbox(edited("second_fork"), "second_fork")
    assert (examination.failed, examination.skipped) == (set(), {"gets_no_terminal"})
    assert {r.status for r in examination.results(stars=False)} == {PASSED, SKIPPED}
