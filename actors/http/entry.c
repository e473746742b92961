/* entry.c: a request that is under way, and its answer. */
#include "entry.h"

#include "pieces.h"
#include "response.h"

#include <errno.h>
#include <stdio.h>

/* Words are better than nothing, where somebody looks at it; without memory nothing. */
static cadre_buf *words(int status)
{
    char text[64];
    int n =
        snprintf(text, sizeof text, "%d %s\n", status, wire_reason((uint32_t)status));
    return cadre_buf_new(text, (size_t)n);
}

void entry_answer(struct entry *e, int status, const cadre_http_field *fields)
{
    e->token.id = 0;
    if (response_make(&e->response, status, fields, words(status)))
        e->response = (cadre_http_response){.status = 500};
}

static void answer_later(struct entry *e)
{
    static const cadre_http_field fields[] = {{"Retry-After", "1"}, {0}};
    entry_answer(e, 503, fields);
}

void entry_ask(cadre_self *self, struct entry *e, struct shared *shared, cadre_ref to,
               const cadre_http_request *r)
{
    const cadre_type *type = &cadre_http_request_type;
    cadre_http_request request = *r;
    /* What its client takes for an upload does not count: see connection.c. */
    cadre_time timeout = r->source.from.id ? CADRE_NEVER : shared->limits.answer;
    if (!shared_begin(shared)) {
        type->drop(&request);
        answer_later(e);
    } else if (cadre_ask_as(self, &e->token, to, timeout, type, &request)) {
        shared_end(shared);
        answer_later(e);
    }
}

static void fail(struct entry *e, const cadre_failure *failure)
{
    if (failure->code == CADRE_EFULL || failure->code == -ENOMEM)
        answer_later(e);
    else
        entry_answer(e, failure->code == -ETIMEDOUT ? 504 : 500, NULL);
}

void entry_outcome(struct entry *e, struct shared *shared, const cadre_msg *m)
{
    cadre_http_response *response = cadre_body(m, cadre_http_response);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    bool upgrades =
        response && response->status == 101 && response->own & RESPONSE_UPGRADES;
    shared_end(shared);
    if (upgrades || (response && response_is_status(response->status))) {
        e->token.id = 0;
        e->response = *response;
        response->fields = response->body = NULL;
        response->file = 0;
    } else if (failure) {
        fail(e, failure);
    } else {
        entry_answer(e, 500, NULL); /* some other type, or made by hand */
    }
}

void entry_cancel(cadre_self *self, struct entry *e, struct shared *shared)
{
    if (!e->token.id)
        return;
    (void)cadre_cancel(self, e->token); /* or the actor has ended */
    e->token.id = 0;
    shared_end(shared);
}

void entry_forget(cadre_self *self, struct entry *e)
{
    pieces_refuse(self, &e->response.source);
    cadre_buf_unref(e->response.fields);
    cadre_buf_unref(e->response.body);
    response_close(e->response.file);
    cadre_buf_unref(e->out);
}
