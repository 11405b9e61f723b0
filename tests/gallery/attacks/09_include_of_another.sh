#!/bin/sh
# 09_include_of_another LAB FOLDER OTHER (step 03): the folders of a class lie below what the sandbox shows, and this
# answer is that of somebody else.
# must: it does not compile, because the other folder is not in sight; status 1.
echo "#include \"$3/03_setsid.c\"" >"$2/03_setsid.c"
