"""Step 00: the ways in which a program may wait. Every later step may end in any of them."""

from gallery import Right

END = "    for (;;)\n        pause();"
MAIN = "int main(void)\n"

WRONG = []

RIGHT = [
    Right("a busy loop", [(END, "    for (;;)\n        ;")]),
    Right("sleeps a second at a time", [(END, "    for (;;)\n        sleep(1);")]),
    Right("sleeps for long", [(END, "    while (1)\n        sleep(3600);")]),
    Right("on its way for a while", [(END, "    usleep(300000);\n    usleep(300000);\n" + END)]),
    Right(
        "a loop with short sleeps",
        [(END, "    struct timespec t = {0, 20000000};\n    for (;;)\n        nanosleep(&t, NULL);")],
        headers="time.h",
    ),
    Right(
        "sigwait for a signal that is blocked",
        [
            (
                END,
                "    sigset_t set;\n    int sig;\n    sigemptyset(&set);\n    sigaddset(&set, SIGTERM);\n"
                "    sigprocmask(SIG_BLOCK, &set, NULL);\n    sigwait(&set, &sig);\n    return 0;",
            )
        ],
        headers="signal.h",
    ),
    Right(
        "sigsuspend",
        [(END, "    sigset_t none;\n    sigemptyset(&none);\n    for (;;)\n        sigsuspend(&none);")],
        headers="signal.h",
    ),
    Right("poll for nothing", [(END, "    while (poll(NULL, 0, -1) != 0)\n        ;")], headers="poll.h"),
    Right(
        "poll with a timeout of half a second",
        [(END, "    for (;;)\n        poll(NULL, 0, 500);")],
        headers="poll.h",
    ),
    Right(
        "select with no descriptors and no timeout",
        [(END, "    for (;;)\n        select(0, NULL, NULL, NULL, NULL);")],
        headers="sys/select.h",
    ),
    Right(
        "epoll for a timer",
        [
            (
                END,
                "    int set = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);\n"
                "    struct epoll_event event = {.events = EPOLLIN};\n"
                "    epoll_ctl(set, EPOLL_CTL_ADD, timer, &event);\n"
                "    for (;;)\n        epoll_wait(set, &event, 1, -1);",
            )
        ],
        headers="sys/epoll.h sys/timerfd.h",
    ),
    Right(
        "reads a signalfd",
        [
            (
                END,
                "    sigset_t set;\n    struct signalfd_siginfo info;\n    sigemptyset(&set);\n"
                "    sigaddset(&set, SIGTERM);\n    sigprocmask(SIG_BLOCK, &set, NULL);\n"
                "    int fd = signalfd(-1, &set, 0);\n    return read(fd, &info, sizeof(info)) == -1;",
            )
        ],
        headers="signal.h sys/signalfd.h",
    ),
    Right(
        "reads a pipe of its own",
        [
            (
                END,
                "    int p[2];\n    char c;\n"
                '    if (pipe(p) == -1 || read(p[0], &c, 1) == -1)\n        perror("pipe");',
            )
        ],
        headers="stdio.h",
    ),
    Right("waits for a line from the terminal", [(END, "    return getchar() == EOF;")], headers="stdio.h"),
    Right(
        "is woken by a timer ten times a second",
        [
            (MAIN, "static void tick(int sig)\n{\n    (void)sig;\n}\n\n" + MAIN),
            (
                END,
                "    struct itimerval t = {{0, 100000}, {0, 100000}};\n    signal(SIGALRM, tick);\n"
                "    setitimer(ITIMER_REAL, &t, NULL);\n" + END,
            ),
        ],
        headers="signal.h sys/time.h",
    ),
    Right(
        "a second thread waits, the first one has ended",
        [
            (MAIN, "static void *wait_here(void *nothing)\n{\n    pause();\n    return nothing;\n}\n\n" + MAIN),
            (
                END,
                "    pthread_t thread;\n    pthread_create(&thread, NULL, wait_here, NULL);\n    pthread_exit(NULL);",
            ),
        ],
        headers="pthread.h",
    ),
    Right(
        "one thread works, the other waits for it",
        [
            (
                MAIN,
                "static void *work(void *nothing)\n{\n    for (;;)\n        usleep(50000);\n"
                "    return nothing;\n}\n\n" + MAIN,
            ),
            (
                END,
                "    pthread_t thread;\n    pthread_create(&thread, NULL, work, NULL);\n"
                "    pthread_join(thread, NULL);",
            ),
        ],
        headers="pthread.h",
    ),
    Right(
        "a child did something and was waited for",
        [(END, "    if (fork() == 0)\n        _exit(3);\n    wait4(-1, NULL, 0, NULL);\n" + END)],
        headers="sys/wait.h",
    ),
    Right(
        "a child has ended and stays a zombie",
        [(END, "    if (fork() == 0)\n        _exit(0);\n" + END)],
    ),
    Right(
        "a raw system call",
        [(END, "    for (;;)\n        syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);")],
        headers="sys/syscall.h",
    ),
    Right(
        "starts itself again",
        [
            ("int main(void)", "int main(int argc, char **argv)"),
            (END, '    if (argc == 1)\n        execl("/proc/self/exe", argv[0], "again", (char *)NULL);\n' + END),
        ],
    ),
]
