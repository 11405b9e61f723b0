/*
 * fills memory
 *
 * expects: wrong state
 * told: Only the first process is there
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    char *p;
    while ((p = malloc(1 << 20)) || 1)
        if (p)
            memset(p, 1, 1 << 20);
}
