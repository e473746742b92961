/* redis.h: a Redis server as an actor, by hiredis, without blocking.
 *
 *   err = cadre_spawn(self, &redis, &cadre_redis_class,
 *                     &(cadre_redis){.url = "redis://localhost"});
 *   err = cadre_redis_ask(self, &token, redis, CADRE_SECOND, "INCRBY %s %d", key, 2);
 *   ...
 *   const cadre_redis_answer *a = cadre_body(m, cadre_redis_answer);
 *   if (a)
 *       sum = cadre_redis_integer(cadre_redis_value_of(a), -1);
 *
 * Library cadre-redis. Requests go over one connection, each behind the other without
 * waiting for its answer, in the order in which they came; it is opened when one waits.
 * A request is one command, answered with a cadre_redis_answer, or with a
 * cadre_redis_error, which has the server's words (WRONGTYPE, NOAUTH, LOADING,
 * READONLY); or it is several, which are one unit (MULTI and EXEC): all of them are done,
 * with no other's in between, or none is. As with any request a cadre_failure may come
 * instead:
 *
 *   -ECONNRESET  the connection was lost, or given up, after this was sent: done or not.
 *                It is not sent again
 *   -EMSGSIZE    the answer is over `bytes`: done
 *   -ENOTSUP     several commands, and this server, or user, has no MULTI or no EXEC:
 *                not done
 *   CADRE_EFULL  more than `waiting` wait: not done
 *   -ETIMEDOUT, -ENOMEM  done or not
 *   another one  while it waited for a connection for longer than `patience`: not done.
 *                Of an attempt that took too long -ETIME, of one that was cut off
 *                -ECONNABORTED, and what connecting (tcp.h, resolve.h) fails with
 *
 * What was not sent when the connection was lost waits for the next one, until its
 * deadline or `patience`; connections are tried again, at least every 5 s. When the
 * server refuses (password, database) what waits fails with its words, and so does the
 * actor. What nobody waits for any more is not sent; what was sent is done, and its
 * answer dropped.
 *
 * All share the connection. So commands that change it for others are refused (AUTH,
 * SELECT, HELLO, WATCH, MULTI, MONITOR, CLIENT REPLY and the like, and SUBSCRIBE: see
 * cadre_redis_listen). And a command that waits at the server (BLPOP, XREAD BLOCK,
 * WAIT) holds up what is behind it: have an actor of its own for these, with no bound
 * for an `answer`. The protocol is RESP2, of all servers. hiredis reads arrays in each
 * other up to its limit (0.14: 7); an answer beyond that costs the connection.
 *
 * Guarantees, each with a test of that name:
 *   in_order             as above, and so are their effects
 *   all_or_none          of a request of several commands; but one that fails when it is
 *                        run (WRONGTYPE) undoes no other, and its place in the answer
 *                        has the error
 *   values_are_exact     what was stored comes back as it was: any bytes
 *   error_has_words      of the server, see above
 *   sent_once            what was sent is not sent again
 *   comes_back           what was not sent is, when the server is back
 *   refusal_is_named     as above
 *   within_bounds        no more than `waiting` requests, and `bytes` of an answer, are
 *                        kept
 *   silent_server_is_left  one that does not answer for `answer`
 *   given_up_is_not_sent as above
 *   messages_are_heard   all that were published from the answer on, in their order, or
 *                        it is said that some may be lost */
#ifndef CADRE_ACTORS_REDIS_H
#define CADRE_ACTORS_REDIS_H
#include <cadre/ask.h>
#include <cadre/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. The start fails with -EINVAL, with
 * words, for an url that is none, and a time below 0. Requests may come at once, and
 * wait. What waits when the actor ends fails with CADRE_EDEAD, and is done or not.
 *
 *   redis://user:password@host:port/database   all but the host may be left out
 *   rediss://...                               the same with TLS, by `tls`
 *   unix://user:password@/path?db=database     a UNIX socket; ?db= also of the others,
 *                                              instead of /database
 *
 * Where a part of it has one of these :/?@% it is as %2F. With TLS all that was written
 * counts as sent. */
typedef struct cadre_redis {
    const char *url;     /* copied at each start. NULL: redis://localhost:6379 */
    cadre_tls *tls;      /* of rediss: (tls.h), as long as it lives; else NULL */
    uint32_t waiting;    /* requests, most, those under way included. 0: 4,096 */
    uint32_t bytes;      /* of an answer, most. 0: 16 MiB */
    cadre_time connect;  /* how long one attempt may take. 0: 10 s */
    cadre_time patience; /* a request that has waited so long when an attempt to connect
                          * fails, fails with the reason. 0: 10 s */
    cadre_time answer; /* the connection is given up when nothing has come for so long,
                          * and something should. 0: 60 s; CADRE_NEVER */
    uint64_t own[24];  /* zero; the actor's own */
} cadre_redis;
CADRE_API extern const cadre_class cadre_redis_class;

/* ---- requests -------------------------------------------------------------------- */

