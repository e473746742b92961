/* relay.c: a request becomes a call. */
#include <cadre/actors/http_relay.h>

#include "head.h"
#include "url.h"

#include <cadre/actors/http_client.h>
#include <cadre/await.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FIELDS_MAX = 128, TEXT_MAX = 24 << 10 };

struct call { /* of which all but the body is copied */
    cadre_http_field fields[FIELDS_MAX];
    char text[TEXT_MAX];
    size_t count, size;
};

static const char *put(struct call *c, cadre_http_text text, const char *more)
{
    size_t size = c->size;
    int put = snprintf(c->text + size, TEXT_MAX - size, "%.*s%s", (int)text.size,
                       text.at ? text.at : "", more);
    if (put < 0 || (size_t)put >= TEXT_MAX - size)
        return NULL;
    c->size += (size_t)put + 1;
    return c->text + size;
}

/* Behind the last one, as one with it. */
static bool put_on(struct call *c, cadre_http_text text, const char *more)
{
    c->size--;
    return put(c, text, more);
}

static bool put_field(struct call *c, cadre_http_text name, cadre_http_text value,
                      const char *more)
{
    if (c->count == FIELDS_MAX - 1)
        return false;
    cadre_http_field *f = &c->fields[c->count++];
    f->name = put(c, name, "");
    f->value = put(c, value, more);
    return f->name && f->value;
}

static bool is_in_list(cadre_http_text list, cadre_http_text name)
{
    for (const char *at = list.at, *end = at + list.size; at < end; at++) {
        size_t size = strcspn(at, ", \t\r");
        if (size == name.size && strncasecmp(at, name.at, size) == 0)
            return true;
        at += size;
    }
    return false;
}

/* By Connection, of which there may be several. */
static bool is_named(const cadre_http_request *r, cadre_http_text name)
{
    cadre_http_text other, value;
    for (unsigned i = 0; cadre_http_field_at(r, i, &other, &value); i++)
        if (head_same(other, "connection") && is_in_list(value, name))
            return true;
    return false;
}

/* Not what concerns this connection only, nor what the client or the proxy says anew; and
 * nothing else of where a request comes from, which would be what its client claims. */
static bool is_passed(const cadre_http_request *r, cadre_http_text name)
{
    static const char ours[] =
        "connection,keep-alive,proxy-connection,proxy-authorization,te,trailer,upgrade,"
        "transfer-encoding,content-length,expect,host,x-forwarded-for,x-forwarded-host,"
        "x-forwarded-proto,forwarded,x-real-ip";
    return !is_in_list((cadre_http_text){ours, sizeof ours - 1}, name) &&
           !is_named(r, name);
}

/* The peer behind all that is there: a proxy before this one may have added its own. */
static bool put_way(struct call *c, const cadre_http_request *r)
{
    cadre_http_text name, value;
    bool fits = put_field(c, (cadre_http_text){"X-Forwarded-For", 15},
                          (cadre_http_text){0}, "");
    for (unsigned i = 0; fits && cadre_http_field_at(r, i, &name, &value); i++)
        if (head_same(name, "x-forwarded-for") && value.size > 0)
            fits = put_on(c, value, ", ");
    return fits && put_on(c, (cadre_http_text){0}, cadre_http_peer(r)->host);
}

static bool put_fields(struct call *c, const cadre_http_request *r, const char *scheme)
{
    static const cadre_http_text host = {"X-Forwarded-Host", 16},
                                 proto = {"X-Forwarded-Proto", 17};
    cadre_http_text name, value;
    bool fits = true;
    for (unsigned i = 0; fits && cadre_http_field_at(r, i, &name, &value); i++)
        fits = !is_passed(r, name) || put_field(c, name, value, "");
    return fits && put_way(c, r) &&
           put_field(c, host, cadre_http_header(r, "Host"), "") &&
           put_field(c, proto, (cadre_http_text){0}, scheme);
}

/* What no url may have is sent as it is by some. */
static bool put_escaped(struct call *c, cadre_http_text text)
{
    bool fits = true;
    for (size_t size; fits && text.size > 0; text.at += size, text.size -= size) {
        char escaped[4] = "";
        for (size = 0; size < text.size && url_may_have(text.at[size]);)
            size++;
        const cadre_http_text plain = {text.at, size};
        if (size == 0)
            snprintf(escaped, sizeof escaped, "%%%02X", (unsigned char)text.at[size++]);
        fits = put_on(c, plain, escaped);
    }
    return fits;
}

static bool put_target(struct call *c, const cadre_http_request *r)
{
    return put_escaped(c, r->path) &&
           (!r->query.at ||
            (put_on(c, (cadre_http_text){0}, "?") && put_escaped(c, r->query)));
}

static int start_call(cadre_self *self, cadre_token *token, const cadre_http_relay *me,
                      cadre_http_request *r)
{
    struct call c = {.count = 0};
    if (r->path.at[0] != '/')
        return -EINVAL; /* it is a *, and would be the end of the host's name */
    const char *method = put(&c, r->method, "");
    const char *url = put(&c, (cadre_http_text){me->url, strlen(me->url)}, "");
    if (!method || !url || !put_target(&c, r) || !put_fields(&c, r, me->scheme))
        return -EMSGSIZE;
    const cadre_http_call call = {.method = method,
                                  .url = url,
                                  .fields = c.fields,
                                  .body = cadre_buf_move(&r->body),
                                  .source = r->source,
                                  .in_pieces = true,
                                  .stays = true};
    return cadre_http_fetch(self, token, me->client, me->timeout, &call);
}

static int relay_start(cadre_self *self, void *state)
{
    cadre_http_relay *me = state;
    if (me->client.id == 0 || !me->url || me->timeout < 0)
        return -EINVAL;
    me->scheme = me->scheme ? me->scheme : "http";
    me->timeout = me->timeout ? me->timeout : 30 * CADRE_SECOND;
    return 0;
}

static int relay_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_msg outcome;
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    if (!r)
        return cadre_unhandled(self, m);
    int err = start_call(self, &token, state, r);
    if (!err)
        err = cadre_await_open(self, token, &outcome);
    return err ? cadre_reply(self, m, cadre_failure, .code = err)
               : cadre_http_pass_on(self, m, &outcome);
}

const cadre_class cadre_http_relay_class = {.name = "http relay",
                                            .state_size = sizeof(cadre_http_relay),
                                            .start = relay_start,
                                            .receive = relay_receive};
