"""Step 01: the process's umask takes nothing away."""

from lab.expect.model import Check

CHECKS = [
    Check(
        key="umask_is_zero",
        says="umask is 0000",
        read="umask(2)",
        replaces=("launch_umask",),
        holds=lambda o: o.process.umask == 0,
        expected=lambda o: "0000: a file created with mode 0666 gets 0666",
        observed=lambda o: f"{o.process.umask:04o}: a file created with mode 0666 gets {0o666 & ~o.process.umask:04o}",
        causes=(
            (
                lambda o: o.process.umask == o.shell.umask,
                lambda o: f"{o.shell.umask:04o} is the shell's: umask(0) was not called in the process that lives "
                "on, or the old mask was put back after it",
            ),
            (
                lambda o: o.process.umask in (0o777, 0o666, 0o644, 0o755, 0o600),
                "the mask names the bits to take away, not those to grant: 0 takes away none",
            ),
            (True, "umask() was called with this value, or again with it after umask(0): 0 takes away nothing"),
        ),
    ),
]
