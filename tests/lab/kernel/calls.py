"""The names of system calls. /proc/PID/syscall has numbers, and every kind of machine has numbers of its own.

The compiler's headers have both: <asm/unistd.h>, which syscalls(2) names. They are
asked once, and what they say is kept with what else is built.
"""

import os
import re
import shutil
import subprocess
from functools import cache

from lab.toolbox import BUILD, LabError, compiler

COMPILERS = ("cc", "gcc", "clang")  # and, after these, what CC names
ASK_TIME = 60  # seconds for the preprocessor on a busy machine
_DEFINE = re.compile(r"^#define (__NR\w+|__X32_SYSCALL_BIT) (.+)$", re.MULTILINE)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|\d+")
_NO_CALLS = ("__NR_syscalls", "__NR_arch_specific_syscall", "__NR_SYSCALL_BASE", "__NR_Linux")


def name_of(number):
    """The name of a system call, such as "wait4"; "" where it is not known."""
    return names().get(number, "")


@cache
def names():
    """{number: name} of all system calls of this kind of machine; {} where the compiler does not tell."""
    kept = BUILD / f"calls-{os.uname().machine}"
    try:
        return parse(kept.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        text = _ask_compilers()
    if not text:
        return {}
    fresh = kept.with_name(f"{kept.name}-{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(kept)
    except OSError:
        pass  # it is asked again the next time
    return parse(text)


def _ask_compilers():
    """All macros of <asm/unistd.h>, as the first preprocessor prints them that has this header; "" if none has."""
    words = [[found] for name in COMPILERS if (found := shutil.which(name))]
    try:
        words.append(compiler())
    except LabError:
        pass
    return next((text for each in words if (text := _ask(each))), "")


def _ask(compiler_words):
    """What one of them prints, "" where it fails."""
    try:
        done = subprocess.run(
            [*compiler_words, "-E", "-dM", "-x", "c", "-"],
            input="#include <asm/unistd.h>\n",
            capture_output=True,
            text=True,
            timeout=ASK_TIME,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def parse(text):
    """{number: name} of the macros __NR_name. Some are written as another macro, or as a sum with one."""
    macros = dict(_DEFINE.findall(text))
    found = {}
    for macro in macros:
        number = _value(macro, macros)
        if macro.startswith("__NR_") and macro not in _NO_CALLS and number is not None:
            found[number] = macro[len("__NR_") :]
    return found


def _value(text, macros, depth=0):
    """The number that a macro stands for, None where that cannot be told."""
    text = text.strip("() ")
    if "+" in text:
        parts = [_value(part, macros, depth) for part in text.split("+")]
        return None if None in parts else sum(parts)
    if _NUMBER.fullmatch(text):
        return int(text, 0) if text.lower().startswith("0x") else int(text)
    if text not in macros or depth > len(macros):
        return None
    return _value(macros[text], macros, depth + 1)
