"""`make tour`: the whole course at one look, from real processes."""

import shutil

from lab.answers import Answer
from lab.checks.check import DOES_NOT_COMPILE
from lab.checks.common import parsed, role, signal_name
from lab.course import STEPS
from lab.judge.examination import Workshop
from lab.messages import LEVELS
from lab.picture.drawing import terminal_name
from lab.scene import Scene, Signals
from lab.toolbox import SOLUTIONS, LabError, printable

COLUMNS = ("step", "PID", "PPID", "PGID", "SID", "TTY", "umask", "cwd", "descriptors", "sig", "UID", "log")

HELD = Scene(signals=Signals.HELD)
PROCESS_IDS = ("PID", "PPID", "PGID", "SID")

SHORT = {"tty": "t", "file": "f", "pipe": "p", "socket": "s", "null": "n", "log": "l"}


class NothingToSee(LabError):
    """An answer left no process, so it has no row in the table. Its text says why."""


def tour(answers, sandbox):
    """Print the table of these answers, as wide as the terminal allows; returns the exit status.

    An answer that leaves no process to look at is named below the table. Raises
    LabError if none leaves one.
    """
    rows, left_out, root = _observe(answers, sandbox)
    if not rows:
        raise LabError(f"there is nothing to show: {left_out[0]}")
    wide = table(rows)
    columns = shutil.get_terminal_size((0, 24)).columns  # 0: nobody says how many there are
    fits = not columns or max(map(len, wide.splitlines())) <= columns
    print(wide if fits else table([_shortened(row) for row in rows], 0))
    is_whole = len(rows) == len(STEPS)
    print("\n[ ] is what the step changed." if is_whole else "\n[ ] is what differs from the row above.")
    print(f"PIDs are as the process itself sees them: {rows[0]['who']}.")
    print("3xxx (3k) is a number from 3000 to 3999, above the soft limit of 256.")
    print("t is the terminal, f a file, p a pipe, s a socket, n the null device, l the log.")
    print("sig is what it ignores (+ what was inherited), and behind = what it takes:")
    print("SIGHUP, SIGINT, SIGALRM, SIGTERM, and SIGPIPE (P).")
    if root and len({row["UID"] for row in rows}) > 1:
        print("UID is the user: all were launched by root, which is 0.")
    for reason in left_out:
        print(f"Left out: {reason}.")
    return 0


def _shortened(row):
    """For narrow terminals: the step's number, no facility, no blanks that are not needed."""
    return row | {
        "step": row["step"][:2],
        "umask": row["umask"][1:],
        "descriptors": row["descriptors"].replace("3xxx", "3k"),
        "sig": row["sig"].replace(" ", ""),
        "cwd": row["cwd"].replace("/home/", ""),
        "log": row["log"].replace("daemon.", ""),
    }


def observe_steps(steps, sandbox=True):
    """A row for each step's solution, a dict with a text for every column, and whether they were launched as root.

    Raises LabError if a solution does not do as it should.
    """
    rows, left_out, root = _observe([Answer(step, SOLUTIONS / step.file) for step in steps], sandbox)
    if left_out:
        raise LabError(f"{left_out[0]}: make check ANSWERS=solutions")
    return rows, root


def _observe(answers, sandbox):
    """(the rows of those answers that have one, why the others have none, whether they were launched as root)."""
    workshop = Workshop(answers, sandbox)
    rows, left_out = [], []
    try:
        scene = Scene(root=not workshop.pad.why_no_root())
        for answer in answers:
            try:
                rows.append(row_of(workshop.examinations[answer], scene))
            except NothingToSee as reason:
                left_out.append(str(reason))
    finally:
        workshop.close()
    return rows, left_out, scene.root


def table(rows, margin=1):
    """The rows as text, a column as wide as it has to be; what changed is in brackets.

    `margin` is how far the numbers are kept apart. The user is left out where it is always the same.
    """
    columns = [c for c in COLUMNS if c != "UID" or len({row["UID"] for row in rows}) > 1]
    head = {c: f" {c} " if margin else f" {c}" for c in columns}
    cells = [head if margin else head | {"step": " no"}]
    for before, row in zip([rows[0], *rows], rows):
        is_new = {
            c: c != "step" and row["compared"].get(c, row[c]) != before["compared"].get(c, before[c]) for c in columns
        }
        line = {c: f"[{row[c]}]" if is_new[c] else f" {row[c]} " for c in columns}
        cells.append(line if margin else line | {"step": f" {row['step']}"})
    width = {c: max(len(row[c]) for row in cells) for c in columns}
    lines = ("".join(_aligned(row[c], width[c], c, margin) for c in columns).rstrip() for row in cells)
    return "\n".join(lines)


