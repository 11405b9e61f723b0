"""Messages to the log, as people read them: syslog(3) puts a number and a date before the text."""

from __future__ import annotations

from lab.toolbox import printable

FACILITIES = (
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp 12 13 14 15 "
    "local0 local1 local2 local3 local4 local5 local6 local7"
).split()  # syslog(3)
LEVELS = "emerg alert crit err warning notice info debug".split()


def described(text: str, pid: int | None = None) -> str:
    """A message in a line: facility and level in words, the text without its date, and who has sent it."""
    priority, rest = split(text)
    sender = f"  (PID {pid})" if pid else ""
    return printable(f"{in_words(priority)} {rest}{sender}")


def split(text: str) -> tuple[int | None, str]:
    """(the number before a message, None if there is none; the message without its date), as syslog(3) sends it."""
    number, bracket, rest = text[1:].partition(">")
    if not (text.startswith("<") and bracket and number.isdecimal()):
        return None, text
    date = rest[:16]
    is_dated = len(date) == 16 and date[3] == date[6] == date[15] == " " and date[9] == date[12] == ":"
    return int(number), rest[16:] if is_dated else rest


def in_words(priority: int | None) -> str:
    """ "daemon.info" for 30."""
    if priority is None:
        return "no priority:"
    facility = priority >> 3
    name = FACILITIES[facility] if facility < len(FACILITIES) else str(facility)
    return f"{name}.{LEVELS[priority & 7]}"
