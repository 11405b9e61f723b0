/*
 * Reads what pytest sends: requests and orders.
 *
 * A request is words that end with a null byte each: "key=value", then
 * "--" and the program to run. The first descriptor that comes with it is the
 * control socket. Then comes one for each file, in their order, and for a tool
 * one to which its output goes. An order is one line: a word, and what belongs
 * to it, with a blank between two.
 *
 * Which keys and words there are, and how what belongs to each is read, the
 * tables OPTIONS and ORDERS say. What they do not say is refused: nothing is
 * passed over.
 */
#define _GNU_SOURCE
#include "reading.h"

#include "numbers.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_MODE = S_IFMT | 07777 }; /* of files, and of FIFOs */

/* One function for each type of the table OPTIONS. Each returns false if the
   value is none of that type, or if there is no room for one more. */

static bool read_flag(option_flag *to, const char *value, const char *words)
{
    (void)words;
    *to = true;
    return strcmp(value, "yes") == 0;
}

static bool read_number(option_number *to, const char *value, const char *words)
{
    (void)words;
    long long number;
    if (!scan_number(value, 10, 0, UINT_MAX, &number))
        return false;
    *to = (option_number)number;
    return true;
}

static bool read_text(option_text *to, char *value, const char *words)
{
    (void)words;
    *to = value;
    return *value != '\0';
}

static bool read_list(option_list *to, char *value, const char *words)
{
    (void)words;
    if (to->count == MAX_LIST)
        return false;
    to->items[to->count++] = value;
    return true;
}

/* The number of a value among words that stand apart by a blank each. */
static bool read_choice(option_choice *to, const char *value, const char *words)
{
    const size_t length = strlen(value);
    int number = 0;
    for (const char *word = words; word != NULL; number++) {
        const char *blank = strchr(word, ' ');
        size_t size = blank == NULL ? strlen(word) : (size_t)(blank - word);
        if (size == length && strncmp(word, value, size) == 0) {
            *to = number;
            return true;
        }
        word = blank == NULL ? NULL : blank + 1;
    }
    return false;
}

static bool read_choices(option_choices *to, const char *value,
                         const char *words)
{
    if (to->count == MAX_CHOICES ||
        !read_choice(&to->items[to->count], value, words))
        return false;
    to->count++;
    return true;
}

/* MODE:NAME */
static bool read_files(option_files *to, char *value, const char *words)
{
    (void)words;
    long long mode;
    char *colon = strchr(value, ':');
    if (to->count == MAX_FILES || colon == NULL || colon[1] == '\0')
        return false;
    *colon = '\0';
    if (!scan_number(value, 8, 0, MAX_MODE, &mode))
        return false;
    to->items[to->count++] = (struct file){-1, (mode_t)mode, colon + 1};
    return true;
}

static bool read_option(struct request *request, const char *key, char *value,
                        bool *is_known)
{
    *is_known = true;
#define READ(type, name, words)                                                \
    if (strcmp(key, #name) == 0)                                               \
        return read_##type(&request->name, value, words);
    OPTIONS(READ)
#undef READ
    *is_known = false;
    return false;
}

/* False if the bytes are not words with a null byte behind each. */
static bool split(struct message *message)
{
    if (message->size == 0 || message->text[message->size - 1] != '\0')
        return false;
    int count = 0;
    const char *end = message->text + message->size;
    for (char *word = message->text; word < end; word += strlen(word) + 1) {
        if (count == MAX_WORDS)
            return false;
        message->words[count++] = word;
    }
    message->words[count] = NULL;
    return true;
}

/* Gives each file its descriptor, and a tool's output the last one. */
static bool hand_out(struct request *request, const struct message *message)
{
    bool has_output = request->kind == KIND_TOOL;
    int files = request->file.count;
    if (message->passed_count != 1 + files + has_output)
        return false;
    for (int i = 0; i < files; i++)
        request->file.items[i].source = message->passed[1 + i];
    if (has_output)
        request->output = message->passed[1 + files];
    return true;
}

/* Fills in what was asked for. Otherwise false, and `why` says what cannot be
   understood. The request's texts are those of the message. */
bool read_request(struct request *request, struct message *message, char *why,
                  size_t size)
{
    if (!message->is_whole || !split(message)) {
        (void)snprintf(why, size, "a request that is too long, or has no end");
        return false;
    }
    char **word = message->words;
    for (; *word != NULL && strcmp(*word, "--") != 0; word++) {
        char *value = strchr(*word, '=');
        if (value == NULL) {
            (void)snprintf(why, size, "a word without a value: %.100s", *word);
            return false;
        }
        *value++ = '\0';
        bool is_known;
        if (!read_option(request, *word, value, &is_known)) {
            (void)snprintf(why, size, "%s: %.100s=%.100s",
                           is_known ? "the value of an option"
                                    : "an unknown option",
                           *word, value);
            return false;
        }
    }
    if (*word == NULL || word[1] == NULL) {
        (void)snprintf(why, size, "a request without a program");
        return false;
    }
    request->argv = word + 1;
    if (!hand_out(request, message)) {
        (void)snprintf(why, size, "a request with %d descriptors",
                       message->passed_count);
        return false;
    }
    return true;
}

/* Whether one of the choices is this one. */
bool is_chosen(const option_choices *choices, int wanted)
{
    for (int i = 0; i < choices->count; i++)
        if (choices->items[i] == wanted)
            return true;
    return false;
}

/* ---- orders -------------------------------------------------------------- */

static bool read_int(const char *word, int *to)
{
    long long number;
    if (word == NULL || !scan_number(word, 10, INT_MIN, INT_MAX, &number))
        return false;
    *to = (int)number;
    return true;
}

/* All that is left of an order. */
static bool read_numbers(char **rest, struct numbers *list)
{
    const char *word;
    while ((word = strtok_r(NULL, " ", rest)) != NULL)
        if (list->count == MAX_NUMBERS ||
            !read_int(word, &list->items[list->count++]))
            return false;
    return true;
}

/* Takes the words off what is left of an order. False if they do not have this
   form: a letter for each, see the table ORDERS. */
static bool read_words(struct order_words *words, const char *form, char *rest)
{
    int numbers = 0, texts = 0;
    for (; *form != '\0'; form++) {
        if (*form == 'l') {
            if (!read_numbers(&rest, &words->list))
                return false;
            continue;
        }
        const char *word = strtok_r(NULL, " ", &rest);
        if (*form == 'n' && !read_int(word, &words->number[numbers++]))
            return false;
        if (*form == 't' && (words->text[texts++] = word) == NULL)
            return false;
    }
    return strtok_r(NULL, " ", &rest) == NULL;
}

/* The number of an order, ORDER_word, and its words, which are parts of the
   text. -1 if it is no order, and `why` says what cannot be understood. */
int read_order(char *text, struct order_words *words, const char **why)
{
    char *rest = NULL;
    const char *name = strtok_r(text, " ", &rest);
    *words = (struct order_words){0};
    *why = "the words of an order";
#define READ(word, form, arguments)                                            \
    if (name != NULL && strcmp(name, #word) == 0)                              \
        return read_words(words, form, rest) ? ORDER_##word : -1;
    ORDERS(READ)
#undef READ
    *why = "an unknown order";
    return -1;
}
