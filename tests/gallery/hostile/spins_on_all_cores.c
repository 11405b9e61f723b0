/*
 * spins on all cores
 *
 * expects: never settled
 * told: calls fork() more than once
 */
#include <unistd.h>

int main(void)
{
    for (int i = 0; i < 6; i++)
        fork();
    for (;;)
        ;
}
