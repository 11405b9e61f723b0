#!/bin/sh
# 37_compiler_options LAB FOLDER (step 03): asks the compiler for a plugin, a precompiled header, a library, and another
# dynamic linker, from the source.
# must: refused or without effect: the right answer that follows passes; status 0.
cat >"$2/03_setsid.c" <<'END'
#pragma GCC plugin "/tmp/x.so"
#pragma comment(lib, "/tmp/x.a")
#pragma comment(linker, "-fplugin=/tmp/x.so")
__asm__(".section .lab_interp,\"a\"\n.asciz \"/tmp/ld.so\"\n.text");
END
cat "$1/solutions/03_setsid.c" >>"$2/03_setsid.c"
