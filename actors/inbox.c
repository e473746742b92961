/* inbox.c: mail, the receiving side: holds items until their owner takes them.
 *
 * For each outbox it knows which versions it has seen: all below one, and those in a
 * window above it. What is in neither is missing, or has not come yet.
 *
 * A letter that replaces others is noted (a mark) as long as a version below it is
 * missing, which may be one of those: also when its item has been taken meanwhile. */
#include <cadre/actors/post.h>

#include "body.h"
#include "rows.h"

#include <cadre/dispatch.h>
#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { WINDOW = 1024, WORDS = WINDOW / 64, RANGES_MAX = 16 };

struct sender {
    cadre_ref outbox;
    uint64_t below;   /* all before this one have been seen, or given up */
    uint64_t highest; /* that is known to exist */
    uint32_t rounds;  /* of asking, since something missing came */
    uint64_t seen[WORDS];
};

struct mark {
    cadre_ref outbox;
    uint64_t version, number, key;
};

struct own {
    struct rows senders, items,
        marks;                   /* struct sender, cadre_post_letter, struct mark */
    cadre_token asking, waiting; /* timers */
    cadre_time wait;             /* of the first */
    cadre_promise promise;       /* cadre_post_when; token 0: nobody waits */
    cadre_time quiet, last_came;
    uint64_t lost;
};
static_assert(sizeof(struct own) <= sizeof((cadre_inbox *)NULL)->own, "own");

enum { ITEM = sizeof(cadre_post_letter) };

static const cadre_type inbox_ask_type = {.name = "inbox_ask"};
static const cadre_type inbox_quiet_type = {.name = "inbox_quiet"};

static void drop_item(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_post_item *)body)->content));
}
CADRE_TYPE(cadre_post_take);
CADRE_TYPE(cadre_post_when);
CADRE_TYPE_DROP(cadre_post_item, drop_item);
CADRE_TYPE(cadre_post_count);

static struct own *own_of(cadre_inbox *me) { return (struct own *)(void *)me->own; }

static int inbox_start(cadre_self *self, void *state)
{
    cadre_inbox *me = state;
    if (me->patience < 0)
        return -EINVAL;
    me->hold = me->hold ? me->hold : 1024;
    me->senders = me->senders ? me->senders : 64;
    me->asks = me->asks ? me->asks : 12;
    me->patience = me->patience ? me->patience : 100 * CADRE_MS;
    own_of(me)->wait = me->patience;
    return 0;
}

/* ---- which versions have been seen ---- */

static struct sender *sender_at(const struct own *own, uint32_t i)
{
    return rows_at(&own->senders, sizeof(struct sender), i);
}

static struct sender *find_sender(const struct own *own, cadre_ref outbox)
{
    for (uint32_t i = 0; i < own->senders.count; i++)
        if (cadre_same(sender_at(own, i)->outbox, outbox))
            return sender_at(own, i);
    return NULL;
}

/* The one that there is, or a new one. NULL: there is no room for another. */
static struct sender *sender_of(const cadre_inbox *me, struct own *own,
                                cadre_ref outbox)
{
    struct sender *s = find_sender(own, outbox);
    if (s)
        return s;
    if (own->senders.count >= me->senders ||
        rows_reserve(&own->senders, sizeof(struct sender)))
        return NULL;
    rows_append(&own->senders, sizeof(struct sender),
                &(struct sender){.outbox = outbox, .below = 1});
    return sender_at(own, own->senders.count - 1);
}

static bool fits(const struct sender *s, uint64_t version)
{
    return version < s->below + WINDOW;
}

static bool is_seen(const struct sender *s, uint64_t version)
{
    uint64_t i = version % WINDOW;
    return version < s->below || (fits(s, version) && s->seen[i / 64] >> i % 64 & 1);
}

static bool has_gap(const struct sender *s) { return s->below <= s->highest; }

