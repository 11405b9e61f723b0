"""What the daemons are started and stopped by elsewhere understands them: real programs, in the sandbox."""

import shutil
import time

import pytest

from lab.answers import Answer, find_step
from lab.build import Builder
from lab.toolbox import SOLUTIONS

RUN_TIME = 30  # seconds for a script
MARK = b"\x1e"


@pytest.fixture
def run_script(sandbox_pad):
    """A function: a solution's name and lines for sh in, what they print out, as lines."""

    def run(name, *commands):
        answer = Answer(find_step(name), SOLUTIONS / f"{name}.c")
        program = Builder(sandbox_pad, [answer]).build(answer).program
        script = "\n".join([*commands, f"printf '{MARK.decode()}'", ""])
        with sandbox_pad.shell(
            [(script.encode(), 0o644, ".script"), (program, 0o755, name)], ["sh", ".script"]
        ) as it:
            deadline = time.monotonic() + RUN_TIME
            while MARK not in it.printed:
                it.pump(0.1)
                assert time.monotonic() < deadline, it.printed.decode("utf-8", "replace")
            return it.printed.partition(MARK)[0].decode("utf-8", "replace").replace("\r\n", "\n").splitlines()

    return run


SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
START_STOP_DAEMON = shutil.which("start-stop-daemon", path=SYSTEM_PATH)


@pytest.mark.skipif(START_STOP_DAEMON is None, reason="start-stop-daemon is not installed (dpkg)")
def test_start_stop_daemon_understands_the_pid_file(run_script):
    """start-stop-daemon(8): started once, from the root directory, found by its PID file, stopped by SIGTERM."""
    call = f"{START_STOP_DAEMON} --quiet --pidfile $PWD/daemon.pid"
    printed = run_script(
        "11_pid_file",
        f"{call} --start --startas $PWD/11_pid_file -- -p $PWD/daemon.pid; echo start $?",
        "for i in $(seq 500); do [ -s daemon.pid ] && break; sleep 0.01; done",
        f"{call} --status; echo status $?",
        f"{call} --start --startas $PWD/11_pid_file -- -p $PWD/daemon.pid; echo again $?",
        f"{call} --stop --retry TERM/5; echo stop $?",
        f"{call} --status; echo status $?",
    )
    # --start does nothing, with status 1, where it runs already; --status gives
    # 1 where it does not run and the file is there, as the LSB has it.
    assert printed == ["start 0", "status 0", "again 1", "stop 0", "status 1"]
