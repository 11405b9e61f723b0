"""The harness is not fooled: every pitfall of launching, looking, settling and ending."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from conftest import PATIENCE, processes_called, wait_for

from lab.answers import Answer
from lab.checks.check import CRASHED, DOES_NOT_COMPILE, EXITED, NEVER_SETTLED
from lab.course import START, step_called
from lab.facts import Build
from lab.judge.compiling import Builder
from lab.judge.examination import examiner
from lab.kernel import procfs
from lab.kernel.process import Process as LiveProcess
from lab.sandbox.protocol import Source
from lab.sandbox.server import Launchpad, look_at_null_device, reserve_port
from lab.scene import Manager, Parent, Scene
from lab.toolbox import ROOT, SOLUTIONS, LabError
from lab.watch import loop
from lab.watch.observe import observe
from lab.watch.rest import Settler

SETSID, SYSLOG = step_called("setsid"), step_called("syslog")
SLEEP = "usleep(300000);"


def verdicts(examination):
    return {r.verdict for r in examination.results() if r.verdict}


def look(pad, name, build, scene=Scene()):
    """An Observation of a build's program, launched as the answer `name`."""
    return loop.run(observe(pad, name, build.program, scene))


# ---- settling --------------------------------------------------------------

WAITS = {
    "pause": "for (;;) pause();",
    "sigsuspend": "sigset_t s; sigemptyset(&s); for (;;) sigsuspend(&s);",
    "sigwait": "sigset_t s; int n; sigemptyset(&s); sigaddset(&s, SIGTERM); sigprocmask(0, &s, 0);"
    " for (;;) sigwait(&s, &n);",
    "poll": "for (;;) poll(0, 0, -1);",
    "poll with a timeout": "for (;;) poll(0, 0, 200);",
    "select": "for (;;) select(0, 0, 0, 0, 0);",
    "epoll": "struct epoll_event e; int fd = epoll_create1(0); for (;;) epoll_wait(fd, &e, 1, -1);",
    "signalfd": "sigset_t s; char b[128]; sigemptyset(&s); sigaddset(&s, SIGTERM); sigprocmask(0, &s, 0);"
    " int fd = signalfd(-1, &s, 0); while (read(fd, b, sizeof b) > 0);",
    "sleep in a loop": "for (;;) sleep(1);",
    "a long sleep": "for (;;) sleep(1000);",
    "short sleeps": "for (;;) usleep(20000);",
    "a busy loop": "for (;;);",
    "a second thread": "pthread_t t; pthread_create(&t, 0, (void *(*)(void *))pause, 0); pthread_exit(0);",
}
HEADERS = "".join(
    f"#include <{name}>\n"
    for name in ("poll.h", "pthread.h", "signal.h", "sys/epoll.h", "sys/select.h", "sys/signalfd.h")
)


@pytest.mark.parametrize("way", WAITS)
def test_every_way_to_wait_is_settled(way, examine, edited):
    source = edited("dev_null", ("    for (;;)\n        pause();", "    " + WAITS[way]))
    examination = examine("#define _GNU_SOURCE\n" + HEADERS + source.replace("#define _GNU_SOURCE", ""), "dev_null")
    assert examination.failed == set()


def test_slow_answers_are_waited_for(examine, edited):
    """A sleep on the way is not the end of it, however many there are."""
    source = edited(
        "chdir",
        ("    leave_parent();", SLEEP + "leave_parent();" + SLEEP),
        ("    move_to_root();", SLEEP + "move_to_root();"),
    )
    examination = examine(source, "chdir")
    assert examination.failed == set()


def test_slow_parents_are_waited_for(examine, edited):
    examination = examine(edited("setsid", ("_exit(EXIT_SUCCESS)", SLEEP + "_exit(EXIT_SUCCESS)")), "setsid")
    assert examination.failed == set()


def test_a_sleep_of_a_second_on_the_way(examine, edited):
    """Is longer than an answer need take, and still not mistaken for the end."""
    examination = examine(edited("setsid", ("    start_session();", "    sleep(1); start_session();")), "setsid")
    assert examination.failed == set()


def test_dying_a_moment_later_is_seen(examine, edited):
    examination = examine(edited("setsid", ("    for (;;)\n        pause();", SLEEP + "return 0;")), "setsid")
    assert "one_lives_on" in examination.failed
    assert EXITED in verdicts(examination)


