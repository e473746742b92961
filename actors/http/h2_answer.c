/* h2_answer.c: a stream's answer, as it is sent. */
#include "h2_session.h"

#include "response.h"

#include <errno.h>
#include <string.h>

/* ---- all of it -------------------------------------------------------------------- */

static int add_head(struct h2 *h, const cadre_http_response *r, bool is_head,
                    char *status, char *length)
{
    cadre_http_text date = {wire_date_now(&h->connection->queue.date),
                            sizeof h->connection->queue.date.text};
    const char *end =
        wire_put_number(length, wire_length(r, is_head, cadre_buf_size(r->body)));
    h->wire.nva.size = 0;
    (void)wire_put_number(status, r->status);
    int err = h2_add_field(&h->wire.nva, (cadre_http_text){":status", 7},
                           (cadre_http_text){status, 3});
    if (!err)
        err = h2_add_field(&h->wire.nva, (cadre_http_text){"date", 4}, date);
    if (!err && wire_has_length(r))
        err = h2_add_field(&h->wire.nva, (cadre_http_text){"content-length", 14},
                           (cadre_http_text){length, (size_t)(end - length)});
    return err ? err
               : h2_add_lines(&h->wire.nva, (const char *)cadre_buf_data(r->fields),
                              cadre_buf_size(r->fields), NULL);
}

static int submit(struct h2 *h, struct h2_stream *s)
{
    nghttp2_data_provider body;
    cadre_http_response *r = &s->entry.response;
    char status[20], length[20];
    bool is_head = s->entry.manner.is_head, has_body = wire_has_body(r, is_head);
    if (add_head(h, r, is_head, status, length))
        return -ENOMEM;
    if (has_body)
        body = h2_body_begin(&s->out, &r->body, &r->source);
    return nghttp2_submit_response(h->wire.session, s->out.id, h2_nva(&h->wire.nva),
                                   h2_nva_size(&h->wire.nva), has_body ? &body : NULL);
}

/* A WebSocket cannot have been asked for. */
static void replace_upgrade(struct h2 *h, struct h2_stream *s)
{
    if (s->entry.response.status >= 200)
        return;
    entry_forget(h->wire.self, &s->entry);
    entry_answer(&s->entry, 500, NULL);
}

void h2_stream_answer(struct h2 *h, struct h2_stream *s)
{
    if (s->is_answered || s->entry.token.id || !s->entry.response.status)
        return;
    replace_upgrade(h, s);
    s->is_answered = true;
    s->out.since = h->wire.active = cadre_now(h->wire.self);
    if (s->entry.response.own & RESPONSE_CLOSES)
        h2_leave(h);
    if (submit(h, s))
        h2_reset(&h->wire, s->out.id, NGHTTP2_INTERNAL_ERROR);
}

void h2_stream_continue(struct h2 *h, struct h2_stream *s)
{
    const nghttp2_nv nv = {.name = (uint8_t *)":status",
                           .namelen = 7,
                           .value = (uint8_t *)"100",
                           .valuelen = 3};
    if (s->continues && !s->is_answered)
        (void)nghttp2_submit_headers(h->wire.session, NGHTTP2_FLAG_NONE, s->out.id,
                                     NULL, &nv, 1, NULL);
    s->continues = false;
}
