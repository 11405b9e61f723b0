/* The namespaces, and the root directory that an answer sees in them. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "request.h"

#include <sys/types.h>

pid_t clone_init(void);
void enter_sandbox(const struct request *request);
void show_names(const struct request *request);
int open_log_socket(const struct request *request);

#endif
