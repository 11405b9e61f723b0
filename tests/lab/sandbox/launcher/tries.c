/* Trying again where the machine is short of something. */
#define _GNU_SOURCE
#include "tries.h"

#include <errno.h>
#include <unistd.h>

/* After a call has failed: whether it failed for want of something that others
   give back soon, such as a process or a descriptor on its way (unix(7)). Then it
   waits a moment. */
bool is_tried_again(int *tries)
{
    switch (errno) {
    case EAGAIN:
    case ENOMEM:
    case ENFILE:
    case ETOOMANYREFS:
    case EDQUOT:
        (void)usleep(1000);
        return ++*tries < MAX_TRIES;
    default:
        return false;
    }
}
