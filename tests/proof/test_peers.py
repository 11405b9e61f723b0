"""What the daemons are started, stopped and heard by elsewhere understands them: real programs, in the sandbox.

Each test is a table: what is typed, and what it has to print.
"""

import os
import re
import subprocess
import sys

import pytest
from conftest import wait_for
from peers import SERVICE, SOON, UNITS, installed, own_group, typed_under_systemd, why_no_systemd

from lab.answers import Answer
from lab.course import lineage, step_called
from lab.toolbox import SOLUTIONS
from lab.typed import typed

START_STOP_DAEMON = installed("start-stop-daemon")
RSYSLOGD = installed("rsyslogd")
NOTIFY, SOCKETS, PID_FILE, SIGNALS = (
    step_called(word).name for word in ("notify", "socket_activation", "pid_file", "reload")
)
THAT_LOG = [step.name for step in lineage(step_called("reload")) if step_called("syslog") in lineage(step)]
GREETED = "timeout 5 cat </dev/tcp/127.0.0.1/7017"


@pytest.fixture(scope="module")
def compiled(programs):
    """A function: the solution of that name, to be found in the working directory."""

    def files(*names):
        answers = [Answer(step, SOLUTIONS / step.file) for step in map(step_called, names)]
        return [(programs.build(answer).program, 0o755, answer.step.name) for answer in answers]

    return files


@pytest.fixture(scope="module")
def under_systemd(sandbox_pad, compiled):
    """A function: the commands of a table typed with a systemd of their own; the table as it came out."""
    reason = why_no_systemd(sandbox_pad)
    if reason:
        pytest.skip(f"no systemd can be had in a sandbox here: {reason}")

    def run(table, *names):
        return dict(zip(table, typed_under_systemd(sandbox_pad, list(table), compiled(SERVICE, *names))))

    return run


@pytest.fixture
def in_sandbox(sandbox_pad, compiled):
    """A function: the same without a systemd."""

    def run(table, *names):
        return dict(zip(table, typed(sandbox_pad, [SOON, *table], compiled(*names))[1:]))

    return run


def needs(program, package):
    return pytest.mark.skipif(installed(program) is None, reason=f"{program} is not installed ({package})")


# ---- start-stop-daemon(8) -----------------------------------------------------------


@needs("start-stop-daemon", "dpkg")
@pytest.mark.parametrize("name, options", [(PID_FILE, ""), (SERVICE, "-d -l $PWD/door")], ids=[PID_FILE, SERVICE])
def test_start_stop_daemon_understands_the_pid_file(name, options, in_sandbox):
    """Started once, from the root directory, found by its PID file, stopped by SIGTERM."""
    call = f"{START_STOP_DAEMON} --quiet --pidfile $PWD/daemon.pid"
    start = f"{call} --start --startas $PWD/{name} -- {options} -p $PWD/daemon.pid"
    table = {
        f"{start}; echo $?": "0\n",
        "soon [ -s daemon.pid ]": "",
        f"{call} --status; echo $?": "0\n",
        f"{start}; echo again $?": "again 1\n",  # runs already: nothing is done
        f"{call} --stop --retry TERM/5; echo $?": "0\n",
        # The LSB's 1 is for one that does not run and has left its file, as the step pid_file does; 3 is for no file.
        f"{call} --status; echo then $?": f"then {1 if name == PID_FILE else 3}\n",
    }
    assert in_sandbox(table, name) == table


@needs("start-stop-daemon", "dpkg")
def test_start_stop_daemon_waits_for_ready(in_sandbox):
    """What stays in the foreground is put into the background by another, which is told when it is ready."""
    call = f"{START_STOP_DAEMON} --quiet --pidfile $PWD/daemon.pid"
    start = f"{call} --start --background --make-pidfile --notify-await --notify-timeout 5"
    table = {
        f"{start} --startas $PWD/{NOTIFY}; echo $?": "0\n",
        f"{call} --status; echo $?": "0\n",
        f"{call} --stop --retry TERM/5; echo $?": "0\n",
    }
    assert in_sandbox(table, NOTIFY) == table


# ---- rsyslogd(8) --------------------------------------------------------------------

RSYSLOG_CONFIG = """
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="/dev/log")
template(name="line" type="string" string="%syslogfacility-text%.%syslogseverity-text% %programname% %procid%\\n")
action(type="omfile" file="/home/lab/messages" template="line")
"""


