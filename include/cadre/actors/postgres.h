/* postgres.h: a PostgreSQL database as an actor, by libpq, without blocking.
 *
 * Library cadre-postgres. cadre_postgres_class is asked by the messages of sql.h, and
 * asks the server over a few connections, which are opened when requests wait. Each runs
 * one request at a time. Several statements are one transaction; so BEGIN, COMMIT and the
 * like are refused: put what belongs together into one request. Sessions are shared: what
 * SET and LISTEN and temporary tables leave behind others find.
 *
 * A parameter has the type that its statement needs there: say $1::bigint where that is
 * not clear. Integers and reals go as decimal text, bytes as they are (the binary form of
 * that type: for bytea). In answers booleans (0 or 1) and integers are INTEGER, float4
 * and float8 REAL, bytea BYTES, and all else the TEXT that the server has for it, numeric
 * too. Text with a zero byte is refused, as PostgreSQL has none.
 *
 * Rows come in pieces (`rows`) of a request of one statement that begins with SELECT,
 * VALUES, TABLE, SHOW or EXPLAIN; else all come at once. A connection is taken while a
 * cursor is open. What runs past its request's deadline, or when nobody waits any more,
 * is cancelled at the server.
 *
 * When the server goes away the requests that it had fail with -ECONNRESET: done or not.
 * Those that wait go on waiting until their deadline or `patience`, and connections are
 * tried again, at least every 5 s. When the server refuses (password, database) they fail
 * and so does the actor, with words. Hosts, also those of PGHOST, are looked up on a
 * thread of CADRE_POOL_NAMES; those of a service that the URL names by libpq, in between
 * where there are several. Cancelling is a call on a thread of CADRE_POOL_DATA: one that
 * takes longer than `connect` costs the connection. Files that the URL names,
 * certificates and keys, are read in between by libpq.
 *
 * Guarantees, each with a test of that name, besides those of sql.h:
 *   side_by_side         as many requests run at the same time as there are connections
 *   within_bounds        no more than `waiting` requests and `bytes` are kept
 *   cursors_end          with their last row, when closed, when nobody asks for a while
 *   late_ones_are_cancelled  as above
 *   comes_back           after the server went away, as above
 *   refusal_is_named     as above
 *   notices_are_heard    all that were sent from the answer on, or it is said that some
 *                        may be lost */
#ifndef CADRE_ACTORS_POSTGRES_H
#define CADRE_ACTORS_POSTGRES_H
#include <cadre/actors/sql.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. The start fails with -EINVAL, with
 * words, for a url that libpq does not understand. Requests may come at once, and wait.
 * What waits when the actor ends fails with CADRE_EDEAD, and is done or not. */
typedef struct cadre_postgres {
    const char *url; /* postgresql://user@host/base, or host=... dbname=...; copied at
                      * each start. NULL: what the environment says (PGHOST, ...) */
    uint32_t connections; /* most, 2 to 64. 0: 8. One of them never has a cursor */
    uint32_t waiting;     /* requests, most, those under way included. 0: 1,024 */
    uint32_t bytes;       /* of an answer, most. 0: 16 MiB */
    cadre_time connect;   /* how long one attempt, or a cancel, may take. 0: 10 s */
    cadre_time patience; /* a request that has waited so long when an attempt to connect
                           * fails, fails with the reason (08001). 0: 10 s */
    cadre_time cursor;   /* one is closed that nobody has asked for so long. 0: 30 s */
    uint64_t own[32];    /* zero; the actor's own */
} cadre_postgres;
CADRE_API extern const cadre_class cadre_postgres_class;

#define CADRE_SQL_CHANNEL_MAX 63 /* bytes of its name, without the zero */

/* A request of an actor, which from its answer on (cadre_sql_rows, of nothing) hears what
 * is said on this channel, until it ends or says stop. Over one more connection, for all
 * who listen. The name is as pg_notify() has it: NOTIFY without quotes means lower case.
 * To give the request up does not stop it. Errors: -EINVAL (not by an actor; no name),
 * -EALREADY (asked, and not answered yet), CADRE_EFULL (more than `waiting` listen). */
typedef struct cadre_sql_listen {
    char channel[CADRE_SQL_CHANNEL_MAX + 1];
    bool stop;
} cadre_sql_listen;
/* A message to who listens, in the order in which the server has sent them. */
typedef struct cadre_sql_notice {
    char channel[CADRE_SQL_CHANNEL_MAX + 1];
    cadre_buf *payload; /* a text with its zero; move it out to keep it */
    bool is_lost; /* no payload: some may have been lost, as the connection was; now it
                   * is heard again */
} cadre_sql_notice;
CADRE_API extern const cadre_type cadre_sql_listen_type, cadre_sql_notice_type;

#ifdef __cplusplus
}
#endif
#endif