def test_never_settling_is_told(examine, edited, monkeypatch):
    """Judged as it stands, when its time is up; what is right of it is said to be right."""
    monkeypatch.setattr("lab.watch.rest.LIMIT", 2.0)
    forever = "    for (;;) { if (fork() == 0) _exit(0); wait(0); }"
    source = "#include <sys/wait.h>\n" + edited("fork", ("    for (;;)\n        pause();", forever))
    examination = examine(source, "fork")
    assert not examination.observation(Scene()).rest.settled, examination.observation(Scene())
    assert "comes_to_rest" in examination.failed
    assert NEVER_SETTLED in verdicts(examination)


# ---- waiting side by side --------------------------------------------------


def test_the_time_of_a_message_is_when_it_was_sent(pad, programs):
    """Signs of life are judged by their times, which must not depend on when the lab gets to read them."""
    step = step_called("notify")
    build = programs.build(Answer(step, SOLUTIONS / step.file))
    with pad.wait_for_start(pad.job(step.name, build.program, Scene(notify=Manager.PATH))) as launch:
        loop.run(Settler(launch, lambda pid: None).settle())
        launch.take_in()
        told = len(launch.notices)
        os.kill(launch.outer(launch.pids()[-1]), signal.SIGHUP)
        assert wait_for(lambda: select.select([launch.streams.files[Source.NOTICES]], [], [], 0)[0])
        there = time.monotonic()
        assert wait_for(lambda: time.monotonic() > there + 0.1)
        launch.take_in()
        assert launch.notices[told].when <= there + 0.01


# ---- looking ---------------------------------------------------------------


def test_names_that_break_parsers(examine, edited):
    """/proc/PID/stat holds the name as the process chose it."""
    rename = '    prctl(PR_SET_NAME, ") S 1 2\\n(\\xff 0 9", 0, 0, 0);\n    for (;;)'
    examination = examine("#include <sys/prctl.h>\n" + edited("setsid", ("    for (;;)", rename)), "setsid")
    assert examination.failed == set()


def test_stat_is_split_at_the_last_parenthesis(tmp_path):
    (tmp_path / "stat").write_bytes(b"7 (a) Z 1\n\xff(b) S 5 6 7 34816 -1 " + b"0 " * 13 + b"99 0\n")
    assert procfs.read_stat(str(tmp_path)) == procfs.Stat("S", 5, 6, 7, 34816, -1, 0, 0, 0, 99)


@pytest.mark.parametrize("read", [procfs.read_stat, procfs.read_status, procfs.read_descriptors, procfs.threads])
def test_a_process_that_is_gone_is_no_empty_process(read):
    child = subprocess.Popen(["true"])
    child.wait()
    with pytest.raises(ProcessLookupError):
        read(f"/proc/{child.pid}")


def test_denied_is_not_gone(tmp_path):
    """What the kernel refuses to show is no empty table; only who is on its way out may refuse."""
    (tmp_path / "stat").write_bytes(b"7 (a) S " + b"1 " * 19 + b"4096 0\n")
    with pytest.raises(PermissionError), procfs.process_may_end(str(tmp_path)):
        raise PermissionError(13, "denied")
    (tmp_path / "stat").write_bytes(b"7 (a) R " + b"1 " * 19 + b"0 0\n")
    with pytest.raises(ProcessLookupError), procfs.process_may_end(str(tmp_path)):
        raise PermissionError(13, "denied")


def test_a_zombie_is_not_alive():
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert procfs.read_stat(f"/proc/{child.pid}").state == "Z"
    assert procfs.threads(f"/proc/{child.pid}") == {}
    child.wait()


def test_zombies_do_not_count(examine, edited):
    examination = examine(edited("fork", ("    for (;;)", "    if (fork() == 0) _exit(0);\n    for (;;)")), "fork")
    assert examination.failed == set()


def test_a_terminal_newer_than_psutils_map(examine, edited):
    """psutil looks terminals up in a map that it makes once; the lab reads tty_nr."""
    psutil.Process().terminal()
    examination = examine(edited("fork"), "setsid")
    assert {"leads_session", "no_terminal"} <= examination.failed


def test_the_parent_is_known_where_another_process_has_the_same_pid_outside(monkeypatch):
    """From psutil 6 on its ppid() takes that one for this one, which it believes to have ended."""

    def has_ended(process):
        raise psutil.NoSuchProcess(process.pid, msg="process no longer exists and its PID has been reused")

    monkeypatch.setattr(psutil.Process, "ppid", has_ended)
    assert LiveProcess(os.getpid()).ppid() == os.getppid()


