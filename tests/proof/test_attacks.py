"""Attacks on the sandbox and on the harness: what each tries, and what must happen instead.

Their programs lie in tests/gallery/attacks, one file each, with a head comment
that says both. A number may have several variants. Most rows run the lab's
whole command in a place of its own (arena.py), because what must hold is what a
grader sees: the exit status, what is told, and that nothing is left.
"""

import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest
from arena import ATTACKS, NOBODY, Arena, solution
from conftest import wait_for
from with_key import NO_KEYRINGS, TEXT

from lab.course import step_called
from lab.judge.verdict import FAILED
from lab.kernel import procfs
from lab.scene import Scene
from lab.toolbox import ROOT
from lab.watch import loop
from lab.watch.observe import observe

PASSED, WRONG, BROKEN = 0, 1, 2
SETSID, SYSLOG = step_called("setsid"), step_called("syslog")
RANDOM_SEED = 58
SANDBOX, FALLBACK = "sandbox", "fallback"
OPTIONS = {SANDBOX: (), FALLBACK: ("--no-sandbox",)}
SECRET = "the-secret-of-the-caller"


@dataclass
class Attack:
    """A row: `play(arena, attack)` is the test."""

    number: int
    name: str
    play: object
    program: str = ""  # a file in tests/gallery/attacks
    step: str = "fork"  # the word of the one that it is handed in for
    scene: str = SANDBOX
    nobody: bool = False  # an ordinary user runs the lab
    status: object = WRONG  # the exit status, or several
    says: str = ""  # a pattern of what is told
    beside: str = ""  # the step of a right answer in the same folder, which must be judged
    more: dict = field(default_factory=dict)  # what else `play` needs

    @property
    def id(self):
        return f"{self.number:02}-{self.name}"


# ---- ways to play --------------------------------------------------------------


def judged(arena, attack):
    """The program is an answer: it gets its verdict, the answer beside it too, and nothing is left."""
    arena.hand_in(attack.program, attack.step)
    arena.hand_in_right(*filter(None, (attack.beside, attack.more.get("right"))))
    held(arena, attack, arena.check(*OPTIONS[attack.scene]))


def laid_out(arena, attack):
    """A script makes the folder, which is then checked."""
    arena.lay_out(attack.program)
    held(arena, attack, arena.check(*OPTIONS[attack.scene]))


def held(arena, attack, done):
    """What must hold of every run."""
    allowed = attack.status if isinstance(attack.status, tuple) else (attack.status,)
    assert done.returncode in allowed, done.stdout + done.stderr
    assert done.stderr == "" and "Traceback" not in done.stdout, done.stderr
    assert re.search(attack.says, done.stdout, re.DOTALL), done.stdout
    assert all(c.isprintable() or c == "\n" for c in done.stdout), "a control character in the report"
    assert len(done.stdout) < 100_000
    if attack.beside:
        heading = f"{solution(attack.beside).stem}: "
        assert heading in done.stdout and "1 of 2 steps" in done.stdout, done.stdout
    arena.await_nothing_left()


def refused(arena, attack):
    """The program tries one thing after the other, prints a line for each that was allowed, and a last one."""
    arena.hand_in(attack.program, "background", **attack.more)
    nothing_allowed(arena, arena.check())


def nothing_allowed(arena, done):
    """Whether it has tried all, in a sandbox, and nothing was allowed."""
    assert done.returncode == WRONG and "No sandbox" not in done.stdout, done.stdout + done.stderr
    printed = " ".join(done.stdout.split())
    assert "allowed:" not in printed and "tried all" in printed, done.stdout
    arena.await_nothing_left()


# ---- A: the submission folder ----------------------------------------------------


def leaks_no_secret(arena, attack):
    secret = arena.path / "secret"
    secret.write_text(f"{SECRET}\n", encoding="utf-8")
    secret.chmod(0o600)
    arena.lay_out(attack.program, secret)
    done = arena.check()
    assert SECRET not in done.stdout + done.stderr
    held(arena, attack, done)


