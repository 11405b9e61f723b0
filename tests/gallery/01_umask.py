"""Step 01: what learners write for a umask of zero."""

from gallery import Right, Wrong

ZERO = "    (void)umask(0);"
CALL = "    clear_umask();\n"
END = "    for (;;)\n        pause();"
MAIN = "int main(void)\n"

# What there is to be said of a process, where none is left.
NONE_LEFT = (
    "lives own_program parent_is_shell shell_session shell_terminal launch_directory launch_files umask_is_zero"
)

WRONG = [
    Wrong("forgotten", [(CALL, "")], fails="umask_is_zero", says="umask(0) was not called"),
    Wrong(
        "after the loop that never ends",
        [(CALL, ""), (END, END + "\n\n" + CALL)],
        fails="umask_is_zero",
        says="after a loop that never ends",
    ),
    Wrong(
        "the old mask put back at once",
        [(ZERO, "    umask(umask(0));")],
        fails="umask_is_zero",
        says="the old mask was put back",
    ),
    Wrong(
        "the old mask put back after the first file",
        [
            (
                CALL,
                '    mode_t old = umask(0);\n    int log = open("log", O_CREAT | O_WRONLY, 0666);\n'
                "    close(log);\n    umask(old);\n",
            )
        ],
        headers="fcntl.h",
        fails="umask_is_zero",
        says="the old mask was put back",
    ),
    Wrong("0777 to allow everything", [(ZERO, "    umask(0777);")], fails="umask_is_zero", says="bits to take away"),
    Wrong("022 as usual", [(ZERO, "    umask(022);")], fails="umask_is_zero", says="called with this value"),
    Wrong("27 in decimal", [(ZERO, "    umask(27);")], fails="umask_is_zero", says="27 is decimal"),
    Wrong(
        "in a shell",
        [(ZERO, '    system("umask 0");')],
        headers="stdlib.h",
        fails="umask_is_zero",
        says="has a umask of its own",
    ),
    Wrong(
        "in a child that ends",
        [(CALL, "    if (fork() == 0) {\n        clear_umask();\n        _exit(0);\n    }\n    wait(NULL);\n")],
        headers="sys/wait.h",
        fails="umask_is_zero",
        says="has a umask of its own",
    ),
    Wrong(
        "in a child made by vfork",
        [(CALL, "    if (vfork() == 0) {\n        umask(0);\n        _exit(0);\n    }\n")],
        fails="umask_is_zero",
        says="has a umask of its own",
    ),
    Wrong(
        "in the parent, while a child goes on",
        [(CALL, "    if (fork() > 0)\n        clear_umask();\n")],
        fails="lives parent_is_shell umask_is_zero",
        says="it makes another process",
    ),
    Wrong(
        "chmod in its place",
        [(ZERO, '    chmod(".", 0777);')],
        fails="umask_is_zero",
        says="umask(0) was not called",
    ),
    Wrong(
        "waits for a moment only",
        [(END, "    usleep(100000);\n    exit(0);")],
        headers="stdlib.h",
        fails=NONE_LEFT,
        says="it came to its end",
    ),
    Wrong(
        "closes its output",
        [(CALL, CALL + "    close(STDOUT_FILENO);\n    close(STDERR_FILENO);\n")],
        fails="launch_files",
        says="steps 05 and 06 add",
    ),
]

RIGHT = [
    Right("a raw system call", [("umask(0)", "syscall(SYS_umask, 0)")], headers="sys/syscall.h"),
    Right("a mask whose low bits are zero", [("umask(0)", "umask(~0777)")]),
    Right("first another one, then zero", [(ZERO, "    umask(027);\n    usleep(300000);\n    umask(0);")]),
    Right(
        "the old mask kept in a variable", [(ZERO, "    mode_t old = umask(0);\n    old &= 0777;\n    (void)old;")]
    ),
    Right(
        "put back in between, and cleared again",
        [(CALL, "    mode_t old = umask(0);\n    umask(old);\n    umask(old & 0);\n")],
    ),
    Right(
        "before main",
        [("static void clear_umask", "__attribute__((constructor)) static void clear_umask"), (CALL, "")],
    ),
    Right(
        "by a thread, which shares it",
        [
            (CALL, "    pthread_t t;\n    pthread_create(&t, NULL, work, NULL);\n    pthread_join(t, NULL);\n"),
            (MAIN, "static void *work(void *nothing)\n{\n    clear_umask();\n    return nothing;\n}\n\n" + MAIN),
        ],
        headers="pthread.h",
    ),
    Right(
        "by a thread, some time later",
        [
            (CALL, "    pthread_t t;\n    pthread_create(&t, NULL, work, NULL);\n"),
            (
                MAIN,
                "static void *work(void *nothing)\n{\n    usleep(300000);\n    clear_umask();\n    usleep(300000);\n"
                "    return nothing;\n}\n\n" + MAIN,
            ),
        ],
        headers="pthread.h",
    ),
    Right(
        "by a process that shares it",
        [
            (CALL, "    waitpid(clone(work, stack + sizeof(stack), CLONE_FS | SIGCHLD, NULL), NULL, 0);\n"),
            (
                MAIN,
                "static int work(void *nothing)\n{\n    (void)nothing;\n    clear_umask();\n    return 0;\n}\n\n"
                "static char stack[65536] __attribute__((aligned(64)));\n\n" + MAIN,
            ),
        ],
        headers="sched.h signal.h sys/wait.h",
    ),
    Right(
        "kept through exec",
        [
            ("int main(void)", "int main(int argc, char **argv)"),
            (
                CALL,
                "    if (argc == 1) {\n        clear_umask();\n"
                '        execl(argv[0], argv[0], "again", (char *)NULL);\n    }\n',
            ),
        ],
    ),
    Right(
        "goto style, on its way for a while",
        [(CALL, "    usleep(300000);\n    goto mask;\nmask:\n    clear_umask();\n    usleep(300000);\n")],
    ),
    Right("a busy loop", [(END, "    for (;;)\n        ;")]),
    Right("sleeps", [(END, "    for (;;)\n        sleep(1);")]),
    Right(
        "writes a file of mode 0666, and closes it",
        [(CALL, CALL + '    close(open("log", O_CREAT | O_WRONLY, 0666));\n')],
        headers="fcntl.h",
    ),
]
