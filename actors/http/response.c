/* response.c: answers, made where the request is handled: what may not be written is
 * refused there. */
#include <cadre/actors/http.h>

#include "head.h"
#include "response.h"
#include "wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void response_close(int file)
{
    if (file > 0)
        close(file);
}

static void drop_response(void *body)
{
    const cadre_http_response *r = body;
    cadre_buf_unref(r->fields);
    cadre_buf_unref(r->body);
    response_close(r->file);
}
CADRE_TYPE_DROP(cadre_http_response, drop_response);

static void drop_piece(void *body)
{
    const cadre_http_piece *p = body;
    cadre_buf_unref(p->bytes);
    cadre_buf_unref(p->trailers);
}
CADRE_TYPE_DROP(cadre_http_piece, drop_piece);
CADRE_TYPE(cadre_http_more);
CADRE_TYPE(cadre_http_gone);

/* ---- what may be a field ---------------------------------------------------------- */

static bool is_token(cadre_http_text text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    size_t i = 0;
    while (i < text.size &&
           ((head_lower(text.at[i]) >= 'a' && head_lower(text.at[i]) <= 'z') ||
            (text.at[i] >= '0' && text.at[i] <= '9') ||
            memchr(marks, text.at[i], sizeof marks - 1)))
        i++;
    return i == text.size && i > 0;
}

static bool is_value(cadre_http_text text)
{
    bool is_good = true;
    for (size_t i = 0; i < text.size; i++)
        is_good &= text.at[i] == '\t' ||
                   ((unsigned char)text.at[i] >= ' ' && text.at[i] != 0x7f);
    return is_good;
}

/* ---- they become lines ------------------------------------------------------------ */

struct line {
    cadre_http_text name, value;
    bool closes; /* says only that the connection does: no line of ours */
};

static cadre_http_text text_of(const char *text)
{
    return (cadre_http_text){text, text ? strlen(text) : 0};
}

static struct line line_of(const cadre_http_field *f)
{
    struct line line = {text_of(f->name), text_of(f->value), false};
    line.closes = head_same(line.name, "connection") && head_same(line.value, "close");
    return line;
}

static bool is_good(const struct line *line)
{
    bool is_ours = head_same(line->name, "content-length") ||
                   head_same(line->name, "transfer-encoding") ||
                   head_same(line->name, "date") ||
                   (head_same(line->name, "connection") && !line->closes);
    return !is_ours && is_token(line->name) && is_value(line->value);
}

/* Errors: -EINVAL, -ENOMEM. */
static int put_fields(cadre_http_response *r, const cadre_http_field *fields)
{
    size_t size = 0;
    for (const cadre_http_field *f = fields; f && f->name; f++) {
        const struct line line = line_of(f);
        if (!f->value || !is_good(&line))
            return -EINVAL;
        if (line.closes)
            r->own |= RESPONSE_CLOSES;
        else
            size += line.name.size + line.value.size + strlen(": \r\n");
    }
    if (size == 0)
        return 0;
    r->fields = cadre_buf_new(NULL, size);
    if (!r->fields)
        return -ENOMEM;
    char *at = (char *)cadre_buf_data(r->fields);
    for (const cadre_http_field *f = fields; f && f->name; f++) {
        const struct line line = line_of(f);
        if (!line.closes)
            at = wire_put_field(at, line.name, line.value);
    }
    return 0;
}

static bool has_no_body(int status) { return status == 204 || status == 205; }

int cadre_http_trailers(cadre_buf **trailers, const cadre_http_field *fields)
{
    cadre_http_response r = {0};
    int err = put_fields(&r, fields);
    if (!err)
        *trailers = r.fields;
    return err;
}

int response_make(cadre_http_response *r, int status, const cadre_http_field *fields,
                  cadre_buf *take)
{
    *r = (cadre_http_response){.status = (uint32_t)status};
    bool is_good = response_is_status(r->status) && !(has_no_body(status) && take);
    int err = is_good ? put_fields(r, fields) : -EINVAL;
    if (err)
        cadre_buf_unref(take);
    else
        r->body = take;
    return err;
}

static int make_with_source(cadre_http_response *r, int status,
                            const cadre_http_field *fields,
                            const cadre_http_source *source)
{
    if (!source || !source->from.id || has_no_body(status) || status == 304)
        return -EINVAL;
    int err = response_make(r, status, fields, NULL);
    r->source = *source;
    return err;
}

/* ---- they are sent ---------------------------------------------------------------- */

int cadre_http_reply(cadre_self *self, const cadre_msg *m, int status,
                     const cadre_http_field *fields, cadre_buf *take)
{
    cadre_http_response r;
    int err = response_make(&r, status, fields, take);
    return err ? err : cadre_reply_as(self, m, &cadre_http_response_type, &r);
}

int cadre_http_answer(cadre_self *self, cadre_promise promise, int status,
                      const cadre_http_field *fields, cadre_buf *take)
{
    cadre_http_response r;
    int err = response_make(&r, status, fields, take);
    return err ? err : cadre_answer_as(self, promise, &cadre_http_response_type, &r);
}

int cadre_http_reply_source(cadre_self *self, const cadre_msg *m, int status,
                            const cadre_http_field *fields,
                            const cadre_http_source *source)
{
    cadre_http_response r;
    int err = make_with_source(&r, status, fields, source);
    return err ? err : cadre_reply_as(self, m, &cadre_http_response_type, &r);
}

int cadre_http_answer_source(cadre_self *self, cadre_promise promise, int status,
                             const cadre_http_field *fields,
                             const cadre_http_source *source)
{
    cadre_http_response r;
    int err = make_with_source(&r, status, fields, source);
    return err ? err : cadre_answer_as(self, promise, &cadre_http_response_type, &r);
}

int cadre_http_answer_file(cadre_self *self, cadre_promise promise, int status,
                           const cadre_http_field *fields,
                           const cadre_http_source *source, int take, uint64_t offset)
{
    cadre_http_response r;
    bool is_file = take > 0,
         is_part = source && offset <= INT64_MAX && source->size <= INT64_MAX - offset;
    int err = !is_file   ? -EBADF
              : !is_part ? -EINVAL
                         : make_with_source(&r, status, fields, source);
    if (err) {
        if (take >= 0)
            close(take);
        return err;
    }
    r.file = take;
    r.offset = offset;
    return cadre_answer_as(self, promise, &cadre_http_response_type, &r);
}

int cadre_http_reply_text(cadre_self *self, const cadre_msg *m, int status,
                          const char *text)
{
    static const cadre_http_field fields[] = {
        {"Content-Type", "text/plain; charset=utf-8"}, {0}};
    cadre_buf *body = cadre_buf_new(text, strlen(text));
    return body ? cadre_http_reply(self, m, status, fields, body) : -ENOMEM;
}
