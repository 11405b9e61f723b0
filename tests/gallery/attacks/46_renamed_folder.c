/* 46_renamed_folder (step 02, without a sandbox): renames the folder that it
   runs in, and puts a link to /etc there. must: the folder is removed under its
   new name, the link is, and nothing of /etc. */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    char folder[PATH_MAX], moved[PATH_MAX + 16];
    umask(0);
    if (getcwd(folder, sizeof(folder)) != NULL) {
        (void)snprintf(moved, sizeof(moved), "%s-moved", folder);
        if (rename(folder, moved) == 0)
            (void)symlink("/etc", folder);
    }
    if (fork() != 0)
        _exit(0);
    for (;;)
        pause();
}
