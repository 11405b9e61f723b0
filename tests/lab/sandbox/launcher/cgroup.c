/*
 * Control groups, which limit a launch as a whole: cgroups(7). Which directories
 * they can be made in, and what is written there, the request says.
 *
 * The server makes a launch's groups, and removes them when its init has ended.
 * The job joins them just before it runs its program: init and the stand-in for
 * the shell stay outside, so that the kernel does not end these when an answer
 * has used up its memory.
 */
#define _GNU_SOURCE
#include "cgroup.h"

#include "descriptors.h"
#include "tries.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMOVE_TRIES = 1000 }; /* of a millisecond each */

/* "FILE:VALUE" */
static bool write_limit(const char *group, const char *limit)
{
    char path[MAX_GROUP + 64];
    const char *value = strchr(limit, ':');
    if (value == NULL) {
        errno = EINVAL;
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/%.*s", group, (int)(value - limit),
                   limit);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t length = strlen(++value);
    bool done = fd != -1 && write(fd, value, length) == (ssize_t)length;
    (void)close(fd);
    return done;
}

/* A directory of its own, with a lock on it (flock(2)). The lock says that it is
   used: whoever clears up after a launcher that was killed removes what nobody has
   locked. A PID in its name could not say that, since not everybody who makes
   groups here sees the same processes. */
static bool make_directory(struct cgroup *group, const char *parent)
{
    static unsigned long count;
    for (int tries = 0;;) {
        (void)snprintf(group->path, sizeof(group->path), "%s/daemon-lab-%d-%lu",
                       parent, (int)getpid(), ++count);
        if (mkdir(group->path, 0755) == 0) {
            group->lock = open(group->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (group->lock != -1 &&
                flock(group->lock, LOCK_SH | LOCK_NB) == 0 &&
                access(group->path, F_OK) == 0)
                return true;
            (void)close(group->lock); /* it was cleared up already */
        } else if (errno != EEXIST && !is_tried_again(&tries)) {
            return false;
        }
        if (++tries > MAX_TRIES)
            return false;
    }
}

/* Those of the request's limits that are this group's: "NUMBER:FILE:VALUE". */
static bool write_limits(const struct request *request, int number)
{
    for (int i = 0; i < request->limit.count; i++) {
        const char *limit = request->limit.items[i];
        if (limit[0] == '0' + number && limit[1] == ':' &&
            !write_limit(request->groups[number].path, limit + 2))
            return false;
    }
    return true;
}

static bool make_group(struct request *request, int number)
{
    struct cgroup *group = &request->groups[number];
    if (!make_directory(group, request->group.items[number]) ||
        !write_limits(request, number))
        return false;
    char path[MAX_GROUP + 64];
    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", group->path);
    group->processes = open(path, O_WRONLY | O_CLOEXEC);
    return group->processes != -1;
}

/* False, and errno, if one cannot be made: those that were are removed. */
bool make_groups(struct request *request)
{
    if (request->group.count > MAX_GROUPS) {
        errno = E2BIG;
        return false;
    }
    request->group_count = request->group.count;
    for (int i = 0; i < request->group_count; i++)
        request->groups[i] = (struct cgroup){.processes = -1, .lock = -1};
    for (int i = 0; i < request->group_count; i++)
        if (!make_group(request, i)) {
            int error = errno;
            remove_groups(request);
            errno = error;
            return false;
        }
    return true;
}

void report_groups(const struct request *request)
{
    for (int i = 0; i < request->group_count; i++)
        report(request, "group %s", request->groups[i].path);
}

/* Out of the way of the numbers that the job is given. */
void move_groups_up(struct request *request)
{
    for (int i = 0; i < request->group_count; i++) {
        move_up(request, &request->groups[i].processes);
        move_up(request, &request->groups[i].lock);
    }
}

void close_groups(struct request *request)
{
    for (int i = 0; i < request->group_count; i++) {
        if (request->groups[i].processes != -1)
            (void)close(request->groups[i].processes);
        request->groups[i].processes = -1;
    }
}

/* The calling process, and all that it will start. */
void join_groups(const struct request *request)
{
    for (int i = 0; i < request->group_count; i++)
        if (write(request->groups[i].processes, "0", 1) != 1)
            broken(request, "joining a control group");
}

/* A process that has just ended may still count for a moment. */
void remove_groups(struct request *request)
{
    close_groups(request);
    for (int i = 0; i < request->group_count; i++) {
        const char *path = request->groups[i].path;
        for (int tries = 0; *path != '\0' && tries < REMOVE_TRIES; tries++) {
            if (rmdir(path) == 0 || errno != EBUSY)
                break;
            (void)usleep(1000);
        }
        if (request->groups[i].lock != -1)
            (void)close(request->groups[i].lock);
    }
}
