"""Step 02: what learners write for a child that lives on in place of the launched process."""

from gallery import Careless, Right, Wrong

CALL = "    leave_parent();\n"
UMASK = "    clear_umask();\n"
FAILED = '    case -1:\n        die("fork");\n'
CHILD = "    case 0:\n        return;\n"
PARENT = "        _exit(EXIT_SUCCESS);"
SWITCH = "    switch (fork()) {\n" + FAILED + CHILD + "    default:\n" + PARENT + "\n    }\n"
END = "    for (;;)\n        pause();"
MAIN = "int main(void)\n"

# What there is to be said of a process, where none is left.
NONE_LEFT = (
    "one_lives_on own_program shell_session shell_terminal launch_directory launch_files umask_is_zero is_adopted"
)

WRONG = [
    Wrong("forgotten", [(CALL, "")], fails="one_lives_on is_adopted", says="fork() was not called"),
    Wrong(
        "the branches swapped",
        [(CHILD, "    case 0:\n" + PARENT + "\n"), ("    default:\n" + PARENT, "    default:\n        return;")],
        fails="one_lives_on is_adopted",
        says="it should be the other way round",
    ),
    Wrong(
        "the branches swapped, and the parent waits",
        [(SWITCH, "    if (fork() == 0)\n        exit(0);\n    wait(NULL);\n")],
        headers="sys/wait.h",
        fails="one_lives_on is_adopted",
        says="the parent waited for the child to end",
    ),
    Wrong(
        "the parent waits for the child",
        [(PARENT, "        wait(NULL);\n" + PARENT)],
        headers="sys/wait.h",
        fails="one_lives_on is_adopted",
        says="it waits for its child",
    ),
    Wrong(
        "a parenthesis at the wrong place",
        [
            (
                SWITCH,
                '    pid_t pid;\n    if ((pid = fork() < 0))\n        die("fork");\n    if (pid > 0)\n'
                "        _exit(EXIT_SUCCESS);\n",
            )
        ],
        fails="one_lives_on is_adopted",
        says="pid = fork() < 0 stores",
    ),
    Wrong(
        "the parent ends with 1", [(PARENT, "        _exit(1);")], fails="one_lives_on", says="anything but status 0"
    ),
    Wrong(
        "all of the group is ended",
        [(PARENT, "        kill(0, SIGTERM);\n" + PARENT)],
        headers="signal.h",
        fails=NONE_LEFT,
        says="the whole process group",
    ),
    Wrong(
        "the child returns from main after a moment",
        [(END, "    usleep(100000);\n    return 0;")],
        fails=NONE_LEFT,
        says="the child ended too",
    ),
    Wrong(
        "the child follows a bad pointer after a moment",
        [(END, "    usleep(100000);\n    char *volatile name = NULL;\n    *(volatile char *)name = 'x';\n" + END)],
        fails=NONE_LEFT,
        says="memory that is not its own",
    ),
    Wrong(
        "vfork in its place",
        [("fork()) {", "vfork()) {")],
        fails="one_lives_on is_adopted",
        says="vfork",
    ),
    Wrong(
        "every child forks in the loop",
        [(SWITCH, "    for (int i = 0; i < 3; i++)\n        fork();\n    return;\n")],
        fails="one_lives_on is_adopted",
        says="fork() was called more than once",
    ),
    Wrong(
        "a thread in its place",
        [
            (CALL, "    pthread_t t;\n    pthread_create(&t, NULL, work, NULL);\n    pthread_exit(NULL);\n"),
            (MAIN, "static void *work(void *nothing)\n{\n    pause();\n    return nothing;\n}\n\n" + MAIN),
        ],
        headers="pthread.h",
        fails="one_lives_on is_adopted",
        says="fork() was not called",
    ),
    Wrong(
        "a program started by system",
        [(CALL, '    system("sleep 1000 &");\n    _exit(0);\n')],
        fails="own_program launch_files",
        says="it started another program",
    ),
    Wrong(
        "the function daemon, with zeros",
        [(CALL, "    if (daemon(0, 0) == -1)\n        return 1;\n")],
        fails="shell_session shell_terminal launch_directory launch_files",
        says="daemon()",
    ),
]

FORK = "fork()) {"

