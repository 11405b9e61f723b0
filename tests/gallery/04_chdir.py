"""Step 04: what learners write for the root directory."""

from gallery import Careless, Right, Wrong

CALL = "    move_to_root();\n"
SESSION = "    start_session();\n"
FORKED = "    leave_parent();\n"
MASK = "    clear_umask();\n"
END = "    for (;;)\n        pause();"
LOOKED_AT = '    if (chdir("/") == -1)\n        die("chdir /");'
PARENT = "    default:\n        _exit(EXIT_SUCCESS);"

HERE = "in_root_directory"
NOBODY = "one_lives_on own_program launch_files umask_is_zero is_adopted leads_session no_terminal in_root_directory"
MAIN = "int main(void)"

# A thread that does what is put in place of BODY, and its start.
THREAD = "static void *work(void *unused)\n{\nBODY    return unused;\n}\n\n" + MAIN
START = "    pthread_t thread;\n    pthread_create(&thread, NULL, work, NULL);\n"

WRONG = [
    Wrong("forgotten", [(CALL, "")], fails=HERE, says='chdir("/") was not called in the process that lives on'),
    Wrong(
        "in the parent",
        [(CALL, ""), (PARENT, '    default:\n        chdir("/");\n        _exit(EXIT_SUCCESS);')],
        fails=HERE,
        says="was not called in the process that lives on",
    ),
    Wrong(
        "in a child of its own",
        [(CALL, "    if (fork() == 0) {\n    " + CALL + "        _exit(0);\n    }\n    wait(NULL);\n")],
        headers="sys/wait.h",
        fails=HERE,
        says="was not called in the process that lives on",
    ),
    Wrong(
        'system("cd /")',
        [(LOOKED_AT, '    if (system("cd /") != 0)\n        die("cd");')],
        fails=HERE,
        says='the shell of system("cd /"), it moves only that one',
    ),
    Wrong("PWD set", [(LOOKED_AT, '    setenv("PWD", "/", 1);')], fails=HERE, says="was not called"),
    Wrong("chroot in its place", [(LOOKED_AT, '    chroot("/");')], fails=HERE, says="chroot() and open() move none"),
    Wrong("a dot for a slash", [('chdir("/")', 'chdir(".")')], fails=HERE, says="or another path was given"),
    Wrong(
        "home as the shell writes it",
        [(LOOKED_AT, '    chdir("~");')],
        fails=HERE,
        says="or the call failed: look at what it returns",
    ),
    Wrong(
        "the home of root",
        [(LOOKED_AT, '    chdir("/root");')],
        fails=HERE,
        says="or the call failed: look at what it returns",
    ),
    Wrong(
        "a blank in the path",
        [('chdir("/")', 'chdir("/ ")')],
        fails=NOBODY,
        says="what it printed or logged tells which",
    ),
    Wrong(
        "the test turned round",
        [('chdir("/") == -1', '!chdir("/")')],
        fails=NOBODY,
        says="the test is the wrong way round",
    ),
    Wrong("another directory", [('chdir("/")', 'chdir("/tmp")')], fails=HERE, says="but to another directory"),
    Wrong(
        "opened but not moved to",
        [(LOOKED_AT, '    if (open("/", O_RDONLY | O_DIRECTORY) == -1)\n        die("open /");')],
        headers="fcntl.h",
        fails=HERE,
        says="chroot() and open() move none",
    ),
    Wrong(
        "and back again",
        [
            (
                LOOKED_AT,
                '    int before = open(".", O_RDONLY | O_DIRECTORY);\n' + LOOKED_AT + "\n    fchdir(before);\n"
                "    close(before);",
            )
        ],
        headers="fcntl.h",
        fails=HERE,
        says="or it went back",
    ),
    Wrong(
        "a directory that is removed",
        [
            (
                LOOKED_AT,
                '    if (mkdir("empty", 0700) == -1 || chdir("empty") == -1)\n        die("empty");\n'
                '    rmdir("../empty");',
            )
        ],
        fails=HERE,
        says="a directory that has been removed",
    ),
    Wrong("after the waiting", [(CALL, ""), (END, END + "\n" + CALL)], fails=HERE, says="or not before it waits"),
    Wrong("no waiting after it", [(END, "    return 0;")], fails=NOBODY, says="the child ended too"),
    Wrong(
        "descriptors closed too",
        [(CALL, CALL + "    for (int fd = 0; fd < 3; fd++)\n        close(fd);\n")],
        fails="launch_files",
        says="too early here",
    ),
    Wrong(
        "daemon(0, 0)",
        [(FORKED + SESSION + CALL, '    if (daemon(0, 0) == -1)\n        die("daemon");\n')],
        fails="launch_files",
        says="too early here",
        glibc=True,
    ),
    Wrong(
        "a mask for safety",
        [(CALL, CALL + "    umask(022);\n")],
        fails="umask_is_zero",
        says="in place of 0 or after umask(0)",
    ),
    Wrong(
        "in place of the session",
        [(SESSION, "")],
        fails="leads_session no_terminal",
        says="setsid() was not called in it",
    ),
]

