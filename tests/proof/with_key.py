"""Runs a command with a session keyring of its own: keyrings(7). `python with_key.py FILE COMMAND...`

A key called lab-attack is in it. Afterwards FILE says what the key says, and
how many keys there are. The exit status is the command's, or 77 where there
are no keyrings.
"""

import ctypes
import os
import subprocess
import sys

# add_key(2) and keyctl(2): most architectures have the numbers of the second row.
ADD_KEY, KEYCTL = {"x86_64": (248, 250), "s390x": (278, 280), "ppc64le": (269, 271)}.get(os.uname().machine, (217, 219))
SESSION, JOIN, READ = ctypes.c_long(-3), 1, 11
TEXT = b"the secret of the caller"
NO_KEYRINGS = 77

syscall = ctypes.CDLL(None, use_errno=True).syscall
syscall.restype = ctypes.c_long


def read_key(key):
    """What a key says, or what a keyring lists, as bytes."""
    buffer = ctypes.create_string_buffer(1000)
    size = syscall(KEYCTL, READ, key, buffer, ctypes.c_long(1000))
    return buffer.raw[: max(size, 0)]


def main(path, command):
    """Returns the exit status."""
    if syscall(KEYCTL, JOIN, None) == -1:
        return NO_KEYRINGS
    key = syscall(ADD_KEY, b"user", b"lab-attack", TEXT, ctypes.c_long(len(TEXT)), SESSION)
    if key == -1:
        return NO_KEYRINGS
    status = subprocess.run(command, check=False).returncode
    with open(path, "wb") as file:
        file.write(b"%s\n%d\n" % (read_key(key), len(read_key(SESSION)) // 4))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
