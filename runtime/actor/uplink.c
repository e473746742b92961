/* uplink.c: an isolated actor's way out of its process. */
#include "actor/uplink.h"

#include "base/confine.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* What was put together is of a handler that will not return. There is room for this: it
 * was larger before. */
static CC_COLD CC_NORETURN void end_without_memory(struct uplink *up)
{
    static const char words[] = "its process has no memory for what it sends";
    const struct wire_head head = {
        .kind = WIRE_ENDED, .size = sizeof words, .code = -ENOMEM};
    struct pollfd p = {.fd = up->fd, .events = POLLOUT};
    up->out.used = 0;
    if (wire_put(&up->out, &head, words) == 0)
        while (!wire_write(&up->out, up->fd))
            (void)poll(&p, 1, -1);
    confine_exit(1);
}

static void put(struct uplink *up, const struct wire_head *head, const void *body)
{
    if (wire_put(&up->out, head, body))
        end_without_memory(up);
}

void uplink_send(struct cadre_self *self, struct envelope *e, uint64_t to)
{
    struct uplink *up = self->world->uplink;
    if (e->type->drop)
        wire_refuse(e); /* an answer: uplink_carries. Whoever waits for it is told */
    if (wire_put_envelope(&up->out, e, to))
        end_without_memory(up);
    if (letter_kind(&e->letter) != LETTER_CANCEL)
        counter_add(&self->handled, 1);
    self_free(self, e);
}

void uplink_halt(struct world *world, uint64_t who, unsigned halts, int reason)
{
    const struct wire_head head = {
        .kind = WIRE_HALT, .code = reason, .who = who, .token = halts};
    if (world->uplink)
        put(world->uplink, &head, NULL);
}

void uplink_tell(struct uplink *up, enum wire_kind kind, int code, uint64_t token,
                 const char *text)
{
    const struct wire_head head = {.kind = kind,
                                   .size = text ? (uint32_t)strlen(text) + 1 : 0,
                                   .code = code,
                                   .token = token};
    put(up, &head, text);
}

void uplink_log(void *uplink, int level, const char *line)
{
    uplink_tell(uplink, WIRE_LOG, level, 0, line);
}

void uplink_settled(struct uplink *up, const struct envelope *e, int result)
{
    if (e == up->in_hand) {
        up->in_hand = NULL;
        up->failed = result < 0;
    }
}
