#!/bin/sh
# 43_command_in_a_folder_name LAB FOLDER: the name of a folder of answers holds $(shell ...), and make is told that name.
# must: make does not run the command: there is no file "ran".
folder=$2/'$(shell touch ran)'
mkdir "$folder"
cp "$1/solutions/03_setsid.c" "$folder"
cd "$2" || exit 2
make -s -C "$1" check ANSWERS="$2/\$(shell touch $2/ran)" STEP=3
make -s -C "$1" check ANSWERS="\$(shell touch $2/ran)" STEP=3
test ! -e "$2/ran"