def test_every_kind_of_descriptor_is_seen(examine, edited):
    """A directory, a pipe, an event descriptor: psutil's open_files() shows none of them."""
    opened = {
        "folder": 'open("/", O_RDONLY);',
        "pipe": "int p[2]; (void)!pipe(p);",
        "anon_inode:[eventfd]": "eventfd(0, 0);",
        "socket": "socket(AF_UNIX, SOCK_STREAM, 0);",
    }
    for kind, call in opened.items():
        source = "#include <fcntl.h>\n#include <sys/eventfd.h>\n#include <sys/socket.h>\n"
        source += edited("close_fds", ("    close_descriptors();\n\n", f"    close_descriptors();\n    {call}\n"))
        examination = examine(source.replace("#define _GNU_SOURCE", ""), "close_fds")
        assert examination.failed == {"nothing_open"}
        assert kind in {d.kind for d in examination.observation(Scene()).process.descriptors.values()}


def test_the_null_device_is_a_number_not_a_name(tmp_path):
    """A file called /dev/null is none, and the null device is one under any name."""
    fake = tmp_path / "dev" / "null"
    fake.parent.mkdir()
    fake.touch()
    with fake.open() as file, open(os.devnull) as real:
        folder = f"/proc/{os.getpid()}"
        assert procfs.read_descriptor(folder, file.fileno()).kind == "file"
        assert procfs.read_descriptor(folder, real.fileno()).kind == "null"


def test_the_root_directory_is_an_inode_not_a_name(examine, edited):
    """A removed directory can be called anything, "/ (deleted)" in /proc looks much like it."""
    go = 'mkdir("d", 0700) == -1 || chdir("d") == -1 || rmdir("../d") == -1'
    examination = examine(edited("chdir", ('chdir("/") == -1', go)), "chdir")
    assert examination.failed == {"in_root_directory"}
    result = next(r for r in examination.results() if r.check.key == "in_root_directory")
    assert "deleted" in result.because


