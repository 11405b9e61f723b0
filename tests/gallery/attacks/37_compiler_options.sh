#!/bin/sh
# 37_compiler_options LAB FOLDER (step 03): asks the compiler for a plugin, a precompiled header, a library, and another
# dynamic linker, from the source.
# must: refused or without effect: the right answer that follows passes; status 0.
{
    echo '#pragma GCC plugin "/tmp/x.so"'
    echo '#pragma comment(lib, "/tmp/x.a")'
    echo '#pragma comment(linker, "-fplugin=/tmp/x.so")'
    echo '__asm__(".section .lab_interp,\"a\"\n.asciz \"/tmp/ld.so\"\n.text");'
    cat "$1/solutions/03_setsid.c"
} >"$2/03_setsid.c"
