/* kv: a store of strings and lists that redis-cli and any other client of Redis can use.
 *
 * kv --port 6379 --dir . --fsync always
 *
 * With --dir every change goes to the file kv.aof there, and is there again after a
 * restart. The server, its keys and the journal are ready-made: resp.h, journal.h. */
#include <cadre.h>
#include <cadre/actors/resp.h>
#include <cadre/shutdown.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a key has: a string; or a list, in a ring of `room`. */
struct value {
    cadre_buf *string, **items;
    uint32_t room, first, count;
};

/* Without memory it ends: the journal has everything. */
static void *have(void *memory) { return memory ? memory : (abort(), NULL); }

/* There is none, or it is of that kind; or else that is the answer. */
static bool fits(cadre_resp_call *call, const struct value *value, bool list)
{
    if (!value || list == !value->string)
        return true;
    cadre_resp_error(call, CADRE_RESP_WRONG_TYPE);
    return false;
}

static cadre_buf **item(const struct value *list, uint32_t i)
{
    return &list->items[(list->first + i) & (list->room - 1)];
}

static void value_drop(void *it)
{
    struct value *value = it;
    cadre_buf_unref(value->string);
    while (value->count > 0)
        cadre_buf_unref(*item(value, --value->count));
    free(value->items);
}

/* ---- strings ---- */

/* Also one of MGET, for which a list is nothing. */
static void get(cadre_resp_call *call)
{
    const struct value *value = cadre_resp_find(call);
    if (call->command->route == CADRE_RESP_LIST || fits(call, value, false))
        cadre_resp_buf(call, value ? value->string : NULL);
}

static void *put(cadre_resp_call *call, cadre_resp_slice string)
{
    struct value *value = have(cadre_resp_add(call));
    if (!value->string || cadre_buf_size(value->string) != string.size) {
        value_drop(value);
        *value = (struct value){.string = have(cadre_buf_new(NULL, string.size))};
    }
    memcpy(cadre_buf_data(value->string), string.bytes, string.size);
    return value;
}

static void put_until(cadre_resp_call *call, cadre_resp_slice string, int64_t expires)
{
    char room[24];
    const cadre_resp_slice words[] = {cadre_resp_word("SET"), call->key, string,
                                      cadre_resp_word("PXAT"),
                                      cadre_resp_digits(room, expires)};
    cadre_resp_expire(call, put(call, string), expires);
    cadre_resp_keep(call);
    if (expires)
        cadre_resp_keep_as(call, 5, words);
}

/* NULL, or what is wrong. *when is 'x' if the key must be there, 'n' if it must not. */
static const char *read_options(cadre_resp_call *call, char *when, int64_t *expires)
{
    while (call->left > 0) {
        cadre_resp_slice word = cadre_resp_next(call);
        bool nx = cadre_resp_is(word, "nx"), xx = cadre_resp_is(word, "xx");
        bool ex = cadre_resp_is(word, "ex"), px = cadre_resp_is(word, "px");
        bool pxat = cadre_resp_is(word, "pxat");
        int64_t n;
        if (nx ? *when != 'x' : xx && *when != 'n')
            *when = nx ? 'n' : 'x';
        else if ((!ex && !px && !pxat) || *expires || !call->left)
            return CADRE_RESP_SYNTAX;
        else if (!cadre_resp_number(cadre_resp_next(call), &n))
            return CADRE_RESP_NO_NUMBER;
        else if (n <= 0 || !(*expires = cadre_resp_time(n, ex, !pxat)))
            return "ERR invalid expire time in 'set' command";
    }
    return NULL;
}

/* Also a pair of MSET, for which what it answers does not count. */
static void set(cadre_resp_call *call)
{
    cadre_resp_slice string = cadre_resp_next(call);
    int64_t expires = 0;
    char when = 0;
    const char *wrong = read_options(call, &when, &expires);
    if (wrong) {
        cadre_resp_error(call, "%s", wrong);
    } else if (when && (cadre_resp_find(call) ? 'x' : 'n') != when) {
        cadre_resp_nil(call);
    } else {
        put_until(call, string, expires);
        cadre_resp_simple(call, "OK");
    }
}

static void change(cadre_resp_call *call)
{
    const struct value *value = cadre_resp_find(call);
    int64_t n = 0;
    char room[24];
    if (!fits(call, value, false))
        return;
    if (value && !cadre_resp_number(cadre_resp_bytes(value->string), &n)) {
        cadre_resp_error(call, CADRE_RESP_NO_NUMBER);
    } else if (__builtin_add_overflow(n, call->command->with, &n)) {
        cadre_resp_error(call, "ERR increment or decrement would overflow");
    } else {
        put(call, cadre_resp_digits(room, n));
        cadre_resp_keep(call);
        cadre_resp_integer(call, n);
    }
}

/* ---- lists: `with` says whether it is at the left end ---- */

static void grow(struct value *list)
{
    struct value larger = {.room = list->room ? 2 * list->room : 4};
    larger.items = have(calloc(larger.room, sizeof *larger.items));
    for (; larger.count < list->count; larger.count++)
        larger.items[larger.count] = *item(list, larger.count);
    free(list->items);
    *list = larger;
}

static void push(cadre_resp_call *call)
{
    bool left = call->command->with;
    struct value *list = have(cadre_resp_add(call));
    if (!fits(call, list, true))
        return;
    for (; call->left > 0; list->count++) {
        if (list->count == list->room)
            grow(list);
        list->first -= left;
        cadre_resp_slice string = cadre_resp_next(call);
        *item(list, left ? 0 : list->count) =
            have(cadre_buf_new(string.bytes, string.size));
    }
    cadre_resp_keep(call);
    cadre_resp_integer(call, list->count);
}

