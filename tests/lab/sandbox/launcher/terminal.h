/* Terminals: pty(7). */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "request.h"

int open_terminal(const struct request *request);
void take_terminal(const struct request *request, int master);

#endif
