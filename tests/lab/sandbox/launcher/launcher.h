/*
 * The launcher stands between pytest and the answers. It is started once, and
 * forks for each launch: that is quicker than to start it anew. Its parts, in
 * the order in which a launch passes through them:
 *
 *   server.c     takes requests, forks for each, and reaps what it has forked
 *   launcher.c   is init (or the subreaper): lays out files, reports, ends
 *   sandbox.c    the namespaces and the root directory that an answer sees
 *   mounts.c     makes what is shown there read-only
 *   fallback.c   without a sandbox: a folder to run in, and clearing up
 *   cgroup.c     control groups, which limit a launch as a whole
 *   scene.c      the stand-in for the login shell, its terminal, the job
 *   faults.c     makes chosen system calls fail in the job
 *   sockets.c    what a service manager would pass, and clients
 *   inject.c     makes a process that runs do something: open a terminal, say
 *   waits.c      the numbers of the system calls in which a process waits
 *
 * A request is one message over the socket that it was started with: words,
 * each ended by a null byte, see server.c, and descriptors, of which the first
 * is the control socket of the launch. Over that (SOCK_SEQPACKET too) the
 * launch talks to pytest, a line per message:
 *
 *   refused WHY            no sandbox can be had here; nothing was started
 *   broken WHY             the launcher itself failed
 *   init PID               init's PID as pytest sees it; with a pidfd
 *   group PATH             a control group of the launch
 *   lab PATH               the working directory of the job, as the job sees it
 *   program DEVICE INODE   the first of the files, as fstat() tells it
 *   proc                   with a /proc of the sandbox for pytest alone
 *   terminal, log, ...     with the descriptor that pytest looks at; of
 *                          "connect WHERE" comes "client", or
 *   refused-client ERRNO   why there is none
 *   connected N            of "crowd" and "vanish"
 *   calls NAME=N:KIND:ARG  the system calls that wait: see waits.c
 *   shell PID              as the sandbox sees it
 *   job PID                the same; it is about to run its program
 *   exec ERRNO             why it could not
 *   ended PID STATUS       what the shell's waitpid() said of the job
 *   found TEXT             what was then in the file that is watched
 *   reaped PID STATUS      what init's waitpid() said of an orphan
 *   opened RESULT          of "terminal PID": a descriptor, or -errno
 *   timers RESULT NS ...   of "timers PID ID...": 0 or -errno; and for the timer
 *                          of setitimer(2), then for each of these IDs, in how
 *                          many nanoseconds it goes off, 0 for never
 *   regained UID GID       of "root PID": 0 for each that it got, or -errno
 *   raised RESULT          of "raise SIGNAL PID": 0 or -errno
 *   replaced NAME          of "replace NAME WITH"
 *   again PID              of "again N": each process that was started
 *
 * and pytest says over it
 *
 *   terminal PID           to make that process open a terminal
 *   timers PID ID...       to ask it for its timers
 *   root PID               to make it ask for root's IDs
 *   again N                to start the program N times more, all at once
 *   raise SIGNAL PID       to send it just before the call in which it waits
 *   replace NAME WITH      to put another of the files in the place of one
 *   connect WHERE          to be a client of the job's, and pass the connection
 *   crowd WHERE N          to be N clients that stay, and neither speak nor read
 *   vanish WHERE N         to be N clients that have gone at once
 *
 * End of file on that socket, in either direction, means that the other side is
 * gone: the launcher then ends all that it started.
 */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include <stdbool.h>
#include <stdnoreturn.h>
#include <sys/resource.h>
#include <sys/types.h>

enum {
    MAX_FILES = 64,
    MAX_LISTEN = 8,
    MAX_PATHS = 64,
    MAX_LAB = 1024,
    MAX_GROUPS = 2,
    MAX_LIMITS = 4,
    MAX_GROUP = 1024,
    MAX_ENVIRONMENT = 16,
    MAX_TRIES = 5000, /* a millisecond apart, see is_tried_again() */
    OWNER_OF_NOTHING = 1900000000 /* an ID beyond all that are handed out */
};

