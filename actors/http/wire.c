/* wire.c: an answer as it is sent. */
#include "wire.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A body up to this size goes along with its head; more is not worth a copy. */
enum { SHORT = 4096, HEAD_MAX = 256, DATE_SIZE = 40 };

static const struct {
    uint32_t status;
    const char *words;
} reasons[] = {
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

/* ---- the date --------------------------------------------------------------------- */

/* Not strftime(), whose names are the locale's. */
static void write_date(char date[DATE_SIZE], time_t second)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm t;
    if (!gmtime_r(&second, &t))
        memset(&t, 0, sizeof t);
    (void)snprintf(date, DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                   days + 3 * (t.tm_wday % 7), t.tm_mday % 100,
                   months + 3 * (t.tm_mon % 12), (t.tm_year + 1900) % 10000,
                   t.tm_hour % 100, t.tm_min % 100, t.tm_sec % 100);
}

/* ---- the head --------------------------------------------------------------------- */

static bool has_no_length(uint32_t status) { return status == 204 || status == 304; }

static int write_head(char *at, const cadre_http_response *r, struct wire_manner manner,
                      size_t body)
{
    struct timespec now = {0, 0};
    char date[DATE_SIZE], length[48] = "";
    (void)clock_gettime(CLOCK_REALTIME, &now);
    write_date(date, now.tv_sec);
    if (!has_no_length(r->status))
        (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", body);
    const char *connection = manner.closes   ? "Connection: close\r\n"
                             : manner.http10 ? "Connection: keep-alive\r\n"
                                             : "";
    return snprintf(at, HEAD_MAX, "HTTP/1.1 %u %s\r\nDate: %s\r\n%s%s",
                    (unsigned)r->status, wire_reason(r->status), date, length,
                    connection);
}

cadre_buf *wire_write(const cadre_http_response *r, struct wire_manner manner,
                      cadre_buf **body)
{
    char head[HEAD_MAX];
    size_t size = cadre_buf_size(*body);
    size_t head_size = (size_t)write_head(head, r, manner, size);
    if (manner.is_head || has_no_length(r->status)) {
        cadre_buf_unref(cadre_buf_move(body));
        size = 0;
    }
    size_t fields = cadre_buf_size(r->fields), within = size <= SHORT ? size : 0;
    cadre_buf *out = cadre_buf_new(NULL, head_size + fields + 2 + within);
    if (!out)
        return NULL;
    char *at = (char *)cadre_buf_data(out);
    memcpy(at, head, head_size);
    if (fields > 0)
        memcpy(at + head_size, cadre_buf_data(r->fields), fields);
    memcpy(at + head_size + fields, "\r\n", 2);
    if (within > 0)
        memcpy(at + head_size + fields + 2, cadre_buf_data(*body), within);
    if (size <= SHORT)
        cadre_buf_unref(cadre_buf_move(body));
    return out;
}
