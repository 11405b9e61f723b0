/* 47_no_answer_to_openat (step 09): a seccomp listener of its own that never
   answers. The lab makes the process open a terminal, and waits for the call's
   end. must: status 1 in time, with and without a sandbox, and nothing of it is
   left. 48 is the same in a sandbox. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

int main(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
    umask(0);
    if (fork() != 0)
        _exit(0);
    (void)signal(SIGHUP, SIG_IGN);
    setsid();
    if (fork() != 0)
        _exit(0);
    if (chdir("/") == -1)
        return 1;
    for (int fd = 0; fd < 4096; fd++)
        (void)close(fd);
    (void)open("/dev/null", O_RDWR);
    (void)dup(0);
    (void)dup(0);
    openlog("09_second_fork", LOG_PID, LOG_DAEMON);
    syslog(LOG_INFO, "running in the background");
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                  SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    for (;;)
        pause();
}
