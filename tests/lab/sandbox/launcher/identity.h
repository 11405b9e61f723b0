/* Who a process is, and what it may do. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "request.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
    OWNER_OF_NOTHING = 1900000000, /* an ID beyond all that are handed out */
    INSIDE_ID = 1000               /* what root's answers are in a sandbox */
};

void become(const struct request *request, uid_t id);
void become_root(const struct request *request);
bool map_ids(const struct request *request, pid_t init);
void keep_usual_capabilities(const struct request *request);
void leave_keyring(const struct request *request);

#endif
