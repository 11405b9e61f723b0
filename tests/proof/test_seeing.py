"""`make try`, `make log` and `make stop`, as a person calls them: on a terminal, into a file, interrupted."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager

import pytest
from conftest import PATIENCE, processes_called, run_lab, take_signals, wait_for

from lab.course import STEPS, step_called
from lab.judge.compiling import FLAGS
from lab.messages import described
from lab.stop import in_words
from lab.toolbox import ROOT, SOLUTIONS, compiler

SETSID, SYSLOG = step_called("setsid"), step_called("syslog")
NOBODY = 65534


class Terminal:
    """A pseudo-terminal with a command on it, and what has come from there."""

    def __init__(self, *words, columns=80, **environment):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            take_signals()
            os.chdir(ROOT)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
            os.execve("tests/run", ["tests/run", *map(str, words)], os.environ | environment)
        self.printed = b""

    def read_until(self, mark):
        """Read until `mark` has come; what came from the last mark to this one."""
        deadline = time.monotonic() + PATIENCE
        while mark.encode() not in self.printed:
            assert time.monotonic() < deadline, f"{mark!r} did not come: {self.printed[-2000:]!r}"
            assert self._read(), f"it ended before {mark!r} came: {self.printed[-2000:]!r}"
        before, _, self.printed = self.printed.partition(mark.encode())
        return before.decode().replace("\r\n", "\n")

    def _read(self):
        if select.select([self.master], [], [], 1.0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # nobody has the other side any more
                return False
            self.printed += data
            return bool(data)
        return True

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        """Read to the end; (what came, the exit status)."""
        while self._read():
            pass
        os.close(self.master)
        _, status = os.waitpid(self.pid, 0)
        return self.printed.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(status)


@contextmanager
def none_is_left(name):
    """Afterwards there is no process of that name that was not there before."""
    before = set(processes_called(name[:15]))
    yield
    wait_for(lambda: set(processes_called(name[:15])) <= before)


# ---- try -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [SETSID, step_called("pid_file"), step_called("socket_activation")], ids=str)
def test_try_shows_a_program_beside_two_others(step):
    done = run_lab("try", "--step", step.number, "--answers", "solutions", env=os.environ | {"LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{step.name}: {step.title}\n")
    assert re.search(r"^ +before +yours +asked for$", done.stdout, re.MULTILINE)
    assert "[ ] is what your program does otherwise" in done.stdout
    assert "\n* is where" not in done.stdout, "it is what is asked for"
    assert f"open descriptors of {step.name}, PID " in done.stdout and "┌─ session 2" in done.stdout


def test_try_says_where_a_program_differs():
    """An unedited skeleton: it does what the program before does."""
    done = run_lab("try", "--step", SETSID.number)
    assert done.returncode == 0
    assert re.findall(r"^\* ([A-Z]+) ", done.stdout, re.MULTILINE) == ["PGID", "SID", "TTY"]
    assert "* is where your program differs from what is asked for." in done.stdout
    assert "NEW" not in done.stdout and "[4]" not in done.stdout


def test_try_fits_a_narrow_terminal_without_utf_8():
    terminal = Terminal("try", "--step", "socket_activation", "--answers", "solutions", columns=60, LC_ALL="C")
    printed, status = terminal.end()
    assert status == 0
    assert printed.isascii() and "+- session 2" in printed
    assert max(map(len, printed.splitlines())) <= 60


def test_try_writes_an_image(tmp_path):
    image = tmp_path / "picture.svg"
    done = run_lab("try", "--step", SETSID.word, "--answers", "solutions", "--svg", image)
    assert done.returncode == 0 and done.stdout.endswith(f"\nThe picture is in {image}.\n")
    assert image.read_text(encoding="utf-8").startswith("<svg ")
    done = run_lab("try", "--step", SETSID.word, "--answers", "solutions", "--svg", tmp_path / "no" / "picture.svg")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "cannot be written" in done.stderr


def test_try_without_a_sandbox():
    done = run_lab("try", "--step", SETSID.word, "--answers", "solutions", "--no-sandbox")
    assert done.returncode == 0 and "This is without a sandbox (" in done.stdout
    done = run_lab("try", "--step", SETSID.word, "--answers", "solutions", "--no-sandbox", "--keep")
    assert done.returncode == 2 and "KEEP=1 needs a sandbox" in done.stderr


@pytest.mark.parametrize(
    "words, says",
    [
        ((), f"say which step: make try STEP={STEPS[1].number}"),
        (("--step", "99"), "there is no step '99'"),
        (("--step", SETSID.word, "--answers", "/nowhere"), "/nowhere"),
        (("--step", SETSID.word, "--keep", "--answers", "solutions"), "needs a terminal to type at"),
    ],
)
def test_try_says_what_is_wrong_in_a_line(words, says):
    done = run_lab("try", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr and "Traceback" not in done.stdout


def test_try_shows_the_compilers_message(tmp_path):
    shutil.copy(SOLUTIONS / SETSID.file, tmp_path)
    source = tmp_path / SETSID.file
    source.write_text(source.read_text().replace("setsid()", "set_sid()"))
    done = run_lab("try", "--step", SETSID.word, "--answers", tmp_path)
    assert done.returncode == 2
    assert re.search(rf"{SETSID.file}:\d+:.*set_sid", done.stdout) and "does not compile" in done.stderr


def test_try_of_a_program_that_leaves_nothing(tmp_path):
    (tmp_path / SETSID.file).write_text("int main(void) { return 3; }\n")
    done = run_lab("try", "--step", SETSID.word, "--answers", tmp_path)
    assert done.returncode == 0
    assert "PID 3, the first process, exited with status 3." in done.stdout
    assert "No process of the program is left." in done.stdout


def test_a_shell_beside_the_program():
    """ps, /proc, kill and messages to the log; then all ends."""
    with none_is_left(SYSLOG.name):
        terminal = Terminal("try", "--step", SYSLOG.number, "--answers", "solutions", "--keep", TERM="dumb")
        terminal.read_until(f"[log] daemon.info {SYSLOG.name}[")
        terminal.type(f"echo pid $(pgrep -x {SYSLOG.name}) end; stty size\n")
        pid = terminal.read_until(" end\r").rpartition("pid ")[2]
        assert pid.isdecimal()
        assert terminal.read_until("24 80") is not None
        terminal.type(f"readlink /proc/{pid}/cwd; logger -p user.err said; kill {pid}; echo kil''led\n")
        terminal.read_until("user.err ")
        terminal.read_until("killed")
        terminal.type("exit\n")
        _, status = terminal.end()
    assert status == 0


@pytest.mark.parametrize("how", ["SIGTERM", "SIGHUP", "the terminal closes", "end of file"])
def test_nothing_is_left_where_the_shell_is_interrupted(how):
    with none_is_left(SYSLOG.name):
        terminal = Terminal("try", "--step", SYSLOG.number, "--answers", "solutions", "--keep", TERM="dumb")
        terminal.read_until("[log] daemon.info ")
        if how == "the terminal closes":
            os.close(terminal.master)
            os.waitpid(terminal.pid, 0)
        else:
            if how == "end of file":
                terminal.type("\x04")
            else:
                os.kill(terminal.pid, getattr(signal, how))
            printed, status = terminal.end()
            assert "Traceback" not in printed
            assert status == (0 if how == "end of file" else 130)


# ---- stop -------------------------------------------------------------------------------------

DEAF = "#include <signal.h>\n#include <unistd.h>\nint main(void) { signal(SIGTERM, SIG_IGN); for (;;) pause(); }\n"
WAITS = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n"


@pytest.fixture
def build(tmp_path):
    """(a folder in place of build/, a function that puts a compiled program there and starts it)."""
    folder = tmp_path / "build"
    (folder / "steps").mkdir(parents=True)
    tmp_path.chmod(0o755)
    started = []

    def start(source, path, **options):
        text = tmp_path / "source.c"
        text.write_text(source)
        subprocess.run([*compiler(), *FLAGS, "-o", path, text], check=True)
        started.append(subprocess.Popen([path], preexec_fn=take_signals, **options))
        return started[-1]

    yield folder, start
    for process in started:
        process.kill()
        process.wait()


def run_stop(folder, **options):
    return run_lab("stop", env=os.environ | {"DAEMON_LAB_BUILD": str(folder)}, **options)


def test_stop_ends_what_runs_from_build_and_nothing_else(build, tmp_path):
    folder, start = build
    mine, deaf = start(WAITS, folder / "steps" / SETSID.name), start(DEAF, folder / "steps" / "deaf")
    (tmp_path / "elsewhere").mkdir()
    same_name = start(WAITS, tmp_path / "elsewhere" / SETSID.name)
    of_the_lab = start(WAITS, folder / "launcher")
    wait_for(lambda: b"deaf" in open(f"/proc/{deaf.pid}/comm", "rb").read())
    (folder / "steps" / SETSID.name).unlink()  # as when it is compiled anew
    done = run_stop(folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = sorted(done.stdout.splitlines())
    assert len(lines) == 2
    assert re.fullmatch(rf"build/steps/{SETSID.name}, PID {mine.pid}, \d+ seconds? old: ended", lines[0])
    assert re.fullmatch(rf"build/steps/deaf, PID {deaf.pid}, \d+ seconds? old: ended by SIGKILL, .*", lines[1])
    assert mine.wait() == -signal.SIGTERM and deaf.wait() == -signal.SIGKILL and same_name.poll() is None
    assert of_the_lab.poll() is None, "make check in another window needs it"
    assert run_stop(folder).stdout == "Nothing that was started from build/ is running.\n"


STOP = "import sys; sys.path[0] = 'tests'; from lab.stop import stop; sys.exit(stop())"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave a process of root's behind")
def test_stop_names_what_it_may_not_signal(build):
    folder, start = build
    theirs = start(WAITS, folder / "steps" / SETSID.name)
    probe = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "test", "-r", __file__]
    if subprocess.run(probe, check=False).returncode != 0:
        pytest.skip("nobody cannot read the lab here")
    words = [*probe[:4], sys.executable, "-c", STOP]
    environment = os.environ | {"DAEMON_LAB_BUILD": str(folder)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    says = f"it belongs to root. To end it: sudo kill {theirs.pid}\n"
    assert (done.returncode, done.stderr) == (1, "") and done.stdout.endswith(says)
    assert theirs.poll() is None


@pytest.mark.parametrize(
    "seconds, words", [(0.4, "0 seconds"), (1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (7300, "2 hours"),
                       (200000, "2 days")],
)  # fmt: skip
def test_an_age_in_words(seconds, words):
    assert in_words(seconds) == words


# ---- log --------------------------------------------------------------------------------------

SHOW = "import pathlib, sys; sys.path[0] = 'tests'; from lab.syslog import show; show(pathlib.Path(sys.argv[1]))"


@contextmanager
def shown(device):
    """`make log`, at another place than /dev/log."""
    words = [sys.executable, "-c", SHOW, device]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=take_signals)
    try:
        assert process.stdout.readline() == f"Messages to {device} are shown here. Ctrl-C ends this.\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_log_shows_messages_and_leaves_no_socket(number, tmp_path):
    device = tmp_path / "log"
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    stale.bind(str(device))
    stale.close()  # the name stays, and nobody reads it
    with shown(device) as process, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(str(device))
        client.send(b"<30>Dec  1 10:00:00 mine[7]: \x1b[31mready\n")
        assert process.stdout.readline() == f"daemon.info mine[7]: \\x1b[31mready  (PID {os.getpid()})\n"
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    assert not device.exists()


def test_log_leaves_a_log_that_is_read_alone(tmp_path):
    device = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.bind(str(device))
        done = run_show(device)
        assert "somebody reads" in done.stderr and "journalctl -f" in done.stderr
        assert device.exists()


def test_log_leaves_what_is_no_socket_alone(tmp_path):
    device = tmp_path / "log"
    device.write_text("mine\n")
    assert "is no socket" in run_show(device).stderr
    assert device.read_text() == "mine\n"


def run_show(device):
    return subprocess.run([sys.executable, "-c", SHOW, device], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "text, line",
    [
        ("<30>Dec  1 10:00:00 a: b", "daemon.info a: b"),
        ("<30>a: b", "daemon.info a: b"),
        ("<0>a", "kern.emerg a"),
        ("<999>a", "124.debug a"),
        ("no number", "no priority: no number"),
        ("", "no priority: "),
    ],
)
def test_a_message_in_words(text, line):
    assert described(text) == line


def test_every_command_for_learners_is_in_the_makefile():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in ("check", "tour", "try", "log", "stop"):
        assert re.search(rf"^(?:\w+ )*{name}(?: \w+)*:$", text, re.MULTILINE), name