static void note_highest(struct sender *s, uint64_t version)
{
    if (s->highest < version)
        s->highest = version;
}

/* Of one that fits. */
static void note_seen(struct sender *s, uint64_t version)
{
    s->seen[version % WINDOW / 64] |= UINT64_C(1) << version % 64;
    for (; is_seen(s, s->below); s->below++)
        s->seen[s->below % WINDOW / 64] &= ~(UINT64_C(1) << s->below % 64);
}

/* ---- asking for what is missing ---- */

static cadre_post_letter *item_at(const struct own *own, uint32_t i)
{
    return rows_at(&own->items, ITEM, i);
}

static void ask_later(cadre_self *self, const cadre_inbox *me, struct own *own)
{
    bool needs = false;
    for (uint32_t i = 0; i < own->senders.count; i++)
        needs |= has_gap(sender_at(own, i));
    if (!needs)
        own->wait = me->patience;
    if (needs && !own->asking.id && own->items.count < me->hold &&
        cadre_after_as(self, &own->asking, own->wait, &inbox_ask_type, NULL))
        own->asking = (cadre_token){0};
}

/* Something that was missing has come: it is worth asking soon. */
static void be_quick(cadre_self *self, const cadre_inbox *me, struct own *own)
{
    if (own->wait == me->patience)
        return;
    own->wait = me->patience;
    if (own->asking.id)
        (void)cadre_cancel(self, own->asking);
    own->asking = (cadre_token){0};
}

static void ask_for_missing(cadre_self *self, const struct sender *s)
{
    uint64_t end = fits(s, s->highest) ? s->highest + 1 : s->below + WINDOW;
    uint64_t first = s->below;
    for (uint32_t ranges = 0; first < end && ranges < RANGES_MAX; ranges++) {
        uint64_t next = first;
        while (next < end && !is_seen(s, next))
            next++;
        (void)cadre_send(self, s->outbox, cadre_post_resend, first, next - 1);
        for (first = next; first < end && is_seen(s, first);)
            first++;
    }
}

static void give_up(struct own *own, struct sender *s)
{
    own->lost += s->highest - s->below + 1;
    for (uint32_t i = 0; i < WINDOW; i++) /* what was seen is below the highest */
        own->lost -= s->seen[i / 64] >> i % 64 & 1;
    s->below = s->highest + 1;
    memset(s->seen, 0, sizeof s->seen);
}

static bool mark_is_needed(const struct own *own, const struct mark *k)
{
    const struct sender *s = find_sender(own, k->outbox);
    return s && k->version > s->below;
}

static void forget_marks(struct own *own)
{
    struct rows *marks = &own->marks;
    for (uint32_t i = marks->count; i-- > 0;)
        if (!mark_is_needed(own, rows_at(marks, sizeof(struct mark), i)))
            rows_remove(marks, sizeof(struct mark), i);
}

static int on_ask(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_inbox *me = state;
    struct own *own = own_of(me);
    own->asking = (cadre_token){0};
    for (uint32_t i = 0; i < own->senders.count; i++) {
        struct sender *s = sender_at(own, i);
        if (has_gap(s) && s->rounds++ >= me->asks)
            give_up(own, s);
        else if (has_gap(s))
            ask_for_missing(self, s);
    }
    forget_marks(own);
    own->wait = own->wait < CADRE_NEVER / 4 ? 2 * own->wait : own->wait;
    ask_later(self, me, own);
    return 0;
}

/* ---- what came ---- */

static bool same_item(uint64_t key, uint64_t number, uint64_t other_key,
                      uint64_t other_number)
{
    return key ? key == other_key : !other_key && number == other_number;
}

/* Is there one that replaces this letter? */
static bool is_replaced(const struct own *own, const cadre_post_letter *l)
{
    for (uint32_t i = 0; i < own->marks.count; i++) {
        const struct mark *k = rows_at(&own->marks, sizeof *k, i);
        if (cadre_same(k->outbox, l->outbox) && k->version > l->version &&
            same_item(k->key, k->number, l->key, l->number))
            return true;
    }
    return false;
}

