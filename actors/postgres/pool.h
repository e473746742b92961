/* pool.h: the connections of a database, and what each is there for. */
#ifndef ACTORS_POSTGRES_POOL_H
#define ACTORS_POSTGRES_POOL_H

#include "dial.h"
#include "link.h"

#include "../nudge.h"

#include <cadre/actors/postgres.h>
#include <cadre/ready.h>

enum { LINKS_MAX = 64 };

struct request {
    cadre_promise promise; /* token 0: nobody's */
    cadre_token patience;  /* fails when nobody waits for it any more */
    cadre_sql sql;
    cadre_time since;
    bool is_again;
};

enum phase {
    CLOSED,
    DIALS, /* a thread begins it */
    CONNECTS,
    SETS_UP, /* what each has: see database.c */
    FREE,
    RUNS,
    HAS_CURSOR,
    DRAINS /* its request is answered, but a cancel is under way */
};

struct seat {
    struct link link;
    enum phase phase;
    uint32_t round;    /* how often it was closed: what belongs to another is late */
    uint32_t runs;     /* how many requests it has begun */
    cadre_ready ready; /* id 0: not watched */
    cadre_token late;  /* until it is set up; id 0: no timer runs */
    cadre_token idle;  /* while nobody asks for the next rows */
    cadre_token cancelling; /* a thread tells the server; id 0: none does */
    struct request request;
    uint64_t cursor;
    bool is_unwanted; /* the request: cancel it */
};

typedef struct postgres_idle {
    uint64_t cursor;
} postgres_idle;
typedef struct postgres_again {
    uint32_t link, round, runs;
} postgres_again;
typedef struct postgres_late {
    uint32_t link, round;
} postgres_late;
typedef struct postgres_retry {
    int none;
} postgres_retry;

extern const cadre_type postgres_late_type, postgres_retry_type;

struct own {
    cadre_buf *url;
    struct seat *seats; /* as many as `connections`, and one for who listens */
    cadre_ref patience; /* a child that answers nothing */
    struct rows waiting, listeners;
    uint32_t cursors;  /* given out, ever */
    uint32_t failures; /* to connect, since the last success */
    bool rests;        /* nothing is tried until the timer */
    struct nudge nudge;
};
static inline struct own *own_of(cadre_postgres *me)
{
    return (struct own *)(void *)me->own;
}

/* Looks again at what there is to do, soon. */
void pool_tell(cadre_self *self, cadre_postgres *me);
uint32_t pool_count(cadre_postgres *me, enum phase phase);

/* Begins to connect. */
void connect_begin(cadre_self *self, cadre_postgres *me, struct seat *seat);
/* The handlers. */
int connect_on_dial(cadre_self *self, void *state, cadre_msg *m);
int connect_on_late(cadre_self *self, void *state, cadre_msg *m);
int connect_on_retry(cadre_self *self, void *state, cadre_msg *m);
/* Its descriptor is ready. Returns what the handler is to return. */
int connect_on_ready(cadre_self *self, cadre_postgres *me, struct seat *seat);
/* There is no connection: libpq says why, or the server, when it does not let it be set
 * up. Return what the handler is to return. */
int connect_fail(cadre_self *self, cadre_postgres *me, struct seat *seat);
int connect_unfit(cadre_self *self, cadre_postgres *me, struct seat *seat);
/* For a while nothing is tried. */
void connect_rest(cadre_self *self, struct own *own);
/* It is closed; what it ran fails with its outcome. */
void connect_lose(cadre_self *self, cadre_postgres *me, struct seat *seat);
/* Ends a timer, or a call. */
void connect_end(cadre_self *self, cadre_token *token);
/* Waits for its descriptor. False: it was closed. */
bool connect_wait(cadre_self *self, cadre_postgres *me, struct seat *seat);

/* Of a request: it is answered with the outcome; or dropped. */
void request_answer(cadre_self *self, struct request *request, struct outcome *outcome);
void request_drop(cadre_self *self, struct request *request);
static inline struct request *request_at(const struct rows *rows, uint32_t i)
{
    return rows_at(rows, sizeof(struct request), i);
}

/* Something came for it. Returns what the handler is to return. */
int pool_on_ready(cadre_self *self, cadre_postgres *me, struct seat *seat);

#endif
