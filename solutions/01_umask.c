/*
 * 01_umask: permissions that this process decides
 *
 * The umask takes permission bits away from every file and directory that the
 * process creates. It is inherited: a daemon started under umask 077 writes
 * files that nobody else can read, under 022 the same daemon writes others.
 * With an empty mask the mode given to open() is the mode of the file (but in a
 * directory that has a default ACL: there that decides, acl(5)).
 *
 * The other side of it: fopen() asks for mode 0666, and from here on it gets
 * 0666. A daemon that clears its umask must name a mode wherever it creates.
 *
 * See it:   build/solutions/01_umask &
 *           grep Umask /proc/$!/status
 * End it:   kill %1
 * Read:     steps/01_umask.md, umask(2)
 */
#include <sys/stat.h>
#include <unistd.h>

/* umask() cannot fail: what it returns is the mask before. */
static void clear_umask(void)
{
    (void)umask(0);
}

int main(void)
{
    clear_umask();

    for (;;)
        pause();
}
