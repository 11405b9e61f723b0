/* Numbers as they stand in texts. */
#define _GNU_SOURCE
#include "numbers.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* The whole text is a number from `least` to `most`, with no blank in front of
   it; else false, and `to` stays as it is. */
bool scan_number(const char *text, int base, long long least, long long most,
                 long long *to)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, base);
    if (errno != 0 || end == text || *end != '\0' ||
        isspace((unsigned char)*text) || number < least || number > most)
        return false;
    *to = number;
    return true;
}
