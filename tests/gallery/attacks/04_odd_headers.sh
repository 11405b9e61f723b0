#!/bin/sh
# 04_odd_headers LAB FOLDER (step 03): beside a right answer lie headers that are a FIFO, a device, a folder, and a link
# that leads nowhere.
# must: none of them is opened, nothing waits, and the right answer passes; status 0.
cp "$1/solutions/03_setsid.c" "$2"
mkfifo "$2/a.h"
ln -s /dev/zero "$2/b.h"
mkdir "$2/c.h"
ln -s /nowhere "$2/d.h"
