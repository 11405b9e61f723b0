#!/bin/sh
# 03_header_link_to_solution LAB FOLDER (step 03): the answer includes a header that is a link to the solution.
# must: the compiler does not get x.h, the report says why; status 1.
ln -s "$1/solutions/03_setsid.c" "$2/x.h"
echo '#include "x.h"' >"$2/03_setsid.c"
