/* redising.h: a system with one cadre_redis, which the test asks from outside. */
#ifndef SUPPORT_REDISING_H
#define SUPPORT_REDISING_H

#include "support/open.h"
#include "support/redis.h"

#include <cadre/actors/redis.h>
#include <cadre/future.h>

extern cadre_system *rd_sys;
extern cadre_ref rd;
/* That it has ended, and why; outcomes of what the root was made to ask. */
extern atomic_uint rd_ended, rd_late;
extern atomic_int rd_reason;

/* Without an url: the server of support/redis.h, by its socket. */
void rd_begin_with(cadre_redis with);
void rd_begin(void);
void rd_end(void);
/* The root asks for INCR of this key, for so long. A -ETIMEDOUT is counted (rd_late). */
void rd_root_incr(const char *key, cadre_time timeout);
/* An actor of this class, the root's child. */
cadre_ref rd_spawn(const cadre_class *class);

/* Asks for one command. */
cadre_future *rd_ask(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For these, which are taken. */
cadre_future *rd_ask_all(cadre_redis_commands *commands);

/* The answer; all but the first free the future. */
cadre_msg rd_outcome(cadre_future *future);
/* The caller has the buffer. */
cadre_redis_answer rd_answer_of(cadre_future *future);
int64_t rd_number_of(cadre_future *future);
void rd_text_of(cadre_future *future, const char *text);
/* It is an error of that kind, with this in its words; or a failure. */
void rd_error_of(cadre_future *future, const char *kind, const char *has);
void rd_failed(cadre_future *future, int code);

/* A server by hand: takes the next connection, and its setup without a login. */
int rd_accept(int listener);
/* These come: a command, as it is sent. */
void rd_expect(int fd, const char *command);
void rd_send(int fd, const char *text);

#endif
