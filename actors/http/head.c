/* head.c: the request line and the fields, and where each stands.
 *
 * A head that has passed is in one buffer: a table of its fields, then its text. */
#include "head.h"

#include <string.h>

enum { METHOD_MAX = 32, VERSION_SIZE = 8 };

/* Places in the text. */
struct field {
    uint32_t name, name_size, value, value_size;
};
struct table {
    cadre_address peer;
    uint32_t count;
    struct field fields[];
};

/* ---- text ------------------------------------------------------------------------- */

static int lower(char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

bool head_same(cadre_http_text a, const char *b)
{
    size_t i = 0;
    while (i < a.size && b[i] && lower(a.at[i]) == lower(b[i]))
        i++;
    return i == a.size && !b[i];
}

static bool is_space(char c) { return c == ' ' || c == '\t'; }

cadre_http_text head_trim(cadre_http_text text)
{
    while (text.size > 0 && is_space(text.at[0])) {
        text.at++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.at[text.size - 1]))
        text.size--;
    return text;
}

/* ---- line by line ----------------------------------------------------------------- */

/* A line that is not complete, or one without its break. */
static int check_length(const cadre_http_limits *limits, bool is_first, size_t line,
                        size_t head)
{
    if (is_first && line > (size_t)limits->target + METHOD_MAX + VERSION_SIZE)
        return 414;
    return head > limits->head ? 431 : 0;
}

static int check_line(const char *line, size_t size, bool is_first)
{
    if (memchr(line, '\r', size) || memchr(line, '\0', size))
        return 400;
    if (is_first)
        return 0;
    const char *colon = memchr(line, ':', size);
    bool is_field = colon && colon > line && !is_space(line[0]) && !is_space(colon[-1]);
    return is_field ? 0 : 400;
}

int head_scan(const cadre_http_limits *limits, const char *at, size_t size,
              size_t *seen, bool *is_whole)
{
    const char *end;
    *is_whole = false;
    while ((end = memchr(at + *seen, '\n', size - *seen))) {
        const char *line = at + *seen;
        bool is_first = *seen == 0;
        if (end == line || end[-1] != '\r')
            return 400;
        size_t length = (size_t)(end - line) - 1;
        int status = check_length(limits, is_first, length, (size_t)(end + 1 - at));
        if (!status && (length > 0 || is_first))
            status = check_line(line, length, is_first);
        if (status)
            return status;
        *seen = (size_t)(end + 1 - at);
        *is_whole = length == 0;
        if (*is_whole)
            return 0;
    }
    return check_length(limits, *seen == 0, size - *seen, size);
}

/* ---- the fields ------------------------------------------------------------------- */

static struct table *table_of(const cadre_http_request *r)
{
    return (struct table *)(void *)cadre_buf_data(r->head);
}

static const char *text_of(const cadre_http_request *r)
{
    struct table *table = table_of(r);
    return (const char *)&table->fields[table->count];
}

const cadre_address *cadre_http_peer(const cadre_http_request *r)
{
    static const cadre_address unknown = {0};
    return r->head ? &table_of(r)->peer : &unknown;
}

bool cadre_http_field_at(const cadre_http_request *r, unsigned index,
                         cadre_http_text *name, cadre_http_text *value)
{
    if (!r->head || index >= table_of(r)->count)
        return false;
    const struct field *f = &table_of(r)->fields[index];
    *name = (cadre_http_text){text_of(r) + f->name, f->name_size};
    *value = (cadre_http_text){text_of(r) + f->value, f->value_size};
    return true;
}

cadre_http_text cadre_http_header(const cadre_http_request *r, const char *name)
{
    cadre_http_text found, value;
    for (unsigned i = 0; cadre_http_field_at(r, i, &found, &value); i++)
        if (head_same(found, name))
            return value;
    return (cadre_http_text){0};
}

static size_t line_size(const char *line)
{
    return (size_t)(strchr(line, '\r') - line);
}

static struct field take_apart(const char *text, const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);
    cadre_http_text value =
        head_trim((cadre_http_text){colon + 1, (size_t)(line + size - colon) - 1});
    return (struct field){.name = (uint32_t)(line - text),
                          .name_size = (uint32_t)(colon - line),
                          .value = (uint32_t)(value.at - text),
                          .value_size = (uint32_t)value.size};
}

static uint32_t count_fields(const char *at, size_t size)
{
    uint32_t lines = 0;
    for (const char *end = at; (end = memchr(end, '\n', size - (size_t)(end - at)));
         end++)
        lines++;
    return lines - 2; /* the request line, and the empty one */
}

