/* servers.c: what a client knows of the servers that it has connections to. */
#include "servers.h"

#include <string.h>

static void *new_in_ring(struct ring *head, size_t size, size_t buf_at)
{
    cadre_buf *buf = cadre_buf_new(NULL, size);
    if (!buf)
        return NULL;
    uint8_t *at = cadre_buf_data(buf);
    *(cadre_buf **)(void *)(at + buf_at) = buf;
    ring_add(head, (struct ring *)(void *)at);
    return at;
}
#define NEW(head, T)                                                                   \
    ((struct T *)new_in_ring((head), sizeof(struct T), offsetof(struct T, buf)))

static bool is_same(const struct lease *a, const struct lease *b)
{
    return a->is_secure == b->is_secure && a->is_proxied == b->is_proxied &&
           a->port == b->port && strcmp(a->host, b->host) == 0;
}

struct server *server_find(struct ring *servers, const struct lease *at, bool may_h2)
{
    for (struct ring *r = servers->next; r != servers; r = r->next) {
        struct server *s = RING_OF(r, struct server, ring);
        if (is_same(&s->at, at))
            return s;
    }
    struct server *s = NEW(servers, server);
    if (!s)
        return NULL;
    s->at = *at;
    s->may_h2 = may_h2;
    ring_init(&s->records);
    ring_init(&s->waiters);
    return s;
}

void server_forget(struct server *s)
{
    if (!ring_is_empty(&s->records) || !ring_is_empty(&s->waiters))
        return;
    ring_remove(&s->ring);
    cadre_buf_unref(s->buf);
}

void server_free(struct server *s)
{
    while (!ring_is_empty(&s->records))
        record_remove(RING_OF(s->records.next, struct record, ring));
    while (!ring_is_empty(&s->waiters))
        waiter_remove(RING_OF(s->waiters.next, struct waiter, ring));
    server_forget(s);
}

struct record *server_add_record(struct server *s, uint32_t most)
{
    struct record *r = NEW(&s->records, record);
    if (!r)
        return NULL;
    ring_init(&r->loans);
    r->server = s;
    r->is_http1 = s->at.http1;
    s->count++;
    s->coming++;
    record_set_most(r, most);
    return r;
}

struct waiter *server_add_waiter(struct server *s) { return NEW(&s->waiters, waiter); }

void record_remove(struct record *r)
{
    while (!ring_is_empty(&r->loans))
        record_end_loan(r, RING_OF(r->loans.next, struct loan, ring));
    r->server->count--;
    r->server->coming -= !r->is_known;
    ring_remove(&r->ring);
    cadre_buf_unref(r->buf);
}

void waiter_remove(struct waiter *w)
{
    ring_remove(&w->ring);
    cadre_buf_unref(w->buf);
}

struct record *server_with_room(const struct server *s)
{
    struct record *first = RING_OF(s->records.next, struct record, ring);
    return !ring_is_empty(&s->records) && first->has_room ? first : NULL;
}

struct record *servers_record(struct ring *servers, cadre_ref channel)
{
    for (struct ring *i = servers->next; i != servers; i = i->next) {
        struct server *s = RING_OF(i, struct server, ring);
        for (struct ring *j = s->records.next; j != &s->records; j = j->next) {
            struct record *r = RING_OF(j, struct record, ring);
            if (cadre_same(r->channel, channel))
                return r;
        }
    }
    return NULL;
}

/* ---- loans ------------------------------------------------------------------------ */

static void set_room(struct record *r)
{
    struct ring *records = &r->server->records;
    bool has_room = r->lent < r->most;
    if (has_room == r->has_room)
        return;
    r->has_room = has_room;
    ring_remove(&r->ring);
    ring_add(has_room ? records->next : records, &r->ring);
}

void record_set_most(struct record *r, uint32_t most)
{
    r->most = most;
    set_room(r);
}

void server_need_http1(struct server *s)
{
    s->at.http1 = true;
    s->may_h2 = false;
    for (struct ring *r = s->records.next, *next; r != &s->records; r = next) {
        struct record *record = RING_OF(r, struct record, ring);
        next = r->next; /* as it moves */
        if (!record->is_http1)
            record_set_most(record, 0);
    }
}

bool record_lend(struct record *r, cadre_ref to, uint32_t nth)
{
    struct loan *loan = &r->own;
    if (!r->own.to.id)
        ring_add(&r->loans, &loan->ring);
    else
        loan = NEW(&r->loans, loan);
    if (!loan)
        return false;
    loan->to = to;
    loan->nth = nth;
    r->was_lent = true;
    r->lent++;
    set_room(r);
    return true;
}

struct loan *record_loan(const struct record *r, cadre_ref to, uint32_t nth)
{
    for (struct ring *i = r->loans.next; i != &r->loans; i = i->next) {
        struct loan *loan = RING_OF(i, struct loan, ring);
        if (loan->nth == nth && cadre_same(loan->to, to))
            return loan;
    }
    return NULL;
}

void record_end_loan(struct record *r, struct loan *loan)
{
    ring_remove(&loan->ring);
    loan->to.id = 0;
    cadre_buf_unref(loan->buf);
    r->lent--;
    set_room(r);
}

struct record *servers_lender(struct ring *servers, cadre_ref to, uint32_t nth)
{
    for (struct ring *i = servers->next; i != servers; i = i->next) {
        struct server *s = RING_OF(i, struct server, ring);
        for (struct ring *j = s->records.next; j != &s->records; j = j->next) {
            struct record *r = RING_OF(j, struct record, ring);
            if (record_loan(r, to, nth))
                return r;
        }
    }
    return NULL;
}
