"""Step 03: a session of its own, without a controlling terminal."""

from lab.checks.model import Check, role, star_for_failure


def owner(o, pid):
    """Whose a session or a group is, by its ID."""
    if pid in (o.shell.pid, o.job):
        return role(o, pid)
    return f"a process that {'lives on' if pid in [p.pid for p in o.processes] else 'has ended'}"


def session_of(o, pid):
    name = owner(o, pid)
    return f"the session of {name}" if name.startswith("a ") else f"{name}'s session"


def group_words(o):
    p = o.process
    words = [f"SID {p.sid}  PGID {p.pgid}  (PID {p.pid})"]
    if p.sid == p.pgid != p.pid:
        words.append(f"{p.sid} is {owner(o, p.sid)}")
        return "   ".join(words)
    if p.sid != p.pid:
        words.append(f"{p.sid} is {session_of(o, p.sid)}")
    if p.pgid != p.pid:
        words.append(f"{p.pgid} the group of {owner(o, p.pgid)}")
    return "   ".join([words[0], ", ".join(words[1:])]).rstrip()


CHECKS = [
    Check(
        key="leads_session",
        says="SID = PGID = PID",
        read="setsid(2)",
        replaces=("shell_session",),
        holds=lambda o: o.process.sid == o.process.pgid == o.process.pid,
        expected=lambda o: f"SID {o.process.pid}  PGID {o.process.pid}  (PID {o.process.pid})",
        observed=group_words,
        causes=(
            (
                lambda o: o.process.sid == o.shell.sid and o.process.pgid == o.process.pid,
                "it leads a process group, but is still in the shell's session: it is the launched process, which the "
                "shell made the leader of a group, or setpgid() or setpgrp() made it one. In a process that leads a "
                "group setsid() fails (EPERM), and setpgid() alone starts no session",
            ),
            (
                lambda o: o.process.sid == o.shell.sid and not o.process.terminal,
                "it gave up its terminal, as TIOCNOTTY does, but is still in the shell's session. setsid() starts "
                "a session of its own, which has no terminal",
            ),
            (
                lambda o: o.process.sid == o.shell.sid,
                "this process has not started a session: setsid() was not called in it, or it failed, as it "
                "does in a process that leads its group. It has to come after the fork, in the child",
            ),
            (
                lambda o: o.process.sid in [p.pid for p in o.processes],
                "a session was started, but by another process, which lives on: this one was forked after setsid()",
            ),
            (
                True,
                "a session was started, but by a process that has ended since: this one was forked after "
                "setsid(). Here no fork comes after it: a second fork is what step 09 is about",
            ),
        ),
    ),
    Check(
        key="no_terminal",
        says="no controlling terminal",
        read="setsid(2), tty(4)",
        replaces=("shell_terminal",),
        follows=("leads_session",),
        holds=lambda o: o.process.terminal == 0,
        expected=lambda o: "none (a ? in the column TTY of ps)",
        observed=lambda o: "the shell's terminal"
        if o.process.terminal == o.shell.terminal
        else "a terminal, not the shell's",
        causes=(
            (
                lambda o: o.process.sid == o.shell.sid,
                "it is still in the shell's session, which has that terminal: setsid() was not called in it or in what "
                "forked it, or it failed, as it does in a process that leads its group",
            ),
            (
                True,
                "after setsid() it took a terminal again: TIOCSCTTY does, and so does open() of a terminal by a "
                "session leader, unless O_NOCTTY is given",
            ),
        ),
    ),
    star_for_failure("setsid", "EPERM", "it lives on as half a daemon"),
]
