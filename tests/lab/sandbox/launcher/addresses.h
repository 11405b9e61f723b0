/* Names of sockets: unix(7), ip(7). */
#ifndef ADDRESSES_H
#define ADDRESSES_H

#include "request.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage name;
    socklen_t size;
};

struct address unix_address(const struct request *request, const char *text);
struct address loopback_address(bool version_6, in_port_t port);
void in_lab(const struct request *request, char *path, size_t size,
            const char *name);

#endif
