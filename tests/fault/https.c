/* https.c: allocation k fails, k = 1, 2, 3 ..., while this client asks this server by
 * https:, itself and through a proxy. Each call has one outcome, all of it ends in time,
 * and nothing is left allocated. */
#include "support/options.h"
#include "support/sweep.h"
#include "support/tls.h"
#include "support/verdict.h"

#include <cadre/actors/http.h>
#include <cadre/actors/http_client.h>
#include <cadre/watch.h>

#include <errno.h>

static cadre_tls *server_tls, *client_tls;
static bool is_proxied;
static atomic_uint answers;

/* ---- a proxy ---------------------------------------------------------------------- */

/* It knows one server. */
struct relay {
    uint16_t port;
    cadre_stream client, server;
};

static int relay_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const char fine[] = "HTTP/1.1 200 Fine\r\n\r\n";
    struct relay *r = state;
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    if (opened && opened->stream.id != r->server.id)
        r->client = opened->stream;
    if (m->type == &cadre_stream_closed_type)
        return CADRE_STOP;
    if (!data)
        return 0;
    if (r->server.id) {
        bool is_answer = data->stream.id == r->server.id;
        return cadre_stream_write_buf(self, is_answer ? r->client : r->server,
                                      cadre_buf_move(&data->buf));
    }
    int err = cadre_tcp_connect(self, &r->server, "127.0.0.1", r->port, CADRE_SECOND,
                                &(cadre_stream_options){.idle = CADRE_SECOND});
    return err ? err : cadre_stream_write(self, r->client, fine, sizeof fine - 1);
}
static const cadre_class relay_class = {
    .name = "relay", .state_size = sizeof(struct relay), .receive = relay_receive};

/* ---- who asks --------------------------------------------------------------------- */

static int page(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "here");
}
static const cadre_http_route routes[] = {{"GET", "/", page}, {0}};

struct root {
    cadre_ref server, client;
    uint16_t port;
    unsigned asked;
    char proxy[64]; /* stays where it is */
};

static int root_start(cadre_self *self, void *state)
{
    struct root *r = state;
    const cadre_http server = {
        .host = "127.0.0.1",
        .routes = routes,
        .tls = server_tls,
        .limits = {.idle = CADRE_SECOND, .read = CADRE_SECOND, .answer = CADRE_SECOND}};
    int err = cadre_spawn(self, &r->server, &cadre_http_class, &server);
    if (!err)
        err = cadre_watch(self, NULL, r->server);
    return err ? err
               : cadre_ask(self, NULL, r->server, CADRE_SECOND, cadre_http_ask, 0);
}

static int open_client(cadre_self *self, struct root *r, uint16_t port)
{
    cadre_stream listener;
    cadre_address at = {0};
    const cadre_stream_options options = {.idle = CADRE_SECOND};
    r->port = port;
    int err =
        is_proxied ? cadre_tcp_listen(self, &listener, "127.0.0.1", 0, &options) : 0;
    if (!err && is_proxied)
        err = cadre_tcp_local(self, listener, &at);
    snprintf(r->proxy, sizeof r->proxy, "http://user:password@127.0.0.1:%u", at.port);
    const cadre_http_client config = {.proxy = is_proxied ? r->proxy : NULL,
                                      .no_proxy = "example.com",
                                      .tls = client_tls};
    if (!err)
        err = cadre_spawn(self, &r->client, &cadre_http_client_class, &config);
    return err ? err : cadre_watch(self, NULL, r->client);
}

static int next_call(cadre_self *self, struct root *r)
{
    enum { CALLS = 3 };
    char url[64];
    if (r->asked++ == CALLS)
        return CADRE_STOP;
    snprintf(url, sizeof url, "https://localhost:%u/", r->port);
    return cadre_http_fetch(self, NULL, r->client, CADRE_SECOND,
                            &(cadre_http_call){.url = url});
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct root *r = state;
    cadre_ref relay;
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    if (m->type == &cadre_down_type || m->type == &cadre_stream_closed_type)
        return -ENOMEM;
    if (opened) {
        int err =
            cadre_spawn(self, &relay, &relay_class, &(struct relay){.port = r->port});
        return err ? err : cadre_stream_give(self, opened->stream, relay);
    }
    if (m->type == &cadre_http_response_type)
        atomic_fetch_add(&answers, 1);
    int err = status ? open_client(self, r, status->port) : r->port ? 0 : -ENOMEM;
    return err ? err : next_call(self, r);
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(struct root),
                                       .start = root_start,
                                       .receive = root_receive};

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with https:", entries);
    make_certificates();
    server_tls = tls_serving("good");
    client_tls = tls_calling();
    unsigned before = raw_descriptors();
    for (int i = 0; i < 2; i++) {
        is_proxied = i;
        atomic_store(&answers, 0);
        sweep_both(&(struct sweep){.root = &root_class}, count,
                   i ? "HTTPS by a proxy" : "HTTPS");
        CHECK(atomic_load(&answers) > 0);
    }
    CHECK(raw_descriptors() <= before + 2); /* libuv's, for good */
    cadre_tls_free(server_tls);
    cadre_tls_free(client_tls);
    return verdict_print();
}
