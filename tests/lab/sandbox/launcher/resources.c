/* What a program may take: getrlimit(2). */
#define _GNU_SOURCE
#include "resources.h"

#include "wire.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>

enum { SOFT_LIMIT = 256, HARD_LIMIT = 4096 };

/* The first parameter of setrlimit(): glibc has an enumeration for it. */
#ifdef __GLIBC__
typedef __rlimit_resource_t resource_t;
#else
typedef int resource_t;
#endif

/* Whether RLIMIT_NPROC counts in each user namespace for itself. */
static bool counts_processes(void)
{
    struct utsname kernel;
    int major = 0, minor = 0;
    if (uname(&kernel) == -1 ||
        sscanf(kernel.release, "%d.%d", &major, &minor) != 2)
        return false;
    return major > 5 || (major == 5 && minor >= 14);
}

/* What a program may take. Its files lie in file systems of 64 MiB. Without a
   namespace or an ID of its own the limit on processes would count all of the
   user's: getrlimit(2), user_namespaces(7); on Linux before 5.14 it does so in
   a namespace too, and is left alone there. */
void limit_resources(const struct request *request)
{
    bool tool = request->kind == KIND_TOOL;
    const struct {
        resource_t resource;
        rlim_t limit;
    } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_AS, (tool ? 2048UL : 512UL) << 20},
        {RLIMIT_FSIZE, 64UL << 20},
        {RLIMIT_CPU, tool ? 2 : 30}, /* seconds */
        {RLIMIT_NPROC,
         request->id != 0 || (request->sandbox && counts_processes())
             ? request->processes
             : RLIM_INFINITY},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct rlimit now;
        if (getrlimit(limits[i].resource, &now) == -1)
            broken(request, "getrlimit");
        if (limits[i].limit >= now.rlim_max)
            continue; /* the caller's own is as low already */
        now.rlim_cur = now.rlim_max = limits[i].limit;
        if (setrlimit(limits[i].resource, &now) == -1)
            broken(request, "setrlimit");
    }
}

void limit_files(const struct request *request)
{
    const struct rlimit files = {SOFT_LIMIT, HARD_LIMIT};
    if (setrlimit(RLIMIT_NOFILE, &files) == -1)
        broken(request, "setrlimit");
}
