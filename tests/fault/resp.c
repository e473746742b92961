/* resp.c: allocation k fails, k = 1, 2, 3 ..., while clients use a server for clients of
 * Redis, with a journal. Whatever fails says so: an error, a closed connection, or the
 * server ends; all of it ends, nothing is left allocated, and what was answered is in the
 * journal. (What keys and answers take comes from elsewhere.) */
#include "support/folder.h"
#include "support/options.h"
#include "support/sockets.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/actors/resp.h>
#include <cadre/tcp.h>
#include <cadre/watch.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { ROUNDS = 4, CLIENTS = 3 };

static cadre_journal *journal;
static atomic_uint answered;
static unsigned long answers;
/* Nobody waits for ever for what was never sent. */
static const cadre_stream_options options = {.idle = 100 * CADRE_MS};

/* ---- the server -------------------------------------------------------------------- */

static void drop(void *value) { cadre_buf_unref(*(cadre_buf **)value); }
static void set(cadre_resp_call *call)
{
    cadre_resp_slice text = cadre_resp_next(call);
    cadre_buf **value = cadre_resp_add(call);
    if (!value)
        return;
    drop(value);
    *value = cadre_buf_new(text.bytes, text.size);
    cadre_resp_keep(call);
    cadre_resp_simple(call, "OK");
}
static const cadre_resp_command commands[] = {{"set", 3, 3, CADRE_RESP_KEY, set, 0},
                                              {0}};

/* ---- clients ----------------------------------------------------------------------- */

typedef struct {
    uint16_t port;
    uint32_t rounds, got;
    cadre_stream stream;
} client;

/* Each is answered with five bytes, two of them with more. */
static int ask(cadre_self *self, cadre_stream stream)
{
    static const char text[] = "set a 1\r\nset b 2\r\nsubscribe c\r\n";
    return cadre_stream_write(self, stream, text, sizeof text - 1);
}

static int client_start(cadre_self *self, void *state)
{
    client *c = state;
    int err = cadre_tcp_connect(self, &c->stream, "127.0.0.1", c->port, CADRE_SECOND,
                                &options);
    return err ? err : ask(self, c->stream);
}

/* The first round is answered with more than ten bytes, if at all; then it is subscribed,
 * and the others are errors. */
static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    client *c = state;
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    if (m->type == &cadre_stream_closed_type)
        return CADRE_STOP;
    if (!data)
        return 0;
    c->got += (uint32_t)cadre_buf_size(data->buf);
    if (c->rounds == 0 && c->got < 10)
        return 0;
    if (c->rounds == 0)
        atomic_fetch_add(&answered, 1);
    return ++c->rounds == ROUNDS ? cadre_stream_close(self, c->stream, 0)
                                 : ask(self, c->stream);
}

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = client_receive};

/* ---- the root ---------------------------------------------------------------------- */

typedef struct {
    uint32_t downs;
    cadre_ref server;
} root;

static int root_start(cadre_self *self, void *state)
{
    root *r = state;
    const cadre_resp server = {.shards = 2,
                               .commands = commands,
                               .value_size = sizeof(cadre_buf *),
                               .drop = drop,
                               .journal = journal};
    int err = cadre_spawn(self, &r->server, &cadre_resp_class, &server);
    if (!err)
        err = cadre_watch(self, NULL, r->server);
    return err ? err
               : cadre_ask(self, NULL, r->server, CADRE_SECOND, cadre_resp_ask, 0);
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
    const cadre_resp_status *status = cadre_body(m, cadre_resp_status);
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

static int count(void *arg, const uint8_t *bytes, size_t size)
{
    ++*(unsigned long *)arg;
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t in_a_row = 0;
    const struct option_entry entries[] = {
        {"count", &in_a_row, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with RESP", entries);
    make_folder();
    CHECK_EQ(
        cadre_resp_journal(&journal, in_folder("aof"), CADRE_FSYNC_ALWAYS, commands),
        0);
    unsigned before = raw_descriptors();
    sweep_both(&(struct sweep){.root = &root_class}, in_a_row, "RESP");
    CHECK(atomic_load(&answered) > 0);
    CHECK_EQ(cadre_journal_read(journal, count, &answers), 0);
    CHECK(answers >= 2ul * atomic_load(&answered));
    CHECK(raw_descriptors() <= before + 2); /* libuv's, for good */
    CHECK_EQ(cadre_journal_close(journal), 0);
    return verdict_print();
}
