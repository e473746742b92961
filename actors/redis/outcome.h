/* outcome.h: what a request comes to. */
#ifndef ACTORS_REDIS_OUTCOME_H
#define ACTORS_REDIS_OUTCOME_H

#include <cadre/actors/redis.h>

struct link;

/* The server says no, in these words. */
void outcome_error(cadre_self *self, cadre_promise promise, const char *words);
/* An answer, of this buffer, which is taken; NULL: a nil. */
void outcome_answer(cadre_self *self, cadre_promise promise, cadre_buf *data);
/* A failure. */
void outcome_fail(cadre_self *self, cadre_promise promise, int code, int cause);
/* There is no MULTI. */
void outcome_no_units(cadre_self *self, cadre_promise promise);
/* There is no connection, for its reason, or the server's words on it. */
void outcome_unsent(cadre_self *self, cadre_promise promise, const struct link *link);
/* The same as an end of the actor: what to return. */
int outcome_refused(cadre_self *self, const struct link *link);

#endif
