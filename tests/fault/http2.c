/* http2.c: allocation k fails, k = 1, 2, 3 ..., while clients ask over HTTP/2: with a
 * body, with one in pieces, for one in pieces, and for one that they do not wait for.
 * Whatever fails says so, resets a stream, or closes the connection; all of it ends, in
 * time, and nothing is left allocated. */
#include "support/options.h"
#include "support/sockets.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/actors/http.h>
#include <cadre/tcp.h>
#include <cadre/watch.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { CLIENTS = 2, STREAMS = 4, HEAD = 9 };

static atomic_uint answers, has_none;

/* Nobody waits for ever for what was never sent. */
static const cadre_stream_options options = {.idle = 100 * CADRE_MS};

/* ---- the server ------------------------------------------------------------------- */

struct three {
    unsigned count;
};
static int three_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_http_field fields[] = {{"a", "b"}, {0}};
    struct three *me = state;
    cadre_buf *trailers = NULL;
    if (m->type != &cadre_http_more_type)
        return CADRE_STOP;
    bool is_last = ++me->count == 3;
    int err = cadre_http_trailers(&trailers, fields); /* none but the last are sent */
    if (!err)
        err = cadre_reply(self, m, cadre_http_piece,
                          .bytes = cadre_buf_new(NULL, me->count == 2 ? 10000 : 10),
                          .is_last = is_last, .trailers = trailers);
    return err ? err : is_last ? CADRE_STOP : 0;
}
static const cadre_class three_class = {
    .name = "three", .state_size = sizeof(struct three), .receive = three_receive};

static int pieces(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_source source = {0};
    int err = cadre_spawn(self, &source.from, &three_class, NULL);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}

static int page(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    int err = cadre_defer(self, m, &promise);
    return err ? err
               : cadre_http_answer(self, promise, 200, NULL, cadre_buf_new("x", 1));
}

/* Asks for the first piece, and does not wait for it. */
static int upload(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_source *source = &((const cadre_http_request *)m->body)->source;
    int err = cadre_ask(self, NULL, source->from, CADRE_SECOND, cadre_http_more,
                        .key = source->key);
    return err ? err : cadre_http_reply_text(self, m, 200, "enough\n");
}

static const cadre_http_route routes[] = {
    {"GET", "/p", pieces}, {"POST", "/x", page}, {0}};
static const cadre_http_route uploads[] = {{"POST", "/u", upload}, {0}};

static const cadre_http server = {
    .host = "127.0.0.1",
    .routes = routes,
    .uploads = uploads,
    .limits = {.idle = 100 * CADRE_MS, .read = 100 * CADRE_MS, .answer = CADRE_SECOND}};

/* ---- clients ---------------------------------------------------------------------- */

typedef struct {
    uint16_t port;
    cadre_stream stream;
    uint8_t head[HEAD]; /* of the frame that comes */
    uint32_t had, skips;
    unsigned ended;
} client;

/* Settings; a request with a body, one whose body is taken in pieces, one for pieces, and
 * one that is taken back. */
static const char request[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
                              "\0\0\xb\1\4\0\0\0\1\x83\x86\4\2/x\1\3abc"
                              "\0\0\3\0\1\0\0\0\1abc"
                              "\0\0\xb\1\4\0\0\0\3\x83\x86\4\2/u\1\3abc"
                              "\0\0\3\0\1\0\0\0\3abc"
                              "\0\0\xb\1\5\0\0\0\5\x82\x86\4\2/p\1\3abc"
                              "\0\0\xb\1\5\0\0\0\7\x82\x86\4\2/p\1\3abc"
                              "\0\0\4\3\0\0\0\0\7\0\0\0\x8";

static int client_start(cadre_self *self, void *state)
{
    client *c = state;
    int err = cadre_tcp_connect(self, &c->stream, "127.0.0.1", c->port, CADRE_SECOND,
                                &options);
    return err ? err : cadre_stream_write(self, c->stream, request, sizeof request - 1);
}

/* A head is complete: is it the end of an answer? */
static void note(client *c)
{
    const uint8_t *h = c->head;
    bool may_end = h[3] <= 1, resets = h[3] == 3;
    if (h[0] == 'H')
        atomic_store(&has_none, 1);
    c->skips = (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2];
    c->ended += resets || (may_end && h[4] & 1);
    if (may_end && h[4] & 1)
        atomic_fetch_add(&answers, 1);
    c->had = 0;
}

static int on_data(cadre_self *self, client *c, const cadre_stream_data *data)
{
    const uint8_t *at = cadre_buf_data(data->buf);
    for (size_t size = cadre_buf_size(data->buf); size > 0; size--, at++) {
        if (c->skips > 0) {
            c->skips--;
            continue;
        }
        c->head[c->had++] = *at;
        if (c->had == HEAD)
            note(c);
    }
    return c->ended >= STREAMS - 1 ? cadre_stream_close(self, c->stream, 0) : 0;
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    client *c = state;
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    if (m->type == &cadre_stream_closed_type)
        return CADRE_STOP;
    return data && c->ended < STREAMS - 1 ? on_data(self, c, data) : 0;
}

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = client_receive};

/* ---- the root --------------------------------------------------------------------- */

typedef struct {
    uint32_t downs;
    cadre_ref server;
} root;

static int root_start(cadre_self *self, void *state)
{
    root *r = state;
    int err = cadre_spawn(self, &r->server, &cadre_http_class, &server);
    if (!err)
        err = cadre_watch(self, NULL, r->server);
    return err ? err
               : cadre_ask(self, NULL, r->server, CADRE_SECOND, cadre_http_ask, 0);
}

static int spawn_clients(cadre_self *self, uint16_t port)
{
    cadre_ref child;
    int err = 0;
    for (int i = 0; !err && i < CLIENTS; i++) {
        err = cadre_spawn(self, &child, &client_class, &(client){.port = port});
        if (!err)
            err = cadre_watch(self, NULL, child);
    }
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    const cadre_down *down = cadre_body(m, cadre_down);
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    if (status)
        return spawn_clients(self, status->port);
    if (down && cadre_same(down->who, r->server))
        return down->reason ? down->reason : -EIO;
    if (down)
        return ++r->downs == CLIENTS ? CADRE_STOP : 0;
    return m->type == &cadre_failure_type ? -ENOMEM : 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with HTTP/2", entries);
    unsigned before = raw_descriptors();
    sweep_both(&(struct sweep){.root = &root_class}, count, "HTTP/2");
    CHECK(atomic_load(&answers) > 0 || atomic_load(&has_none));
    CHECK(raw_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
