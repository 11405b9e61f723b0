/* What a job inherits. */
#ifndef INHERITANCE_H
#define INHERITANCE_H

#include "request.h"

/* In the shell: what it holds open for the job, and what a login sets. */
void open_inheritance(const struct request *request);
void set_login_environment(const struct request *request);

/* In the job itself, just before it runs the program. */
void set_stdio(const struct request *request);
void set_environment(const struct request *request);

#endif