NO_LINK = rf"x\.h is a symbolic link, so the compiler did not get it: hand in the file itself\n.*/{SETSID.name}\.c:"
A = [
    Attack(
        1,
        "link_to_solution",
        laid_out,
        "01_link_to_solution.sh",
        says=rf"NO   .*compiles\n.*{SETSID.name}\.c is a symbolic link: hand in the file itself\n",
        beside="fork",
    ),
    Attack(2, "header_link_to_secret", leaks_no_secret, "02_header_link_to_secret.sh", says=NO_LINK),
    Attack(3, "header_link_to_solution", laid_out, "03_header_link_to_solution.sh", says=NO_LINK),
    Attack(4, "odd_headers", laid_out, "04_odd_headers.sh", status=PASSED),
    Attack(5, "header_of_memory", laid_out, "05_header_of_memory.sh", status=PASSED),
]

# ---- B: kernel objects that are in no namespace ------------------------------------


def key_untouched(arena, attack):
    """The caller's key says what it said, and there is no other in its keyring."""
    arena.hand_in(attack.program, "background")
    kept = arena.path / "kept"
    done = arena.run([sys.executable, ROOT / "tests" / "proof" / "with_key.py", kept, *arena.words()])
    if done.returncode == NO_KEYRINGS:
        pytest.skip("this kernel has no keyrings, or a container forbids them")
    assert kept.read_bytes() == TEXT + b"\n1\n"
    nothing_allowed(arena, done)


