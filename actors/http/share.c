/* share.c: what the messages of HTTP own is shared, where one becomes several. */
#include <cadre/actors/http_events.h>
#include <cadre/actors/http_websocket.h>

#include <errno.h>

int cadre_http_share(const cadre_type *type, void *body)
{
    if (type == &cadre_http_request_type) {
        const cadre_http_request *r = body;
        (void)cadre_buf_ref(r->head);
        (void)cadre_buf_ref(r->body);
    } else if (type == &cadre_http_response_type) {
        cadre_http_response *r = body;
        (void)cadre_buf_ref(r->fields);
        (void)cadre_buf_ref(r->body);
        r->file = 0; /* its source has the same */
    } else if (type == &cadre_http_piece_type) {
        const cadre_http_piece *p = body;
        (void)cadre_buf_ref(p->bytes);
        (void)cadre_buf_ref(p->trailers);
    } else if (type == &cadre_http_event_type) {
        (void)cadre_buf_ref(((const cadre_http_event *)body)->data);
    } else if (type == &cadre_websocket_message_type) {
        (void)cadre_buf_ref(((const cadre_websocket_message *)body)->bytes);
    } else {
        return -ENOTSUP;
    }
    return 0;
}
