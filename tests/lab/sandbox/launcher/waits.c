/* The system calls in which a process waits, and where their timeout stands. */
#define _GNU_SOURCE
#include "waits.h"

#include "wire.h"

#include <stdio.h>
#include <sys/syscall.h>

/*
 * KIND says how to read the argument with the number ARG:
 *   -   none: waits until something happens, if no timeout of its descriptor
 *       ends it before: see alarms.py
 *   m   milliseconds, negative for no timeout
 *   n   the address of a struct timespec, 0 for no timeout
 *   c   as n, and the first two arguments are a clock and flags, one of which says
 *       that it is a moment of that clock: clock_nanosleep(2)
 *   f   as n, and the second argument says whether it is a moment: futex(2)
 *   s   as n, and the first argument is the address of a set of signals
 *   u   the address of a struct timeval, 0 for no timeout
 * A call that is not listed is no error: it only takes longer to be sure of.
 */
static const struct wait {
    const char *name;
    long number;
    char kind;
    int argument;
} waits[] = {
#ifdef SYS_pause
    {"pause", SYS_pause, '-', 0},
#endif
#ifdef SYS_poll
    {"poll", SYS_poll, 'm', 2},
#endif
#ifdef SYS_select
    {"select", SYS_select, 'u', 4},
#endif
#ifdef SYS_epoll_wait
    {"epoll_wait", SYS_epoll_wait, 'm', 3},
#endif
#ifdef SYS_wait4
    {"wait4", SYS_wait4, '-', 0},
#endif
#ifdef SYS_accept
    {"accept", SYS_accept, '-', 0},
#endif
#ifdef SYS_nanosleep
    {"nanosleep", SYS_nanosleep, 'n', 0},
#endif
#ifdef SYS_clock_nanosleep
    {"clock_nanosleep", SYS_clock_nanosleep, 'c', 2},
#endif
#ifdef SYS_ppoll
    {"ppoll", SYS_ppoll, 'n', 2},
#endif
#ifdef SYS_pselect6
    {"pselect6", SYS_pselect6, 'n', 4},
#endif
#ifdef SYS_epoll_pwait
    {"epoll_pwait", SYS_epoll_pwait, 'm', 3},
#endif
#ifdef SYS_epoll_pwait2
    {"epoll_pwait2", SYS_epoll_pwait2, 'n', 3},
#endif
#ifdef SYS_rt_sigtimedwait
    {"rt_sigtimedwait", SYS_rt_sigtimedwait, 's', 2},
#endif
#ifdef SYS_futex
    {"futex", SYS_futex, 'f', 3},
#endif
#ifdef SYS_recvfrom
    {"recvfrom", SYS_recvfrom, '-', 0},
#endif
#ifdef SYS_recvmmsg
    {"recvmmsg", SYS_recvmmsg, 'n', 4},
#endif
#ifdef SYS_semop
    {"semop", SYS_semop, '-', 0},
#endif
#ifdef SYS_semtimedop
    {"semtimedop", SYS_semtimedop, 'n', 3},
#endif
    {"recvmsg", SYS_recvmsg, '-', 0},
    {"rt_sigsuspend", SYS_rt_sigsuspend, '-', 0},
    {"waitid", SYS_waitid, '-', 0},
    {"accept4", SYS_accept4, '-', 0},
    {"read", SYS_read, '-', 0},
};

void report_waiting_calls(const struct request *request)
{
    char text[1024] = "";
    size_t length = 0;
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        length += (size_t)snprintf(
            text + length, sizeof(text) - length, " %s=%ld:%c:%d",
            waits[i].name, waits[i].number, waits[i].kind, waits[i].argument);
    report(request, "calls%s", text);
}