def in_a_mount_namespace(arena, script):
    """The command that runs a script with mounts of its own."""
    own = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    probe = subprocess.run([*own, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("no mount namespace can be had here")
    return [*own, "sh", "-euc", script]


CLASS = """
    mount -t tmpfs -o mode=755 tmpfs {base}
    mkdir -p {base}/class/bob
    cp {right} {base}/class/bob
    cp -r {folder} {base}/class/alice
    exec {lab}/tests/run check --answers {base}/class/alice
"""


def not_in_sight(arena, attack):
    """The answers of a class lie below `base`: nobody's is seen by another's."""
    base = attack.more["base"]
    if not os.path.isdir(base) or sys.executable.startswith(base + "/"):
        pytest.skip(f"{base} is not there, or Python is in it")
    other = f"{base}/class/bob"
    if attack.program.endswith(".sh"):
        arena.lay_out(attack.program, other)
    else:
        arena.hand_in(attack.program, attack.step, FOLDER=f'"{base}/class"')
    script = CLASS.format(base=base, right=solution("setsid"), folder=arena.folder, lab=arena.lab)
    done = arena.run(in_a_mount_namespace(arena, script))
    if attack.step == "background":
        nothing_allowed(arena, done)
    else:
        not_found = re.search(r"NO   .*compiles\n.*No such file or directory", done.stdout, re.DOTALL)
        assert not_found, done.stdout + done.stderr
        held(arena, attack, done)


FILES_OF_A_USER = """
    mount -t tmpfs -o mode=755 tmpfs /opt
    echo x >/opt/mine
    echo x >/opt/of-my-group
    chmod 600 /opt/mine
    chmod 640 /opt/of-my-group
    chown {nobody}:0 /opt/mine
    chown 0:{group} /opt/of-my-group
    exec {check}
"""


def files_of_the_user(arena, attack):
    if os.geteuid() != 0:
        pytest.skip("it takes root to make such files in /opt")
    group = 12345
    arena.become_nobody(group)
    arena.hand_in(attack.program, "background", FOLDER='"/opt"')
    script = FILES_OF_A_USER.format(nobody=NOBODY, group=group, check=" ".join(arena.words()))
    nothing_allowed(arena, arena.run(in_a_mount_namespace(arena, script)))


BELOW_A_MOUNT = """
    mount -t tmpfs -o mode=755 tmpfs {base}
    mkdir {base}/scratch
    mount -t tmpfs -o mode=1777 tmpfs {base}/scratch
    status=0
    {check} || status=$?
    test ! -e {base}/scratch/left || echo "allowed: it is still there"
    exit $status
"""


def written_below_a_mount(arena, attack):
    base = attack.more["base"]
    if not os.path.isdir(base) or sys.executable.startswith(base + "/"):
        pytest.skip(f"{base} is not there, or Python is in it")
    arena.hand_in(attack.program, "background", FOLDER=f'"{base}"')
    script = BELOW_A_MOUNT.format(base=base, check=" ".join(arena.words()))
    nothing_allowed(arena, arena.run(in_a_mount_namespace(arena, script)))


IN_OPT, IN_USR = {"base": "/opt"}, {"base": "/usr/local/src"}
INCLUDE, READ = "09_include_of_another.sh", "09_read_of_another.c"
B = [
    Attack(6, "read_key", key_untouched, "06_read_key.c"),
    Attack(7, "update_key", key_untouched, "07_update_key.c"),
    Attack(8, "add_key", key_untouched, "08_add_key.c"),
    Attack(9, "include_of_another_in_opt", not_in_sight, INCLUDE, step="setsid", more=IN_OPT),
    Attack(9, "include_of_another_in_usr", not_in_sight, INCLUDE, step="setsid", more=IN_USR),
    Attack(9, "read_of_another_in_opt", not_in_sight, READ, step="background", more=IN_OPT),
    Attack(9, "read_of_another_in_usr", not_in_sight, READ, step="background", more=IN_USR),
    Attack(10, "read_files_of_the_user", files_of_the_user, "10_read_files_of_the_user.c"),
    Attack(11, "write_below_a_mount_in_opt", written_below_a_mount, "11_write_below_a_mount.c", more=IN_OPT),
    Attack(11, "write_below_a_mount_in_usr", written_below_a_mount, "11_write_below_a_mount.c", more=IN_USR),
    Attack(12, "kill_by_cgroup", refused, "12_kill_by_cgroup.c"),
    Attack(12, "kill_by_cgroup_of_a_user", refused, "12_kill_by_cgroup.c", nobody=True),
]

# ---- C: limits ----------------------------------------------------------------


def memory_is_limited(arena, attack):
    """The answer is told of the limit; where there is no control group, the header says that none holds."""
    arena.hand_in(attack.program, "fork")
    done = arena.check()
    has_none = re.search("Nothing here limits the .*memory", done.stdout)
    if not has_none or (os.geteuid() == 0 and os.access("/sys/fs/cgroup/memory", os.W_OK)):
        assert done.returncode == WRONG, done.stdout
        assert re.search(r"took more\s+than\s+\d+\s+MiB", done.stdout), done.stdout
    arena.await_nothing_left()


C = [
    Attack(13, "memory_files", memory_is_limited, "13_memory_files.c"),
    Attack(14, "nested_tmpfs", refused, "14_nested_tmpfs.c"),
    Attack(15, "full_socket_pairs", memory_is_limited, "15_full_socket_pairs.c"),
]

# ---- D: forging, dodging, racing the verdict --------------------------------------


def ready_too_soon(arena, attack, examine):
    """READY=1 through a descriptor of this number, before the signals are held, is always seen."""
    own = arena.source(attack.program, NUMBER=attack.more["number"])
    right = solution("notify").read_text(encoding="utf-8").replace("#define _GNU_SOURCE", "")
    examination = examine(own + right, "notify")
    results = {result.check.key: result for result in examination.results(stars=False)}
    assert results["holds_signals_first"].status == FAILED, {key: each.status for key, each in results.items()}


D = [
    Attack(16, "limits_of_init", judged, "16_limits_of_init.c", step="pid_file", beside="setsid"),
    Attack(17, "forged_sender", judged, "17_forged_sender.c", step="syslog", says="NO   .*the daemon logs a message"),
    Attack(
        18,
        "daemon_in_a_pid_namespace",
        judged,
        "18_daemon_in_a_pid_namespace.c",
        step="syslog",
        status=(PASSED, WRONG),
        says=rf"{SETSID.name}: .*{SYSLOG.name}: .*\d of 2 steps",
        more={"right": "setsid"},
    ),
    Attack(19, "undone_later", judged, "19_undone_later.c", step="setsid"),
    Attack(19, "undone_later_fallback", judged, "19_undone_later.c", step="setsid", scene=FALLBACK),
    Attack(20, "right_while_looked_at", judged, "20_right_while_looked_at.c", step="setsid", says="umask"),
    Attack(21, "undumpable", judged, "21_undumpable.c", beside="setsid"),
    Attack(21, "undumpable_of_a_user", judged, "21_undumpable.c", beside="setsid", nobody=True),
    Attack(22, "time_of_init", judged, "22_time_of_init.c", beside="setsid"),
    *(
        Attack(23, f"ready_before_it_is_{n}", ready_too_soon, "23_ready_before_it_is.c", more={"number": n})
        for n in (20, 21, 255, 4095)
    ),
    Attack(24, "takes_the_shells_pid", judged, "24_takes_the_shells_pid.c", says="shell"),
    Attack(25, "reach_for_init", refused, "25_reach_for_init.c"),
    Attack(26, "slow_init_down", refused, "26_slow_init_down.c"),
    Attack(27, "privileged_calls", refused, "27_privileged_calls.c"),
    Attack(28, "privileged_calls_nested", refused, "28_privileged_calls_nested.c"),
    Attack(29, "mounts_nested", refused, "29_mounts_nested.c"),
    Attack(30, "other_surfaces", refused, "30_other_surfaces.c"),
    Attack(31, "watch_others", refused, "31_watch_others.c"),
    Attack(32, "log_of_its_own", judged, "32_log_of_its_own.c", step="syslog", says="NO  ", beside="setsid"),
]

# ---- E: compiling ---------------------------------------------------------------


def quotes_no_secret(arena, attack):
    """What the compiler may quote holds nothing of root's files, and nothing of the caller's environment."""
    arena.lay_out(attack.program)
    done = arena.check(LAB_ATTACK=SECRET)
    assert SECRET not in done.stdout and "root:" not in done.stdout
    held(arena, attack, done)


NO_PROGRAM = r"NO   [^\n]*compiles\n"
E = [
    Attack(33, "include_of_secrets", quotes_no_secret, "33_include_of_secrets.sh", says=NO_PROGRAM),
    Attack(34, "include_of_the_environment", quotes_no_secret, "34_include_of_the_environment.sh", says="NO  "),
    Attack(35, "include_that_waits", laid_out, "35_include_that_waits.sh", says="did not finish within 10 s"),
    Attack(36, "huge_output", laid_out, "36_huge_output.sh", says=f"({NO_PROGRAM}.*){{3}}"),
    Attack(37, "compiler_options", laid_out, "37_compiler_options.sh", status=PASSED),
    Attack(38, "floods_of_messages", laid_out, "38_floods_of_messages.sh", says=f"({NO_PROGRAM}.*){{4}}"),
    Attack(
        39,
        "escapes_in_messages",
        laid_out,
        "39_escapes_in_messages.sh",
        status=PASSED,
        says=rf"\n/.*/{SETSID.name}\.c:\d+:.* warning",
    ),
    Attack(40, "before_main", judged, "40_before_main.c"),
]

# ---- F: reports and names ---------------------------------------------------------


def spelt_out(arena, attack):
    """In the report, and in the file that pytest writes for other programs."""
    arena.hand_in(attack.program, "chdir")
    file = arena.path / "report.xml"
    words = ["-p", "no:cacheprovider", "tests/test_answers.py", "--answers", arena.folder, f"--junitxml={file}"]
    done = arena.run([sys.executable, "-m", "pytest", *words])
    assert done.returncode == WRONG, done.stdout + done.stderr
    assert list(ElementTree.parse(file).iter("failure"))
    text = file.read_text(encoding="utf-8")
    assert all(c.isprintable() or c == "\n" for c in text), [c for c in text if not c.isprintable() and c != "\n"]
    held(arena, attack, arena.check())


def make_runs_nothing(arena, attack):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = arena.run([ATTACKS / attack.program, arena.lab, arena.folder])
    assert done.returncode == 0, "make has run what stands in the folder's name"
    assert done.stdout.count(f"{SETSID.name} is done.") == 1, done.stdout + done.stderr


def told_in_one_line(arena, attack):
    done = arena.run([ATTACKS / attack.program, arena.lab, arena.folder])
    assert (done.returncode, done.stdout) == (BROKEN, "")
    assert re.fullmatch(r"lab: .*\n", done.stderr) and done.stderr[:-1].isprintable(), done.stderr


F = [
    Attack(41, "odd_text", spelt_out, "41_odd_text.c", says=r"\\x1b"),
    Attack(42, "odd_header_names", laid_out, "42_odd_header_names.sh", status=PASSED),
    Attack(43, "command_in_a_folder_name", make_runs_nothing, "43_command_in_a_folder_name.sh"),
    Attack(44, "escapes_in_a_folder_name", told_in_one_line, "44_escapes_in_a_folder_name.sh"),
]

# ---- G: without a sandbox -----------------------------------------------------------


def leaves_no_litter(arena, attack):
    """Root's answers leave nothing; an ordinary user is told that theirs do."""
    tag, key = f"{arena.path.name}-litter", random.SystemRandom().randrange(1, 1 << 30)
    litter = [Path(folder, tag) for folder in ("/tmp", "/var/tmp", "/dev/shm")] + [Path(f"/tmp/{tag}-folder")]
    arena.hand_in(attack.program, "fork", TAG=f'"{tag}"', KEY=key)
    try:
        done = arena.check("--no-sandbox")
        assert done.returncode == PASSED, done.stdout + done.stderr
        left = [str(path) for path in litter if path.exists()] + shared_memory(key)
        if attack.nobody or os.geteuid() != 0:
            assert "\nFiles that a program makes in /tmp, /var/tmp and /dev/shm stay there." in done.stdout
        else:
            assert left == []
        arena.await_nothing_left()
    finally:
        for path in litter:
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True)
        for number in shared_memory(key):
            subprocess.run(["ipcrm", "-m", number], check=False)


def shared_memory(key):
    """The IDs of the shared memory segments with this key, as texts: proc(5)."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]]
    return [row[1] for row in rows if int(row[0]) == key]


G = [
    Attack(45, "litter", leaves_no_litter, "45_litter.c"),
    Attack(45, "litter_of_a_user", leaves_no_litter, "45_litter.c", nobody=True),
    Attack(46, "renamed_folder", judged, "46_renamed_folder.c", scene=FALLBACK, status=PASSED),
    Attack(46, "renamed_folder_of_a_user", judged, "46_renamed_folder.c", scene=FALLBACK, status=PASSED, nobody=True),
    Attack(
        47,
        "no_answer_to_openat",
        judged,
        "47_no_answer_to_openat.c",
        step="second_fork",
        scene=FALLBACK,
        beside="setsid",
    ),
    Attack(
        47,
        "no_answer_to_openat_of_a_user",
        judged,
        "47_no_answer_to_openat.c",
        step="second_fork",
        scene=FALLBACK,
        beside="setsid",
        nobody=True,
    ),
    Attack(48, "no_answer_to_openat", judged, "47_no_answer_to_openat.c", step="second_fork", beside="setsid"),
    Attack(49, "kills_the_subreaper", judged, "49_kills_the_subreaper.c", scene=FALLBACK, beside="setsid", nobody=True),
]

# ---- H: ends and crowds ----------------------------------------------------------------


def checker_words(step, options):
    return [sys.executable, ROOT / "tests" / "lab", "check", "--answers", ROOT / "solutions", "--step", step, *options]


def kill_once(step, delay, options):
    """Start a checker, kill it after `delay` seconds, and fail if something of it is left."""
    with Arena() as arena:
        checker = arena.start(checker_words(step, options))
        try:
            checker.wait(delay)
        except subprocess.TimeoutExpired:
            pass
        servers = [pid for pid in arena.launchers() if parent_of(pid) == checker.pid]
        checker.kill()
        checker.wait()
        arena.await_nothing_left(servers)


def parent_of(pid):
    try:
        return procfs.read_stat(f"/proc/{pid}").ppid
    except ProcessLookupError:
        return 0


def killed_at_random(_arena, attack):
    """Nothing is left a second after the checker was killed, at whatever moment: several at a time."""
    chance = random.Random(RANDOM_SEED)
    steps = attack.more["steps"]
    kills = [(steps[i % len(steps)], chance.uniform(0.1, 2.5)) for i in range(attack.more["times"])]
    with ThreadPoolExecutor(3) as pool:
        ends = [pool.submit(kill_once, step, delay, OPTIONS[attack.scene]) for step, delay in kills]
    failed = [(kill, error) for kill, end in zip(kills, ends) if (error := end.exception())]
    assert failed == []


def killed_during_a_look(arena, attack):
    """The moment is that at which the checker has a second Python: the look from inside the sandbox."""
    for _ in range(3):
        checker = arena.start(checker_words("service", ()))
        try:
            wait_for(lambda: checker.poll() is not None or len(arena.checkers()) > 1, limit=60)
            inside = [pid for pid in arena.checkers() if pid != checker.pid]
            servers = [pid for pid in arena.launchers() if parent_of(pid) == checker.pid]
        finally:
            checker.kill()
            checker.wait()
        arena.await_nothing_left(servers)
        if inside:
            return
    assert "the lab can launch nothing as root here" in root_scene_reason(), "no look from inside was seen"


def root_scene_reason():
    from lab.sandbox.server import Launchpad

    reason = Launchpad().why_no_root()
    return f"the lab can launch nothing as root here: {reason}" if reason else ""


KILLED = ("setsid", "syslog", "drop_privileges", "service")
H = [
    Attack(50, "killed_checker", killed_at_random, more={"steps": (*KILLED, "socket_activation"), "times": 30}),
    Attack(51, "killed_checker", killed_at_random, scene=FALLBACK, more={"steps": KILLED, "times": 12}),
    Attack(52, "killed_during_a_look_from_inside", killed_during_a_look),
]

# ---- I: the plain limits -----------------------------------------------------------------


def within_limits(arena, attack, examine):
    """It gets no more than the plain limits; what it prints is read here, since a full disk is told before that."""
    printed = examine(arena.source(attack.program), "background").observation(Scene()).printed
    assert "allowed:" not in printed and "tried all" in printed, printed


def refused_as_root_of_the_sandbox(arena, attack, examine):
    for header in ATTACKS.glob("*.h"):
        shutil.copy(header, attack.more["tmp_path"])
    examination = examine(arena.source(attack.program), "background")
    reason = examination.pad.why_no_root()
    if reason:
        pytest.skip(reason)
    assert examination.build.compiles, examination.build.messages
    scene = Scene(root=True, arguments=())
    o = loop.run(observe(examination.pad, step_called("drop_privileges").name, examination.build.program, scene))
    assert "allowed:" not in o.printed and "tried all" in o.printed, o.printed


I = [  # noqa: E741
    Attack(53, "limits", within_limits, "53_limits.c"),
    Attack(53, "full_disk", judged, "53_full_disk.c", says=r"filled\s+its\s+file\s+system"),
    Attack(53, "full_disk_of_a_user", judged, "53_full_disk.c", says=r"filled\s+its\s+file\s+system", nobody=True),
    Attack(53, "many_files", judged, "53_many_files.c", says=r"files"),
    Attack(54, "as_root_of_the_sandbox", refused_as_root_of_the_sandbox, "54_as_root_of_the_sandbox.c"),
]

# ---- J: more ------------------------------------------------------------------------------

PASS_DESCRIPTORS = """
import os, socket, sys
ours, theirs = socket.socketpair()
for number in range(20):
    socket.send_fds(ours, [b"x"], [0] * 50)
    for fd in socket.recv_fds(theirs, 1, 50)[1]:
        os.close(fd)
print("passed")
"""


def others_can_pass_descriptors(arena, attack):
    """The lab goes on beside such an answer; afterwards, and beside root's answers meanwhile, others can pass some."""
    arena.hand_in(attack.program, "fork")
    arena.hand_in_right("setsid")
    limited = ["sh", "-c", 'ulimit -Sn 1024; exec "$@"', "sh"]
    try_it = [*arena.identity, *limited, arena.python, "-c", PASS_DESCRIPTORS]
    checker = arena.start(arena.words())
    meanwhile = []
    while checker.poll() is None:
        meanwhile.append(arena.run(try_it).stdout)
    assert checker.returncode == PASSED
    assert attack.nobody or os.geteuid() != 0 or set(meanwhile) == {"passed\n"}
    arena.await_nothing_left()
    assert arena.run(try_it).stdout == "passed\n"


def many_at_once(_arena, _attack):
    """Eight checkers side by side: none disturbs another."""
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(check_right_answers) for _ in range(8)]
    told = [run.result() for run in runs]
    assert all(done.returncode == PASSED for done in told), [done.stdout + done.stderr for done in told]


