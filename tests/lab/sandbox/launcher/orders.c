/* Carries out what pytest tells a launch to do. */
#define _GNU_SOURCE
#include "orders.h"

#include "clients.h"
#include "files.h"
#include "inject.h"
#include "job.h"
#include "reading.h"
#include "wire.h"

#include <stdio.h>

/* What is no order, or has other words than the table says, ends the launch:
   whoever has sent it would wait for an answer in vain. */
void take_order(const struct request *request, char *text)
{
    char whole[128];
    const char *why;
    struct order_words storage;
    const struct order_words *words = &storage;
    (void)snprintf(whole, sizeof(whole), "%s", text);
    switch (read_order(text, &storage, &why)) {
#define CARRY_OUT(word, form, arguments)                                       \
    case ORDER_##word:                                                         \
        order_##word arguments;                                                \
        break;
        ORDERS(CARRY_OUT)
#undef CARRY_OUT
    default:
        misunderstood(request, why, whole);
    }
}
