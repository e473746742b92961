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
    if (!shared_begin(q->shared)) {
        type->drop(&request);
        answer_later(e);
    } else if (cadre_ask_as(self, &e->token, to, q->shared->limits.answer, type,
                            &request)) {
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

void queue_outcome(struct queue *q, const cadre_msg *m)
{
    cadre_http_response *response = cadre_body(m, cadre_http_response);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    for (uint32_t i = 0; m->token.id && i < q->count; i++) {
        struct entry *e = &q->entries[(q->first + i) % QUEUE_SIZE];
        if (e->token.id != m->token.id)
            continue;
        shared_end(q->shared);
        if (response && response_is_status(response->status)) {
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

static void forget(struct entry *e)
{
    cadre_buf_unref(e->response.fields);
    cadre_buf_unref(e->response.body);
    cadre_buf_unref(e->out);
}

static void remove_first(struct queue *q)
{
    forget(queue_first(q));
    q->first = (q->first + 1) % QUEUE_SIZE;
    q->count--;
}

void queue_clear(cadre_self *self, struct queue *q)
{
    for (; q->count > 0; remove_first(q)) {
        if (!queue_first(q)->token.id)
            continue;
        (void)cadre_cancel(self, queue_first(q)->token); /* or the actor has ended */
        shared_end(q->shared);
    }
}

/* It stays where it is unless it is written. */
static int write_buf(cadre_self *self, struct queue *q, cadre_stream stream,
                     cadre_buf **buf)
{
    if (!*buf)
        return 0;
    int err = cadre_stream_write_buf(self, stream, cadre_buf_ref(*buf));
    if (err)
        return err;
    q->written += cadre_buf_size(*buf);
    cadre_buf_unref(cadre_buf_move(buf));
    return 0;
}

static int write_first(cadre_self *self, struct queue *q, cadre_stream stream,
                       bool is_last)
{
    struct entry *e = queue_first(q);
    if (!e->out && e->response.status) {
        bool closes = e->response.own & RESPONSE_CLOSES || (is_last && q->count == 1);
        e->manner.closes |= closes;
        e->out = wire_write(&e->response, e->manner, &e->response.body, &q->date);
        if (!e->out)
            return -ENOMEM;
        e->response.status = 0; /* its head is made */
    }
    int err = write_buf(self, q, stream, &e->out);
    return err ? err : write_buf(self, q, stream, &e->response.body);
}

int queue_write(cadre_self *self, struct queue *q, cadre_stream stream, bool is_last)
{
    while (queue_is_stuck(q)) {
        int err = write_first(self, q, stream, is_last);
        if (err)
            return err;
        bool closes = queue_first(q)->manner.closes;
        remove_first(q);
        if (closes)
            return 1;
    }
    return 0;
}
