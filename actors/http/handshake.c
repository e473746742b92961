/* handshake.c: a request for a WebSocket, and the answer that makes it one. */
#include <cadre/actors/http_websocket.h>

#include "base64.h"
#include "head.h"
#include "response.h"
#include "sha1.h"
#include "websocket.h"

#include <errno.h>
#include <string.h>

enum { KEY_SIZE = 24 };

static void drop_message(void *body)
{
    cadre_buf_unref(((const cadre_websocket_message *)body)->bytes);
}
CADRE_TYPE_DROP(cadre_websocket_message, drop_message);
CADRE_TYPE(cadre_websocket_opened);
CADRE_TYPE(cadre_websocket_sent);
CADRE_TYPE(cadre_websocket_close);

/* What comes of an upload is its body, and no frames. */
static bool asks_for_one(const cadre_http_request *r)
{
    return cadre_http_is(r->method, "GET") && !r->source.from.id &&
           head_has_word(cadre_http_header(r, "Upgrade"), "websocket") &&
           head_has_word(cadre_http_header(r, "Connection"), "upgrade") &&
           cadre_http_header(r, "Sec-WebSocket-Key").size == KEY_SIZE &&
           cadre_http_is(cadre_http_header(r, "Sec-WebSocket-Version"), "13");
}

/* What proves that the request was understood. */
static void make_proof(char proof[29], cadre_http_text key)
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_SIZE + sizeof magic];
    uint8_t digest[SHA1_SIZE];
    memcpy(text, key.at, KEY_SIZE);
    memcpy(text + KEY_SIZE, magic, sizeof magic);
    sha1(digest, text, sizeof text - 1);
    *base64_put(proof, digest, sizeof digest) = '\0';
}

int cadre_http_reply_websocket(cadre_self *self, const cadre_msg *m, cadre_ref session,
                               const char *protocol)
{
    char proof[29];
    const cadre_http_request *r = m ? cadre_body(m, cadre_http_request) : NULL;
    if (!r || !session.id)
        return -EINVAL;
    if (!websocket_is_there)
        return -ENOTSUP;
    if (!asks_for_one(r))
        return -EPROTO;
    make_proof(proof, cadre_http_header(r, "Sec-WebSocket-Key"));
    const cadre_http_field fields[] = {
        {"Upgrade", "websocket"},
        {"Sec-WebSocket-Accept", proof},
        {protocol ? "Sec-WebSocket-Protocol" : NULL, protocol},
        {0}};
    cadre_http_response response = {
        .status = 101, .own = RESPONSE_UPGRADES, .source.from = session};
    int err = cadre_http_trailers(&response.fields, fields);
    return err ? err : cadre_reply_as(self, m, &cadre_http_response_type, &response);
}
