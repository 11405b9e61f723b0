"""Types commands into a shell in the sandbox, and reads what they print."""

import time

from lab.scene import Scene
from lab.toolbox import LabError

RUN_TIME = 60  # seconds for all commands
MARK = "\x1e"


def typed(pad, commands, files, scene=Scene(), started=lambda launch: None):
    """What each of the commands printed, when typed into one bash with job control, in the login shell's place.

    `files` are (bytes, mode, name) to be found in its working directory;
    `started` is called with the Launch, which has all messages to the log
    afterwards. Raises LabError if they do not end within RUN_TIME seconds.
    """
    script = ["set -m; export COLUMNS=100", *(f"{command}\nprintf '{MARK}'" for command in commands)]
    files = [("\n".join(script).encode() + b"\n", 0o644, ".script"), *files]
    with pad.shell(files, ["bash", ".script"], scene) as launch:
        started(launch)
        deadline = time.monotonic() + RUN_TIME
        while launch.printed.count(MARK.encode()) < len(commands):
            launch.pump(0.1)
            if time.monotonic() > deadline:
                break
        launch.take_in()
        printed = launch.printed.decode("utf-8", "replace").replace("\r\n", "\n").split(MARK)
    if len(printed) <= len(commands):
        stuck = commands[len(printed) - 1]
        raise LabError(f"this did not end within {RUN_TIME} s: {stuck}, and printed: {printed[-1]}")
    return printed[: len(commands)]
