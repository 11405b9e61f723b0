"""Known answers to step 13: root's rights are given up."""

from gallery import Careless, Right, Wrong

DROP = "    if (user != NULL)\n        become(user);\n"
WRITE = "    if (pid_file != NULL)\n        write_pid_file(pid_file);\n"
START = "    clear_umask();\n"
FORK = "    leave_waiting_parent();\n"
SECOND_FORK = "    leave_parent(); /* and so lead nothing */\n"
READY = "    say_ready();\n"

WAITER = "/* In the launched process: end"
GOOD_WORD = "        (void)wait(NULL); /* until its parent has ended it is no orphan */\n"

GROUPS = '    if (initgroups(other->pw_name, other->pw_gid) == -1)\n        die("-u: initgroups");\n'
GID = '    if (setresgid(other->pw_gid, other->pw_gid, other->pw_gid) == -1)\n        die("-u: setresgid");\n'
UID = '    if (setresuid(other->pw_uid, other->pw_uid, other->pw_uid) == -1)\n        die("-u: setresuid");\n'
BODY = GROUPS + GID + UID
LOOK = (
    "    if (setuid(0) == 0) { /* so it was root who was named, or is kept */\n        errno = EINVAL;\n"
    '        die("-u: there is a way back to root");\n    }\n'
)
FIND = "    const struct passwd *found = getpwnam(name);\n"
MISSING = (
    "    if (found == NULL) {\n"
    '        fprintf(stderr, "-u: there is no user called %s\\n", name);\n'
    "        exit(EXIT_FAILURE);\n    }\n"
)
SET_USER = "            user = find_user(optarg);\n"

IDS = "user_ids group_ids supplementary_groups no_capabilities no_way_back"


def call(text, name="-u"):
    """A checked call."""
    return f'    if ({text} == -1)\n        die("{name}");\n'


def unchecked(text):
    return f"    (void)!{text};\n"


