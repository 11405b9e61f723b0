/*
 * fills memory in many processes
 *
 * expects: never settled
 * told: fork()
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    char *p;
    for (int i = 0; i < 5; i++)
        fork();
    for (;;)
        if ((p = malloc(1 << 20)))
            memset(p, 1, 1 << 20);
}
