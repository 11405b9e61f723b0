/* Without a sandbox: a folder to run in, and clearing up. */
#ifndef FALLBACK_H
#define FALLBACK_H

#include "request.h"

#include <stdbool.h>
#include <sys/types.h>

bool prepare_fallback(struct request *request, pid_t init);
void enter_fallback(struct request *request);
void clear_up(const struct request *request, bool (*is_spared)(pid_t pid));

#endif
