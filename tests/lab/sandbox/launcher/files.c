/* Files that a launch begins with, and looks into. */
#define _GNU_SOURCE
#include "files.h"

#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* False, and errno, if it is not written as a whole. */
bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd == -1)
        return false;
    bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    int error = errno;
    (void)close(fd);
    errno = error;
    return written;
}

/* The descriptors came from pytest, whose memfds they are: read from 0. */
void lay_out_files(const struct request *request)
{
    for (int i = 0; i < request->file.count; i++) {
        const struct file *file = &request->file.items[i];
        char parent[4096];
        (void)snprintf(parent, sizeof(parent), "%s", file->name);
        for (char *slash = strchr(parent, '/'); slash != NULL;
             slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            if (mkdir(parent, 0755) == -1 && errno != EEXIST)
                broken(request, parent);
            *slash = '/';
        }
        if (S_ISFIFO(file->mode)) {
            if (mkfifo(file->name, file->mode) == -1 ||
                chmod(file->name, file->mode & 07777) == -1 ||
                (request->id != 0 &&
                 chown(file->name, request->id, request->id) == -1))
                broken(request, file->name);
            continue;
        }
        int fd = open(file->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
                      file->mode);
        if (fd == -1 || fchmod(fd, file->mode) == -1 ||
            (request->id != 0 && fchown(fd, request->id, request->id) == -1))
            broken(request, file->name);
        struct stat status;
        if (i == 0 && fstat(fd, &status) == 0)
            report(request, "program %ju %ju", (uintmax_t)status.st_dev,
                   (uintmax_t)status.st_ino);
        off_t offset = 0;
        ssize_t count;
        do
            count = sendfile(fd, file->source, &offset, 1 << 20);
        while (count > 0);
        if (count == -1 || close(fd) == -1)
            broken(request, file->name);
    }
}

/* The parent of the process that has this PID; 0 if there is none. In its stat
   the name is in parentheses, and may hold any character: proc(5). */
static int parent_of(long pid)
{
    char path[32], line[512] = "";
    int parent = 0;
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    (void)!fread(line, 1, sizeof(line) - 1, file);
    (void)fclose(file);
    const char *after_name = strrchr(line, ')');
    if (after_name == NULL || sscanf(after_name, ") %*c %d", &parent) != 1)
        parent = 0;
    return parent;
}

/* To read, if it is a regular file; -1 if it is none. A program may be waiting
   for somebody to open a FIFO: that is not for us to do. */
static int open_regular(const char *path)
{
    char name[64];
    struct stat status;
    int found = open(path, O_PATH | O_CLOEXEC);
    int fd = -1;
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", found);
    /* O_NONBLOCK: it may have a lease on it, fcntl(2) */
    if (fstat(found, &status) == 0 && S_ISREG(status.st_mode))
        fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    (void)close(found);
    return fd;
}

/* Looks at once: a moment later it may be another answer, and the process whose
   PID it is may have another parent. */
void look_into(const struct request *request)
{
    char text[64] = "";
    int fd = open_regular(request->watched);
    ssize_t size = fd == -1 ? 0 : read(fd, text, sizeof(text) - 1);
    int parent = parent_of(strtol(text, NULL, 10));
    (void)close(fd);
    report(request, "found %d %.*s", parent, size > 0 ? (int)size : 0, text);
}

/* In one step, as editors do it; without such a file there is none then. */
void order_replace(const struct request *request, const char *name,
                   const char *other)
{
    static int count;
    char before[64];
    (void)snprintf(before, sizeof(before), "replaced-%d", ++count);
    if (rename(name, before) == -1 && errno != ENOENT)
        broken(request, name);
    if (rename(other, name) == -1 && errno != ENOENT)
        broken(request, other);
    report(request, "replaced %s", name);
}
