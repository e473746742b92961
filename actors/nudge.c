/* nudge.c: a message to oneself that there is something to do, one at a time. */
#include "nudge.h"

#include <errno.h>
#include <stdatomic.h>

struct body {
    cadre_buf *is_coming;
};

static atomic_bool *flag_of(cadre_buf *buf)
{
    return (atomic_bool *)(void *)cadre_buf_data(buf);
}

/* Also by another thread, which refuses it; nothing else is told by the flag. */
static void drop(void *body)
{
    cadre_buf *buf = cadre_buf_move(&((struct body *)body)->is_coming);
    if (buf)
        atomic_store_explicit(flag_of(buf), false, memory_order_relaxed);
    cadre_buf_unref(buf);
}
const cadre_type nudge_type = {
    .name = "nudge", .size = sizeof(struct body), .drop = drop};

int nudge_init(struct nudge *nudge)
{
    nudge->is_coming = cadre_buf_new(NULL, sizeof(atomic_bool));
    if (!nudge->is_coming)
        return -ENOMEM;
    atomic_init(flag_of(nudge->is_coming), false);
    return 0;
}

int nudge_send(cadre_self *self, const struct nudge *nudge)
{
    struct body body = {nudge->is_coming};
    if (atomic_exchange_explicit(flag_of(body.is_coming), true, memory_order_relaxed))
        return 0;
    (void)cadre_buf_ref(body.is_coming);
    return cadre_send_as(self, cadre_me(self), &nudge_type, &body);
}

void nudge_came(const cadre_msg *m) { drop(m->body); }

void nudge_fini(struct nudge *nudge)
{
    cadre_buf_unref(cadre_buf_move(&nudge->is_coming));
}
