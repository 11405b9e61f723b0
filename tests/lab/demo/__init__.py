"""`make demo`: the damage first, with the program before a step, and then the same with the program of the step.

    show       runs a demonstration, and prints it
    acts       what a demonstration is: commands, and sentences that are chosen by what was seen
    recipe, beyond, modern    the demonstrations of the three parts of the course
"""
