"""Step 04: the root directory as working directory."""

from lab.checks.model import Check, star_for_failure

CHECKS = [
    Check(
        key="in_root_directory",
        says="its working directory is the root directory",
        read="chdir(2)",
        replaces=("launch_directory",),
        holds=lambda o: o.process.cwd == o.root,
        expected=lambda o: "/",
        observed=lambda o: o.process.cwd_text,
        causes=(
            (
                lambda o: o.process.cwd == o.shell.cwd,
                'it is where it was launched: chdir("/") was not called in the process that lives on, or not before it '
                "waits, or it went back, or another path was given, or the call failed: look at what it returns. In "
                'another process, such as the parent or the shell of system("cd /"), it moves only that one. '
                "chroot() and open() move none",
            ),
            (
                lambda o: o.process.cwd_text.endswith(" (deleted)"),
                "it is in a directory that has been removed: whatever its name, it is not the root directory",
            ),
            (True, "it moved, but to another directory: only the root directory is always there"),
        ),
    ),
    star_for_failure("chdir", "EACCES", "it lives on in the wrong directory"),
]
