"""The daemon lab's harness: what happens to an answer, from file to report.

It is built in floors. A module knows what lies on lower floors, and nothing that
lies above or on its own floor. Only modules of one folder know each other, and
never in a circle. From the ground up:

    toolbox, needs, faults       where things are; what a Python lacks; the system calls that are made to fail
    scene, course, deliver, messages    what is asked for; the list of steps; writes the results into a file; messages
                                 to the log, as people read them
    facts, hindered, answers     all types of what was seen; what keeps the lab from looking; the files of a submission
    kernel/                      reads /proc
    sandbox/                     starts programs, and ends them
    watch/                       waits until they are at rest, looks, does to them what is asked for
    checks/                      what a check is: what has to be true, and why it may not be
    checks/recipe/               the checks of the first part of the course
    checks/beyond/               those of the second
    checks/modern/               those of the third
    judge/plan                   which launches the checks of an answer need
    judge/verdict                what comes of the checks
    judge/                       compiles an answer, has it launched, and asks those two
    report, picture              the results, in words and as data; what was seen, as boxes and arrows
    check, tour, stop, syslog, inner_shell    what learners call; `make log` is in syslog; a shell in the sandbox
    trying, typed                `make try`; types commands into a shell in the sandbox
    demo                         the damage without a step, and the same with it
    handouts                     what the handouts show, from real runs
    dev/                         what those call who work on the lab itself
    options                      what each command takes

At `facts` the lab is cut in two. What touches a process makes an Observation;
what judges and tells only reads one. `start` starts them all, by way of
`__main__`, which asks `needs` before it loads anything that takes pytest or psutil.
"""

__version__ = "0.9.0"  # .github/CHANGELOG.md says what changed in which
