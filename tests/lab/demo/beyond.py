"""The demonstrations of the second part: 08 to 15."""

from __future__ import annotations

from lab.demo.acts import Demo, Seen, Told

STARTS = 20


def _sighup(seen: Seen) -> Told:
    count = int(seen.last) if seen.last.isdecimal() else 0
    if count < STARTS:
        return Told(
            True,
            f"{count} of {STARTS} daemons live. When the leader of the window's session ends, the kernel sends SIGHUP "
            "to the others in the window. Those daemons died that had not called setsid() by then.",
        )
    return Told(False, f"{count} of {STARTS} daemons live. None of them minds SIGHUP.")


SIGHUP = Demo(
    step="sighup",
    begins=f"The program is started {STARTS} times, each time in a window of its own, whose session it leads. pgrep "
    "counts the daemons that live.",
    commands=(
        f'for i in $(seq {STARTS}); do script -qc "exec {{program}}" /dev/null; done',
        " rest {comm}",
        "pgrep -c -x {comm}",
    ),
    tell=_sighup,
    is_race=True,
)


def _second_fork(seen: Seen) -> Told:
    if seen.last == "0":
        return Told(
            True,
            "Ctrl-C has ended the daemon. It led its session, so the terminal that it opened became its controlling "
            "terminal.",
        )
    return Told(
        False, "The daemon is still running. It leads no session, so the terminal that it opened is only a file to it."
    )


SECOND_FORK = Demo(
    step="second_fork",
    begins="The daemon gets something to do: it opens a terminal, as if it were any file. Then somebody presses Ctrl-C "
    "on that terminal. Watch whether the daemon stays alive.",
    adds='(void)open("/home/lab/terminal", O_RDWR);',
    includes=("fcntl.h",),
    commands=(
        " keeper='import os; m, s = os.openpty(); os.symlink(os.ttyname(s), \"terminal\"); input(); "
        'os.write(m, b"\\3"); print("typed", flush=True); input()\'',
        ' mkfifo keys; python3 -c "$keeper" <keys >typed & exec 9>keys; soon test -L terminal',
        "{program}",
        " rest {comm}",
        "ps -o pid,sid,tty,comm -C {comm}",
        "echo >&9    # Ctrl-C on that terminal",
        " soon grep -q typed typed; rest {comm}",
        "pgrep -c -x {comm}",
    ),
    tell=_second_fork,
)


def _reset_state(seen: Seen) -> Told:
    if seen.last == "1":
        return Told(
            True, "SIGTERM does nothing. The caller had blocked and ignored it, and the daemon inherited both from it."
        )
    return Told(False, "SIGTERM ends the daemon, although its caller had blocked and ignored it.")


RESET_STATE = Demo(
    step="reset_state",
    begins="The program is started by somebody who blocks and ignores SIGTERM. Then the daemon gets SIGTERM.",
    commands=(
        "env --ignore-signal=TERM --block-signal=TERM {program}",
        " rest {comm}",
        "kill $(pgrep -x {comm})",
        " gone {comm}",
        "pgrep -c -x {comm}",
    ),
    tell=_reset_state,
)


def _pid_file(seen: Seen) -> Told:
    if seen.last != "1":
        return Told(True, f"{seen.last} instances run, and both would write to the same files.")
    return Told(False, "One instance runs. The second one could not lock the file, and gave up.")


PID_FILE = Demo(
    step="pid_file",
    begins="Somebody starts the program, and somebody else starts it once more. pgrep counts the instances.",
    with_step="-p my.pid",
    commands=("{program} {with_step}", " rest {comm}", "{program} {with_step}", " rest {comm}", "pgrep -c -x {comm}"),
    tell=_pid_file,
)


def _ready_pipe(seen: Seen) -> Told:
    if "status 0" in seen.everything:
        return Told(
            True,
            "The caller is told that all went well (status 0), and there is no daemon: the first process exited before "
            "anything could fail.",
        )
    return Told(False, "The caller is told that the start failed, and why: the first process waited for the daemon.")


