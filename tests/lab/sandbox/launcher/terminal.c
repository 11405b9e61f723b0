/* Terminals: pty(7). */
#define _GNU_SOURCE
#include "terminal.h"

#include "wire.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The master of a fresh terminal, of which nobody has the other side yet. */
int open_terminal(const struct request *request)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1)
        broken(request, "posix_openpt");
    if (request->id != 0 && geteuid() == 0 &&
        chown(ptsname(master), request->id, (gid_t)-1) == -1)
        broken(request, "giving away the terminal");
    return master;
}

/* As the leader of a session: a controlling terminal, on 0, 1 and 2. */
void take_terminal(const struct request *request, int master)
{
    char name[64];
    if (setsid() == -1)
        broken(request, "setsid");
    if (ptsname_r(master, name, sizeof(name)) != 0)
        broken(request, "ptsname_r");
    int terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal == -1 || ioctl(terminal, TIOCSCTTY, 0) == -1)
        broken(request, name);
    for (int number = 0; number <= 2; number++)
        if (dup2(terminal, number) == -1)
            broken(request, "dup2");
    (void)close(terminal);
    (void)close(master);
}
