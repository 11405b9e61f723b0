#!/bin/sh
# 02_header_link_to_secret LAB FOLDER SECRET (step 03): a header is a link to a file that only the caller may read. The
# compiler would quote its first line in the report.
# must: the compiler does not get x.h, the report says why, and no word of the file is in it; status 1.
ln -s "$3" "$2/x.h"
echo '#include "x.h"' >"$2/03_setsid.c"
