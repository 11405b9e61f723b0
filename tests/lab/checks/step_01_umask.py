"""Step 01: the process's umask takes nothing away."""

from lab.checks.model import Check

# Numbers that look like octal ones, and are decimal without a leading 0.
DECIMAL = {n & 0o777: n for n in (22, 26, 27, 77, 600, 640, 644, 664, 666, 750, 755, 775, 777)}

CHECKS = [
    Check(
        key="umask_is_zero",
        says="umask is 0000",
        read="umask(2)",
        replaces=("launch_umask",),
        holds=lambda o: o.process.umask == 0,
        expected=lambda o: "0000: a file created with mode 0666 gets 0666",
        observed=lambda o: f"{o.process.umask:04o}: a file created with mode 0666 gets "
        f"{0o666 & ~o.process.umask:04o}",
        causes=(
            (
                lambda o: o.process.umask == o.shell.umask,
                lambda o: f"{o.shell.umask:04o} is the shell's: umask(0) was not called in the process that lives "
                "on (its parent, a child, a command run by system(): each has a umask of its own), or it comes after "
                "a loop that never ends, or the old mask was put back after it, as umask(umask(0)) does",
            ),
            (
                lambda o: o.process.umask in DECIMAL,
                lambda o: f"{o.process.umask:04o} is what {DECIMAL[o.process.umask]} gives: without a leading 0, "
                f"{DECIMAL[o.process.umask]} is decimal in C. The mask has to be 0, which takes away nothing",
            ),
            (
                lambda o: o.process.umask & 0o400,
                "this mask takes away even the owner's right to read: a mask names the bits to take away, not those to "
                "grant. 0 takes away none",
            ),
            (
                True,
                "umask() was called with this value, in place of 0 or after umask(0). A mask of 0 takes away nothing",
            ),
        ),
    ),
]