def test_signals_are_as_at_login(sandbox_pad):
    """Python ignores SIGPIPE and SIGXFSZ; an answer must not inherit that, nor a blocked signal."""
    for caller_ignores in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM):
        before = signal.signal(caller_ignores, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        try:
            printed = print_in_job(sandbox_pad, "grep -E 'Sig(Blk|Ign)' /proc/self/status")
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
            signal.signal(caller_ignores, before or signal.SIG_DFL)
        assert [int(line.split()[1], 16) for line in printed.splitlines()] == [0, 0]


def print_in_job(pad, commands):
    """What a shell script prints that is launched as an answer."""
    build = Build(f"#!/bin/sh\n{commands}\n".encode(), "")
    return look(pad, START.name, build).printed


def test_the_launch_is_as_promised(pad):
    """Every starting condition: the shell's session, a group of its own, the terminal, the files."""
    build = Build(b"#!/bin/sh\nkill -STOP $$\n", "")
    o = look(pad, START.name, build)
    assert o.process, o
    job, shell = o.process, o.shell
    assert (job.pid, job.ppid, job.pgid, job.sid) == (o.job.pid, shell.pid, o.job.pid, shell.pid)
    assert job.terminal == shell.terminal != 0
    assert (job.umask, job.cwd) == (0o035, shell.cwd)
    kinds = {n: d.kind for n, d in shell.descriptors.items()}
    high = max(kinds)
    assert 1100 <= high <= 4000
    assert kinds == {0: "terminal", 1: "terminal", 2: "terminal", 3: "file", 4: "pipe", 5: "socket", high: "file"}
    assert shell.descriptors[4].access == "w"
    assert print_in_job(pad, "ulimit -Sn; ulimit -Hn").split() == ["256", "4096"]
    assert print_in_job(pad, "echo $0").split() == [f"./{START.name}"]
    login = ["guest", "guest", "/bin/sh", "/var/mail/guest", "/tmp/ssh-guest/agent.7"]
    assert print_in_job(pad, "echo $USER $LOGNAME $SHELL $MAIL $SSH_AUTH_SOCK").split() == login


# ---- the log ---------------------------------------------------------------


@pytest.mark.parametrize("parent", Parent, ids=[parent.value for parent in Parent])
def test_who_starts_it_and_who_adopts(parent, pad, programs):
    """A program that waits shows its first parent, and one that forks shows who adopts."""
    waits, forks = (programs.build(Answer(step, SOLUTIONS / step.file)) for step in (START, step_called("fork")))
    waiting = look(pad, START.name, waits, Scene(parent=parent))
    assert waiting.processes and waiting.survivor.pid == waiting.job.pid
    expected = waiting.world.adopter if parent is Parent.INIT else waiting.shell.pid
    assert waiting.survivor.ppid == expected
    assert waiting.survivor.sid == waiting.shell.sid and waiting.survivor.pgid == waiting.job.pid
    left = look(pad, "fork", forks, Scene(parent=parent))
    assert left.job.status == 0 and len(left.processes) == 1
    assert left.survivor.ppid == left.world.adopter
    assert (left.world.adopter == 1) == (pad.is_sandboxed() and parent is not Parent.SUBREAPER)
    assert left.shell.ppid == left.world.adopter and not left.zombies


def test_the_log_knows_who_sent_it(examine_in_sandbox, edited):
    """The launched process can write the daemon's name, but not be the daemon."""
    source = edited("syslog", ('    syslog(LOG_INFO, "running in the background");\n', ""))
    source = source.replace("    leave_parent();", '    syslog(LOG_INFO, "running");\n    leave_parent();')
    examination = examine_in_sandbox(source, "syslog")
    assert "reports_to_log" in examination.failed
    result = next(r for r in examination.results() if r.check.key == "reports_to_log")
    assert "Another process" in result.because


@pytest.mark.parametrize(
    ("text", "facility", "tag"),
    [
        (f"<30>Nov 22 12:00:00 {SYSLOG.name}[4]: hello", 3, SYSLOG.name),
        (f"<30>Nov  2 12:00:00 {SYSLOG.name}: hello", 3, SYSLOG.name),
        (f"<30>{SYSLOG.name}: hello", 3, SYSLOG.name),
        (f"<30>Nov 22 12:00:00 host {SYSLOG.name}[4]: hello", 3, SYSLOG.name),
        (f"<30>1 2026-11-22T12:00:00Z host {SYSLOG.name} 4 - - hello", 3, SYSLOG.name),
        ("<14>Nov 22 12:00:00 other: hello", 1, "other"),
        (f"{SYSLOG.name}: hello", None, ""),
    ],
)
def test_messages_are_parsed(text, facility, tag):
    from types import SimpleNamespace

    from lab.checks.common import parsed

    o = SimpleNamespace(messages=[SimpleNamespace(text=text, sender=4)])
    assert parsed(o) == [(facility, tag, 4)]


# ---- verdicts --------------------------------------------------------------


def test_verdicts_are_kept_apart(examine, edited):
    wait = "    for (;;)\n        pause();"
    crashes = examine(edited("setsid", (wait, "    *(volatile int *)0 = 1;")), "setsid")
    assert verdicts(crashes) == {CRASHED}
    crash = next(r for r in crashes.results() if r.verdict)
    assert "SIGSEGV" in crash.observed and "pointer" in crash.because
    ends = examine(edited("setsid", (wait, "    return 3;")), "setsid")
    assert verdicts(ends) == {EXITED}
    broken = examine("int main(void) { return }", "setsid")
    assert verdicts(broken) == {DOES_NOT_COMPILE}
    assert "error" in next(r for r in broken.results() if r.verdict).observed


def test_what_it_printed_is_told(examine, edited):
    """The answer's own words are the best cause there is."""
    examination = examine(edited("setsid", ("setsid() == -1", "setsid() != -1")), "setsid")
    result = next(r for r in examination.results() if r.verdict)
    assert "setsid: " in result.observed


ENVIRON_AWAY = ("    forget_variables();\n", "    (void)forget_variables;\n    environ = {};\n")


def test_the_environment_is_looked_up_anew_in_each_program(pad, tmp_path, edited):
    """`environ` is elsewhere in the next one, which may have the same name, device and inode number."""
    for last in (0, 100_000):
        before, after = ENVIRON_AWAY[0], ENVIRON_AWAY[1].format("NULL")
        place = ("static socklen_t", f"volatile char room[] = {{[0 ... {last}] = -1}};\nstatic socklen_t")
        with examiner(pad, tmp_path) as examine:
            examination = examine("#define _GNU_SOURCE\n" + edited("notify", (before, after), place), "notify")
            assert examination.failed | examination.skipped == set()


def test_what_is_no_program_is_not_looked_into(examine, edited):
    """An answer may map any file, and in front of its libc: this one says that its sections are out of reach."""
    lines = (
        '    int fd = open("x", O_RDWR | O_CREAT, 0600);\n    char head[128] = "\\177ELF\\2";\n'
        "    memset(head + 16, -1, 100);\n    (void)!write(fd, head, sizeof(head));\n"
        "    (void)mmap((void *)0x10000000, 128, PROT_READ, MAP_PRIVATE, fd, 0);\n    (void)close(fd);\n"
    )
    source = edited("notify", ("    find_manager();\n", lines + "    find_manager();\n"))
    examination = examine("#include <fcntl.h>\n#include <sys/mman.h>\n" + source, "notify")
    assert examination.failed | examination.skipped == set()


@pytest.mark.parametrize("pointer", ["(char **)8", "(char *[]){(char *)-1, 0}"])
def test_an_environment_that_leads_nowhere_is_not_found(examine, edited, pointer):
    source = edited("notify", (ENVIRON_AWAY[0], ENVIRON_AWAY[1].format(pointer)))
    examination = examine("#define _GNU_SOURCE\n" + source, "notify")
    assert (examination.failed, examination.skipped) == (set(), {"forgets_variable"})


# ---- ending ----------------------------------------------------------------

STUBBORN = """
    for (int i = 1; i < 32; i++) signal(i, SIG_IGN);
    for (int i = 0; i < 20; i++) if (fork() == 0) { setsid(); break; }
    prctl(PR_SET_NAME, "%s", 0, 0, 0);
    for (;;) pause();
"""


def test_nothing_outlives_a_launch(examine, edited):
    name = f"lab-{os.getpid()}"
    source = edited("fork", ("    for (;;)\n        pause();", STUBBORN % name))
    examination = examine("#include <signal.h>\n#include <sys/prctl.h>\n" + source, "fork")
    assert "one_lives_on" in examination.failed
    assert processes_called(name) == []


RESTLESS = """
    prctl(PR_SET_NAME, "%s", 0, 0, 0);
    for (;;) { umask(umask(0) ^ 1); usleep(1000); }
"""


def test_nothing_outlives_a_killed_pytest(pad, tmp_path, edited):
    """SIGKILL gives nobody the time to clean up: processes, mounts and files have to go by themselves."""
    name = f"lab-{os.getpid()}"
    folder, temporary = tmp_path / "answers", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    source = edited("fork", ("    for (;;)\n        pause();", RESTLESS % name))
    source = "#define _GNU_SOURCE\n#include <sys/prctl.h>\n" + source
    (folder / step_called("fork").file).write_text(source, encoding="utf-8")
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")

    words = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "tests/test_answers.py",
        "--answers",
        str(folder),
    ]
    words += [] if pad.is_sandboxed() else ["--no-sandbox"]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as run:
        answer = wait_for(lambda: processes_called(name))
        watched = os.pidfd_open(answer[0])
        run.kill()
        assert select.select([watched], [], [], PATIENCE)[0], "the answer lives on"
        os.close(watched)
    assert wait_for(lambda: not processes_called(name))
    assert wait_for(lambda: list(temporary.iterdir()) == [])
    assert Path("/proc/self/mounts").read_text(encoding="utf-8") == mounts


