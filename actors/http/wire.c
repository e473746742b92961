/* wire.c: an answer as it is sent. */
#include "wire.h"

#include <time.h>

/* A body up to this size goes along with its head; more is not worth a copy. */
enum { SHORT = 4096, HEAD_MAX = 256 };

static const struct {
    uint32_t status;
    const char *words;
} reasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *wire_reason(uint32_t status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].words;
    return "";
}

/* ---- text, without printf: that would be a tenth of a short answer --------------- */

static char *put_text(char *at, const char *text)
{
    return wire_put(at, text, strlen(text));
}

char *wire_put_number(char *at, uint64_t number)
{
    char digits[20], *first = digits + sizeof digits;
    do
        *--first = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return wire_put(at, first, (size_t)(digits + sizeof digits - first));
}

char *wire_put_hex(char *at, uint64_t number)
{
    char digits[16], *first = digits + sizeof digits;
    do
        *--first = "0123456789abcdef"[number % 16];
    while ((number /= 16) > 0);
    return wire_put(at, first, (size_t)(digits + sizeof digits - first));
}

/* ---- the date --------------------------------------------------------------------- */

static char *put_two(char *at, int number)
{
    *at++ = (char)('0' + number / 10 % 10);
    *at++ = (char)('0' + number % 10);
    return at;
}

/* As in "Sun, 06 Nov 1994 08:49:37 GMT"; the names are not the locale's. */
void wire_make_date(char *at, int64_t second)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm t;
    time_t time = second;
    if (!gmtime_r(&time, &t))
        memset(&t, 0, sizeof t);
    at = put_text(wire_put(at, days + 3 * t.tm_wday, 3), ", ");
    at = wire_put(put_two(at, t.tm_mday), " ", 1);
    at = wire_put(wire_put(at, months + 3 * t.tm_mon, 3), " ", 1);
    at = put_two(put_two(at, (t.tm_year + 1900) / 100), t.tm_year % 100);
    at = wire_put(put_two(wire_put(at, " ", 1), t.tm_hour), ":", 1);
    at = wire_put(put_two(at, t.tm_min), ":", 1);
    (void)put_text(put_two(at, t.tm_sec), " GMT");
}

const char *wire_date_now(struct wire_date *date)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != date->second) {
        date->second = now.tv_sec;
        wire_make_date(date->text, now.tv_sec);
    }
    return date->text;
}

/* ---- the head --------------------------------------------------------------------- */

static bool has_no_length(uint32_t status)
{
    return status == 101 || status == 204 || status == 304;
}

bool wire_has_length(const cadre_http_response *r)
{
    return !has_no_length(r->status) && !(r->source.from.id && r->source.size == 0);
}

bool wire_has_body(const cadre_http_response *r, bool is_head)
{
    return !is_head && !has_no_length(r->status) &&
           (r->source.from.id || cadre_buf_size(r->body) > 0);
}

static size_t write_head(char *head, const cadre_http_response *r,
                         struct wire_manner manner, uint64_t length,
                         struct wire_date *date)
{
    char *at = wire_put_number(put_text(head, "HTTP/1.1 "), r->status);
    at = put_text(wire_put(at, " ", 1), wire_reason(r->status));
    at = wire_put(put_text(at, "\r\nDate: "), wire_date_now(date), sizeof date->text);
    if (r->status != 101 && wire_has_chunks(&r->source, manner))
        at = put_text(at, "\r\nTransfer-Encoding: chunked");
    else if (!has_no_length(r->status) && !wire_has_no_end(&r->source, manner))
        at = wire_put_number(put_text(at, "\r\nContent-Length: "), length);
    if (r->status == 101)
        at = put_text(at, "\r\nConnection: Upgrade");
    else if (manner.closes)
        at = put_text(at, "\r\nConnection: close");
    else if (manner.http10)
        at = put_text(at, "\r\nConnection: keep-alive");
    return (size_t)(put_text(at, "\r\n") - head);
}

cadre_buf *wire_answer(const cadre_http_response *r, struct wire_manner manner,
                       cadre_buf **body, struct wire_date *date)
{
    char head[HEAD_MAX];
    size_t size = cadre_buf_size(*body);
    uint64_t length = wire_length(r, manner.is_head, size);
    size_t head_size = write_head(head, r, manner, length, date);
    if (manner.is_head || has_no_length(r->status)) {
        cadre_buf_unref(cadre_buf_move(body));
        size = 0;
    }
    size_t fields = cadre_buf_size(r->fields), within = size <= SHORT ? size : 0;
    cadre_buf *out = cadre_buf_new(NULL, head_size + fields + 2 + within);
    if (!out)
        return NULL;
    char *at = wire_put((char *)cadre_buf_data(out), head, head_size);
    if (fields > 0)
        at = wire_put(at, (char *)cadre_buf_data(r->fields), fields);
    at = put_text(at, "\r\n");
    if (within > 0)
        (void)wire_put(at, (char *)cadre_buf_data(*body), within);
    if (size <= SHORT)
        cadre_buf_unref(cadre_buf_move(body));
    return out;
}
