"""Pictures of what was seen of a launch: sessions and groups, the tree of processes, descriptors, and who told what.

    drawing    what is drawn, of an Observation: plain data
    text       the same as lines of text, with boxes or with + - and |
    svg        the same as an SVG image, with a text alternative

All of it is a function of what was seen: nothing here looks at a process.
"""
