/* Reads what pytest sends: requests and orders. */
#ifndef READING_H
#define READING_H

#include "request.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAX_TEXT = 1 << 16, MAX_WORDS = 512, MAX_PASSED = MAX_FILES + 2 };

/* What came in one message. */
struct message {
    char text[MAX_TEXT];
    size_t size;
    char *words[MAX_WORDS + 1]; /* in the text; behind the last, NULL */
    int passed[MAX_PASSED];     /* descriptors */
    int passed_count;
    bool is_whole; /* nothing was cut off */
};

enum { MAX_ORDER = 4096, MAX_OF_A_TYPE = 4, MAX_NUMBERS = 32 };

/* The last words of an order. */
struct numbers {
    int items[MAX_NUMBERS];
    int count;
};

/* The words of an order, those of each type by themselves. */
struct order_words {
    int number[MAX_OF_A_TYPE];
    const char *text[MAX_OF_A_TYPE];
    struct numbers list;
};

#define NUMBER(word, form, arguments) ORDER_##word,
enum { ORDERS(NUMBER) COUNT_OF_ORDERS };
#undef NUMBER

bool is_chosen(const option_choices *choices, int wanted);
bool read_request(struct request *request, struct message *message, char *why,
                  size_t size);

int read_order(char *text, struct order_words *words, const char **why);

#endif
