/* urge.c: to send what goes before others. */
#include "actor/urge.h"

#include <cadre/urgent.h>

int urge_request(struct cadre_self *self, uint64_t to, uint64_t token, int64_t deadline,
                 const cadre_type *type, const void *body)
{
    struct envelope *e;
    int err = send_prepare(self, &e, LETTER_TOKEN, type, body);
    if (err)
        return err;
    struct envelope_tail *tail = envelope_tail(e);
    tail->token = token;
    tail->deadline = deadline;
    tail->bytes |= ENVELOPE_URGENT;
    return send_message(self, e, to);
}

int cadre_send_urgent_as(cadre_self *self, cadre_ref to, const cadre_type *type,
                         const void *body)
{
    struct envelope *e = NULL;
    int err = self_check(self, "cadre_send_urgent_as");
    if (err)
        return send_refuse(type, body, err);
    err = send_check(self->world, "cadre_send_urgent_as", type, body);
    if (!err)
        err = send_prepare(self, &e, urge_kind(to), type, body);
    return err ? err : send_message(self, e, to.id);
}
