#!/bin/sh
# 05_header_of_memory LAB FOLDER (step 03): headers that are links to files of /proc. To read them fails with EIO, or
# never ends.
# must: no traceback, and the right answer passes; status 0.
cp "$1/solutions/03_setsid.c" "$2"
ln -s /proc/self/mem "$2/x.h"
ln -s /proc/self/pagemap "$2/y.h"
