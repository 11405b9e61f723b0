"""The lab is built in floors: a module knows what lies below it, and nothing that lies beside it or above."""

import ast

from lab.toolbox import ROOT

LAB = ROOT / "tests" / "lab"

# From the ground up: folders and modules of the package lab. Modules of a folder may know each other, in one direction.
FLOORS = (
    ("toolbox", "needs", "faults"),
    ("scene", "course", "deliver", "messages"),
    ("hindered", "facts", "answers"),
    ("kernel",),
    ("sandbox",),
    ("watch",),
    ("checks",),
    ("checks.recipe",),
    ("checks.beyond",),
    ("checks.modern",),
    ("judge.plan",),
    ("judge.verdict",),
    ("judge",),
    ("report", "picture"),
    ("check", "tour", "stop", "syslog", "inner_shell"),
    ("trying", "typed"),
    ("demo",),
    ("handouts",),
    ("dev",),
    ("options",),
    ("__main__",),
    ("start", "__init__"),
)

# Who may not know whom, though it lies below: the lab is cut in two at what was seen.
PURE = ("checks", "checks.recipe", "checks.beyond", "checks.modern", "judge.plan", "judge.verdict", "report", "picture")
FORBIDDEN = {(pure, below) for pure in PURE for below in ("kernel", "sandbox", "watch")}

# What these may not import from elsewhere: with it they would see the machine, or another time than that of the look.
OF_THE_MACHINE = set(
    "asyncio ctypes fcntl glob grp io multiprocessing platform psutil pwd random resource secrets select shutil socket "
    "stat subprocess sys tempfile threading time".split()
)

ROOMS = {room for rooms in FLOORS for room in rooms}

MOST_OF_ALL = 1 / 3  # of all lines, on one floor


def floor_of(room):
    """The number of the floor that a folder or module of the package is on. Fails for one that is on none."""
    found = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    assert len(found) == 1, f"lab.{room} is on {len(found)} floors: the table FLOORS has to name it once"
    return found[0]


def modules():
    """{name as it is imported, such as lab.kernel.procfs: its path}."""
    found = {}
    for path in sorted(LAB.rglob("*.py")):
        words = path.relative_to(LAB.parent).with_suffix("").parts
        found[".".join(words).removesuffix(".__init__") if len(words) > 2 else ".".join(words)] = path
    return found


def imports(path):
    """What a module imports of the package, as dotted names."""
    return imported(path) & modules().keys()


def imported(path):
    """All that a module imports, as dotted names; an import inside a function counts too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            assert "lab" not in found, f"{path}: import the module that is meant"
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written with the package's name"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(name):
    """The folder or module of the package that a dotted name belongs to: of folders in folders the innermost."""
    words = name.split(".")[1:]
    inner = ".".join(words[:2])
    return inner if inner in ROOMS else words[0]


def test_every_module_is_on_a_floor():
    assert {room_of(name) for name in modules()} == ROOMS


def test_no_module_looks_up():
    looks_up = []
    for name, path in modules().items():
        own = room_of(name)
        for other in imports(path):
            below = room_of(other)
            if own != below and floor_of(below) >= floor_of(own):
                looks_up.append(f"{name} -> {other}")
    assert looks_up == []


def test_nobody_knows_what_is_forbidden():
    known = {(room_of(name), room_of(other)) for name, path in modules().items() for other in imports(path)}
    assert known & FORBIDDEN == set()


def test_what_judges_does_not_look_at_the_machine():
    """Checks, the plan, the verdict and the report are functions of what was seen: so a tape can be judged."""
    seen = []
    for name, path in modules().items():
        if room_of(name) in PURE:
            words = {each.split(".")[0] for each in imported(path)}
            seen += [f"{name} -> {word}" for word in words & OF_THE_MACHINE]
    assert seen == []


def test_modules_of_a_folder_do_not_know_each_other_in_a_circle():
    known = {}
    for name, path in modules().items():
        known[name] = {other for other in imports(path) if room_of(other) == room_of(name) and other != name}
    circles = [name for name in known if name in reached_from(name, known)]
    assert circles == []


def reached_from(name, known):
    """All modules that a module knows, or one that it knows."""
    found, waiting = set(), list(known[name])
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += known[each]
    return found


def test_what_looks_at_a_launch_does_not_write_into_it():
    """In watch/ an object is changed by its own methods alone: where it changes can be found there."""
    written = []
    for name, path in modules().items():
        if room_of(name) == "watch":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                is_written = isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del))
                if is_written and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
                    written.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert written == []


def test_no_floor_holds_most_of_the_house():
    """Who looks for something on a floor with half of all lines has not been told where to look."""
    lines = dict.fromkeys(range(len(FLOORS)), 0)
    for path in (path for path in LAB.rglob("*") if path.suffix in (".py", ".c", ".h")):
        name = ".".join(path.relative_to(LAB.parent).with_suffix("").parts)
        room = room_of(name)
        number = floor_of("check" if room == "smallest" else room)
        lines[number] += path.read_text(encoding="utf-8").count("\n")
    total = sum(lines.values())
    crowded = {FLOORS[number]: count for number, count in lines.items() if count > total * MOST_OF_ALL}
    assert not crowded, f"of {total} lines"
