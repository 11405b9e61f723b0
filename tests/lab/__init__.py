"""The daemon lab's harness: what happens to an answer, from file to report.

It is built in floors. A module knows the data types and what lies on lower
floors, and nothing that lies beside it or above. From the ground up:

    toolbox, hindered            where things are; errors that are told in one line
    facts, scene                 all types of what was seen, and of what is asked for
    course, answers              the list of steps; the files of a submission
    kernel/                      reads /proc
    sandbox/                     starts programs, and ends them
    watch/                       waits until they are at rest, and looks
    checks/                      what has to be true after each step, and why it may not be
    judge/                       which launches are needed, and what comes of the checks
    report                       the results, in words
    check, tour, handouts        what learners and authors call
    dev/                         what those call who work on the lab itself

At `facts` the lab is cut in two. What touches a process makes an Observation;
what judges and tells only reads one. `needs` tells what a Python lacks, before
any of these is loaded, and `start` starts them all.
"""
