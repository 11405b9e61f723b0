/* What a launch is asked for, and what the launcher knows of it besides. */
#ifndef REQUEST_H
#define REQUEST_H

#include "protocol.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
    MAX_FILES = 64,
    MAX_LIST = 64,
    MAX_CHOICES = 8,
    MAX_LAB = 1024,
    MAX_GROUPS = 2,
    MAX_GROUP = 1024
};

/* A file to lay into the working directory: its bytes come from a descriptor,
   since the sandbox may not be able to open what pytest can. */
struct file {
    int source;
    mode_t mode;
    const char *name;
};

/* A control group of the launch: see cgroup.c. */
struct cgroup {
    int processes; /* its cgroup.procs, open; -1 if it is not */
    int lock;      /* the directory, open and locked; -1 if it is not */
    char path[MAX_GROUP];
};

/* How an option is kept, by the type that the table OPTIONS has for it. */
typedef bool option_flag;
typedef unsigned option_number;
typedef const char *option_text; /* NULL if it was not told */
typedef int option_choice;       /* the number of a word */
typedef struct {
    char *items[MAX_LIST];
    int count;
} option_list;
typedef struct {
    int items[MAX_CHOICES];
    int count;
} option_choices;
typedef struct {
    struct file items[MAX_FILES];
    int count;
} option_files;

struct request {
    /* What was asked for: sandbox/protocol.py says what each option means. */
#define FIELD(type, key, words) option_##type key;
    OPTIONS(FIELD)
#undef FIELD
    char **argv; /* the program to run, and NULL behind its last word */

    bool by_root;      /* whoever started the server is root */
    int lab_fd;        /* without a sandbox: the job's folder, open */
    char lab[MAX_LAB]; /* and its path */
    int control;       /* the socket to pytest, at a number by chance */
    unsigned secret;   /* goes with it in calls: see control_argument() */
    int output;        /* of a tool: its standard output and error */
    uid_t id;          /* whom the job runs as; 0: as whoever started us */
    int passed[MAX_CHOICES]; /* what `listen` asks for, open */
    char listen_names[16 * MAX_CHOICES];
    struct cgroup groups[MAX_GROUPS]; /* those in the directories `group` */
    int group_count;
};

#endif
