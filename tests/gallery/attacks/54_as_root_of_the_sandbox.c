/* 54_as_root_of_the_sandbox (step 13, in its scene as root): what 25 to 32 try,
   with the capabilities that root's daemons have there. must: the same
   refusals; nothing is printed but the last line. */
#define _GNU_SOURCE
#include "privileged.h"

#include <signal.h>
#include <sys/ptrace.h>

int main(void)
{
    try_walls();
    told("a user namespace", unshare(CLONE_NEWUSER));
    told("a mount namespace", unshare(CLONE_NEWNS));
    told("a tmpfs", mount("t", "/tmp", "tmpfs", 0, NULL));
    told("sethostname", sethostname("x", 1));
    told("a raw socket", socket(AF_INET, SOCK_RAW, 1));
    told("ptrace of init", ptrace(PTRACE_SEIZE, 1, NULL, NULL));
    told("max_user_namespaces",
         open("/proc/sys/user/max_user_namespaces", O_WRONLY));
    puts("tried all");
    return 0;
}
