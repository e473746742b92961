/* reply.c: RESP2 as it is written. */
#include "reply.h"

#include <string.h>

void reply_head(struct text *text, char kind, int64_t number)
{
    char line[24], *at = line + sizeof line;
    uint64_t n = number < 0 ? -(uint64_t)number : (uint64_t)number;
    *--at = '\n';
    *--at = '\r';
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    if (number < 0)
        *--at = '-';
    *--at = kind;
    text_add(text, at, (size_t)(line + sizeof line - at));
}

void reply_bulk(struct text *text, const void *bytes, size_t size)
{
    reply_head(text, '$', (int64_t)size);
    text_add(text, bytes, size);
    text_add(text, "\r\n", 2);
}

void reply_word(struct text *text, const char *word)
{
    reply_bulk(text, word, strlen(word));
}