static void remove_item(struct own *own, uint32_t i)
{
    cadre_buf_unref(item_at(own, i)->content);
    rows_remove(&own->items, ITEM, i);
}

static void remove_expired(cadre_self *self, struct own *own)
{
    cadre_time now = cadre_now(self);
    for (uint32_t i = own->items.count; i-- > 0;)
        if (item_at(own, i)->expires <= now)
            remove_item(own, i);
}

static void replace(struct own *own, const cadre_post_letter *l)
{
    if (l->kind == CADRE_POST_NEW && !l->key)
        return;
    for (uint32_t i = own->items.count; i-- > 0;) {
        const cadre_post_letter *old = item_at(own, i);
        if (cadre_same(old->outbox, l->outbox) &&
            same_item(l->key, l->number, old->key, old->number))
            remove_item(own, i);
    }
}

/* The letter counts: it is held, or removes others. Errors: -ENOMEM, CADRE_EFULL; then it
 * is as if it had not come. */
static int accept(cadre_self *self, const cadre_inbox *me, struct own *own,
                  cadre_post_letter *l)
{
    struct mark mark = {l->outbox, l->version, l->number, l->key};
    int err = rows_reserve(&own->marks, sizeof mark);
    if (!err)
        err = rows_reserve(&own->items, ITEM);
    if (err)
        return err;
    replace(own, l);
    bool is_held = l->kind != CADRE_POST_RECALL && l->expires > cadre_now(self);
    if (is_held && own->items.count >= me->hold)
        remove_expired(self, own);
    if (is_held && own->items.count >= me->hold)
        return CADRE_EFULL;
    rows_append(&own->marks, sizeof mark, &mark);
    if (!is_held)
        return 0;
    rows_append(&own->items, ITEM, l);
    l->content = NULL;
    own->last_came = cadre_now(self);
    return 0;
}

static void watch_silence(cadre_self *self, struct own *own);

static int on_letter(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_inbox *me = state;
    struct own *own = own_of(me);
    cadre_post_letter *l = m->body;
    struct sender *s = sender_of(me, own, l->outbox);
    if (!s || is_seen(s, l->version))
        return 0;
    bool was_missing = l->version <= s->highest;
    note_highest(s, l->version);
    if (!fits(s, l->version) ||
        (!is_replaced(own, l) && accept(self, me, own, l) != 0)) {
        s->rounds = 0; /* for want of room: it is not lost */
    } else {
        note_seen(s, l->version);
        forget_marks(own);
        if (was_missing) {
            s->rounds = 0;
            be_quick(self, me, own);
        }
    }
    ask_later(self, me, own);
    watch_silence(self, own);
    return 0;
}

static int on_last(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_inbox *me = state;
    const cadre_post_last *last = m->body;
    struct sender *s = sender_of(me, own_of(me), last->outbox);
    if (s)
        note_highest(s, last->version);
    ask_later(self, me, own_of(me));
    return 0;
}

static int on_gone(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_inbox *me = state;
    struct own *own = own_of(me);
    const cadre_post_gone *gone = m->body;
    struct sender *s = sender_of(me, own, gone->outbox);
    if (!s || gone->last < s->below)
        return 0;
    uint64_t v = gone->first > s->below ? gone->first : s->below;
    for (; v <= gone->last && fits(s, v); v++)
        if (!is_seen(s, v)) {
            note_seen(s, v);
            s->rounds = 0;
        }
    be_quick(self, me, own);
    forget_marks(own);
    ask_later(self, me, own);
    return 0;
}

/* ---- the owner ---- */

