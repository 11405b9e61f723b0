/* 28_privileged_calls_nested (step 00): the same in a user namespace of its
   own, where it has all capabilities. must: no user namespace is had, and
   nothing else; nothing is printed but the last line. */
#define _GNU_SOURCE
#include "privileged.h"

#include <signal.h>
#include <sys/ptrace.h>

int main(void)
{
    told("a user namespace", unshare(CLONE_NEWUSER | CLONE_NEWNS));
    try_walls();
    told("ptrace of init", ptrace(PTRACE_SEIZE, 1, NULL, NULL));
    puts("tried all");
    return 0;
}