@needs("rsyslogd", "rsyslog")
def test_rsyslogd_writes_down_who_said_what(in_sandbox):
    """Facility, level, tag and PID of what each daemon logs first, and when one reads what cannot be read."""
    table = {
        f"cat >rsyslog.conf <<'END'\n{RSYSLOG_CONFIG}END": "",
        f"{RSYSLOGD} -n -f $PWD/rsyslog.conf -i $PWD/rsyslogd.pid & soon [ -s rsyslogd.pid ]": "",
        'last() { tail -n 1 messages | sed "s/ $(pgrep -f "^./$1")$/ PID/"; }': "",
    }
    for name in [*THAT_LOG, SERVICE]:
        options = {SIGNALS: "-c conf", SERVICE: "-d -l $PWD/door"}.get(name, "")
        start = f"echo greeting=hello >conf; ./{name} {options}"
        table[f"{start}; soon grep -qsw {name} messages; last {name}"] = f"daemon.info {name} PID\n"
    said = f"daemon.err {SIGNALS}"
    table[f"rm conf; pkill -HUP {SIGNALS}; soon grep -qs '{said}' messages; grep -c '{said}' messages"] = "1\n"
    assert in_sandbox(table, *THAT_LOG, SERVICE) == table


# ---- what belongs to systemd, and runs without it -----------------------------------


@needs("systemd-socket-activate", "systemd")
@pytest.mark.parametrize("name", [SOCKETS, SERVICE])
def test_systemd_socket_activate_passes_sockets(name, in_sandbox):
    """systemd-socket-activate(1) binds two, starts the program for the first client, and is it from then on."""
    connect = "timeout 5 python3 -c 'from socket import *; s = socket(AF_UNIX); s.connect(\"door\"); print(s.recv(9))'"
    table = {
        f"systemd-socket-activate -l 127.0.0.1:7017 -l $PWD/door $PWD/{name} 2>log & soon [ -S door ]": "",
        f"{GREETED}; {GREETED}; {connect}": "hello\nhello\nb'hello\\n'\n",
        f"[ $! = $(pgrep -x {name[:15]}) ]; echo $?": "0\n",
        "kill $!; wait $!; echo $?": "0\n",
    }
    assert in_sandbox(table, name) == table


@needs("systemd-notify", "systemd")
def test_notices_are_those_of_systemd_notify(in_sandbox):
    """Byte for byte what systemd-notify(1) sends to the same socket."""
    two = 'from socket import *; s = socket(AF_UNIX, SOCK_DGRAM); s.bind("manager"); [print(s.recv(99)) for _ in "12"]'
    listen = f"timeout 5 python3 -c '{two}'"
    table = {
        "export NOTIFY_SOCKET=$PWD/manager": "",
        f"{listen} >real & soon [ -S manager ]; systemd-notify --ready --no-block": "",
        "systemd-notify --no-block STOPPING=1; wait; rm manager": "",
        f"{listen} >ours & soon [ -S manager ]; ./{NOTIFY} 2>log & soon grep -qs ready log": "",
        "kill $!; wait; cmp ours real && cat ours": "b'READY=1'\nb'STOPPING=1'\n",
    }
    assert in_sandbox(table, NOTIFY) == table


@needs("systemd-analyze", "systemd")
def test_the_units_are_what_systemd_understands(under_systemd):
    """systemd-analyze(1) has nothing to say of the files beside the solutions, each of which it names if it has."""
    table = {f"systemd-analyze verify --man=no $PWD/{path.name}; echo $?": "0\n" for path in UNITS}
    misspell = f"sed -i s/Type=notify/Type=notfy/ {SERVICE}.service"
    wrong = f"{misspell}; systemd-analyze verify --man=no $PWD/{SERVICE}.service"
    assert under_systemd(table) == table
    assert "notfy" in under_systemd({wrong: ""})[wrong]


