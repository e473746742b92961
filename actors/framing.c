/* framing.c: frames out of buffers, wherever those are cut.
 *
 * The bytes are `rest`, then what is left of `in`. A frame is looked for in the first of
 * them that has any; if it ends in `in`, as much of that is moved behind `rest` as it
 * takes. How much that is may have to be found out: then it is as much again as is there
 * already, and what turns out to be too much goes back. So a frame that straddles two
 * buffers does not draw those behind it into `rest`. */
#include <cadre/actors/framing.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_MAX = 1 << 16, FIRST_PULL = 64 };

struct own {
    cadre_buf *in, *rest;
    size_t in_at;    /* of in: used before */
    size_t from, to; /* of rest: what is still to come */
    size_t pulled;   /* bytes before `to` that are also those before in_at */
    size_t whole;    /* the size of the frame that begins here; 0: not known */
    int64_t failed;
};
static_assert(sizeof(struct own) == sizeof(((cadre_framing *)0)->own), "as declared");

static struct own *own_of(const cadre_framing *framing)
{
    return (struct own *)(void *)framing->own;
}

static size_t max_of(const cadre_framing *framing)
{
    return framing->max ? framing->max : DEFAULT_MAX;
}

static size_t left_in(const struct own *me)
{
    return cadre_buf_size(me->in) - me->in_at;
}

/* ---- measures ---- */

int64_t cadre_framing_lines(cadre_framing *framing, const uint8_t *bytes, size_t size)
{
    size_t seen = framing->seen[0];
    const uint8_t *end = memchr(bytes + seen, '\n', size - seen);
    framing->seen[0] = size;
    if (!end)
        return 0;
    framing->tail = end > bytes && end[-1] == '\r' ? 2 : 1;
    return end - bytes + 1;
}

static bool is_prefix(uint8_t n) { return n == 1 || n == 2 || n == 4 || n == 8; }

int64_t cadre_framing_prefixed(cadre_framing *framing, const uint8_t *bytes,
                               size_t size)
{
    uint8_t n = framing->prefix;
    uint64_t length = 0;
    if (!is_prefix(n))
        return -EINVAL;
    framing->head = n;
    if (size < n)
        return 0;
    for (uint8_t i = 0; i < n; i++)
        length = length << 8 | bytes[framing->little_endian ? n - 1 - i : i];
    bool fits = length <= max_of(framing) && length <= (uint64_t)INT64_MAX - n;
    return fits ? (int64_t)length + n : -EMSGSIZE;
}

int64_t cadre_framing_fixed(cadre_framing *framing, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    bool fits = framing->size > 0 && framing->size <= max_of(framing);
    return fits && framing->size <= INT64_MAX ? (int64_t)framing->size : -EINVAL;
}

/* Sets `whole`, if that can be known. Returns 0 or an error. */
static int64_t measure(cadre_framing *framing, const uint8_t *bytes, size_t size)
{
    size_t max = max_of(framing);
    cadre_measure *how = framing->measure ? framing->measure : cadre_framing_lines;
    int64_t whole = how(framing, bytes, size);
    if (whole < 0)
        return whole;
    size_t around = (size_t)framing->head + framing->tail;
    if (whole > 0 && (uint64_t)whole < around)
        return -EINVAL;
    size_t known = whole > 0 ? (size_t)whole : size - 1; /* a line may lack its LF */
    if (known > max && known - max > around)
        return -EMSGSIZE;
    own_of(framing)->whole = (size_t)whole;
    return 0;
}

/* ---- bytes ---- */

static void drop(cadre_buf **buf)
{
    cadre_buf_unref(*buf);
    *buf = NULL;
}

/* The next n bytes of `in` go behind `rest`. */
static int pull(struct own *me, size_t n)
{
    size_t used = me->to - me->from;
    if (me->to + n > cadre_buf_size(me->rest)) {
        size_t room = used > n ? 2 * used : used + n;
        if (me->whole > used + n && me->whole < room)
            room = me->whole;
        cadre_buf *larger = cadre_buf_new(NULL, room);
        if (!larger)
            return -ENOMEM;
        if (used > 0)
            memcpy(cadre_buf_data(larger), cadre_buf_data(me->rest) + me->from, used);
        cadre_buf_unref(me->rest);
        me->rest = larger;
        me->from = 0;
        me->to = used;
    }
    memcpy(cadre_buf_data(me->rest) + me->to, cadre_buf_data(me->in) + me->in_at, n);
    me->to += n;
    me->in_at += n;
    me->pulled += n;
    return 0;
}

