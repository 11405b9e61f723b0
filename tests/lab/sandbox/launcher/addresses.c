/* Names of sockets: unix(7), ip(7). */
#define _GNU_SOURCE
#include "addresses.h"

#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* "/..." in the file system, "@..." an abstract name; no byte too many:
 * unix(7).
 */
struct address unix_address(const struct request *request, const char *text)
{
    struct address address = {0};
    struct sockaddr_un *name = (struct sockaddr_un *)&address.name;
    size_t length = strlen(text);
    if (length >= sizeof(name->sun_path)) {
        errno = ENAMETOOLONG;
        broken(request, text);
    }
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, text, length);
    if (*text == '@')
        name->sun_path[0] = '\0';
    address.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return address;
}

struct address loopback_address(bool version_6, in_port_t port)
{
    struct address address = {0};
    if (version_6) {
        struct sockaddr_in6 *name = (struct sockaddr_in6 *)&address.name;
        *name = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                      .sin6_port = htons(port),
                                      .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        address.size = sizeof(*name);
    } else {
        struct sockaddr_in *name = (struct sockaddr_in *)&address.name;
        *name = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_port = htons(port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        address.size = sizeof(*name);
    }
    return address;
}

/* A file in the job's working directory, with its path. */
void in_lab(const struct request *request, char *path, size_t size,
            const char *name)
{
    char lab[256];
    if (getcwd(lab, sizeof(lab)) == NULL)
        broken(request, "getcwd");
    (void)snprintf(path, size, "%s/%s", lab, name);
}