RIGHT = [
    Right(
        "a raw system call", [(FORK, "syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) {")], headers="signal.h sys/syscall.h"
    ),
    Right("fork without its handlers", [(FORK, "_Fork()) {")]),
    Right(
        "clone with a stack",
        [
            (
                CALL,
                "    (void)leave_parent;\n    if (clone(work, stack + sizeof(stack), SIGCHLD, NULL) == -1)\n"
                '        die("fork");\n    _exit(0);\n',
            ),
            (
                MAIN,
                "static int work(void *nothing)\n{\n    (void)nothing;\n    for (;;)\n        pause();\n}\n\n"
                "static char stack[65536] __attribute__((aligned(64)));\n\n" + MAIN,
            ),
        ],
        headers="sched.h signal.h",
    ),
    Right(
        "the parent returns from main",
        [
            (
                CALL,
                '    pid_t pid = fork();\n    if (pid == -1)\n        die("fork");\n'
                "    if (pid > 0)\n        return 0;\n",
            )
        ],
    ),
    Right("the parent becomes true", [(PARENT, '        execlp("true", "true", (char *)NULL);\n        _exit(1);')]),
    Right("the parent takes its time", [(PARENT, "        usleep(300000);\n        usleep(300000);\n" + PARENT)]),
    Right(
        "both take their time",
        [(PARENT, "        usleep(300000);\n" + PARENT), (END, "    usleep(300000);\n    usleep(300000);\n" + END)],
    ),
    Right("a second fork", [(CALL, CALL + CALL)]),
    Right(
        "the parent waits for the child, whose child lives on",
        [(PARENT, "        wait(NULL);\n" + PARENT), (CALL, CALL + "    if (fork())\n        _exit(0);\n")],
        headers="sys/wait.h",
    ),
    Right("umask after the fork", [(UMASK, ""), (CALL, CALL + UMASK)]),
    Right("umask after the fork, some time later", [(UMASK, ""), (CALL, CALL + "    usleep(300000);\n" + UMASK)]),
    Right(
        "the parent waits for a word from the child",
        [
            (
                SWITCH,
                '    int ready[2];\n    char word = 0;\n    if (pipe(ready) == -1)\n        die("pipe");\n'
                '    pid_t pid = fork();\n    if (pid == -1)\n        die("fork");\n    if (pid > 0)\n'
                "        _exit(read(ready[0], &word, 1) != 1);\n    usleep(300000);\n"
                '    if (write(ready[1], &word, 1) != 1)\n        die("write");\n'
                "    close(ready[0]);\n    close(ready[1]);\n",
            )
        ],
    ),
    Right(
        "the parent waits for a signal from the child",
        [
            (
                SWITCH,
                "    sigset_t set;\n    int sig;\n    sigemptyset(&set);\n    sigaddset(&set, SIGUSR1);\n"
                "    sigprocmask(SIG_BLOCK, &set, NULL);\n    pid_t pid = fork();\n    if (pid == -1)\n"
                '        die("fork");\n    if (pid > 0)\n        _exit(sigwait(&set, &sig));\n'
                "    usleep(300000);\n    kill(getppid(), SIGUSR1);\n",
            )
        ],
        headers="signal.h",
    ),
    Right(
        "the child waits until it is an orphan",
        [
            (
                CALL,
                "    pid_t before = getpid();\n" + CALL + "    while (getppid() == before)\n        usleep(1000);\n",
            )
        ],
    ),
    Right(
        "starts itself again by posix_spawn",
        [
            ("int main(void)", "int main(int argc, char **argv)"),
            (
                CALL,
                "    (void)leave_parent;\n    if (argc == 1) {\n"
                '        char *words[] = {argv[0], "again", NULL};\n'
                '        if (posix_spawn(NULL, "/proc/self/exe", NULL, NULL, words, environ) != 0)\n'
                '            die("fork");\n        _exit(0);\n    }\n',
            ),
        ],
        headers="spawn.h",
    ),
    Right(
        "vfork, and starts itself again",
        [
            ("int main(void)", "int main(int argc, char **argv)"),
            (
                CALL,
                "    (void)leave_parent;\n    if (argc == 1) {\n        pid_t pid = vfork();\n"
                "        if (pid == 0) {\n"
                '            execl("/proc/self/exe", argv[0], "again", (char *)NULL);\n            _exit(127);\n'
                '        }\n        if (pid == -1)\n            die("fork");\n        _exit(0);\n    }\n',
            ),
        ],
    ),
    Right(
        "goto style",
        [
            (
                SWITCH,
                "    pid_t pid = fork();\n    if (pid > 0)\n        goto parent;\n"
                "    if (pid == 0)\n        goto child;\n"
                '    die("fork");\nparent:\n    _exit(0);\nchild:\n    return;\n',
            )
        ],
    ),
    Right(
        "a helper that is waited for",
        [
            (
                CALL,
                CALL + "    pid_t pid = fork();\n    if (pid == 0)\n        _exit(1);\n    waitpid(pid, NULL, 0);\n",
            )
        ],
        headers="sys/wait.h",
    ),
    Right("a helper that stays a zombie", [(CALL, CALL + "    if (fork() == 0)\n        _exit(0);\n")]),
    Right(
        "a helper that ends after a while",
        [(CALL, CALL + "    if (fork() == 0) {\n        usleep(300000);\n        _exit(0);\n    }\n")],
    ),
    Right(
        "a second thread after the fork",
        [
            (MAIN, "static void *work(void *nothing)\n{\n    pause();\n    return nothing;\n}\n\n" + MAIN),
            (END, "    pthread_t t;\n    pthread_create(&t, NULL, work, NULL);\n    pthread_join(t, NULL);"),
        ],
        headers="pthread.h",
    ),
    Right(
        "fork in a thread",
        [
            (CALL, "    pthread_t t;\n    pthread_create(&t, NULL, work, NULL);\n    pthread_join(t, NULL);\n"),
            (
                MAIN,
                "static void *work(void *nothing)\n{\n    leave_parent();\n    pause();\n    return nothing;\n}\n\n"
                + MAIN,
            ),
        ],
        headers="pthread.h",
    ),
    Right("a busy loop", [(END, "    for (;;)\n        ;")]),
    Right("sleeps", [(END, "    for (;;)\n        sleep(1);")]),
    Right(
        "sigsuspend",
        [(END, "    sigset_t none;\n    sigemptyset(&none);\n    for (;;)\n        sigsuspend(&none);")],
        headers="signal.h",
    ),
    Right(
        "epoll",
        [
            (
                END,
                "    int set = epoll_create1(EPOLL_CLOEXEC);\n    struct epoll_event event;\n"
                "    for (;;)\n        epoll_wait(set, &event, 1, -1);",
            )
        ],
        headers="sys/epoll.h",
    ),
]

CARELESS = [Careless("fork() is not looked at", [('die("fork");', "return;")], misses="fork_fails")]