@pytest.mark.parametrize("signal_name", ["KILL", "STOP"])
def test_an_answer_can_signal_only_its_own(signal_name, sandbox_pad):
    """kill(-1) reaches what is in the namespace; init, and all outside, live on."""
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        o = look(sandbox_pad, START.name, Build(f"#!/bin/sh\nkill -{signal_name} -1\nexit 7\n".encode(), ""))
        assert procfs.read_stat(f"/proc/{bystander.pid}").state not in "TtZX"
    finally:
        bystander.kill()
        bystander.wait()
    assert o.processes == () and o.rest.settled and o.job.lost_shell


def test_an_answer_never_runs_as_root(sandbox_pad, tmp_path):
    """Root's answers run as somebody who owns nothing: no file of root's, or of the user's, is in sight."""
    secret = tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    secret.chmod(0o666)
    script = f"id -u; ls {ROOT}/solutions {secret}; echo x > /etc/passwd; echo x > /usr/x; echo x > /x; ls /root"
    printed = print_in_job(sandbox_pad, script)
    assert printed.split()[0] != "0"
    assert len(re.findall("No such file", printed)) == 3
    assert len(re.findall("[Rr]ead-only file system|Permission denied", printed)) == 3
    assert secret.read_text(encoding="utf-8") == "secret"


