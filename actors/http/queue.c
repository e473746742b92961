/* queue.c: the requests of a connection that are under way, in their order, and their
 * answers on the way out. */
#include "queue.h"

#include "response.h"

#include <errno.h>

struct entry *queue_add(struct queue *q, struct wire_manner manner)
{
    struct entry *e = &q->entries[(q->first + q->count++) % QUEUE_SIZE];
    *e = (struct entry){.manner = manner};
    return e;
}

struct entry *queue_due(struct queue *q)
{
    struct entry *first = NULL;
    for (uint32_t i = 0; i < q->count; i++) {
        struct entry *e = &q->entries[(q->first + i) % QUEUE_SIZE];
        if (e->token.id && e->due && (!first || e->due < first->due))
            first = e;
    }
    return first;
}

void queue_outcome(cadre_self *self, struct queue *q, const cadre_msg *m)
{
    if (pieces_outcome(&q->pieces, m))
        return;
    for (uint32_t i = 0; m->token.id && i < q->count; i++) {
        struct entry *e = &q->entries[(q->first + i) % QUEUE_SIZE];
        if (e->token.id == m->token.id) {
            entry_outcome(e, q->shared, m);
            return;
        }
    }
}

/* ---- out -------------------------------------------------------------------------- */

static void remove_first(cadre_self *self, struct queue *q)
{
    entry_forget(self, queue_first(q));
    q->first = (q->first + 1) % QUEUE_SIZE;
    q->count--;
}

void queue_clear(cadre_self *self, struct queue *q)
{
    pieces_end(self, &q->pieces);
    for (; q->count > 0; remove_first(self, q))
        entry_cancel(self, queue_first(q), q->shared);
}

/* It is the last that is HTTP. */
static int begin_session(struct queue *q, struct entry *e)
{
    e->out =
        wire_answer(&e->response, (struct wire_manner){0}, &e->response.body, &q->date);
    if (!e->out)
        return -ENOMEM;
    q->session = e->response.source.from;
    e->response.source.from.id = e->response.status = 0;
    return 0;
}

/* Its head is made; the body follows, or its source. */
static int begin_first(cadre_self *self, struct queue *q, struct entry *e, bool closes)
{
    cadre_http_response *r = &e->response;
    if (r->own & RESPONSE_UPGRADES)
        return begin_session(q, e);
    e->manner.closes |=
        closes || r->own & RESPONSE_CLOSES || wire_has_no_end(&r->source, e->manner);
    e->out = wire_answer(r, e->manner, &r->body, &q->date);
    if (!e->out)
        return -ENOMEM;
    r->status = 0;
    if (r->source.from.id && !e->manner.is_head) {
        pieces_begin(&q->pieces, &r->source, wire_has_chunks(&r->source, e->manner));
        if (q->shared->takes_files)
            pieces_of_file(&q->pieces, r);
        r->source.from.id = 0;
    }
    return 0;
}

/* What is in pieces may be answered while its request still comes. */
static int write_first(cadre_self *self, struct queue *q, cadre_stream stream,
                       bool is_last)
{
    struct entry *e = queue_first(q);
    int err = 0;
    if (!e->out && e->response.status) {
        bool has_rest = q->is_open && !e->response.source.from.id;
        err = begin_first(self, q, e, (is_last || has_rest) && q->count == 1);
    }
    if (!err)
        err = pieces_write_buf(self, stream, &e->out, &q->written);
    if (!err)
        err = pieces_write_buf(self, stream, &e->response.body, &q->written);
    return err ? err : pieces_write(self, &q->pieces, stream, &q->written);
}

int queue_write(cadre_self *self, struct queue *q, cadre_stream stream, bool is_last)
{
    while (queue_is_stuck(q)) {
        int err = write_first(self, q, stream, is_last);
        if (err)
            return err;
        if (!pieces_are_over(&q->pieces))
            return 0;
        bool closes = queue_first(q)->manner.closes || q->session.id ||
                      (q->is_open && q->count == 1);
        remove_first(self, q);
        if (closes)
            return 1;
    }
    return 0;
}
