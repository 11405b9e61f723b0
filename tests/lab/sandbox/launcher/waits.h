/* The system calls in which a process waits. */
#ifndef WAITS_H
#define WAITS_H

#include "request.h"

void report_waiting_calls(const struct request *request);

#endif
