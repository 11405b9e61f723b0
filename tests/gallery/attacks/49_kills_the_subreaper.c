/* 49_kills_the_subreaper (step 02, without a sandbox, by an ordinary user):
   kills what stands in for init, which has the same user, and lives on. must:
   wrong, status 1; the answer beside it is judged, and nothing of it is left.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The parent of a process, from /proc/PID/stat. */
static pid_t parent_of(pid_t pid)
{
    char path[64], text[4096] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    (void)!fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    const char *end = strrchr(text, ')');
    return end == NULL ? 0 : atoi(end + 4);
}

int main(void)
{
    pid_t subreaper = parent_of(getppid());
    umask(0);
    if (fork() != 0)
        _exit(0);
    if (subreaper > 1)
        (void)kill(subreaper, SIGKILL);
    for (;;)
        pause();
}
