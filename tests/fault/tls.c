/* tls.c: allocation k fails, k = 1, 2, 3 ..., while clients talk to a server by TLS: one
 * of ours, or one of OpenSSL's. Whatever fails says so or closes the connection; all of
 * it ends, in time, and nothing is left allocated. */
#include "support/options.h"
#include "support/sweep.h"
#include "support/tls.h"
#include "support/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>

enum { ROUNDS = 3, CLIENTS = 2 };

static atomic_uint answers;
static cadre_tls *server_tls, *client_tls;

/* ---- OpenSSL's memory ------------------------------------------------------------- */

static atomic_uint_fast64_t theirs, their_refused;
static atomic_uint_fast64_t fails_at; /* 0: none does */

static bool fails(void)
{
    uint64_t at = atomic_load(&fails_at);
    bool it_does = at && atomic_fetch_add(&theirs, 1) + 1 == at;
    if (it_does)
        atomic_fetch_add(&their_refused, 1);
    return it_does;
}
static void *get(size_t size, const char *file, int line)
{
    return fails() ? NULL : malloc(size);
}
static void *resize(void *p, size_t size, const char *file, int line)
{
    return fails() ? NULL : realloc(p, size);
}
static void put(void *p, const char *file, int line) { free(p); }

static void arm(uint64_t at)
{
    atomic_store(&theirs, 0);
    atomic_store(&their_refused, 0);
    atomic_store(&fails_at, at);
}

/* ---- who talks -------------------------------------------------------------------- */

typedef struct {
    uint32_t downs;
} root;
typedef struct {
    uint16_t port;
    uint32_t rounds;
    cadre_stream stream;
} client;

static int say_something(cadre_self *self, cadre_stream stream)
{
    int err = cadre_stream_write(self, stream, "x", 1);
    return err ? err : cadre_stream_flush(self, stream);
}

/* Nobody waits for ever for what was never sent. */
static int client_start(cadre_self *self, void *state)
{
    client *c = state;
    const cadre_stream_options options = {
        .idle = 100 * CADRE_MS, .tls = client_tls, .tls_name = "localhost"};
    int err = cadre_tcp_connect(self, &c->stream, "127.0.0.1", c->port, CADRE_SECOND,
                                &options);
    return err ? err : say_something(self, c->stream);
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
                                 : say_something(self, c->stream);
}

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = client_receive};

static int hand_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    if (data)
        return cadre_stream_write_buf(self, data->stream, cadre_buf_move(&data->buf));
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
}
static const cadre_class hand_class = {.name = "hand", .receive = hand_receive};

static int root_start(cadre_self *self, void *state)
{
    cadre_stream listener;
    cadre_address at;
    const cadre_stream_options options = {.idle = 100 * CADRE_MS, .tls = server_tls};
    int err = cadre_tcp_listen(self, &listener, "127.0.0.1", 0, &options);
    if (!err)
        err = cadre_tcp_local(self, listener, &at);
    for (int i = 0; !err && i < CLIENTS; i++) {
        cadre_ref child;
        err = cadre_spawn(self, &child, &client_class, &(client){.port = at.port});
        if (!err)
            err = cadre_watch(self, NULL, child);
    }
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_ref hand;
    if (m->type == &cadre_down_type)
        return ++r->downs == CLIENTS ? CADRE_STOP : 0;
    if (!opened)
        return 0;
    int err = cadre_spawn(self, &hand, &hand_class, NULL);
    return err ? err : cadre_stream_give(self, opened->stream, hand);
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

/* ---- all of them ------------------------------------------------------------------ */

/* There are thousands: of those far in not all. */
static uint64_t next(uint64_t k) { return k + 1 + k / 30; }

static const struct sweep sweep = {.root = &root_class};

static uint64_t sweep_theirs(void)
{
    struct short_heap heap;
    uint64_t k = 1;
    bool goes_on = true;
    verdict_begin(120, "theirs");
    for (; goes_on && !verdict_has_failed(); k = next(k)) {
        verdict_again(120, "theirs, %" PRIu64, k);
        short_heap_init(&heap, 0, 0);
        arm(k);
        sweep_run(&sweep, &heap);
        goes_on = atomic_load(&their_refused) > 0;
        arm(0);
    }
    (void)verdict_end();
    return k;
}

static uint64_t sweep_new(void)
{
    char certificate[64], key[64], trust[64];
    snprintf(certificate, sizeof certificate, "%s/good.pem", folder);
    snprintf(key, sizeof key, "%s/good.key", folder);
    snprintf(trust, sizeof trust, "%s/ca.pem", folder);
    const cadre_tls_name names[] = {{"a.b", certificate, key}, {0}};
    const cadre_tls_options options = {.certificate = certificate,
                                       .key = key,
                                       .names = names,
                                       .trust = trust,
                                       .clients = CADRE_TLS_MAY_CERTIFY,
                                       .protocols = "h2,http/1.1"};
    uint64_t k = 1;
    bool goes_on = true;
    verdict_begin(120, "new");
    for (; goes_on && !verdict_has_failed(); k = next(k)) {
        cadre_tls *tls = NULL;
        verdict_again(120, "new, %" PRIu64, k);
        arm(k);
        int err = cadre_tls_new(&tls, &options, NULL, 0);
        goes_on = atomic_load(&their_refused) > 0;
        arm(0);
        CHECK(err == 0 || err == -ENOMEM || err == -EINVAL);
        CHECK((err == 0) == (tls != NULL));
        CHECK(goes_on || err == 0);
        cadre_tls_free(tls);
    }
    (void)verdict_end();
    return k;
}

int main(int argc, char **argv)
{
    const struct option_entry entries[] = {{0}};
    options_read(argc, argv, "every allocation fails once, with TLS", entries);
    CHECK_EQ(CRYPTO_set_mem_functions(get, resize, put), 1);
    make_certificates();
    server_tls = tls_serving("good");
    client_tls = tls_calling();
    uint64_t once = sweep_all(&sweep, 1), ever = sweep_all(&sweep, UINT64_MAX);
    uint64_t their = sweep_theirs(), new = sweep_new();
    printf("%" PRIu64 " allocations failed once, %" PRIu64
           " for good, OpenSSL's up to %" PRIu64 ", and %" PRIu64
           " when files are read\n",
           once, ever, their, new);
    cadre_tls_free(server_tls);
    cadre_tls_free(client_tls);
    CHECK(atomic_load(&answers) > 0);
    return verdict_print();
}
