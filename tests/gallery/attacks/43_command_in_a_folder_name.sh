#!/bin/sh
# 43_command_in_a_folder_name LAB FOLDER: the name of a folder of answers holds $(shell ...), and make is told that name.
# must: make does not run the command, which would make the file "ran" in LAB; the answers in that folder are checked.
name='$(shell touch ran)'
mkdir "$2/$name"
cp "$1/solutions/03_setsid.c" "$2/$name"
rm -f "$1/ran"
make -s -C "$1" check ANSWERS="$2/$name" STEP=3
test ! -e "$1/ran" || { rm -f "$1/ran"; exit 1; }
