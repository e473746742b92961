/* resp.c: commands as Redis' clients send them, and answers as they expect them. */
#include "kv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINE_MAX_BYTES = 1 << 16, BULK_MAX = 512 << 20, ARGS_MAX = 1 << 20 };

/* ---- commands ---- */

static int64_t wrong(cadre_framing *framing, const char *why)
{
    (void)snprintf(((struct resp *)framing)->why, sizeof((struct resp *)framing)->why,
                   "%s", why);
    return -EPROTO;
}

/* A line of a kind and a number. Returns its bytes; 0: it is not whole yet; negative. */
static int64_t head_line(cadre_framing *framing, const uint8_t *bytes, size_t size,
                         int64_t most, int64_t *number)
{
    static const char *const not_whole[] = {"too big mbulk count string",
                                            "too big bulk count string"};
    static const char *const no_number[] = {"invalid multibulk length",
                                            "invalid bulk length"};
    bool bulk = *bytes == '$';
    const uint8_t *cr = memchr(bytes, '\r', size);
    if ((cr ? (size_t)(cr - bytes) : size) > LINE_MAX_BYTES)
        return wrong(framing, not_whole[bulk]);
    if (!cr)
        return 0;
    struct slice digits = {bytes + 1, (size_t)(cr - bytes - 1)};
    if (!slice_number(digits, number) || *number > most || (bulk && *number < 0))
        return wrong(framing, no_number[bulk]);
    return (size_t)(cr - bytes) + 2 <= size ? cr - bytes + 2 : 0;
}

static int64_t measure_inline(cadre_framing *framing, const uint8_t *bytes, size_t size)
{
    int64_t whole = cadre_framing_lines(framing, bytes, size);
    size_t line = whole ? (size_t)whole - 1 : size; /* also where all came at once */
    framing->tail = 0;
    return line <= LINE_MAX_BYTES ? whole : wrong(framing, "too big inline request");
}

/* seen[0]: bytes that are whole; seen[1]: arguments to come, and one. */
static int64_t measure(cadre_framing *framing, const uint8_t *bytes, size_t size)
{
    uint64_t *at = &framing->seen[0], *left = &framing->seen[1];
    int64_t number, line;
    if (*bytes != '*')
        return measure_inline(framing, bytes, size);
    if (*left == 0) {
        if ((line = head_line(framing, bytes, size, ARGS_MAX, &number)) <= 0)
            return line;
        *at = (uint64_t)line;
        *left = (uint64_t)(number > 0 ? number : 0) + 1;
    }
    for (; *left > 1; --*left) {
        if (*at >= size)
            return 0;
        if (bytes[*at] != '$') {
            char why[] = "expected '$', got '?'";
            why[sizeof why - 3] = (char)bytes[*at];
            return wrong(framing, why);
        }
        line = head_line(framing, bytes + *at, size - *at, BULK_MAX, &number);
        if (line <= 0 || size - *at < (uint64_t)(line + number + 2))
            return line < 0 ? line : 0;
        *at += (uint64_t)(line + number + 2);
    }
    return (int64_t)*at;
}

const cadre_framing resp_framing = {.measure = measure, .max = 1 << 30};

static uint32_t count_at(const uint8_t **at)
{
    uint32_t count = 0;
    while (*++*at != '\r')
        count = count * 10 + (uint32_t)(**at - '0');
    *at += 2;
    return count;
}

/* Words of a line. */
static struct args rewrite(const uint8_t *bytes, size_t size, cadre_buf **rewritten)
{
    struct text text = {.bytes = NULL};
    uint32_t words = 0;
    for (size_t i = 0, from; i < size; i++) {
        for (from = i; i < size && bytes[i] > ' '; i++) {
        }
        if (i > from) {
            text_bulk(&text, bytes + from, i - from);
            words++;
        }
    }
    *rewritten = text_buf(&text);
    free(text.bytes);
    return (struct args){cadre_buf_data(*rewritten), words};
}

struct args resp_args(const uint8_t *bytes, size_t size, cadre_buf **rewritten)
{
    *rewritten = NULL;
    if (*bytes != '*')
        return rewrite(bytes, size, rewritten);
    if (bytes[1] == '-')
        return (struct args){.left = 0};
    struct args args = {.at = bytes};
    args.left = count_at(&args.at);
    return args;
}

struct slice args_next(struct args *args)
{
    size_t size = count_at(&args->at);
    struct slice slice = {args->at, size};
    args->at += size + 2;
    args->left--;
    return slice;
}

bool slice_is(struct slice slice, const char *word)
{
    return strlen(word) == slice.size &&
           strncasecmp((const char *)slice.bytes, word, slice.size) == 0;
}

/* As Redis reads one: no space, plus or zero in front. */
bool slice_number(struct slice slice, int64_t *number)
{
    bool minus = slice.size > 1 && slice.bytes[0] == '-';
    uint64_t n = 0, most = (uint64_t)INT64_MAX + minus;
    if (slice.size == 0 || slice.size > 20 ||
        (slice.bytes[minus] == '0' && slice.size > 1))
        return false;
    for (size_t i = minus; i < slice.size; i++) {
        unsigned digit = slice.bytes[i] - (unsigned)'0';
        if (digit > 9 || n > (most - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *number = (int64_t)(minus ? -n : n);
    return true;
}

/* ---- answers ---- */

static void *memory(void *p)
{
    if (p)
        return p;
    fprintf(stderr, "kv: out of memory\n");
    abort();
}

void text_room(struct text *text, size_t size)
{
    if (text->size + size <= text->room)
        return;
    text->room = 2 * text->room + size + 64;
    text->bytes = memory(realloc(text->bytes, text->room));
}

void text_add(struct text *text, const void *bytes, size_t size)
{
    text_room(text, size);
    if (size > 0)
        memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

void text_set(struct text *text, struct slice slice)
{
    if (slice.size > text->room || text->room > 2 * slice.size + 16) {
        free(text->bytes);
        text->room = slice.size + (slice.size == 0);
        text->bytes = memory(malloc(text->room));
    }
    text->size = 0;
    text_add(text, slice.bytes, slice.size);
}

void text_vprint(struct text *text, const char *fmt, va_list values)
{
    text_room(text, 512);
    int n = vsnprintf((char *)text->bytes + text->size, 512, fmt, values);
    text->size += (size_t)(n < 512 ? n : 511);
}

void text_print(struct text *text, const char *fmt, ...)
{
    va_list values;
    va_start(values, fmt);
    text_vprint(text, fmt, values);
    va_end(values);
}

cadre_buf *text_buf(const struct text *text)
{
    return memory(cadre_buf_new(text->size ? text->bytes : NULL, text->size));
}

void text_head(struct text *text, char kind, int64_t number)
{
    char line[24], *at = line + sizeof line;
    uint64_t n = number < 0 ? -(uint64_t)number : (uint64_t)number;
    *--at = '\n';
    *--at = '\r';
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    if (number < 0)
        *--at = '-';
    *--at = kind;
    text_add(text, at, (size_t)(line + sizeof line - at));
}

void text_bulk(struct text *text, const void *bytes, size_t size)
{
    text_head(text, '$', (int64_t)size);
    text_add(text, bytes, size);
    text_add(text, "\r\n", 2);
}

void text_word(struct text *text, const char *word)
{
    text_bulk(text, word, strlen(word));
}
