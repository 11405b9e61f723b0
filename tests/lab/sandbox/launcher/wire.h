/* What a launch tells pytest: sandbox/protocol.py has all events. */
#ifndef WIRE_H
#define WIRE_H

#include "request.h"

#include <stdnoreturn.h>

void report(const struct request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void report_descriptor(const struct request *request, const char *text, int fd);
noreturn void broken(const struct request *request, const char *what);
noreturn void refuse(const struct request *request, const char *what);
noreturn void misunderstood(const struct request *request, const char *what,
                            const char *text);
void hide_control(struct request *request);
unsigned long control_argument(const struct request *request);

#endif
