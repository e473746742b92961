/* lines.c: the first line of a head, and the fields that say how its body comes and
 * whether the connection stays. */
#include "head.h"

#include <string.h>

/* ---- the request line ------------------------------------------------------------- */

static bool begins_with(cadre_http_text text, const char *what)
{
    size_t size = strlen(what);
    return text.size >= size && head_same((cadre_http_text){text.at, size}, what);
}

/* The authority of one with http://; at NULL: it begins with none. */
static cadre_http_text authority_of(cadre_http_text target)
{
    cadre_http_text authority = {0};
    if (!begins_with(target, "http://") && !begins_with(target, "https://"))
        return authority;
    const char *end = target.at + target.size;
    authority.at = (const char *)memchr(target.at, ':', target.size) + strlen("://");
    while (authority.at + authority.size < end && authority.at[authority.size] != '/' &&
           authority.at[authority.size] != '?')
        authority.size++;
    return authority;
}

static void take_target_apart(cadre_http_request *r)
{
    cadre_http_text rest = r->target, authority = authority_of(rest);
    const char *end = rest.at + rest.size;
    if (authority.at)
        rest.at = authority.at + authority.size;
    rest.size = (size_t)(end - rest.at);
    const char *mark = memchr(rest.at, '?', rest.size);
    r->path = (cadre_http_text){rest.at, mark ? (size_t)(mark - rest.at) : rest.size};
    if (r->path.size == 0)
        r->path = (cadre_http_text){"/", 1};
    if (mark)
        r->query = (cadre_http_text){mark + 1, (size_t)(end - mark) - 1};
}

static int parse_line(const cadre_http_limits *limits, const char *line,
                      cadre_http_request *r, struct head_framing *framing)
{
    size_t size = head_line_size(line);
    const char *first = memchr(line, ' ', size), *end = line + size;
    if (!first || size < HEAD_VERSION_SIZE + 1 || end[-HEAD_VERSION_SIZE - 1] != ' ' ||
        end - HEAD_VERSION_SIZE - 1 <= first + 1)
        return 400;
    if (memcmp(end - HEAD_VERSION_SIZE, "HTTP/1.", HEAD_VERSION_SIZE - 1) != 0)
        return memcmp(end - HEAD_VERSION_SIZE, "HTTP/", 5) == 0 ? 505 : 400;
    if (end[-1] != '0' && end[-1] != '1')
        return 505;
    framing->http10 = end[-1] == '0';
    r->method = (cadre_http_text){line, (size_t)(first - line)};
    r->target =
        (cadre_http_text){first + 1, (size_t)(end - HEAD_VERSION_SIZE - 1 - first) - 1};
    if (r->target.size > limits->target)
        return 414;
    if (memchr(r->target.at, ' ', r->target.size) ||
        memchr(r->target.at, '#', r->target.size))
        return 400;
    if (r->method.size > HEAD_METHOD_MAX || cadre_http_is(r->method, "CONNECT"))
        return 501;
    take_target_apart(r);
    bool is_star = cadre_http_is(r->target, "*") && cadre_http_is(r->method, "OPTIONS");
    return r->path.at[0] == '/' || is_star ? 0 : 400;
}

/* ---- the fields that are for the server ------------------------------------------- */

/* Only such as a name or an address may have, with a port; where the target says whose
 * it is, too, it is the same. */
static bool is_host(cadre_http_text host, cadre_http_text authority)
{
    static const char marks[] = "-._~%:[]!$&'()*+;=";
    for (size_t i = 0; i < host.size; i++) {
        int c = head_lower(host.at[i]);
        bool may_be =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(marks, c));
        if (!may_be ||
            (authority.at && i < authority.size && c != head_lower(authority.at[i])))
            return false;
    }
    return !authority.at || (host.size > 0 && host.size == authority.size);
}

bool head_has_word(cadre_http_text list, const char *word)
{
    const char *comma;
    bool found = false;
    while (!found && list.size > 0 && (comma = memchr(list.at, ',', list.size))) {
        size_t size = (size_t)(comma - list.at);
        found = head_same(head_trim((cadre_http_text){list.at, size}), word);
        list = (cadre_http_text){comma + 1, list.size - size - 1};
    }
    return found || head_same(head_trim(list), word);
}

static int check_host(const cadre_http_request *r, bool http10)
{
    cadre_http_text name, value, authority = authority_of(r->target);
    unsigned hosts = 0;
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++)
        if (head_same(name, "host") && (++hosts > 1 || !is_host(value, authority)))
            return 400;
    return hosts == 1 || http10 ? 0 : 400;
}

static int parse_fields(const cadre_http_request *r, struct head_framing *framing)
{
    cadre_http_text name, value;
    unsigned lengths = 0, codings = 0;
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++) {
        lengths += head_same(name, "content-length");
        if (head_same(name, "transfer-encoding")) {
            codings++;
            if (!head_same(value, "chunked"))
                return 501;
        } else if (head_same(name, "connection")) {
            framing->closes |= head_has_word(value, "close");
            framing->keeps |= head_has_word(value, "keep-alive");
        } else if (head_same(name, "expect") && !framing->http10) {
            framing->expects = head_same(value, "100-continue");
            if (!framing->expects)
                return 417;
        }
    }
    framing->is_chunked = codings > 0;
    framing->has_length = lengths > 0;
    return lengths + codings <= 1 && !(codings && framing->http10) ? 0 : 400;
}

/* Errors: 500 (no memory), 431. */
static int make(const cadre_http_limits *limits, const char *at, size_t size,
                cadre_http_request *r, struct head_framing *framing)
{
    uint32_t count = head_count(at, size);
    *r = (cadre_http_request){0};
    *framing = (struct head_framing){0};
    if (count > limits->fields)
        return 431;
    r->head = head_make(at, size, count);
    return r->head ? 0 : 500;
}

int head_parse(const cadre_http_limits *limits, const char *at, size_t size,
               cadre_http_request *r, struct head_framing *framing)
{
    int status = make(limits, at, size, r, framing);
    if (!status)
        status = parse_line(limits, head_text(r), r, framing);
    if (!status)
        status = parse_fields(r, framing);
    if (!status)
        status = check_host(r, framing->http10);
    if (status)
        cadre_buf_unref(cadre_buf_move(&r->head));
    return status;
}

/* ---- answers ---------------------------------------------------------------------- */

/* Three digits behind a space, and then a space or nothing. */
static uint32_t parse_status(const char *line, bool *http10)
{
    size_t size = head_line_size(line);
    const char *at = line + HEAD_VERSION_SIZE;
    uint32_t status = 0;
    if (size < HEAD_VERSION_SIZE + 4 || memcmp(line, "HTTP/1.", 7) != 0 ||
        (line[7] != '0' && line[7] != '1') || *at != ' ')
        return 0;
    for (int i = 1; i <= 3 && at[i] >= '0' && at[i] <= '9'; i++)
        status = status * 10 + (uint32_t)(at[i] - '0');
    *http10 = line[7] == '0';
    bool is_good = status >= 100 && status <= 599 && (at[4] == ' ' || at[4] == '\r');
    return is_good ? status : 0;
}

int head_parse_answer(const cadre_http_limits *limits, const char *at, size_t size,
                      cadre_http_request *r, struct head_framing *framing,
                      uint32_t *status)
{
    int err = make(limits, at, size, r, framing);
    if (err)
        return err;
    *status = parse_status(head_text(r), &framing->http10);
    err = *status ? parse_fields(r, framing) : 400;
    if (err)
        cadre_buf_unref(cadre_buf_move(&r->head));
    return err;
}
