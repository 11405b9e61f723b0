/*
 * The launcher stands between pytest and the answers. It is started once, and
 * forks for each launch: that is quicker than to start it anew. Each file has a
 * header of its own, and knows what lies below it. From the ground up:
 *
 *   protocol.h     the tables of the protocol, from sandbox/protocol.py
 *   request.h      what a launch is asked for, and what is known of it
 *   numbers        numbers as they stand in texts
 *   tries          trying again where the machine is short of something
 *   mounts         makes a whole tree of mounts read-only
 *   signals        what is done with signals
 *   wire           what a launch tells pytest
 *   reading        reads requests and orders
 *   descriptors    descriptors, and the numbers that they have
 *   files          files that a launch begins with, and looks into
 *   terminal       terminals
 *   resources      what a program may take
 *   addresses      names of sockets
 *   faults         makes chosen system calls fail in the job
 *   waits          the numbers of the system calls in which a process waits
 *   identity       who a process is, and what it may do
 *   cgroup         control groups, which limit a launch as a whole
 *   inject         makes a process that runs do something: open a terminal, say
 *   sandbox        the namespaces, and the root directory in them
 *   fallback       without a sandbox: a folder to run in, and clearing up
 *   manager        what a service manager would give a job
 *   clients        clients of a job
 *   job            starts what a launch is for: the stand-in for the shell, the job
 *   orders         carries out what pytest tells a launch to do
 *   init           is init of a launch, or the subreaper
 *   server         takes requests, forks for each, reaps what it has forked
 */
#define _GNU_SOURCE
#include "server.h"
#include "signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* SIGCHLD is blocked for good: one that arrives between two looks stays
   pending. Changing its disposition later would discard it. */
static bool prepare(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == -1)
        return false;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) == -1)
        return false;
    reset_signals();
    (void)signal(SIGPIPE, SIG_IGN);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    return sigprocmask(SIG_SETMASK, &blocked, NULL) == 0;
}

int main(int argc, char *argv[])
{
    int requests = argc == 2 ? atoi(argv[1]) : -1;
    if (requests < 0) {
        fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
        return 2;
    }
    if (!prepare())
        return EXIT_FAILURE;
    serve_requests(requests);
}
