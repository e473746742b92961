/* http.c: allocation k fails, k = 1, 2, 3 ..., while clients ask an HTTP server. Whatever
 * fails says so, is answered with 500 or 503, or closes the connection; all of it ends,
 * in time, and nothing is left allocated. */
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

enum { ROUNDS = 5, CLIENTS = 3 };

static atomic_uint answers;

/* Nobody waits for ever for what was never sent. */
static const cadre_stream_options options = {.idle = 100 * CADRE_MS};

/* ---- the server ------------------------------------------------------------------- */

static int page(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    int err = cadre_defer(self, m, &promise);
    return err ? err
               : cadre_http_answer(self, promise, 200, NULL, cadre_buf_new("x", 1));
}
static const cadre_http_route routes[] = {{"POST", "/:name", page}, {0}};

static const cadre_http server = {
    .host = "127.0.0.1",
    .routes = routes,
    .limits = {.idle = 100 * CADRE_MS, .read = 100 * CADRE_MS, .answer = CADRE_SECOND}};

/* ---- clients ---------------------------------------------------------------------- */

typedef struct {
    uint16_t port;
    uint32_t rounds;
    cadre_stream stream;
} client;

/* In two pieces, mostly. */
static int ask(cadre_self *self, cadre_stream stream)
{
    static const char head[] =
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    int err = cadre_stream_write(self, stream, head, sizeof head - 1);
    return err ? err : cadre_stream_write(self, stream, "abc", 3);
}

static int client_start(cadre_self *self, void *state)
{
    client *c = state;
    int err = cadre_tcp_connect(self, &c->stream, "127.0.0.1", c->port, CADRE_SECOND,
                                &options);
    return err ? err : ask(self, c->stream);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    client *c = state;
    if (m->type == &cadre_stream_closed_type)
        return CADRE_STOP;
    if (m->type != &cadre_stream_data_type)
        return 0;
    atomic_fetch_add(&answers, 1);
    return ++c->rounds == ROUNDS ? cadre_stream_close(self, c->stream, 0)
                                 : ask(self, c->stream);
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
    options_read(argc, argv, "every allocation fails once, with HTTP", entries);
    unsigned before = raw_descriptors();
    sweep_both(&(struct sweep){.root = &root_class}, count, "HTTP");
    CHECK(atomic_load(&answers) > 0);
    CHECK(raw_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