def test_the_lab_is_not_in_sight(sandbox_pad, monkeypatch):
    """Not even where it lies in what is shown, /usr/local or /opt say: an answer would find the solutions."""
    assert print_in_job(sandbox_pad, "ls /usr/share/") != ""
    monkeypatch.setattr("lab.sandbox.sight.ROOT", Path("/usr/share"))
    assert print_in_job(Launchpad(), "ls /usr/share/") == ""


@pytest.fixture(params=[0o755, 0o700], ids=["open to all", "private"])
def temporary(request, monkeypatch):
    """$TMPDIR for a while. pytest's own folders are private; most systems' /tmp is not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, request.param)
        monkeypatch.setenv("TMPDIR", name)
        yield Path(name)


def test_a_launcher_that_was_killed_is_started_anew():
    """Without a sandbox an answer of the same user can do that; the next one is judged all the same."""
    before = set(psutil.Process().children())
    pad = Launchpad()
    assert print_in_job(pad, "echo one") == "one\n"
    (server,) = set(psutil.Process().children()) - before
    server.kill()
    assert wait_for(lambda: select.select([pad._requests], [], [], 0)[0])
    assert print_in_job(pad, "echo two") == "two\n"


def test_no_file_is_left(pad, programs, temporary):
    build = programs.build(Answer(SETSID, SOLUTIONS / SETSID.file))
    with pad.wait_for_start(pad.job(SETSID.name, build.program)) as launch:
        assert pad.is_sandboxed() or Path(launch.lab, SETSID.name).exists()
    assert list(temporary.iterdir()) == []
    assert pad.is_sandboxed() or not Path(launch.lab).exists()


def test_no_file_of_an_interrupted_compiler_is_left(pad, temporary):
    builder = Builder(pad, [Answer(SYSLOG, SOLUTIONS / SYSLOG.file)])
    launch = next(iter(builder.running.values())).launch
    deadline = time.monotonic() + PATIENCE
    while not launch.shell or not pad.is_sandboxed() and not list(Path(launch.lab).glob("cc*")):
        assert time.monotonic() < deadline, "the compiler's own files are not where they are looked for"
        launch.pump(0.001)
    builder.close()
    assert list(temporary.iterdir()) == []
    assert pad.is_sandboxed() or not Path(launch.lab).exists()


def test_an_answer_comes_back_by_its_path(examine, edited, temporary):
    """The step pid_file opens its file by an absolute path; root's answers cannot enter a private folder of root's."""
    assert examine(edited("pid_file"), "pid_file").failed == set() and list(temporary.iterdir()) == []


def test_no_descriptor_is_left(pad, programs):
    """Neither in pytest: a hundred launches must not fill its table."""
    build = programs.build(Answer(SYSLOG, SOLUTIONS / SYSLOG.file))
    wait_for(lambda: programs.advance() or not programs.running)  # what is compiled has descriptors as well
    look(pad, SYSLOG.name, build)
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(5):
        look(pad, SYSLOG.name, build)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_refused_sandbox_is_told():
    """Where namespaces are forbidden, the lab goes on without, and says why."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed (Debian: apt install util-linux)")
    command = "echo 0 > /proc/sys/user/max_user_namespaces && exec tests/run check --answers solutions --step setsid"
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.stdout == "":
        pytest.skip(f"no user namespace can be had here: {done.stderr.strip()}")
    assert done.stdout.startswith("No sandbox: /proc/sys/user/max_user_namespaces is 0")
    assert f"\n{SETSID.name} is done. " in done.stdout and done.returncode == 0


def test_a_machine_without_a_null_device_is_told_of(tmp_path):
    """And no answer is blamed for it."""
    (tmp_path / "file").touch()
    look_at_null_device("/dev/null")
    for name in ("file", "nothing"):
        with pytest.raises(LabError, match="mknod"):
            look_at_null_device(str(tmp_path / name))


def test_a_port_is_given_to_one_launch_alone(monkeypatch):
    """And none where somebody is, of either family."""
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        for each in (first, second, third):
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in (first, second, third)]
        second.close()
        third.close()
        monkeypatch.setattr("random.sample", lambda *_: ports)
        (one, mark), (other, other_mark) = reserve_port(), reserve_port()
        assert [one, other] == ports[1:]
        with pytest.raises(LabError, match="ss -tl"):
            reserve_port()
        mark.close()
        other_mark.close()
