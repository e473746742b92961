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
    struct ring records; /* the idle ones first */
    struct ring waiters; /* the first first */
};
struct record { /* of a connection */
    struct ring ring;
    cadre_buf *buf;
    struct server *server;
    cadre_ref channel;
    cadre_ref to; /* that it is lent to; id 0: nobody */
    bool is_idle;
    bool was_used; /* for an exchange */
};
struct waiter { /* for one */
    struct ring ring;
    cadre_buf *buf;
    cadre_ref who;
    cadre_promise promise;
};

/* The one at that place, a new one if there is none. NULL: no memory. */
struct server *server_find(struct ring *servers, const struct lease *at);
/* With the last connection, when nobody waits. */
void server_forget(struct server *s);
/* With all that belongs to it. */
void server_free(struct server *s);
/* One more; NULL: no memory. */
struct record *server_add_record(struct server *s);
struct waiter *server_add_waiter(struct server *s);
void record_remove(struct record *r);
void waiter_remove(struct waiter *w);
void record_set_idle(struct record *r, bool is_idle);
/* One that is idle, the last that became so; or NULL. */
struct record *server_idle(const struct server *s);
/* The one of that connection, or that is lent to there, of any of them; or NULL. */
struct record *servers_record(struct ring *servers, cadre_ref who);

#endif
