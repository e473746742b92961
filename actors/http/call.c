/* call.c: what a client is asked, made where it is asked: what may not be is refused
 * there. */
#include "client.h"

#include "head.h"

#include <errno.h>
#include <string.h>

static void drop_call(void *body)
{
    const struct call *c = body;
    cadre_buf_unref(c->url);
    cadre_buf_unref(c->fields);
    cadre_buf_unref(c->body);
}
const cadre_type call_type = {
    .name = "cadre_http_call", .size = sizeof(struct call), .drop = drop_call};

/* One that a line can begin with, and whose answer is like others. */
static bool is_method(const char *method)
{
    size_t size = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_");
    return size > 0 && size < CALL_METHOD_MAX && !method[size] &&
           strcmp(method, "CONNECT") != 0;
}

static bool has_host(const cadre_http_field *f)
{
    for (; f && f->name; f++)
        if (head_same((cadre_http_text){f->name, strlen(f->name)}, "host"))
            return true;
    return false;
}

static int check(const cadre_http_call *call)
{
    struct url url;
    const char *method = call->method ? call->method : "GET";
    if (!call->url || !is_method(method) || has_host(call->fields) ||
        (call->body && call->source.from.id))
        return -EINVAL;
    return url_parse(&url, (cadre_http_text){call->url, strlen(call->url)});
}

int cadre_http_fetch(cadre_self *self, cadre_token *token, cadre_ref client,
                     cadre_time timeout, const cadre_http_call *call)
{
    if (!call)
        return -EINVAL;
    struct call c = {.body = call->body,
                     .source = call->source,
                     .in_pieces = call->in_pieces,
                     .stays = call->stays};
    int err = check(call);
    if (!err)
        err = cadre_http_trailers(&c.fields, call->fields);
    if (!err)
        c.url = cadre_buf_new(call->url, strlen(call->url) + 1);
    if (!err && !c.url)
        err = -ENOMEM;
    if (err) {
        drop_call(&c);
        return err;
    }
    strcpy(c.method, call->method ? call->method : "GET");
    return cadre_ask_as(self, token, client, timeout, &call_type, &c);
}
