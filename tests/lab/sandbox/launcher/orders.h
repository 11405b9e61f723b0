/* Carries out what pytest tells a launch to do. */
#ifndef ORDERS_H
#define ORDERS_H

#include "request.h"

void take_order(const struct request *request, char *text);

#endif
