/* http2_client.c: allocation k fails, k = 1, 2, 3 ..., while a client asks a server over
 * HTTP/2: with a body, with one in pieces, for one in pieces, and with a deadline that
 * passes. Each has one outcome, whatever fails; and nothing is left allocated. */
#include "support/options.h"
#include "support/sockets.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/actors/http.h>
#include <cadre/actors/http_client.h>
#include <cadre/watch.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { CALLS = 4 };

static atomic_uint answers;

/* ---- a source --------------------------------------------------------------------- */

struct three {
    unsigned count;
};
static int three_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct three *me = state;
    if (m->type != &cadre_http_more_type)
        return CADRE_STOP;
    bool is_last = ++me->count == 3;
    int err = cadre_reply(self, m, cadre_http_piece,
                          .bytes = cadre_buf_new(NULL, me->count == 2 ? 10000 : 10),
                          .is_last = is_last);
    return err ? err : is_last ? CADRE_STOP : 0;
}
static const cadre_class three_class = {
    .name = "three", .state_size = sizeof(struct three), .receive = three_receive};

/* ---- the server ------------------------------------------------------------------- */

static int pieces(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_source source = {0};
    int err = cadre_spawn(self, &source.from, &three_class, NULL);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}
static int page(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply(self, m, 200, NULL, cadre_buf_new("x", 1));
}
static int never(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    return cadre_defer(self, m, &promise);
}

static const cadre_http_route routes[] = {
    {"GET", "/p", pieces}, {"POST", "/x", page}, {"GET", "/n", never}, {0}};

static const cadre_http server = {
    .host = "127.0.0.1",
    .routes = routes,
    .limits = {.idle = 100 * CADRE_MS, .read = 100 * CADRE_MS, .answer = CADRE_SECOND}};

/* ---- who asks --------------------------------------------------------------------- */

typedef struct {
    cadre_ref client;
    uint16_t port;
    unsigned nth;
    cadre_http_source source; /* of its answer */
} asker;

static int ask(cadre_self *self, const asker *a, cadre_ref source)
{
    static const char *const paths[CALLS] = {"/p", "/x", "/x", "/n"};
    char url[64];
    bool posts = paths[a->nth][1] == 'x';
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", a->port, paths[a->nth]);
    cadre_http_call call = {.url = url,
                            .method = posts ? "POST" : "GET",
                            .source.from = source,
                            .in_pieces = a->nth == 0};
    if (a->nth == 1)
        call.body = cadre_buf_new("abc", 3);
    return cadre_http_fetch(self, NULL, a->client,
                            a->nth == 3 ? 20 * CADRE_MS : CADRE_SECOND, &call);
}

static int asker_start(cadre_self *self, void *state)
{
    asker *a = state;
    cadre_ref source = {0};
    int err = a->nth == 2 ? cadre_spawn(self, &source, &three_class, NULL) : 0;
    return err ? err : ask(self, a, source);
}

static int ask_for_more(cadre_self *self, const asker *a)
{
    return cadre_ask(self, NULL, a->source.from, CADRE_SECOND, cadre_http_more,
                     .key = a->source.key);
}

static int asker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    asker *a = state;
    const cadre_http_response *r = cadre_body(m, cadre_http_response);
    const cadre_http_piece *piece = cadre_body(m, cadre_http_piece);
    if (r && r->source.from.id) {
        a->source = r->source;
        return ask_for_more(self, a);
    }
    if (piece && !piece->is_last)
        return ask_for_more(self, a);
    if (r || piece)
        atomic_fetch_add(&answers, 1);
    return CADRE_STOP;
}
static const cadre_class asker_class = {.name = "asker",
                                        .state_size = sizeof(asker),
                                        .start = asker_start,
                                        .receive = asker_receive};

/* ---- the root --------------------------------------------------------------------- */

typedef struct {
    uint32_t downs;
    cadre_ref server, client;
} root;

static int root_start(cadre_self *self, void *state)
{
    root *r = state;
    const cadre_http_client client = {.h2c = true, .connect = CADRE_SECOND};
    int err = cadre_spawn(self, &r->server, &cadre_http_class, &server);
    if (!err)
        err = cadre_spawn(self, &r->client, &cadre_http_client_class, &client);
    return err ? err
               : cadre_ask(self, NULL, r->server, CADRE_SECOND, cadre_http_ask, 0);
}

static int spawn_askers(cadre_self *self, const root *r, uint16_t port)
{
    cadre_ref child;
    int err = 0;
    for (unsigned i = 0; !err && i < CALLS; i++) {
        const asker a = {.client = r->client, .port = port, .nth = i};
        err = cadre_spawn(self, &child, &asker_class, &a);
        if (!err)
            err = cadre_watch(self, NULL, child);
    }
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    if (status)
        return spawn_askers(self, r, status->port);
    if (m->type == &cadre_down_type)
        return ++r->downs == CALLS ? CADRE_STOP : 0;
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
    options_read(argc, argv, "every allocation fails once, with a client of HTTP/2",
                 entries);
    unsigned before = raw_descriptors();
    sweep_both(&(struct sweep){.root = &root_class}, count, "HTTP/2's client");
    CHECK(atomic_load(&answers) > 0);
    CHECK(raw_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
