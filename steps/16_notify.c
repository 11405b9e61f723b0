/*
 * 16_notify: the service manager is told
 *
 * The course starts again here, from 00_background: a program that stays in the
 * foreground. A service manager does what steps 01 to 13 did, before it starts
 * the program, and does it once for all services. What is left for the program
 * is to say how it is: that it is ready, that it reads its configuration again,
 * that it stops. That is one datagram each, to the socket that NOTIFY_SOCKET
 * names. No library is needed for it.
 *
 * What it logs goes to standard error, which the manager collects. The number
 * in front, as in <6>, is the level that syslog() was given before.
 *
 * This step takes more lines than the others: it does not build on the one
 * before it, and signals have to be taken again.
 *
 * See it:   systemd-run --user --unit=16_notify -p Type=notify \
 *               build/solutions/16_notify (root: without --user)
 *           without systemd: steps/16_notify.md has a manager in two lines
 * End it:   systemctl --user stop 16_notify; started by hand: Ctrl-C
 * Read:     steps/16_notify.md, sd_notify(3), unix(7), sd-daemon(3)
 */
#include <unistd.h>

/*
 * TODO: this is 00_background once more, and it stays in the foreground. Make a
 * service of it that a service manager can look after:
 *
 * - what it logs goes to standard error, a line each, with a level in front;
 * - it says that it is ready, in a datagram to the socket that NOTIFY_SOCKET
 *   names: a path, or an abstract name. Where there is no such variable it just
 *   runs; where nobody listens, or nobody reads, it runs on without waiting;
 * - what it has read from its environment it takes out of there;
 * - at SIGHUP it says that it reloads, since when, and that it is ready again;
 * - at SIGTERM it says that it stops, and ends with status 0;
 * - where WATCHDOG_USEC asks for signs of life it gives them.
 */

int main(void)
{
    for (;;)
        pause();
}