RIGHT = [
    Right("a raw system call", [('chdir("/")', 'syscall(SYS_chdir, "/")')], headers="sys/syscall.h"),
    Right(
        "fchdir and close",
        [
            (
                LOOKED_AT,
                '    int root = open("/", O_RDONLY | O_DIRECTORY);\n'
                '    if (root == -1 || fchdir(root) == -1 || close(root) == -1)\n        die("fchdir /");',
            )
        ],
        headers="fcntl.h",
    ),
    Right(
        "fchdir and left open",
        [(LOOKED_AT, '    if (fchdir(open("/", O_PATH | O_DIRECTORY)) == -1)\n        die("fchdir /");')],
        headers="fcntl.h",
    ),
    Right("by way of another", [('chdir("/")', 'chdir("/usr/..")')]),
    Right("more than one slash", [('chdir("/")', 'chdir("//./..//")')]),
    Right("through proc", [('chdir("/")', 'chdir("/proc/self/root")')]),
    Right("in two steps", [(LOOKED_AT, '    chdir("/tmp");\n' + LOOKED_AT)]),
    Right(
        "upwards until the top",
        [
            (
                LOOKED_AT,
                "    struct stat here, root;\n"
                '    while (stat(".", &here) == 0 && stat("/", &root) == 0 &&\n'
                "           (here.st_dev != root.st_dev || here.st_ino != root.st_ino))\n"
                '        if (chdir("..") == -1)\n            die("chdir ..");',
            )
        ],
    ),
    Right("first of all", [(CALL, ""), (MASK, CALL + MASK)]),
    Right("between umask and fork", [(CALL, ""), (FORKED, CALL + FORKED)]),
    Right("before the session", [(CALL, ""), (SESSION, CALL + SESSION)]),
    Right("umask last", [(MASK, ""), (CALL, CALL + MASK)]),
    Right("slow on the way", [(SESSION, SESSION + "    usleep(300000);\n"), (CALL, "    usleep(300000);\n" + CALL)]),
    Right(
        "a thread moves",
        [
            (MAIN, THREAD.replace("BODY", CALL)),
            (SESSION + CALL, SESSION + START + "    pthread_join(thread, NULL);\n"),
        ],
        headers="pthread.h",
    ),
    Right(
        "a child that shares it moves",
        [
            (
                CALL,
                "    if (syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0) == 0) {\n    "
                + CALL
                + "        _exit(0);\n    }\n    wait(NULL);\n",
            )
        ],
        headers="sched.h signal.h sys/syscall.h sys/wait.h",
    ),
    Right(
        "the parent waits for it, at a pipe",
        [
            (
                FORKED,
                "    int ends[2];\n"
                '    if (pipe(ends) == -1)\n        die("pipe");\n'
                "    char done = 0;\n"
                "    if (fork() > 0)\n"
                "        _exit(read(ends[0], &done, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);\n",
            ),
            (
                CALL,
                "    usleep(300000);\n" + CALL + '    if (write(ends[1], &done, 1) != 1)\n        die("write");\n',
            ),
        ],
    ),
    Right("SIGHUP ignored", [(SESSION, SESSION + "    signal(SIGHUP, SIG_IGN);\n")], headers="signal.h"),
    Right(
        "waits in select", [(END, "    for (;;)\n        select(0, NULL, NULL, NULL, NULL);")], headers="sys/select.h"
    ),
    Right(
        "waits in epoll_wait",
        [
            (
                END,
                "    struct epoll_event event;\n    int queue = epoll_create1(0);\n"
                "    for (;;)\n        epoll_wait(queue, &event, 1, -1);",
            )
        ],
        headers="sys/epoll.h",
    ),
    Right(
        "waits and is woken by a timer",
        [
            (MAIN, "static void tick(int unused)\n{\n    (void)unused;\n}\n\nint main(void)"),
            (
                END,
                "    struct itimerval often = {{0, 50000}, {0, 50000}};\n    signal(SIGALRM, tick);\n"
                "    setitimer(ITIMER_REAL, &often, NULL);\n" + END,
            ),
        ],
        headers="signal.h sys/time.h",
    ),
    Right(
        "waits in sigsuspend",
        [(END, "    sigset_t set;\n    sigemptyset(&set);\n    for (;;)\n        sigsuspend(&set);")],
        headers="signal.h",
    ),
    Right(
        "waits at a pipe of its own",
        [
            (
                END,
                "    int ends[2];\n    char nothing;\n    if (pipe(ends) == -1 || read(ends[0], &nothing, 1) == -1)\n"
                '        die("pipe");',
            )
        ],
    ),
    Right(
        "waits for a semaphore",
        [(END, "    sem_t never;\n    sem_init(&never, 0, 0);\n    for (;;)\n        sem_wait(&never);")],
        headers="semaphore.h",
    ),
    Right(
        "waits with one thread busy in sleeps",
        [
            (MAIN, THREAD.replace("BODY", "    for (;;)\n        usleep(100000);\n")),
            (END, START + END),
        ],
        headers="pthread.h",
    ),
]

CARELESS = [
    Careless(
        "chdir() is not looked at",
        [('    if (chdir("/") == -1)\n        die("chdir /");', '    (void)!chdir("/");')],
        misses="chdir_fails",
    )
]
