/*
 * Without a sandbox: the folder that a program runs in, and what must be
 * cleared up after it by hand, since no namespace ends with it.
 *
 * The folder is made by the server, which also clears up where init (here a
 * child subreaper, prctl(2)) was killed before it could do that itself. Root's
 * answers run as an ID of their own, so that all that they leave can be told by
 * its owner. An ordinary user's answers are that user: of their files only the
 * folder is known to be theirs.
 */
#define _GNU_SOURCE
#include "fallback.h"

#include "descriptors.h"
#include "identity.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_DEPTH = 100, /* of directories, each of which is open meanwhile */
    MAX_PASSES = 10000,
    DEED_TIME = 2000, /* milliseconds for what is done as another user */
    MAX_KILLS = 100   /* tries, where no process can be made for it */
};

/* Where everybody may make files. */
static const char *const open_to_all[] = {"/tmp", "/var/tmp", "/dev/shm",
                                          "/run/lock"};

/* Whether a child has ended well, within DEED_TIME; it is killed otherwise. */
static bool ends_well(pid_t child)
{
    int status = EXIT_FAILURE;
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, child, 0),
                         .events = POLLIN};
    if (end.fd == -1 || poll(&end, 1, DEED_TIME) <= 0)
        (void)kill(child, SIGKILL);
    (void)close(end.fd);
    return waitpid(child, &status, 0) == child && status == 0;
}

