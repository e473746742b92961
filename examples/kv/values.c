/* values.c: what is done with strings, with lists, and with any key. */
#include "shard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is said ---- */

static void say(struct shard *me, const char *line)
{
    text_add(&me->reply, line, strlen(line));
}

static void say_number(struct shard *me, int64_t n) { text_head(&me->reply, ':', n); }
static void say_nil(struct shard *me) { say(me, "$-1\r\n"); }
static void say_no_number(struct shard *me)
{
    say(me, "-ERR value is not an integer or out of range\r\n");
}

static bool is_wrong_type(struct shard *me, bool is_wrong)
{
    if (is_wrong)
        say(me,
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    return is_wrong;
}

static void log_set(struct shard *me, const struct entry *e)
{
    text_head(&me->log, '*', e->expires ? 5 : 3);
    text_word(&me->log, "SET");
    text_bulk(&me->log, e->key, e->size);
    text_bulk(&me->log, e->value.bytes, e->value.size);
    if (e->expires) {
        char ms[24];
        text_word(&me->log, "PXAT");
        (void)snprintf(ms, sizeof ms, "%" PRId64, e->expires);
        text_word(&me->log, ms);
    }
}

/* ---- strings ---- */

static void say_value(struct shard *me, const struct entry *e)
{
    if (e)
        text_bulk(&me->reply, e->value.bytes, e->value.size);
    else
        say_nil(me);
}

void shard_get(struct shard *me, struct args *args)
{
    const struct entry *e = entry_find(me);
    if (!is_wrong_type(me, e && e->list))
        say_value(me, e);
}

void shard_mget(struct shard *me, struct args *args)
{
    const struct entry *e = entry_find(me);
    say_value(me, e && e->list ? NULL : e);
}

static struct entry *store(struct shard *me, struct slice value)
{
    struct entry *e = entry_find(me);
    if (!e)
        e = entry_add(me);
    else if (e->list)
        entry_clear(e);
    text_set(&e->value, value);
    return e;
}

void shard_mset(struct shard *me, struct args *args)
{
    struct entry *e = store(me, args_next(args));
    entry_expire_at(me, e, 0);
    log_set(me, e);
}

/* Milliseconds since 1970 for EX 10 and the like; 0: such a time there is not. */
static int64_t time_of(bool seconds, bool from_now, int64_t n)
{
    int64_t base = from_now ? now_ms() : 0, most = INT64_MAX - base;
    if (n > (seconds ? most / 1000 : most) || n < INT64_MIN / 2000)
        return 0;
    return base + n * (seconds ? 1000 : 1);
}

struct set_options {
    bool nx, xx;
    int64_t expires;
};

/* false: it has said what is wrong. */
static bool read_options(struct shard *me, struct args *args, struct set_options *o)
{
    while (args->left > 0) {
        struct slice option = args_next(args);
        bool ex = slice_is(option, "ex"), pxat = slice_is(option, "pxat");
        int64_t n;
        if (slice_is(option, "nx") && !o->xx) {
            o->nx = true;
        } else if (slice_is(option, "xx") && !o->nx) {
            o->xx = true;
        } else if ((ex || pxat || slice_is(option, "px")) && !o->expires &&
                   args->left) {
            if (!slice_number(args_next(args), &n)) {
                say_no_number(me);
                return false;
            }
            if (n <= 0 || !(o->expires = time_of(ex, !pxat, n))) {
                say(me, "-ERR invalid expire time in 'set' command\r\n");
                return false;
            }
        } else {
            say(me, "-ERR syntax error\r\n");
            return false;
        }
    }
    return true;
}

void shard_set(struct shard *me, struct args *args)
{
    struct slice value = args_next(args);
    struct set_options options = {.nx = false};
    if (!read_options(me, args, &options))
        return;
    if ((options.nx || options.xx) && (entry_find(me) ? options.nx : options.xx)) {
        say_nil(me);
        return;
    }
    struct entry *e = store(me, value);
    entry_expire_at(me, e, options.expires);
    log_set(me, e);
    say(me, "+OK\r\n");
}

static void change(struct shard *me, int64_t by)
{
    struct entry *e = entry_find(me);
    int64_t n = 0;
    char text[24];
    if (is_wrong_type(me, e && e->list))
        return;
    if (e && !slice_number((struct slice){e->value.bytes, e->value.size}, &n)) {
        say_no_number(me);
        return;
    }
    if (by > 0 ? n > INT64_MAX - by : n < INT64_MIN - by) {
        say(me, "-ERR increment or decrement would overflow\r\n");
        return;
    }
    int size = snprintf(text, sizeof text, "%" PRId64, n + by);
    store(me, (struct slice){(uint8_t *)text, (size_t)size});
    me->changed = true;
    say_number(me, n + by);
}

void shard_incr(struct shard *me, struct args *args) { change(me, 1); }
void shard_decr(struct shard *me, struct args *args) { change(me, -1); }

/* ---- keys ---- */

void shard_exists(struct shard *me, struct args *args)
{
    me->sum = entry_find(me) != NULL;
}

void shard_del(struct shard *me, struct args *args)
{
    struct entry *e = entry_find(me);
    if (e)
        entry_remove_logged(me, e);
    me->sum = e != NULL;
}

void shard_ttl(struct shard *me, struct args *args)
{
    const struct entry *e = entry_find(me);
    say_number(me, !e ? -2 : !e->expires ? -1 : (e->expires - now_ms() + 500) / 1000);
}

static void expire(struct shard *me, struct args *args, const char *name, bool from_now)
{
    int64_t n, ms;
    char text[24];
    if (!slice_number(args_next(args), &n)) {
        say_no_number(me);
        return;
    }
    if (args->left > 0) {
        struct slice option = args_next(args);
        text_print(&me->reply, "-ERR Unsupported option %.*s\r\n",
                   option.size < 400 ? (int)option.size : 400,
                   (const char *)option.bytes);
        return;
    }
    if (!(ms = time_of(from_now, from_now, n))) {
        text_print(&me->reply, "-ERR invalid expire time in '%s' command\r\n", name);
        return;
    }
    struct entry *e = entry_find(me);
    say_number(me, e != NULL);
    if (!e)
        return;
    entry_expire_at(me, e, ms);
    if (entry_is_over(me, e)) {
        entry_remove_logged(me, e);
        return;
    }
    text_head(&me->log, '*', 3);
    text_word(&me->log, "PEXPIREAT");
    text_bulk(&me->log, e->key, e->size);
    (void)snprintf(text, sizeof text, "%" PRId64, ms);
    text_word(&me->log, text);
}

void shard_expire(struct shard *me, struct args *args)
{
    expire(me, args, "expire", true);
}

void shard_pexpireat(struct shard *me, struct args *args)
{
    expire(me, args, "pexpireat", false);
}

void shard_dbsize(struct shard *me, struct args *args) { me->sum = (int64_t)me->count; }

void shard_flushall(struct shard *me, struct args *args)
{
    for (uint64_t i = 0; me->table && i <= me->mask; i++)
        while (me->table[i])
            entry_remove_logged(me, me->table[i]);
}

/* ---- lists ---- */

static struct text *item(const struct list *list, uint32_t i)
{
    return &list->items[(list->first + i) & (list->room - 1)];
}

static void list_grow(struct list *list)
{
    struct list larger = {.room = list->room ? 2 * list->room : 4};
    larger.items = zeroed(larger.room * sizeof *larger.items);
    larger.count = list->count;
    for (uint32_t i = 0; i < list->count; i++)
        larger.items[i] = *item(list, i);
    free(list->items);
    *list = larger;
}

static void push(struct shard *me, struct args *args, bool left)
{
    struct entry *e = entry_find(me);
    if (is_wrong_type(me, e && !e->list))
        return;
    if (!e)
        (e = entry_add(me))->list = zeroed(sizeof(struct list));
    struct list *list = e->list;
    while (args->left > 0) {
        struct slice value = args_next(args);
        if (list->count == list->room)
            list_grow(list);
        list->first -= left;
        list->count++;
        text_set(memset(item(list, left ? 0 : list->count - 1), 0, sizeof(struct text)),
                 value);
    }
    me->changed = true;
    say_number(me, list->count);
}

void shard_lpush(struct shard *me, struct args *args) { push(me, args, true); }
void shard_rpush(struct shard *me, struct args *args) { push(me, args, false); }

static void pop_one(struct shard *me, struct list *list, bool left)
{
    struct text *at = item(list, left ? 0 : list->count - 1);
    text_bulk(&me->reply, at->bytes, at->size);
    free(at->bytes);
    list->first += left;
    list->count--;
}

static void pop(struct shard *me, struct args *args, const char *name, bool left)
{
    bool many = args->left > 0;
    int64_t n = 1;
    if (args->left > 1) {
        text_print(&me->reply, "-ERR wrong number of arguments for '%s' command\r\n",
                   name);
        return;
    }
    if (many && (!slice_number(args_next(args), &n) || n < 0)) {
        say(me, "-ERR value is out of range, must be positive\r\n");
        return;
    }
    struct entry *e = entry_find(me);
    if (is_wrong_type(me, e && !e->list))
        return;
    if (!e) {
        say(me, many ? "*-1\r\n" : "$-1\r\n");
        return;
    }
    n = n < e->list->count ? n : e->list->count;
    if (many)
        text_head(&me->reply, '*', n);
    me->changed = n > 0;
    while (n-- > 0)
        pop_one(me, e->list, left);
    if (e->list->count == 0)
        entry_remove(me, e);
}

void shard_lpop(struct shard *me, struct args *args) { pop(me, args, "lpop", true); }
void shard_rpop(struct shard *me, struct args *args) { pop(me, args, "rpop", false); }

void shard_llen(struct shard *me, struct args *args)
{
    const struct entry *e = entry_find(me);
    if (!is_wrong_type(me, e && !e->list))
        say_number(me, e ? e->list->count : 0);
}

void shard_lrange(struct shard *me, struct args *args)
{
    const struct entry *e = entry_find(me);
    int64_t from, to;
    bool numbers = slice_number(args_next(args), &from);
    if (!slice_number(args_next(args), &to) || !numbers) {
        say_no_number(me);
        return;
    }
    if (is_wrong_type(me, e && !e->list))
        return;
    int64_t count = e ? e->list->count : 0;
    from = from < 0 ? from + count : from;
    to = to < 0 ? to + count : to;
    from = from < 0 ? 0 : from;
    to = to >= count ? count - 1 : to;
    text_head(&me->reply, '*', from > to ? 0 : to - from + 1);
    for (; from <= to; from++) {
        const struct text *at = item(e->list, (uint32_t)from);
        text_bulk(&me->reply, at->bytes, at->size);
    }
}
