/* 53_limits (step 00): forks, memory, descriptors, files: as many as it gets.
   must: at most 64 processes, no 600 MiB of memory, at most 4096 descriptors,
   64 MiB and 10000 files in each file system; nothing is printed but the last
   line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void most(const char *what, int count, int limit)
{
    if (count > limit)
        printf("allowed: %d %s\n", count, what);
}

int main(void)
{
    static char block[1 << 20];
    static const char *const files[] = {"/tmp/a", "/tmp/b", "/home/lab/a",
                                        "/home/lab/b", "/dev/shm/a"};
    struct rlimit limit = {4096, 4096};
    pid_t children[80];
    int count = 0;
    (void)signal(SIGXFSZ, SIG_IGN);
    while (count < 80 && (children[count] = fork()) >= 0) {
        if (children[count] == 0)
            for (;;)
                pause();
        count++;
    }
    most("processes", count + 1, 64);
    for (int i = 0; i < count; i++) {
        (void)kill(children[i], SIGKILL);
        (void)waitpid(children[i], NULL, 0);
    }
    most("mappings of 600 MiB",
         mmap(NULL, 600UL << 20, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED,
         0);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    for (count = 0; count < 5000 && open("/dev/null", O_RDONLY) >= 0; count++)
        continue;
    most("descriptors", count, 4096);
    for (int fd = 3; fd < 4096; fd++)
        (void)close(fd);
    for (int i = 0; i < 5; i++) {
        int fd = open(files[i], O_CREAT | O_WRONLY, 0600);
        for (count = 0;
             count < 80 && write(fd, block, sizeof(block)) == sizeof(block);
             count++)
            continue;
        most("MiB in a file", count, 64);
        (void)close(fd);
        (void)unlink(files[i]);
    }
    for (count = 0; count < 10100; count++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "/tmp/f%d", count);
        int fd = open(name, O_CREAT | O_WRONLY, 0600);
        if (fd == -1)
            break;
        (void)close(fd);
    }
    most("files", count, 10000);
    (void)getrlimit(RLIMIT_CPU, &limit);
    most("seconds of processor time", (int)limit.rlim_max, 30);
    (void)getrlimit(RLIMIT_CORE, &limit);
    most("bytes of core", (int)limit.rlim_max, 0);
    puts("tried all");
    return 0;
}
