/*
 * Makes a whole tree of mounts read-only, with all that is mounted below it: to
 * remount the top alone leaves a scratch disk below /usr/local writable.
 *
 * mount_setattr(2) does that in one call from Linux 5.12 on. Before it each
 * mount is found in /proc/self/mountinfo (proc(5)) and remounted by itself.
 */
#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not every libc has these yet: linux/mount.h. */
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#define AT_WHOLE_TREE 0x8000 /* AT_RECURSIVE */
struct attributes {
    uint64_t set, clear, propagation, user_namespace;
};
enum { READ_ONLY = 1, NO_SET_UID = 2, NO_DEVICES = 4 };

enum { MAX_MOUNTS = 1000, MAX_LINE = 8192 };

/* A remount may not drop what the mount outside was locked with:
   mount_namespaces(7). */
static unsigned long locked_flags(const char *path)
{
    struct statvfs status;
    if (statvfs(path, &status) == -1)
        return 0;
    unsigned long flags = 0;
    if (status.f_flag & ST_NOEXEC)
        flags |= MS_NOEXEC;
    if (status.f_flag & ST_NOATIME)
        flags |= MS_NOATIME;
    if (status.f_flag & ST_NODIRATIME)
        flags |= MS_NODIRATIME;
    if (status.f_flag & ST_RELATIME)
        flags |= MS_RELATIME;
    return flags;
}

static int protect_one(const char *path)
{
    return mount(NULL, path, NULL,
                 MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV |
                     locked_flags(path),
                 NULL);
}

/* The ID of the mount that a path leads to, as mountinfo has it; -1 if there is
   none. */
static int mount_id(const char *path)
{
    char name[64], line[256];
    int id = -1;
    int fd = open(path, O_PATH | O_CLOEXEC);
    (void)snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(name, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "mnt_id:", 7) == 0)
            id = atoi(line + 7);
    if (file != NULL)
        (void)fclose(file);
    (void)close(fd);
    return id;
}

/* Spaces and the like are written as a backslash and three octal digits. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            const char digits[] = {from[1], from[2], from[3], '\0'};
            *to = (char)strtol(digits, NULL, 8);
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

static bool holds(const int *ids, int count, int id)
{
    for (int i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* A mount stands behind the one that it lies on, so one pass finds all that are
   below the first. */
static int protect_each(const char *base)
{
    static char line[MAX_LINE];
    int ids[MAX_MOUNTS] = {mount_id(base)};
    int count = 1;
    if (ids[0] == -1 || protect_one(base) == -1)
        return -1;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (file == NULL)
        return -1;
    int result = 0;
    while (result == 0 && fgets(line, sizeof(line), file) != NULL) {
        static char path[MAX_LINE];
        int id, parent;
        /* one byte less than `path` has */
        if (sscanf(line, "%d %d %*s %*s %8191s", &id, &parent, path) != 3 ||
            !holds(ids, count, parent))
            continue;
        if (count == MAX_MOUNTS) {
            errno = EMFILE;
            result = -1;
            break;
        }
        ids[count++] = id;
        unescape(path);
        result = protect_one(path);
    }
    (void)fclose(file);
    return result;
}

/* 0, or -1 and errno. */
int protect_mounts(const char *base)
{
    struct attributes attributes = {.set = READ_ONLY | NO_SET_UID | NO_DEVICES};
    if (syscall(SYS_mount_setattr, AT_FDCWD, base, AT_WHOLE_TREE, &attributes,
                sizeof(attributes)) == 0)
        return 0;
    return errno == ENOSYS ? protect_each(base) : -1;
}