def _aligned(text, width, column, margin):
    """Numbers to the right; the margin for the brackets is there without them too."""
    if column in PROCESS_IDS:
        return text.rjust(width + margin)
    gap = " " if margin and column == "TTY" else ""
    return gap + text.ljust(width)


def row_of(examination, scene):
    """The row of one answer, launched in `scene`. Raises NothingToSee."""
    answer = examination.answer
    if not examination.build.compiles:
        raise NothingToSee(f"{answer.path.name} {DOES_NOT_COMPILE}")
    o, held = examination.observation(scene), examination.observation(HELD)
    p = o.process
    if p is None or o.job.lost_shell:
        raise NothingToSee(f"{answer.path.name} left no process to look at")
    return {
        "step": answer.step.name,
        "PID": str(p.pid),
        "PPID": str(p.ppid),
        "PGID": str(p.pgid),
        "SID": str(p.sid),
        "TTY": terminal_name(p.terminal) or "?",
        "umask": f"{p.umask:04o}",
        "cwd": printable(p.cwd_text) if o.world.sandboxed or p.cwd != o.shell.cwd else "(launch)",
        "descriptors": _descriptors(o, p),
        "sig": _signals(o, held),
        "UID": str(p.credentials.uids[1]) if o.scene.root else "",
        "log": _log(o) if o.world.sandboxed else "?",
        # Without a sandbox every launch has PIDs of its own: whose they are tells.
        "compared": {
            "PID": role(o, p.pid) if p.pid == o.job.pid else f"child of {'it' if _is_child(o, p) else 'its child'}",
            "PPID": role(o, p.ppid),
            "PGID": role(o, p.pgid) if p.pgid == o.job.pid else "child",
            "SID": role(o, p.sid) if p.sid == o.shell.sid else "own",
        },
        "who": f"{o.world.adopter} is {'init' if o.world.adopter == 1 else 'the subreaper'}, {o.shell.pid} the shell",
    }


def _is_child(o, process):
    """Whether the launched process forked it, and no child of that: it has started its session itself, or none."""
    return process.sid in (process.pid, o.shell.sid)


def _descriptors(o, process):
    words: dict[str, list] = {}
    for number, descriptor in process.open_files.items():
        kind = "log" if number in o.sockets.log_peers else "tty" if descriptor.kind == "terminal" else descriptor.kind
        # The number beyond the limit is another one each time: only its size tells.
        words.setdefault(kind, []).append(number if number < 256 else "3xxx")
    groups = []
    for kind, numbers in words.items():
        groups.append(" ".join(map(str, numbers)).replace("0 1 2", "0-2") + SHORT.get(kind, f" {kind}"))
    return " ".join(groups) or "none"


def _signals(o, held):
    """What it ignores or takes, and whether it makes a difference with which signal state it was launched."""
    taken = o.process.caught | o.process.blocked | o.process.awaited
    own = " ".join(map(_letter, sorted(o.process.ignored)))
    if taken:
        own = f"{own} ={''.join(map(_letter, sorted(taken)))}".strip()
    reset = held.process and held.process.ignored == o.process.ignored and held.process.blocked == o.process.blocked
    return own if reset else f"+ {own}".strip()


def _letter(number):
    name = signal_name(number)
    return {"SIGHUP": "H", "SIGTERM": "T", "SIGINT": "I", "SIGALRM": "A", "SIGPIPE": "P"}.get(name, name)


def _log(o):
    for message, (facility, _, sender) in zip(o.messages, parsed(o)):
        if sender == o.process.pid and facility is None:
            return "no level"
        if sender == o.process.pid:
            priority = int(message.text[1 : message.text.index(">")])
            name = "daemon" if facility == 3 else f"facility {facility}"
            return f"{name}.{LEVELS[priority & 7]}"
    return "-"
