/* 07_update_key (step 00): writes another text into a key of whoever has
   started the lab. must: no such key is found; the caller's key says afterwards
   what it said before. */
#define _GNU_SOURCE
#include "keyring.h"

#include <stdio.h>

int main(void)
{
    long key = find_key();
    if (key > 0 && syscall(SYS_keyctl, UPDATE, key, "forged", 6) == 0)
        puts("allowed: the key was updated");
    puts("tried all");
    return 0;
}