READY_PIPE = Demo(
    step="ready_pipe",
    begins="The program is to write its PID into a directory that does not exist. So the start has to fail. Watch what "
    "the caller is told.",
    commands=('{program} -p /nowhere/my.pid; echo "status $?"', " rest {comm}", "pgrep -c -x {comm}"),
    tell=_ready_pipe,
)


def _drop_privileges(seen: Seen) -> Told:
    if any("the hole gave away" in message for message in seen.logged):
        return Told(True, "The attacker has read a file that only root may read. The daemon still had root's rights.")
    if any("Permission denied" in message for message in seen.logged):
        return Told(False, "The attacker got nothing: the daemon had become another user, who may not read the file.")
    return Told(True, "Nobody knows what became of it: nothing is in the log.")


DROP_PRIVILEGES = Demo(
    step="drop_privileges",
    begins="Root starts the daemon. Then somebody finds a hole in it, and makes it open a file that only root may "
    "read. The daemon logs what came of it.",
    as_root=True,
    shows_log=True,
    with_step="-u guest",
    adds="""\
if (open("/home/lab/secret", O_RDONLY) == -1)
    syslog(LOG_INFO, "the hole gave nothing: %m");
else
    syslog(LOG_INFO, "the hole gave away the secret");""",
    includes=("fcntl.h", "syslog.h"),
    commands=("(umask 077; echo xyzzy >secret)", "{program} {with_step}", " rest {comm}"),
    tell=_drop_privileges,
)


def _stop(seen: Seen) -> Told:
    count = next((text.strip() for text in seen.printed if text.strip().isdecimal()), "")
    if count != "0":
        return Told(
            True,
            "The daemon still runs: SIGTERM came after the test and before pause(), so it goes on waiting, although "
            "the flag is set.",
        )
    if "No such file" not in seen.last:
        return Told(True, "The daemon has ended, but its PID file is left, and names a process that has ended.")
    return Told(
        False,
        "The daemon has ended, and has removed its PID file. SIGTERM was blocked, and waited until sigwaitinfo() took "
        "it.",
    )


STOP = Demo(
    step="stop",
    begins="Many programs have a handler that sets a flag. They test the flag, and then wait in pause(). The program "
    "before this step gets such a handler. The program of the step needs none, because it waits in sigwaitinfo(). "
    "Each is held where it is about to wait, and gets SIGTERM at that moment.",
    declares="""\
static volatile sig_atomic_t is_told, was_held;
static void remember(int number) { is_told = number; }""",
    adds="""\
(void)signal(SIGTERM, remember);
if (is_told)
    exit(EXIT_SUCCESS);
if (!was_held) {
    was_held = 1;
    (void)raise(SIGSTOP);
}""",
    is_added_once=False,
    includes=("signal.h", "stdlib.h"),
    commands=(
        "{program} -p my.pid",
        " rest {comm}",
        "kill -STOP $(cat my.pid); kill $(cat my.pid); kill -CONT $(cat my.pid)",
        " gone {comm}",
        "pgrep -c -x {comm}",
        "ls my.pid",
    ),
    tell=_stop,
)


def _reload(seen: Seen) -> Told:
    if any("greeting: bye" in message for message in seen.logged):
        return Told(False, "The daemon has read its configuration again, and nobody had to start it anew.")
    return Told(True, "The daemon knows nothing of the new configuration. Somebody has to stop it and start it again.")


RELOAD = Demo(
    step="reload",
    begins="The configuration of the daemon is changed while it runs, and it gets SIGHUP, as kill -HUP sends it.",
    with_step="-c my.conf",
    shows_log=True,
    commands=(
        "echo greeting=hello >my.conf; {program} -p my.pid {with_step}",
        " rest {comm}",
        "echo greeting=bye >my.conf; kill -HUP $(cat my.pid)",
        " rest {comm}",
    ),
    tell=_reload,
)

DEMOS = (SIGHUP, SECOND_FORK, RESET_STATE, PID_FILE, READY_PIPE, DROP_PRIVILEGES, STOP, RELOAD)
