/* What a program may take: getrlimit(2). */
#ifndef RESOURCES_H
#define RESOURCES_H

#include "request.h"

void limit_resources(const struct request *request);
void limit_files(const struct request *request);

#endif
