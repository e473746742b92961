/* sockets.c: allocation k fails, k = 1, 2, 3 ..., while a client talks to a server over
 * TCP, and over a UNIX socket. Whatever fails says so or closes the connection; all of
 * it ends, in time, and nothing is left allocated. */
#include "support/options.h"
#include "support/sockets.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/tcp.h>
#include <cadre/unix.h>
#include <cadre/watch.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { ROUNDS = 20, CLIENTS = 4 };

static atomic_uint answers;
static bool is_local; /* over the UNIX socket of this name */
static char name[32];

/* Nobody waits for ever for what was never sent. */
static const cadre_stream_options options = {.idle = 100 * CADRE_MS};

typedef struct {
    uint16_t port;
    uint32_t downs;
} root;
typedef struct {
    uint16_t port;
    uint32_t rounds;
    cadre_stream stream;
} client;

static int say(cadre_self *self, cadre_stream stream)
{
    int err = cadre_stream_write(self, stream, "x", 1);
    return err ? err : cadre_stream_flush(self, stream);
}

static int client_start(cadre_self *self, void *state)
{
    client *c = state;
    int err = is_local
                  ? cadre_unix_connect(self, &c->stream, name, CADRE_SECOND, &options)
                  : cadre_tcp_connect(self, &c->stream, "127.0.0.1", c->port,
                                      CADRE_SECOND, &options);
    return err ? err : say(self, c->stream);
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
                                 : say(self, c->stream);
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
    root *r = state;
    cadre_stream listener;
    cadre_address at;
    int err = is_local ? cadre_unix_listen(self, &listener, name, &options)
                       : cadre_tcp_listen(self, &listener, "127.0.0.1", 0, &options);
    if (!err && !is_local)
        err = cadre_tcp_local(self, listener, &at);
    for (int i = 0; !err && i < CLIENTS; i++) {
        cadre_ref child;
        err = cadre_spawn(self, &child, &client_class, &(client){.port = at.port});
        if (!err)
            err = cadre_watch(self, NULL, child);
    }
    (void)r;
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

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with sockets", entries);
    unsigned before = raw_descriptors();
    snprintf(name, sizeof name, "@cadre-fault-%d", (int)getpid());
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t io = round / 2;
        is_local = round % 2;
        const struct sweep sweep = {.root = &root_class, .io_threads = io};
        sweep_both(&sweep, count, is_local ? "UNIX" : "TCP");
    }
    CHECK(atomic_load(&answers) > 0);
    CHECK(raw_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
