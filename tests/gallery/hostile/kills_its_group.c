/*
 * kills its group
 *
 * expects: crashed
 * told: SIGKILL
 */
#include <signal.h>
#include <unistd.h>

int main(void)
{
    kill(0, 9);
}
