/* reply.h: RESP2 as it is written. */
#ifndef ACTORS_RESP_REPLY_H
#define ACTORS_RESP_REPLY_H

#include "../text.h"

void reply_head(struct text *text, char kind, int64_t number); /* `:5\r\n` */
void reply_bulk(struct text *text, const void *bytes, size_t size);
void reply_word(struct text *text, const char *word);

#endif
