#!/bin/sh
# 34_include_of_the_environment LAB FOLDER (step 03): the compiler quotes its own environment, and puts a file of /etc
# into the program.
# must: that environment is the lab's fixed list, with nothing of the caller's; status 1.
cat >"$2/03_setsid.c" <<'END'
#include "/proc/self/environ"
#pragma GCC dependency "/etc/group"
__asm__(".incbin \"/etc/group\"");
int main(void) { return 0; }
END
