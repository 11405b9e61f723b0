/* Makes a process that runs already do something. */
#ifndef INJECT_H
#define INJECT_H

#include "reading.h"
#include "request.h"

void order_terminal(const struct request *request, int pid);
void order_raise(const struct request *request, int signal, int pid);
void order_timers(const struct request *request, int pid,
                  const struct numbers *ids);
void order_root(const struct request *request, int pid);

#endif
