/* keys.c: the keys of a shard, in a table of an actor's own.
 *
 * One that expires has a timer, and is looked at when it is used, too; that it has
 * expired goes to the journal as its removal, and while the journal is read nothing
 * expires: so what is replayed is what happened. */
#include "keys.h"

#include "commands.h"

#include <cadre/timer.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static CADRE_TYPE(expiry);

static struct entry *entry_of(const void *value)
{
    return (struct entry *)(uintptr_t)((const uint8_t *)value -
                                       offsetof(struct entry, value));
}

static cadre_resp_slice key_of(const struct keys *keys, const struct entry *e)
{
    return (cadre_resp_slice){e->value + keys->value_size, e->size};
}

int64_t cadre_resp_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the table --------------------------------------------------------------------- */

static struct entry **place_of(const struct keys *keys, cadre_resp_slice key,
                               uint64_t hash)
{
    struct entry **at = &keys->table[hash & keys->mask];
    while (*at && ((*at)->hash != hash || (*at)->size != key.size ||
                   memcmp(key_of(keys, *at).bytes, key.bytes, key.size) != 0))
        at = &(*at)->next;
    return at;
}

/* Without memory the table stays as it is. */
static void grow(struct keys *keys)
{
    uint64_t mask = keys->table ? 2 * keys->mask + 1 : 63;
    struct entry **table = calloc(mask + 1, sizeof(struct entry *));
    if (!table)
        return;
    for (uint64_t i = 0; keys->table && i <= keys->mask; i++)
        for (struct entry *e = keys->table[i], *next; e; e = next) {
            next = e->next;
            e->next = table[e->hash & mask];
            table[e->hash & mask] = e;
        }
    free(keys->table);
    keys->table = table;
    keys->mask = mask;
}

static struct entry *entry_add(struct call *call)
{
    struct keys *keys = call->keys;
    cadre_resp_slice key = call->is.key;
    struct entry *e = calloc(1, sizeof *e + keys->value_size + key.size);
    if (!e) {
        call->reply.failed = true;
        return NULL;
    }
    if (keys->count++ > keys->mask / 2)
        grow(keys);
    e->hash = call->hash;
    e->size = key.size;
    if (key.size > 0)
        memcpy(e->value + keys->value_size, key.bytes, key.size);
    e->next = keys->table[e->hash & keys->mask];
    return keys->table[e->hash & keys->mask] = e;
}

/* It stands there. */
static void remove_at(cadre_self *self, struct keys *keys, struct entry **at,
                      struct entry *e)
{
    *at = e->next;
    keys->count--;
    if (e->timer.id)
        (void)cadre_cancel(self, e->timer);
    if (keys->drop)
        keys->drop(e->value);
    free(e);
}

static void entry_remove(cadre_self *self, struct keys *keys, struct entry *e)
{
    remove_at(self, keys, place_of(keys, key_of(keys, e), e->hash), e);
}

/* It will be when the journal is read, too. */
static void log_removal(struct call *call, const struct entry *e)
{
    const cadre_resp_slice words[] = {cadre_resp_word("DEL"), key_of(call->keys, e)};
    call_log(call, 2, words);
}

static void entry_remove_logged(struct call *call, struct entry *e)
{
    log_removal(call, e);
    entry_remove(call->is.self, call->keys, e);
}

/* Has its time come? */
static bool entry_is_over(const struct keys *keys, const struct entry *e)
{
    return e->expires && !keys->loading && cadre_resp_now() >= e->expires;
}

static struct entry *entry_find(struct call *call)
{
    struct entry *e = *place_of(call->keys, call->is.key, call->hash);
    if (!e || !entry_is_over(call->keys, e))
        return e;
    entry_remove_logged(call, e);
    return NULL;
}

static void set_timer(struct call *call, struct entry *e)
{
    int64_t left = e->expires - cadre_resp_now(), most = INT64_C(1000000000);
    left = left < 0 ? 0 : left > most ? most : left; /* it looks again after 11 days */
    if (cadre_after(call->is.self, &e->timer, left * CADRE_MS, expiry, e))
        e->timer.id = 0; /* without memory: when it is used */
}

const expiry *keys_expiry(const cadre_msg *m) { return cadre_body(m, expiry); }

void keys_look(struct call *call, const expiry *over)
{
    struct entry *e = over->entry;
    e->timer.id = 0;
    if (entry_is_over(call->keys, e))
        entry_remove_logged(call, e);
    else
        set_timer(call, e);
}