/* A file to lay into the working directory: its bytes come from a descriptor,
   since the sandbox may not be able to open what pytest can. */
struct file {
    int source;
    mode_t mode;
    const char *name;
};

/* The IDs of a namespace that has a root: 0 and those after it inside. */
struct id_range {
    unsigned uid, gid; /* what 0 is outside */
    unsigned count;    /* 0: it has no root, and one ID */
};

/* A control group of the launch: see cgroup.c. */
struct cgroup {
    const char *parent;             /* the directory in which it is made */
    const char *limits[MAX_LIMITS]; /* "FILE:VALUE" */
    int limit_count;
    int processes; /* its cgroup.procs, open; -1 if it is not */
    int lock;      /* the directory, open and locked; -1 if it is not */
    char path[MAX_GROUP];
};

struct request {
    bool sandbox;      /* namespaces; otherwise a child subreaper */
    bool by_root;      /* whoever started the server is root */
    bool network;      /* with a loopback interface */
    bool nested;       /* it may make namespaces of its own */
    bool leads;        /* the job leads a session, on a terminal of its own */
    bool signals_held; /* every signal is ignored, and blocked too */
    bool no_null;      /* leave this out of /dev */
    bool no_log;       /* and this */
    int lab_fd;        /* without a sandbox: the job's folder, open */
    char lab[MAX_LAB]; /* and its path */
    const char *tmp;   /* where it is made */
    /* In a sandbox: what is to be seen in it beside what always is, and
       directories to be empty there; absolute paths. */
    const char *shown[MAX_PATHS];
    const char *hidden[MAX_PATHS];
    int shown_count, hidden_count;
    struct id_range ids; /* with a count, the job is root in the sandbox */
    int control;         /* the socket to pytest, at a number by chance */
    unsigned secret;     /* goes with it in calls: see control_argument() */
    const char *scene;   /* "job", "shell" or "tool": see scene.c */
    int output;          /* scene "tool": its standard output and error */
    int high;            /* the number of the descriptor beyond the limit */
    uid_t id;            /* whom the scene runs as; 0: as whoever started us */
    const char *stdio;   /* "terminal", "closed", or "pipe" */
    const char *fault;   /* a row of the table in faults.c, or NULL */
    const char *watched; /* a file to look into when the job returns, or NULL */
    rlim_t processes;    /* so many at most, where they can be counted */
    /* "NAME=VALUE" beside what the job is given, "NAME" for none of it. */
    char *environment[MAX_ENVIRONMENT];
    int environment_count;
    const char *notify; /* a kind of service manager: see sockets.c; or NULL */
    const char *listen[MAX_LISTEN]; /* what is passed to it, from 3 on */
    int passed[MAX_LISTEN];         /* the descriptors of those */
    char listen_names[16 * MAX_LISTEN];
    int listen_count;
    struct cgroup groups[MAX_GROUPS];
    int group_count;
    struct file files[MAX_FILES];
    int file_count;
    char **argv;
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
void start_again(const struct request *request, int count);
int open_terminal(const struct request *request);

/* sockets.c */
void start_loopback(const struct request *request);
void open_manager(const struct request *request);
void open_passed(struct request *request);
void connect_client(const struct request *request, const char *where);
void connect_crowd(const struct request *request, const char *where, int count,
                   bool stays);

/* waits.c */
void report_waiting_calls(const struct request *request);

/* faults.c */
void inject_fault(const struct request *request);

/* inject.c */
void open_terminal_in(const struct request *request, pid_t pid);
void raise_before_wait(const struct request *request, int number, pid_t pid);
void ask_timers(const struct request *request, pid_t pid, const char *ids);
void become_root_in(const struct request *request, pid_t pid);

#endif
