/* servers.h: what a client knows of the servers that it has connections to. */
#ifndef ACTORS_HTTP_SERVERS_H
#define ACTORS_HTTP_SERVERS_H

#include "client.h"

#include "../ring.h"

/* Each in a buffer of its own, in a ring. */
struct server {
    struct ring ring;
    cadre_buf *buf;
    struct lease at;
    uint32_t count;      /* of connections */
    uint32_t coming;     /* those of which it is not known what they carry */
    uint32_t most;       /* that one carried which is known; 0: none is */
    bool may_h2;         /* as far as is known it speaks HTTP/2 */
    struct ring records; /* those with room first */
    struct ring waiters; /* the first first */
};
struct loan { /* of a connection */
    struct ring ring;
    cadre_buf *buf; /* NULL: it is a record's own */
    cadre_ref to;
    uint32_t nth; /* of who it is lent to */
};
struct record { /* of a connection */
    struct ring ring;
    cadre_buf *buf;
    struct server *server;
    cadre_ref channel;
    struct ring loans;
    struct loan own; /* the only one of HTTP/1.1 */
    uint32_t lent, most;
    bool has_room;
    bool is_known; /* what it carries */
    bool was_lent; /* to another before */
    bool was_used; /* for an exchange */
    bool is_http1; /* is known */
};
struct waiter { /* for one */
    struct ring ring;
    cadre_buf *buf;
    cadre_ref who;
    uint32_t nth;
    cadre_promise promise;
};

/* The one at that place, a new one if there is none. NULL: no memory. */
struct server *server_find(struct ring *servers, const struct lease *at, bool may_h2);
/* With the last connection, when nobody waits. */
void server_forget(struct server *s);
/* With all that belongs to it. */
void server_free(struct server *s);
/* One more, that may carry so many; NULL: no memory. */
struct record *server_add_record(struct server *s, uint32_t most);
struct waiter *server_add_waiter(struct server *s);
void record_remove(struct record *r);
void waiter_remove(struct waiter *w);
/* It wants HTTP/1.1: from now on what is not that is lent to nobody. */
void server_need_http1(struct server *s);
/* It carries so many. */
void record_set_most(struct record *r, uint32_t most);
/* The one with room, the last that came to have it; or NULL. */
struct record *server_with_room(const struct server *s);
/* The one of that connection, of any of them; or NULL. */
struct record *servers_record(struct ring *servers, cadre_ref channel);

/* It is lent once more; false: no memory. */
bool record_lend(struct record *r, cadre_ref to, uint32_t nth);
/* That loan; NULL: it has come to its end. */
struct loan *record_loan(const struct record *r, cadre_ref to, uint32_t nth);
void record_end_loan(struct record *r, struct loan *loan);
/* The record which has it, of any of them; or NULL. */
struct record *servers_lender(struct ring *servers, cadre_ref to, uint32_t nth);

#endif
