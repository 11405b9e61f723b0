/*
 * Reads requests and orders as the launcher does, and says what it has read:
 * dev/fuzz.py compiles it with the launcher's own parser and the compiler's
 * sanitizers.
 *
 * Each input is a line "KIND SIZE DESCRIPTORS", and then SIZE bytes; KIND is r
 * for a request, and o for an order. For each input a line is printed: "no",
 * or "yes" and all that was read, a blank before each. Texts are printed in
 * hexadecimal digits, with a dot in front.
 */
#define _GNU_SOURCE
#include "reading.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_string(const char *text)
{
    (void)printf(" .");
    for (; *text != '\0'; text++)
        (void)printf("%02x", (unsigned char)*text);
}

/* ---- one function for each type of the table OPTIONS ---------------------- */

static void show_flag(const option_flag *flag)
{
    (void)printf(" %d", *flag);
}

static void show_number(const option_number *number)
{
    (void)printf(" %u", *number);
}

static void show_text(const option_text *text)
{
    show_string(*text == NULL ? "" : *text);
}

static void show_choice(const option_choice *choice)
{
    (void)printf(" %d", *choice);
}

static void show_choices(const option_choices *choices)
{
    for (int i = 0; i < choices->count; i++)
        show_choice(&choices->items[i]);
}

static void show_list(const option_list *list)
{
    for (int i = 0; i < list->count; i++)
        show_string(list->items[i]);
}

static void show_files(const option_files *files)
{
    for (int i = 0; i < files->count; i++) {
        const struct file *file = &files->items[i];
        (void)printf(" %o", (unsigned)file->mode);
        show_string(file->name);
    }
}

static void show_request(const struct request *request)
{
    (void)printf("yes");
#define SHOW(type, key, words)                                                 \
    (void)printf(" " #key);                                                    \
    show_##type(&request->key);
    OPTIONS(SHOW)
#undef SHOW
    (void)printf(" --");
    for (char *const *word = request->argv; *word != NULL; word++)
        show_string(*word);
    (void)printf("\n");
}

static void show_order(int number, const struct order_words *words,
                       const char *form)
{
    int numbers = 0, texts = 0;
    (void)printf("yes %d", number);
    for (; *form != '\0'; form++) {
        if (*form == 'n')
            (void)printf(" %d", words->number[numbers++]);
        else if (*form == 't')
            show_string(words->text[texts++]);
        else
            for (int i = 0; i < words->list.count; i++)
                (void)printf(" %d", words->list.items[i]);
    }
    (void)printf("\n");
}

/* ---- one input ------------------------------------------------------------ */

/* What is behind the bytes that came may not be read. */
static void parse_request(const char *bytes, size_t size, int descriptors)
{
    static struct message message;
    char why[512];
    struct request request = {.tmp = "/tmp"};
    memcpy(message.text, bytes, size);
    message.size = size;
    message.is_whole = true;
    message.passed_count = descriptors;
    for (int i = 0; i < descriptors; i++)
        message.passed[i] = 100 + i;
    ASAN_POISON_MEMORY_REGION(message.text + size, sizeof(message.text) - size);
    if (read_request(&request, &message, why, sizeof(why)))
        show_request(&request);
    else
        (void)printf("no\n");
    ASAN_UNPOISON_MEMORY_REGION(message.text, sizeof(message.text));
}

static void parse_order(const char *bytes, size_t size)
{
#define FORM(word, form, arguments) form,
    static const char *const forms[] = {ORDERS(FORM)};
#undef FORM
    struct order_words words;
    const char *why = NULL;
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, bytes, size);
    text[size] = '\0';
    int number = read_order(text, &words, &why);
    if (number == -1)
        (void)printf("no\n");
    else
        show_order(number, &words, forms[number]);
    free(text);
}

int main(void)
{
    static char bytes[MAX_TEXT];
    char kind;
    size_t size;
    int descriptors;
    while (scanf("%c %zu %d", &kind, &size, &descriptors) == 3 &&
           getchar() == '\n' && size <= sizeof(bytes) &&
           descriptors <= MAX_PASSED && fread(bytes, 1, size, stdin) == size) {
        if (kind == 'r')
            parse_request(bytes, size, descriptors);
        else
            parse_order(bytes, size);
        (void)fflush(stdout);
    }
    return EXIT_SUCCESS;
}
