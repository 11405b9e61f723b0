/*
 * stops itself
 *
 * expects: wrong state
 * told: is stopped
 */
#include <signal.h>
#include <unistd.h>

int main(void)
{
    raise(19);
    for (;;)
        pause();
}
