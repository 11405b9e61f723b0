#!/bin/sh
# 38_floods_of_messages LAB FOLDER (steps 01 to 04): 20000 errors, a line of 900 KB, a macro of ten million tokens, and
# bytes that are no text.
# must: each is cut to 30 lines of 400 columns; status 1, in time.
awk 'BEGIN { for (i = 0; i < 20000; i++) print "int a" i " = b" i ";" }' >"$2/01_umask.c"
awk 'BEGIN { printf "int a = "; for (i = 0; i < 450000; i++) printf "1+"; print "x;" }' >"$2/02_fork.c"
{
    echo '#define A x,x,x,x,x,x,x,x,x,x,'
    echo '#define B A A A A A A A A A A'
    echo '#define C B B B B B B B B B B'
    echo '#define D C C C C C C C C C C'
    echo '#define E D D D D D D D D D D'
    echo '#define F E E E E E E E E E E'
    echo 'int a[] = { F F F F F F F F F F };'
} >"$2/03_setsid.c"
printf 'int \377\376\000\001 main\033[2J(void)\000 { \303( }' >"$2/04_chdir.c"
