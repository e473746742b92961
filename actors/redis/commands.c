/* commands.c: what a server is asked, made where it is asked: what may not be is refused
 * there; and what its answers are. */
#include <cadre/actors/redis.h>

#include <hiredis.h>

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void drop_commands(void *body) { cadre_redis_drop(body); }
static void drop_answer(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_redis_answer *)body)->data));
}
static void drop_error(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_redis_error *)body)->text));
}
CADRE_TYPE_DROP(cadre_redis_commands, drop_commands);
CADRE_TYPE_DROP(cadre_redis_answer, drop_answer);
CADRE_TYPE_DROP(cadre_redis_error, drop_error);

void cadre_redis_drop(cadre_redis_commands *commands)
{
    cadre_buf_unref(commands->bytes);
    *commands = (cadre_redis_commands){.bytes = NULL};
}

/* ---- a command ------------------------------------------------------------------- */

struct word {
    const char *at;
    size_t size;
};

/* The next argument of one as it is sent, and what is behind it: $5, its bytes. */
static struct word take_word(const char **at)
{
    char *end;
    struct word word = {NULL, strtoul(*at + 1, &end, 10)};
    word.at = end + 2;
    *at = word.at + word.size + 2;
    return word;
}

static bool is(struct word word, const char *name)
{
    return word.size == strlen(name) && strncasecmp(word.at, name, word.size) == 0;
}

/* Others find another connection than theirs, or get other answers, after these. */
static bool is_everybodys(const char *command)
{
    static const char *const names[] = {
        "AUTH",         "HELLO",      "SELECT",       "RESET",     "QUIT",
        "MULTI",        "EXEC",       "DISCARD",      "WATCH",     "UNWATCH",
        "SUBSCRIBE",    "PSUBSCRIBE", "SSUBSCRIBE",   "MONITOR",   "UNSUBSCRIBE",
        "PUNSUBSCRIBE", "READONLY",   "SUNSUBSCRIBE", "READWRITE", "SYNC",
        "PSYNC",        "ASKING",     "REPLCONF"};
    char *end;
    unsigned long count = strtoul(command + 1, &end, 10);
    const char *at = end + 2;
    struct word name = take_word(&at);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is(name, names[i]))
            return true;
    if (!is(name, "CLIENT") || count < 2)
        return false;
    struct word what = take_word(&at);
    return is(what, "REPLY") || is(what, "TRACKING");
}

static int reserve(cadre_redis_commands *c, size_t size)
{
    if (c->used + size > UINT32_MAX || c->count == UINT32_MAX)
        return -EMSGSIZE;
    if (c->used + size <= cadre_buf_size(c->bytes))
        return 0;
    cadre_buf *larger = cadre_buf_new(NULL, 2 * c->used + size);
    if (!larger)
        return -ENOMEM;
    if (c->used)
        memcpy(cadre_buf_data(larger), cadre_buf_data(c->bytes), c->used);
    cadre_buf_unref(c->bytes);
    c->bytes = larger;
    return 0;
}

/* Of a command, bytes; and what each of its words takes besides. */
enum { SIZE_MOST = 512 << 20, HEAD = 32 };

/* As hiredis has made it, or a negative number. */
static int append(cadre_redis_commands *c, const char *command, long long size)
{
    if (size < 0)
        return size == -1 ? -ENOMEM : -EINVAL;
    if (strncmp(command, "*0", 2) == 0)
        return -EINVAL;
    if (size > SIZE_MOST)
        return -EMSGSIZE;
    int err = is_everybodys(command) ? -ENOTSUP : reserve(c, (size_t)size);
    if (err)
        return err;
    memcpy(cadre_buf_data(c->bytes) + c->used, command, (size_t)size);
    c->used += (size_t)size;
    c->count++;
    return 0;
}

static int check(uint32_t count, const char *const *args, const size_t *sizes)
{
    uint64_t size = 0;
    if (!args || count == 0)
        return -EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        if (!args[i])
            return -EINVAL;
        size += HEAD + (sizes ? sizes[i] : strlen(args[i]));
        if (size > SIZE_MOST)
            return -EMSGSIZE;
    }
    return 0;
}

int cadre_redis_add(cadre_redis_commands *commands, uint32_t count,
                    const char *const *args, const size_t *sizes)
{
    char *command = NULL;
    int err = commands ? check(count, args, sizes) : -EINVAL;
    if (err)
        return err;
    long long size =
        redisFormatCommandArgv(&command, (int)count, (const char **)args, sizes);
    err = append(commands, command, size);
    if (size >= 0)
        redisFreeCommand(command);
    return err;
}

/* hiredis takes bytes by it, and their size besides: no compiler checks that. */
static bool has_binary(const char *format)
{
    while ((format = strchr(format, '%')) && format[1] && format[1] != 'b')
        format += 2;
    return format && format[1] == 'b';
}

static int add_format(cadre_redis_commands *commands, const char *format,
                      va_list values)
{
    char *command = NULL;
    if (!commands || !format || has_binary(format))
        return -EINVAL;
    int size = redisvFormatCommand(&command, format, values);
    int err = append(commands, command, size);
    if (size >= 0)
        redisFreeCommand(command);
    return err;
}

int cadre_redis_addf(cadre_redis_commands *commands, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int err = add_format(commands, format, values);
    va_end(values);
    return err;
}

int cadre_redis_ask(cadre_self *self, cadre_token *token, cadre_ref redis,
                    cadre_time timeout, const char *format, ...)
{
    cadre_redis_commands commands = {.bytes = NULL};
    va_list values;
    va_start(values, format);
    int err = add_format(&commands, format, values);
    va_end(values);
    return err ? err
               : cadre_ask_as(self, token, redis, timeout, &cadre_redis_commands_type,
                              &commands);
}

/* ---- answers --------------------------------------------------------------------- */

static const cadre_redis_value nil = {.kind = CADRE_REDIS_NIL};

const cadre_redis_value *cadre_redis_value_of(const cadre_redis_answer *answer)
{
    const void *data = cadre_buf_data(answer->data);
    return data ? data : &nil;
}

const cadre_redis_value *cadre_redis_at(const cadre_redis_value *value, uint32_t i)
{
    bool is_there = value->kind == CADRE_REDIS_ARRAY && i < value->size;
    return is_there ? &value->is.values[i] : &nil;
}

const char *cadre_redis_text(const cadre_redis_value *value)
{
    return value->kind == CADRE_REDIS_TEXT ? value->is.text : NULL;
}

int64_t cadre_redis_integer(const cadre_redis_value *value, int64_t otherwise)
{
    char *end;
    if (value->kind == CADRE_REDIS_INTEGER)
        return value->is.integer;
    if (value->kind != CADRE_REDIS_TEXT || value->size == 0 ||
        !strchr("-0123456789", value->is.text[0]))
        return otherwise;
    errno = 0;
    long long integer = strtoll(value->is.text, &end, 10);
    return !errno && end == value->is.text + value->size ? integer : otherwise;
}

const char *cadre_redis_error_text(const cadre_redis_error *error)
{
    return error->text ? (const char *)cadre_buf_data(error->text) : error->kind;
}
