/* call.c: what a client is asked, made where it is asked: what may not be is refused
 * there; and the head of the request that it becomes. */
#include "client.h"

#include "bytes.h"
#include "head.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
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

/* A field that is for us to say. */
static bool has_own(const cadre_http_field *f)
{
    for (; f && f->name; f++) {
        cadre_http_text name = {f->name, strlen(f->name)};
        if (head_same(name, "host") || head_same(name, "connection"))
            return true;
    }
    return false;
}

static int check(const cadre_http_call *call)
{
    struct url url;
    const char *method = call->method ? call->method : "GET";
    if (!call->url || !is_method(method) || has_own(call->fields) ||
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
    snprintf(c.method, sizeof c.method, "%s", call->method ? call->method : "GET");
    return cadre_ask_as(self, token, client, timeout, &call_type, &c);
}

/* ---- as it is sent ---------------------------------------------------------------- */

static bool is(const struct call *c, const char *method)
{
    return strcmp(c->method, method) == 0;
}

static int add(struct bytes *head, const char *text)
{
    return bytes_append(head, text, strlen(text));
}
static int add_text(struct bytes *head, cadre_http_text text)
{
    return bytes_append(head, text.at, text.size);
}

static int add_line(struct bytes *head, const struct call *c, const struct url *url,
                    bool is_whole)
{
    cadre_http_text target = url->target;
    int err = add(head, c->method);
    if (!err)
        err = add(head, " ");
    if (!err && is_whole)
        err = add(head, "http://");
    if (!err && is_whole)
        err = add_text(head, url->authority);
    if (!err && (target.size == 0 || target.at[0] != '/'))
        err = add(head, "/");
    if (!err)
        err = add_text(head, target);
    if (!err)
        err = add(head, " HTTP/1.1\r\nHost: ");
    if (!err)
        err = add_text(head, url->authority);
    return err ? err : add(head, "\r\n");
}

static int add_length(struct bytes *head, const struct call *c)
{
    char digits[24] = "";
    uint64_t size = cadre_buf_size(c->body);
    if (c->source.from.id && c->source.size == 0)
        return add(head, "Transfer-Encoding: chunked\r\n");
    if (c->source.from.id)
        size = c->source.size;
    else if (!c->body && !is(c, "POST") && !is(c, "PUT") && !is(c, "PATCH"))
        return 0;
    *wire_put_number(digits, size) = '\0';
    int err = add(head, "Content-Length: ");
    if (!err)
        err = add(head, digits);
    return err ? err : add(head, "\r\n");
}

/* Those of the call: what is said to a proxy is said to nobody else. *says: it was. */
static int add_fields(struct bytes *head, const struct call *c, bool is_proxied,
                      bool *says)
{
    const char *at = (const char *)cadre_buf_data(c->fields);
    const char *end = at ? at + cadre_buf_size(c->fields) : NULL;
    int err = 0;
    for (size_t size; !err && at < end; at += size) {
        cadre_http_text name = {at, (size_t)(strchr(at, ':') - at)};
        bool is_for_proxy = head_same(name, "proxy-authorization");
        size = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) + 1 - at);
        if (!is_for_proxy || is_proxied)
            err = bytes_append(head, at, size);
        *says |= is_for_proxy && is_proxied;
    }
    return err;
}

cadre_buf *call_head(const struct call *c, const struct url *url,
                     const struct proxy *proxy)
{
    enum { USUAL_SIZE = 256 };
    struct bytes head = {0};
    cadre_buf *identity = proxy ? proxy->identity : NULL;
    bool says = !identity;
    int err = bytes_reserve(&head, USUAL_SIZE);
    if (!err)
        err = add_line(&head, c, url, proxy != NULL);
    if (!err)
        err = add_fields(&head, c, proxy != NULL, &says);
    if (!err && !says)
        err = bytes_append(&head, cadre_buf_data(identity), cadre_buf_size(identity));
    if (!err)
        err = add_length(&head, c);
    if (!err)
        err = add(&head, "\r\n");
    cadre_buf *buf = err ? NULL : bytes_take(&head);
    bytes_free(&head);
    return buf;
}
