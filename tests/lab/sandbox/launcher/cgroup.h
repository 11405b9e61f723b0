/* Control groups, which limit a launch as a whole. */
#ifndef CGROUP_H
#define CGROUP_H

#include "request.h"

#include <stdbool.h>

bool make_groups(struct request *request);
void report_groups(const struct request *request);
void move_groups_up(struct request *request);
void close_groups(struct request *request);
void join_groups(const struct request *request);
void remove_groups(struct request *request);

#endif
