/* tunnel.c: a connection to a server through a proxy (RFC 9110, CONNECT). */
#include "tunnel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- what is asked ---------------------------------------------------------------- */

static const struct proxy *proxy_of(const struct channel *c)
{
    return &c->init.shared->proxies.secure;
}

static int make_head(const struct channel *c, struct bytes *head)
{
    const struct lease *to = &c->init.to;
    const char *format = strchr(to->host, ':') ? "[%s]:%u" : "%s:%u";
    char place[CADRE_HOST_MAX + sizeof "[]:65535"], text[2 * sizeof place + 64];
    snprintf(place, sizeof place, format, to->host, to->port);
    int size = snprintf(text, sizeof text, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", place,
                        place);
    cadre_buf *identity = proxy_of(c)->identity;
    int err = bytes_append(head, text, (size_t)size);
    if (!err && identity)
        err = bytes_append(head, cadre_buf_data(identity), cadre_buf_size(identity));
    return err ? err : bytes_append(head, "\r\n", 2);
}

int tunnel_ask(cadre_self *self, struct channel *c)
{
    struct bytes head = {0};
    int err = make_head(c, &head);
    cadre_buf *buf = err ? NULL : bytes_take(&head);
    bytes_free(&head);
    if (!buf)
        return -ENOMEM;
    c->parser.has_no_body = true; /* whatever the answer's fields say */
    return cadre_stream_write_buf(self, c->stream, buf);
}

/* ---- what is answered ------------------------------------------------------------- */

static cadre_failure refusal(uint32_t status)
{
    switch (status) {
    case 401: /* some say so to the wrong one */
    case 407:
        return (cadre_failure){
            .code = -EACCES,
            .message = "the proxy wants a user and a password, or others (407): name "
                       "them in `proxy`, as http://user:password@host:port"};
    case 403:
        return (cadre_failure){.code = -EACCES,
                               .message =
                                   "the proxy does not allow that host or port (403)"};
    case 502:
    case 503:
    case 504:
        return (cadre_failure){
            .code = -EHOSTUNREACH,
            .message = "the proxy does not get there (502 to 504): is the name right, "
                       "and is that server up?"};
    default:
        return (cadre_failure){
            .code = -ECONNREFUSED,
            .message = "the proxy refuses to connect there: its log says why"};
    }
}

static const cadre_failure no_http = {.code = -EPROTO,
                                      .message = "what the proxy answers is no HTTP"};

/* The server does not speak first: what comes behind the answer is from somebody else. */
static int judge(struct channel *c, cadre_failure *failure)
{
    uint32_t status = c->parser.answer;
    bool is_open = status >= 200 && status < 300;
    if (!is_open || c->pending.size > 0) {
        *failure = is_open ? no_http : refusal(status);
        return failure->code;
    }
    parser_free(&c->parser);
    parser_init_client(&c->parser, &c->init.shared->limits);
    return 1;
}

int tunnel_read(struct channel *c, const cadre_stream_data *d, cadre_failure *failure)
{
    size_t used;
    int event = PARSER_HEAD;
    int err = bytes_append(&c->pending, cadre_buf_data(d->buf), cadre_buf_size(d->buf));
    while (!err && event == PARSER_HEAD) {
        event = parser_next(&c->parser, bytes_at(&c->pending), c->pending.size, &used);
        bytes_remove_first(&c->pending, used);
        if (event == PARSER_MORE)
            return 0;
        if (event == PARSER_END && c->parser.answer >= 200)
            return judge(c, failure);
        if (event == PARSER_END) { /* in between */
            cadre_buf_unref(cadre_buf_move(&c->parser.request.head));
            event = PARSER_HEAD;
        }
    }
    *failure = err ? client_failure(err) : no_http;
    return failure->code;
}
