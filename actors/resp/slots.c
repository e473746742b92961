/* slots.c: the answers of a connection leave in the order of its commands.
 *
 * That order is a ring of slots, one for each answer to come. A command for many keys has
 * many of them, so that it needs nothing else: MGET is a head and then the answers of its
 * keys, DEL adds up numbers that are not shown, and a last slot shows the sum. What is
 * published is a slot that is full at once.
 *
 * How large the next answers may be is guessed by those that were: as much as the largest
 * lately. */
#include "session.h"

#include <stdlib.h>

/* Twice as many. */
static bool grow(struct session *me)
{
    struct session old = *me;
    uint32_t room = me->room ? 2 * me->room : 8;
    struct slot *slots = malloc(room * sizeof(struct slot));
    if (!slots)
        return false;
    me->slots = slots;
    me->room = room;
    for (uint32_t i = me->head; i != me->tail; i++)
        *slot_of(me, i) = *slot_of(&old, i);
    free(old.slots);
    return true;
}

struct slot *slot_new(struct session *me, enum slot_kind kind)
{
    if (me->tail - me->head == me->room && !grow(me)) {
        me->failed = true;
        return NULL;
    }
    struct slot *slot = slot_of(me, me->tail++);
    *slot = (struct slot){.kind = kind};
    me->open++;
    return slot;
}

static void set_done(struct session *me, struct slot *slot)
{
    enum { LEAST = 64 };
    size_t size = cadre_buf_size(slot->answer.buf), less = me->likely - me->likely / 8;
    slot->done = true;
    me->open--;
    me->held += size;
    me->likely = size > less ? size : less > LEAST ? less : LEAST;
}

void slot_fill(struct session *me, struct slot *slot)
{
    me->failed |= !answer_fill(&slot->answer, &me->call.reply);
    me->call.reply.size = 0;
    set_done(me, slot);
}

struct slot *slots_tell(struct session *me, enum slot_kind kind)
{
    struct slot *slot = slot_new(me, kind);
    if (slot)
        slot_fill(me, slot);
    me->call.reply.size = 0;
    return slot;
}

void slots_answer(struct session *me, resp_answer *a)
{
    struct slot *slot = slot_of(me, a->number);
    slot->answer = *a;
    a->buf = NULL;
    set_done(me, slot);
}

void slots_drain(struct session *me)
{
    for (; me->head != me->tail && slot_of(me, me->head)->done; me->head++) {
        struct slot *slot = slot_of(me, me->head);
        const resp_answer *a = &slot->answer;
        me->sum += a->count;
        if (slot->kind == SUM) {
            reply_head(&me->out, ':', me->sum);
            me->sum = 0;
        } else if (slot->kind != ADD) {
            text_add(&me->out, a->buf ? cadre_buf_data(a->buf) : a->small,
                     a->buf ? cadre_buf_size(a->buf) : a->size);
        }
        me->held -= cadre_buf_size(a->buf);
        cadre_buf_unref(a->buf);
    }
}

void slots_free(struct session *me)
{
    for (; me->head != me->tail; me->head++)
        cadre_buf_unref(slot_of(me, me->head)->answer.buf);
    free(me->slots);
}
