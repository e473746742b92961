/* http.c: values as the bodies of requests and answers. */
#include <cadre/actors/http_json.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char type_name[] = "Content-Type";
static const char type_value[] = "application/json";

/* ---- what came -------------------------------------------------------------------- */

static bool ends_with(cadre_http_text text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && strncasecmp(text.at + text.size - size, end, size) == 0;
}

/* application/json, or another one that is JSON; what stands behind that is of no
 * concern: it is UTF-8 in any case. */
static bool is_json(cadre_http_text type)
{
    size_t size = 0;
    while (size < type.size && !strchr("; \t", type.at[size]))
        size++;
    type.size = size;
    return (size == sizeof type_value - 1 && ends_with(type, type_value)) ||
           ends_with(type, "+json");
}

static int refuse(cadre_self *self, const cadre_msg *m, int code,
                  const cadre_json_error *error)
{
    char text[256] = "", place[64] = "";
    if (error->line)
        snprintf(place, sizeof place, "line %u, column %u: ", error->line,
                 error->column);
    snprintf(text, sizeof text, "no JSON: %s%s\n", place, error->text);
    return cadre_http_reply_text(self, m, code == -EMSGSIZE ? 413 : 400, text);
}

int cadre_json_request(cadre_self *self, const cadre_msg *m, json_t **json,
                       const cadre_json_limits *limits)
{
    const cadre_http_request *r = m ? cadre_body(m, cadre_http_request) : NULL;
    cadre_json_error error;
    if (!r || !json)
        return -EINVAL;
    *json = NULL;
    if (!is_json(cadre_http_header(r, type_name)))
        return cadre_http_reply_text(self, m, 415, "send JSON (application/json)\n");
    int err = cadre_json_read(json, r->body, limits, &error);
    return err && err != -ENOMEM ? refuse(self, m, err, &error) : err;
}

/* ---- what goes -------------------------------------------------------------------- */

/* These and the type, in a buffer. Errors: -ENOMEM. */
static int add_type(cadre_buf **with, const cadre_http_field *fields)
{
    size_t count = 0, i = 0;
    bool has_type = false;
    for (const cadre_http_field *f = fields; f && f->name; f++, count++)
        has_type |= strcasecmp(f->name, type_name) == 0;
    cadre_buf *buf = cadre_buf_new(NULL, (count + 2) * sizeof *fields);
    if (!buf)
        return -ENOMEM;
    cadre_http_field *to = (cadre_http_field *)(void *)cadre_buf_data(buf);
    for (; i < count; i++)
        to[i] = fields[i];
    if (!has_type)
        to[i] = (cadre_http_field){type_name, type_value}; /* behind it are zeros */
    *with = buf;
    return 0;
}

/* Both are made, or none. Consumes take. */
static int make(cadre_buf **text, cadre_buf **with, const cadre_http_field *fields,
                json_t *take)
{
    int err = cadre_json_write(text, take);
    if (!err) {
        err = add_type(with, fields);
        if (err)
            cadre_buf_unref(*text);
    }
    return err;
}

static const cadre_http_field *fields_in(cadre_buf *with)
{
    return (const cadre_http_field *)(void *)cadre_buf_data(with);
}

int cadre_json_reply(cadre_self *self, const cadre_msg *m, int status,
                     const cadre_http_field *fields, json_t *take)
{
    cadre_buf *text, *with;
    int err = make(&text, &with, fields, take);
    if (err)
        return err;
    err = cadre_http_reply(self, m, status, fields_in(with), text);
    cadre_buf_unref(with);
    return err;
}

int cadre_json_answer(cadre_self *self, cadre_promise promise, int status,
                      const cadre_http_field *fields, json_t *take)
{
    cadre_buf *text, *with;
    int err = make(&text, &with, fields, take);
    if (err)
        return err;
    err = cadre_http_answer(self, promise, status, fields_in(with), text);
    cadre_buf_unref(with);
    return err;
}

int cadre_json_fetch(cadre_self *self, cadre_token *token, cadre_ref client,
                     cadre_time timeout, const cadre_http_call *call, json_t *take)
{
    cadre_buf *text, *with;
    int err = call && !call->body ? make(&text, &with, call->fields, take) : -EINVAL;
    if (!call || call->body)
        json_decref(take);
    if (err) {
        cadre_buf_unref(call ? call->body : NULL);
        return err;
    }
    cadre_http_call copy = *call;
    copy.method = call->method ? call->method : "POST";
    copy.fields = fields_in(with);
    copy.body = text;
    err = cadre_http_fetch(self, token, client, timeout, &copy);
    cadre_buf_unref(with);
    return err;
}
