/* Takes requests, and forks for each. */
#ifndef SERVER_H
#define SERVER_H

#include <stdnoreturn.h>

noreturn void serve_requests(int requests);

#endif