def check_right_answers():
    with Arena() as arena:
        arena.hand_in_right("fork", "setsid", "chdir", "syslog")
        done = arena.check()
        arena.await_nothing_left()
        return done


def stopped_launcher(arena, _attack):
    """It is no fault of the answer that the launcher stands still."""
    arena.hand_in_right("syslog")
    out, err = arena.path / "out", arena.path / "err"
    environment = arena.environment(CC="sh -c 'sleep 1; exec cc \"$@\"' --")
    with out.open("w") as stdout, err.open("w") as stderr:
        checker = subprocess.Popen(
            arena.words(), cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
        (server,) = wait_for(lambda: [pid for pid in arena.launchers() if parent_of(pid) == checker.pid], limit=60)
        os.kill(server, signal.SIGSTOP)
        assert checker.wait(TIME_OF_STOPPED) == BROKEN
    assert out.read_text() == ""
    assert re.fullmatch(r"lab: .*\n", err.read_text()), err.read_text()
    arena.await_nothing_left()


TIME_OF_STOPPED = 400  # seconds until the run has noticed, on a machine that is busy


def killed_make(arena, _attack):
    """The checker runs on, unseen, to its own end."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    make = arena.start(["make", "-s", "-C", arena.lab, "check", "STEP=second_fork", f"ANSWERS={ROOT / 'solutions'}"])
    wait_for(arena.launchers, limit=30)
    make.kill()
    make.wait()
    wait_for(lambda: not arena.checkers(), limit=60)
    arena.await_nothing_left()


IN_FLIGHT = "55_descriptors_in_flight.c"
J = [
    Attack(55, "descriptors_in_flight", others_can_pass_descriptors, IN_FLIGHT),
    Attack(55, "descriptors_in_flight_of_a_user", others_can_pass_descriptors, IN_FLIGHT, nobody=True),
    Attack(56, "eight_checkers", many_at_once),
    Attack(57, "stopped_launcher", stopped_launcher),
    Attack(58, "killed_make", killed_make),
]

ALL = [*A, *B, *C, *D, *E, *F, *G, *H, *I, *J]


@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.id)
def test_attack(attack, sandbox_pad, request, tmp_path):
    with Arena() as arena:
        if attack.nobody:
            arena.become_nobody()
        if attack.play in (ready_too_soon, within_limits, refused_as_root_of_the_sandbox):
            attack.more["tmp_path"] = tmp_path
            attack.play(arena, attack, request.getfixturevalue("examine_in_sandbox"))
        else:
            attack.play(arena, attack)


def test_every_number_occurs():
    assert sorted({attack.number for attack in ALL}) == list(range(1, 59))


def test_every_program_is_used_and_says_what_must_happen():
    programs = {path.name for path in ATTACKS.iterdir() if path.name[0].isdigit()}
    assert {attack.program for attack in ALL if attack.program} == programs
    for name in sorted(programs):
        text = (ATTACKS / name).read_text(encoding="utf-8")
        assert re.search(r"must:\s", text) and Path(name).stem in text, name
        assert name.endswith(".c") or stat.S_IMODE((ATTACKS / name).stat().st_mode) & 0o111, name