/* All zero: no command yet. */
typedef struct cadre_redis_commands {
    cadre_buf *bytes; /* by cadre_redis_add() */
    uint64_t used;    /* of it */
    uint32_t count;
} cadre_redis_commands;
CADRE_API extern const cadre_type cadre_redis_commands_type;

/* One command more: its name and arguments, any bytes, which are copied. sizes: of each;
 * NULL: they are texts. Any thread. Errors: -EINVAL (nothing; a NULL), -ENOTSUP (one
 * that would change the connection for others, see above), -EMSGSIZE (over 512 MiB),
 * -ENOMEM; then it is as before. */
CADRE_API CADRE_MUST_CHECK int cadre_redis_add(cadre_redis_commands *commands,
                                               uint32_t count, const char *const *args,
                                               const size_t *sizes);
/* The same by a format. Blanks in the format part the arguments; what a % stands for is
 * one, or a piece of one, whatever is in it: "SET %s:%d %s". Only %s (no NULL), %d, %i,
 * %u, %x, %o, %f, %e, %g, with l and ll, and %%: -EINVAL for others. */
CADRE_API CADRE_MUST_CHECK int cadre_redis_addf(cadre_redis_commands *commands,
                                                const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
/* Gives up what has not been asked. */
CADRE_API void cadre_redis_drop(cadre_redis_commands *commands);
/* Asks for one command, by a format. Errors: those of the two. */
CADRE_API CADRE_MUST_CHECK int cadre_redis_ask(cadre_self *self, cadre_token *token,
                                               cadre_ref redis, cadre_time timeout,
                                               const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 5, 6)))
#endif
    ;

/* ---- answers --------------------------------------------------------------------- */

enum cadre_redis_kind {
    CADRE_REDIS_NIL,
    CADRE_REDIS_INTEGER,
    CADRE_REDIS_TEXT,  /* any bytes, with a zero behind them; OK is one, too */
    CADRE_REDIS_ERROR, /* the same; only within an array */
    CADRE_REDIS_ARRAY
};
typedef struct cadre_redis_value {
    int kind;
    uint32_t size; /* bytes of a text, values of an array */
    union {
        int64_t integer;
        const char *text;
        const struct cadre_redis_value *values;
    } is;
} cadre_redis_value;

/* Of one command its value; of several an array, with the value of each. */
typedef struct cadre_redis_answer {
    cadre_buf *data; /* move it out to keep it; not to be changed */
} cadre_redis_answer;
CADRE_API extern const cadre_type cadre_redis_answer_type;

/* Valid as long as the buffer. Any thread. */
CADRE_API const cadre_redis_value *
cadre_redis_value_of(const cadre_redis_answer *answer);
/* Value i of an array; a nil where there is none. */
CADRE_API const cadre_redis_value *cadre_redis_at(const cadre_redis_value *value,
                                                  uint32_t i);
/* The text of one, else NULL; the integer of one, or of a text that is one in decimal,
 * else `otherwise`. */
CADRE_API const char *cadre_redis_text(const cadre_redis_value *value);
CADRE_API int64_t cadre_redis_integer(const cadre_redis_value *value,
                                      int64_t otherwise);

/* The server's. */
typedef struct cadre_redis_error {
    char kind[24]; /* its first word: WRONGTYPE, NOAUTH, ERR */
    cadre_buf *text;
} cadre_redis_error;
CADRE_API extern const cadre_type cadre_redis_error_type;
/* All of it. Valid as long as the buffer. */
CADRE_API const char *cadre_redis_error_text(const cadre_redis_error *error);

/* ---- messages that are published ------------------------------------------------- */

#define CADRE_REDIS_CHANNEL_MAX 255 /* bytes of its name, without the zero */

/* A request of an actor, which from its answer on (a cadre_redis_answer, of nil) hears
 * what is published to this channel, until it ends or says stop. Over one more
 * connection, for all who listen: one who is slow holds up the others (flow.h), unless
 * it has a limit. To give the request up does not stop it. Errors: -EINVAL (not by an
 * actor; no name), -EALREADY (asked, and not answered yet), CADRE_EFULL (more than
 * `waiting` listen), and what a request may fail with. */
typedef struct cadre_redis_listen {
    char channel[CADRE_REDIS_CHANNEL_MAX + 1];
    bool is_pattern; /* PSUBSCRIBE: news.* */
    bool stop;
} cadre_redis_listen;
/* A message to who listens. */
typedef struct cadre_redis_notice {
    cadre_redis_value channel; /* that it was published to */
    cadre_redis_value payload;
    cadre_redis_value pattern; /* by which it is heard; nil: by the channel's name */
    cadre_buf *data;           /* in which they are, shared: move it out to keep them */
    /* Nothing was published, but some may have been lost: the connection was, and now it
     * is heard again; one was over `bytes`; or there was no room for it (limit.h). Of
     * the latter it is told with the next one, or within half of `answer`. The channel,
     * or the pattern, is what was asked for. */
    bool is_lost;
    bool is_over; /* the same, but the server has refused it now: nothing more comes */
} cadre_redis_notice;
CADRE_API extern const cadre_type cadre_redis_listen_type, cadre_redis_notice_type;

#ifdef __cplusplus
}
#endif
#endif
