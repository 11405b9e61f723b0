/*
 * prints what looks like a report
 *
 * expects: exited too soon
 * told: Your child has exited too
 */
#include <unistd.h>

int main(void)
{
    write(1, "\033[2J  ok  everything\n7 of 7 steps done. That is all.\n", 54);
    return 0;
}
