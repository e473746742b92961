/* base.h: a database that is open, and the calls that use it.
 *
 * The actor and each call have a share in a base, a call until its job is dropped; who
 * leaves last closes its connections. So the end of the actor waits for no call. The
 * actor says which call uses which connection: none has two at a time. */
#ifndef ACTORS_SQLITE_BASE_H
#define ACTORS_SQLITE_BASE_H

#include "link.h"

#include <cadre/actors/sqlite.h>

enum { WRITER = 0, READERS_MAX = 16 };

/* Has one share. NULL: out of memory. */
CADRE_MUST_CHECK cadre_buf *base_new(const cadre_sqlite *config);
cadre_buf *base_share(cadre_buf *base);
/* One share less. NULL is fine. */
void base_leave(cadre_buf *base);
/* Calls that are under way are to stop. */
void base_end(cadre_buf *base);
const char *base_path(cadre_buf *base);
/* When a call for a request that is in hand is to stop. */
cadre_time base_until(cadre_self *self);

/* The calls: each a cadre_work that returns 0, and its job, which has a share. */

typedef struct sqlite_open {
    cadre_buf *base;
    int code;
    char text[LINK_TEXT];
} sqlite_open;
extern const cadre_type sqlite_open_type;
int base_open(void *job);

struct request {
    cadre_promise promise;
    cadre_sql sql; /* without statements: the next rows of a cursor, 0: it is closed */
    cadre_time until;
    uint32_t link; /* where it is done */
    struct outcome outcome;
};
void request_free(struct request *request);

typedef struct sqlite_read {
    cadre_buf *base;
    struct request request;
    bool has_cursor; /* the result: there are more rows */
} sqlite_read;
extern const cadre_type sqlite_read_type;
int base_read(void *job);

typedef struct sqlite_write {
    cadre_buf *base;
    struct rows requests;
} sqlite_write;
extern const cadre_type sqlite_write_type;
int base_write(void *job);

static inline struct request *request_at(const struct rows *rows, uint32_t i)
{
    return rows_at(rows, sizeof(struct request), i);
}
void base_free_requests(struct rows *rows);

#endif