WRONG = [
    Wrong("forgotten", [(DROP, "    (void)become;\n")], fails=f"{IDS} not_root", says="-u is not looked at"),
    Wrong(
        "-u is not known",
        [('"p:u:"', '"p:"')],
        fails=f"written_as_root {IDS} unknown_user not_root",
        says="among the letters for getopt()",
    ),
    Wrong(
        "the user alone",
        [(GROUPS + GID, "")],
        fails="group_ids supplementary_groups no_way_back",
        says="setgid() was not called",
    ),
    Wrong(
        "no supplementary groups are set",
        [(GROUPS, "")],
        fails="supplementary_groups",
        says="leave the supplementary ones alone",
    ),
    Wrong(
        "all supplementary groups are dropped",
        [(GROUPS, call("setgroups(0, NULL)"))],
        fails="supplementary_groups",
        says="is in other groups too",
    ),
    Wrong("the main group is forgotten", [(GID, "")], fails="group_ids no_way_back", says="setgid() was not called"),
    Wrong(
        "the user first",
        [(BODY, UID + GROUPS + GID)],
        fails=f"written_as_root {IDS}",
        says="Once the user ID is gone",
    ),
    Wrong(
        "the user first, and nothing is looked at",
        [
            (
                BODY,
                unchecked("setuid(other->pw_uid)")
                + unchecked("setgid(other->pw_gid)")
                + unchecked("initgroups(other->pw_name, other->pw_gid)"),
            )
        ],
        fails="not_root group_ids supplementary_groups no_way_back",
        says="nobody looked",
    ),
    Wrong(
        "nothing is looked at",
        [
            (
                BODY,
                unchecked("initgroups(other->pw_name, other->pw_gid)")
                + unchecked("setgid(other->pw_gid)")
                + unchecked("setuid(other->pw_uid)"),
            )
        ],
        fails="not_root",
        says="nobody looked",
    ),
    Wrong(
        "the effective IDs alone",
        [(LOOK, ""), (GID, call("setegid(other->pw_gid)")), (UID, call("seteuid(other->pw_uid)"))],
        fails="user_ids group_ids no_capabilities no_way_back",
        says="can leave the saved one",
    ),
    Wrong(
        "the saved IDs are left",
        [
            (LOOK, ""),
            (GID, call("setresgid(other->pw_gid, other->pw_gid, -1)")),
            (UID, call("setresuid(other->pw_uid, other->pw_uid, -1)")),
        ],
        fails="user_ids group_ids no_capabilities no_way_back",
        says="can leave the saved one",
    ),
    Wrong(
        "the real user is left",
        [(LOOK, ""), (UID, call("setresuid(-1, other->pw_uid, other->pw_uid)"))],
        fails="user_ids no_capabilities no_way_back",
        says="one of them is still root's",
    ),
    Wrong(
        "the user's ID for the group's",
        [("other->pw_gid", "other->pw_uid")],
        fails="group_ids supplementary_groups",
        says="pw_gid is another number",
    ),
    Wrong(
        "the group's ID for the user's",
        [(UID, UID.replace("pw_uid", "pw_gid"))],
        fails="user_ids",
        says="pw_uid is another number",
    ),
    Wrong(
        "another user than the one named",
        [(LOOK, ""), (FIND, FIND.replace("(name)", '("root")'))],
        fails=f"unknown_user {IDS}",
        says="asked for another name",
    ),
    Wrong(
        "before the PID file",
        [(DROP, ""), (WRITE, DROP + WRITE)],
        fails=f"written_as_root {IDS}",
        says="given up too early",
    ),
    Wrong(
        "before all else",
        [(DROP, ""), (START, DROP + START)],
        fails=f"written_as_root {IDS}",
        says="given up too early",
    ),
    Wrong(
        "in the launched process, after its daemon is ready",
        [
            (DROP, ""),
            (GOOD_WORD, "        if (user != NULL)\n            become(user);\n" + GOOD_WORD),
            (WAITER, "static void become(const struct passwd *other);\n\n" + WAITER),
        ],
        fails=f"{IDS} not_root",
        says="another process made them",
    ),
    Wrong(
        "in a child of its own",
        [
            (
                DROP,
                "    if (user != NULL && fork() == 0) {\n        (void)close(starter);\n        become(user);\n"
                "        _exit(EXIT_SUCCESS);\n    }\n"
                "    (void)wait(NULL);\n",
            )
        ],
        headers="sys/wait.h",
        fails=f"not_root {IDS}",
        says="another process made them",
    ),
    Wrong(
        "undone later",
        [
            (LOOK, ""),
            (GID, call("setegid(other->pw_gid)")),
            (UID, call("seteuid(other->pw_uid)")),
            (READY, READY + "    (void)!seteuid(0);\n    (void)!setegid(0);\n"),
        ],
        fails="user_ids group_ids no_capabilities no_way_back",
        says="undone",
    ),
    Wrong(
        "the capabilities are kept",
        [(UID, "    (void)prctl(PR_SET_KEEPCAPS, 1);\n" + UID)],
        headers="sys/prctl.h",
        fails="no_capabilities",
        says="PR_SET_KEEPCAPS",
    ),
    Wrong(
        "the capabilities alone are given up",
        [
            (LOOK, ""),
            (
                UID,
                "    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};\n"
                "    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};\n"
                + call("syscall(SYS_capset, &head, none)"),
            )
        ],
        headers="linux/capability.h",
        fails="user_ids no_way_back",
        says="root all the same",
        glibc=True,  # the kernel's headers are not where musl-gcc looks
    ),
    Wrong(
        "the file system's IDs alone",
        [(LOOK, ""), (GID, unchecked("setfsgid(other->pw_gid)")), (UID, unchecked("setfsuid(other->pw_uid)"))],
        headers="sys/fsuid.h",
        fails="user_ids group_ids no_capabilities no_way_back",
        says="still root's",
    ),
    Wrong(
        "a name that nobody has is not looked at",
        [(MISSING, "")],
        fails="unknown_user",
        says="nobody looked whether it gave NULL",
    ),
    Wrong(
        "a name that nobody has: Success",
        [(MISSING, '    errno = 0;\n    if (found == NULL)\n        die("getpwnam");\n')],
        fails="unknown_user",
        says="prints as Success",
    ),
    Wrong(
        "a name that nobody has: goes on as root",
        [(MISSING, '    if (found == NULL)\n        fprintf(stderr, "no user %s\\n", name);\n')],
        fails="unknown_user",
        says="and as root",
    ),
    Wrong(
        "a name that nobody has: status 0",
        [(MISSING, MISSING.replace("EXIT_FAILURE", "EXIT_SUCCESS"))],
        fails="unknown_user",
        says="as if all were well",
    ),
    Wrong(
        "where it is not root, -u is passed over",
        [(DROP, DROP.replace("user != NULL", "user != NULL && geteuid() == 0"))],
        fails="not_root",
        says="-u is not looked at",
    ),
    Wrong(
        "where it is not root, it ends without a word",
        [(SET_USER, SET_USER + "        if (user != NULL && geteuid() != 0)\n            exit(EXIT_FAILURE);\n")],
        fails="not_root",
        says="takes root",
    ),
]