@needs("systemd-analyze", "systemd")
@pytest.mark.parametrize("path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.stem)
def test_a_service_may_do_little(path):
    """What systemd-analyze(1) calls the exposure, 0 to 10, is 2 at most: without these settings it is 8.4."""
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at a file: it can from version 250 on")
    assert done.returncode == 0, done.stdout[-300:]


# ---- systemd(1) ---------------------------------------------------------------------


def test_nothing_is_left_where_pytest_is_killed(under_systemd):
    """Neither processes nor control groups: one that has processes cannot be removed."""
    run = "import lab.sandbox.server, peers; peers.typed_under_systemd(lab.sandbox.server.Launchpad(), ['sleep 60'])"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", run], env=environment) as process:
        ours = f"lab-peers-{process.pid}-*"
        managed = "user@0.service/init.scope/cgroup.procs"
        try:
            wait_for(lambda: any(path.read_text() for path in own_group().glob(f"{ours}/{managed}")))
        finally:
            process.kill()
    assert wait_for(lambda: not list(own_group().glob(ours)))


CONFIG = f"/usr/local/etc/{SERVICE}.conf"
FORKING = f"{SERVICE}-forking"
COMPLAINTS = """\
{0}.service: Main process exited, code=killed, status=9/KILL
{0}.service: Failed with result 'signal'.
"""


def life(unit, service=SERVICE):
    """What a service goes through that `unit` starts: its main PID is that of the one process that there is."""
    sees = f"pid=$(pgrep -x {SERVICE}); [ $pid = $(ctl show {service} -P MainPID) ]; echo $?"
    active = f"ctl is-active {service}"
    return {
        f"ctl start {unit}; echo $?": "0\n",
        f"{GREETED}; {active}; {sees}": "hello\nactive\n0\n",
        f"old=$pid; echo greeting=hi >{CONFIG}; ctl reload {service}; echo $?": "0\n",
        f"hi() {{ [ $({GREETED}) = hi ]; }}; soon hi; {active}; {sees}; [ $pid = $old ]; echo $?": "active\n0\n0\n",
        f"kill -KILL $pid; soon hi 2>log; soon {active} >log; {sees}; [ $pid = $old ]; echo $?": "0\n1\n",
        f"ctl stop {unit} {service}; echo $?; {active}": "0\ninactive\n",
        f"ctl show {service} -P Result; pgrep -x {SERVICE}; ls /run/user/{SERVICE} 2>&1 | grep pid": "success\n",
        f"journalctl --user-unit {service} -qp warning -o cat": COMPLAINTS.format(service),
        f"journalctl --user-unit {service} -q -o cat | grep 'PID file'": "",  # that it is not there yet, say
    }


@pytest.mark.parametrize("unit, service", [(SERVICE, SERVICE), (f"{SERVICE}.socket", SERVICE), (FORKING, FORKING)])
def test_a_service_lives_under_systemd(unit, service, under_systemd):
    """Started, asked, told to read again, killed, started anew and stopped; the log complains of the kill alone."""
    table = life(unit, service)
    assert under_systemd(table) == table


def test_clients_wait_at_the_socket_of_a_service(under_systemd):
    """The first one starts it; who comes after it was stopped starts it again."""
    stop = f"ctl stop {SERVICE} 2>log; ctl is-active {SERVICE}"
    table = {
        f"ctl start {SERVICE}.socket; ctl is-active {SERVICE}": "inactive\n",
        f"{GREETED}; {stop}": "hello\ninactive\n",
        f"{GREETED}; {stop}": "hello\ninactive\n",
        f"journalctl --user-unit {SERVICE} -qp warning -o cat": "",
    }
    assert under_systemd(table) == table


def test_systemd_is_told_of_a_reload(under_systemd):
    """Type=notify-reload: systemd sends SIGHUP, and waits for RELOADING=1 of a moment after that, and for READY=1."""
    version = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    if int(re.match(r"\d+", version)[0]) < 253:
        pytest.skip(f"this is systemd {version}: Type=notify-reload is known from 253 on")
    edit = f"sed -i 's/Type=notify/&-reload/; /^ExecReload/d' $XDG_CONFIG_HOME/systemd/user/{SERVICE}.service"
    table = {f"{edit}; ctl daemon-reload; ctl show {SERVICE} -P Type": "notify-reload\n", **life(SERVICE)}
    assert under_systemd(table) == table


@pytest.mark.parametrize("name", [NOTIFY, SOCKETS])
def test_a_program_told_of_on_the_command_line(name, under_systemd):
    """systemd-run(1): started when ready, fed by its watchdog, and its levels are those of the journal."""
    socket = "--socket-property=ListenStream=127.0.0.1:7017" if name == SOCKETS else ""
    run = f"systemd-run --user -q --unit=told -p Type=notify -p WatchdogSec=2 {socket}"
    show = "ctl show told"
    table = {
        f"{run} -p 'ExecReload=kill -HUP $MAINPID' $PWD/{name}; echo $?": "0\n",
        GREETED if socket else ":": "hello\n" if socket else "",
        f"ctl is-active told; [ $({show} -P MainPID) = $(pgrep -x {name[:15]}) ]; echo $?": "active\n0\n",
        f"fed() {{ {show} -P WatchdogTimestampMonotonic; }}; old=$(fed); again() {{ [ $(fed) -gt $old ]; }}": "",
        "soon again; old=$(fed); soon again": "",
        "ctl reload told; echo $?; soon ctl -q is-active told": "0\n",
        f"ctl stop told.* 2>log; {show} -P Result": "success\n",
        "journalctl --user-unit told -qp warning -o cat": "",
        f"journalctl -t {name} -q -o cat | cut -d : -f 1": "ready\nreloaded\nstopped\n",
        f"journalctl -t {name} -q -o cat --output-fields=PRIORITY | sort -u": "6\n",
    }
    assert under_systemd(table, name) == table


# ---- clients, and machines that lack something -----------------------------------------

SERVER = step_called("server").name
SERVERS = pytest.mark.parametrize("name, options", [(SERVER, ""), (SERVICE, "-d")], ids=[SERVER, SERVICE])

# 200 clients come one after another, ten at a time; a SIGHUP comes with every fourth of them.
MANY_CLIENTS = """
for i in $(seq 200); do
    timeout 20 cat </dev/tcp/127.0.0.1/7018 >>greetings &
    [ $((i % 4)) = 0 ] && kill -HUP $(cat $PWD/pid)
    [ $((i % 10)) = 0 ] && wait
done
wait
sort greetings | uniq -c
"""


@needs("curl", "curl")
@needs("nc", "netcat-openbsd")
@SERVERS
def test_clients_that_everybody_has(name, options, in_sandbox):
    """bash, curl and nc get the greeting, those too that send something; 200 clients get it beside 50 reloads."""
    table = {
        f"./{name} {options} -p $PWD/pid -l localhost:7018; echo $?": "0\n",
        "timeout 5 cat </dev/tcp/127.0.0.1/7018": "hello\n",
        "curl -s -m 5 --http0.9 http://127.0.0.1:7018/; echo $?": "hello\n0\n",
        "for i in $(seq 20); do echo hi | timeout 5 nc -N 127.0.0.1 7018; done | uniq -c": "     20 hello\n",
        MANY_CLIENTS: "    200 hello\n",
        "kill $(cat pid); soon [ ! -e pid ]": "",
    }
    assert in_sandbox(table, name) == table


# What the root of a namespace of its own may do: bring the loopback interface up, and take away what a machine lacks.
_LOOPBACK = """
import fcntl, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, loopback, running
if sys.argv[1] == "6":
    fcntl.ioctl(s, 0x8916, struct.pack("16sHH4s8x", b"lo", socket.AF_INET, 0, bytes(4)))  # SIOCSIFADDR: none
else:
    open("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "w").write("1")
"""
BOTH = "127.0.0.1 localhost\\n::1 localhost\\n"
CONNECT = "import socket; s = socket.create_connection(('localhost', 7018), 5); print(s.recv(9), s.getpeername()[0])"


@SERVERS
@pytest.mark.parametrize("version, address", [("4", "127.0.0.1"), ("6", "::1")])
def test_a_machine_with_one_version_of_the_internet_protocol(version, address, name, options, in_sandbox):
    """A name with two addresses, one of which this machine does not have."""
    inside = (
        f"mount --bind hosts /etc/hosts; python3 -c \"$LOOPBACK\" {version}; "
        f"./{name} {options} -p $PWD/pid -l localhost:7018; echo $?; python3 -c \"$CONNECT\"; kill $(cat pid)"
    )
    table = {
        f"printf '{BOTH}' >hosts": "",
        f"export LOOPBACK='{_LOOPBACK}'": "",
        f'export CONNECT="{CONNECT}"': "",
        f"unshare -Urnm bash -c '{inside}'": f"0\nb'hello\\n' {address}\n",
    }
    assert in_sandbox(table, name) == table


@SERVERS
def test_a_disk_that_is_full_or_read_only(name, options, in_sandbox):
    """The start fails, says why, and leaves nothing behind: no process, no file."""
    start = f"./{name} {options}"
    inside = (
        "mount -t tmpfs -o size=8k full full; cat /dev/zero >full/of 2>/dev/null; "
        "mount -t tmpfs -o ro fixed fixed; "
        f"{start} -p $PWD/full/pid -l 127.0.0.1:7018; echo $?; "
        f"{start} -p $PWD/fixed/pid -l 127.0.0.1:7018; echo $?; "
        f"{start} -p $PWD/pid -l $PWD/fixed/door; echo $?; "
        f"ls full fixed; ls pid; pgrep -c ^{name[:15]}"
    )
    table = {
        "mkdir full fixed": "",
        f"unshare -Urm bash -c '{inside}' 2>&1 | sed 's,.*/home/lab/,,'": (
            "full/pid: No space left on device\n1\n"
            "fixed/pid: Read-only file system\n1\n"
            "fixed/door: Read-only file system\n1\n"
            "fixed:\n\nfull:\nof\nls: cannot access 'pid': No such file or directory\n0\n"
        ),
    }
    assert in_sandbox(table, name) == table
