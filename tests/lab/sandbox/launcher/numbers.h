/* Numbers as they stand in texts. */
#ifndef NUMBERS_H
#define NUMBERS_H

#include <stdbool.h>

bool scan_number(const char *text, int base, long long least, long long most,
                 long long *to);

#endif
