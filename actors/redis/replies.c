/* replies.c: what a server says, one value after the other, by hiredis's reader.
 *
 * The reader asks for each value as it comes to it, arrays before what is in them. Here
 * the values are rows, those of an array side by side, and what the reader is given for
 * one is its number and one: as rows move when there are more. Texts are collected
 * beside. In the end all goes to one buffer, and places become addresses. */
#include "replies.h"

#include <hiredis.h>

#include <errno.h>
#include <string.h>

/* The numbers of elements are longer since hiredis 1.0. */
typedef __typeof__(_Generic(((redisReadTask *)NULL)->elements, int : 0, default
                            : (size_t)0)) element_count;

/* Whatever goes wrong the reader is told nothing of it: it goes on. */
static void *const nothing = &(char){0};

static cadre_redis_value *value_at(const struct replies *r, size_t i)
{
    return rows_at(&r->values, sizeof(cadre_redis_value), (uint32_t)i);
}

/* Room for so many values and bytes more. */
static bool has_room(struct replies *r, uint64_t values, uint64_t bytes)
{
    uint64_t used = r->values.count * sizeof(cadre_redis_value) + r->texts.size;
    if (!r->err && (values > UINT32_MAX || bytes > UINT32_MAX ||
                    used + values * sizeof(cadre_redis_value) + bytes > r->max))
        r->err = -EMSGSIZE;
    return !r->err;
}

static void add_values(struct replies *r, uint64_t count)
{
    static const cadre_redis_value nil = {.kind = CADRE_REDIS_NIL};
    for (uint64_t i = 0; i < count && !r->err; i++) {
        r->err = rows_reserve(&r->values, sizeof nil);
        if (!r->err)
            rows_append(&r->values, sizeof nil, &nil);
    }
}

/* Where the reader's next value is to be; *number: as it is told. NULL: nowhere. */
static cadre_redis_value *place(const redisReadTask *task, void **number)
{
    struct replies *r = task->privdata;
    *number = nothing;
    if (!task->parent && has_room(r, 1, 0))
        add_values(r, 1);
    if (r->err)
        return NULL;
    size_t i = 0;
    if (task->parent)
        i = (size_t)value_at(r, (size_t)task->parent->obj - 1)->is.integer +
            (size_t)task->idx;
    *number = (void *)(i + 1);
    return value_at(r, i);
}

static void *make_text(const redisReadTask *task, char *text, size_t size)
{
    struct replies *r = task->privdata;
    void *number;
    cadre_redis_value *v = place(task, &number);
    if (!v || !has_room(r, 0, size + 1))
        return nothing;
    r->err = bytes_reserve(&r->texts, size + 1);
    if (r->err)
        return nothing;
    v->kind = task->type == REDIS_REPLY_ERROR ? CADRE_REDIS_ERROR : CADRE_REDIS_TEXT;
    v->size = (uint32_t)size;
    v->is.integer = (int64_t)r->texts.size;
    bytes_put(&r->texts, text, size);
    bytes_put(&r->texts, "", 1);
    return number;
}

static void *make_array(const redisReadTask *task, element_count count)
{
    struct replies *r = task->privdata;
    void *number;
    cadre_redis_value *v = place(task, &number);
    if (!v || !has_room(r, (uint64_t)count, 0))
        return nothing;
    v->kind = CADRE_REDIS_ARRAY;
    v->size = (uint32_t)count;
    v->is.integer = r->values.count;
    add_values(r, (uint64_t)count);
    return r->err ? nothing : number;
}

static void *make_integer(const redisReadTask *task, long long integer)
{
    void *number;
    cadre_redis_value *v = place(task, &number);
    if (v) {
        v->kind = CADRE_REDIS_INTEGER;
        v->is.integer = integer;
    }
    return number;
}

static void *make_nil(const redisReadTask *task)
{
    void *number;
    (void)place(task, &number);
    return number;
}

static void forget(void *number) {}

/* ---- all of it ------------------------------------------------------------------- */

static void begin(struct replies *r)
{
    r->values.count = 0;
    r->texts.size = 0;
    r->err = 0;
}

/* What one large value took is not kept for small ones. */
static void trim(struct replies *r)
{
    enum { KEPT = 1 << 16 };
    if (cadre_buf_size(r->values.buf) > KEPT)
        rows_free(&r->values);
    if (cadre_buf_size(r->texts.buf) > KEPT)
        bytes_free(&r->texts);
}

static cadre_buf *finish(const struct replies *r)
{
    size_t size = r->values.count * sizeof(cadre_redis_value);
    cadre_buf *buf = cadre_buf_new(NULL, size + r->texts.size);
    if (!buf)
        return NULL;
    cadre_redis_value *values = (void *)cadre_buf_data(buf);
    char *texts = (char *)values + size;
    memcpy(values, cadre_buf_data(r->values.buf), size);
    if (r->texts.size)
        memcpy(texts, bytes_at(&r->texts), r->texts.size);
    for (uint32_t i = 0; i < r->values.count; i++) {
        cadre_redis_value *v = &values[i];
        if (v->kind == CADRE_REDIS_TEXT || v->kind == CADRE_REDIS_ERROR)
            v->is.text = texts + v->is.integer;
        else if (v->kind == CADRE_REDIS_ARRAY)
            v->is.values = values + v->is.integer;
    }
    return buf;
}

int replies_open(struct replies *r, uint64_t max)
{
    static const redisReplyObjectFunctions functions = {.createString = make_text,
                                                        .createArray = make_array,
                                                        .createInteger = make_integer,
                                                        .createNil = make_nil,
                                                        .freeObject = forget};
    replies_close(r);
    r->max = max;
    r->reader = redisReaderCreateWithFunctions((redisReplyObjectFunctions *)&functions);
    if (!r->reader)
        return -ENOMEM;
    r->reader->privdata = r;
    begin(r);
    return 0;
}

int replies_feed(struct replies *r, cadre_buf *bytes)
{
    size_t size = cadre_buf_size(bytes);
    if (r->reader->len - r->reader->pos > r->max)
        return -EMSGSIZE;
    return redisReaderFeed(r->reader, (char *)cadre_buf_data(bytes), size) == REDIS_OK
               ? 0
               : -ENOMEM;
}

int replies_next(struct replies *r, struct reply *reply)
{
    void *came = NULL;
    if (redisReaderGetReply(r->reader, &came) != REDIS_OK)
        return r->reader->err == REDIS_ERR_OOM ? -ENOMEM : -EPROTO;
    if (!came)
        return 0;
    if (!r->err && r->values.count == 0)
        return -EPROTO; /* of a later protocol, which nobody has asked for */
    reply->data = r->err ? NULL : finish(r);
    reply->err = r->err ? r->err : reply->data ? 0 : -ENOMEM;
    trim(r);
    begin(r);
    return 1;
}

bool replies_is_empty(const struct replies *r)
{
    return r->reader->pos == r->reader->len;
}

void replies_close(struct replies *r)
{
    if (r->reader)
        redisReaderFree(r->reader);
    rows_free(&r->values);
    bytes_free(&r->texts);
    *r = (struct replies){.reader = NULL};
}
