/* link.h: a connection to a server, in libpq's pipeline mode: one request at a time.
 *
 * Nothing here waits. link_begin() queues all of a request; link_read(), when there is
 * something to read, goes on until it says what has come of it. */
#ifndef ACTORS_POSTGRES_LINK_H
#define ACTORS_POSTGRES_LINK_H

#include "convert.h"

/* All zero but conn and max: of a connection that is open, and runs nothing. */
struct link {
    PGconn *conn;
    uint32_t max; /* bytes of an answer */
    /* Statements that were prepared. */
    struct rows kept;
    uint32_t numbers; /* given to those, ever */
    bool is_stale;    /* one of them is of no use any more: all are forgotten next */
    /* What runs. */
    struct rows steps; /* what was queued, in order */
    uint32_t at;       /* of those */
    bool holds;        /* COMMIT waits for the rows, of which there may be too many */
    bool is_synced;    /* the end was queued */
    bool discards;     /* nobody wants what comes */
    bool is_too_much;  /* and it is to be cancelled */
    const struct statement *last;
    uint32_t limit;  /* rows in an answer, most; 0: all */
    PGresult *ahead; /* the first row of the next piece */
    struct table table;
    struct outcome outcome;
};

enum link_news {
    LINK_WAITS, /* for more to read, or room to write (link_is_full) */
    LINK_PIECE, /* the outcome has rows, and there are more: link_go_on() */
    LINK_DONE,  /* the outcome is all */
    LINK_BROKEN /* and so is the outcome, with -ECONNRESET */
};

/* Of a connection that is open. */
void link_open(struct link *link);
/* Also of what runs, if anything. */
void link_close(struct link *link);
/* Does the request only read, so that rows may come in pieces? */
bool link_only_reads(const cadre_sql *sql);
/* Queues it; it stays the caller's, unchanged until the outcome. In error the outcome
 * says it, and nothing runs; its code is returned. */
CADRE_MUST_CHECK int link_begin(struct link *link, const cadre_sql *sql);
/* What ran is over, and may be freed. */
void link_end(struct link *link);
/* The next rows. */
void link_go_on(struct link *link, uint32_t limit);
/* Nobody wants what comes. */
void link_discard(struct link *link);
/* Something may be read, or there may be room. */
enum link_news link_read(struct link *link);
/* Waits for room, too. */
bool link_is_full(struct link *link);

#endif
