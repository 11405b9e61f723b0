#!/bin/sh
# 39_escapes_in_messages LAB FOLDER (step 03): escape sequences, and bytes that turn the direction of text, in what the
# compiler quotes.
# must: all are spelt out; status 0, because these are warnings.
{
    printf '#warning "\033[2J\033]0;title\007 \302\2332J \342\200\256 \377"\n'
    printf '#pragma message "\033[31mred \342\201\246"\n'
    cat "$1/solutions/03_setsid.c"
} >"$2/03_setsid.c"
