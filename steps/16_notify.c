/*
 * 16_notify: tell the service manager how you are
 *
 * The course starts again here, from 00_background: a program that stays in the
 * foreground. A service manager does steps 01 to 13 before it starts a program,
 * and it does them once for all services. The program needs to say only what
 * nobody else can know: it is ready, it reloads, it stops, it is alive.
 *
 * Each of these is one datagram to the socket that NOTIFY_SOCKET names. That
 * takes a few lines and no library.
 *
 * The log goes to standard error, which the manager reads. The number at the
 * start of a line, as in <6>, is the level that syslog() had as an argument.
 *
 * See it:   systemd-run --user --unit=16_notify -p Type=notify \
 *               build/solutions/16_notify (root: without --user)
 *           without systemd: steps/16_notify.md has a manager in Python
 * End it:   systemctl --user stop 16_notify; if you started it by hand: Ctrl-C
 * Read:     steps/16_notify.md, sd_notify(3), unix(7), sd-daemon(3)
 */
#include <unistd.h>

/*
 * TODO: this is 00_background again. Make a service of it:
 *
 * - Write the log to standard error, one line a message, with a level in
 *   front.
 * - Send READY=1 in a datagram to the socket that NOTIFY_SOCKET names, when no
 *   signal can kill this process any more. The name is a path or an abstract
 *   name.
 * - On SIGHUP send RELOADING=1 with MONOTONIC_USEC in one datagram, then
 *   READY=1.
 * - On SIGTERM and SIGINT send STOPPING=1, and exit with status 0.
 * - Send WATCHDOG=1 as often as WATCHDOG_USEC asks, if WATCHDOG_PID is this
 *   process or is not set.
 * - Remove these variables from the environment when you have read them.
 * - Just run where NOTIFY_SOCKET is not set. Never wait for the manager, and
 *   stay alive when nobody reads the log.
 */
int main(void)
{
    for (;;)
        pause();
}