bool keys_init(struct keys *keys)
{
    grow(keys);
    return keys->table;
}

void keys_free(cadre_self *self, struct keys *keys)
{
    for (uint64_t i = 0; keys->table && i <= keys->mask; i++)
        while (keys->table[i])
            remove_at(self, keys, &keys->table[i], keys->table[i]);
    free(keys->table);
}

/* ---- for commands ------------------------------------------------------------------ */

void *cadre_resp_find(cadre_resp_call *call)
{
    struct entry *e = call_of(call)->keys ? entry_find(call_of(call)) : NULL;
    return e ? e->value : NULL;
}

void *cadre_resp_add(cadre_resp_call *call)
{
    void *value = cadre_resp_find(call);
    if (value || !call_of(call)->keys)
        return value;
    struct entry *e = entry_add(call_of(call));
    return e ? e->value : NULL;
}

void cadre_resp_remove(cadre_resp_call *call, void *value)
{
    entry_remove(call->self, call_of(call)->keys, entry_of(value));
}

int64_t cadre_resp_expires(const void *value) { return entry_of(value)->expires; }

void cadre_resp_expire(cadre_resp_call *call, void *value, int64_t ms)
{
    struct entry *e = entry_of(value);
    if (e->timer.id)
        (void)cadre_cancel(call->self, e->timer);
    e->timer.id = 0;
    e->expires = ms;
    if (ms)
        set_timer(call_of(call), e);
}

int64_t cadre_resp_time(int64_t number, bool seconds, bool from_now)
{
    int64_t base = from_now ? cadre_resp_now() : 0, most = INT64_MAX - base;
    if (number > (seconds ? most / 1000 : most) || number < INT64_MIN / 2000)
        return 0;
    return base + number * (seconds ? 1000 : 1);
}

/* ---- those of every server --------------------------------------------------------- */

void keys_exists(cadre_resp_call *call)
{
    cadre_resp_integer(call, cadre_resp_find(call) != NULL);
}

void keys_del(cadre_resp_call *call)
{
    struct entry *e = entry_find(call_of(call));
    if (e)
        entry_remove_logged(call_of(call), e);
    cadre_resp_integer(call, e != NULL);
}

void keys_ttl(cadre_resp_call *call)
{
    const struct entry *e = entry_find(call_of(call));
    cadre_resp_integer(call, !e ? -2
                             : !e->expires
                                 ? -1
                                 : (e->expires - cadre_resp_now() + 500) / 1000);
}

static void expire_at(cadre_resp_call *call, int64_t ms)
{
    char room[24];
    void *value = cadre_resp_find(call);
    cadre_resp_integer(call, value != NULL);
    if (!value)
        return;
    cadre_resp_expire(call, value, ms);
    if (entry_is_over(call_of(call)->keys, entry_of(value))) {
        entry_remove_logged(call_of(call), entry_of(value));
        return;
    }
    const cadre_resp_slice words[] = {cadre_resp_word("PEXPIREAT"), call->key,
                                      cadre_resp_digits(room, ms)};
    cadre_resp_keep_as(call, 3, words);
}

static void expire(cadre_resp_call *call, bool from_now)
{
    int64_t n, ms;
    if (!cadre_resp_next_number(call, &n))
        return;
    if (call->left > 0) {
        cadre_resp_slice option = cadre_resp_next(call);
        cadre_resp_error(call, "ERR Unsupported option %.*s",
                         option.size < 400 ? (int)option.size : 400,
                         (const char *)option.bytes);
        return;
    }
    if (!(ms = cadre_resp_time(n, from_now, from_now)))
        cadre_resp_error(call, "ERR invalid expire time in '%s' command",
                         call->command->name);
    else
        expire_at(call, ms);
}

void keys_expire(cadre_resp_call *call) { expire(call, true); }
void keys_pexpireat(cadre_resp_call *call) { expire(call, false); }

void keys_dbsize(cadre_resp_call *call)
{
    cadre_resp_integer(call, (int64_t)call_of(call)->keys->count);
}

void keys_flushall(cadre_resp_call *call)
{
    struct keys *keys = call_of(call)->keys;
    for (uint64_t i = 0; i <= keys->mask; i++)
        while (keys->table[i]) {
            log_removal(call_of(call), keys->table[i]);
            remove_at(call->self, keys, &keys->table[i], keys->table[i]);
        }
}
