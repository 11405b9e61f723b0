"""What the daemons are started and stopped by elsewhere understands them: real programs, in the sandbox."""

import shutil

import pytest

from lab.answers import Answer, find_step
from lab.handouts import typed
from lab.toolbox import SOLUTIONS

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
START_STOP_DAEMON = shutil.which("start-stop-daemon", path=SYSTEM_PATH)


@pytest.mark.skipif(START_STOP_DAEMON is None, reason="start-stop-daemon is not installed (dpkg)")
def test_start_stop_daemon_understands_the_pid_file(sandbox_pad, programs):
    """start-stop-daemon(8): started once, from the root directory, found by its PID file, stopped by SIGTERM."""
    name = "11_pid_file"
    program = programs.build(Answer(find_step(name), SOLUTIONS / f"{name}.c")).program
    call = f"{START_STOP_DAEMON} --quiet --pidfile $PWD/daemon.pid"
    start = f"{call} --start --startas $PWD/{name} -- -p $PWD/daemon.pid"
    commands = {
        f"{start}; echo $?": "0\n",
        "for i in $(seq 500); do [ -s daemon.pid ] && break; sleep 0.01; done": "",
        f"{call} --status; echo $?": "0\n",
        f"{start}; echo again $?": "again 1\n",  # runs already: nothing is done
        f"{call} --stop --retry TERM/5; echo $?": "0\n",
        # The LSB's 1: it does not run, and the file is there.
        f"{call} --status; echo then $?": "then 1\n",
    }
    assert typed(sandbox_pad, commands, [(program, 0o755, name)]) == list(commands.values())
