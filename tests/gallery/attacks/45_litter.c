/* 45_litter (step 02, without a sandbox): a right answer that leaves files
   outside its own folder, and a segment of shared memory. must: nothing of
   root's answers is left; an ordinary user is told in the report's header that
   such files stay. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef TAG
#define TAG "lab-attack-litter"
#define KEY 0x1abacced
#endif

int main(void)
{
    umask(0);
    (void)close(open("/tmp/" TAG, O_CREAT | O_WRONLY, 0644));
    (void)close(open("/var/tmp/" TAG, O_CREAT | O_WRONLY, 0644));
    (void)close(open("/dev/shm/" TAG, O_CREAT | O_WRONLY, 0644));
    (void)mkdir("/tmp/" TAG "-folder", 0755);
    (void)close(open("/tmp/" TAG "-folder/file", O_CREAT | O_WRONLY, 0));
    (void)shmget(KEY, 4096, IPC_CREAT | 0600);
    if (fork() != 0)
        _exit(0);
    for (;;)
        pause();
}
