/* batcher.c: collects by count, bytes or time, and hands on many as one. */
#include <cadre/actors/batcher.h>

#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { FIRST_BYTES = 256 };

struct own {
    cadre_buf *buf; /* NULL: nothing is collected */
    cadre_token timer;
    uint32_t count, bytes;
};
static_assert(sizeof(struct own) <= sizeof((cadre_batcher *)NULL)->own, "own");

static const cadre_type batcher_tick_type = {.name = "batcher_tick"};

static void drop_add(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_batcher_add *)body)->buf));
}
static void drop_batch(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_batch *)body)->buf));
}
CADRE_TYPE_DROP(cadre_batcher_add, drop_add);
CADRE_TYPE(cadre_batcher_flush);
CADRE_TYPE(cadre_batcher_flushed);
CADRE_TYPE_DROP(cadre_batch, drop_batch);

static struct own *own_of(cadre_batcher *me) { return (struct own *)(void *)me->own; }

static int batcher_start(cadre_self *self, void *state)
{
    cadre_batcher *me = state;
    if (!me->to.id || me->time < 0 ||
        (me->type && (me->type->drop || me->type->size == 0)))
        return -EINVAL;
    me->count = me->count ? me->count : 100;
    me->bytes = me->bytes ? me->bytes : 64 << 10;
    me->time = me->time ? me->time : CADRE_SECOND;
    return 0;
}

static int set_timer(cadre_self *self, const cadre_batcher *me, struct own *own)
{
    if (me->time == CADRE_NEVER || own->timer.id)
        return 0;
    return cadre_after_as(self, &own->timer, me->time, &batcher_tick_type, NULL);
}

/* Sends what there is. A batch that cannot be sent stays: a second owner keeps it. */
static int hand_on(cadre_self *self, const cadre_batcher *me, struct own *own)
{
    if (own->count == 0)
        return 0;
    cadre_batch batch = {me->type, own->count, own->bytes, cadre_buf_ref(own->buf)};
    int err = cadre_send_as(self, me->to, &cadre_batch_type, &batch);
    if (err)
        return err;
    if (own->timer.id)
        (void)cadre_cancel(self, own->timer);
    cadre_buf_unref(own->buf);
    *own = (struct own){.buf = NULL};
    return 0;
}

/* Errors: -ENOMEM. */
static int make_room(struct own *own, uint32_t more)
{
    size_t need = (size_t)own->bytes + more, size = cadre_buf_size(own->buf);
    if (need > UINT32_MAX)
        return -ENOMEM;
    if (need <= size && own->buf)
        return 0;
    size = size ? 2 * size : FIRST_BYTES;
    cadre_buf *larger = cadre_buf_new(NULL, size > need ? size : need);
    if (!larger)
        return -ENOMEM;
    if (own->bytes > 0)
        memcpy(cadre_buf_data(larger), cadre_buf_data(own->buf), own->bytes);
    cadre_buf_unref(own->buf);
    own->buf = larger;
    return 0;
}

static int collect(cadre_self *self, cadre_batcher *me, cadre_msg *m, const void *bytes,
                   uint32_t size)
{
    struct own *own = own_of(me);
    if (own->bytes + (uint64_t)size > me->bytes)
        (void)hand_on(self, me, own);
    int err = make_room(own, size);
    if (err)
        return cadre_unhandled(self, m);
    if (size > 0)
        memcpy(cadre_buf_data(own->buf) + own->bytes, bytes, size);
    own->bytes += size;
    own->count++;
    if (own->count >= me->count || own->bytes >= me->bytes ||
        set_timer(self, me, own) != 0)
        err = hand_on(self, me, own);
    if (err)
        (void)set_timer(self, me, own);
    return 0;
}

static int flush(cadre_self *self, cadre_batcher *me, const cadre_msg *m)
{
    struct own *own = own_of(me);
    uint32_t count = own->count;
    int err = hand_on(self, me, own);
    if (m->token.id)
        (void)cadre_reply(self, m, cadre_batcher_flushed, .count = err ? 0 : count,
                          .code = err);
    return 0;
}

static int on_tick(cadre_self *self, cadre_batcher *me)
{
    struct own *own = own_of(me);
    own->timer = (cadre_token){0};
    if (hand_on(self, me, own))
        (void)set_timer(self, me, own);
    return 0;
}

static int batcher_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_batcher *me = state;
    if (m->type == &batcher_tick_type)
        return on_tick(self, me);
    if (m->type == &cadre_batcher_flush_type)
        return flush(self, me, m);
    if (m->token.id)
        return cadre_unhandled(self, m);
    const cadre_batcher_add *add = me->type ? NULL : cadre_body(m, cadre_batcher_add);
    if (add && cadre_buf_size(add->buf) <= CADRE_BODY_MAX)
        return collect(self, me, m, cadre_buf_data(add->buf),
                       (uint32_t)cadre_buf_size(add->buf));
    if (me->type && m->type == me->type)
        return collect(self, me, m, m->body, m->type->size);
    return cadre_unhandled(self, m);
}

static void batcher_stop(cadre_self *self, void *state, int reason)
{
    (void)hand_on(self, state, own_of(state));
    cadre_buf_unref(own_of(state)->buf);
}

const cadre_class cadre_batcher_class = {.name = "cadre_batcher",
                                         .state_size = sizeof(cadre_batcher),
                                         .start = batcher_start,
                                         .receive = batcher_receive,
                                         .stop = batcher_stop};
