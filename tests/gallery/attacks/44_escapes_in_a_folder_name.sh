#!/bin/sh
# 44_escapes_in_a_folder_name LAB FOLDER: the name of a folder without answers holds an escape and a newline.
# must: one line on standard error, in which they are spelt out; status 2.
folder=$2/$(printf 'x\033[31m\ny')
mkdir "$folder"
exec "$1/tests/run" check --answers "$folder"
