"""The results in words, and as data: pure functions of what came of the checks. They launch nothing and print nothing.

    terminal.py   the page that a report is written on: its width, and whether it has colours
    compiler.py   what the compiler says
    launches.py   how a program was started, and what was seen of it
    text.py       what a learner reads
    as_json.py    what other programs read
"""
