/* queue.c: the requests of a connection that are under way, in their order, and their
 * answers on the way out. */
#include "queue.h"

#include "response.h"

#include <errno.h>
#include <stdio.h>

struct entry *queue_add(struct queue *q, struct wire_manner manner)
{
    struct entry *e = &q->entries[(q->first + q->count++) % QUEUE_SIZE];
    *e = (struct entry){.manner = manner};
    return e;
}

/* ---- answers ---------------------------------------------------------------------- */

/* Words are better than nothing, where somebody looks at it; without memory nothing. */
static cadre_buf *words(int status)
{
    char text[64];
    int n =
        snprintf(text, sizeof text, "%d %s\n", status, wire_reason((uint32_t)status));
    return cadre_buf_new(text, (size_t)n);
}

void queue_answer(struct entry *e, int status, const cadre_http_field *fields)
{
    e->token.id = 0;
    if (response_make(&e->response, status, fields, words(status)))
        e->response = (cadre_http_response){.status = 500};
}

static void answer_later(struct entry *e)
{
    static const cadre_http_field fields[] = {{"Retry-After", "1"}, {0}};
    queue_answer(e, 503, fields);
}

void queue_ask(cadre_self *self, struct queue *q, struct entry *e, cadre_ref to,
               const cadre_http_request *r)
{
    const cadre_type *type = &cadre_http_request_type;
    cadre_http_request request = *r;
    /* An upload takes as long as it takes; when its client is late we know. */
    cadre_time timeout = r->source.from.id ? CADRE_NEVER : q->shared->limits.answer;
    if (!shared_begin(q->shared)) {
        type->drop(&request);
        answer_later(e);
    } else if (cadre_ask_as(self, &e->token, to, timeout, type, &request)) {
        shared_end(q->shared);
        answer_later(e);
    }
}

static void fail(struct entry *e, const cadre_failure *failure)
{
    if (failure->code == CADRE_EFULL || failure->code == -ENOMEM)
        answer_later(e);
    else
        queue_answer(e, failure->code == -ETIMEDOUT ? 504 : 500, NULL);
}

void queue_outcome(cadre_self *self, struct queue *q, const cadre_msg *m)
{
    cadre_http_response *response = cadre_body(m, cadre_http_response);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (pieces_outcome(&q->pieces, m))
        return;
    for (uint32_t i = 0; m->token.id && i < q->count; i++) {
        struct entry *e = &q->entries[(q->first + i) % QUEUE_SIZE];
        if (e->token.id != m->token.id)
            continue;
        shared_end(q->shared);
        bool upgrades =
            response && response->status == 101 && response->own & RESPONSE_UPGRADES;
        if (upgrades || (response && response_is_status(response->status))) {
            e->token.id = 0;
            e->response = *response;
            response->fields = response->body = NULL;
        } else if (failure) {
            fail(e, failure);
        } else {
            queue_answer(e, 500, NULL); /* some other type, or made by hand */
        }
        return;
    }
}

/* ---- out -------------------------------------------------------------------------- */

static void forget(cadre_self *self, struct entry *e)
{
    pieces_refuse(self, &e->response.source);
    cadre_buf_unref(e->response.fields);
    cadre_buf_unref(e->response.body);
    cadre_buf_unref(e->out);
}

static void remove_first(cadre_self *self, struct queue *q)
{
    forget(self, queue_first(q));
    q->first = (q->first + 1) % QUEUE_SIZE;
    q->count--;
}

void queue_cancel(cadre_self *self, struct queue *q, struct entry *e)
{
    if (!e->token.id)
        return;
    (void)cadre_cancel(self, e->token); /* or the actor has ended */
    e->token.id = 0;
    shared_end(q->shared);
}

void queue_clear(cadre_self *self, struct queue *q)
{
    pieces_end(self, &q->pieces);
    for (; q->count > 0; remove_first(self, q))
        queue_cancel(self, q, queue_first(q));
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
