/* Clients of a job. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "request.h"

void order_connect(const struct request *request, const char *where);
void order_crowd(const struct request *request, const char *where, int count);
void order_vanish(const struct request *request, const char *where, int count);

#endif
