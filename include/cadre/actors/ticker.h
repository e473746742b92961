/* ticker.h: a message at given times, to whoever wants it.
 *
 * The times are those of a cron expression, in UTC, or come at an even period.
 *
 * An actor subscribes by asking with a cadre_ticker_subscribe, normally with a timeout of
 * CADRE_NEVER. From then on it gets the ticks, until that request is over: it cancels it,
 * ends, its timeout passes, or the ticker ends, which the failure CADRE_EDEAD says. So
 * nobody has to unsubscribe, and nobody is forgotten. Without subscribers the ticker
 * sleeps.
 *
 * A cron expression has five fields, or six with the seconds first:
 *
 *   second 0-59, minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-7 (0, 7: Sunday)
 *
 * A field is a list, separated by commas, of *, N, N-M, and any of these with /STEP;
 * N/STEP goes on to the end. Where both day and weekday are restricted (neither begins
 * with *), either will do. There are no names. In an expression that never comes the
 * day is wrong.
 *
 * Guarantees, each with a test of that name:
 *   every_time_once   a time that comes has one tick, not before it: at most a
 *                     millisecond late, as timers are. Where the wall clock is set
 *                     forward, what it jumped over has one tick; where it is set back,
 *                     ticks wait until it has come as far again. Either is noticed
 *                     within a minute
 *   dead_are_forgotten  as above
 *   bad_field_is_named  see cadre_ticker_check() */
#ifndef CADRE_ACTORS_TICKER_H
#define CADRE_ACTORS_TICKER_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. The start fails with -EINVAL: with both
 * cron and period, or neither; for an expression that cadre_ticker_check() refuses; for a
 * cron without a wall clock (see there); for a type with drop, or with a size but without
 * a body. */
typedef struct cadre_ticker {
    char cron[80];     /* the expression; "": period counts */
    cadre_time period; /* nanoseconds, from the first subscription on */
    /* UTC in nanoseconds since 1970. Called in the ticker's turn with wall_user. NULL: in
     * a simulation virtual time, so that it begins in 1970; elsewhere there is no default
     * for cron. */
    cadre_time (*wall)(void *user);
    void *wall_user;
    const cadre_type *type; /* of the ticks. NULL: cadre_tick */
    const void *body;       /* of the ticks of such a type; outlives the ticker */
    uint64_t own[8];        /* zero; the actor's own */
} cadre_ticker;

CADRE_API extern const cadre_class cadre_ticker_class;

typedef struct cadre_ticker_subscribe {
    int none;
} cadre_ticker_subscribe;
CADRE_API extern const cadre_type cadre_ticker_subscribe_type;

typedef struct cadre_tick {
    uint64_t number; /* of the ticks of this ticker, from 1 */
    cadre_time time; /* which one is meant: UTC for cron, else monotonic */
} cadre_tick;
CADRE_API extern const cadre_type cadre_tick_type;

/* Is this an expression? Returns 0, or -EINVAL and, where `field` is not NULL, the name
 * of the field that is wrong: "second" ... "weekday", or "number of fields". Any
 * thread. */
CADRE_API int cadre_ticker_check(const char *cron, const char **field);
/* The first time after `after` (both UTC in nanoseconds since 1970) that fits;
 * CADRE_NEVER for one that cadre_ticker_check() refuses. Any thread. */
CADRE_API cadre_time cadre_ticker_next(const char *cron, cadre_time after);

#ifdef __cplusplus
}
#endif
#endif
