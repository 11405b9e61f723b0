/* 06_read_key (step 00): looks for a key in the session keyring of whoever has
   started the lab, and reads it. must: no such key is found; nothing is printed
   but the last line. */
#define _GNU_SOURCE
#include "keyring.h"

#include <stdio.h>

int main(void)
{
    char text[100] = "";
    long key = find_key();
    if (key > 0 && syscall(SYS_keyctl, READ, key, text, sizeof(text) - 1) > 0)
        printf("allowed: the key says %s\n", text);
    puts("tried all");
    return 0;
}
