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

struct server *server_find(struct ring *servers, const struct lease *at)
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

struct record *server_add_record(struct server *s)
{
    struct record *r = NEW(&s->records, record);
    if (!r)
        return NULL;
    r->server = s;
    s->count++;
    return r;
}

struct waiter *server_add_waiter(struct server *s) { return NEW(&s->waiters, waiter); }

void record_remove(struct record *r)
{
    r->server->count--;
    ring_remove(&r->ring);
    cadre_buf_unref(r->buf);
}

void waiter_remove(struct waiter *w)
{
    ring_remove(&w->ring);
    cadre_buf_unref(w->buf);
}

void record_set_idle(struct record *r, bool is_idle)
{
    struct ring *records = &r->server->records;
    r->is_idle = is_idle;
    ring_remove(&r->ring);
    ring_add(is_idle ? records->next : records, &r->ring);
}

struct record *server_idle(const struct server *s)
{
    struct record *first = RING_OF(s->records.next, struct record, ring);
    return !ring_is_empty(&s->records) && first->is_idle ? first : NULL;
}

struct record *servers_record(struct ring *servers, cadre_ref who)
{
    for (struct ring *i = servers->next; i != servers; i = i->next) {
        struct server *s = RING_OF(i, struct server, ring);
        for (struct ring *j = s->records.next; j != &s->records; j = j->next) {
            struct record *r = RING_OF(j, struct record, ring);
            if (cadre_same(r->channel, who) || cadre_same(r->to, who))
                return r;
        }
    }
    return NULL;
}
