/* outcome.c: what a request comes to. */
#include "outcome.h"

#include "../body.h"
#include "link.h"

#include <cadre/fail.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(int code)
{
    switch (code) {
    case -ECONNRESET:
        return "redis: the connection was lost: this was done or not";
    case -EMSGSIZE:
        return "redis: the answer is too large: ask for less, or set `bytes`";
    case -ENOMEM:
        return "redis: there is no memory for the answer";
    case -ECONNREFUSED:
    case -ENOENT:
        return "redis: nobody listens there: is the server running?";
    case -ECONNABORTED:
        return "redis: the server has hung up before it has said anything";
    case -ETIME:
        return "redis: the server did not answer in time: is it there, and does a "
               "firewall let it be reached?";
    case -EPROTO:
        return "redis: what answers there is no Redis server";
    default:
        return NULL;
    }
}

static void fail(cadre_self *self, cadre_promise promise, int code, int cause,
                 const char *message)
{
    const cadre_failure failure = {.code = code,
                                   .cause = cause == code ? 0 : cause,
                                   .origin = cadre_me(self),
                                   .message = message};
    body_fail(self, promise, &failure);
}

void outcome_fail(cadre_self *self, cadre_promise promise, int code, int cause)
{
    fail(self, promise, code, cause, text_of(code));
}

void outcome_no_units(cadre_self *self, cadre_promise promise)
{
    fail(self, promise, -ENOTSUP, 0,
         "redis: this server, or this user, has no MULTI: ask for one command at a "
         "time");
}

static void answer(cadre_self *self, cadre_promise promise, const cadre_type *type,
                   const void *body)
{
    int err = cadre_answer_as(self, promise, type, body);
    if (err && err != -EALREADY)
        outcome_fail(self, promise, err, 0);
}

void outcome_error(cadre_self *self, cadre_promise promise, const char *words)
{
    cadre_redis_error error = {.text = cadre_buf_new(words, strlen(words) + 1)};
    (void)snprintf(error.kind, sizeof error.kind, "%.*s", (int)strcspn(words, " "),
                   words);
    answer(self, promise, &cadre_redis_error_type, &error);
}

void outcome_answer(cadre_self *self, cadre_promise promise, cadre_buf *data)
{
    const cadre_redis_answer it = {data};
    answer(self, promise, &cadre_redis_answer_type, &it);
}

static const char *words_of(const struct link *link)
{
    return (const char *)cadre_buf_data(link->words);
}

void outcome_unsent(cadre_self *self, cadre_promise promise, const struct link *link)
{
    if (link->words)
        outcome_error(self, promise, words_of(link));
    else
        fail(self, promise, link->reason, 0,
             link->remedy ? link->remedy : text_of(link->reason));
}

int outcome_refused(cadre_self *self, const struct link *link)
{
    return cadre_fail(self, -EACCES, "redis: the server refuses: %s",
                      link->words ? words_of(link) : "");
}
