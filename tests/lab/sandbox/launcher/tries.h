/* Trying again where the machine is short of something. */
#ifndef TRIES_H
#define TRIES_H

#include <stdbool.h>

enum { MAX_TRIES = 5000 }; /* a millisecond apart */

bool is_tried_again(int *tries);

#endif
