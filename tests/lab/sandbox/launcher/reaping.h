/* What becomes of children that have ended: waitid(2). */
#ifndef REAPING_H
#define REAPING_H

#include "request.h"

#include <stdnoreturn.h>

void reap(const struct request *request);
noreturn void reap_for_ever(const struct request *request);

#endif
