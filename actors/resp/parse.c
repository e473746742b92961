/* parse.c: commands as Redis' clients send them, RESP2. */
#include "parse.h"

#include "reply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LINE_MAX_BYTES = 1 << 16, BULK_MAX = 512 << 20, ARGS_MAX = 1 << 20 };
enum { SAFE_DIGITS = 18 }; /* of a number that fits, whatever they are */

/* ---- frames ------------------------------------------------------------------------ */

static const char *const reasons[] = {
    "too big mbulk count string", "too big bulk count string",
    "invalid multibulk length",   "invalid bulk length",
    "too big inline request",     "expected '$', got '?'"};
enum reason { COUNT_LINE, BULK_LINE, NO_COUNT, NO_BULK, INLINE, NO_DOLLAR };

/* Nobody measures a frame that was wrong again, so `seen` is free to say what is. */
static int64_t wrong(cadre_framing *framing, unsigned reason, uint8_t got)
{
    framing->seen[0] = reason;
    framing->seen[1] = got;
    return -EPROTO;
}

const char *resp_why(const cadre_framing *framing, int err, char text[RESP_WHY])
{
    uint64_t reason = framing->seen[0];
    if (err != -EPROTO || reason > NO_DOLLAR)
        return cadre_framing_why(framing, err, text);
    (void)snprintf(text, RESP_WHY, "%s", reasons[reason]);
    if (reason == NO_DOLLAR)
        text[strlen(text) - 2] = (char)framing->seen[1];
    return text;
}

/* A line of a kind and a number. Returns its bytes; 0: it is not whole yet; negative. */
static int64_t head_line(cadre_framing *framing, const uint8_t *bytes, size_t size,
                         int64_t most, int64_t *number)
{
    bool bulk = *bytes == '$';
    if (size >= 4 && bytes[2] == '\r' && bytes[1] >= '0' && bytes[1] <= '9') {
        *number = bytes[1] - '0'; /* most are so short */
        return 4;
    }
    const uint8_t *cr = memchr(bytes, '\r', size);
    if ((cr ? (size_t)(cr - bytes) : size) > LINE_MAX_BYTES)
        return wrong(framing, COUNT_LINE + bulk, 0);
    if (!cr)
        return 0;
    cadre_resp_slice digits = {bytes + 1, (size_t)(cr - bytes - 1)};
    if (!cadre_resp_number(digits, number) || *number > most || (bulk && *number < 0))
        return wrong(framing, NO_COUNT + bulk, 0);
    return (size_t)(cr - bytes) + 2 <= size ? cr - bytes + 2 : 0;
}

static int64_t measure_inline(cadre_framing *framing, const uint8_t *bytes, size_t size)
{
    int64_t whole = cadre_framing_lines(framing, bytes, size);
    size_t line = whole ? (size_t)whole - 1 : size; /* also where all came at once */
    framing->tail = 0;
    return line <= LINE_MAX_BYTES ? whole : wrong(framing, INLINE, 0);
}

/* seen[0]: bytes that are whole; seen[1]: arguments to come, and one. */
int64_t resp_measure(cadre_framing *framing, const uint8_t *bytes, size_t size)
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
        if (bytes[*at] != '$')
            return wrong(framing, NO_DOLLAR, bytes[*at]);
        line = head_line(framing, bytes + *at, size - *at, BULK_MAX, &number);
        if (line <= 0 || size - *at < (uint64_t)(line + number + 2))
            return line < 0 ? line : 0;
        *at += (uint64_t)(line + number + 2);
    }
    return (int64_t)*at;
}

/* ---- words ------------------------------------------------------------------------- */

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
            reply_bulk(&text, bytes + from, i - from);
            words++;
        }
    }
    *rewritten = text.failed ? NULL : text_buf(&text);
    text_free(&text);
    return (struct args){cadre_buf_data(*rewritten), *rewritten ? words : 0};
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

cadre_resp_slice resp_next(struct args *args)
{
    size_t size = count_at(&args->at);
    cadre_resp_slice slice = {args->at, size};
    args->at += size + 2;
    args->left--;
    return slice;
}

bool cadre_resp_is(cadre_resp_slice slice, const char *word)
{
    return strlen(word) == slice.size &&
           strncasecmp((const char *)slice.bytes, word, slice.size) == 0;
}

bool cadre_resp_number(cadre_resp_slice slice, int64_t *number)
{
    bool minus = slice.size > 1 && slice.bytes[0] == '-';
    uint64_t n = 0, most = (uint64_t)INT64_MAX + minus;
    if (slice.size == 0 || slice.size > 20 ||
        (slice.bytes[minus] == '0' && slice.size > 1))
        return false;
    for (size_t i = minus; i < slice.size; i++) {
        unsigned digit = slice.bytes[i] - (unsigned)'0';
        if (digit > 9 || (i >= SAFE_DIGITS && n > (most - digit) / 10))
            return false;
        n = n * 10 + digit;
    }
    *number = (int64_t)(minus ? -n : n);
    return true;
}

cadre_resp_slice cadre_resp_digits(char room[24], int64_t number)
{
    size_t at = 24;
    uint64_t n = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do
        room[--at] = (char)('0' + n % 10);
    while (n /= 10);
    if (number < 0)
        room[--at] = '-';
    return (cadre_resp_slice){(const uint8_t *)room + at, 24 - at};
}
