/* 31_watch_others (step 00): inotify on folders of the machine: it can be had
   on what is shown. must: what is watched tells nothing of anybody's files:
   home directories, /tmp, /run and /var are not there; nothing is printed but
   the last line. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/inotify.h>

int main(void)
{
    static const char *const folders[] = {"/root",    "/run", "/var/log",
                                          "/var/tmp", "/srv", "/mnt",
                                          "/media",   "/sys"};
    int watch = inotify_init();
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        if (inotify_add_watch(watch, folders[i], IN_ALL_EVENTS) != -1)
            printf("allowed: to watch %s\n", folders[i]);
    puts("tried all");
    return 0;
}