/* As the user that the answer runs as: whether the deed could be done. */
static bool done_as_owner(const struct request *request,
                          bool (*deed)(const struct request *request))
{
    pid_t child = fork();
    if (child == 0) {
        become(request, request->id);
        _exit(deed(request) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return child > 0 && ends_well(child);
}

static bool enter_lab(const struct request *request)
{
    return chdir(request->lab) == 0;
}

/* All processes of an ID, at once: one that is about to fork does not get to
   it, see copy_process() in the kernel's kernel/fork.c. What kill() returns does
   not tell whether there was one: it is 0 where all others belong to somebody
   else. */
static bool kill_all(const struct request *request)
{
    (void)request;
    (void)kill(-1, SIGKILL);
    return true;
}

/* Root's answers get an ID of their own: nothing else is theirs to change, to
   signal or to count. Where it is not mapped they run as root:
   user_namespaces(7). */
static uid_t choose_id(const struct request *request, pid_t init)
{
    uid_t id = OWNER_OF_NOTHING + (uid_t)init;
    return geteuid() == 0 && chown(request->lab, id, id) == 0 ? id : 0;
}

/* A folder that root alone can reach (a private TMPDIR) is none to run in as
   somebody else: the answer could not come back to it by its path. */
static bool make_lab(struct request *request, pid_t init, const char *base)
{
    (void)snprintf(request->lab, sizeof(request->lab), "%s/daemon-lab-XXXXXX",
                   base);
    if (mkdtemp(request->lab) == NULL)
        return false;
    request->id = choose_id(request, init);
    if (chmod(request->lab, 0755) == 0 &&
        (request->id == 0 || done_as_owner(request, enter_lab)))
        return true;
    (void)rmdir(request->lab);
    return false;
}

/* In the server, before init goes on: the folder, and whom the answer runs as.
   The folder stays open here, since an answer may give it another name. */
bool prepare_fallback(struct request *request, pid_t init)
{
    if (!make_lab(request, init, request->tmp) &&
        !make_lab(request, init, "/tmp"))
        return false;
    request->lab_fd = open(request->lab, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return request->lab_fd != -1;
}

/* As init. */
void enter_fallback(struct request *request)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
        broken(request, "PR_SET_CHILD_SUBREAPER");
    /* Root may have this namespace alone, and with it ends what is in it: shared
       memory, semaphores, message queues. */
    if (geteuid() == 0)
        (void)unshare(CLONE_NEWIPC);
    request->lab_fd = open(request->lab, O_PATH | O_DIRECTORY | O_CLOEXEC);
    move_up(request, &request->lab_fd);
    if (chdir(request->lab) == -1 || setenv("TMPDIR", request->lab, 1) == -1)
        broken(request, request->lab); /* what a compiler leaves goes with it */
    report(request, "lab %s", request->lab);
}

/* The parent of a process, from /proc/PID/stat: the number after the last ')'
   and the state. -1 if there is no such process. */
static pid_t parent_of(pid_t pid)
{
    char path[64], text[4096];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return -1;
    ssize_t size = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (size <= 0)
        return -1;
    text[size] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end == NULL ? -1 : atoi(name_end + 4);
}

static bool has_children(void)
{
    siginfo_t unused;
    return waitid(P_ALL, 0, &unused, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Kills every child of this process but those that are spared, and waits for
   them; returns how many there were. Orphans of what is killed here become
   children in the next round. */
static int kill_children(bool (*is_spared)(pid_t pid))
{
    DIR *proc = has_children() ? opendir("/proc") : NULL;
    if (proc == NULL)
        return 0;
    int found = 0;
    const struct dirent *entry;
    while ((entry = readdir(proc)) != NULL) {
        pid_t pid = atoi(entry->d_name);
        if (pid <= 0 || parent_of(pid) != getpid() || is_spared(pid))
            continue;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        found++;
    }
    (void)closedir(proc);
    return found;
}

static void empty(int top, int directory, int depth);

/* Whatever it is; relative to directories that are open, so that nobody who may
   rename what lies on the way can lead us elsewhere. What lies too deep is moved
   to the top of its tree, and found there later. */
static void remove_entry(int top, int directory, const char *name, int depth)
{
    static unsigned long count;
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return;
    (void)fchmodat(directory, name, 0700, 0); /* it may be closed to us, too */
    if (depth == MAX_DEPTH) {
        char moved[32];
        (void)snprintf(moved, sizeof(moved), ".deep-%lu", ++count);
        (void)renameat(directory, name, top, moved);
        return;
    }
    int inner =
        openat(directory, name,
               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (inner != -1)
        empty(top, inner, depth + 1);
    (void)unlinkat(directory, name, AT_REMOVEDIR);
}

static bool is_itself_or_parent(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Closes `directory`. */
static void empty(int top, int directory, int depth)
{
    DIR *entries = fdopendir(directory);
    if (entries == NULL) {
        (void)close(directory);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL)
        if (!is_itself_or_parent(entry->d_name))
            remove_entry(top, directory, entry->d_name, depth);
    (void)closedir(entries);
}

/* A file, or a directory with all that is in it. */
static void remove_tree(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0)
        return;
    for (int pass = 0; pass < MAX_PASSES; pass++) {
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0 ||
            (errno != ENOTEMPTY && errno != EEXIST))
            return;
        (void)fchmodat(parent, name, 0700, 0);
        int top = openat(parent, name,
                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (top == -1)
            return;
        empty(top, fcntl(top, F_DUPFD_CLOEXEC, 0), 0);
        (void)close(top);
    }
}

static void remove_path(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return;
    *slash = '\0';
    int parent =
        open(*path == '\0' ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent != -1)
        remove_tree(parent, slash + 1);
    (void)close(parent);
}

/* By the name that the folder has now: none, if the answer has removed it. And what
   the answer has put at the name that the folder had. */
static void remove_lab(const struct request *request)
{
    char link[64], path[PATH_MAX], before[MAX_LAB];
    (void)snprintf(before, sizeof(before), "%s", request->lab);
    remove_path(before);
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", request->lab_fd);
    ssize_t size = readlink(link, path, sizeof(path) - 1);
    if (size <= 0)
        return;
    path[size] = '\0';
    struct stat opened, named;
    if (fstat(request->lab_fd, &opened) == 0 && lstat(path, &named) == 0 &&
        opened.st_dev == named.st_dev && opened.st_ino == named.st_ino)
        remove_path(path);
}

/* What lies in a directory, and belongs to an ID; and in those in it in which
   everybody may make files, too. Closes `directory`. */
static void remove_files_of(uid_t id, int directory, int depth)
{
    DIR *entries = directory == -1 ? NULL : fdopendir(directory);
    if (entries == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        struct stat status;
        if (is_itself_or_parent(entry->d_name) ||
            fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) ==
                -1)
            continue;
        if (status.st_uid == id)
            remove_tree(directory, entry->d_name);
        else if (S_ISDIR(status.st_mode) && (status.st_mode & S_IWOTH) != 0 &&
                 depth < MAX_DEPTH)
            remove_files_of(id,
                            openat(directory, entry->d_name,
                                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
                                       O_NONBLOCK | O_CLOEXEC),
                            depth + 1);
    }
    (void)closedir(entries);
}

static void remove_files_below(uid_t id, const char *path)
{
    remove_files_of(id, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
}

/* Shared memory, semaphores and message queues stay until they are removed:
   sysvipc(7). */
static void remove_ipc_of(uid_t id)
{
    struct shm_info shared;
    struct shmid_ds segment;
    int last = shmctl(0, SHM_INFO, (struct shmid_ds *)&shared);
    for (int i = 0; i <= last; i++) {
        int number = shmctl(i, SHM_STAT, &segment);
        if (number != -1 && segment.shm_perm.cuid == id)
            (void)shmctl(number, IPC_RMID, NULL);
    }
    union {
        int value;
        struct semid_ds *set;
        struct seminfo *info;
    } argument;
    struct seminfo semaphores;
    struct semid_ds set;
    argument.info = &semaphores;
    last = semctl(0, 0, SEM_INFO, argument);
    argument.set = &set;
    for (int i = 0; i <= last; i++) {
        int number = semctl(i, 0, SEM_STAT, argument);
        if (number != -1 && set.sem_perm.cuid == id)
            (void)semctl(number, 0, IPC_RMID, argument);
    }
    struct msginfo messages;
    struct msqid_ds queue;
    last = msgctl(0, MSG_INFO, (struct msqid_ds *)&messages);
    for (int i = 0; i <= last; i++) {
        int number = msgctl(i, MSG_STAT, &queue);
        if (number != -1 && queue.msg_perm.cuid == id)
            (void)msgctl(number, IPC_RMID, NULL);
    }
}

/* Ends all that a launch has started, and removes what it has left. Processes
   that `is_spared` knows are other launches. */
void clear_up(const struct request *request, bool (*is_spared)(pid_t pid))
{
    int tries = 0;
    while (request->id != 0 && tries++ < MAX_KILLS &&
           !done_as_owner(request, kill_all))
        (void)usleep(1000);
    while (kill_children(is_spared) > 0)
        continue;
    (void)chdir("/");
    remove_lab(request);
    if (request->id == 0)
        return;
    remove_files_below(request->id, request->tmp);
    for (size_t i = 0; i < sizeof(open_to_all) / sizeof(open_to_all[0]); i++)
        remove_files_below(request->id, open_to_all[i]);
    remove_ipc_of(request->id);
}
