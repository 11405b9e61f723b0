/* What a service manager would give a job, and tell it. */
#ifndef MANAGER_H
#define MANAGER_H

#include "addresses.h"
#include "request.h"

void start_loopback(const struct request *request);
void open_manager(const struct request *request);
void open_passed(struct request *request);
void open_taken(const struct request *request);
struct address find_address(const struct request *request, const char *where);

#endif
