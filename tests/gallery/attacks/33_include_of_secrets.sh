#!/bin/sh
# 33_include_of_secrets LAB FOLDER (step 03): includes files that only root may read, and a terminal.
# must: it does not compile, and no line of these files is in the report; status 1.
cat >"$2/03_setsid.c" <<'END'
#include "/etc/shadow"
#include "/proc/1/environ"
#include "/dev/tty"
int main(void) { return 0; }
END