/* There are so many bytes of a frame, and not all of it: some more of `in`. */
static int pull_more(struct own *me, size_t size)
{
    size_t n = left_in(me);
    size_t want = me->whole ? me->whole - size : size > FIRST_PULL ? size : FIRST_PULL;
    return pull(me, me->rest && want < n ? want : n);
}

static void hand_out(cadre_framing *framing, cadre_frame *frame)
{
    struct own *me = own_of(framing);
    size_t *at = me->rest ? &me->from : &me->in_at;
    frame->buf = me->rest ? me->rest : me->in;
    frame->bytes = cadre_buf_data(frame->buf) + *at + framing->head;
    frame->size = me->whole - framing->head - framing->tail;
    *at += me->whole;
    size_t beyond = me->to - me->from;
    if (me->rest && beyond <= me->pulled) { /* they are in `in`, too */
        me->in_at -= beyond;
        me->to = me->from;
    }
    me->whole = 0;
    framing->head = framing->tail = 0;
    framing->seen[0] = framing->seen[1] = 0;
}

static int64_t next(cadre_framing *framing, cadre_frame *frame)
{
    struct own *me = own_of(framing);
    if (me->rest && me->from == me->to) { /* handed out the last time */
        drop(&me->rest);
        me->from = me->to = me->pulled = 0;
    }
    for (;;) {
        size_t size = me->rest ? me->to - me->from : left_in(me);
        const uint8_t *bytes = me->rest ? cadre_buf_data(me->rest) + me->from
                                        : cadre_buf_data(me->in) + me->in_at;
        int64_t err = size && !me->whole ? measure(framing, bytes, size) : 0;
        if (err)
            return err;
        if (me->whole && size >= me->whole) {
            hand_out(framing, frame);
            return 1;
        }
        if (left_in(me) == 0) {
            drop(&me->in);
            me->in_at = me->pulled = 0;
            return 0;
        }
        if ((err = pull_more(me, size)))
            return err;
    }
}

/* ---- public ---- */

int cadre_framing_put(cadre_framing *framing, cadre_buf *take)
{
    struct own *me = own_of(framing);
    if (!me->failed && left_in(me) > 0)
        me->failed = pull(me, left_in(me));
    if (me->failed) {
        cadre_buf_unref(take);
        return (int)me->failed;
    }
    cadre_buf_unref(me->in);
    me->in = take;
    me->in_at = me->pulled = 0;
    return 0;
}

int cadre_framing_next(cadre_framing *framing, cadre_frame *frame)
{
    struct own *me = own_of(framing);
    int64_t got = me->failed ? me->failed : next(framing, frame);
    if (got < 0)
        me->failed = got;
    return (int)got;
}

size_t cadre_framing_left(const cadre_framing *framing)
{
    const struct own *me = own_of(framing);
    return me->to - me->from + left_in(me);
}

void cadre_framing_clear(cadre_framing *framing)
{
    struct own *me = own_of(framing);
    cadre_buf_unref(me->in);
    cadre_buf_unref(me->rest);
    *me = (struct own){.in = NULL};
    framing->head = framing->tail = 0;
    framing->seen[0] = framing->seen[1] = 0;
}

const char *cadre_framing_why(const cadre_framing *framing, int err, char *text)
{
    if (err != -EMSGSIZE)
        return cadre_strerror(err);
    (void)snprintf(text, CADRE_FRAMING_TEXT, "a frame is longer than %zu bytes",
                   max_of(framing));
    return text;
}

int cadre_framing_head(const cadre_framing *framing, uint8_t head[8], size_t size)
{
    uint8_t n = framing->prefix;
    if (!is_prefix(n))
        return -EINVAL;
    if (size > max_of(framing) || (n < 8 && (uint64_t)size >> 8 * n))
        return -EMSGSIZE;
    for (uint8_t i = 0; i < n; i++)
        head[framing->little_endian ? i : n - 1 - i] =
            (uint8_t)((uint64_t)size >> 8 * i);
    return n;
}

int cadre_framing_wrap(const cadre_framing *framing, cadre_buf **buf, const void *bytes,
                       size_t size)
{
    uint8_t head[8];
    int n = cadre_framing_head(framing, head, size);
    if (n < 0)
        return n;
    cadre_buf *whole = cadre_buf_new(NULL, (size_t)n + size);
    if (!whole)
        return -ENOMEM;
    memcpy(cadre_buf_data(whole), head, (size_t)n);
    if (size > 0)
        memcpy(cadre_buf_data(whole) + n, bytes, size);
    *buf = whole;
    return 0;
}
