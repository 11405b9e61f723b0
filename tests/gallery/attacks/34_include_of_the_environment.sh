#!/bin/sh
# 34_include_of_the_environment LAB FOLDER (step 03): the compiler reads its own environment, and puts a file of /etc
# into the program, which prints its environment too.
# must: that environment is the lab's fixed list, with nothing of the caller's; status 1.
cat >"$2/03_setsid.c" <<'END'
#include "/proc/self/environ"
__asm__(".incbin \"/proc/self/environ\"");
extern char **environ;
int puts(const char *);
int main(void)
{
    for (char **each = environ; *each; each++)
        puts(*each);
}
#pragma GCC dependency "/etc/group"
__asm__(".incbin \"/etc/group\"");
END
