/* shard.c: a share of the keys, in a table of an actor's own.
 *
 * A key is a string or a list. One that expires has a timer, and is looked at when it
 * is used, too; that it has expired goes to the journal as its removal, and while the
 * journal is read nothing expires: so what is replayed is what happened. */
#include "shard.h"

#include <cadre/timer.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* An entry's time may have come. */
typedef struct expiry {
    struct entry *entry;
} expiry;
static CADRE_TYPE(expiry);

static void request_drop(void *body) { cadre_buf_unref(((request *)body)->buf); }
static void answer_drop(void *body) { cadre_buf_unref(((answer *)body)->buf); }
static void record_drop(void *body)
{
    cadre_buf_unref(((record *)body)->buf);
    answer_drop(&((record *)body)->answer);
}
CADRE_TYPE_DROP(request, request_drop);
CADRE_TYPE_DROP(answer, answer_drop);
CADRE_TYPE_DROP(record, record_drop);

/* ---- the table ---- */

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void *zeroed(size_t size)
{
    struct text text = {.bytes = NULL};
    text_room(&text, size);
    return memset(text.bytes, 0, size);
}

static struct entry **place_of(const struct shard *me, struct slice key, uint64_t hash)
{
    struct entry **at = &me->table[hash & me->mask];
    while (*at && ((*at)->hash != hash || (*at)->size != key.size ||
                   memcmp((*at)->key, key.bytes, key.size) != 0))
        at = &(*at)->next;
    return at;
}

static void grow(struct shard *me)
{
    uint64_t mask = me->table ? 2 * me->mask + 1 : 63;
    struct entry **table = zeroed((mask + 1) * sizeof *table);
    for (uint64_t i = 0; me->table && i <= me->mask; i++)
        for (struct entry *e = me->table[i], *next; e; e = next) {
            next = e->next;
            e->next = table[e->hash & mask];
            table[e->hash & mask] = e;
        }
    free(me->table);
    me->table = table;
    me->mask = mask;
}

struct entry *entry_add(struct shard *me)
{
    if (me->count++ > me->mask / 2)
        grow(me);
    struct entry *e = zeroed(sizeof *e + me->key.size);
    e->hash = me->hash;
    e->size = me->key.size;
    memcpy(e->key, me->key.bytes, e->size);
    e->next = me->table[e->hash & me->mask];
    return me->table[e->hash & me->mask] = e;
}

void entry_clear(struct entry *e)
{
    for (uint32_t i = 0; e->list && i < e->list->count; i++)
        free(e->list->items[(e->list->first + i) & (e->list->room - 1)].bytes);
    if (e->list)
        free(e->list->items);
    free(e->list);
    free(e->value.bytes);
    e->list = NULL;
    e->value = (struct text){.bytes = NULL};
}

void entry_remove(struct shard *me, struct entry *e)
{
    struct entry **at = place_of(me, (struct slice){e->key, e->size}, e->hash);
    *at = e->next;
    me->count--;
    if (e->timer.id)
        (void)cadre_cancel(me->self, e->timer);
    entry_clear(e);
    free(e);
}

void entry_remove_logged(struct shard *me, struct entry *e)
{
    text_head(&me->log, '*', 2);
    text_word(&me->log, "DEL");
    text_bulk(&me->log, e->key, e->size);
    entry_remove(me, e);
}

bool entry_is_over(const struct shard *me, const struct entry *e)
{
    return e->expires && !me->loading && now_ms() >= e->expires;
}

struct entry *entry_find(struct shard *me)
{
    struct entry *e = *place_of(me, me->key, me->hash);
    if (!e || !entry_is_over(me, e))
        return e;
    entry_remove_logged(me, e);
    return NULL;
}

static void set_timer(struct shard *me, struct entry *e)
{
    int64_t left = e->expires - now_ms(), most = INT64_C(1000000000);
    left = left < 0 ? 0 : left > most ? most : left; /* it looks again after 11 days */
    if (cadre_after(me->self, &e->timer, left * CADRE_MS, expiry, e))
        e->timer.id = 0; /* without memory: when it is used */
}

