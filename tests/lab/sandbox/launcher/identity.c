/* Who a process is, and what it may do: credentials(7), user_namespaces(7). */
#define _GNU_SOURCE
#include "identity.h"

#include "files.h"
#include "tries.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* For root's answers: first an ID beyond all that are handed out, then, where
   that is not mapped (in a container, say), the traditional nobody, and root
   where nobody else is mapped: that is an ordinary user, or was one, who is
   called so in a namespace alone. */
static const unsigned outside_ids[] = {OWNER_OF_NOTHING, 65534, 0};

/* They stay where a namespace lets nobody change them, as they do with every
   ordinary user: user_namespaces(7). */
static bool drop_groups(void)
{
    char allowed[8] = "";
    if (setgroups(0, NULL) == 0)
        return true;
    int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
    bool denied =
        fd != -1 && read(fd, allowed, 4) == 4 && strcmp(allowed, "deny") == 0;
    (void)close(fd);
    errno = EPERM;
    return denied;
}

/* Another user, for good. Fails where the ID is not mapped. */
void become(const struct request *request, uid_t id)
{
    if (!drop_groups() || setresgid(id, id, id) == -1 ||
        setresuid(id, id, id) == -1)
        (request->sandbox ? refuse : broken)(request, "becoming another user");
}

/* With root's own group among the supplementary ones, as login gives it. */
void become_root(const struct request *request)
{
    const gid_t root = 0;
    become(request, 0);
    if (setgroups(1, &root) == -1)
        refuse(request, "root's supplementary groups");
}

static bool write_map(pid_t init, const char *map, unsigned inside,
                      unsigned outside, unsigned count)
{
    char path[64], text[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)init, map);
    (void)snprintf(text, sizeof(text), "%u %u %u", inside, outside, count);
    return write_file(path, text);
}

/* newuidmap(1) and newgidmap(1) may write what an ordinary user may not. */
static bool call_helper(const char *name, pid_t init, unsigned outside,
                        unsigned count)
{
    char words[3][16];
    (void)snprintf(words[0], sizeof(words[0]), "%d", (int)init);
    (void)snprintf(words[1], sizeof(words[1]), "%u", outside);
    (void)snprintf(words[2], sizeof(words[2]), "%u", count);
    int status = EXIT_FAILURE;
    pid_t helper = fork();
    if (helper == 0) {
        (void)execlp(name, name, words[0], "0", words[1], words[2],
                     (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    bool done = helper > 0 && waitpid(helper, &status, 0) == helper;
    errno = EPERM;
    return done && status == 0;
}

/* gid_map first: uid_map takes root away. */
static bool map_range(const struct request *request, pid_t init)
{
    const unsigned uid = request->first_uid, gid = request->first_gid;
    const unsigned count = request->id_count;
    if (geteuid() == 0)
        return write_map(init, "gid_map", 0, gid, count) &&
               write_map(init, "uid_map", 0, uid, count);
    return call_helper("newgidmap", init, gid, count) &&
           call_helper("newuidmap", init, uid, count);
}

/* Gives the namespace its IDs, from outside, where root may choose them. */
bool map_ids(const struct request *request, pid_t init)
{
    if (request->id_count != 0)
        return map_range(request, init);
    if (geteuid() != 0) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)init);
        return write_file(path, "deny") &&
               write_map(init, "uid_map", geteuid(), geteuid(), 1) &&
               write_map(init, "gid_map", getegid(), getegid(), 1);
    }
    for (size_t i = 0; i < sizeof(outside_ids) / sizeof(*outside_ids); i++)
        if (write_map(init, "gid_map", INSIDE_ID, outside_ids[i], 1))
            return write_map(init, "uid_map", INSIDE_ID, outside_ids[i], 1);
    return false;
}

/* Root in the job may do what root's daemons do, but not reach out for init:
   that takes all the capabilities that init has, ptrace(2). */
void keep_usual_capabilities(const struct request *request)
{
    static const unsigned long kept =
        1UL << CAP_CHOWN | 1UL << CAP_DAC_OVERRIDE | 1UL << CAP_FOWNER |
        1UL << CAP_FSETID | 1UL << CAP_KILL | 1UL << CAP_SETGID |
        1UL << CAP_SETUID | 1UL << CAP_SETPCAP | 1UL << CAP_NET_BIND_SERVICE;
    for (unsigned long number = 0; number < 64; number++)
        if ((kept >> number & 1) == 0 &&
            prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == -1 && errno != EINVAL)
            broken(request, "PR_CAPBSET_DROP");
}

/* The caller's session keyring holds keys of theirs (Kerberos', for example),
   and no namespace keeps an answer from them. So each launch has an empty one
   of its own: session-keyring(7), keyctl(2). Where keys are forbidden
   altogether, or not known to the kernel, an answer has none either. */
void leave_keyring(const struct request *request)
{
    int tries = 0; /* launches that are ending give back what they had */
    do {
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) != -1 ||
            errno == ENOSYS || errno == EPERM || errno == EACCES)
            return;
    } while (is_tried_again(&tries));
    broken(request, "a session keyring of its own");
}