/* Gives the first item that has not been given. Errors: cadre_send_as()'s: it stays. */
static int give(cadre_self *self, struct own *own, const cadre_msg *m, uint32_t i,
                bool peek)
{
    const cadre_post_letter *l = item_at(own, i);
    cadre_post_item item = {.outbox = l->outbox,
                            .number = l->number,
                            .version = l->version,
                            .key = l->key,
                            .corrected = l->kind == CADRE_POST_CORRECTION,
                            .peeked = peek,
                            .content = cadre_buf_ref(l->content)};
    int err = cadre_send_as(self, m->from, &cadre_post_item_type, &item);
    if (!err && !peek)
        remove_item(own, i);
    return err;
}

static int on_take(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_inbox *me = state;
    struct own *own = own_of(me);
    const cadre_post_take *take = m->body;
    if (!m->from.id)
        return body_refuse(self, m, -EINVAL, "inbox: only actors can take items");
    remove_expired(self, own);
    uint32_t given = 0, held = own->items.count;
    uint32_t wanted = take->max && take->max < held ? take->max : held;
    while (given < wanted && !give(self, own, m, take->peek ? given : 0, take->peek))
        given++;
    (void)cadre_reply(self, m, cadre_post_count, .given = given,
                      .left = own->items.count, .lost = own->lost);
    be_quick(self, me, own); /* there may be room again */
    ask_later(self, me, own);
    return 0;
}

/* Whoever waits is told when it is time, which may be now. */
static void watch_silence(cadre_self *self, struct own *own)
{
    if (!own->promise.token.id || own->waiting.id)
        return;
    remove_expired(self, own);
    if (own->items.count == 0)
        return;
    cadre_time silent = cadre_now(self) - own->last_came;
    if (silent < own->quiet && cadre_after_as(self, &own->waiting, own->quiet - silent,
                                              &inbox_quiet_type, NULL) == 0)
        return;
    (void)cadre_answer(self, own->promise, cadre_post_count, .left = own->items.count,
                       .lost = own->lost);
    own->promise.token.id = 0;
}

static int on_quiet(cadre_self *self, void *state, cadre_msg *m)
{
    struct own *own = own_of(state);
    own->waiting = (cadre_token){0};
    watch_silence(self, own);
    return 0;
}

static int on_when(cadre_self *self, void *state, cadre_msg *m)
{
    struct own *own = own_of(state);
    const cadre_post_when *when = m->body;
    cadre_promise promise;
    if (!m->token.id || when->quiet < 0)
        return body_refuse(self, m, -EINVAL, "inbox: a negative time");
    cadre_time quiet = when->quiet;
    int err = cadre_defer(self, m, &promise);
    if (err)
        return body_refuse(self, m, err, "inbox: no memory for who waits");
    if (own->promise.token.id)
        body_fail(self, own->promise,
                  &(cadre_failure){.code = -ECANCELED,
                                   .origin = cadre_me(self),
                                   .message = "inbox: another waits now"});
    if (own->waiting.id)
        (void)cadre_cancel(self, own->waiting);
    own->waiting = (cadre_token){0};
    own->promise = promise;
    own->quiet = quiet;
    watch_silence(self, own);
    return 0;
}

static int inbox_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on on[] = {
        {&cadre_post_letter_type, on_letter}, {&cadre_post_last_type, on_last},
        {&cadre_post_gone_type, on_gone},     {&cadre_post_take_type, on_take},
        {&cadre_post_when_type, on_when},     {&inbox_ask_type, on_ask},
        {&inbox_quiet_type, on_quiet},        {NULL, NULL}};
    return cadre_dispatch(self, state, m, on);
}

static void inbox_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    while (own->items.count > 0)
        remove_item(own, own->items.count - 1);
    rows_free(&own->items);
    rows_free(&own->senders);
    rows_free(&own->marks);
}

const cadre_class cadre_inbox_class = {.name = "cadre_inbox",
                                       .state_size = sizeof(cadre_inbox),
                                       .start = inbox_start,
                                       .receive = inbox_receive,
                                       .stop = inbox_stop};
