/* Descriptors, and the numbers that they have. */
#define _GNU_SOURCE
#include "descriptors.h"

#include "tries.h"
#include "wire.h"

#include <fcntl.h>
#include <unistd.h>

enum { FIRST_PRIVATE_FD = 20 };

bool open_pipe(int ends[2])
{
    int tries = 0;
    while (pipe2(ends, O_CLOEXEC) == -1)
        if (!is_tried_again(&tries))
            return false;
    return true;
}

/* Out of the way of the numbers that the job is given, close-on-exec. */
void move_up(const struct request *request, int *fd)
{
    if (*fd == -1)
        return;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_PRIVATE_FD);
    if (moved == -1)
        broken(request, "moving a descriptor");
    (void)close(*fd);
    *fd = moved;
}

/* At the number at which the job finds it. */
void place(const struct request *request, int fd, int number)
{
    if (fd == -1 || dup2(fd, number) == -1)
        broken(request, "a descriptor for the job");
    (void)close(fd);
}
