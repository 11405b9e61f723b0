"""Step 03: what learners write for a session of their own."""

from gallery import Right, Wrong

CALL = "    start_session();\n"
FORKED = "    leave_parent();\n"
END = "    for (;;)\n        pause();"

WRONG = [
    Wrong("forgotten", [(CALL, "")], fails="leads_session no_terminal", says="setsid() was not called in it"),
    Wrong(
        "before the fork",
        [(FORKED, ""), ('    if (setsid() == -1)\n        die("setsid");', "    setsid();"), (CALL, CALL + FORKED)],
        fails="leads_session no_terminal",
        says="It has to come after the fork",
    ),
]

RIGHT = [
    Right("a raw system call", [("setsid() == -1", "syscall(SYS_setsid) == -1")], headers="sys/syscall.h"),
]
