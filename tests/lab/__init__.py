"""The daemon lab's harness: what happens to an answer, from file to report.

An answer passes through these modules in this order, and each knows nothing of
those after it:

    answers   which files are to be checked: the step, the folder, the errors
    build     compile one of them, in a sandbox of its own
    launch    start it as a shell's foreground job, see `launcher/`; what comes
              back is a handle, see `launched`
    settle    wait until it has come to rest
    observe   what the kernel says of its processes then
    checks/   what has to be true after each step, and why it may not be
    judge     hold the one against the other: a result for each check
    report    the results, in words

`launch` stands on two more: `launcher_program` compiles the launcher, and
`refusal` says why this machine allows no sandbox. `needs` tells what a Python
lacks, before any of these is loaded, and `start` starts them all.

`procfs` is what `settle` and `observe` read the kernel with. `toolbox` is what
they all stand on: where things are, and errors that are told in one line.
"""
