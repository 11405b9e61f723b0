#!/bin/sh
# 35_include_that_waits LAB FOLDER (step 03): includes a terminal that never says anything.
# must: it is cut short after 10 s, status 1.
echo '#include "/dev/pts/ptmx"' >"$2/03_setsid.c"