void entry_expire_at(struct shard *me, struct entry *e, int64_t ms)
{
    if (e->timer.id)
        (void)cadre_cancel(me->self, e->timer);
    e->timer.id = 0;
    e->expires = ms;
    if (ms)
        set_timer(me, e);
}

/* ---- the actor ---- */

/* Runs it; `log` is what is to be replayed for it. */
static void run(struct shard *me, const struct command *command, struct args args)
{
    const uint8_t *from = args.at;
    uint32_t words = args.left + 1;
    me->reply.size = me->log.size = 0;
    me->changed = false;
    me->sum = 0;
    if (command->route != ALL)
        me->key = args_next(&args);
    command->run(me, &args);
    if (!me->changed)
        return;
    while (args.left > 0)
        (void)args_next(&args);
    text_head(&me->log, '*', words);
    text_word(&me->log, command->name);
    text_add(&me->log, from, (size_t)(args.at - from));
}

static int keep(cadre_self *self, struct shard *me, cadre_ref to, answer *a)
{
    record r = {.buf = text_buf(&me->log), .to = to, .answer = *a};
    a->buf = NULL;
    return cadre_send_as(self, me->kv->journal, &record_type, &r);
}

static int shard_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct shard *me = state;
    const request *r = cadre_body(m, request);
    const expiry *over = cadre_body(m, expiry);
    cadre_ref to = r ? m->from : (cadre_ref){0};
    answer a = {.number = r ? r->number : 0};
    me->self = self;
    me->log.size = 0;
    if (over) {
        over->entry->timer.id = 0;
        if (entry_is_over(me, over->entry))
            entry_remove_logged(me, over->entry);
        else
            set_timer(me, over->entry);
    }
    if (r) {
        me->hash = r->hash;
        run(me, r->command, (struct args){r->args, r->argc});
        answer_fill(&a, &me->reply);
        a.count = me->sum;
    }
    if (me->log.size > 0 && me->kv->fd >= 0)
        return keep(self, me, to, &a);
    return r ? cadre_send_as(self, to, &answer_type, &a) : 0;
}

/* A command of the journal. */
static int replay(void *arg, const uint8_t *bytes, size_t size)
{
    struct shard *me = arg;
    struct args args;
    const struct command *command = command_of(bytes, size, &args);
    if (!command)
        return -EPROTO;
    struct args key = args;
    me->hash = key_hash(me->kv, args_next(&key));
    if (key_shard(me->kv, me->hash) == me->index)
        run(me, command, args);
    return 0;
}

static int shard_start(cadre_self *self, void *state)
{
    struct shard *me = state;
    grow(me);
    me->self = self;
    me->loading = true;
    int64_t end = me->kv->fd < 0 ? 0 : journal_read(me->kv->fd, replay, me);
    me->loading = false;
    if (end < 0) /* it could be read a moment ago */
        cadre_kill(self, cadre_parent(self), (int)end);
    return end < 0 ? (int)end : 0;
}

static void shard_stop(cadre_self *self, void *state, int reason)
{
    struct shard *me = state;
    me->self = self;
    for (uint64_t i = 0; i <= me->mask; i++)
        while (me->table[i])
            entry_remove(me, me->table[i]);
    free(me->table);
    free(me->reply.bytes);
    free(me->log.bytes);
}

static const cadre_class shard_class = {.name = "shard",
                                        .state_size = sizeof(struct shard),
                                        .start = shard_start,
                                        .receive = shard_receive,
                                        .stop = shard_stop};

int shard_spawn(cadre_self *self, cadre_ref *shard, const struct kv *kv, uint32_t i)
{
    struct shard me = {.kv = kv, .index = i};
    return cadre_spawn(self, shard, &shard_class, &me);
}
