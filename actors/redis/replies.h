/* replies.h: what a server says, one value after the other, by hiredis's reader.
 *
 * hiredis reads the protocol; the values are made here, each in one buffer. What is too
 * large is read to its end, and only its reason kept: what is behind it is not lost. */
#ifndef ACTORS_REDIS_REPLIES_H
#define ACTORS_REDIS_REPLIES_H

#include "../http/bytes.h"
#include "../rows.h"

#include <cadre/actors/redis.h>

struct redisReader;

/* In one place from replies_open() on. */
struct replies {
    struct redisReader *reader;
    uint64_t max;       /* bytes of a value */
    struct rows values; /* of the one that comes; the first is it */
    struct bytes texts;
    int err; /* why there will be none of it */
};

/* One that has come. */
struct reply {
    int err;         /* -EMSGSIZE, -ENOMEM: it could not be kept */
    cadre_buf *data; /* as in cadre_redis_answer */
};
static inline const cadre_redis_value *reply_value(const struct reply *reply)
{
    return (const cadre_redis_value *)(const void *)cadre_buf_data(reply->data);
}
/* An error's words; NULL: it is none. */
static inline const char *reply_error(const struct reply *reply)
{
    const cadre_redis_value *v = reply_value(reply);
    return v && v->kind == CADRE_REDIS_ERROR ? v->is.text : NULL;
}

/* A new connection. Errors: -ENOMEM. */
CADRE_MUST_CHECK int replies_open(struct replies *replies, uint64_t max);
/* These bytes come next. Errors: -ENOMEM; -EMSGSIZE: a text is over `max`. */
CADRE_MUST_CHECK int replies_feed(struct replies *replies, cadre_buf *bytes);
/* 1: the next one, whose buffer is the caller's; 0: more has to come; -EPROTO: that is no
 * answer of a Redis server, or one with too many arrays in each other; -ENOMEM. */
CADRE_MUST_CHECK int replies_next(struct replies *replies, struct reply *reply);
/* Nothing has come behind what replies_next() has returned. */
bool replies_is_empty(const struct replies *replies);
void replies_close(struct replies *replies);

#endif
