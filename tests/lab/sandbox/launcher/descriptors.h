/* Descriptors, and the numbers that they have. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include "request.h"

#include <stdbool.h>

bool open_pipe(int ends[2]);
void move_up(const struct request *request, int *fd);
void place(const struct request *request, int fd, int number);

#endif
