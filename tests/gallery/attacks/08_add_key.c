/* 08_add_key (step 00): adds a key to the session keyring of whoever has
   started the lab. must: the caller's keyring has no key more when all has
   ended. */
#define _GNU_SOURCE
#include "keyring.h"

#include <stdio.h>

int main(void)
{
    (void)syscall(SYS_add_key, "user", "left-by-an-answer", "x", 1, SESSION);
    puts("tried all");
    return 0;
}
