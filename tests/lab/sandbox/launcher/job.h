/* Starts what a launch is for. */
#ifndef JOB_H
#define JOB_H

#include "request.h"

void start_scene(struct request *request);
void order_again(const struct request *request, int count);

#endif
