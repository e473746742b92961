/* passing.c: an answer that has come to a client: it looks like one that was made here,
 * so a server may send it on. */
#include <cadre/actors/http_client.h>

#include "head.h"
#include "response.h"
#include "wire.h"

#include <errno.h>
#include <string.h>

/* What is between two neighbours only; and what whoever sends it on says itself. */
static bool is_passed(cadre_http_text name)
{
    static const char *const others[] = {
        "connection", "keep-alive",        "proxy-connection", "te",  "trailer",
        "upgrade",    "transfer-encoding", "content-length",   "date"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (head_same(name, others[i]))
            return false;
    return true;
}

static size_t size_of(const cadre_http_request *head)
{
    cadre_http_text name, value;
    size_t size = 0;
    for (unsigned i = 0; cadre_http_field_at(head, i, &name, &value); i++)
        if (is_passed(name))
            size += name.size + value.size + strlen(": \r\n");
    return size;
}

int response_from(cadre_http_response *r, uint32_t status,
                  const cadre_http_request *head, cadre_buf *take)
{
    cadre_http_text name, value;
    size_t size = size_of(head);
    *r = (cadre_http_response){.status = status};
    r->fields = size > 0 ? cadre_buf_new(NULL, size) : NULL;
    if (size > 0 && !r->fields) {
        cadre_buf_unref(take);
        return -ENOMEM;
    }
    r->body = take;
    char *at = (char *)cadre_buf_data(r->fields);
    for (unsigned i = 0; cadre_http_field_at(head, i, &name, &value); i++) {
        if (is_passed(name))
            at = wire_put_field(at, name, value);
    }
    return 0;
}

cadre_http_text cadre_http_response_header(const cadre_http_response *r,
                                           const char *name)
{
    const char *at = (const char *)cadre_buf_data(r->fields);
    const char *end = at ? at + cadre_buf_size(r->fields) : NULL;
    while (at < end) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        const char *last = memchr(at, '\r', (size_t)(end - at));
        if (head_same((cadre_http_text){at, (size_t)(colon - at)}, name))
            return head_trim((cadre_http_text){colon + 1, (size_t)(last - colon) - 1});
        at = last + 2;
    }
    return (cadre_http_text){0};
}
