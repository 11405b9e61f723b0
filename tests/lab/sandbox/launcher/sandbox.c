/*
 * The namespaces, and the root directory that an answer sees in them.
 *
 * Needs no privilege where user namespaces are allowed: user_namespaces(7).
 * Whoever runs the lab, the answer never runs as root. An ordinary user stays
 * who they are; root's answers run as an ID that owns nothing, because root in
 * a user namespace of its own is still the owner of root's files outside.
 */
#define _GNU_SOURCE
#include "sandbox.h"

#include "files.h"
#include "identity.h"
#include "mounts.h"
#include "reading.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Not every libc has these yet: linux/mount.h. */
#ifndef SYS_fsopen
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
enum {
    CLOSE_ON_EXEC = 1,       /* FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC */
    CREATE = 6,              /* FSCONFIG_CMD_CREATE */
    NOTHING_RUNS = 2 | 4 | 8 /* MOUNT_ATTR_NOSUID, _NODEV, _NOEXEC */
};

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* The tmpfs that becomes the root is mounted here, over what is there. */
#define BASE "/tmp"

/* Where the job starts: deep enough for chdir("..") not to be the root. */
#define LAB "/home/lab"

/* What compilers and dynamically linked programs need, as it is outside. */
static const char *const shown[] = {"/usr",    "/bin",   "/sbin",
                                    "/lib",    "/lib32", "/lib64",
                                    "/libx32", "/nix",   "/gnu"};

/* Of /etc only what the C library, its dynamic linker and a compiler read. The
   rest is the machine's own, and may hold what no answer should see. */
static const char *const shown_of_etc[] = {
    "/etc/alternatives", "/etc/ld.so.cache",  "/etc/ld.so.conf",
    "/etc/ld.so.conf.d", "/etc/localtime",    "/etc/nsswitch.conf",
    "/etc/passwd",       "/etc/group",        "/etc/hosts",
    "/etc/host.conf",    "/etc/gai.conf",     "/etc/protocols",
    "/etc/services",     "/etc/locale.alias", "/etc/ld-musl-x86_64.path"};

static const char *const devices[] = {"null",   "zero",    "full",
                                      "random", "urandom", "tty"};

static void mount_or_refuse(const struct request *request, const char *source,
                            const char *target, const char *type,
                            unsigned long flags, const char *options)
{
    if (mount(source, target, type, flags, options) == -1)
        refuse(request, target);
}

static void make_directory(const struct request *request, const char *path,
                           mode_t mode)
{
    if (mkdir(path, mode) == -1 || chmod(path, mode) == -1)
        refuse(request, path);
}

/* All directories above the last part of a path below BASE. */
static void make_parents(const struct request *request, const char *path)
{
    char part[PATH_MAX];
    (void)snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strchr(part + sizeof(BASE), '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) == -1 && errno != EEXIST)
            refuse(request, part);
        *slash = '/';
    }
}

/* A file to mount something on. */
static void make_file(const struct request *request, const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd == -1 || close(fd) == -1)
        refuse(request, path);
}

/* A directory or a file of the machine's, at the same path in the sandbox. */
static void show(const struct request *request, const char *outside)
{
    char inside[PATH_MAX], link[PATH_MAX];
    (void)snprintf(inside, sizeof(inside), BASE "%s", outside);
    struct stat status;
    if (lstat(outside, &status) == -1)
        return; /* not every system has each */
    make_parents(request, inside);
    if (S_ISLNK(status.st_mode)) {
        ssize_t size = readlink(outside, link, sizeof(link) - 1);
        link[size > 0 ? size : 0] = '\0';
        if (symlink(link, inside) == -1)
            refuse(request, inside);
        return;
    }
    if (S_ISDIR(status.st_mode))
        make_directory(request, inside, 0755);
    else
        make_file(request, inside);
    mount_or_refuse(request, outside, inside, NULL, MS_BIND | MS_REC, NULL);
}

/* What no answer may see, where it lies in what is shown: the lab itself, with
   its solutions, and the answers of others. */
