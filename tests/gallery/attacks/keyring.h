/* The calls of keyrings(7): libc has none for them. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SESSION = -3, UPDATE = 2, SEARCH = 10, READ = 11 };

#define find_key() syscall(SYS_keyctl, SEARCH, SESSION, "user", "lab-attack", 0)
