#!/bin/sh
# 01_link_to_solution LAB FOLDER (step 03): the answer is a symbolic link to the lab's solution. git, tar and zip keep
# links, and the lab reads answers outside the sandbox.
# must: "03_setsid.c is a symbolic link: hand in the file itself", status 1; the answer beside it is judged.
ln -s "$1/solutions/03_setsid.c" "$2/03_setsid.c"
cp "$1/solutions/02_fork.c" "$2"