/* NULL: no memory. */
static cadre_buf *make_table(const char *at, size_t size, uint32_t count)
{
    size_t fields = sizeof(struct table) + count * sizeof(struct field);
    cadre_buf *buf = cadre_buf_new(NULL, fields + size);
    if (!buf)
        return NULL;
    struct table *table = (struct table *)(void *)cadre_buf_data(buf);
    char *text = (char *)&table->fields[count];
    memcpy(text, at, size);
    table->count = count;
    const char *line = text;
    for (uint32_t i = 0; i < count; i++) {
        line += line_size(line) + 2;
        table->fields[i] = take_apart(text, line, line_size(line));
    }
    return buf;
}

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
    size_t size = line_size(line);
    const char *first = memchr(line, ' ', size), *end = line + size;
    if (!first || size < VERSION_SIZE + 1 || end[-VERSION_SIZE - 1] != ' ' ||
        end - VERSION_SIZE - 1 <= first + 1)
        return 400;
    if (memcmp(end - VERSION_SIZE, "HTTP/1.", VERSION_SIZE - 1) != 0)
        return memcmp(end - VERSION_SIZE, "HTTP/", 5) == 0 ? 505 : 400;
    if (end[-1] != '0' && end[-1] != '1')
        return 505;
    framing->http10 = end[-1] == '0';
    r->method = (cadre_http_text){line, (size_t)(first - line)};
    r->target =
        (cadre_http_text){first + 1, (size_t)(end - VERSION_SIZE - 1 - first) - 1};
    if (r->target.size > limits->target)
        return 414;
    if (memchr(r->target.at, ' ', r->target.size) ||
        memchr(r->target.at, '#', r->target.size))
        return 400;
    if (r->method.size > METHOD_MAX || cadre_http_is(r->method, "CONNECT"))
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
        int c = lower(host.at[i]);
        bool may_be =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(marks, c));
        if (!may_be ||
            (authority.at && i < authority.size && c != lower(authority.at[i])))
            return false;
    }
    return !authority.at || (host.size > 0 && host.size == authority.size);
}

/* Is it one of those in a list with commas? */
static bool has_word(cadre_http_text list, const char *word)
{
    const char *comma;
    bool found = false;
    while (!found && (comma = memchr(list.at, ',', list.size))) {
        size_t size = (size_t)(comma - list.at);
        found = head_same(head_trim((cadre_http_text){list.at, size}), word);
        list = (cadre_http_text){comma + 1, list.size - size - 1};
    }
    return found || head_same(head_trim(list), word);
}

static int parse_fields(const cadre_http_request *r, struct head_framing *framing)
{
    cadre_http_text name, value, authority = authority_of(r->target);
    unsigned hosts = 0, lengths = 0, codings = 0;
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++) {
        if (head_same(name, "host") && (++hosts > 1 || !is_host(value, authority)))
            return 400;
        lengths += head_same(name, "content-length");
        if (head_same(name, "transfer-encoding")) {
            codings++;
            if (!head_same(value, "chunked"))
                return 501;
        } else if (head_same(name, "connection")) {
            framing->closes |= has_word(value, "close");
            framing->keeps |= has_word(value, "keep-alive");
        } else if (head_same(name, "expect") && !framing->http10) {
            framing->expects = head_same(value, "100-continue");
            if (!framing->expects)
                return 417;
        }
    }
    framing->is_chunked = codings > 0;
    framing->has_length = lengths > 0;
    bool is_plain = lengths + codings <= 1 && !(codings && framing->http10) &&
                    (hosts == 1 || framing->http10);
    return is_plain ? 0 : 400;
}

void head_set_peer(cadre_http_request *r, const cadre_address *peer)
{
    table_of(r)->peer = *peer;
}

int head_parse(const cadre_http_limits *limits, const char *at, size_t size,
               cadre_http_request *r, struct head_framing *framing)
{
    uint32_t count = count_fields(at, size);
    *r = (cadre_http_request){0};
    *framing = (struct head_framing){0};
    if (count > limits->fields)
        return 431;
    r->head = make_table(at, size, count);
    if (!r->head)
        return 500;
    int status = parse_line(limits, text_of(r), r, framing);
    if (!status)
        status = parse_fields(r, framing);
    if (status)
        cadre_buf_unref(cadre_buf_move(&r->head));
    return status;
}
