/* h2_fields.c: lines of a head as HTTP/1.1 has them become the fields of HTTP/2. */
#include "h2_wire.h"

#include "head.h"

#include <string.h>

int h2_add_field(struct bytes *nva, cadre_http_text name, cadre_http_text value)
{
    const nghttp2_nv nv = {.name = (uint8_t *)name.at,
                           .namelen = name.size,
                           .value = (uint8_t *)value.at,
                           .valuelen = value.size};
    return bytes_append(nva, &nv, sizeof nv);
}

/* Those that only HTTP/1.1 has. */
static bool is_of_connection(cadre_http_text name, cadre_http_text value)
{
    static const char *const names[] = {"connection",       "keep-alive",
                                        "proxy-connection", "transfer-encoding",
                                        "upgrade",          "http2-settings"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (head_same(name, names[i]))
            return true;
    return head_same(name, "te") && !head_same(value, "trailers");
}

int h2_add_lines(struct bytes *nva, const char *at, size_t size, cadre_http_text *host)
{
    const char *end = at ? at + size : NULL;
    int err = 0;
    while (!err && at < end) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        const char *last = memchr(at, '\r', (size_t)(end - at));
        const cadre_http_text name = {at, (size_t)(colon - at)};
        const cadre_http_text value =
            head_trim((cadre_http_text){colon + 1, (size_t)(last - colon) - 1});
        if (host && head_same(name, "host"))
            *host = value;
        else if (!is_of_connection(name, value))
            err = h2_add_field(nva, name, value);
        at = last + 2;
    }
    return err;
}
