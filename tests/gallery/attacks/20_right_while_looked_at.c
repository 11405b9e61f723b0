/* 20_right_while_looked_at (step 03): its umask is wrong, until inotify tells
   that somebody opens the terminal, which the lab does before it looks. Then it
   is right for 400 ms. must: wrong, status 1. */
#define _GNU_SOURCE
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    char events[4096];
    const char *terminal = ttyname(0);
    umask(077);
    if (fork() != 0)
        _exit(0);
    setsid();
    int watch = inotify_init();
    (void)inotify_add_watch(watch, terminal, IN_OPEN);
    for (;;) {
        if (read(watch, events, sizeof(events)) <= 0)
            return 1;
        umask(0);
        (void)usleep(400000);
        umask(077);
    }
}