static void hide(const struct request *request, const char *outside)
{
    char inside[PATH_MAX];
    struct stat status;
    (void)snprintf(inside, sizeof(inside), BASE "%s", outside);
    if (stat(inside, &status) == 0)
        mount_or_refuse(request, "hidden", inside, "tmpfs",
                        MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k");
}

static void make_dev(const struct request *request)
{
    mount_or_refuse(request, "dev", BASE "/dev", "tmpfs", MS_NOSUID,
                    "mode=755,size=1m,nr_inodes=1000");
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        if (strcmp(devices[i], "null") == 0 &&
            is_chosen(&request->without, DEVICE_NULL))
            continue;
        char outside[64], inside[64];
        (void)snprintf(outside, sizeof(outside), "/dev/%s", devices[i]);
        (void)snprintf(inside, sizeof(inside), BASE "/dev/%s", devices[i]);
        make_file(request, inside);
        mount_or_refuse(request, outside, inside, NULL, MS_BIND, NULL);
    }
    /* All terminals of the machine together have a limit, which an answer could
       use up: kernel.pty.max in proc(5). */
    make_directory(request, BASE "/dev/pts", 0755);
    mount_or_refuse(request, "devpts", BASE "/dev/pts", "devpts",
                    MS_NOSUID | MS_NOEXEC,
                    "newinstance,ptmxmode=0666,mode=0620,max=64");
    make_directory(request, BASE "/dev/shm", 01777);
    if (symlink("pts/ptmx", BASE "/dev/ptmx") == -1 ||
        symlink("/proc/self/fd", BASE "/dev/fd") == -1 ||
        symlink("/proc/self/fd/0", BASE "/dev/stdin") == -1 ||
        symlink("/proc/self/fd/1", BASE "/dev/stdout") == -1 ||
        symlink("/proc/self/fd/2", BASE "/dev/stderr") == -1)
        refuse(request, BASE "/dev");
}

/* All that is shown, and what is mounted below it: a scratch disk in
   /usr/local, say. */
static void protect(const struct request *request)
{
    if (protect_mounts(BASE) == -1)
        refuse(request, "making what is shown read-only");
}

static void make_root(const struct request *request)
{
    mount_or_refuse(request, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    mount_or_refuse(request, "root", BASE, "tmpfs", MS_NOSUID | MS_NODEV,
                    "mode=755,size=1m,nr_inodes=1000");
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        show(request, shown[i]);
    for (size_t i = 0; i < sizeof(shown_of_etc) / sizeof(shown_of_etc[0]); i++)
        show(request, shown_of_etc[i]);
    for (int i = 0; i < request->shown.count; i++)
        show(request, request->shown.items[i]);
    for (int i = 0; i < request->hidden.count; i++)
        hide(request, request->hidden.items[i]);
    make_directory(request, BASE "/dev", 0755);
    make_directory(request, BASE "/proc", 0555);
    make_directory(request, BASE "/tmp", 0755);
    make_directory(request, BASE "/home", 0755);
    make_directory(request, BASE LAB, 0755);
    protect(request);

    make_dev(request);
    mount_or_refuse(request, "proc", BASE "/proc", "proc",
                    MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_or_refuse(request, "tmp", BASE "/tmp", "tmpfs", MS_NOSUID | MS_NODEV,
                    "mode=1777,size=64m,nr_inodes=10000");
    mount_or_refuse(request, "lab", BASE LAB, "tmpfs", MS_NOSUID | MS_NODEV,
                    "mode=755,size=64m,nr_inodes=10000");
    if (chdir(BASE) == -1 || syscall(SYS_pivot_root, ".", ".") == -1)
        refuse(request, "pivot_root");
    if (umount2(".", MNT_DETACH) == -1 || chdir(LAB) == -1)
        refuse(request, "leaving the old root");
}

/* A /proc of its own for pytest, which is mounted nowhere: an answer could have
   inotify(7) tell it when somebody opens a file in the one that it sees. -1 where
   the kernel has no such calls; from Linux 5.8 on it is another one. */
static int open_proc(void)
{
    int context = (int)syscall(SYS_fsopen, "proc", CLOSE_ON_EXEC);
    int proc = -1;
    if (context != -1 &&
        syscall(SYS_fsconfig, context, CREATE, NULL, NULL, 0) == 0)
        proc = (int)syscall(SYS_fsmount, context, CLOSE_ON_EXEC, NOTHING_RUNS);
    (void)close(context);
    return proc;
}

/* Every message carries its sender's PID, which no text can forge: unix(7). */
int open_log_socket(const struct request *request)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    const int yes = 1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1 ||
        setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) == -1 ||
        bind(fd, (struct sockaddr *)&name, sizeof(name)) == -1 ||
        chmod(name.sun_path, 0666) == -1)
        broken(request, name.sun_path);
    return fd;
}