static void pop(cadre_resp_call *call)
{
    struct value *list = cadre_resp_find(call);
    bool many = call->left > 0, left = call->command->with;
    int64_t n = 1;
    if (many && (!cadre_resp_number(cadre_resp_next(call), &n) || n < 0)) {
        cadre_resp_error(call, "ERR value is out of range, must be positive");
        return;
    }
    if (!fits(call, list, true))
        return;
    n = !list ? -1 : n < list->count ? n : list->count;
    if (many)
        cadre_resp_array(call, n);
    else if (!list)
        cadre_resp_nil(call);
    if (n > 0)
        cadre_resp_keep(call);
    for (; n > 0; n--, list->count--, list->first += left) {
        cadre_buf *string = *item(list, left ? 0 : list->count - 1);
        cadre_resp_buf(call, string);
        cadre_buf_unref(string);
    }
    if (list && list->count == 0)
        cadre_resp_remove(call, list);
}

static void llen(cadre_resp_call *call)
{
    const struct value *list = cadre_resp_find(call);
    if (fits(call, list, true))
        cadre_resp_integer(call, list ? list->count : 0);
}

static void lrange(cadre_resp_call *call)
{
    const struct value *list = cadre_resp_find(call);
    int64_t from, to, count = list ? list->count : 0;
    if (!cadre_resp_next_number(call, &from) || !cadre_resp_next_number(call, &to) ||
        !fits(call, list, true))
        return;
    from = from >= 0 ? from : from + count > 0 ? from + count : 0;
    to = to < 0 ? to + count : to < count ? to : count - 1;
    cadre_resp_array(call, from > to ? 0 : to - from + 1);
    for (; from <= to; from++)
        cadre_resp_buf(call, *item(list, (uint32_t)from));
}

static const cadre_resp_command commands[] = {
    {"get", 2, 2, CADRE_RESP_KEY, get, 0},
    {"set", 3, 0, CADRE_RESP_KEY, set, 0},
    {"incr", 2, 2, CADRE_RESP_KEY, change, 1},
    {"decr", 2, 2, CADRE_RESP_KEY, change, -1},
    {"mget", 2, 0, CADRE_RESP_LIST, get, 0},
    {"mset", 3, 0, CADRE_RESP_PAIRS, set, 0},
    {"lpush", 3, 0, CADRE_RESP_KEY, push, true},
    {"rpush", 3, 0, CADRE_RESP_KEY, push, false},
    {"lpop", 2, 3, CADRE_RESP_KEY, pop, true},
    {"rpop", 2, 3, CADRE_RESP_KEY, pop, false},
    {"llen", 2, 2, CADRE_RESP_KEY, llen, 0},
    {"lrange", 4, 4, CADRE_RESP_KEY, lrange, 0},
    {0}}; /* DEL, EXPIRE, PUBLISH and others are there in any case: resp.h */

/* ---- the program ---- */

static void listens(void *context, uint16_t port)
{
    printf("listening on port %u\n", port);
    fflush(stdout);
}

static const char help[] =
    "usage: kv [options]\n"
    "  --port N      listen on 127.0.0.1 there; 0: a free port, printed  (6379)\n"
    "  --dir PATH    keep the data in PATH/kv.aof; without it nothing is kept\n"
    "  --fsync WHEN  always: before a change is answered; everysec; no  (everysec)\n"
    "  --shards N    actors that share the keys, 1 to 64  (as many as workers)\n"
    "  --workers N   threads  (one for each CPU)\n";

static unsigned number_up_to(unsigned most, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*text && !*end && n <= most)
        return (unsigned)n;
    fprintf(stderr, "kv: not a number up to %u: %s\n", most, text);
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},   {"dir", 1, NULL, 'd'},     {"fsync", 1, NULL, 'f'},
        {"shards", 1, NULL, 's'}, {"workers", 1, NULL, 'w'}, {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    cadre_resp server = {.port = 6379,
                         .commands = commands,
                         .name = "kv",
                         .value_size = sizeof(struct value),
                         .drop = value_drop,
                         .listens = listens};
    cadre_config config = {.workers = 0};
    char path[5000] = "";
    int err = 0, fsync = CADRE_FSYNC_EVERYSEC;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'p')
            server.port = (uint16_t)number_up_to(UINT16_MAX, optarg);
        else if (o == 'd')
            snprintf(path, sizeof path, "%s/kv.aof", optarg);
        else if (o == 'f' && (fsync = cadre_fsync_named(optarg)) >= 0)
            continue;
        else if (o == 's')
            server.shards = number_up_to(64, optarg);
        else if (o == 'w')
            config.workers = number_up_to(1024, optarg);
        else
            return fputs(help, o == 'h' ? stdout : stderr) < 0 || o != 'h' ? 2 : 0;
    }
    if (optind < argc)
        return fputs(help, stderr), 2;
    if (*path)
        err = cadre_resp_journal(&server.journal, path, fsync, commands);
    if (cadre_journal_cut(server.journal))
        fprintf(stderr, "kv: %s: the last %llu bytes are no whole command\n", path,
                (unsigned long long)cadre_journal_cut(server.journal));
    if (!err)
        err = cadre_serve(&config, &cadre_resp_class, &server, 2 * CADRE_SECOND,
                          5 * CADRE_SECOND);
    int lost = cadre_journal_close(server.journal);
    if (err || lost)
        fprintf(stderr, "kv: %s: %s\n", path, cadre_journal_why(err ? err : lost));
    return err || lost;
}
