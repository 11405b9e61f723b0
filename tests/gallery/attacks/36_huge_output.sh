#!/bin/sh
# 36_huge_output LAB FOLDER (steps 01 to 03): a program of 4 GB, in three ways.
# must: none compiles; status 1, in time.
echo '__asm__(".incbin \"/dev/zero\""); int main(void) { return 0; }' >"$2/01_umask.c"
echo '__asm__(".fill 4000000000"); int main(void) { return 0; }' >"$2/02_fork.c"
printf '%s\n' '__asm__(".rept 100000000\n.quad 1\n.endr"); int main(void) { return 0; }' >"$2/03_setsid.c"
