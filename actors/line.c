/* line.c: the text of a line of the log. */
#include "line.h"

#include "cron.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t line_head(char head[LINE_HEAD], cadre_time utc, int level, cadre_ref from,
                 const char *actor)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    char who[CADRE_REF_TEXT];
    int64_t second = utc / CADRE_SECOND, year, month, day;
    cron_date(second / 86400, &year, &month, &day);
    second %= 86400;
    int n = snprintf(head, LINE_HEAD,
                     "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ %s %s%s%.64s: ", (int)year,
                     (int)month, (int)day, (int)(second / 3600),
                     (int)(second / 60 % 60), (int)(second % 60),
                     (int)(utc % CADRE_SECOND / 1000), levels[level - 1],
                     cadre_ref_text(who, from), actor ? " " : "", actor ? actor : "");
    return n < LINE_HEAD ? (size_t)n : LINE_HEAD - 1;
}

/* ---- escaping -------------------------------------------------------------------- */

/* Writes what stands for c, and returns how many bytes; to has four. */
static size_t escape(char *to, char c)
{
    static const char digits[] = "0123456789abcdef", known[] = "\n\r\t";
    unsigned char u = (unsigned char)c;
    if (u >= 0x20 && u != 0x7f) {
        to[0] = c;
        return 1;
    }
    const char *at = strchr(known, u);
    to[0] = '\\';
    to[1] = 'x';
    if (u && at) {
        to[1] = "nrt"[at - known];
        return 2;
    }
    to[2] = digits[u >> 4];
    to[3] = digits[u & 15];
    return 4;
}

size_t line_escape(char *to, const char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        char escaped[4];
        size_t n = escape(escaped, text[i]);
        if (to)
            memcpy(to + length, escaped, n);
        length += n;
    }
    return length;
}

/* ---- fields ---------------------------------------------------------------------- */

/* Counts, and with a buffer also writes, as far as there is room. */
struct out {
    char *to;
    size_t length;
};

static void put(struct out *out, char c)
{
    if (out->to && out->length < CADRE_LOG_TEXT)
        out->to[out->length] = c;
    out->length++;
}

static void put_text(struct out *out, const char *text)
{
    while (*text)
        put(out, *text++);
}

static bool is_word(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text == 0x7f || strchr("\"\\=", *text))
            return false;
    return true;
}

static void put_quoted(struct out *out, const char *text)
{
    put(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(out, '\\');
        put(out, *text);
    }
    put(out, '"');
}

static void put_field(struct out *out, const cadre_log_field *field)
{
    char number[24];
    put(out, ' ');
    put_text(out, field->name);
    put(out, '=');
    if (field->text && !is_word(field->text)) {
        put_quoted(out, field->text);
        return;
    }
    if (!field->text)
        snprintf(number, sizeof number, "%" PRId64, field->number);
    put_text(out, field->text ? field->text : number);
}

static size_t put_all(char *to, const char *what, const cadre_log_field *fields)
{
    struct out out = {to, 0};
    put_text(&out, what);
    for (; fields && fields->name; fields++)
        put_field(&out, fields);
    return out.length;
}

cadre_buf *line_text(const char *what, const cadre_log_field *fields)
{
    size_t length = put_all(NULL, what, fields);
    bool is_cut = length > CADRE_LOG_TEXT;
    cadre_buf *text = cadre_buf_new(NULL, is_cut ? CADRE_LOG_TEXT : length);
    if (!text)
        return NULL;
    char *to = (char *)cadre_buf_data(text);
    (void)put_all(to, what, fields);
    for (size_t i = CADRE_LOG_TEXT - 3; is_cut && i < CADRE_LOG_TEXT; i++)
        to[i] = '.';
    return text;
}
