/* upload.c: the body of a request that is handed out in pieces, while it comes.
 *
 * Nothing is read of it unless a piece is asked for: so what comes meanwhile fills the
 * window, and its client waits. */
#include "upload.h"

#include <errno.h>

cadre_http_source upload_begin(cadre_self *self, struct upload *u, uint64_t size)
{
    *u = (struct upload){.key = u->key + 1, .is_on = true};
    return (cadre_http_source){.from = cadre_me(self), .key = u->key, .size = size};
}

bool upload_is_read(cadre_self *self, struct upload *u)
{
    if (!u->is_on)
        return true;
    u->is_asked = u->is_asked && cadre_is_awaited(self, u->promise);
    return u->is_asked;
}

bool upload_more(cadre_self *self, struct upload *u, const cadre_msg *m)
{
    const cadre_http_more *more = m->body;
    int code = 0;
    if (!m->token.id)
        return false; /* it does not ask */
    if (more->key != u->key)
        code = -ENOENT;
    else if (!u->is_on)
        code = u->code ? u->code : -ENOENT;
    else if (u->is_asked && cadre_is_awaited(self, u->promise))
        code = -EALREADY;
    else
        code = cadre_defer(self, m, &u->promise);
    if (!code)
        u->is_asked = true;
    else
        (void)cadre_reply(self, m, cadre_failure, .code = code);
    return !code;
}

int upload_give(cadre_self *self, struct upload *u, cadre_buf *take, bool is_last)
{
    const cadre_http_piece piece = {.bytes = take, .is_last = is_last};
    u->is_asked = false;
    u->is_on = !is_last;
    return cadre_answer_as(self, u->promise, &cadre_http_piece_type, &piece);
}

void upload_fail(cadre_self *self, struct upload *u, int code)
{
    if (!u->is_on)
        return;
    if (u->is_asked)
        (void)cadre_answer(self, u->promise, cadre_failure, .code = code);
    u->is_asked = u->is_on = false;
    u->code = code;
}