RIGHT = [
    Right(
        "setgid() and setuid(), which as root set all",
        [(GID, call("setgid(other->pw_gid)")), (UID, call("setuid(other->pw_uid)"))],
    ),
    Right(
        "setregid() and setreuid()",
        [
            (GID, call("setregid(other->pw_gid, other->pw_gid)")),
            (UID, call("setreuid(other->pw_uid, other->pw_uid)")),
        ],
    ),
    Right(
        "getgrouplist() and setgroups()",
        [
            (
                GROUPS,
                "    gid_t groups[64];\n    int count = 64;\n"
                "    if (getgrouplist(other->pw_name, other->pw_gid, groups, &count) == -1 ||\n"
                "        setgroups((size_t)count, groups) == -1)\n"
                '        die("-u: setgroups");\n',
            )
        ],
    ),
    Right("the main group before the others", [(GROUPS + GID, GID + GROUPS)]),
    Right(
        "raw system calls",
        [
            (GID, call("syscall(SYS_setresgid, other->pw_gid, other->pw_gid, other->pw_gid)")),
            (UID, call("syscall(SYS_setresuid, other->pw_uid, other->pw_uid, other->pw_uid)")),
        ],
    ),
    Right(
        "whether it is root is looked at first",
        [
            (
                START,
                "    if (user != NULL && geteuid() != 0) {\n"
                '        fprintf(stderr, "-u: only root may become another user\\n");\n'
                "        exit(EXIT_FAILURE);\n    }\n" + START,
            )
        ],
    ),
    Right(
        "getpwnam_r()",
        [
            (
                FIND,
                "    static struct passwd entry;\n    static char text[4096];\n    struct passwd *found = NULL;\n"
                "    (void)getpwnam_r(name, &entry, text, sizeof(text), &found);\n",
            )
        ],
    ),
    Right(
        "getpwent()",
        [
            (
                FIND,
                "    const struct passwd *found;\n"
                "    while ((found = getpwent()) != NULL && strcmp(found->pw_name, name) != 0)\n        continue;\n",
            )
        ],
    ),
    Right(
        "a number is taken, too",
        [
            (
                FIND,
                "    char *end;\n    unsigned long number = strtoul(name, &end, 10);\n"
                "    const struct passwd *found = *name != '\\0' && *end == '\\0' ? getpwuid((uid_t)number) : "
                "getpwnam(name);\n",
            )
        ],
    ),
    Right(
        "and looks that there is no way back",
        [(UID, UID + '    if (setuid(0) == 0 || seteuid(0) == 0)\n        die("-u: still root");\n')],
    ),
    Right(
        "and looks at what it has become",
        [
            (
                UID,
                UID
                + "    uid_t ids[3];\n    if (getresuid(&ids[0], &ids[1], &ids[2]) == -1 || ids[2] != other->pw_uid)\n"
                '        die("-u: the saved ID is still there");\n',
            )
        ],
    ),
    Right(
        "no rights for what it may start, either",
        [(UID, UID + '    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)\n        die("prctl");\n')],
        headers="sys/prctl.h",
    ),
    Right(
        "the bounding set is emptied first",
        [
            (
                GROUPS,
                "    for (int number = 0; prctl(PR_CAPBSET_READ, number) >= 0; number++)\n"
                "        if (prctl(PR_CAPBSET_DROP, number) == -1 && geteuid() == 0)\n"
                '            die("prctl");\n' + GROUPS,
            )
        ],
        headers="sys/prctl.h",
    ),
    Right(
        "the capabilities are kept, and then dropped",
        [
            (
                UID,
                "    (void)prctl(PR_SET_KEEPCAPS, 1);\n"
                + UID
                + "    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};\n"
                "    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};\n"
                + call("syscall(SYS_capset, &head, none)", "capset"),
            )
        ],
        headers="linux/capability.h sys/prctl.h",
        glibc=True,  # the kernel's headers are not where musl-gcc looks
    ),
    Right(
        "after the log",
        [
            (DROP, ""),
            ("    say_ready();\n    syslog(LOG_INFO", "    syslog(LOG_INFO"),
            ('background");\n', 'background");\n' + DROP + READY),
        ],
    ),
    Right(
        "before the daemon says that it is ready, slowly",
        [(DROP, "    usleep(300000);\n" + DROP + "    usleep(300000);\n")],
    ),
]

CARELESS = [
    Careless(
        "the IDs are not looked at once the groups are set",
        [
            ('die("-u: setresgid");', "(void)0;"),
            ('die("-u: setresuid");', "(void)0;"),
            ("if (setuid(0) == 0)", "if (0)"),
        ],
        misses="setgid_fails setuid_fails root_named",
    ),
    Careless("initgroups() is not looked at", [('die("-u: initgroups");', "(void)0;")], misses="setgroups_fails"),
]
