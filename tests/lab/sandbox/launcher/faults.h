/* Makes chosen system calls fail in the job. */
#ifndef FAULTS_H
#define FAULTS_H

#include "request.h"

void inject_fault(const struct request *request);

#endif
