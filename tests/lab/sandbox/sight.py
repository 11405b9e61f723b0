"""What an answer sees of the machine's files, beyond what it always sees.

The launcher shows /usr, its relatives in the root directory, and a few files of
/etc: see launcher/sandbox.c. This module says what must be added for the
compiler that is used, and what must be taken away again: the lab itself, and
the answers of others.
"""

from pathlib import Path

from lab.toolbox import ROOT, LabError, compiler

# Directories in which a system keeps its own things: they may hold a folder of
# answers, but they are never one.
SYSTEM_NAMES = set("bin etc games include lib lib32 lib64 libexec libx32 local man sbin share src".split())
SHOWN_WHOLE = [Path(name) for name in ("/usr", "/nix", "/gnu")]  # as launcher/sandbox.c has it
OPT = Path("/opt")


def shown_paths():
    """The directories to show for the compiler: of /opt only its own."""
    try:
        place = Path(compiler()[0]).resolve()
    except LabError:
        return []  # whoever compiles something says so
    if OPT not in place.parents:
        return []
    return [str(OPT / place.relative_to(OPT).parts[0])]


def hidden_paths(folders):
    """The directories to hide, as sorted texts: the lab, and what belongs to the class that `folders` are part of.

    `folders` hold answers. The folders beside one are other students': so the
    one above is hidden, or, where the system keeps its own things there too,
    those beside it that hold answers.
    """
    hidden = {ROOT}
    for folder in (Path(each).resolve() for each in folders):
        above = folder.parent
        if not any(top in above.parents or top == above for top in (*SHOWN_WHOLE, OPT)):
            continue  # nothing there is shown in any case
        if above.name in SYSTEM_NAMES or above in SHOWN_WHOLE or above == OPT:
            hidden.update({folder, *_folders_of_answers(above)})
        else:
            hidden.add(above)
    return sorted(map(str, hidden))


def _folders_of_answers(above):
    """The directories directly below `above` that hold C files and are none of the system's own."""
    found = set()
    for path in above.iterdir():
        if path.name not in SYSTEM_NAMES and path.is_dir() and not path.is_symlink():
            if any(path.glob("*.c")) or any(path.glob("steps/*.c")):
                found.add(path)
    return found