/* Which users, groups and hosts are known by name there: what the request's
   files of these names say, and nobody else. */
void show_names(const struct request *request)
{
    static const char *const names[] = {"passwd", "group", "hosts"};
    for (int i = 0; i < request->file.count; i++)
        for (size_t j = 0; j < sizeof(names) / sizeof(*names); j++) {
            char target[32];
            (void)snprintf(target, sizeof(target), "/etc/%s", names[j]);
            if (strcmp(request->file.items[i].name, names[j]) == 0)
                mount_or_refuse(request, names[j], target, NULL, MS_BIND, NULL);
        }
}

/* As fork() does it, with no stack of its own for the child. On s390 and CRIS
   the arguments come in another order: clone(2). */
pid_t clone_init(void)
{
    const unsigned long namespaces = CLONE_NEWUSER | CLONE_NEWPID |
                                     CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET;
    return (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
}

/* A user namespace of an answer's own would give it all capabilities there: it
   could mount a file system without a limit, and hide in a PID namespace. */
static void forbid_namespaces(const struct request *request)
{
    if (!write_file("/proc/sys/user/max_user_namespaces", "0"))
        refuse(request, "/proc/sys/user/max_user_namespaces");
}

/* A machine that was never suspended has two clocks alike, CLOCK_MONOTONIC and
   CLOCK_BOOTTIME. Here the second is a day ahead, where the kernel has time
   namespaces: time_namespaces(7). */
static void set_clocks_apart(void)
{
    if (unshare(CLONE_NEWTIME) == -1 ||
        !write_file("/proc/self/timens_offsets", "boottime 86400 0"))
        return;
    int fresh = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (fresh == -1)
        return;
    (void)setns(fresh, CLONE_NEWTIME);
    (void)close(fresh);
}

/* From here on PIDs come from the middle of their range: proc(5), pid_max. */
static void go_on_with_long_pids(const struct request *request)
{
    char text[32] = "";
    FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
    bool is_read = file != NULL && fgets(text, sizeof(text), file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    if (!is_read)
        broken(request, "/proc/sys/kernel/pid_max");
    (void)snprintf(text, sizeof(text), "%ld", strtol(text, NULL, 10) / 2);
    if (!write_file("/proc/sys/kernel/ns_last_pid", text))
        broken(request, "/proc/sys/kernel/ns_last_pid");
}

/* As init: become a mapped ID, and die with the server. */
void enter_sandbox(const struct request *request)
{
    if (request->id_count != 0)
        become_root(request);
    else if (request->by_root)
        become(request, INSIDE_ID);
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
        setenv("TMPDIR", "/tmp", 1) == -1)
        broken(request, "prctl");
    make_root(request);
    if (request->notify != MANAGER_NONE)
        set_clocks_apart();
    if (!request->nested)
        forbid_namespaces(request);
    if (request->long_pids)
        go_on_with_long_pids(request);
    int proc = open_proc();
    if (proc != -1)
        report_descriptor(request, "proc", proc);
    (void)close(proc);
    report(request, "lab " LAB);
}
