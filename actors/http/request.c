/* request.c: what one does with a request, and with parts of it. */
#include <cadre/http.h>

#include <errno.h>
#include <string.h>

static void drop_request(void *body)
{
    const cadre_http_request *r = body;
    cadre_buf_unref(r->head);
    cadre_buf_unref(r->body);
}

CADRE_TYPE_DROP(cadre_http_request, drop_request);

cadre_http_text cadre_http_query(const cadre_http_request *r, const char *name)
{
    cadre_http_text rest = r->query;
    while (rest.at) {
        const char *end = memchr(rest.at, '&', rest.size);
        size_t size = end ? (size_t)(end - rest.at) : rest.size;
        const char *equals = memchr(rest.at, '=', size);
        size_t before = equals ? (size_t)(equals - rest.at) : size;
        if (cadre_http_is((cadre_http_text){rest.at, before}, name))
            return equals ? (cadre_http_text){equals + 1, size - before - 1}
                          : (cadre_http_text){rest.at + size, 0};
        rest = end ? (cadre_http_text){end + 1, rest.size - size - 1}
                   : (cadre_http_text){0};
    }
    return (cadre_http_text){0};
}

/* The value of a hexadecimal digit, or -1. */
static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that %xy stands for, or -EINVAL. */
static int escape_of(cadre_http_text text, size_t i)
{
    if (text.size - i < 3)
        return -EINVAL;
    int high = digit(text.at[i + 1]), low = digit(text.at[i + 2]);
    return high < 0 || low < 0 || high + low == 0 ? -EINVAL : high * 16 + low;
}

int cadre_http_unescape(char *bytes, size_t size, cadre_http_text text, bool plus)
{
    size_t used = 0;
    for (size_t i = 0; i < text.size; i++) {
        int c = (unsigned char)text.at[i];
        if (c == '%') {
            c = escape_of(text, i);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < 0)
            return -EINVAL;
        if (used + 1 >= size)
            return -EMSGSIZE;
        bytes[used++] = (char)c;
    }
    if (used >= size)
        return -EMSGSIZE;
    bytes[used] = '\0';
    return (int)used;
}

bool cadre_http_is_idempotent(cadre_http_text method)
{
    static const char *const all[] = {"GET",    "HEAD",    "PUT",
                                      "DELETE", "OPTIONS", "TRACE"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (cadre_http_is(method, all[i]))
            return true;
    return false;
}
