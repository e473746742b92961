/* head.c: the first line and the fields, and where each stands.
 *
 * A head that has passed is in one buffer: a table of its fields, then its text. */
#include "head.h"

#include <string.h>

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

bool head_alike(const char *a, const char *b, size_t size)
{
    size_t i = 0;
    while (i < size && head_lower(a[i]) == head_lower(b[i]))
        i++;
    return i == size;
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

/* Without the CR that may be at its end. */
static size_t length_of(const char *line, size_t size)
{
    return size > 0 && line[size - 1] == '\r' ? size - 1 : size;
}

/* A line that is not complete, or one without its break: of what is wrong with it this
 * comes first, as it does where the rest comes later; and of the two limits the lower. */
static int check_length(const cadre_http_limits *limits, bool is_first, size_t line,
                        size_t head)
{
    size_t most = (size_t)limits->target + HEAD_METHOD_MAX + HEAD_VERSION_SIZE;
    if (is_first && most < limits->head && line > most)
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
        size_t length = length_of(line, (size_t)(end - line));
        int status = check_length(limits, is_first, length, (size_t)(end + 1 - at));
        if (!status && line + length == end)
            status = 400;
        if (!status && (length > 0 || is_first))
            status = check_line(line, length, is_first);
        if (status)
            return status;
        *seen = (size_t)(end + 1 - at);
        *is_whole = length == 0;
        if (*is_whole)
            return 0;
    }
    return check_length(limits, *seen == 0, length_of(at + *seen, size - *seen), size);
}

/* ---- the fields ------------------------------------------------------------------- */

static struct table *table_of(const cadre_http_request *r)
{
    return (struct table *)(void *)cadre_buf_data(r->head);
}

const char *head_text(const cadre_http_request *r)
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
    *name = (cadre_http_text){head_text(r) + f->name, f->name_size};
    *value = (cadre_http_text){head_text(r) + f->value, f->value_size};
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

size_t head_line_size(const char *line) { return (size_t)(strchr(line, '\r') - line); }

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

uint32_t head_count(const char *at, size_t size)
{
    uint32_t lines = 0;
    for (const char *end = at; (end = memchr(end, '\n', size - (size_t)(end - at)));
         end++)
        lines++;
    return lines - 2; /* the first, and the empty one */
}

cadre_buf *head_make(const char *at, size_t size, uint32_t count)
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
    size_t line_size = head_line_size(line);
    for (uint32_t i = 0; i < count; i++) {
        line += line_size + 2;
        line_size = head_line_size(line);
        table->fields[i] = take_apart(text, line, line_size);
    }
    return buf;
}

void head_set_peer(cadre_http_request *r, const cadre_address *peer)
{
    table_of(r)->peer = *peer;
}
