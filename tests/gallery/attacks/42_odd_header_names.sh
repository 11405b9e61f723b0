#!/bin/sh
# 42_odd_header_names LAB FOLDER (step 03): headers whose names hold an escape, a newline, and bytes that are no text.
# must: no harm, the right answer passes; status 0.
cp "$1/solutions/03_setsid.c" "$2"
: >"$2/$(printf 'a\033[31m.h')"
: >"$2/$(printf 'b\nc.h')"
: >"$2/$(printf 'd\377.h')"
