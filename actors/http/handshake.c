/* handshake.c: a request for a WebSocket, and the answer that makes it one. */
#include <cadre/actors/http_websocket.h>

#include "proof.h"
#include "response.h"
#include "websocket.h"

#include <errno.h>

static void drop_message(void *body)
{
    cadre_buf_unref(((const cadre_websocket_message *)body)->bytes);
}
CADRE_TYPE_DROP(cadre_websocket_message, drop_message);
CADRE_TYPE(cadre_websocket_opened);
CADRE_TYPE(cadre_websocket_sent);
CADRE_TYPE(cadre_websocket_close);

int cadre_http_reply_websocket(cadre_self *self, const cadre_msg *m, cadre_ref session,
                               const char *protocol)
{
    char proof[PROOF_SIZE];
    const cadre_http_request *r = m ? cadre_body(m, cadre_http_request) : NULL;
    if (!r || !session.id)
        return -EINVAL;
    if (!websocket_is_there)
        return -ENOTSUP;
    if (!proof_make(proof, r))
        return -EPROTO;
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
