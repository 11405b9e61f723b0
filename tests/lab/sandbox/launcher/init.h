/* Is init of a launch, or a child subreaper in its place. */
#ifndef INIT_H
#define INIT_H

#include "request.h"

#include <stdnoreturn.h>

noreturn void be_init(struct request *request);

#endif
