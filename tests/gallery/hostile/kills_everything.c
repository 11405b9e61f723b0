/*
 * kills everything
 *
 * expects: wrong state
 * told: sent a signal to
 */
#include <signal.h>
#include <unistd.h>

int main(void)
{
    kill(-1, 9);
    return 0;
}
