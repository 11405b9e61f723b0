/*
 * The launcher stands between pytest and the answers. It is started once, and
 * forks for each launch: that is quicker than to start it anew. Its parts, in
 * the order in which a launch passes through them:
 *
 *   server.c     takes requests, forks for each, and reaps what it has forked
 *   reading.c    reads a request
 *   launcher.c   is init (or the subreaper): lays out files, reports, ends
 *   sandbox.c    the namespaces and the root directory that an answer sees
 *   mounts.c     makes what is shown there read-only
 *   fallback.c   without a sandbox: a folder to run in, and clearing up
 *   cgroup.c     control groups, which limit a launch as a whole
 *   scene.c      the stand-in for the login shell, its terminal, the job
 *   faults.c     makes chosen system calls fail in the job
 *   sockets.c    what a service manager would pass, and clients
 *   inject.c     makes a process that runs do something: open a terminal, say
 *   orders.c     reads what pytest tells a launch to do
 *   waits.c      the numbers of the system calls in which a process waits
 *
 * A request is one message over the socket that it was started with: see
 * reading.c. The first descriptor that comes with it is the control socket of
 * the launch. Over that (SOCK_SEQPACKET too) the launch talks to pytest, a line
 * for each message: sandbox/protocol.py has them all, the events that are told
 * here and the orders that pytest gives.
 *
 * End of file on that socket, in either direction, means that the other side is
 * gone: the launcher then ends all that it started.
 */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include "reading.h"

#include <stdbool.h>
#include <stdnoreturn.h>
#include <sys/resource.h>
#include <sys/types.h>

enum {
    MAX_TRIES = 5000, /* a millisecond apart, see is_tried_again() */
    OWNER_OF_NOTHING = 1900000000 /* an ID beyond all that are handed out */
};

/* server.c */
noreturn void serve_requests(int requests);

/* launcher.c */
noreturn void be_init(struct request *request);
int watch_children(void);
void report(const struct request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void become(const struct request *request, uid_t id);
void report_descriptor(const struct request *request, const char *text, int fd);
noreturn void broken(const struct request *request, const char *what);
noreturn void misunderstood(const struct request *request, const char *what,
                            const char *text);
void order_replace(const struct request *request, const char *name,
                   const char *other);
void reset_signals(void);
bool is_tried_again(int *tries);
bool open_pipe(int ends[2]);
void move_up(const struct request *request, int *fd);
unsigned long control_argument(const struct request *request);

/* sandbox.c: what is cloned waits until its IDs are mapped. */
pid_t clone_init(void);
bool map_ids(const struct request *request, pid_t init);
void enter_sandbox(const struct request *request);
int open_log_socket(const struct request *request);
noreturn void refuse(const struct request *request, const char *what);
void show_names(const struct request *request);
void keep_usual_capabilities(const struct request *request);

/* fallback.c */
bool prepare_fallback(struct request *request, pid_t init);
void enter_fallback(struct request *request);
void clear_up(const struct request *request, bool (*is_spared)(pid_t pid));

/* cgroup.c */
bool make_groups(struct request *request);
void report_groups(const struct request *request);
void move_groups_up(struct request *request);
void close_groups(struct request *request);
void join_groups(const struct request *request);
void remove_groups(struct request *request);

/* mounts.c */
int protect_mounts(const char *base);

/* scene.c */
void start_scene(struct request *request);
void order_again(const struct request *request, int count);
int open_terminal(const struct request *request);

/* sockets.c */
void start_loopback(const struct request *request);
void open_manager(const struct request *request);
void open_passed(struct request *request);
void order_connect(const struct request *request, const char *where);
void order_crowd(const struct request *request, const char *where, int count);
void order_vanish(const struct request *request, const char *where, int count);

/* waits.c */
void report_waiting_calls(const struct request *request);

/* faults.c */
void inject_fault(const struct request *request);

/* inject.c */
void order_terminal(const struct request *request, int pid);
void order_raise(const struct request *request, int signal, int pid);
void order_timers(const struct request *request, int pid,
                  const struct numbers *ids);
void order_root(const struct request *request, int pid);

#endif
