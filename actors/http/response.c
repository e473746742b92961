/* response.c: answers, made where the request is handled: what may not be written is
 * refused there. */
#include <cadre/actors/http.h>

#include "head.h"
#include "response.h"

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

static bool is_token(const char *text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    const char *c = text;
    while (*c && ((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                  (*c >= 'a' && *c <= 'z') || strchr(marks, *c)))
        c++;
    return !*c && c > text;
}

static bool is_value(const char *text)
{
    while (*text && (*text == '\t' || ((unsigned char)*text >= ' ' && *text != 0x7f)))
        text++;
    return !*text;
}

static bool is(const cadre_http_field *f, const char *name)
{
    return head_same((cadre_http_text){f->name, strlen(f->name)}, name);
}

static bool is_close(const cadre_http_field *f)
{
    return is(f, "connection") && f->value &&
           head_same((cadre_http_text){f->value, strlen(f->value)}, "close");
}

static bool is_good(const cadre_http_field *f)
{
    bool is_ours = is(f, "content-length") || is(f, "transfer-encoding") ||
                   is(f, "date") || (is(f, "connection") && !is_close(f));
    return f->value && is_token(f->name) && is_value(f->value) && !is_ours;
}

/* ---- they become lines ------------------------------------------------------------ */

static size_t line_size(const cadre_http_field *f)
{
    return strlen(f->name) + strlen(f->value) + strlen(": \r\n");
}

static char *put(char *at, const char *text)
{
    while (*text)
        *at++ = *text++;
    return at;
}

/* Errors: -EINVAL, -ENOMEM. */
static int put_fields(cadre_http_response *r, const cadre_http_field *fields)
{
    size_t size = 0;
    for (const cadre_http_field *f = fields; f && f->name; f++) {
        if (!is_good(f))
            return -EINVAL;
        if (is_close(f))
            r->own |= RESPONSE_CLOSES;
        else
            size += line_size(f);
    }
    if (size == 0)
        return 0;
    r->fields = cadre_buf_new(NULL, size);
    if (!r->fields)
        return -ENOMEM;
    char *at = (char *)cadre_buf_data(r->fields);
    for (const cadre_http_field *f = fields; f->name; f++)
        if (!is_close(f))
            at = put(put(put(put(at, f->name), ": "), f->value), "\r\n");
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
    int err = take <= 0 ? -EBADF : make_with_source(&r, status, fields, source);
    if (err) {
        response_close(take);
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
