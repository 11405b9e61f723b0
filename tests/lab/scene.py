"""What is asked for: how a program is started, and what is done to it once it is at rest.

Data only. A step says how its program is usually launched, a check names the
scene that it wants to look at, and whatever launches programs reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

PID_FILE = "daemon.pid"  # what -p names, in the working directory
CONFIG = "daemon.conf"  # what -c names
SOCKET = "service.sock"  # what -l names, if it is a path
PORT = "PORT"  # in arguments and deeds it stands for a port that is free
SOMEBODY = "SOMEBODY"  # in arguments it stands for a user who is neither root nor whoever runs the lab
# Faults that hold a call until pytest has had a look: chdir(), accept(), all that can tell something, setsid().
HOLD_CHDIR, ACCEPT_ONCE, LOOK_BEFORE = "chdir-held", "accept-once", "telling-held"
HOLD_SETSID = "setsid-held"
USER = "guest"  # whom -u names; in /etc/passwd where a job is launched as root
USERS = {
    "passwd": b"root:x:0:0::/:/bin/sh\nguest:x:70:80::/:/bin/sh\n",
    "group": b"root:x:0:\nguest:x:80:\nmail:x:81:guest\nnews:x:82:guest\n",
}
HOSTS_FILE = Path("/etc/hosts")
HOSTS = b"127.0.0.1 localhost\n::1 localhost\n"  # that file in a sandbox, for a job that is told a host


@dataclass(frozen=True)
class Scene:
    """How a program is started; the defaults are those of every answer."""

    stdio: str = "terminal"  # or "closed", or "pipe" for standard output
    fault: str = ""  # a row of the table in launcher/faults.c
    without: tuple[str, ...] = ()  # "null", "log": not in /dev
    leads: bool = False  # it leads a session on a terminal of its own, as under sshd
    environment: tuple[str, ...] = ()  # of NAME=VALUE, beside toolbox.ENVIRONMENT, or NAME for none of it
    signals: str = ""  # "held": every signal is ignored, and blocked too
    then: tuple[str, ...] = ()  # what is done once it is at rest: see DEEDS in watch/observe.py, or a signal's name
    files: tuple[Any, ...] = ()  # (name, bytes) in its working directory, and the mode if it is not 0644
    root: bool = False  # as root of the sandbox, with USERS to become, in a directory of root's; from the step on
    # that gives up root's rights, the arguments tell it to become one
    arguments: tuple[str, ...] | None = None  # None, here and below: as is usual
    notify: str | None = None  # the kind of service manager that would be told, see launcher/sockets.c; "" for none
    listen: tuple[str, ...] | None = None  # the kinds of what a service manager passes, from descriptor 3 on


@dataclass(frozen=True)
class Usual:
    """How the program of a step is launched where a scene leaves it open."""

    arguments: tuple[str, ...] = ()
    as_root: tuple[str, ...] = ()  # arguments besides, where it is root
    notify: str = ""  # this and the next one as in a Scene
    listen: tuple[str, ...] = ()
    name: str = ""  # of one of the two ways in which a step's program is launched

    def key(self, word: str) -> str:
        """What a check that is called so is called among all of the step's, if this is how it is launched."""
        return f"{self.name}/{word}" if self.name else word

    def completed(self, scene: Scene) -> Scene:
        """The scene, with what it leaves open (None) as is usual."""
        arguments = self.arguments + (self.as_root if scene.root else ())
        return replace(
            scene,
            arguments=arguments if scene.arguments is None else scene.arguments,
            notify=self.notify if scene.notify is None else scene.notify,
            listen=self.listen if scene.listen is None else scene.listen,
        )
