/* commands.c: which commands there are, and which shard has a key. */
#include "kv.h"

#include <string.h>

static const struct command commands[] = {
    {.name = "get", .arity = 2, .route = KEY, .run = shard_get},
    {.name = "set", .arity = -3, .route = KEY, .run = shard_set},
    {.name = "del", .arity = -2, .route = EACH, .run = shard_del},
    {.name = "incr", .arity = 2, .route = KEY, .run = shard_incr},
    {.name = "decr", .arity = 2, .route = KEY, .run = shard_decr},
    {.name = "mget", .arity = -2, .route = LIST, .run = shard_mget},
    {.name = "mset", .arity = -3, .route = PAIR, .run = shard_mset},
    {.name = "exists", .arity = -2, .route = EACH, .run = shard_exists},
    {.name = "expire", .arity = -3, .route = KEY, .run = shard_expire},
    {.name = "pexpireat", .arity = -3, .route = KEY, .run = shard_pexpireat},
    {.name = "ttl", .arity = 2, .route = KEY, .run = shard_ttl},
    {.name = "lpush", .arity = -3, .route = KEY, .run = shard_lpush},
    {.name = "rpush", .arity = -3, .route = KEY, .run = shard_rpush},
    {.name = "lpop", .arity = -2, .route = KEY, .run = shard_lpop},
    {.name = "rpop", .arity = -2, .route = KEY, .run = shard_rpop},
    {.name = "llen", .arity = 2, .route = KEY, .run = shard_llen},
    {.name = "lrange", .arity = 4, .route = KEY, .run = shard_lrange},
    {.name = "dbsize", .arity = 1, .route = ALL, .run = shard_dbsize},
    {.name = "flushall", .arity = -1, .route = ALL, .run = shard_flushall},
    {.name = "ping", .arity = -1, .here = session_ping},
    {.name = "echo", .arity = 2, .here = session_echo},
    {.name = "quit", .arity = -1, .here = session_quit},
    {.name = "command", .arity = -1, .here = session_command},
    {.name = "config", .arity = -2, .here = session_config},
    {.name = "info", .arity = -1, .here = session_info},
    {.name = "subscribe", .arity = -2, .here = session_subscribe},
    {.name = "unsubscribe", .arity = -1, .here = session_unsubscribe},
    {.name = "publish", .arity = 3, .here = session_publish},
};

const struct command *command_find(struct slice name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (name.size > 0 && (name.bytes[0] | 0x20) == commands[i].name[0] &&
            slice_is(name, commands[i].name))
            return &commands[i];
    return NULL;
}

bool command_fits(const struct command *command, uint32_t words)
{
    int n = command->arity;
    bool odd = command->route == PAIR && words % 2 == 0;
    return n < 0 ? words >= (uint32_t)-n && !odd : words == (uint32_t)n;
}

const struct command *command_of(const uint8_t *bytes, size_t size, struct args *args)
{
    cadre_buf *rewritten;
    *args = resp_args(bytes, size, &rewritten);
    cadre_buf_unref(rewritten);
    if (rewritten || args->left == 0)
        return NULL;
    uint32_t words = args->left;
    const struct command *command = command_find(args_next(args));
    if (!command || !command->run || !command_fits(command, words))
        return NULL;
    bool one_key = command->route == KEY || (command->route == EACH && words == 2);
    return one_key ? command : NULL;
}

uint64_t key_hash(const struct kv *kv, struct slice key)
{
    uint64_t hash = kv->seed, word;
    for (; key.size >= 8; key.bytes += 8, key.size -= 8) {
        memcpy(&word, key.bytes, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ key.bytes[i]) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 32;
}
