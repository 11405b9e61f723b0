/*
 * 19_service: one real service, in both styles
 *
 * A server of greetings. Without -d it stays in the foreground, as steps 16 and
 * 17 do; with -d it is a daemon, as steps 01 to 15 make one: daemon(7).
 *
 * See it:   build/solutions/19_service -d -l localhost:7017 -p my.pid
 *           cat </dev/tcp/localhost/7017; kill $(cat my.pid)
 * Read:     steps/19_service.md, daemon(7), getaddrinfo(3), poll(2)
 */
#include <stdio.h>

/* TODO: write the service. steps/19_service.md says what it has to do. */

static const char usage[] =
    "usage: 19_service [-d] [-l ADDRESS] [-p FILE] [-u USER] [-c FILE]\n"
    "  -d          be a daemon; without it stay in the foreground\n"
    "  -l ADDRESS  HOST:PORT, [HOST]:PORT or a path, if no socket is passed\n"
    "  -p FILE     write the PID there; no second instance starts\n"
    "  -u USER     give up root, and be USER\n"
    "  -c FILE     read greeting=TEXT there, and again at SIGHUP\n"
    "  -h          show this\n";

int main(int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    (void)fputs(usage, stderr);
    return 2;
}
